//! Streams of HTTP/2, on the `h2` crate.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use bytes::Bytes;
use h2::{
    RecvStream, SendStream,
    client::{Builder, SendRequest},
    ext::Protocol,
};
use http::{Method, Request, Version};
use rustls::pki_types::ServerName;
use tokio::{
    net::TcpStream,
    time::{sleep, timeout},
};
use tokio_rustls::TlsConnector;

use crate::{args::Args, dial::client_config, streams};

/// Opens as many WebSockets as there are to be connections, on one.
pub(crate) async fn open(args: &Args) -> anyhow::Result<Vec<Stream>> {
    let requests = connected(args).await?;
    let mut opened = Vec::new();
    for _ in 0..args.connections {
        opened.push(Stream::open(requests.clone(), args.port).await?);
    }
    Ok(opened)
}

/// A connection on which the server opens WebSockets.
async fn connected(args: &Args) -> anyhow::Result<SendRequest<Bytes>> {
    let mut tls = client_config(args.tls.as_deref().context("HTTP/2 is spoken over TLS")?)?;
    tls.alpn_protocols = vec![b"h2".to_vec()];
    let tcp = TcpStream::connect((Ipv4Addr::LOCALHOST, args.port)).await.context("cannot connect")?;
    tcp.set_nodelay(true)?;
    let name = ServerName::try_from("localhost").expect("it is a name");
    let stream = TlsConnector::from(Arc::new(tls)).connect(name, tcp).await.context("cannot connect")?;
    let (requests, connection) = Builder::new()
        .initial_window_size(WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buffer_size(SEND_BUFFER)
        .handshake(stream)
        .await?;
    tokio::task::spawn_local(connection);
    let settled = async {
        while !requests.is_extended_connect_protocol_enabled() {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(LONGEST_OPENING, settled).await.context("the server opens no WebSocket over HTTP/2")?;
    Ok(requests)
}

/// One of the streams.
pub(crate) struct Stream {
    sending: SendStream<Bytes>,
    receiving: RecvStream,
}

impl Stream {
    async fn open(requests: SendRequest<Bytes>, port: u16) -> anyhow::Result<Stream> {
        let request = Request::builder()
            .method(Method::CONNECT)
            .version(Version::HTTP_2)
            .uri(format!("https://localhost:{port}/"))
            .header("sec-websocket-version", "13")
            .extension(Protocol::from_static("websocket"))
            .body(())?;
        let (answer, sending) = requests.ready().await?.send_request(request, false)?;
        let answer = timeout(LONGEST_OPENING, answer).await.context("the server does not answer")??;
        ensure!(answer.status().is_success(), "the server answered {}", answer.status());
        Ok(Stream { sending, receiving: answer.into_body() })
    }
}

impl streams::Stream for Stream {
    type Sending = SendStream<Bytes>;
    type Receiving = RecvStream;

    fn halves(&mut self) -> (&mut SendStream<Bytes>, &mut RecvStream) {
        (&mut self.sending, &mut self.receiving)
    }

    async fn send(sending: &mut SendStream<Bytes>, frame: &Bytes) -> anyhow::Result<()> {
        let mut rest = frame.clone();
        while !rest.is_empty() {
            sending.reserve_capacity(rest.len());
            if sending.capacity() == 0 {
                std::future::poll_fn(|cx| sending.poll_capacity(cx))
                    .await
                    .context("the server ended a stream")??;
            }
            let room = sending.capacity().min(rest.len());
            sending.send_data(rest.split_to(room), false)?;
        }
        Ok(())
    }

    async fn next(receiving: &mut RecvStream) -> anyhow::Result<Bytes> {
        let data = receiving.data().await.context("the server ended a stream")??;
        receiving.flow_control().release_capacity(data.len())?;
        Ok(data)
    }
}

/// More than a stream has on its way.
const WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 256 << 20;
const SEND_BUFFER: usize = 4 << 20;
const LONGEST_OPENING: Duration = Duration::from_secs(20);

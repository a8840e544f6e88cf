//! The same over HTTP/2: each stream sends a message, waits for its echo, and sends again. All of them are on one connection.
//!
//! This is on the `h2` crate and tokio, for HTTP/2 is too much to write down beforehand. What it costs here is not measured.

use std::{
    cell::RefCell,
    net::Ipv4Addr,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use bench::measurement::Measurement;
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
    runtime,
    task::{JoinSet, LocalSet},
    time::{sleep, timeout},
};
use tokio_rustls::TlsConnector;

use crate::{args::Args, dial::client_config, round::Round, script::Script, server::Server};

/// What all streams share.
struct Shared {
    frame: Bytes,
    round: RefCell<Round>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Measurement> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let measurement = LocalSet::new().block_on(&runtime, measured(args))?;
    // The next round must not pay for the end of this one.
    drop(runtime);
    Server(args.server).settle()?;
    Ok(measurement)
}

async fn measured(args: &Args) -> anyhow::Result<Measurement> {
    let requests = connected(args).await?;
    let script = Script::new(args);
    ensure!(args.batch == 1 && !script.deflate, "over HTTP/2 there is one plain message at a time");
    let frame = Bytes::from(script.frame.clone());
    let mut opened = Vec::new();
    let mut owed = 0;
    for _ in 0..args.connections {
        let mut stream = Stream::open(requests.clone(), args.port).await?;
        owed = stream.first_echo(&script, &frame).await?;
        opened.push(stream);
    }
    // It begins now, once all streams are open.
    let shared = Rc::new(Shared { frame, round: RefCell::new(Round::new(args)) });
    let mut streams = JoinSet::new();
    for stream in opened {
        streams.spawn_local(stream.echoes(Rc::clone(&shared), owed));
    }
    let first = streams.join_next().await.context("there is no stream")?;
    first?
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
struct Stream {
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

    /// Sends a message and checks its echo, whose length it answers.
    async fn first_echo(&mut self, script: &Script, frame: &Bytes) -> anyhow::Result<usize> {
        let Stream { sending, receiving } = self;
        let received = async {
            let mut received = Vec::new();
            loop {
                received.extend_from_slice(&next(receiving).await?);
                if let Some(length) = script.check_echo(&received)? {
                    ensure!(length == received.len(), "more came back than was sent");
                    return anyhow::Ok(length);
                }
            }
        };
        let ((), length) = tokio::try_join!(send(sending, frame), received)?;
        Ok(length)
    }

    /// Until the round is over.
    async fn echoes(self, shared: Rc<Shared>, owed: usize) -> anyhow::Result<Measurement> {
        let Stream { mut sending, mut receiving } = self;
        loop {
            let since = Instant::now();
            let received = async {
                let mut left = owed;
                while left > 0 {
                    let came = next(&mut receiving).await?.len();
                    ensure!(came <= left, "{came} bytes came, {left} were owed");
                    left -= came;
                }
                Ok(())
            };
            tokio::try_join!(send(&mut sending, &shared.frame), received)?;
            let (now, mut round) = (Instant::now(), shared.round.borrow_mut());
            round.count(1, now - since);
            if let Some(measurement) = round.tick(now)? {
                return Ok(measurement);
            }
        }
    }
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

/// More than a stream has on its way.
const WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 256 << 20;
const SEND_BUFFER: usize = 4 << 20;
const LONGEST_OPENING: Duration = Duration::from_secs(20);

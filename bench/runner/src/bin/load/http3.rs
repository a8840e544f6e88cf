//! Streams of HTTP/3, on QUIC by `quinn`: as much of HTTP/3 as it takes to open a WebSocket on a server that behaves, and to
//! find the payload of DATA frames.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, ensure};
use bytes::{Buf, Bytes};
use quinn::{
    ClientConfig, Connection, Endpoint, RecvStream, SendStream, TransportConfig, VarInt,
    crypto::rustls::QuicClientConfig,
};
use tokio::time::timeout;

use crate::{args::Args, dial::client_config, streams};

/// Opens as many WebSockets as there are to be connections, on one.
pub(crate) async fn open(args: &Args) -> anyhow::Result<Vec<Stream>> {
    let mut tls = client_config(args.tls.as_deref().context("HTTP/3 is spoken over TLS")?)?;
    tls.alpn_protocols = vec![b"h3".to_vec()];
    let mut config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));
    let mut transport = TransportConfig::default();
    transport.stream_receive_window(WINDOW).receive_window(CONNECTION_WINDOW).send_window(SEND_WINDOW);
    config.transport_config(Arc::new(transport));
    let endpoint = Endpoint::client((Ipv4Addr::LOCALHOST, 0).into())?;
    let server = SocketAddr::from((Ipv4Addr::LOCALHOST, args.port));
    let connecting = endpoint.connect_with(config, server, "localhost")?;
    let connection = timeout(LONGEST_OPENING, connecting).await.context("no answer")??;

    // It has no settings to tell, and must not end.
    let mut control = connection.open_uni().await?;
    control.write_all(&[CONTROL_STREAM, SETTINGS, 0]).await?;
    let control = Arc::new(control);
    let mut opened = Vec::new();
    for _ in 0..args.connections {
        let stream = Stream::open(&connection, args.port, Arc::clone(&control));
        opened.push(timeout(LONGEST_OPENING, stream).await.context("the server does not answer")??);
    }
    Ok(opened)
}

/// One of the streams.
pub(crate) struct Stream {
    sending: SendStream,
    receiving: Receiving,
    /// Open as long as any stream is.
    _control: Arc<SendStream>,
}

/// Takes the payload out of frames.
pub(crate) struct Receiving {
    stream: RecvStream,
    /// What came and was not looked at yet.
    received: Bytes,
    /// How much of a payload is still to come.
    missing: usize,
}

impl Stream {
    async fn open(connection: &Connection, port: u16, control: Arc<SendStream>) -> anyhow::Result<Stream> {
        let (mut sending, stream) = connection.open_bi().await?;
        let request = request(port);
        sending.write_chunk(framed(HEADERS, request.len()).into()).await?;
        sending.write_chunk(request.into()).await?;
        let mut receiving = Receiving { stream, received: Bytes::new(), missing: 0 };
        let mut answer = Vec::new();
        let length = receiving.frame(HEADERS).await?;
        while answer.len() < length {
            answer.extend_from_slice(&receiving.payload().await?);
        }
        ensure!(answer.get(2) == Some(&STATUS_200), "the server answered {answer:x?}");
        Ok(Stream { sending, receiving, _control: control })
    }
}

impl streams::Stream for Stream {
    type Sending = SendStream;
    type Receiving = Receiving;

    fn halves(&mut self) -> (&mut SendStream, &mut Receiving) {
        (&mut self.sending, &mut self.receiving)
    }

    async fn send(sending: &mut SendStream, frame: &Bytes) -> anyhow::Result<()> {
        let header = framed(DATA, frame.len()).into();
        Ok(sending.write_all_chunks(&mut [header, frame.clone()]).await?)
    }

    async fn next(receiving: &mut Receiving) -> anyhow::Result<Bytes> {
        while receiving.missing == 0 {
            receiving.frame(DATA).await?;
        }
        receiving.payload().await
    }
}

impl Receiving {
    /// The header of a frame of this kind, with the length that it tells.
    async fn frame(&mut self, kind: u8) -> anyhow::Result<usize> {
        let found = self.varint().await?;
        ensure!(found == u64::from(kind), "the server sent a frame {found:#x}");
        self.missing = self.varint().await?.try_into()?;
        Ok(self.missing)
    }

    async fn varint(&mut self) -> anyhow::Result<u64> {
        let first = self.byte().await?;
        let mut value = u64::from(first & 0x3f);
        for _ in 1..1 << (first >> 6) {
            value = value << 8 | u64::from(self.byte().await?);
        }
        Ok(value)
    }

    async fn byte(&mut self) -> anyhow::Result<u8> {
        self.fill().await?;
        Ok(self.received.get_u8())
    }

    /// Some of the payload.
    async fn payload(&mut self) -> anyhow::Result<Bytes> {
        self.fill().await?;
        let here = self.missing.min(self.received.len());
        self.missing -= here;
        Ok(self.received.split_to(here))
    }

    async fn fill(&mut self) -> anyhow::Result<()> {
        while self.received.is_empty() {
            let chunk = self.stream.read_chunk(usize::MAX, true).await?;
            self.received = chunk.context("the server ended a stream")?.bytes;
        }
        Ok(())
    }
}

/// The header of a frame.
fn framed(kind: u8, length: usize) -> Vec<u8> {
    let length = length as u64;
    let mut header = vec![kind];
    match length {
        0..0x40 => header.push(length as u8),
        0x40..0x4000 => header.extend((length as u16 | 0x4000).to_be_bytes()),
        0x4000..0x4000_0000 => header.extend((length as u32 | 0x8000_0000).to_be_bytes()),
        _ => header.extend((length | 0xc000_0000_0000_0000).to_be_bytes()),
    }
    header
}

/// The field section of a request that opens a WebSocket (RFC 9220 §3), as QPACK without a dynamic table.
fn request(port: u16) -> Vec<u8> {
    let mut section = vec![0, 0, METHOD_CONNECT, SCHEME_HTTPS, PATH_ROOT];
    for (name, value) in [
        (":protocol", "websocket"),
        (":authority", &format!("localhost:{port}")),
        ("sec-websocket-version", "13"),
    ] {
        // A literal name, whose length has three bits here (RFC 9204 §4.5.6).
        match name.len() {
            short @ 0..7 => section.push(LITERAL | short as u8),
            long => section.extend([LITERAL | 7, (long - 7) as u8]),
        }
        section.extend(name.bytes());
        section.push(value.len() as u8);
        section.extend(value.bytes());
    }
    section
}

const CONTROL_STREAM: u8 = 0x00;

const DATA: u8 = 0x00;
const HEADERS: u8 = 0x01;
const SETTINGS: u8 = 0x04;

/// Fields of the static table (RFC 9204 Appendix A).
const PATH_ROOT: u8 = 0xc0 | 1;
const METHOD_CONNECT: u8 = 0xc0 | 15;
const SCHEME_HTTPS: u8 = 0xc0 | 23;
const STATUS_200: u8 = 0xc0 | 25;
const LITERAL: u8 = 0x20;

/// More than a stream has on its way.
const WINDOW: VarInt = VarInt::from_u32(4 << 20);
const CONNECTION_WINDOW: VarInt = VarInt::from_u32(256 << 20);
const SEND_WINDOW: u64 = 32 << 20;
const LONGEST_OPENING: Duration = Duration::from_secs(20);

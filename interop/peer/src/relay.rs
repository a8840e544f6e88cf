//! A relay between two peers that prints the head of each frame that passes, before it hands it on.
//!
//! One line is `CASE SIDE OPCODE FIN RSV1 MASKED LENGTH`, for example `text client text fin plain masked 21`. In front of
//! the frames of a connection stands `CASE agreed EXTENSIONS`, or `CASE refused STATUS`.

use std::{io, net::SocketAddr};

use anyhow::{Context, bail};
use bytes::{Buf, BytesMut};
use carrick::protocol::{FrameReader, HeadLimits, HeadReader, HeaderRules};
use http::{StatusCode, header::SEC_WEBSOCKET_EXTENSIONS};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

/// Relays until it is killed.
pub(crate) async fn run(target: SocketAddr) -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (client, _) = listener.accept().await?;
        tokio::spawn(async move {
            if let Err(error) = relay(client, target).await {
                println!("broken {error:#}");
            }
        });
    }
}

async fn relay(mut client: TcpStream, target: SocketAddr) -> anyhow::Result<()> {
    let mut server = TcpStream::connect(target).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;

    let mut asked = BytesMut::new();
    let case = loop {
        read_more(&mut client, &mut asked).await?;
        if let Some((request, _)) = HeadReader::new(HeadLimits::default()).read_request(&asked)? {
            break request.uri().path().trim_start_matches('/').to_owned();
        }
    };
    server.write_all(&asked).await?;
    let mut answered = BytesMut::new();
    let (response, length) = loop {
        read_more(&mut server, &mut answered).await?;
        if let Some(found) = HeadReader::new(HeadLimits::default()).read_response(&answered)? {
            break found;
        }
    };
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        println!("{case} refused {}", response.status());
        client.write_all(&answered).await?;
        copy_bidirectional(&mut client, &mut server).await?;
        return Ok(());
    }
    let extensions =
        response.headers().get(SEC_WEBSOCKET_EXTENSIONS).map(|value| value.to_str()).transpose()?;
    println!("{case} agreed {}", extensions.unwrap_or("nothing"));

    let tap = |side, masked| {
        let rules = HeaderRules { masked, rsv1: extensions.is_some(), max_frame_bytes: u64::MAX };
        Wiretap { case: case.clone(), side, rules, reader: FrameReader::new() }
    };
    let mut from_server = tap("server", false);
    let from_client = tap("client", true);
    client.write_all(&answered[..length]).await?;
    answered.advance(length);
    from_server.show(&answered)?;
    client.write_all(&answered).await?;

    let (client_reader, client_writer) = client.into_split();
    let (server_reader, server_writer) = server.into_split();
    tokio::try_join!(
        from_client.pass_on(client_reader, server_writer),
        from_server.pass_on(server_reader, client_writer),
    )?;
    Ok(())
}

async fn read_more(from: &mut TcpStream, into: &mut BytesMut) -> anyhow::Result<()> {
    match from.read_buf(into).await? {
        0 => bail!("ended inside of the opening handshake"),
        _ => Ok(()),
    }
}

/// One direction of a connection.
struct Wiretap {
    case: String,
    side: &'static str,
    rules: HeaderRules,
    reader: FrameReader,
}

impl Wiretap {
    async fn pass_on(
        mut self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
    ) -> anyhow::Result<()> {
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let count = match from.read(&mut buffer).await {
                // A peer that drops a connection over unread bytes behind its close frame has ended it all the same.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => 0,
                result => result?,
            };
            let received = &buffer[..count];
            self.show(received).context("what a peer sent is no frame")?;
            if count == 0 {
                // The other end may be gone already.
                let _ = to.shutdown().await;
                return Ok(());
            }
            if to.write_all(received).await.is_err() {
                return Ok(());
            }
        }
    }

    /// The reader unmasks in place, so it gets a copy.
    fn show(&mut self, received: &[u8]) -> anyhow::Result<()> {
        let mut copy = received.to_vec();
        let mut rest = copy.as_mut_slice();
        while !rest.is_empty() {
            let (consumed, piece) = self.reader.read(rest, self.rules)?;
            if let Some(piece) = piece.filter(|piece| piece.first) {
                let header = piece.header;
                println!(
                    "{} {} {} {} {} {} {}",
                    self.case,
                    self.side,
                    header.opcode,
                    if header.fin { "fin" } else { "more" },
                    if header.rsv1 { "rsv1" } else { "plain" },
                    if header.mask.is_some() { "masked" } else { "bare" },
                    header.length,
                );
            }
            rest = &mut rest[consumed..];
        }
        Ok(())
    }
}

const BUFFER_BYTES: usize = 64 * 1024;

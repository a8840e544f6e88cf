//! fastwebsockets, whose handshake is hyper's. It has no way to send several frames in one write but in `fanout`, where
//! it encodes what is published once.

use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use bytes::Bytes;
use fastwebsockets::upgrade::{UpgradeFut, upgrade as answer};
use fastwebsockets::{FragmentCollector, Frame, OpCode, Payload, Role, WebSocket, handshake};
use http_body_util::Empty;
use hyper::header::{CONNECTION, HOST, UPGRADE};
use hyper::upgrade::Upgraded;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use peers::{Arguments, Client, Mode, Server, Topic, measure, run, serve, upgrade};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::unconstrained;

/// A stream that hyper gave back.
type Socket = WebSocket<TokioIo<Upgraded>>;

fn main() -> anyhow::Result<()> {
    let (arguments, mode) = Arguments::of(&[Mode::Echo, Mode::Tls, Mode::Fanout, Mode::Client]);
    run(async {
        match mode {
            Mode::Fanout => serve(&arguments, mode, FanOut(Topic::default())).await,
            Mode::Client => measure::<Fastwebsockets>(&arguments).await,
            _ => serve(&arguments, mode, Echo { vectored: mode != Mode::Tls }).await,
        }
    })
}

#[derive(Clone)]
struct Echo {
    /// Its example for TLS turns vectored writes off.
    vectored: bool,
}

impl Server for Echo {
    async fn connection<S>(self, stream: S) -> anyhow::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        accept(stream, move |_, socket| echo(socket, self.vectored)).await
    }
}

/// Answers the request of `stream`, and gives its path and the socket to `connection`, on a task of its own.
async fn accept<S, F, T>(stream: S, connection: F) -> anyhow::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Fn(String, UpgradeFut) -> T + Send + Sync,
    T: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let answered = upgrade(stream, |request| match answer(&mut *request) {
        Ok((response, socket)) => {
            tokio::spawn(unconstrained(connection(request.uri().path().to_owned(), socket)));
            response
        }
        Err(_) => {
            let mut response = Response::new(Empty::new());
            *response.status_mut() = StatusCode::BAD_REQUEST;
            response
        }
    });
    Ok(answered.await?)
}

async fn echo(socket: UpgradeFut, vectored: bool) -> anyhow::Result<()> {
    let mut socket = socket.await?;
    socket.set_writev(vectored);
    let mut socket = FragmentCollector::new(socket);
    loop {
        let frame = socket.read_frame().await?;
        match frame.opcode {
            OpCode::Close => return Ok(()),
            OpCode::Text | OpCode::Binary => socket.write_frame(frame).await?,
            _ => {}
        }
    }
}

/// What is published are the bytes of a frame.
#[derive(Clone)]
struct FanOut(Topic<Arc<[u8]>>);

impl Server for FanOut {
    async fn connection<S>(self, stream: S) -> anyhow::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        accept(stream, move |path, socket| self.clone().member(path, socket)).await
    }
}

impl FanOut {
    async fn member(self, path: String, socket: UpgradeFut) -> anyhow::Result<()> {
        let socket = socket.await?;
        if path == "/sub" {
            return subscribe(socket, self.0.subscribe()).await;
        }
        let mut socket = FragmentCollector::new(socket);
        let mut bytes = Vec::new();
        loop {
            let frame = socket.read_frame().await?;
            match frame.opcode {
                OpCode::Close => return Ok(()),
                OpCode::Text | OpCode::Binary => {
                    let mut frame = Frame::new(true, frame.opcode, None, frame.payload);
                    self.0.publish(&Arc::from(frame.write(&mut bytes)));
                }
                _ => {}
            }
        }
    }
}

/// Writes what is published, all that waits in one write, until the subscriber closes.
async fn subscribe(socket: Socket, mut published: UnboundedReceiver<Arc<[u8]>>) -> anyhow::Result<()> {
    let (read, mut write) = tokio::io::split(socket.into_inner());
    // The library is left the half that reads: what it would send goes through the same channel as what is published.
    let (mut read, _) = fastwebsockets::after_handshake_split(read, tokio::io::sink(), Role::Server);
    let (answer, mut answers) = tokio::sync::mpsc::unbounded_channel::<Arc<[u8]>>();
    let reading = async {
        let mut send = |mut frame: Frame<'_>| {
            let sent = answer.send(Arc::from(frame.write(&mut Vec::new())));
            async move { sent }
        };
        while read.read_frame(&mut send).await?.opcode != OpCode::Close {}
        Ok::<_, anyhow::Error>(())
    };
    let writing = async {
        let mut together = Vec::new();
        loop {
            let first = tokio::select! {
                published = published.recv() => published.context("the topic is gone")?,
                answer = answers.recv() => answer.context("the reader is gone")?,
            };
            if published.is_empty() {
                write.write_all(&first).await?;
                continue;
            }
            together.clear();
            together.extend_from_slice(&first);
            while let Ok(next) = published.try_recv() {
                together.extend_from_slice(&next);
            }
            write.write_all(&together).await?;
        }
    };
    tokio::select! {
        read = reading => read?,
        written = writing => return written,
    }
    // The answer to the close frame.
    while let Ok(answer) = answers.try_recv() {
        write.write_all(&answer).await?;
    }
    Ok(())
}

struct Fastwebsockets(FragmentCollector<TokioIo<Upgraded>>);

impl Client for Fastwebsockets {
    async fn open(stream: TcpStream, _url: String) -> anyhow::Result<Self> {
        let host = stream.peer_addr()?.to_string();
        // The path alone, as RFC 9112 §3.2.1 has it for a server that is no proxy.
        let request = Request::get("/")
            .header(HOST, host)
            .header(UPGRADE, "websocket")
            .header(CONNECTION, "upgrade")
            .header("Sec-WebSocket-Key", handshake::generate_key())
            .header("Sec-WebSocket-Version", "13")
            .body(Empty::<Bytes>::new())?;
        let (socket, _) = handshake::client(&TokioExecutor::new(), request, stream).await?;
        Ok(Self(FragmentCollector::new(socket)))
    }

    async fn send(&mut self, payload: Bytes) -> anyhow::Result<()> {
        // A payload of its own is masked where it lies.
        Ok(self.0.write_frame(Frame::binary(Payload::Owned(payload.to_vec()))).await?)
    }

    async fn receive<T>(&mut self, check: impl FnOnce(&[u8]) -> T + Send) -> anyhow::Result<T> {
        let frame = self.0.read_frame().await?;
        if frame.opcode == OpCode::Close {
            return Err(anyhow!("the server left"));
        }
        Ok(check(&frame.payload))
    }

    async fn close(mut self) -> anyhow::Result<()> {
        Ok(self.0.write_frame(Frame::close(1000, b"")).await?)
    }
}

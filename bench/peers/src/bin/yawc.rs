//! yawc, whose handshake is hyper's, with the buffers and the batches of its own benchmark.

use anyhow::bail;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt as _};
use http_body_util::Empty;
use hyper::{Response, StatusCode};
use peers::{Arguments, Client, Mode, Server, Topic, measure, run, serve, subscribe, upgrade};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::unconstrained;
use yawc::{
    CompressionLevel, DeflatePool, Frame, HttpWebSocket, OpCode, Options, Result, UpgradeFut, WebSocket,
};

/// Above the largest message of the benchmark.
const MAX_MESSAGE: usize = 64 * 1024 * 1024;

fn main() -> anyhow::Result<()> {
    let (arguments, mode) =
        Arguments::of(&[Mode::Echo, Mode::Tls, Mode::Deflate, Mode::Fanout, Mode::Client]);
    let each = arguments.each;
    run(async {
        match mode {
            Mode::Fanout => serve(&arguments, mode, FanOut(Topic::default())).await,
            Mode::Client => measure::<Yawc>(&arguments).await,
            Mode::Deflate => serve(&arguments, mode, Echo { options: deflate(), each }).await,
            _ => serve(&arguments, mode, Echo { options: options(), each }).await,
        }
    })
}

fn options() -> Options {
    Options::default()
        .with_utf8()
        .without_compression()
        .with_limits(MAX_MESSAGE, MAX_MESSAGE)
        .with_read_buffer_capacity(128 * 1024)
        .with_backpressure_boundary(64 * 1024)
}

/// The pool and the small buffers are what its documentation advises for no context takeover.
fn deflate() -> Options {
    Options::default()
        .with_utf8()
        .with_limits(MAX_MESSAGE, MAX_MESSAGE)
        .with_compression_level(CompressionLevel::new(6))
        .server_no_context_takeover()
        .client_no_context_takeover()
        .with_deflate_pool(DeflatePool::new(64))
        .with_read_buffer_capacity(1024)
        .with_write_buffer_capacity(1024)
}

/// Answers the request of `stream`, and gives its path and the socket to `connection`, on a task of its own.
async fn accept<S, F, T>(stream: S, options: Options, connection: F) -> anyhow::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Fn(String, UpgradeFut) -> T + Send + Sync,
    T: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let answered =
        upgrade(stream, |request| match WebSocket::upgrade_with_options(&mut *request, options.clone()) {
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

fn is_data(frame: &Frame) -> bool {
    matches!(frame.opcode(), OpCode::Text | OpCode::Binary)
}

#[derive(Clone)]
struct Echo {
    options: Options,
    each: bool,
}

impl Server for Echo {
    async fn connection<S>(self, stream: S) -> anyhow::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let each = self.each;
        accept(stream, self.options, move |_, socket| async move {
            let socket = socket.await?;
            Ok(peers::echo(socket.map(Result::Ok), each, is_data).await?)
        })
        .await
    }
}

#[derive(Clone)]
struct FanOut(Topic<Frame>);

impl Server for FanOut {
    async fn connection<S>(self, stream: S) -> anyhow::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        accept(stream, options(), move |path, socket| self.clone().member(path, socket)).await
    }
}

impl FanOut {
    async fn member(self, path: String, socket: UpgradeFut) -> anyhow::Result<()> {
        let mut socket: HttpWebSocket = socket.await?;
        if path == "/sub" {
            return Ok(subscribe(socket.map(Result::Ok), self.0.subscribe()).await?);
        }
        while let Some(frame) = socket.next().await {
            if is_data(&frame) {
                self.0.publish(&frame);
            }
        }
        Ok(())
    }
}

struct Yawc(WebSocket<TcpStream>);

impl Client for Yawc {
    async fn open(stream: TcpStream, url: String) -> anyhow::Result<Self> {
        Ok(Self(WebSocket::handshake(url.parse()?, stream, options()).await?))
    }

    async fn send(&mut self, payload: Bytes) -> anyhow::Result<()> {
        Ok(self.0.send(Frame::binary(payload)).await?)
    }

    async fn receive<T>(&mut self, check: impl FnOnce(&[u8]) -> T + Send) -> anyhow::Result<T> {
        let frame = self.0.next_frame().await?;
        if frame.opcode() == OpCode::Close {
            bail!("the server left");
        }
        Ok(check(frame.payload()))
    }

    async fn close(mut self) -> anyhow::Result<()> {
        Ok(SinkExt::<Frame>::close(&mut self.0).await?)
    }
}

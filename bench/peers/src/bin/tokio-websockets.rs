//! tokio-websockets, set as its own echo example is.

use anyhow::Context as _;
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _, TryStreamExt as _};
use peers::{Arguments, Client, Mode, Server, Topic, echo, measure, run, serve, subscribe};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_websockets::{ClientBuilder, Config, Limits, Message, ServerBuilder, WebSocketStream};

fn main() -> anyhow::Result<()> {
    let (arguments, mode) = Arguments::of(&[Mode::Echo, Mode::Tls, Mode::Fanout, Mode::Client]);
    run(async {
        match mode {
            Mode::Fanout => serve(&arguments, mode, FanOut(Topic::default())).await,
            Mode::Client => measure::<TokioWebsockets>(&arguments).await,
            _ => serve(&arguments, mode, Echo { each: arguments.each }).await,
        }
    })
}

fn server() -> ServerBuilder {
    ServerBuilder::new().config(Config::default().frame_size(usize::MAX)).limits(Limits::unlimited())
}

fn is_data(message: &Message) -> bool {
    message.is_text() || message.is_binary()
}

#[derive(Clone)]
struct Echo {
    each: bool,
}

impl Server for Echo {
    async fn connection<S>(self, stream: S) -> anyhow::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (_, socket) = server().accept(stream).await?;
        Ok(echo(socket, self.each, is_data).await?)
    }
}

#[derive(Clone)]
struct FanOut(Topic<Message>);

impl Server for FanOut {
    async fn connection<S>(self, stream: S) -> anyhow::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (request, mut socket) = server().accept(stream).await?;
        if request.uri().path() == "/sub" {
            return Ok(subscribe(socket, self.0.subscribe()).await?);
        }
        while let Some(message) = socket.try_next().await? {
            if is_data(&message) {
                self.0.publish(&message);
            }
        }
        Ok(())
    }
}

struct TokioWebsockets(WebSocketStream<TcpStream>);

impl Client for TokioWebsockets {
    async fn open(stream: TcpStream, url: String) -> anyhow::Result<Self> {
        let config = Config::default().frame_size(usize::MAX);
        Ok(Self(ClientBuilder::new().uri(&url)?.config(config).connect_on(stream).await?.0))
    }

    async fn send(&mut self, payload: Bytes) -> anyhow::Result<()> {
        Ok(self.0.send(Message::binary(payload)).await?)
    }

    async fn receive<T>(&mut self, check: impl FnOnce(&[u8]) -> T + Send) -> anyhow::Result<T> {
        Ok(check(self.0.next().await.context("the server left")??.as_payload()))
    }

    async fn close(mut self) -> anyhow::Result<()> {
        Ok(self.0.close().await?)
    }
}

//! tokio-tungstenite, which takes part with two sizes of its read buffer.

use anyhow::Context as _;
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _, TryStreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{
    WebSocketStream, accept_async_with_config, accept_hdr_async_with_config, client_async,
};

use crate::{Arguments, Client, Mode, Server, Topic, echo, measure, run, serve, subscribe};

/// Does what the arguments say, with `config`.
///
/// # Errors
///
/// What ends the peer.
pub fn peer(config: WebSocketConfig) -> anyhow::Result<()> {
    let (arguments, mode) = Arguments::of(&[Mode::Echo, Mode::Tls, Mode::Fanout, Mode::Client]);
    run(async {
        match mode {
            Mode::Fanout => serve(&arguments, mode, FanOut { config, topic: Topic::default() }).await,
            Mode::Client => measure::<Tungstenite>(&arguments).await,
            _ => serve(&arguments, mode, Echo { config, each: arguments.each }).await,
        }
    })
}

#[derive(Clone)]
struct Echo {
    config: WebSocketConfig,
    each: bool,
}

impl Server for Echo {
    async fn connection<S>(self, stream: S) -> anyhow::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let socket = accept_async_with_config(stream, Some(self.config)).await?;
        Ok(echo(socket, self.each, is_data).await?)
    }
}

#[derive(Clone)]
struct FanOut {
    config: WebSocketConfig,
    topic: Topic<Message>,
}

impl Server for FanOut {
    async fn connection<S>(self, stream: S) -> anyhow::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut subscribes = false;
        #[expect(clippy::result_large_err, reason = "the library's callback")]
        let look = |request: &Request, response: Response| {
            subscribes = request.uri().path() == "/sub";
            Ok(response)
        };
        let mut socket = accept_hdr_async_with_config(stream, look, Some(self.config)).await?;
        if subscribes {
            return Ok(subscribe(socket, self.topic.subscribe()).await?);
        }
        while let Some(message) = socket.try_next().await? {
            if is_data(&message) {
                self.topic.publish(&message);
            }
        }
        Ok(())
    }
}

fn is_data(message: &Message) -> bool {
    message.is_text() || message.is_binary()
}

struct Tungstenite(WebSocketStream<TcpStream>);

impl Client for Tungstenite {
    async fn open(stream: TcpStream, url: String) -> anyhow::Result<Self> {
        Ok(Self(client_async(url, stream).await?.0))
    }

    async fn send(&mut self, payload: Bytes) -> anyhow::Result<()> {
        Ok(self.0.send(Message::Binary(payload)).await?)
    }

    async fn receive<T>(&mut self, check: impl FnOnce(&[u8]) -> T + Send) -> anyhow::Result<T> {
        let message = self.0.next().await.context("the server left")??;
        Ok(check(&message.into_data()))
    }

    async fn close(mut self) -> anyhow::Result<()> {
        Ok(self.0.close(None).await?)
    }
}

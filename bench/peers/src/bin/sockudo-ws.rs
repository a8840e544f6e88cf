//! sockudo-ws, with the loop that its documentation has for an echo, and its own publisher.

use std::sync::Arc;

use anyhow::Context as _;
use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt as _;
use peers::{Arguments, Mode, Server, run, serve, subscribe};
use sockudo_ws::deflate::{DeflateConfig, negotiate_server_deflate};
use sockudo_ws::handshake::{build_response, generate_accept_key, parse_request};
use sockudo_ws::pubsub::PubSub;
use sockudo_ws::server::WebSocketServer;
use sockudo_ws::{CompressedWebSocketStream, Config, Http1, Message};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc::unbounded_channel;

const TOPIC: &str = "all";

fn main() -> anyhow::Result<()> {
    // Its clock is calibrated once, for up to 200 ms.
    sockudo_ws::init_clock();
    let (arguments, mode) = Arguments::of(&[Mode::Echo, Mode::Tls, Mode::Deflate, Mode::Fanout]);
    let each = arguments.each;
    run(async {
        match mode {
            Mode::Fanout => serve(&arguments, mode, FanOut(Arc::new(PubSub::new()))).await,
            Mode::Deflate => serve(&arguments, mode, Deflate { each }).await,
            _ => serve(&arguments, mode, Echo { each }).await,
        }
    })
}

fn server() -> WebSocketServer<Http1> {
    WebSocketServer::default_config()
}

fn is_data(message: &Message) -> bool {
    matches!(message, Message::Text(_) | Message::Binary(_))
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
        let (socket, _) = server().accept_raw(stream).await?;
        Ok(peers::echo(socket, self.each, is_data).await?)
    }
}

#[derive(Clone)]
struct Deflate {
    each: bool,
}

impl Server for Deflate {
    async fn connection<S>(self, mut stream: S) -> anyhow::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let policy = DeflateConfig {
            server_no_context_takeover: true,
            client_no_context_takeover: true,
            compression_level: 6,
            compression_threshold: 0,
            ..DeflateConfig::default()
        };
        let (deflate, left) = handshake(&mut stream, &policy).await?;
        let socket =
            CompressedWebSocketStream::server_with_leftover(stream, Config::default(), deflate, Some(left));
        Ok(peers::echo(socket, self.each, is_data).await?)
    }
}

/// The library's own handshake agrees on no extension, so this is the one of its example for permessage-deflate.
async fn handshake<S>(stream: &mut S, policy: &DeflateConfig) -> anyhow::Result<(DeflateConfig, Bytes)>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let mut received = BytesMut::with_capacity(4096);
    loop {
        stream.read_buf(&mut received).await?;
        let Some((request, length)) = parse_request(&received)? else { continue };
        let agreed = negotiate_server_deflate(request.extensions.context("no offer")?, policy)
            .context("no offer that can be taken")?;
        let accept = generate_accept_key(request.key);
        let response = build_response(&accept, None, Some(&agreed.to_response_header()));
        stream.write_all(&response).await?;
        stream.flush().await?;
        return Ok((agreed.config, received.split_off(length).freeze()));
    }
}

#[derive(Clone)]
struct FanOut(Arc<PubSub>);

impl Server for FanOut {
    async fn connection<S>(self, stream: S) -> anyhow::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (mut socket, handshake) = server().accept_raw(stream).await?;
        if handshake.path == "/sub" {
            let (sender, published) = unbounded_channel();
            let subscriber = self.0.create_subscriber(sender);
            self.0.subscribe(subscriber, TOPIC);
            let end = subscribe(socket, published).await;
            self.0.remove_subscriber(subscriber);
            return Ok(end?);
        }
        while let Some(message) = socket.try_next().await? {
            if is_data(&message) {
                self.0.publish(TOPIC, message);
            }
        }
        Ok(())
    }
}

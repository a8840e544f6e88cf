//! carrick's async API: what answers the messages of one read leaves in one write, as `feed` advises.

use std::net::Ipv4Addr;

use anyhow::Context as _;
use bytes::Bytes;
use carrick::protocol::{Config, DeflateConfig, Message, Prepared};
use carrick::{ClientBuilder, Server, ServerTls, WebSocket};
use peers::{Arguments, Client, Mode, measure, run};
use tokio::net::TcpStream;
use tokio::sync::broadcast::{self, error::RecvError};

fn main() -> anyhow::Result<()> {
    let (arguments, mode) =
        Arguments::of(&[Mode::Echo, Mode::Tls, Mode::Http3, Mode::Deflate, Mode::Fanout, Mode::Client]);
    run(async {
        match mode {
            Mode::Client => measure::<Carrick>(&arguments).await,
            _ => Ok(server(&arguments, mode).await?.serve().await?),
        }
    })
}

async fn server(arguments: &Arguments, mode: Mode) -> anyhow::Result<Server> {
    let server = Server::bind((Ipv4Addr::LOCALHOST, arguments.port)).await?;
    ready();
    // The longest that is sent is 100 MiB.
    let mut config = Config::default();
    config.max_message_bytes = 128 << 20;
    config.max_frame_bytes = 128 << 20;
    let server = server.config(config);
    let server = match mode {
        Mode::Deflate => server.deflate(Some(deflate()?)),
        _ => server.deflate(None),
    };
    if mode == Mode::Fanout {
        let (topic, _) = broadcast::channel(TOPIC);
        let publish = topic.clone();
        let server = server.route("/sub", move |websocket, _request| subscribe(websocket, topic.subscribe()));
        return Ok(server.route("/pub", move |mut websocket, _request| {
            let publish = publish.clone();
            async move {
                while let Some(Ok(message)) = websocket.recv().await {
                    drop(publish.send(Prepared::new(message)));
                }
            }
        }));
    }
    let server = server.route("/", |mut websocket, _request| async move {
        while let Some(Ok(message)) = websocket.recv().await {
            if websocket.feed(message).await.is_err() {
                return;
            }
        }
    });
    Ok(match (&arguments.cert, &arguments.key) {
        (Some(cert), Some(key)) if mode == Mode::Tls => server.tls(ServerTls::from_pem_files(cert, key)?),
        (Some(cert), Some(key)) if mode == Mode::Http3 => {
            server.http3(ServerTls::from_pem_files(cert, key)?)?
        }
        _ => server,
    })
}

/// All that was published by now is queued, then it leaves while `recv` waits.
async fn subscribe(mut websocket: WebSocket, mut topic: broadcast::Receiver<Prepared>) {
    loop {
        tokio::select! {
            biased;
            published = topic.recv() => match published {
                Ok(message) => {
                    if websocket.feed_prepared(&message).await.is_err() {
                        return;
                    }
                }
                Err(RecvError::Lagged(_) | RecvError::Closed) => return,
            },
            received = websocket.recv() => if !matches!(received, Some(Ok(_))) {
                return;
            },
        }
    }
}

/// As every peer has it: no context takeover, window 15, level 6.
fn deflate() -> anyhow::Result<DeflateConfig> {
    Ok(DeflateConfig::default().with_own_max_window_bits(15)?.with_level(6)?.with_memory_level(8)?)
}

struct Carrick(WebSocket<TcpStream>);

impl Client for Carrick {
    async fn open(stream: TcpStream, url: String) -> anyhow::Result<Self> {
        Ok(Self(ClientBuilder::new(&url)?.deflate(None).connect_over(stream).await?))
    }

    async fn send(&mut self, payload: Bytes) -> anyhow::Result<()> {
        Ok(self.0.send(Message::binary(payload)).await?)
    }

    async fn receive<T>(&mut self, check: impl FnOnce(&[u8]) -> T + Send) -> anyhow::Result<T> {
        let message = self.0.recv().await.context("the server left")??;
        Ok(check(message.as_bytes()))
    }

    async fn close(mut self) -> anyhow::Result<()> {
        self.0.close(carrick::protocol::CloseCode::NORMAL, "").await?;
        Ok(())
    }
}

#[expect(clippy::print_stdout, reason = "the runner waits for this line")]
fn ready() {
    println!("ready");
}

/// More than the generator publishes before all of it has arrived.
const TOPIC: usize = 256;

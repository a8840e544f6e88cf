//! The client's side: one message outstanding on each connection, until the time is over.

use std::future::Future;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use tokio::net::TcpStream;
use tokio::task::{JoinSet, unconstrained};
use tokio::time::{sleep, timeout};

use crate::Arguments;

/// How long the last answers may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a library does as a client.
pub trait Client: Sized + Send + 'static {
    /// Opens `url` on a stream that is connected already.
    fn open(stream: TcpStream, url: String) -> impl Future<Output = anyhow::Result<Self>> + Send;

    /// Sends one binary message.
    fn send(&mut self, payload: Bytes) -> impl Future<Output = anyhow::Result<()>> + Send;

    /// Waits for the next message, and hands its payload to `check`.
    fn receive<T>(
        &mut self,
        check: impl FnOnce(&[u8]) -> T + Send,
    ) -> impl Future<Output = anyhow::Result<T>> + Send;

    /// Closes.
    fn close(self) -> impl Future<Output = anyhow::Result<()>> + Send;
}

/// Opens the connections, counts the answers, and prints their number.
///
/// # Errors
///
/// If a connection fails, or an answer is not the echo.
#[expect(clippy::print_stdout, reason = "the runner reads this line")]
pub async fn measure<C: Client>(arguments: &Arguments) -> anyhow::Result<()> {
    let payload: Bytes = (0..arguments.bytes).map(|at| (at % 251) as u8).collect();
    let over = Arc::new(AtomicBool::new(false));
    let mut open = Vec::with_capacity(arguments.connections);
    for _ in 0..arguments.connections {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, arguments.port)).await?;
        stream.set_nodelay(true)?;
        open.push(C::open(stream, format!("ws://127.0.0.1:{}/", arguments.port)).await?);
    }
    let mut talks: JoinSet<_> = open
        .into_iter()
        .map(|client| unconstrained(talk(client, payload.clone(), Arc::clone(&over))))
        .collect();
    sleep(Duration::from_secs_f64(arguments.seconds)).await;
    over.store(true, Ordering::Relaxed);
    let mut messages = 0;
    while let Some(talk) = timeout(PATIENCE, talks.join_next()).await.context("no answer")? {
        messages += talk??;
    }
    println!("{{\"messages\": {messages}}}");
    Ok(())
}

/// The whole of the first answer is compared, and the length of the others.
async fn talk<C: Client>(mut client: C, payload: Bytes, over: Arc<AtomicBool>) -> anyhow::Result<u64> {
    client.send(payload.clone()).await?;
    ensure!(client.receive(|echo| echo == payload).await?, "the echo differs");
    let mut messages = 1;
    while !over.load(Ordering::Relaxed) {
        client.send(payload.clone()).await?;
        let length = client.receive(<[u8]>::len).await?;
        ensure!(length == payload.len(), "{length} bytes came back for {}", payload.len());
        messages += 1;
    }
    client.close().await?;
    Ok(messages)
}

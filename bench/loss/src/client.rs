//! The client: many WebSockets, each of which sends when its time has come, whether the echo of its last message is there or
//! not. So a message that is held up by an earlier one counts with all the time that it was late.

use std::time::Duration;

use anyhow::{Context, bail};
use carrick::protocol::{CloseCode, Message};
use carrick::{ClientBuilder, Http, WebSocket};
use hdrhistogram::Histogram;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use crate::args::{Args, Version};

impl Version {
    fn http(self) -> Http {
        match self {
            Version::Http1 => Http::Http1,
            Version::Http2 => Http::Http2,
            Version::Http3 => Http::Http3,
        }
    }
}

/// Opens the WebSockets; how long the echoes took, in microseconds.
pub(crate) async fn measure(
    args: &Args,
    version: Version,
    url: &str,
    trusted: &str,
) -> anyhow::Result<Histogram<u64>> {
    let builder = ClientBuilder::new(url)?
        .http(version.http())
        .deflate(None)
        .handshake_timeout(HANDSHAKE)
        .system_roots(false)
        .root_certificates(trusted)?;
    let mut opening = JoinSet::new();
    for _ in 0..args.sockets {
        let builder = builder.clone();
        opening.spawn(async move { builder.connect().await });
    }
    let mut websockets = Vec::new();
    while let Some(opened) = opening.join_next().await {
        websockets.push(opened?.context("a WebSocket could not be opened")?);
    }
    let every = Duration::from_millis(args.every);
    let start = Instant::now() + every;
    let mut at_work = JoinSet::new();
    for (number, websocket) in (0..).zip(websockets) {
        // One after the other, as independent users would.
        let first = start + every * number / args.sockets;
        at_work.spawn(echoes(websocket, args.clone(), first));
    }
    let mut latencies = histogram()?;
    while let Some(ended) = at_work.join_next().await {
        latencies.add(ended??)?;
    }
    Ok(latencies)
}

/// Sends all messages of one WebSocket, from `first` on, and waits for all of their echoes.
async fn echoes(mut websocket: WebSocket, args: Args, first: Instant) -> anyhow::Result<Histogram<u64>> {
    let every = Duration::from_millis(args.every);
    let due = |number: u32| first + every * number;
    let (messages, mut sent, mut echoed) = (args.messages(), 0, 0);
    let mut latencies = histogram()?;
    let last = due(messages) + LAST_ECHO;
    while echoed < messages {
        tokio::select! {
            biased;
            received = websocket.recv() => {
                let message = received.context("the server has gone")??;
                let Some(number) = message.as_bytes().first_chunk() else { bail!("an echo has no number") };
                let number = u32::from_be_bytes(*number);
                if number != echoed || message.as_bytes().len() != args.bytes {
                    bail!("echo {number} came in place of {echoed}");
                }
                let took = Instant::now() - due(number);
                latencies.saturating_record(took.as_micros().try_into().unwrap_or(u64::MAX));
                echoed += 1;
            }
            () = sleep_until(due(sent)), if sent < messages => {
                let mut bytes = vec![0; args.bytes];
                bytes[..4].copy_from_slice(&sent.to_be_bytes());
                websocket.feed(Message::binary(bytes)).await?;
                sent += 1;
            }
            () = sleep_until(last) => bail!("{} echoes have not come", messages - echoed),
        }
    }
    // That the end may be lost too is no concern here.
    let _ = timeout(GOODBYE, websocket.close(CloseCode::NORMAL, "")).await;
    Ok(latencies)
}

fn histogram() -> anyhow::Result<Histogram<u64>> {
    Ok(Histogram::new_with_max(LONGEST_MICROS, 3)?)
}

const HANDSHAKE: Duration = Duration::from_secs(60);
const LAST_ECHO: Duration = Duration::from_secs(60);
const GOODBYE: Duration = Duration::from_secs(2);
const LONGEST_MICROS: u64 = 600_000_000;

//! Our client in each case.

use std::{process::ExitCode, time::Duration};

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use carrick::{
    ClientBuilder, Http, WebSocket,
    protocol::{CloseCode, DeflateConfig, Initiator, Kind, Message},
};
use tokio::time::timeout;

use crate::content::{
    CLIENT_IS_DONE, FRAGMENT_BYTES, GREETING, SERVER_IS_DONE, SUBPROTOCOL, hexadecimal, mebibyte, repetitive,
};

/// Runs the cases one by one and says of each how it went.
pub(crate) async fn run(url: &str, http: Http, cases: &[String]) -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    for case in cases {
        let outcome = timeout(CASE_LIMIT, run_case(url, http, case)).await;
        match outcome.context("took too long").and_then(|outcome| outcome) {
            Ok(()) => println!("passed {case}"),
            Err(error) => {
                println!("failed {case}: {error:#}");
                code = ExitCode::FAILURE;
            }
        }
    }
    code
}

async fn run_case(url: &str, http: Http, case: &str) -> anyhow::Result<()> {
    let mut builder = ClientBuilder::new(&format!("{url}/{case}"))?.http(http);
    match case {
        "subprotocol" => builder = builder.subprotocols(["chat.v2", SUBPROTOCOL])?,
        "takeover" => {
            let takeover = DeflateConfig::default();
            let takeover = takeover.with_own_context_takeover(true).with_peer_context_takeover(true);
            builder = builder.deflate(Some(takeover));
        }
        _ => {}
    }
    let mut websocket = builder.connect().await?;
    match case {
        "text" => echoed(&mut websocket, GREETING.into()).await?,
        "binary" => echoed(&mut websocket, (0..=255).collect::<Vec<u8>>().into()).await?,
        "empty" => {
            echoed(&mut websocket, "".into()).await?;
            echoed(&mut websocket, Vec::new().into()).await?;
        }
        "deflate" => echoed(&mut websocket, repetitive().into()).await?,
        "takeover" => {
            echoed(&mut websocket, hexadecimal().into()).await?;
            echoed(&mut websocket, hexadecimal().into()).await?;
        }
        "fragments" => fragments(&mut websocket).await?,
        "ping" => ping(&mut websocket).await?,
        "subprotocol" => {
            let chosen = websocket.subprotocol().map(str::to_owned);
            ensure!(chosen.as_deref() == Some(SUBPROTOCOL), "the server chose {chosen:?}");
            echoed(&mut websocket, "over a subprotocol".into()).await?;
        }
        "close-by-client" => return close(websocket, CLIENT_IS_DONE).await,
        "close-by-server" => return closed_by_server(websocket).await,
        other => bail!("no such case: {other}"),
    }
    close(websocket, (1000, "")).await
}

async fn echoed(websocket: &mut WebSocket, message: Message) -> anyhow::Result<()> {
    websocket.send(message.clone()).await?;
    let answer = next(websocket).await?;
    ensure!(answer == message, "{} came back as {}", excerpt(&message), excerpt(&answer));
    Ok(())
}

async fn fragments(websocket: &mut WebSocket) -> anyhow::Result<()> {
    let sent = Bytes::from(mebibyte());
    for start in (0..sent.len()).step_by(FRAGMENT_BYTES) {
        let end = start + FRAGMENT_BYTES;
        websocket.send_piece(Kind::Binary, sent.slice(start..end), end == sent.len()).await?;
    }
    let answer = next(websocket).await?;
    ensure!(answer == Message::Binary(sent), "came back as {}", excerpt(&answer));
    Ok(())
}

/// The server's ping is in front of its first answer, and so is its pong.
async fn ping(websocket: &mut WebSocket) -> anyhow::Result<()> {
    websocket.ping("from the client").await?;
    echoed(websocket, "first".into()).await?;
    ensure!(websocket.round_trip().is_some(), "no pong came");
    websocket.send("next").await?;
    let answer = next(websocket).await?;
    ensure!(answer.as_text() == Some("pong seen"), "the server says {}", excerpt(&answer));
    Ok(())
}

async fn close(mut websocket: WebSocket, (code, reason): (u16, &str)) -> anyhow::Result<()> {
    let closed = websocket.close(CloseCode::from(code), reason).await?;
    ensure!(closed.is_clean() && closed.by == Initiator::Application, "ended as {closed:?}");
    Ok(())
}

async fn closed_by_server(mut websocket: WebSocket) -> anyhow::Result<()> {
    websocket.send("please close").await?;
    while let Some(message) = websocket.recv().await {
        message?;
    }
    let closed = websocket.closed().context("recv ended and nothing is closed")?;
    let seen = (u16::from(closed.code()), closed.reason());
    ensure!(seen == SERVER_IS_DONE && closed.by == Initiator::Peer, "ended as {closed:?}");
    Ok(())
}

async fn next(websocket: &mut WebSocket) -> anyhow::Result<Message> {
    match websocket.recv().await {
        Some(message) => Ok(message?),
        None => bail!("closed before an answer: {:?}", websocket.closed()),
    }
}

fn excerpt(message: &Message) -> String {
    let start =
        String::from_utf8_lossy(message.as_bytes().get(..40).unwrap_or(message.as_bytes())).into_owned();
    format!("{:?} of {} bytes: {start:?}", message.kind(), message.len())
}

const CASE_LIMIT: Duration = Duration::from_secs(30);

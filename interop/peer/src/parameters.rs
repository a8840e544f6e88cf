//! Our client with every combination of the four parameters of permessage-deflate (RFC 7692 §7.1).

use std::time::Duration;

use anyhow::{Context, ensure};
use carrick::{
    ClientBuilder,
    protocol::{CloseCode, DeflateConfig, Message},
};
use tokio::time::timeout;

use crate::content::{hexadecimal, mebibyte, repetitive};

/// Echoes messages over a connection for each combination, and prints how many it were.
pub(crate) async fn run(url: &str) -> anyhow::Result<()> {
    let mut passed = 0;
    for own in [false, true] {
        for peer in [false, true] {
            for own_bits in WINDOWS {
                for peer_bits in WINDOWS {
                    let deflate = DeflateConfig::default()
                        .with_own_context_takeover(own)
                        .with_peer_context_takeover(peer)
                        .with_own_max_window_bits(own_bits)?
                        .with_peer_max_window_bits(peer_bits)?;
                    let shown = format!("{deflate:?}");
                    timeout(LIMIT, echo(url, deflate))
                        .await
                        .context("took too long")
                        .and_then(|echoed| echoed)
                        .context(shown)?;
                    passed += 1;
                }
            }
        }
    }
    println!("passed {passed}");
    Ok(())
}

async fn echo(url: &str, deflate: DeflateConfig) -> anyhow::Result<()> {
    let mut websocket = ClientBuilder::new(url)?.deflate(Some(deflate)).connect().await?;
    ensure!(websocket.agreement().deflate.is_some(), "the server declined");
    // The second of two equal messages refers to the first where a window is kept; the last one is larger than every window.
    let messages: [Message; 5] = [
        "short".into(),
        repetitive().into(),
        repetitive().into(),
        hexadecimal().into(),
        mebibyte().split_off(950_000).into(),
    ];
    for message in messages {
        websocket.send(message.clone()).await?;
        let answer = websocket.recv().await.context("closed before an answer")??;
        ensure!(answer == message, "{} bytes came back as {}", message.len(), answer.len());
    }
    websocket.close(CloseCode::NORMAL, "").await?;
    Ok(())
}

const WINDOWS: [u8; 3] = [9, 12, 15];

const LIMIT: Duration = Duration::from_secs(30);

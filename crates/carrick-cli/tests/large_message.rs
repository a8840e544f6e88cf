//! One message of a gigabyte goes through client and echo server in the memory of a few reads. A binary of its own, so
//! that no other test shares the memory that is looked at.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use carrick::{
    ClientBuilder, WebSocket,
    protocol::{Config, Kind},
};

const TOTAL: usize = 1 << 30;
const PIECE: usize = 64 << 10;
const LIMIT: usize = 16 << 20;

#[tokio::test]
async fn a_gibibyte_passes_in_less_than_16_mebibytes_on_each_side() {
    let (mut server, url) = start();
    let mut config = Config::default();
    config.max_message_bytes = 2 << 30;
    // The echo makes a fragment of what each of its reads brings.
    config.max_fragments = u32::MAX;
    let client = ClientBuilder::new(&url).unwrap().config(config).deflate(None);
    let mut websocket = client.connect().await.unwrap();
    // Warm: both sides have their buffers.
    websocket.send_piece(Kind::Binary, vec![0; PIECE], true).await.unwrap();
    receive(&mut websocket, PIECE).await;

    let idle = (resident("self"), resident(&server.id().to_string()));
    reset_peak("self");
    reset_peak(&server.id().to_string());
    let (mut sender, mut receiver) = websocket.split();
    let sending = tokio::spawn(async move {
        for n in 0..TOTAL / PIECE {
            sender.send_piece(Kind::Binary, vec![n as u8; PIECE], (n + 1) * PIECE == TOTAL).await.unwrap();
        }
    });
    let mut received = 0;
    while received < TOTAL {
        let piece = receiver.recv_piece().await.unwrap().unwrap();
        for chunk in piece.bytes.chunk_by(|a, b| a == b) {
            assert_eq!(chunk[0], (received / PIECE) as u8, "at byte {received}");
            received += chunk.len();
        }
        assert_eq!(piece.last, received == TOTAL);
    }
    sending.await.unwrap();

    let peak = (peak("self"), peak(&server.id().to_string()));
    server.kill().unwrap();
    server.wait().unwrap();
    println!("above idle: client {} KiB, server {} KiB", (peak.0 - idle.0) >> 10, (peak.1 - idle.1) >> 10);
    assert!(peak.0 - idle.0 < LIMIT, "client: {} bytes above idle", peak.0 - idle.0);
    assert!(peak.1 - idle.1 < LIMIT, "server: {} bytes above idle", peak.1 - idle.1);
}

async fn receive(websocket: &mut WebSocket, mut length: usize) {
    while length > 0 {
        length -= websocket.recv_piece().await.unwrap().unwrap().bytes.len();
    }
}

fn start() -> (Child, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_carrick"))
        .args(["serve", "--bind", "127.0.0.1:0", "--max-message-bytes", "2147483648"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let echo = lines.by_ref().map(Result::unwrap).find(|line| line.starts_with("echo")).unwrap();
    (child, echo.split_whitespace().last().unwrap().to_owned())
}

fn resident(process: &str) -> usize {
    status(process, "VmRSS:")
}

/// The highest since `reset_peak`.
fn peak(process: &str) -> usize {
    status(process, "VmHWM:")
}

fn reset_peak(process: &str) {
    fs::write(format!("/proc/{process}/clear_refs"), "5").unwrap();
}

fn status(process: &str, field: &str) -> usize {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() << 10
}

//! Peers that mean harm, and the one beside them that must not notice.

use std::time::Duration;

use carrick::{
    WebSocket,
    protocol::{CloseCode, Violation},
};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::support::{LOOPS, Loop, Peer, Running, Settings, assert_echoes, echo, free_server, request};

/// A server, and a connection that has to go on echoing.
async fn with_a_bystander(on: Loop) -> (Running, WebSocket<TcpStream>) {
    let server = on.echo(Settings::default()).await;
    let mut bystander = server.open("/echo").await;
    assert_echoes(&mut bystander).await;
    (server, bystander)
}

/// A peer behind its handshake that writes its frames by hand.
async fn opened(server: &Running) -> Peer<TcpStream> {
    let mut peer = server.connect().await;
    peer.send(request("/echo", "")).await;
    assert_eq!(peer.answer().await.status(), 101);
    peer
}

/// The code of the close frame at the start of what the server sent.
fn close_code(rest: &[u8]) -> u16 {
    assert_eq!(rest[0], 0x88, "{rest:?}");
    u16::from_be_bytes([rest[2], rest[3]])
}

#[tokio::test]
async fn peers_that_leave_in_the_middle() {
    for on in LOOPS {
        let (server, mut bystander) = with_a_bystander(on).await;
        let whole = request("/echo", "").into_bytes();
        for cut in (0..whole.len()).step_by(7) {
            let mut peer = server.connect().await;
            peer.send(&whole[..cut]).await;
            drop(peer);
        }
        let frame = b"\x81\xfe\x01\x00\x01\x02\x03\x04payload";
        for cut in 0..frame.len() {
            let mut peer = opened(&server).await;
            peer.send(&frame[..cut]).await;
            drop(peer);
        }
        assert_echoes(&mut bystander).await;
    }
}

#[tokio::test]
async fn a_peer_that_ends_its_half_in_the_middle_of_a_frame() {
    for on in LOOPS {
        let (server, mut bystander) = with_a_bystander(on).await;
        let mut peer = opened(&server).await;
        peer.send(b"\x81\x85\0\0\0\0he").await;
        peer.stream.shutdown().await.unwrap();
        peer.rest().await;
        assert_echoes(&mut bystander).await;
    }
}

#[tokio::test]
async fn peers_that_send_garbage() {
    for on in LOOPS {
        let (server, mut bystander) = with_a_bystander(on).await;
        for garbage in
            [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], &[0xff; 100_000], b"\r\n\r\n\0", b"GET"]
        {
            let mut peer = server.connect().await;
            let _ = peer.stream.write_all(garbage).await;
            let _ = peer.stream.shutdown().await;
            let mut thrown = Vec::new();
            let _ = tokio::io::AsyncReadExt::read_to_end(&mut peer.stream, &mut thrown).await;
            assert!(garbage == b"GET" || thrown.starts_with(b"HTTP/1.1 400 "), "{thrown:?}");
        }
        for garbage in
            [&b"\xff\xff\xff\xff"[..], b"\x81\x02hi", b"\x01\x80\0\0\0\0\x81\x80\0\0\0\0", b"\x89\xfe\0\x80"]
        {
            let mut peer = opened(&server).await;
            peer.send(garbage).await;
            peer.stream.shutdown().await.unwrap();
            assert_eq!(close_code(&peer.rest().await), 1002, "{garbage:?}");
        }
        assert_echoes(&mut bystander).await;
    }
}

#[tokio::test]
async fn a_peer_that_announces_more_than_there_is_memory() {
    for on in LOOPS {
        let (server, mut bystander) = with_a_bystander(on).await;
        let mut peer = opened(&server).await;
        let mut header = b"\x82\xff".to_vec();
        header.extend_from_slice(&(1_u64 << 62).to_be_bytes());
        header.extend_from_slice(&[1, 2, 3, 4]);
        peer.send(header).await;
        peer.stream.shutdown().await.unwrap();
        assert_eq!(close_code(&peer.rest().await), 1009);
        assert_echoes(&mut bystander).await;
    }
}

#[tokio::test]
async fn a_peer_whose_headers_never_end() {
    for on in LOOPS {
        let (server, mut bystander) = with_a_bystander(on).await;
        for line in ["A: 1\r\n".to_owned(), format!("A: {}\r\n", "b".repeat(1000)), "b".repeat(1000)] {
            let mut peer = server.connect().await;
            peer.send("GET /echo HTTP/1.1\r\n").await;
            // Until the server has said what it thinks of it and left.
            for _ in 0..10_000 {
                if peer.stream.write_all(line.as_bytes()).await.is_err() {
                    break;
                }
            }
            assert_echoes(&mut bystander).await;
        }
    }
}

#[tokio::test]
async fn many_peers_that_never_finish_their_handshake() {
    for on in LOOPS {
        let settings = Settings { handshake_timeout: Duration::from_secs(1), ..Settings::default() };
        let server = on.echo(settings).await;
        let mut bystander = server.open("/echo").await;
        let mut peers = Vec::new();
        for n in 0..50 {
            let mut peer = server.connect().await;
            peer.send(&request("/echo", "").as_bytes()[..n]).await;
            peers.push(peer);
        }
        assert_echoes(&mut bystander).await;
        for mut peer in peers {
            assert!(peer.rest().await.starts_with(b"HTTP/1.1 408 "));
        }
        assert_echoes(&mut bystander).await;
    }
}

#[tokio::test]
async fn a_peer_that_floods_with_pings_and_reads_nothing() {
    for on in LOOPS {
        let (server, mut bystander) = with_a_bystander(on).await;
        let mut peer = opened(&server).await;
        let mut pings = Vec::new();
        for _ in 0..1000 {
            pings.extend_from_slice(b"\x89\xfd\0\0\0\0");
            pings.extend_from_slice(&[b'p'; 125]);
        }
        // Some 26 MB, more than the buffers of the kernel hold: pongs that cannot be written are merged.
        for _ in 0..200 {
            peer.send(&pings).await;
        }
        assert_echoes(&mut bystander).await;
        drop(peer);
        assert_echoes(&mut bystander).await;
    }
}

#[tokio::test]
async fn a_peer_that_asks_for_echoes_and_reads_nothing() {
    let (server, mut bystander) = with_a_bystander(Loop::Tokio).await;
    let mut peer = opened(&server).await;
    let mut frame = b"\x82\xff\0\0\0\0\0\x10\0\0\0\0\0\0".to_vec();
    frame.resize(frame.len() + (1 << 20), b'x');
    // The server stops reading once its answers are stuck, and so the writes here get stuck too.
    let stuck = tokio::time::timeout(Duration::from_secs(1), async {
        for _ in 0..1000 {
            peer.send(&frame).await;
        }
    });
    assert!(stuck.await.is_err(), "a thousand MB are in nobody's memory");
    assert_echoes(&mut bystander).await;
}

#[tokio::test]
async fn a_peer_that_is_half_open_is_found_out() {
    let mut config = carrick::protocol::Config::default();
    config.ping_interval = Some(Duration::from_millis(50));
    config.pong_timeout = Duration::from_millis(500);
    config.close_timeout = Duration::from_millis(50);
    let (ended, mut ends) = tokio::sync::mpsc::unbounded_channel();
    let handler = move |mut websocket: WebSocket, _| {
        let ended = ended.clone();
        async move {
            while let Some(Ok(_)) = websocket.recv().await {}
            let code =
                websocket.closed().and_then(|closed| closed.violation.as_ref().map(Violation::close_code));
            ended.send(code).unwrap();
        }
    };
    let server = free_server().await.route("/echo", handler).config(config);
    let server = Running::start(server.route("/other", echo));
    let mut bystander = server.open("/other").await;
    // It is there and says nothing, not even to pings.
    let silent = opened(&server).await;
    let ended = async { ends.recv().await.unwrap() };
    let code = tokio::select! {
        code = ended => code,
        _ = async { while let Some(Ok(_)) = bystander.recv().await {} } => panic!("the bystander was ended"),
    };
    assert_eq!(code, Some(CloseCode::INTERNAL_ERROR));
    drop(silent);
    assert_echoes(&mut bystander).await;
}

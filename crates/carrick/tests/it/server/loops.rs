//! What a peer sees of a server, the same on both loops.

use std::time::Duration;

use carrick::protocol::{CloseCode, Compression, Config, Kind, Message};
use tokio::io::AsyncWriteExt;

use super::support::{LOOPS, Settings, assert_echoes, closed, next, request};

/// A masked frame whose key is zero.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..=125 => frame.push(0x80 | length as u8),
        length @ 126..=0xffff => {
            frame.push(0x80 | 126);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

#[tokio::test]
async fn a_request_and_what_is_behind_it_may_come_in_any_cut() {
    for on in LOOPS {
        let server = on.echo(Settings::default()).await;
        let mut bytes = request("/echo", "").into_bytes();
        let head = bytes.len();
        bytes.extend(
            [frame(0x01, b"Hel"), frame(0x89, b"ping"), frame(0x80, b"lo"), frame(0x82, b"")].concat(),
        );
        for cut in (1..bytes.len()).step_by(5).chain([head - 1, head, head + 1, bytes.len()]) {
            let mut peer = server.connect().await;
            peer.send(&bytes[..cut]).await;
            // The server has read the first part, or both come at once: each is right.
            tokio::task::yield_now().await;
            peer.send(&bytes[cut..]).await;
            assert_eq!(peer.answer().await.status(), 101);
            let mut websocket = peer.websocket();
            assert_eq!(next(&mut websocket).await, Message::text("Hello"), "{on:?} cut at {cut}");
            assert_eq!(next(&mut websocket).await, Message::binary(vec![]));
        }
    }
}

#[tokio::test]
async fn messages_of_every_size_come_back_as_they_went() {
    for on in LOOPS {
        let mut config = Config::default();
        config.high_water_bytes = 32 << 20;
        let server = on.echo(Settings { config, ..Settings::default() }).await;
        let mut websocket = server.open("/echo").await;
        for length in [0, 1, 125, 126, 4095, 4096, 65_535, 65_536, 262_144, 300_000, 1 << 20, 5 << 20] {
            let bytes: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
            websocket.send(bytes.clone()).await.unwrap();
            assert_eq!(next(&mut websocket).await, Message::binary(bytes), "{on:?} {length} bytes");
        }
        // Many at once, of which some are large, answered in their order.
        let lengths = [10, 20_000, 3, 5000, 70_000, 0, 16_384, 7];
        for length in lengths {
            websocket.feed("ä".repeat(length)).await.unwrap();
        }
        websocket.flush().await.unwrap();
        for length in lengths {
            assert_eq!(next(&mut websocket).await, Message::text("ä".repeat(length)), "{on:?} {length}");
        }
        websocket.send_piece(Kind::Text, "in pieces ", false).await.unwrap();
        websocket.send_piece(Kind::Text, "x".repeat(300_000), true).await.unwrap();
        assert_eq!(next(&mut websocket).await.len(), 300_010);
    }
}

#[tokio::test]
async fn what_is_too_slow_too_large_or_no_websocket_is_refused_and_told_why() {
    for on in LOOPS {
        let settings = Settings { handshake_timeout: Duration::from_millis(50), ..Settings::default() };
        let server = on.echo(settings).await;
        let late = server.connect().await.refused(&request("/echo", "")[..40]).await;
        assert_eq!((late.status().as_u16(), late.body().is_empty()), (408, false), "{on:?}");

        let server = on.echo(Settings::default()).await;
        for (sent, status) in [
            (request("/none", ""), 404),
            (request("/echo", &format!("A: {}\r\n", "b".repeat(20_000))), 431),
            (request("/echo", "Origin: http://evil.example\r\n"), 403),
            ("GET /echo HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 426),
            ("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc".to_owned(), 426),
        ] {
            let answer = server.connect().await.refused(sent).await;
            assert_eq!(answer.status().as_u16(), status, "{on:?}: {}", answer.body());
        }
    }
}

#[tokio::test]
async fn a_large_request_that_is_refused_does_not_lose_its_answer_to_a_reset() {
    for on in LOOPS {
        let server = on.echo(Settings::default()).await;
        let mut peer = server.connect().await;
        // More is on its way when the answer is written.
        peer.send("bad request\r\n").await;
        for _ in 0..10 {
            let _ = peer.stream.write_all(&[b'x'; 16 << 10]).await;
        }
        assert_eq!(peer.answer().await.status(), 400, "{on:?}");
    }
}

#[tokio::test]
async fn limits_and_timeouts_of_an_open_connection_hold() {
    for on in LOOPS {
        let mut config = Config::default();
        config.max_message_bytes = 1000;
        config.ping_interval = None;
        config.idle_timeout = Some(Duration::from_millis(100));
        let server = on.echo(Settings { config, ..Settings::default() }).await;
        let mut websocket = server.open("/echo").await;
        websocket.send(vec![0; 1000]).await.unwrap();
        assert_eq!(next(&mut websocket).await.len(), 1000);
        websocket.send(vec![0; 1001]).await.unwrap();
        assert_eq!(closed(&mut websocket).await.code(), CloseCode::MESSAGE_TOO_BIG, "{on:?}");
        // One that says nothing.
        let mut websocket = server.open("/echo").await;
        assert_eq!(closed(&mut websocket).await.code(), CloseCode::TIMEOUT, "{on:?}");
    }
}

#[tokio::test]
async fn a_stop_closes_and_a_close_is_answered() {
    for on in LOOPS {
        let mut server = on.echo(Settings::default()).await;
        let mut first = server.open("/echo").await;
        first.feed_with("last", Compression::Never).await.unwrap();
        first.close(CloseCode::from(4000), "bye").await.unwrap();
        assert_eq!(first.closed().unwrap().code(), CloseCode::from(4000));
        let mut second = server.open("/echo").await;
        assert_echoes(&mut second).await;
        server.ask_to_stop();
        assert_eq!(closed(&mut second).await.code(), CloseCode::GOING_AWAY, "{on:?}");
        assert_eq!(server.stopped().await, 0);
    }
}

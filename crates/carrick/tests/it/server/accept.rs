//! `accept` on a stream of one's own, with the clock standing still.

use std::time::Duration;

use carrick::{
    AcceptOptions, Error, WebSocket, accept, accept_with,
    protocol::{Acceptor, HeadLimits, Refusal, Rejection},
};
use http::{Request, StatusCode};
use tokio::{
    io::{AsyncWriteExt, DuplexStream, duplex},
    time::{Instant, advance},
};

use super::support::{Peer, assert_echoes, next, request};

type Accepted = Result<WebSocket<DuplexStream>, Error>;

/// A peer, and what becomes of its handshake.
fn accepting() -> (Peer<DuplexStream>, tokio::task::JoinHandle<Accepted>) {
    let (near, far) = duplex(1 << 16);
    (Peer::new(near), tokio::spawn(async move { accept(far, &Acceptor::default()).await }))
}

fn rejection(accepted: Accepted) -> Rejection {
    match accepted {
        Err(Error::Rejection(rejection)) => *rejection,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_may_come_byte_by_byte() {
    let (mut peer, accepted) = accepting();
    for byte in request("/", "").into_bytes() {
        peer.send([byte]).await;
    }
    assert_eq!(peer.answer().await.status(), 101);
    let mut server = accepted.await.unwrap().unwrap();
    let echo = tokio::spawn(async move {
        let message = next(&mut server).await;
        server.send(message).await.unwrap();
        server
    });
    assert_echoes(&mut peer.websocket()).await;
    echo.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_first_frames_may_come_with_the_request() {
    let (mut peer, accepted) = accepting();
    let mut bytes = request("/", "").into_bytes();
    // A masked text frame, its key zero.
    bytes.extend_from_slice(b"\x81\x82\0\0\0\0hi\x81\x82\0\0\0\0ho");
    peer.send(bytes).await;
    let mut server = accepted.await.unwrap().unwrap();
    assert_eq!(next(&mut server).await, "hi".into());
    assert_eq!(next(&mut server).await, "ho".into());
}

#[tokio::test(start_paused = true)]
async fn a_head_that_takes_too_long_is_answered_408() {
    let start = Instant::now();
    let (mut peer, accepted) = accepting();
    // The time counts from here.
    tokio::task::yield_now().await;
    // One byte a second is progress, and yet no request.
    for byte in request("/", "").bytes().take(9) {
        peer.send([byte]).await;
        advance(Duration::from_secs(1)).await;
    }
    let answer = peer.answer().await;
    assert_eq!(answer.status(), StatusCode::REQUEST_TIMEOUT);
    assert_eq!(answer.body(), "request did not arrive within 10s\n");
    assert_eq!(start.elapsed().as_secs(), 10);
    drop(peer);
    assert_eq!(
        rejection(accepted.await.unwrap()),
        Rejection::HeadTimeout { waited: Duration::from_secs(10) }
    );
}

#[tokio::test(start_paused = true)]
async fn a_refused_peer_that_goes_on_sending_is_left_in_the_end() {
    let start = Instant::now();
    let (mut peer, accepted) = accepting();
    peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(peer.answer().await.status(), StatusCode::UPGRADE_REQUIRED);
    // The answer has arrived, and the peer neither reads on nor closes.
    assert_eq!(rejection(accepted.await.unwrap()), Rejection::UpgradeMissing);
    assert_eq!(start.elapsed(), Duration::from_secs(2));

    let (peer, accepted) = accepting();
    let (_reading, mut writing) = tokio::io::split(peer.stream);
    writing.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    while writing.write_all(&[b'x'; 1024]).await.is_ok() {}
    assert_eq!(rejection(accepted.await.unwrap()), Rejection::UpgradeMissing);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_take_the_answer_is_left_in_the_end() {
    let (near, far) = duplex(64);
    let accepted = tokio::spawn(async move { accept(far, &Acceptor::default()).await });
    let mut peer = Peer::new(near);
    peer.send(request("/", "")).await;
    let error = accepted.await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "opening handshake took longer than 10s");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_ends_before_the_request_is_an_error() {
    for cut in [0, 1, 20, request("/", "").len() - 1] {
        let (mut peer, accepted) = accepting();
        peer.send(&request("/", "")[..cut]).await;
        drop(peer);
        match accepted.await.unwrap() {
            Err(Error::Io(error)) => assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_application_may_refuse_and_has_to_decide_in_time() {
    let mut limits = HeadLimits::default();
    limits.max_headers = 6;
    let mut options = AcceptOptions::default();
    options.head_limits = limits;
    options.handshake_timeout = Duration::from_secs(3);
    let accepting = |path: &str, lines: &str| {
        let (near, far) = duplex(1 << 16);
        let options = options.clone();
        tokio::spawn(async move {
            accept_with(far, &Acceptor::default(), options, async |request: &Request<()>| {
                match request.uri().path() {
                    "/forbidden" => Err(Refusal::new(StatusCode::FORBIDDEN, "not you")),
                    "/undecided" => std::future::pending().await,
                    _ => Ok(()),
                }
            })
            .await
        });
        (Peer::new(near), request(path, lines))
    };
    for (path, lines, status, sentence) in [
        ("/forbidden", "", 403, "not you\n"),
        ("/undecided", "", 503, "server did not decide in time\n"),
        ("/", "a: 1\r\nb: 2\r\n", 431, "request has more than 6 header fields\n"),
    ] {
        let (peer, request) = accepting(path, lines);
        let answer = peer.refused(request).await;
        assert_eq!((answer.status().as_u16(), answer.body().as_str()), (status, sentence));
    }
    let (peer, request) = accepting("/", "");
    peer.open_with(request).await;
}

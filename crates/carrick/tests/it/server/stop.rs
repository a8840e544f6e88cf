//! How a server stops.

use std::time::Duration;

use carrick::protocol::CloseCode;
use http::StatusCode;
use tokio::net::TcpStream;

use super::support::{Running, assert_echoes, closed, echo_server, free_server, next, request};

#[tokio::test]
async fn open_connections_are_closed_with_1001() {
    let mut server = Running::echo().await;
    let mut websockets = Vec::new();
    for _ in 0..5 {
        let mut websocket = server.open("/echo").await;
        assert_echoes(&mut websocket).await;
        websockets.push(websocket);
    }
    server.ask_to_stop();
    for mut websocket in websockets {
        let frame = closed(&mut websocket).await.frame.unwrap();
        assert_eq!((frame.code(), frame.reason()), (CloseCode::GOING_AWAY, "server is stopping"));
    }
    assert_eq!(server.stopped().await, 0);
}

#[tokio::test]
async fn the_halves_of_a_connection_are_closed_too() {
    let server = free_server().await.route("/", |websocket, _| async move {
        let (mut sender, mut receiver) = websocket.split();
        sender.send("here").await.expect("the peer is there");
        while let Some(Ok(_)) = receiver.recv().await {}
        sender.send("too late").await.expect_err("the connection is closed");
    });
    let mut server = Running::start(server);
    let mut websocket = server.open("/").await;
    next(&mut websocket).await;
    server.ask_to_stop();
    assert_eq!(closed(&mut websocket).await.frame.unwrap().code(), CloseCode::GOING_AWAY);
    assert_eq!(server.stopped().await, 0);
}

#[tokio::test]
async fn pages_that_became_websockets_are_closed_too() {
    let mut server = Running::start(echo_server().await.fallback(axum::Router::new()));
    let mut peer = server.connect().await;
    peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(peer.answer().await.status(), StatusCode::NOT_FOUND);
    let mut websocket = peer.open("/echo").await;
    assert_echoes(&mut websocket).await;
    server.ask_to_stop();
    assert_eq!(closed(&mut websocket).await.frame.unwrap().code(), CloseCode::GOING_AWAY);
    assert_eq!(server.stopped().await, 0);
}

#[tokio::test]
async fn a_stopping_server_accepts_no_more() {
    let mut server = Running::echo().await;
    let address = server.address;
    server.ask_to_stop();
    assert_eq!(server.stopped().await, 0);
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_stopping_server_waits_for_its_handlers() {
    let (done, mut finished) = tokio::sync::mpsc::unbounded_channel();
    let server = free_server().await.route("/", move |mut websocket, _| {
        let done = done.clone();
        async move {
            websocket.send("here").await.unwrap();
            while let Some(Ok(_)) = websocket.recv().await {}
            // The connection is closed, and the handler has something left to do.
            tokio::task::yield_now().await;
            done.send("saved").unwrap();
        }
    });
    let mut server = Running::start(server);
    let mut websocket = server.open("/").await;
    next(&mut websocket).await;
    server.ask_to_stop();
    closed(&mut websocket).await;
    assert_eq!(server.stopped().await, 0);
    assert_eq!(finished.try_recv(), Ok("saved"));
}

#[tokio::test]
async fn what_does_not_end_in_time_is_cut_and_counted() {
    let server = free_server().await.drain_timeout(Duration::from_millis(100));
    let server = server.route("/deaf", |mut websocket, _| async move {
        websocket.send("here").await.unwrap();
        std::future::pending::<()>().await;
    });
    let mut server = Running::start(server);
    let mut websockets = [server.open("/deaf").await, server.open("/deaf").await];
    for websocket in &mut websockets {
        next(websocket).await;
    }
    server.ask_to_stop();
    assert_eq!(server.stopped().await, 2);
    for websocket in &mut websockets {
        assert!(websocket.recv().await.is_none_or(|received| received.is_err()));
    }
}

#[tokio::test]
async fn a_peer_that_does_not_answer_the_close_is_cut() {
    let server = echo_server().await.drain_timeout(Duration::from_millis(100));
    let mut server = Running::start(server);
    let mut peer = server.connect().await;
    peer.send(request("/echo", "")).await;
    peer.answer().await;
    server.ask_to_stop();
    assert_eq!(server.stopped().await, 1);
    assert_eq!(peer.rest().await, b"\x88\x14\x03\xe9server is stopping");
}

#[tokio::test]
async fn a_handshake_under_way_is_refused_with_503() {
    let server = echo_server().await.on_request(|request, _| async {
        if request.uri().query() == Some("wait") {
            std::future::pending::<()>().await;
        }
        Ok(request)
    });
    let mut server = Running::start(server);
    let mut reading = server.connect().await;
    reading.send("GET /echo HTT").await;
    let mut deciding = server.connect().await;
    deciding.send(request("/echo?wait", "")).await;
    // A later connection is open, so the server has the earlier ones.
    assert_echoes(&mut server.open("/echo").await).await;
    server.ask_to_stop();
    for peer in [&mut reading, &mut deciding] {
        let answer = peer.answer().await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.body(), "server is stopping, connect again later\n");
        assert_eq!(peer.rest().await, b"");
    }
    drop((reading, deciding));
    assert_eq!(server.stopped().await, 0);
}

#[tokio::test]
async fn a_page_that_is_being_served_is_finished() {
    let (release, released) = tokio::sync::watch::channel(false);
    let router = axum::Router::new().route("/", axum::routing::get(|| async { "home" })).route(
        "/slow",
        axum::routing::get(move || {
            let mut released = released.clone();
            async move {
                released.wait_for(|released| *released).await.unwrap();
                "slow"
            }
        }),
    );
    let mut server = Running::start(echo_server().await.fallback(router));
    let mut idle = server.connect().await;
    idle.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    idle.answer().await;
    let mut slow = server.connect().await;
    slow.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await;
    while release.receiver_count() < 2 {
        tokio::task::yield_now().await;
    }
    server.ask_to_stop();
    // The connection that only waits for a next request ends at once.
    assert_eq!(idle.rest().await, b"");
    release.send(true).unwrap();
    let answer = slow.answer().await;
    assert_eq!(answer.body(), "slow");
    assert_eq!(slow.rest().await, b"");
    assert_eq!(server.stopped().await, 0);
}

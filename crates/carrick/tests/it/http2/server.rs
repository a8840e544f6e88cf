//! The server, as a client of HTTP/2 sees it.

use std::time::Duration;

use axum::{Router, routing};
use bytes::Bytes;
use carrick::{
    Server,
    protocol::{CloseCode, Refusal},
};
use h2::Reason;
use http::Method;
use tokio::time::{Instant, timeout};

use super::support::{Raw, get, request, request_for, text};
use crate::server::support::{Running, assert_echoes, closed, echo_server};

#[tokio::test]
async fn a_websocket_echoes_over_cleartext_with_prior_knowledge() {
    let server = Running::echo().await;
    let mut raw = Raw::connect(server.address).await;
    assert!(raw.requests.is_extended_connect_protocol_enabled());
    let mut first = raw.open("/echo").await;
    let mut second = raw.open("/echo").await;
    assert_echoes(&mut first).await;
    assert_echoes(&mut second).await;
    let closed = first.close(CloseCode::NORMAL, "bye").await.unwrap();
    assert_eq!(closed.frame.unwrap().code(), CloseCode::NORMAL);
    assert_echoes(&mut second).await;
}

#[tokio::test]
async fn other_protocols_are_not_implemented_and_a_key_is_answered() {
    let server = Running::echo().await;
    let mut raw = Raw::connect(server.address).await;
    let answer = raw.refused(request_for("connect-udp", "/echo", &[])).await;
    assert_eq!(answer.status(), 501);
    assert_eq!(answer.body(), ":protocol is \"connect-udp\", must be websocket\n");

    let (answer, _sending) = raw.ask(request("/echo", &[])).await;
    assert!(!answer.headers().contains_key("sec-websocket-accept"));
    let key = [("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")];
    let (answer, _sending) = raw.ask(request("/echo", &key)).await;
    assert_eq!(answer.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

#[tokio::test]
async fn refusals_say_why_and_end_their_stream_only() {
    let server = Running::echo().await;
    let mut raw = Raw::connect(server.address).await;
    for (request, status, body) in [
        (request("/nothing", &[]), 404, "no websocket"),
        (request("/echo", &[("origin", "https://evil.example")]), 403, "evil.example"),
        (request("/echo", &[("sec-websocket-protocol", "a, a")]), 400, "twice"),
        (get("/echo"), 400, "CONNECT"),
    ] {
        let answer = raw.refused(request).await;
        assert_eq!(answer.status(), status, "{}", answer.body());
        assert!(answer.body().contains(body), "{}", answer.body());
    }
    assert_echoes(&mut raw.open("/echo").await).await;
}

async fn upload(body: Bytes) -> String {
    format!("{} bytes", body.len())
}

#[tokio::test]
async fn pages_and_websockets_share_a_connection() {
    let pages = Router::new().route("/", routing::get("a page").post(upload));
    let server = Running::start(echo_server().await.fallback(pages));
    let mut raw = Raw::connect(server.address).await;
    let mut websocket = raw.open("/echo").await;
    let (answer, _) = raw.ask(get("/")).await;
    assert_eq!((answer.status().as_u16(), &answer.headers()["content-length"]), (200, &"6".parse().unwrap()));
    assert_eq!(text(answer.into_body()).await, "a page");

    let mut upload = get("/");
    *upload.method_mut() = Method::POST;
    let (response, mut sending) = raw.send(upload).await;
    for _ in 0..10 {
        sending.send_data(Bytes::from_static(&[0; 10_000]), false).unwrap();
    }
    sending.send_data(Bytes::new(), true).unwrap();
    assert_eq!(text(response.await.unwrap().into_body()).await, "100000 bytes");

    let mut head = get("/");
    *head.method_mut() = Method::HEAD;
    let (answer, _) = raw.ask(head).await;
    assert!(answer.body().is_end_stream());
    assert_eq!(raw.refused(get("/none")).await.status(), 404);
    assert_echoes(&mut websocket).await;
}

#[tokio::test]
async fn pages_are_bounded_by_the_streams_of_their_connection() {
    let pages = Router::new().route("/", routing::post(upload));
    let server = echo_server().await.fallback(pages).max_connections(1).max_concurrent_streams(3);
    let server = Running::start(server);
    let mut raw = Raw::connect(server.address).await;
    // The connection has the only place, which the pages on it share.
    assert_eq!(raw.refused(request("/echo", &[])).await.status(), 503);
    let mut post = get("/");
    *post.method_mut() = Method::POST;
    let mut uploads = Vec::new();
    for _ in 0..3 {
        uploads.push(raw.send(post.clone()).await);
    }
    let (mut fourth, mut sending) = raw.send(post).await;
    sending.send_data(Bytes::new(), true).unwrap();
    assert!(timeout(Duration::from_millis(100), &mut fourth).await.is_err(), "there is no stream for it");
    for (response, mut sending) in uploads {
        sending.send_data(Bytes::new(), true).unwrap();
        assert_eq!(text(response.await.unwrap().into_body()).await, "0 bytes");
    }
    assert_eq!(text(fourth.await.unwrap().into_body()).await, "0 bytes");
}

#[tokio::test]
async fn a_stop_sends_goaway_and_refuses_what_still_comes() {
    let mut server = Running::echo().await;
    let mut raw = Raw::connect(server.address).await;
    let mut websocket = raw.open("/echo").await;
    server.ask_to_stop();
    assert_eq!(closed(&mut websocket).await.frame.unwrap().code(), CloseCode::GOING_AWAY);
    drop(websocket);
    let Raw { requests, connection } = raw;
    drop(requests);
    connection.await.unwrap().unwrap();
    assert_eq!(server.stopped().await, 0);
}

#[tokio::test]
async fn each_websocket_counts_as_a_connection() {
    let server = Running::start(echo_server().await.max_connections(3));
    let mut raw = Raw::connect(server.address).await;
    let mut first = raw.open("/echo").await;
    let mut second = raw.open("/echo").await;
    let answer = raw.refused(request("/echo", &[])).await;
    assert_eq!(answer.status(), 503, "{}", answer.body());
    assert_echoes(&mut second).await;
    first.close(CloseCode::NORMAL, "").await.unwrap();
    drop(first);
    // Its place is free once its handler has returned.
    loop {
        let (answer, _sending) = raw.ask(request("/echo", &[])).await;
        if answer.status() == 200 {
            break;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn requests_that_are_taken_back_all_the_time_end_the_connection() {
    let server = Running::start(echo_server().await.on_request(|request, _| async move {
        // An application that thinks for longer than anybody waits.
        std::future::pending::<()>().await;
        Ok::<_, Refusal>(request)
    }));
    let mut raw = Raw::connect(server.address).await;
    let error = loop {
        if let Err(error) = std::future::poll_fn(|cx| raw.requests.poll_ready(cx)).await {
            break error;
        }
        match raw.requests.send_request(request("/echo", &[]), false) {
            Ok((_, mut sending)) => sending.send_reset(Reason::CANCEL),
            Err(error) => break error,
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(error.reason(), Some(Reason::ENHANCE_YOUR_CALM), "{error}");
    assert!(Raw::connect(server.address).await.requests.is_extended_connect_protocol_enabled());
}

#[tokio::test]
async fn websockets_that_are_taken_back_all_the_time_end_the_connection() {
    let server = Running::echo().await;
    let mut raw = Raw::connect_piped(server.address).await;
    let mut opened = 0;
    while std::future::poll_fn(|cx| raw.requests.poll_ready(cx)).await.is_ok() {
        let asked = raw.requests.send_request(request("/echo", &[]), false);
        let Ok((response, mut sending)) = asked else { break };
        let Ok(response) = response.await else { break };
        assert_eq!(response.status(), 200);
        opened += 1;
        sending.send_reset(Reason::CANCEL);
    }
    let error = raw.connection.await.unwrap().unwrap_err();
    assert_eq!(error.reason(), Some(Reason::ENHANCE_YOUR_CALM), "{error}");
    assert!((800..2000).contains(&opened), "{opened}");
}

#[tokio::test]
async fn handlers_whose_streams_are_reset_do_not_pile_up() {
    let server = Server::bind("127.0.0.1:0").await.unwrap().max_concurrent_streams(2);
    let server = Running::start(server.route("/busy", |websocket, _| async move {
        // An application that does something else than to look at its WebSocket.
        std::future::pending::<()>().await;
        drop(websocket);
    }));
    let mut raw = Raw::connect(server.address).await;
    let mut opened = 0;
    loop {
        let (answer, mut sending) = raw.ask(request("/busy", &[])).await;
        if answer.status() == 503 {
            break;
        }
        assert_eq!(answer.status(), 200);
        opened += 1;
        assert!(opened <= 5, "twice as many as there may be streams, and one that is being answered");
        sending.send_reset(Reason::CANCEL);
    }
    assert!(opened >= 2);
}

#[tokio::test]
async fn a_flood_of_empty_frames_ends_the_connection() {
    let server = Running::echo().await;
    let mut raw = Raw::connect(server.address).await;
    let (answer, mut sending) = raw.ask(request("/echo", &[])).await;
    assert_eq!(answer.status(), 200);
    let error = loop {
        if let Err(error) = std::future::poll_fn(|cx| raw.requests.poll_ready(cx)).await {
            break error;
        }
        let _ = sending.send_data(Bytes::new(), false);
        tokio::task::yield_now().await;
    };
    assert_eq!(error.reason(), Some(Reason::ENHANCE_YOUR_CALM), "{error}");
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let server = Running::echo().await;
    let mut raw = Raw::connect(server.address).await;
    let large = "x".repeat(20_000);
    let answer = raw.refused(request("/echo", &[("x-large", &large)])).await;
    assert_eq!(answer.status(), 431);
    let names: Vec<_> = (0..101).map(|i| format!("x-{i}")).collect();
    let many: Vec<_> = names.iter().map(|name| (name.as_str(), "")).collect();
    let answer = raw.refused(request("/echo", &many)).await;
    assert_eq!(answer.status(), 431);
    assert!(answer.body().contains("more than 100"), "{}", answer.body());
    assert_echoes(&mut raw.open("/echo").await).await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_streams_is_left_after_the_time_of_a_handshake() {
    let server = Running::start(echo_server().await.handshake_timeout(Duration::from_secs(3)));
    let raw = Raw::connect(server.address).await;
    let began = Instant::now();
    raw.connection.await.unwrap().unwrap();
    assert!(began.elapsed() >= Duration::from_secs(3));
}

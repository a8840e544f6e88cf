//! Every way in which a server refuses, as it is seen on the wire.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use carrick::{
    Server,
    protocol::{Front, HeadLimits, Refusal},
};
use http::{HeaderValue, Request, StatusCode, header::WWW_AUTHENTICATE};

use super::support::{Running, assert_echoes, echo_server, free_server, next, request};
use crate::rules::{variant, variants};

/// The request of `support` with one thing replaced.
fn wrong(what: &str, by: &str) -> String {
    let request = request("/echo", "");
    assert!(request.contains(what), "{what}");
    request.replacen(what, by, 1)
}

#[tokio::test]
async fn every_refusal_says_what_is_wrong_and_ends_the_connection() {
    let server = Running::echo().await;
    let cases = [
        ("\0\u{1}\u{2}".to_owned(), 400, "this is not an http/1.1 request: control byte"),
        (wrong("Host:", "Host :"), 400, "this is not an http/1.1 request: header name is not a token"),
        (wrong("\r\n", "\n"), 400, "this is not an http/1.1 request: line feed without carriage return"),
        (wrong("/echo", "/echo#a"), 400, "this is not an http/1.1 request: request target has a fragment"),
        (wrong("Host: example.com\r\n", ""), 400, "request names no host"),
        (wrong("Host: example.com", "Host: a\r\nHost: b"), 400, "request has more than one host header"),
        (wrong("example.com", "a b"), 400, "host \"a b\" is not a name or an address"),
        (wrong("GET", "POST"), 405, "method is POST, a websocket is opened with GET"),
        (wrong("HTTP/1.1", "HTTP/1.0"), 426, "a websocket needs http/1.1, this request is http/1.0"),
        (wrong("HTTP/1.1", "HTTP/2.0"), 505, "this version of http is not supported here"),
        ("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n".to_owned(), 505, "this version of http is not supported here"),
        (wrong("Host", "Content-Length: 4\r\nHost"), 400, "a request for a websocket must not have a body"),
        (wrong("Connection: Upgrade", "Connection: close"), 400, "connection header has no upgrade"),
        (wrong("Sec-WebSocket-Version: 13\r\n", ""), 426, "sec-websocket-version is missing, must be 13"),
        (wrong("Version: 13", "Version: 8"), 426, "sec-websocket-version is \"8\", must be 13"),
        (wrong("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""), 400, "sec-websocket-key is missing"),
        (wrong("dGhlIHNhbXBsZSBub25jZQ==", "dGhl"), 400, "sec-websocket-key \"dGhl\" is not 16 bytes"),
        (request("/echo", "Sec-WebSocket-Extensions: ;\r\n"), 400, "sec-websocket-extensions is malformed"),
        (request("/echo", "Sec-WebSocket-Protocol: a b\r\n"), 400, "sec-websocket-protocol is malformed"),
        (request("/echo", "Sec-WebSocket-Protocol: a, a\r\n"), 400, "subprotocol \"a\" is offered twice"),
        (
            request("/echo", "Origin: https://evil.example\r\n"),
            403,
            "pages from https://evil.example may not",
        ),
        (request("/echo", "Origin: a\r\n"), 400, "origin \"a\" is not scheme://host"),
        (request("/none", ""), 404, "no websocket at \"/none\""),
        (
            request(&format!("/{}", "x".repeat(16_384)), ""),
            431,
            "head of the request is too long, limit is 16384",
        ),
        (request("/echo", &"A: 1\r\n".repeat(100)), 431, "request has more than 100 header fields"),
    ];
    for (request, status, sentence) in cases {
        let answer = server.connect().await.refused(&request).await;
        assert_eq!(answer.status().as_u16(), status, "{request}");
        assert!(answer.body().starts_with(sentence), "{request}\n{}", answer.body());
        assert_eq!(answer.headers().contains_key("upgrade"), status == 426, "{request}");
    }
    assert_echoes(&mut server.open("/echo").await).await;
}

/// The list is read from the source of the enum, so a new variant that no bytes on the wire reach fails here. Two speak of
/// extended CONNECT, which needs HTTP/2; the rules of the handshake reach them from requests.
#[tokio::test]
async fn every_rejection_is_reached_from_the_wire() {
    let told = Arc::new(Mutex::new(BTreeSet::new()));
    let start = |server: Server| {
        let tell = Arc::clone(&told);
        Running::start(server.on_rejection(move |rejection, _| {
            tell.lock().unwrap().insert(variant(rejection));
        }))
    };
    let server = start(hooked_server().await);
    let strict = echo_server().await.subprotocols(["chat"]).unwrap();
    let mut strict = start(strict.subprotocol_required(true).origin_required(true));
    // Of its own, so that a slow machine does not take another refusal for this one.
    let hasty = start(echo_server().await.handshake_timeout(Duration::from_millis(50)));
    hasty.connect().await.refused("GET /echo HTTP/1.1\r\n").await;
    let twice = |line: &str| request("/echo", &format!("{line}\r\n"));
    for bytes in [
        "\0".to_owned(),
        request(&format!("/{}", "x".repeat(16_384)), ""),
        request("/echo", &"A: 1\r\n".repeat(100)),
        wrong("HTTP/1.1", "HTTP/2.0"),
        wrong("HTTP/1.1", "HTTP/1.0"),
        wrong("GET", "POST"),
        wrong("/echo", "*"),
        wrong("Host: example.com\r\n", ""),
        twice("Host: example.com"),
        wrong("example.com", "a b"),
        wrong("Host", "Content-Length: 4\r\nHost"),
        wrong("Upgrade: websocket\r\n", ""),
        wrong("Connection: Upgrade", "Connection: close"),
        wrong("Sec-WebSocket-Version: 13\r\n", ""),
        twice("Sec-WebSocket-Version: 13"),
        wrong("Version: 13", "Version: 8"),
        wrong("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""),
        twice("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
        wrong("dGhlIHNhbXBsZSBub25jZQ==", "dGhl"),
        twice("Sec-WebSocket-Extensions: ;"),
        twice("Sec-WebSocket-Protocol: a b"),
        twice("Sec-WebSocket-Protocol: a, a"),
        twice("Origin: a"),
        twice("Origin: http://example.com\r\nOrigin: http://example.com"),
        twice("Origin: https://evil.example"),
        request("/token", ""),
    ] {
        server.connect().await.refused(&bytes).await;
    }
    strict.connect().await.refused(request("/none", "")).await;
    strict.connect().await.refused(request("/echo", "Origin: http://example.com\r\n")).await;
    strict.connect().await.refused(request("/echo", "Sec-WebSocket-Protocol: chat\r\n")).await;
    let mut late = strict.connect().await;
    late.send("GET /echo HTT").await;
    strict.connect().await.refused("\0").await;
    strict.ask_to_stop();
    assert_eq!(late.answer().await.status(), StatusCode::SERVICE_UNAVAILABLE);

    let source = include_str!("../../../src/protocol/handshake/rejection.rs");
    let mut all = variants(source, "pub enum Rejection {");
    assert!(all.remove("ConnectNotExtended") && all.remove("ProtocolUnknown"));
    assert_eq!(*told.lock().unwrap(), all);
}

#[tokio::test]
async fn what_stands_behind_a_refused_request_is_never_a_request() {
    let server = Running::echo().await;
    let second = request("/echo", "");
    for first in [
        request("/none", ""),
        request("/echo", "Origin: https://evil.example\r\n"),
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n".to_owned(),
    ] {
        // `refused` holds that one answer comes and nothing behind it.
        let answer = server.connect().await.refused(format!("{first}{second}")).await;
        assert_ne!(answer.status(), StatusCode::SWITCHING_PROTOCOLS);
    }
}

#[tokio::test]
async fn a_head_that_does_not_arrive_in_time_is_answered_408() {
    let server = Running::start(echo_server().await.handshake_timeout(Duration::from_millis(50)));
    let answer = server.connect().await.refused("GET /echo HTTP/1.1\r\n").await;
    assert_eq!(answer.status(), StatusCode::REQUEST_TIMEOUT);
}

#[tokio::test]
async fn a_head_beyond_the_limit_of_the_server_is_answered_431() {
    let mut limits = HeadLimits::default();
    limits.max_head_bytes = 64;
    let server = Running::start(echo_server().await.head_limits(limits));
    let answer =
        server.connect().await.refused("GET /echo HTTP/1.1\r\nA: ".to_owned() + &"b".repeat(64)).await;
    assert_eq!(answer.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
}

/// One whose hook goes by the path.
async fn hooked_server() -> Server {
    let handler = |mut websocket: carrick::WebSocket, request: Request<()>| async move {
        let user = request.extensions().get::<String>().cloned().unwrap_or_default();
        websocket.send(user).await.unwrap();
    };
    let token = HeaderValue::from_static("Bearer");
    free_server().await.route("/*", handler).on_request(move |mut request: Request<()>, front: Front| {
        let token = token.clone();
        async move {
            match request.uri().path() {
                "/token" => {
                    let refusal = Refusal::new(StatusCode::UNAUTHORIZED, "send a token");
                    return Err(refusal.with_header(WWW_AUTHENTICATE, token));
                }
                "/forbidden" => return Err(Refusal::new(StatusCode::FORBIDDEN, "not you")),
                "/busy" => return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "come back later")),
                "/panic" => panic!("the hook of a test panics"),
                "/undecided" => std::future::pending().await,
                _ => {}
            }
            request.extensions_mut().insert(format!("somebody at {}", front.address.unwrap()));
            Ok(request)
        }
    })
}

#[tokio::test]
async fn the_hook_refuses_with_any_status() {
    let server = Running::start(hooked_server().await);
    for (path, status, sentence) in [
        ("/token", 401, "send a token\n"),
        ("/forbidden", 403, "not you\n"),
        ("/busy", 503, "come back later\n"),
    ] {
        let answer = server.connect().await.refused(request(path, "")).await;
        assert_eq!((answer.status().as_u16(), answer.body().as_str()), (status, sentence));
        assert_eq!(answer.headers().contains_key("www-authenticate"), status == 401);
    }
}

#[tokio::test]
async fn the_hook_adds_to_the_request_of_the_handler() {
    let server = Running::start(hooked_server().await);
    let mut websocket = server.open("/").await;
    assert_eq!(next(&mut websocket).await, "somebody at 127.0.0.1".into());
}

#[tokio::test]
async fn a_hook_that_panics_or_never_decides_harms_nobody_else() {
    let server = hooked_server().await.handshake_timeout(Duration::from_secs(1));
    let server = Running::start(server);
    let mut peer = server.connect().await;
    peer.send(request("/panic", "")).await;
    assert_eq!(peer.rest().await, b"");
    let answer = server.connect().await.refused(request("/undecided", "")).await;
    assert_eq!(answer.body(), "server did not decide in time\n");
    next(&mut server.open("/").await).await;
}

#[tokio::test]
async fn the_application_is_told_of_refusals() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    let server = echo_server().await.on_rejection(move |rejection, address| {
        tell.lock().unwrap().push((rejection.status().as_u16(), address.ip().unwrap().is_loopback()));
    });
    let server = Running::start(server);
    server.connect().await.refused(request("/none", "")).await;
    server.open("/echo").await;
    server.connect().await.refused("\0").await;
    assert_eq!(*told.lock().unwrap(), [(404, true), (400, true)]);
}

//! Pages and WebSockets on one port.

use std::{
    convert::Infallible,
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use carrick::{Body, Server, protocol::Front};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};

use super::support::{Running, assert_echoes, echo_server, next, request};

/// Tells what it was asked.
#[derive(Clone)]
struct Pages;

impl tower_service::Service<Request<Body>> for Pages {
    type Response = Response<Full<Bytes>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let path = head.uri.path();
            match path {
                "/error" => return Err(io::Error::other("a secret")),
                "/panic" => panic!("the page of a test panics"),
                _ => {}
            }
            let address = head.extensions.get::<Front>().unwrap().address.unwrap();
            let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
            let page = format!("{} {path} {address} {}", head.method, String::from_utf8_lossy(&body));
            Ok(Response::new(Full::from(page)))
        })
    }
}

async fn pages_server() -> Server {
    echo_server().await.fallback(Pages)
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: example.com\r\n\r\n")
}

#[tokio::test]
async fn pages_and_websockets_share_a_port() {
    let server = Running::start(pages_server().await);
    let mut peer = server.connect().await;
    for path in ["/", "/echo", "/other"] {
        peer.send(get(path)).await;
        let answer = peer.answer().await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(*answer.body(), format!("GET {path} 127.0.0.1 "));
    }
    assert_echoes(&mut server.open("/echo").await).await;
    let answer = server.connect().await.refused(request("/other", "")).await;
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_time_without_end_is_no_limit() {
    let server = Running::start(pages_server().await.handshake_timeout(Duration::MAX));
    let mut peer = server.connect().await;
    peer.send(get("/page")).await;
    assert_eq!(peer.answer().await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_body_reaches_the_service_whole() {
    let server = Running::start(pages_server().await);
    let mut peer = server.connect().await;
    let body = "0123456789".repeat(10_000);
    let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len());
    peer.send(head + &body).await;
    assert_eq!(*peer.answer().await.body(), format!("POST / 127.0.0.1 {body}"));
    peer.send("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n").await;
    assert_eq!(peer.answer().await.body(), "PUT / 127.0.0.1 hi");
}

#[tokio::test]
async fn a_connection_that_served_pages_may_become_a_websocket() {
    let server = Running::start(pages_server().await);
    let mut peer = server.connect().await;
    peer.send(get("/")).await;
    peer.answer().await;
    assert_echoes(&mut peer.open("/echo").await).await;
}

#[tokio::test]
async fn what_is_pipelined_behind_a_request_is_not_lost() {
    let server = Running::start(pages_server().await);
    let frame = b"\x81\x82\0\0\0\0hi";
    for before in [String::new(), get("/"), get("/a") + &get("/b")] {
        let mut bytes = (before.clone() + &request("/echo", "")).into_bytes();
        bytes.extend_from_slice(frame);
        let mut peer = server.connect().await;
        peer.send(bytes).await;
        for _ in 0..before.matches("GET").count() {
            assert_eq!(peer.answer().await.status(), StatusCode::OK);
        }
        assert_eq!(peer.answer().await.status(), StatusCode::SWITCHING_PROTOCOLS);
        let mut websocket = peer.websocket();
        assert_eq!(next(&mut websocket).await, "hi".into());
        assert_echoes(&mut websocket).await;
    }
}

#[tokio::test]
async fn long_heads_and_long_frames_behind_them_stay_in_order() {
    let server = Running::start(pages_server().await);
    // Around the sizes of the buffers on the way.
    for padding in [1_000, 1_900, 3_900, 7_700, 7_900, 8_100, 8_300, 12_000, 15_900] {
        for length in [200_u16, 5_000, 20_000] {
            let page = format!("GET / HTTP/1.1\r\nHost: a\r\nA: {}\r\n\r\n", "a".repeat(padding));
            let mut bytes = (page + &request("/echo", "")).into_bytes();
            let payload: Vec<u8> = (0..length).map(|n| n.to_be_bytes()[1]).collect();
            bytes.extend_from_slice(b"\x82\xfe");
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(&[0; 4]);
            bytes.extend_from_slice(&payload);
            let mut peer = server.connect().await;
            peer.send(bytes).await;
            assert_eq!(peer.answer().await.status(), StatusCode::OK);
            assert_eq!(peer.answer().await.status(), StatusCode::SWITCHING_PROTOCOLS);
            assert_eq!(next(&mut peer.websocket()).await.as_bytes(), payload, "{padding} {length}");
        }
    }
}

#[tokio::test]
async fn a_later_request_is_refused_as_a_first_one_is() {
    let server = Running::start(pages_server().await);
    let cases = [
        (request("/none", ""), 404, "no websocket at \"/none\"\n"),
        (
            request("/echo", "Origin: https://evil.example\r\n"),
            403,
            "pages from https://evil.example may not",
        ),
        (request("/echo", "").replace("13", "8"), 426, "sec-websocket-version is \"8\", must be 13\n"),
    ];
    for (request, status, sentence) in cases {
        let mut peer = server.connect().await;
        peer.send(get("/")).await;
        peer.answer().await;
        // What stands behind it is never a request.
        let answer = peer.refused(request + &get("/")).await;
        assert_eq!(answer.status().as_u16(), status);
        assert!(answer.body().starts_with(sentence), "{}", answer.body());
    }
}

/// RFC 9112 §3.2: what stands before or behind this server may see another host than the service does.
#[tokio::test]
async fn a_page_is_for_one_host() {
    let server = Running::start(pages_server().await);
    let cases = [
        ("GET / HTTP/1.1\r\n\r\n", "request names no host\n"),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "request has more than one host header\n"),
        ("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", "request has more than one host header\n"),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "host \"a b\" is not a name"),
    ];
    for (request, sentence) in cases {
        let peer = server.connect().await;
        let answer = peer.refused(request.to_owned() + &get("/")).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{request}");
        assert!(answer.body().starts_with(sentence), "{}", answer.body());
    }
    let mut peer = server.connect().await;
    peer.send("GET / HTTP/1.0\r\n\r\n").await;
    assert_eq!(peer.answer().await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_service_that_fails_harms_nobody_else() {
    let server = Running::start(pages_server().await);
    let mut websocket = server.open("/echo").await;
    let mut peer = server.connect().await;
    peer.send(get("/error")).await;
    let answer = peer.answer().await;
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(answer.body(), "internal error\n");

    let mut peer = server.connect().await;
    peer.send(get("/panic")).await;
    assert_eq!(peer.rest().await, b"");
    assert_echoes(&mut websocket).await;
}

#[tokio::test]
async fn a_connection_that_asks_for_nothing_more_is_ended() {
    let server = Running::start(pages_server().await.handshake_timeout(Duration::from_millis(50)));
    let mut peer = server.connect().await;
    peer.send(get("/")).await;
    peer.answer().await;
    assert_eq!(peer.rest().await, b"");
}

#[tokio::test]
async fn a_router_of_axum_is_a_fallback() {
    let router = axum::Router::new()
        .route("/", axum::routing::get(|| async { "home" }))
        .route("/say", axum::routing::post(|said: String| async move { said }));
    let server = Running::start(echo_server().await.fallback(router));
    let mut peer = server.connect().await;
    peer.send(get("/")).await;
    assert_eq!(peer.answer().await.body(), "home");
    peer.send("POST /say HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi").await;
    assert_eq!(peer.answer().await.body(), "hi");
    assert_echoes(&mut peer.open("/echo").await).await;
}

/// A service that cannot fail need not say how.
#[derive(Clone)]
struct Nothing;

impl tower_service::Service<Request<Body>> for Nothing {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        std::future::ready(Ok(Response::new(Full::default())))
    }
}

#[tokio::test]
async fn a_fallback_without_routes_serves_pages_alone() {
    let server = super::support::free_server().await.fallback(Nothing);
    let server = Running::start(server);
    let mut peer = server.connect().await;
    peer.send(get("/")).await;
    assert_eq!(peer.answer().await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_refusal_behind_a_page_arrives_although_the_client_goes_on_sending() {
    let server = Running::start(pages_server().await);
    let mut peer = server.connect().await;
    peer.send(get("/")).await;
    assert_eq!(peer.answer().await.status(), StatusCode::OK);
    let refused = request("/echo", "Origin: https://evil.example\r\n");
    peer.send([refused.as_bytes(), &[b'x'; 200 * 1024]].concat()).await;
    assert_eq!(peer.answer().await.status(), StatusCode::FORBIDDEN);
    assert_eq!(peer.rest().await, b"", "the stream ends in order, it is not reset");
}

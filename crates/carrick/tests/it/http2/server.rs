//! The server, as a client of HTTP/2 sees it.

use carrick::protocol::CloseCode;
use http::{Request, Version};

use super::support::{Raw, request, request_for};
use crate::server::support::{Running, assert_echoes};

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
    let page = Request::builder().version(Version::HTTP_2).uri("http://example.com/echo").body(()).unwrap();
    for (request, status, body) in [
        (request("/nothing", &[]), 404, "no websocket"),
        (request("/echo", &[("origin", "https://evil.example")]), 403, "evil.example"),
        (request("/echo", &[("sec-websocket-protocol", "a, a")]), 400, "twice"),
        (page, 400, "CONNECT"),
    ] {
        let answer = raw.refused(request).await;
        assert_eq!(answer.status(), status, "{}", answer.body());
        assert!(answer.body().contains(body), "{}", answer.body());
    }
    assert_echoes(&mut raw.open("/echo").await).await;
}

//! RFC 6455 §4.2: what a server accepts and how it refuses.

use std::{collections::BTreeSet, sync::LazyLock, time::Duration};

use carrick::protocol::{
    Acceptor, ConnectProtocol, DeflateConfig, HeadLimits, HeadReader, OriginPolicy, Peer, Refusal, Rejection,
    TrustedProxies, is_websocket_request, write_response,
};
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, Version, header::TRANSFER_ENCODING};

use super::{Head, answer, answer_bytes, assert_is_a_sentence, variant, variants};

fn rejection(head: &Head) -> Rejection {
    answer(&Acceptor::default(), head).expect_err("the head breaks a rule")
}

fn accepted(head: &Head) -> http::Response<()> {
    answer(&Acceptor::default(), head).expect("the head follows every rule").0
}

fn limits(max_head_bytes: usize, max_headers: usize) -> HeadLimits {
    let mut limits = HeadLimits::default();
    (limits.max_head_bytes, limits.max_headers) = (max_head_bytes, max_headers);
    limits
}

/// An extended CONNECT as HTTP/2 hands it over.
fn extended_connect(version: Version, protocol: Option<&str>) -> Request<()> {
    let request = Request::builder().version(version).method(Method::CONNECT).uri("https://example.com/chat");
    let mut request = request.header("sec-websocket-version", "13").body(()).unwrap();
    if let Some(protocol) = protocol {
        request.extensions_mut().insert(ConnectProtocol::new(protocol));
    }
    request
}

#[test]
fn the_shortest_request_is_answered_as_the_rfc_prints_it() {
    let mut output = Vec::new();
    write_response(&accepted(&Head::request()), &mut output);
    let expected = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    assert_eq!(String::from_utf8(output).unwrap(), expected);
}

#[test]
fn field_names_and_keywords_are_read_in_any_case() {
    let head = Head::request().without("Upgrade").without("Connection");
    accepted(
        &head.with("UPGRADE: h2c, WebSocket").with("connection: keep-alive").with("connection: , uPGRADE"),
    );
}

#[test]
fn a_blank_line_before_the_request_line_is_ignored() {
    let bytes = [b"\r\n\r\n".as_slice(), &Head::request().bytes()].concat();
    assert!(answer_bytes(&Acceptor::default(), HeadLimits::default(), &bytes).is_ok());
}

#[test]
fn a_target_in_absolute_form_is_accepted_and_still_needs_a_host_header() {
    let absolute = Head::request().starting("GET http://other.example/chat HTTP/1.1");
    accepted(&absolute);
    assert_eq!(rejection(&absolute.without("Host")), Rejection::HostMissing);
}

#[test]
fn bytes_behind_the_head_are_left_alone() {
    let mut bytes = Head::request().bytes();
    let head = bytes.len();
    bytes.extend_from_slice(b"\x81\x00");
    let read = HeadReader::new(HeadLimits::default()).read_request(&bytes).unwrap();
    assert_eq!(read.unwrap().1, head);
}

#[test]
fn the_servers_first_preference_among_the_offered_subprotocols_is_chosen() {
    let acceptor = Acceptor::default().with_subprotocols(["b", "a"]).unwrap();
    for (offered, chosen) in [("a, b", Some("b")), ("a", Some("a")), ("A", None), ("x,y", None)] {
        let head = Head::request().with(&format!("Sec-WebSocket-Protocol: {offered}"));
        let (response, agreement) = answer(&acceptor, &head).unwrap();
        assert_eq!(agreement.subprotocol.as_deref(), chosen, "{offered}");
        let header = response.headers().get("sec-websocket-protocol");
        assert_eq!(header.map(HeaderValue::as_bytes), chosen.map(str::as_bytes), "{offered}");
    }
}

#[test]
fn a_body_of_no_bytes_is_none() {
    accepted(&Head::request().with("Content-Length: 0"));
    for line in ["Content-Length: 1", "Content-Length: x", "Transfer-Encoding: chunked"] {
        assert_eq!(rejection(&Head::request().with(line)), Rejection::BodyNotAllowed, "{line}");
    }
}

#[test]
fn a_head_of_exactly_the_limit_is_read() {
    let bytes = Head::request().bytes();
    let with_limit = |limit| answer_bytes(&Acceptor::default(), limits(limit, 100), &bytes);
    assert!(with_limit(bytes.len()).is_ok() && with_limit(bytes.len() + 1).is_ok());
    let limit = bytes.len() - 1;
    assert_eq!(with_limit(limit).unwrap_err(), Rejection::HeadTooLarge { limit });
}

#[test]
fn as_many_header_fields_as_the_limit_are_read() {
    let with_limit =
        |limit| answer_bytes(&Acceptor::default(), limits(4096, limit), &Head::request().bytes());
    assert!(with_limit(5).is_ok() && with_limit(6).is_ok());
    assert_eq!(with_limit(4).unwrap_err(), Rejection::TooManyHeaders { limit: 4 });
}

#[test]
fn what_is_no_request_is_refused_before_the_head_is_complete() {
    let garbage: [&[u8]; 14] = [
        b"\x16\x03\x01\x02\x00\x01",
        b"\0",
        b" GET",
        b"GE\xff",
        b"(GET) /",
        b"GET / HTTP/1.1\n",
        b"GET / HTTP/1.1\rX",
        b"GET /\r\n",
        b"GET / HTTPS/1.1\r\n",
        b"GET / HTTP/1.1\r\nA: b\r\n c",
        b"GET / HTTP/1.1\r\nA: \x00",
        b"GET / HTTP/1.1\r\nA: \x7f",
        b"GET / HTTP/1.1\r\nA: b\nC: d",
        b"THISISAMETHODTHATNOBODYHASEVERHEARDOF",
    ];
    for bytes in garbage {
        let error = HeadReader::new(HeadLimits::default()).read_request(bytes).expect_err("it is no request");
        assert_eq!(variant(&error), "HeadMalformed", "{}", String::from_utf8_lossy(bytes));
    }
    let preface = HeadReader::new(HeadLimits::default()).read_request(b"PRI * HTTP/2.0\r\n");
    assert_eq!(preface.unwrap_err(), Rejection::HttpVersionUnsupported);
}

#[test]
fn an_error_is_the_same_when_the_reader_is_asked_again() {
    for bytes in [b"GET / HTTP/3.0\r\n\r\n".as_slice(), b"GET /\r\n", b"\0", b"GET / HTTP/1.1\r\n:\r\n\r\n"] {
        let mut reader = HeadReader::new(HeadLimits::default());
        let first = reader.read_request(bytes).unwrap_err();
        assert_eq!(reader.read_request(bytes).unwrap_err(), first);
    }
}

#[test]
fn no_byte_in_the_place_of_another_makes_the_server_panic() {
    let lines = [
        "Origin: http://example.com",
        "Sec-WebSocket-Protocol: a, b",
        "Forwarded: for=\"[::1]\";proto=https",
    ];
    let head = lines.iter().fold(Head::request(), |head, line| head.with(line));
    let head = head.with("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=\"1\\0\"");
    let acceptor = Acceptor::default()
        .with_deflate(Some(DeflateConfig::default()))
        .with_trusted_proxies(TrustedProxies::default().with_unix_sockets(true));
    let bytes = head.bytes();
    for position in 0..bytes.len() {
        for byte in b"\0\t\n\r \",;:=\\/0a\x7f\x80\xff" {
            let mut changed = bytes.clone();
            changed[position] = *byte;
            if let Ok(Some((request, _))) = HeadReader::new(HeadLimits::default()).read_request(&changed) {
                let _ = acceptor.answer(&request, &Peer::default());
            }
        }
    }
}

#[test]
fn header_fields_that_two_readers_could_read_differently_are_refused() {
    for line in ["Host : a", "no colon", ": a", "A\u{e9}: b", "A b: c"] {
        assert_eq!(variant(&rejection(&Head::request().with(line))), "HeadMalformed", "{line}");
    }
    let line = "GET  /chat HTTP/1.1";
    assert_eq!(variant(&rejection(&Head::request().starting(line))), "HeadMalformed", "{line}");
}

#[test]
fn over_http_2_and_3_the_answer_is_200_without_hop_by_hop_headers() {
    for version in [Version::HTTP_2, Version::HTTP_3] {
        let request = extended_connect(version, Some("websocket"));
        let (response, _) = Acceptor::default().answer(&request, &Peer::default()).unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert!(response.headers().is_empty());
    }
}

#[test]
fn over_http_2_the_key_is_answered_if_and_only_if_there_is_one() {
    let mut request = extended_connect(Version::HTTP_2, Some("websocket"));
    request.headers_mut().insert("sec-websocket-key", HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ=="));
    let (response, _) = Acceptor::default().answer(&request, &Peer::default()).unwrap();
    assert_eq!(response.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

#[test]
fn a_request_is_routed_by_what_it_asks_for_and_not_by_how_well() {
    let plain = Request::builder().header("upgrade", "h2c").body(()).unwrap();
    assert!(!is_websocket_request(&plain));
    let badly = Request::builder().method("POST").header("upgrade", "foo, WEBSOCKET").body(()).unwrap();
    assert!(is_websocket_request(&badly));
    assert!(!is_websocket_request(&extended_connect(Version::HTTP_2, Some("connect-udp"))));
}

#[test]
fn extra_headers_are_sent_unless_the_handshake_writes_them() {
    let cookie = HeaderValue::from_static("id=1");
    let acceptor =
        Acceptor::default().with_header(HeaderName::from_static("set-cookie"), cookie.clone()).unwrap();
    assert_eq!(answer(&acceptor, &Head::request()).unwrap().0.headers()["set-cookie"], "id=1");
    for name in ["upgrade", "connection", "sec-websocket-accept", "sec-websocket-foo", "content-length"] {
        let error = acceptor.clone().with_header(HeaderName::from_static(name), cookie.clone()).unwrap_err();
        assert_eq!(error.to_string(), format!("header {name} is written by the handshake itself"));
    }
}

#[test]
fn a_refusal_of_the_application_never_looks_like_an_acceptance() {
    for (asked, sent) in [(101, 500), (200, 500), (204, 500), (299, 500), (302, 302), (401, 401), (503, 503)]
    {
        let refusal = Refusal::new(StatusCode::from_u16(asked).unwrap(), "no");
        assert_eq!(Rejection::from(refusal).status().as_u16(), sent);
    }
}

#[test]
fn a_refusal_of_the_application_has_one_length() {
    let chunked = HeaderValue::from_static("chunked");
    let refusal = Refusal::new(StatusCode::FORBIDDEN, "no").with_header(TRANSFER_ENCODING, chunked);
    let response = Rejection::from(refusal).response(Version::HTTP_11);
    assert!(!response.headers().contains_key(TRANSFER_ENCODING));
    assert_eq!(response.headers()["content-length"], "3");
}

/// A rejection for every variant: those that a request head can cause from its bytes, then those of HTTP/2, then those
/// that only the shell around the protocol raises.
fn one_of_each() -> Vec<Rejection> {
    let good = Head::request;
    let twice = |line: &str| good().replacing(line).with(line);
    let heads = [
        good().starting("GET"),
        good().starting("GET /chat HTTP/3.0"),
        good().starting("GET /chat HTTP/1.0"),
        good().starting("POST /chat HTTP/1.1"),
        good().starting("GET * HTTP/1.1"),
        good().starting("GET example.com:80 HTTP/1.1"),
        good().without("Host"),
        good().with("Host: example.com"),
        good().replacing("Host: user@example.com"),
        good().replacing("Host:"),
        good().with("Content-Length: 5"),
        good().without("Upgrade"),
        good().replacing("Upgrade: h2c"),
        good().without("Connection"),
        good().replacing("Connection: keep-alive"),
        good().without("Sec-WebSocket-Version"),
        good().replacing("Sec-WebSocket-Version: 8"),
        good().replacing("Sec-WebSocket-Version: 13, 8"),
        twice("Sec-WebSocket-Version: 13"),
        good().without("Sec-WebSocket-Key"),
        good().replacing("Sec-WebSocket-Key: c2hvcnQ="),
        twice("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
        good().with("Sec-WebSocket-Extensions: a;;b"),
        good().with("Sec-WebSocket-Protocol: a b"),
        good().with("Sec-WebSocket-Protocol: a, b").with("Sec-WebSocket-Protocol: a"),
        good().with("Sec-WebSocket-Protocol: soap"),
        good().with("Sec-WebSocket-Protocol: chat").with("Origin: example.com"),
        good().with("Origin: http://example.com").with("Origin: http://example.com"),
        good().with("Sec-WebSocket-Protocol: chat"),
        good().with("Sec-WebSocket-Protocol: chat").with("Origin: http://example.com"),
    ];
    let strict = Acceptor::default().with_subprotocols(["chat"]).unwrap().with_subprotocol_required(true);
    let strict = strict.with_origin_required(true).with_origins(OriginPolicy::List(Vec::new()));
    let lax = Acceptor::default().with_subprotocols(["chat"]).unwrap().with_subprotocol_required(true);
    let mut reached = Vec::new();
    for head in &heads {
        reached.push(answer(&strict, head).unwrap_err());
        reached.extend(
            [&lax, &Acceptor::default()].into_iter().filter_map(|acceptor| answer(acceptor, head).err()),
        );
    }
    for limits in [limits(20, 100), limits(4096, 2)] {
        reached.push(answer_bytes(&lax, limits, &good().bytes()).unwrap_err());
    }
    for request in
        [extended_connect(Version::HTTP_2, None), extended_connect(Version::HTTP_3, Some("webtransport"))]
    {
        reached.push(lax.answer(&request, &Peer::default()).unwrap_err());
    }
    reached.extend([
        Rejection::HeadTimeout { waited: Duration::from_secs(10) },
        Rejection::NotFound { path: "/other".into() },
        Refusal::new(StatusCode::UNAUTHORIZED, "send a token").into(),
        Rejection::Draining,
    ]);
    reached
}

/// Made once, since every head is tried at every cut.
static ONE_OF_EACH: LazyLock<Vec<Rejection>> = LazyLock::new(one_of_each);

#[test]
fn every_rejection_is_reached() {
    let reached: BTreeSet<String> = ONE_OF_EACH.iter().map(variant).collect();
    let source = include_str!("../../../src/protocol/handshake/rejection.rs");
    assert_eq!(reached, variants(source, "pub enum Rejection {"));
}

#[test]
fn every_rejection_is_a_response_that_says_why_and_ends_the_connection() {
    for rejection in ONE_OF_EACH.iter() {
        assert_is_a_sentence(&rejection.to_string());
        assert!(rejection.section().starts_with("RFC "));
        let response = rejection.response(Version::HTTP_11);
        let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap());
        assert!(response.status().as_u16() >= 300, "{rejection:?}");
        assert_eq!(response.body(), &format!("{rejection}\n"));
        assert_eq!(header("content-length"), Some(response.body().len().to_string().as_str()));
        assert!(header("connection").unwrap().ends_with("close"), "{rejection:?}");
        assert_eq!(header("upgrade").is_some(), response.status() == StatusCode::UPGRADE_REQUIRED);
        assert!(rejection.response(Version::HTTP_2).headers().get("connection").is_none());
    }
}

#[test]
fn a_wrong_version_is_answered_with_the_right_one_and_a_wrong_method_too() {
    let response =
        rejection(&Head::request().replacing("Sec-WebSocket-Version: 8")).response(Version::HTTP_11);
    assert_eq!(response.headers()["sec-websocket-version"], "13");
    let response = rejection(&Head::request().starting("HEAD / HTTP/1.1")).response(Version::HTTP_11);
    assert_eq!(response.headers()["allow"], "GET");
}

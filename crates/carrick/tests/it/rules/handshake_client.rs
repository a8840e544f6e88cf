//! RFC 6455 §4.1: what a client sends, and which answers it takes.

use std::{collections::BTreeSet, sync::LazyLock};

use carrick::protocol::{
    Agreement, ClientHandshake, DeflateConfig, HandshakeConfigError, HeadLimits, HeadReader,
    PendingHandshake, ResponseError, write_request,
};
use http::{HeaderName, HeaderValue};
use rand::{SeedableRng, rngs::StdRng};

use super::{Head, assert_is_a_sentence, variant, variants};

/// A client that offers everything there is to offer.
fn client() -> ClientHandshake {
    let config = DeflateConfig::default().with_peer_max_window_bits(11).unwrap();
    let client = ClientHandshake::new("ws://example.com/chat").unwrap().with_deflate(Some(config));
    client.with_subprotocols(["chat", "superchat"]).unwrap()
}

fn pending(client: &ClientHandshake) -> PendingHandshake {
    client.request(&mut StdRng::seed_from_u64(7)).1
}

/// The shortest answer that opens the WebSocket, for the request of [`pending`].
fn opened() -> Head {
    let refusal = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                   Sec-WebSocket-Accept: wrong\r\n\r\n";
    let (response, _) =
        HeadReader::new(HeadLimits::default()).read_response(refusal.as_bytes()).unwrap().unwrap();
    let Err(ResponseError::AcceptInvalid { expected, .. }) = pending(&client()).check(&response) else {
        panic!("the accept value is wrong");
    };
    Head::of(&[
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        &format!("Sec-WebSocket-Accept: {expected}"),
    ])
}

/// What the client makes of bytes on the wire. However they are cut, it is the same.
fn check_bytes(
    client: &ClientHandshake,
    limits: HeadLimits,
    received: &[u8],
) -> Result<Agreement, ResponseError> {
    let read = |cuts: &[usize]| {
        let mut reader = HeadReader::new(limits);
        for cut in cuts {
            if let Some((response, consumed)) = reader.read_response(&received[..*cut])? {
                assert_eq!(consumed, received.len());
                return pending(client).check(&response);
            }
        }
        panic!("head is not complete: {}", String::from_utf8_lossy(received))
    };
    let whole = read(&[received.len()]);
    let bytewise: Vec<usize> = (0..=received.len()).collect();
    assert_eq!(format!("{:?}", read(&bytewise)), format!("{whole:?}"));
    for cut in bytewise {
        assert_eq!(format!("{:?}", read(&[cut, received.len()])), format!("{whole:?}"), "cut at {cut}");
    }
    whole
}

fn check(head: &Head) -> Result<Agreement, ResponseError> {
    check_bytes(&client(), HeadLimits::default(), &head.bytes())
}

#[test]
fn a_request_has_every_field_the_rfc_demands() {
    let client = client().with_origin(Some("https://app.example".parse().unwrap()));
    let (request, _) = client.request(&mut StdRng::seed_from_u64(7));
    let mut output = Vec::new();
    write_request(&request, &mut output);
    let key = request.headers()["sec-websocket-key"].to_str().unwrap();
    let expected = format!(
        "GET /chat HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nOrigin: https://app.example\r\n\
         Sec-WebSocket-Protocol: chat, superchat\r\nSec-WebSocket-Extensions: permessage-deflate; \
         client_no_context_takeover; server_no_context_takeover; client_max_window_bits=12; \
         server_max_window_bits=11\r\n\r\n"
    );
    assert_eq!(String::from_utf8(output).unwrap(), expected);
}

#[test]
fn the_host_has_a_port_only_if_it_is_not_the_default_one() {
    for (url, line, host) in [
        ("ws://Example.com", "GET / HTTP/1.1", "example.com"),
        ("ws://example.com:80/", "GET / HTTP/1.1", "example.com"),
        ("wss://example.com:443/a/b?c=d&e", "GET /a/b?c=d&e HTTP/1.1", "example.com"),
        ("wss://example.com:80?x", "GET /?x HTTP/1.1", "example.com:80"),
        ("http://[::1]:443/", "GET / HTTP/1.1", "[::1]:443"),
        ("HTTPS://127.0.0.1:8443/", "GET / HTTP/1.1", "127.0.0.1:8443"),
    ] {
        let (request, _) = ClientHandshake::new(url).unwrap().request(&mut StdRng::seed_from_u64(1));
        let mut output = Vec::new();
        write_request(&request, &mut output);
        assert!(output.starts_with(format!("{line}\r\nHost: {host}\r\n").as_bytes()), "{url}");
    }
}

#[test]
fn every_request_has_a_new_key() {
    let mut random = StdRng::seed_from_u64(1);
    let client = client();
    let mut key = || client.request(&mut random).0.headers()["sec-websocket-key"].clone();
    assert_ne!(key(), key());
}

#[test]
fn a_url_that_names_no_websocket_is_refused_before_anything_is_sent() {
    for (url, expected) in [
        ("ws://example.com/#part", HandshakeConfigError::Fragment),
        ("ftp://example.com/", HandshakeConfigError::SchemeUnsupported { scheme: "ftp".into() }),
        ("/chat", HandshakeConfigError::SchemeUnsupported { scheme: String::new() }),
        ("ws://user:secret@example.com/", HandshakeConfigError::UserInformation),
        ("ws://exa mple.com/", HandshakeConfigError::UrlInvalid),
        ("ws://1.2.3/", HandshakeConfigError::HostInvalid { text: "1.2.3".into() }),
    ] {
        let error = ClientHandshake::new(url).unwrap_err();
        assert_is_a_sentence(&error.to_string());
        assert!(!error.to_string().contains("secret"));
        assert_eq!(error, expected, "{url}");
    }
}

#[test]
fn headers_of_the_handshake_are_not_the_users_to_write() {
    for name in [
        "host",
        "upgrade",
        "connection",
        "origin",
        "sec-websocket-key",
        "content-length",
        "transfer-encoding",
    ] {
        let name = HeaderName::from_static(name);
        let error = client().with_header(name.clone(), HeaderValue::from_static("x")).unwrap_err();
        assert_eq!(error, HandshakeConfigError::HeaderReserved { name });
    }
    let client = client().with_header(http::header::COOKIE, HeaderValue::from_static("id=1")).unwrap();
    assert_eq!(client.request(&mut StdRng::seed_from_u64(1)).0.headers()["cookie"], "id=1");
}

#[test]
fn subprotocols_that_could_not_be_told_apart_are_not_offered() {
    for names in [["a", "a"], ["a b", "c"], ["", "c"]] {
        assert!(client().with_subprotocols(names).is_err(), "{names:?}");
    }
}

#[test]
fn an_answer_that_follows_every_rule_opens_the_websocket() {
    assert_eq!(check(&opened()).unwrap(), Agreement::default());
    let in_another_case = opened().replacing("Upgrade: WebSocket").replacing("Connection: x, upgrade");
    assert_eq!(check(&in_another_case).unwrap(), Agreement::default());

    let full = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; server_max_window_bits=10; \
                client_max_window_bits=8";
    let agreement = check(&opened().with(full).with("Sec-WebSocket-Protocol: superchat")).unwrap();
    let deflate = agreement.deflate.unwrap();
    assert_eq!(agreement.subprotocol.as_deref(), Some("superchat"));
    assert_eq!((deflate.own_max_window_bits, deflate.peer_max_window_bits), (8, 10));
    assert!(!deflate.own_context_takeover && !deflate.peer_context_takeover);
}

#[test]
fn a_window_for_us_that_is_larger_than_we_offered_leaves_ours_as_it_is() {
    let answer = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; \
                  server_max_window_bits=10; client_max_window_bits=15";
    let deflate = check(&opened().with(answer)).unwrap().deflate.unwrap();
    assert_eq!(deflate.own_max_window_bits, 12);
}

#[test]
fn a_refusal_is_handed_on_with_its_whole_head() {
    let head = Head::of(&["HTTP/1.1 302 Found", "Location: wss://other.example/"]);
    let Err(ResponseError::Status(response)) = check(&head) else { panic!("302 opens no websocket") };
    assert_eq!(response.headers()["location"], "wss://other.example/");
}

#[test]
fn an_informational_answer_is_read_on_its_own() {
    let hints = Head::of(&["HTTP/1.1 103 Early Hints", "Link: </a>"]).bytes();
    let received = [hints.clone(), opened().bytes()].concat();
    let mut reader = HeadReader::new(HeadLimits::default());
    let (response, consumed) = reader.read_response(&received).unwrap().unwrap();
    assert!(response.status().is_informational() && consumed == hints.len());
    let (response, _) = reader.read_response(&received[consumed..]).unwrap().unwrap();
    assert!(pending(&client()).check(&response).is_ok());
}

#[test]
fn what_is_no_response_is_refused_before_the_head_is_complete() {
    for bytes in ["\x15\x03", "SSH-2.0", "HTTX", "\r\n", "HTTP/1.1 101\n", "HTTP/1.1 101 a\r\n b", "http/1.1"]
    {
        let error = HeadReader::new(HeadLimits::default()).read_response(bytes.as_bytes()).unwrap_err();
        assert_eq!(variant(&error), "HeadMalformed", "{bytes:?}");
    }
}

/// An error for every variant, each from the bytes of an answer.
fn one_of_each() -> Vec<ResponseError> {
    let deflate = |parameters: &str| {
        opened().with(&format!("Sec-WebSocket-Extensions: permessage-deflate{parameters}"))
    };
    let good = "; server_no_context_takeover; server_max_window_bits=11";
    let heads = [
        opened().starting("HTTP/1.1 9 Odd"),
        opened().starting("HTTP/1.1 abc"),
        opened().starting("HTTP/1.0 101 Switching Protocols"),
        opened().starting("HTTP/2 101"),
        opened().starting("HTTP/1.1 200 OK"),
        opened().without("Upgrade"),
        opened().replacing("Upgrade: websocket, h2c"),
        opened().with("Upgrade: h2c"),
        opened().without("Connection"),
        opened().replacing("Connection: close"),
        opened().without("Sec-WebSocket-Accept"),
        opened().replacing("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        opened().with("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        opened().with("Sec-WebSocket-Extensions: "),
        opened().with("Sec-WebSocket-Extensions: permessage-deflate;"),
        opened().with("Sec-WebSocket-Extensions: permessage-bzip2"),
        deflate(&format!("{good}, permessage-deflate{good}")),
        deflate(&format!("{good}; foo=1")),
        deflate(&format!("{good}; server_max_window_bits=11")),
        deflate(&format!("{good}; client_max_window_bits")),
        deflate(&format!("{good}; client_max_window_bits=07")),
        deflate("; server_no_context_takeover=1; server_max_window_bits=11"),
        deflate("; server_no_context_takeover; server_max_window_bits=12"),
        deflate("; server_no_context_takeover"),
        deflate("; server_max_window_bits=11"),
        opened().with("Sec-WebSocket-Protocol: a b"),
        opened().with("Sec-WebSocket-Protocol: "),
        opened().with("Sec-WebSocket-Protocol: chat, superchat"),
        opened().with("Sec-WebSocket-Protocol: chat").with("Sec-WebSocket-Protocol: chat"),
        opened().with("Sec-WebSocket-Protocol: Chat"),
    ];
    let mut reached: Vec<ResponseError> =
        heads.iter().map(|head| check(head).expect_err("it breaks a rule")).collect();
    let mut limits = HeadLimits::default();
    limits.max_headers = 2;
    reached.push(check_bytes(&client(), limits, &opened().bytes()).unwrap_err());
    limits.max_head_bytes = 30;
    reached.push(check_bytes(&client(), limits, &opened().bytes()).unwrap_err());
    reached
}

/// Made once, since every head is tried at every cut.
static ONE_OF_EACH: LazyLock<Vec<ResponseError>> = LazyLock::new(one_of_each);

#[test]
fn every_response_error_is_reached() {
    let reached: BTreeSet<String> = ONE_OF_EACH.iter().map(variant).collect();
    let source = include_str!("../../../src/protocol/handshake/response_error.rs");
    assert_eq!(reached, variants(source, "pub enum ResponseError {"));
}

#[test]
fn every_response_error_is_a_sentence_with_a_section() {
    for error in ONE_OF_EACH.iter() {
        assert_is_a_sentence(&error.to_string());
        assert!(error.section().starts_with("RFC "));
    }
}

#[test]
fn an_extension_is_refused_if_nothing_was_offered() {
    let plain = ClientHandshake::new("ws://example.com/chat").unwrap();
    let head = opened().with("Sec-WebSocket-Extensions: permessage-deflate");
    let error = check_bytes(&plain, HeadLimits::default(), &head.bytes()).unwrap_err();
    assert_eq!(error.to_string(), "server uses extension \"permessage-deflate\", which was not offered");
}

#[test]
fn limits_of_the_head_hold_for_responses_too() {
    let bytes = opened().bytes();
    for (limit, fits) in [(bytes.len() - 1, false), (bytes.len(), true), (bytes.len() + 1, true)] {
        let mut limits = HeadLimits::default();
        limits.max_head_bytes = limit;
        assert_eq!(check_bytes(&client(), limits, &bytes).is_ok(), fits, "{limit}");
    }
    for (limit, fits) in [(2, false), (3, true), (4, true)] {
        let mut limits = HeadLimits::default();
        limits.max_headers = limit;
        assert_eq!(check_bytes(&client(), limits, &bytes).is_ok(), fits, "{limit}");
    }
}

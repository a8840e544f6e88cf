use super::*;

fn fields(fields: &[(&str, &str)]) -> Vec<Field> {
    fields.iter().map(|(name, value)| Field { name: (*name).into(), value: (*value).into() }).collect()
}

const WEBSOCKET: [(&str, &str); 5] = [
    (":method", "CONNECT"),
    (":protocol", "websocket"),
    (":scheme", "https"),
    (":path", "/chat?room=1"),
    (":authority", "example.com:8443"),
];

const PAGE: [(&str, &str); 4] =
    [(":method", "GET"), (":scheme", "https"), (":authority", "example.com"), (":path", "/")];

fn with(head: &[(&str, &str)], more: &[(&str, &str)]) -> Result<RequestHead, Breach> {
    read_request(fields(&[head, more].concat()))
}

/// Without the fields of this name.
fn without(head: &[(&str, &str)], name: &str) -> Result<RequestHead, Breach> {
    read_request(fields(&head.iter().copied().filter(|(known, _)| *known != name).collect::<Vec<_>>()))
}

fn is_malformed<T>(result: Result<T, Breach>) -> bool {
    result.is_err_and(|breach| breach.code == ErrorCode::MessageError)
}

#[test]
fn a_websocket_is_asked_for_with_an_extended_connect() {
    let head =
        with(&WEBSOCKET, &[("sec-websocket-version", "13"), ("origin", "https://example.com")]).unwrap();
    assert_eq!(head.protocol.as_deref(), Some("websocket"));
    assert_eq!(head.request.method(), Method::CONNECT);
    assert_eq!(head.request.version(), Version::HTTP_3);
    assert_eq!(head.request.uri(), "https://example.com:8443/chat?room=1");
    assert_eq!(head.request.headers()["sec-websocket-version"], "13");
    for (name, _) in WEBSOCKET {
        match without(&WEBSOCKET, name) {
            // Then it is a plain CONNECT, which has neither scheme nor path.
            result if name == ":protocol" => assert!(is_malformed(result)),
            result => assert!(is_malformed(result), "{name}"),
        }
    }
}

#[test]
fn a_page_has_method_scheme_path_and_authority_or_host() {
    assert_eq!(with(&PAGE, &[]).unwrap().request.uri(), "https://example.com/");
    for name in [":method", ":scheme", ":path", ":authority"] {
        assert!(is_malformed(without(&PAGE, name)), "{name}");
    }
    let host: Vec<_> =
        PAGE[..2].iter().chain(&PAGE[3..]).copied().chain([("host", "other.example")]).collect();
    assert_eq!(read_request(fields(&host)).unwrap().request.uri(), "https://other.example/");
    assert!(with(&PAGE, &[("host", "example.com")]).is_ok());
    assert!(is_malformed(with(&PAGE, &[("host", "other.example")])));
    assert!(is_malformed(with(&PAGE, &[(":protocol", "websocket")])));
}

#[test]
fn a_plain_connect_has_an_authority_alone() {
    let head = read_request(fields(&[(":method", "CONNECT"), (":authority", "example.com:443")])).unwrap();
    assert_eq!((head.protocol, head.request.uri().to_string().as_str()), (None, "example.com:443"));
    assert!(is_malformed(read_request(fields(&[(":method", "CONNECT")]))));
    assert!(is_malformed(read_request(fields(&[(":method", "CONNECT"), ("host", "example.com:443")]))));
}

#[test]
fn what_breaks_the_rules_of_fields_is_malformed() {
    for (name, value) in [
        (":method", "GET"),
        (":status", "200"),
        (":unknown", ""),
        ("Origin", "https://example.com"),
        ("bad name", ""),
        ("", ""),
        ("x", "a\nb"),
        ("x", "a\0b"),
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("transfer-encoding", "chunked"),
        ("keep-alive", "1"),
        ("proxy-connection", "close"),
        ("te", "gzip"),
    ] {
        assert!(is_malformed(with(&PAGE, &[(name, value)])), "{name}: {value}");
    }
    assert!(with(&PAGE, &[("te", "trailers")]).is_ok());
    assert!(is_malformed(with(&PAGE, &[("content-length", "1"), ("content-length", "1")])));
    let late: Vec<_> = [("x", "y")].iter().chain(&PAGE).copied().collect();
    assert!(is_malformed(read_request(fields(&late))));
    for (name, wrong) in [(":method", "G T"), (":scheme", "ht tp"), (":path", "a b"), (":authority", "a b")] {
        let head = PAGE.map(|(known, value)| (known, if known == name { wrong } else { value }));
        assert!(is_malformed(with(&head, &[])), "{name}");
    }
}

#[test]
fn cookies_that_were_cut_are_joined() {
    let head = with(&PAGE, &[("cookie", "a=1"), ("cookie", "b=2"), ("cookie", "c=3")]).unwrap();
    let cookies: Vec<_> = head.request.headers().get_all(COOKIE).iter().collect();
    assert_eq!(cookies, ["a=1; b=2; c=3"]);
}

#[test]
fn an_answer_has_a_status_that_there_is() {
    assert_eq!(read_response(fields(&[(":status", "200")])).unwrap().status(), 200);
    for wrong in ["101", "", "99", "abc", "2000"] {
        assert!(is_malformed(read_response(fields(&[(":status", wrong)]))), "{wrong}");
    }
    assert!(is_malformed(read_response(Vec::new())));
    assert!(is_malformed(read_response(fields(&[(":status", "200"), (":path", "/")]))));
}

#[test]
fn trailers_have_no_pseudo_header_fields() {
    assert_eq!(read_trailers(fields(&[("checksum", "1")])).unwrap().len(), 1);
    assert!(is_malformed(read_trailers(fields(&[(":status", "200")]))));
}

#[test]
fn what_is_written_is_read_again() {
    let request = Request::builder()
        .method(Method::CONNECT)
        .uri("https://example.com/chat")
        .header("authorization", "Bearer secret")
        .header("host", "example.com")
        .header("upgrade", "websocket")
        .header("origin", "https://example.com")
        .body(())
        .unwrap();
    let mut section = Vec::new();
    write_request(&request, Some("websocket"), &mut section);
    let head = read_request(qpack::decode(&section, 1000).unwrap()).unwrap();
    assert_eq!(head.protocol.as_deref(), Some("websocket"));
    assert_eq!(head.request.uri(), request.uri());
    let names: Vec<_> = head.request.headers().keys().map(HeaderName::as_str).collect();
    assert_eq!(names, ["authorization", "origin"]);

    let response =
        Response::builder().status(403).header("x", "y").header("connection", "close").body("no").unwrap();
    section.clear();
    write_response(&response, &mut section);
    let read = read_response(qpack::decode(&section, 1000).unwrap()).unwrap();
    assert_eq!((read.status().as_u16(), read.headers().len()), (403, 1));
}

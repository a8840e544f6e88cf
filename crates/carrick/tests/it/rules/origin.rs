//! RFC 6455 §10.2 and RFC 7239: which pages may connect, and what trusted proxies say about them.

use std::net::IpAddr;

use carrick::protocol::{
    Acceptor, Front, HeadLimits, HeadReader, Origin, OriginPolicy, Peer, PeerAddress, Rejection, Scheme,
    TrustedProxies, write_response,
};

use super::Head;

fn answer(acceptor: &Acceptor, head: &Head, peer: Peer) -> Result<(), Rejection> {
    let (request, _) =
        HeadReader::new(HeadLimits::default()).read_request(&head.bytes())?.expect("head is complete");
    acceptor.answer(&request, &peer).map(|_| ())
}

/// A peer at this address, without TLS.
fn at(address: &str) -> Peer {
    Peer { address: Some(PeerAddress::Ip((address.parse::<IpAddr>().unwrap(), 4711).into())), tls: false }
}

fn plain() -> Peer {
    at("192.0.2.1")
}

fn refuses(acceptor: &Acceptor, origin: &str, peer: Peer) -> bool {
    match answer(acceptor, &Head::request().with(&format!("Origin: {origin}")), peer) {
        Ok(()) => false,
        Err(Rejection::OriginRefused { origin: refused }) => {
            assert_eq!(refused, origin.parse().unwrap());
            true
        }
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn by_default_pages_of_the_same_origin_may_connect_and_no_others() {
    let acceptor = Acceptor::default();
    for (origin, over_plain, over_tls) in [
        ("http://example.com", true, false),
        ("http://EXAMPLE.com:80", true, false),
        ("https://example.com", false, true),
        ("https://example.com:443", false, true),
        ("http://example.com:8080", false, false),
        ("http://www.example.com", false, false),
        ("http://example.com.evil.example", false, false),
        ("null", false, false),
        ("file://", false, false),
    ] {
        assert_eq!(refuses(&acceptor, origin, plain()), !over_plain, "{origin} over plain http");
        assert_eq!(refuses(&acceptor, origin, Peer { tls: true, ..plain() }), !over_tls, "{origin} over tls");
    }
}

#[test]
fn the_port_of_the_host_header_belongs_to_the_origin() {
    let head =
        |origin: &str| Head::request().replacing("Host: example.com:8080").with(&format!("Origin: {origin}"));
    assert!(answer(&Acceptor::default(), &head("http://example.com:8080"), plain()).is_ok());
    assert!(answer(&Acceptor::default(), &head("http://example.com"), plain()).is_err());
}

#[test]
fn the_host_of_an_absolute_target_wins_over_the_host_header() {
    let head = Head::request().starting("GET http://other.example/ HTTP/1.1");
    assert!(
        answer(&Acceptor::default(), &head.clone().with("Origin: http://other.example"), plain()).is_ok()
    );
    assert!(answer(&Acceptor::default(), &head.with("Origin: http://example.com"), plain()).is_err());
}

#[test]
fn a_list_allows_what_it_names_and_nothing_else() {
    let list = ["https://app.example", "null"].map(|origin| origin.parse().unwrap());
    let acceptor = Acceptor::default().with_origins(OriginPolicy::List(list.into()));
    assert!(!refuses(&acceptor, "https://APP.example:443", plain()));
    assert!(!refuses(&acceptor, "null", plain()));
    assert!(refuses(&acceptor, "http://app.example", plain()));
    assert!(refuses(&acceptor, "http://example.com", plain()), "the server's own origin is not listed");
}

#[test]
fn a_list_beside_the_own_origin_allows_both() {
    let list = vec!["https://app.example".parse().unwrap()];
    let acceptor = Acceptor::default().with_origins(OriginPolicy::SameOriginOr(list));
    assert!(!refuses(&acceptor, "https://app.example", plain()));
    assert!(!refuses(&acceptor, "http://example.com", plain()));
    assert!(refuses(&acceptor, "https://example.com", plain()), "the same host by another scheme");
    assert!(refuses(&acceptor, "null", plain()));
}

#[test]
fn any_allows_every_origin_but_not_what_is_none() {
    let acceptor = Acceptor::default().with_origins(OriginPolicy::Any);
    assert!(!refuses(&acceptor, "https://evil.example", plain()));
    assert!(!refuses(&acceptor, "null", plain()));
    for wrong in ["evil", "http://a/", "http://a http://b", ""] {
        let rejection =
            answer(&acceptor, &Head::request().with(&format!("Origin: {wrong}")), plain()).unwrap_err();
        assert_eq!(rejection, Rejection::OriginMalformed { value: wrong.into() });
    }
}

#[test]
fn a_request_without_origin_is_accepted_unless_one_is_required() {
    let acceptor = Acceptor::default().with_origins(OriginPolicy::List(Vec::new()));
    assert!(answer(&acceptor, &Head::request(), plain()).is_ok());
    let acceptor = acceptor.with_origin_required(true);
    assert_eq!(answer(&acceptor, &Head::request(), plain()), Err(Rejection::OriginMissing));
}

#[test]
fn behind_a_trusted_proxy_the_origin_is_compared_with_what_the_browser_saw() {
    let head = Head::request()
        .replacing("Host: backend:9000")
        .with("Origin: https://example.com")
        .with("X-Forwarded-Proto: https")
        .with("X-Forwarded-Host: example.com");
    assert!(answer(&Acceptor::default(), &head, plain()).is_err());
    let trusting = Acceptor::default().with_trusted_proxies("192.0.2.0/24".parse().unwrap());
    assert!(answer(&trusting, &head, plain()).is_ok());
    let elsewhere = at("198.51.100.1");
    assert!(answer(&trusting, &head, elsewhere).is_err());
}

/// What a server behind the proxies 10.0.0.0/8 believes about a request with these lines that came from 10.0.0.1.
fn front(lines: &[&str]) -> Front {
    front_from(&at("10.0.0.1"), lines)
}

fn front_from(peer: &Peer, lines: &[&str]) -> Front {
    let head = lines.iter().fold(Head::request(), |head, line| head.with(line));
    let (request, _) = HeadReader::new(HeadLimits::default()).read_request(&head.bytes()).unwrap().unwrap();
    "10.0.0.0/8, unix".parse::<TrustedProxies>().unwrap().front(&request, peer)
}

fn seen(front: &Front) -> (Scheme, String, Option<String>) {
    let host = front.host.as_ref().map(ToString::to_string).unwrap_or_default();
    (front.scheme, host, front.address.map(|address: IpAddr| address.to_string()))
}

fn saw(scheme: Scheme, host: &str, address: Option<&str>) -> (Scheme, String, Option<String>) {
    (scheme, host.to_owned(), address.map(str::to_owned))
}

#[test]
fn the_chain_is_walked_from_the_right_up_to_the_first_address_that_is_not_trusted() {
    let forged = "for=1.1.1.1;proto=http;host=forged.example";
    let client = "for=\"192.0.2.7:4711\";proto=https;host=\"example.com:8443\"";
    let proxy = "for=10.0.0.2;proto=http;host=inner";
    let expected = saw(Scheme::Https, "example.com:8443", Some("192.0.2.7"));
    assert_eq!(seen(&front(&[&format!("Forwarded: {forged}, {client}, {proxy}")])), expected);
    let split =
        [format!("Forwarded: {forged}"), format!("Forwarded: {client}"), format!("Forwarded: {proxy}")];
    assert_eq!(seen(&front(&split.each_ref().map(String::as_str))), expected);
}

#[test]
fn x_forwarded_headers_are_read_the_same_way() {
    let expected = saw(Scheme::Https, "example.com", Some("192.0.2.7"));
    let lists = [
        "X-Forwarded-For: 1.1.1.1, 192.0.2.7, 10.0.0.2",
        "X-Forwarded-Proto: http, https, http",
        "X-Forwarded-Host: a, example.com, b",
    ];
    assert_eq!(seen(&front(&lists)), expected);
    let single =
        ["X-Forwarded-For: 192.0.2.7, 10.0.0.2", "X-Forwarded-Proto: wss", "X-Forwarded-Host: example.com"];
    assert_eq!(seen(&front(&single)), expected);
    let forwarded_wins =
        ["Forwarded: for=\"[2001:db8::1]:1\"", "X-Forwarded-For: 192.0.2.7", "X-Forwarded-Proto: https"];
    assert_eq!(seen(&front(&forwarded_wins)), saw(Scheme::Http, "example.com", Some("2001:db8::1")));
    assert_eq!(front(&["X-Forwarded-For: 2001:db8::1"]).address, "2001:db8::1".parse().ok());
}

#[test]
fn an_address_that_a_proxy_hides_ends_the_chain() {
    for node in ["unknown", "_hidden", "\"_hidden\""] {
        let line = format!("Forwarded: for=192.0.2.7;proto=http, for={node};proto=https");
        assert_eq!(seen(&front(&[&line])), saw(Scheme::Https, "example.com", None), "{node}");
    }
}

#[test]
fn a_chain_of_trusted_proxies_alone_ends_at_its_first() {
    let line = "Forwarded: for=10.0.0.3;proto=https, for=10.0.0.2;proto=http";
    assert_eq!(seen(&front(&[line])), saw(Scheme::Https, "example.com", Some("10.0.0.3")));
}

#[test]
fn a_malformed_chain_is_ignored_as_a_whole() {
    let direct = saw(Scheme::Http, "example.com", Some("10.0.0.1"));
    for line in [
        "Forwarded: for=192.0.2.7;proto=https, for=nonsense",
        "Forwarded: proto=https;proto=https",
        "Forwarded: proto=gopher",
        "Forwarded: proto=https;host=\"a b\"",
        "Forwarded: proto",
        "Forwarded: ",
        "X-Forwarded-Proto: gopher",
        "X-Forwarded-Host: a/b",
        "X-Forwarded-For: 192.0.2.7, nonsense",
        "X-Forwarded-For: 192.0.2.7, \u{e9}",
    ] {
        assert_eq!(seen(&front(&[line])), direct, "{line}");
    }
    let uneven = ["X-Forwarded-For: 192.0.2.7", "X-Forwarded-Proto: https, http"];
    assert_eq!(seen(&front(&uneven)), direct);
    assert_eq!(seen(&front(&[&format!("X-Forwarded-For: {}", ["1.1.1.1"; 65].join(","))])), direct);
}

#[test]
fn headers_of_a_peer_that_is_not_trusted_are_ignored() {
    let lines = ["Forwarded: for=192.0.2.7;proto=https;host=a", "X-Forwarded-For: 192.0.2.7"];
    let peer = Peer { tls: true, ..at("::ffff:198.51.100.1") };
    assert_eq!(seen(&front_from(&peer, &lines)), saw(Scheme::Https, "example.com", Some("198.51.100.1")));
    let on_unix_socket = Peer { address: Some(PeerAddress::Unix), tls: false };
    assert_eq!(seen(&front_from(&on_unix_socket, &lines)), saw(Scheme::Https, "a", Some("192.0.2.7")));
}

#[test]
fn a_peer_of_which_nothing_is_known_is_never_a_trusted_proxy() {
    let lines = ["Forwarded: for=192.0.2.7;proto=https;host=a"];
    assert_eq!(seen(&front_from(&Peer::default(), &lines)), saw(Scheme::Http, "example.com", None));
    let everybody: TrustedProxies = "0.0.0.0/0, ::/0, unix".parse().unwrap();
    assert!(!everybody.trusts(&Peer::default()));
    assert!(
        everybody.trusts(&plain()) && everybody.trusts(&Peer { address: Some(PeerAddress::Unix), tls: true })
    );
    let nobody = TrustedProxies::default().with_unix_sockets(false);
    assert!(!nobody.trusts(&Peer { address: Some(PeerAddress::Unix), tls: false }));
}

/// The answer to a request with these lines, as it is written.
fn written(acceptor: &Acceptor, lines: &[&str]) -> String {
    let head = lines.iter().fold(Head::request(), |head, line| head.with(line));
    let (request, _) = HeadReader::new(HeadLimits::default())
        .read_request(&head.bytes())
        .unwrap()
        .expect("head is complete");
    let mut output = Vec::new();
    write_response(&acceptor.answer(&request, &plain()).unwrap().0, &mut output);
    String::from_utf8(output).unwrap()
}

#[test]
fn a_page_of_another_origin_that_is_let_in_is_named_in_the_answer_as_it_wrote_itself() {
    let start = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
    let listed: Vec<Origin> = ["https://app.example", "null"].map(|origin| origin.parse().unwrap()).into();
    for (policy, origin, named) in [
        (OriginPolicy::SameOrigin, "http://example.com", false),
        (OriginPolicy::SameOriginOr(listed.clone()), "http://example.com", false),
        (OriginPolicy::SameOriginOr(listed.clone()), "https://app.example", true),
        (OriginPolicy::List(listed.clone()), "https://APP.example:443", true),
        (OriginPolicy::List(listed), "null", true),
        (OriginPolicy::Any, "https://any.example", true),
        (OriginPolicy::Any, "http://example.com", false),
    ] {
        let acceptor = Acceptor::default().with_origins(policy);
        let more = format!("Access-Control-Allow-Origin: {origin}\r\nVary: Origin\r\n");
        let more = if named { &*more } else { "" };
        assert_eq!(written(&acceptor, &[&format!("Origin: {origin}")]), format!("{start}{more}\r\n"));
        assert_eq!(written(&acceptor, &[]), format!("{start}\r\n"), "who is no page is told nothing");
    }
}

#[test]
fn an_application_may_name_the_origin_itself() {
    let own = ("access-control-allow-origin", "https://own.example");
    let acceptor = Acceptor::default()
        .with_origins(OriginPolicy::Any)
        .with_header(own.0.parse().unwrap(), own.1.parse().unwrap())
        .unwrap();
    let answer = written(&acceptor, &["Origin: https://app.example"]);
    assert_eq!(answer.matches("Access-Control-Allow-Origin: https://own.example\r\n").count(), 1, "{answer}");
    assert_eq!(answer.matches("Access-Control").count(), 1, "{answer}");
    assert!(!answer.contains("Vary"), "{answer}");
}

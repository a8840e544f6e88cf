//! Two bridges in a row, from HTTP/1.1 to HTTP/2 or HTTP/3 and back, between two ends that speak TCP and know nothing of
//! WebSockets but the opening handshake: what is between them are our own streams on both sides.
// The helpers of tests may unwrap as the tests do.
#![allow(clippy::unwrap_used)]

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use carrick::protocol::{Acceptor, Peer, ResponseError, write_response};
use carrick::{ClientBuilder, Error, Http, Server, ServerTls};
use http::{Request, Version};
use http_bridge::{Far, bridge};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// What is spoken between the bridges.
const NEWER: [Version; 2] = [Version::HTTP_2, Version::HTTP_3];

const OFFER: &str = "permessage-deflate; client_max_window_bits=9, permessage-deflate, x-unheard-of; a=\"b\"";
const ANSWER: &str = "permessage-deflate; client_max_window_bits=9";

#[tokio::test]
async fn offers_and_answers_go_through_as_they_are() {
    for newer in NEWER {
        let Pair { request, answer, .. } = Pair::open(newer).await;
        assert!(request.starts_with("GET /case?n=1 HTTP/1.1\r\n"), "{request}");
        assert!(request.contains(&format!("sec-websocket-extensions: {OFFER}\r\n")), "{request}");
        assert!(answer.contains(&format!("sec-websocket-extensions: {ANSWER}\r\n")), "{answer}");
    }
}

#[tokio::test]
async fn bytes_pass_both_ways_whatever_they_are() {
    // More than all windows and buffers in between, and no frame.
    let bytes: Vec<u8> = (0..4_000_000_u32).map(|n| (n % 251) as u8).collect();
    for newer in NEWER {
        let Pair { mut near, mut far, .. } = Pair::open(newer).await;
        let (sent, received) = tokio::join!(near.write_all(&bytes), read(&mut far, bytes.len()));
        sent.unwrap();
        assert!(received.unwrap() == bytes);
        let (sent, received) = tokio::join!(far.write_all(&bytes), read(&mut near, bytes.len()));
        sent.unwrap();
        assert!(received.unwrap() == bytes);
    }
}

#[tokio::test]
async fn the_end_of_one_direction_leaves_the_other_open() {
    for (newer, near_ends_first) in NEWER.into_iter().flat_map(|newer| [(newer, true), (newer, false)]) {
        let Pair { near, far, .. } = Pair::open(newer).await;
        let (mut first, mut second) = if near_ends_first { (near, far) } else { (far, near) };
        first.write_all(b"last words").await.unwrap();
        first.shutdown().await.unwrap();
        assert_eq!(to_end(&mut second).await.unwrap(), b"last words");
        second.write_all(b"still open").await.unwrap();
        assert_eq!(read(&mut first, 10).await.unwrap(), b"still open");
        second.shutdown().await.unwrap();
        assert_eq!(to_end(&mut first).await.unwrap(), b"");
    }
}

#[tokio::test]
async fn a_cut_is_a_cut_on_the_other_side() {
    for (newer, near_cuts) in NEWER.into_iter().flat_map(|newer| [(newer, true), (newer, false)]) {
        let Pair { near, far, .. } = Pair::open(newer).await;
        let (cut, mut other) = if near_cuts { (near, far) } else { (far, near) };
        #[expect(deprecated, reason = "it blocks only for longer times")]
        cut.set_linger(Some(Duration::ZERO)).unwrap();
        drop(cut);
        let error = to_end(&mut other).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{newer:?}, {near_cuts}");
    }
}

#[tokio::test]
async fn a_refusal_comes_through_as_one() {
    for newer in NEWER {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let bridges = two_bridges(newer, listener.local_addr().unwrap()).await;
        let mut near = TcpStream::connect(bridges).await.unwrap();
        near.write_all(request(OFFER).as_bytes()).await.unwrap();
        let (mut far, _) = listener.accept().await.unwrap();
        head(&mut far).await;
        far.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        let answer = head(&mut near).await;
        assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    }
}

#[tokio::test]
async fn another_version_than_the_one_that_is_tested_is_refused() {
    let server = Server::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", server.local_addr().unwrap());
    let far = Far::new(|_| ClientBuilder::new("ws://127.0.0.1:9/"));
    tokio::spawn(bridge(server, Version::HTTP_2, far).serve());
    let error = ClientBuilder::new(&url).unwrap().http(Http::Http1).connect().await.unwrap_err();
    let Error::Response(refused) = error else { panic!("{error}") };
    assert!(matches!(*refused, ResponseError::Status(answer) if answer.status() == 505));
}

/// Two ends behind their opening handshake.
struct Pair {
    near: TcpStream,
    far: TcpStream,
    /// What came out at the far end.
    request: String,
    answer: String,
}

impl Pair {
    async fn open(newer: Version) -> Pair {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let bridges = two_bridges(newer, listener.local_addr().unwrap()).await;
        let mut near = TcpStream::connect(bridges).await.unwrap();
        near.write_all(request(OFFER).as_bytes()).await.unwrap();
        let (mut far, _) = listener.accept().await.unwrap();
        let request = head(&mut far).await;
        let key = request.lines().find_map(|line| line.strip_prefix("sec-websocket-key: ")).unwrap();
        far.write_all(&accepted(key, ANSWER)).await.unwrap();
        let answer = head(&mut near).await;
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        Pair { near, far, request, answer }
    }
}

/// The answer that opens a WebSocket, and agrees on extensions that the acceptor knows nothing of.
fn accepted(key: &str, extensions: &str) -> Vec<u8> {
    let request = Request::builder()
        .header("host", "localhost")
        .header("upgrade", "websocket")
        .header("connection", "upgrade")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", key)
        .body(())
        .unwrap();
    let (mut response, _) = Acceptor::default().answer(&request, &Peer::default()).unwrap();
    response.headers_mut().insert("sec-websocket-extensions", extensions.parse().unwrap());
    let mut bytes = Vec::new();
    write_response(&response, &mut bytes);
    bytes
}

fn request(offer: &str) -> String {
    format!(
        "GET /case?n=1 HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         sec-websocket-extensions: {offer}\r\n\r\n"
    )
}

/// Bridges from HTTP/1.1 to a newer version and from there to HTTP/1.1 at `far`; the address of the first.
async fn two_bridges(newer: Version, far: SocketAddr) -> SocketAddr {
    let (second, to_second) = between(newer).await;
    let to_far = move |request: &Request<()>| {
        ClientBuilder::new(&format!("ws://{far}{}", request.uri().path_and_query().unwrap()))
    };
    tokio::spawn(bridge(second, newer, Far::new(to_far)).serve());
    let first = Server::bind("127.0.0.1:0").await.unwrap();
    let near = first.local_addr().unwrap();
    tokio::spawn(bridge(first, Version::HTTP_11, Far::new(move |_| Ok(to_second.clone()))).serve());
    near
}

/// A server of the newer version, and what opens a WebSocket on it.
async fn between(newer: Version) -> (Server, ClientBuilder) {
    let to = |scheme: &str, server: &Server| {
        let address = server.local_addr().unwrap();
        ClientBuilder::new(&format!("{scheme}://{address}/case?n=1")).unwrap().no_proxy()
    };
    if newer == Version::HTTP_2 {
        let server = Server::bind("127.0.0.1:0").await.unwrap();
        let client = to("ws", &server).http(Http::Http2);
        return (server, client);
    }
    let tls = ServerTls::self_signed().unwrap();
    let trusted = tls.certificates_pem();
    let server = Server::bind("127.0.0.1:0").await.unwrap().http3(tls).unwrap();
    let client = to("wss", &server).http(Http::Http3).root_certificates(trusted).unwrap();
    (server, client)
}

/// A head up to its empty line, the names of its fields in small letters.
async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.extend(read(stream, 1).await.unwrap());
    }
    let small = |line: &str| match line.split_once(": ") {
        Some((name, value)) => format!("{}: {value}", name.to_lowercase()),
        None => line.to_owned(),
    };
    String::from_utf8(head).unwrap().split("\r\n").map(small).collect::<Vec<_>>().join("\r\n")
}

async fn read(stream: &mut TcpStream, count: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; count];
    in_time(stream.read_exact(&mut bytes)).await?;
    Ok(bytes)
}

async fn to_end(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    in_time(stream.read_to_end(&mut bytes)).await?;
    Ok(bytes)
}

async fn in_time<T>(reading: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(Duration::from_secs(20), reading).await?
}

//! WebSockets inside a hyper server, and what closes them.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use carrick::{
    ClientBuilder, Drain, Error, NetStream, UpgradeOptions, WebSocket,
    protocol::{
        Acceptor, CloseCode, Config, DeflateConfig, HeadLimits, HeadReader, Message, PeerAddress, Rejection,
        Role,
    },
};
use http::{Request, Response, StatusCode, Version};
use http_body_util::Full;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::{rt::TokioIo, server::conn::auto};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::oneshot,
};

use super::support::{Peer, assert_echoes, closed, next, request};
use crate::support::text;

/// What one of the servers below goes by.
#[derive(Clone, Default)]
struct Site {
    acceptor: Arc<Acceptor>,
    config: Arc<Config>,
    drain: Option<Drain>,
}

async fn echo(mut websocket: WebSocket) {
    while let Some(Ok(message)) = websocket.recv().await {
        if websocket.send(message).await.is_err() {
            break;
        }
    }
}

/// Opens a WebSocket at `/echo` and has a page elsewhere.
fn answer<B>(site: &Site, mut request: Request<B>, peer: SocketAddr) -> Response<String> {
    if request.uri().path() != "/echo" {
        return Response::new(format!("a page for {peer}"));
    }
    let mut options = UpgradeOptions::default();
    options.peer.address = Some(peer.into());
    options.config = Arc::clone(&site.config);
    match carrick::upgrade(&mut request, &site.acceptor, options) {
        Err(rejection) => rejection.response(request.version()),
        Ok((response, upgrade)) => {
            assert_eq!(request.headers()["upgrade"], "websocket", "the head is given back");
            match &site.drain {
                Some(drain) => drain.start(upgrade, echo),
                None => upgrade.start(echo),
            }
            response.map(|()| String::new())
        }
    }
}

/// Serves with hyper alone, or with the builder that `axum::serve` uses too.
async fn start(site: Site, with_auto: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, peer)) = listener.accept().await {
            let site = site.clone();
            let service = service_fn(move |request| {
                let response = answer(&site, request, peer).map(|body| Full::new(Bytes::from(body)));
                async move { Ok::<_, Infallible>(response) }
            });
            tokio::spawn(async move {
                let stream = TokioIo::new(stream);
                if with_auto {
                    let builder = auto::Builder::new(hyper_util::rt::TokioExecutor::new());
                    let _ = builder.serve_connection_with_upgrades(stream, service).await;
                } else {
                    let _ = http1::Builder::new().serve_connection(stream, service).with_upgrades().await;
                }
            });
        }
    });
    address
}

async fn connect(address: SocketAddr) -> Peer<TcpStream> {
    Peer::new(TcpStream::connect(address).await.unwrap())
}

async fn open(address: SocketAddr) -> WebSocket {
    carrick::connect(&format!("ws://{address}/echo")).await.unwrap()
}

#[tokio::test]
async fn a_hyper_server_opens_websockets_beside_its_pages() {
    let acceptor = Acceptor::default().with_deflate(Some(DeflateConfig::default()));
    let acceptor = Arc::new(acceptor.with_subprotocols(["v2", "v1"]).unwrap());
    for with_auto in [false, true] {
        let address = start(Site { acceptor: Arc::clone(&acceptor), ..Site::default() }, with_auto).await;
        let builder = ClientBuilder::new(&format!("ws://{address}/echo")).unwrap();
        let mut websocket = builder.subprotocols(["v1", "v2"]).unwrap().connect().await.unwrap();
        assert!(websocket.agreement().deflate.is_some());
        assert_eq!(websocket.subprotocol(), Some("v2"));
        let long = Message::text("a long message. ".repeat(10_000));
        websocket.send(long.clone()).await.unwrap();
        assert_eq!(next(&mut websocket).await, long);
        assert_eq!(websocket.close(CloseCode::NORMAL, "").await.unwrap().code(), CloseCode::NORMAL);

        let mut page = connect(address).await;
        page.send("GET / HTTP/1.1\r\nHost: example.com\r\n\r\n").await;
        assert!(page.answer().await.body().starts_with("a page for 127.0.0.1"));
        page.send(request("/echo", "")).await;
        assert_eq!(page.answer().await.status(), 101, "a connection may ask for a page first");
        assert_echoes(&mut page.websocket()).await;
    }
}

#[tokio::test]
async fn frames_that_come_with_the_request_are_not_lost() {
    for with_auto in [false, true] {
        let address = start(Site::default(), with_auto).await;
        let mut peer = connect(address).await;
        let early = [request("/echo", "").as_bytes(), &text(Role::Client, "early")].concat();
        peer.send(early).await;
        assert_eq!(peer.answer().await.status(), 101);
        let mut websocket = peer.websocket();
        assert_eq!(next(&mut websocket).await, Message::from("early"));
        assert_echoes(&mut websocket).await;
    }
}

#[tokio::test]
async fn a_request_that_breaks_a_rule_is_refused_with_its_sentence() {
    let address = start(Site::default(), false).await;
    for (request, status, sentence) in [
        (
            request("/echo", "Origin: https://evil.example\r\n"),
            StatusCode::FORBIDDEN,
            "pages from https://evil.example may not connect to this server\n",
        ),
        (
            "GET /echo HTTP/1.1\r\nHost: example.com\r\n\r\n".to_owned(),
            StatusCode::UPGRADE_REQUIRED,
            "this is a websocket endpoint, send upgrade: websocket\n",
        ),
        (
            request("/echo", "").replace("13", "8"),
            StatusCode::UPGRADE_REQUIRED,
            "sec-websocket-version is \"8\", must be 13\n",
        ),
    ] {
        let answer = connect(address).await.refused(request).await;
        assert_eq!(answer.status(), status);
        assert_eq!(answer.body(), sentence);
    }
    let mut own = connect(address).await;
    own.send(request("/echo", "Origin: http://example.com\r\n")).await;
    assert_eq!(own.answer().await.status(), 101, "pages of the same origin are let in");
}

#[tokio::test]
async fn the_limits_of_the_options_hold() {
    let mut config = Config::default();
    config.max_message_bytes = 100;
    let address = start(Site { config: Arc::new(config), ..Site::default() }, false).await;
    let mut websocket = open(address).await;
    websocket.send("x".repeat(100)).await.unwrap();
    assert_eq!(next(&mut websocket).await, Message::from("x".repeat(100)));
    websocket.send("x".repeat(101)).await.unwrap();
    assert_eq!(closed(&mut websocket).await.frame.unwrap().code(), CloseCode::MESSAGE_TOO_BIG);
}

#[tokio::test]
async fn a_request_without_a_connection_is_answered_500_and_a_service_without_upgrades_fails() {
    let mut lost = Request::get("/echo").header("host", "example.com").header("upgrade", "websocket");
    for (name, value) in [
        ("connection", "upgrade"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-version", "13"),
    ] {
        lost = lost.header(name, value);
    }
    let mut lost = lost.body(()).unwrap();
    let rejection = carrick::upgrade(&mut lost, &Acceptor::default(), UpgradeOptions::default()).unwrap_err();
    assert_eq!(rejection.status(), StatusCode::INTERNAL_SERVER_ERROR);

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = oneshot::channel();
    let tell = std::sync::Mutex::new(Some(tell));
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let service = service_fn(|mut request: Request<hyper::body::Incoming>| {
            let options = UpgradeOptions::default();
            let (response, upgrade) = carrick::upgrade(&mut request, &Acceptor::default(), options).unwrap();
            let tell = tell.lock().unwrap().take().unwrap();
            tokio::spawn(async move { tell.send(upgrade.open().await.map(drop)) });
            async move { Ok::<_, Infallible>(response.map(|()| Full::new(Bytes::new()))) }
        });
        let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
    });
    let mut peer = connect(address).await;
    peer.send(request("/echo", "")).await;
    peer.answer().await;
    assert!(matches!(told.await.unwrap(), Err(Error::Io(_))));
}

#[tokio::test]
async fn a_stream_that_is_no_tcp_works_and_loses_no_early_frame_either() {
    let (near, far) = tokio::io::duplex(4096);
    let peer = SocketAddr::from(([192, 0, 2, 1], 1));
    let service = service_fn(move |request| {
        let response = answer(&Site::default(), request, peer).map(|body| Full::new(Bytes::from(body)));
        async move { Ok::<_, Infallible>(response) }
    });
    tokio::spawn(async move {
        http1::Builder::new().serve_connection(TokioIo::new(far), service).with_upgrades().await
    });
    let mut peer = Peer::new(near);
    peer.send([request("/echo", "").as_bytes(), &text(Role::Client, "early")].concat()).await;
    assert_eq!(peer.answer().await.status(), 101);
    let mut websocket = peer.websocket();
    assert_eq!(next(&mut websocket).await, Message::from("early"));
    assert_echoes(&mut websocket).await;
}

/// The stream is hyper's box where it has to be, and TCP where it can be.
#[tokio::test]
async fn tcp_comes_back_out_of_hypers_boxes() {
    for with_auto in [false, true] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, told) = oneshot::channel();
        let tell = std::sync::Mutex::new(Some(tell));
        let service = service_fn(move |mut request: Request<hyper::body::Incoming>| {
            let options = UpgradeOptions::default();
            let (response, upgrade) = carrick::upgrade(&mut request, &Acceptor::default(), options).unwrap();
            let tell = tell.lock().unwrap().take().unwrap();
            upgrade.start(|websocket| async move {
                let _ = tell.send(format!("{:?}", websocket.stream()));
            });
            async move { Ok::<_, Infallible>(response.map(|()| Full::new(Bytes::new()))) }
        });
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let stream = TokioIo::new(stream);
            if with_auto {
                let builder = auto::Builder::new(hyper_util::rt::TokioExecutor::new());
                let _ = builder.serve_connection_with_upgrades(stream, service).await;
            } else {
                let _ = http1::Builder::new().serve_connection(stream, service).with_upgrades().await;
            }
        });
        let mut peer = connect(address).await;
        peer.send(request("/echo", "")).await;
        assert_eq!(peer.answer().await.status(), 101);
        let boxed = format!("{:?}", NetStream::new(tokio::io::duplex(1).0));
        assert_ne!(told.await.unwrap(), boxed);
    }
}

#[tokio::test]
async fn a_drain_closes_with_1001_waits_for_the_handlers_and_takes_no_more() {
    let drain = Drain::new();
    let address = start(Site { drain: Some(drain.clone()), ..Site::default() }, false).await;
    let mut open_ones = [open(address).await, open(address).await, open(address).await];
    for websocket in &mut open_ones {
        assert_echoes(websocket).await;
    }
    assert!(!drain.is_closing());
    let closing = tokio::spawn({
        let (one, other) = (drain.clone(), drain.clone());
        async move { tokio::join!(one.close(Duration::from_secs(600)), other.close(Duration::from_secs(600))) }
    });
    for websocket in &mut open_ones {
        assert_eq!(closed(websocket).await.frame.unwrap().code(), CloseCode::GOING_AWAY);
    }
    assert_eq!(closing.await.unwrap(), (0, 0));
    assert!(drain.is_closing());
    assert_eq!(drain.close(Duration::from_secs(30)).await, 0, "it may be asked twice");
    let late = closed(&mut open(address).await).await;
    assert_eq!(late.frame.unwrap().code(), CloseCode::GOING_AWAY);
}

#[tokio::test]
async fn a_drain_cuts_and_counts_what_does_not_close_in_time() {
    let drain = Drain::new();
    let address = start(Site { drain: Some(drain.clone()), ..Site::default() }, false).await;
    let mut silent = connect(address).await;
    silent.send(request("/echo", "")).await;
    assert_eq!(silent.answer().await.status(), 101);
    // Frames of both ways have passed, so its handler is at work.
    silent.send(text(Role::Client, "a")).await;
    let mut echoed = BytesMut::new();
    tokio::io::AsyncReadExt::read_buf(&mut silent.stream, &mut echoed).await.unwrap();
    assert_eq!(drain.close(Duration::from_millis(200)).await, 1);
    assert_eq!(silent.rest().await, b"\x88\x14\x03\xe9server is stopping");
}

#[test]
fn a_proxy_on_a_unix_socket_is_believed_only_where_the_application_says_it_is_one() {
    let head = request(
        "/",
        "Origin: https://front.example\r\nForwarded: for=192.0.2.7;proto=https;host=front.example\r\n",
    );
    let (mut request, _) =
        HeadReader::new(HeadLimits::default()).read_request(head.as_bytes()).unwrap().unwrap();
    let acceptor = Acceptor::default().with_trusted_proxies("unix".parse().unwrap());
    let refused = carrick::upgrade(&mut request, &acceptor, UpgradeOptions::default()).unwrap_err();
    assert!(matches!(refused, Rejection::OriginRefused { .. }), "{refused}");

    let mut options = UpgradeOptions::default();
    options.peer.address = Some(PeerAddress::Unix);
    let refused = carrick::upgrade(&mut request, &acceptor, options).unwrap_err();
    // Every check of the handshake has passed; this request is of no hyper server.
    assert_eq!(refused.response(Version::HTTP_11).status(), StatusCode::INTERNAL_SERVER_ERROR);
}

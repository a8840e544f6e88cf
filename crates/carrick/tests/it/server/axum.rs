//! WebSockets inside an axum server.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{FromRequestParts, State},
    response::Response,
    routing::get,
};
use carrick::{
    ClientBuilder, Drain, WebSocket,
    axum::WebSocketUpgrade,
    protocol::{
        Acceptor, CloseCode, Config, HeadLimits, HeadReader, Message, OriginPolicy, PeerAddress, Rejection,
        Role, Scheme, TrustedProxies,
    },
};
use http::{HeaderValue, header::SET_COOKIE};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::oneshot,
};

use super::support::{Peer, assert_echoes, closed, next, request};
use crate::support::text;

async fn echo(mut websocket: WebSocket) {
    while let Some(Ok(message)) = websocket.recv().await {
        if websocket.send(message).await.is_err() {
            break;
        }
    }
}

async fn start(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// Serves one handler at `/`.
async fn site(
    change: impl Fn(WebSocketUpgrade) -> WebSocketUpgrade + Clone + Send + Sync + 'static,
) -> SocketAddr {
    let handler = move |upgrade: WebSocketUpgrade| async move { change(upgrade).on_upgrade(echo) };
    start(Router::new().route("/", get(handler)).route("/health", get("well"))).await
}

async fn connect(address: SocketAddr) -> Peer<TcpStream> {
    Peer::new(TcpStream::connect(address).await.unwrap())
}

fn client(address: SocketAddr) -> ClientBuilder {
    ClientBuilder::new(&format!("ws://{address}/")).unwrap()
}

/// The status of the answer to a request with these header lines.
async fn status(address: SocketAddr, lines: &str) -> u16 {
    let mut peer = connect(address).await;
    peer.send(request("/", lines)).await;
    peer.answer().await.status().as_u16()
}

#[tokio::test]
async fn an_extractor_opens_a_websocket_that_compresses() {
    let address = site(|upgrade| upgrade).await;
    let mut websocket = client(address).connect().await.unwrap();
    assert!(websocket.agreement().deflate.is_some());
    let long = Message::text("a long message. ".repeat(10_000));
    websocket.send(long.clone()).await.unwrap();
    assert_eq!(next(&mut websocket).await, long);
    assert_eq!(websocket.close(CloseCode::NORMAL, "").await.unwrap().code(), CloseCode::NORMAL);

    let plain = client(site(|upgrade| upgrade.deflate(None)).await).connect().await.unwrap();
    assert!(plain.agreement().deflate.is_none());
}

#[tokio::test]
async fn ordinary_routes_share_the_port_and_the_connection() {
    let address = site(|upgrade| upgrade).await;
    let mut peer = connect(address).await;
    peer.send("GET /health HTTP/1.1\r\nHost: example.com\r\n\r\n").await;
    assert_eq!(*peer.answer().await.body(), "well");
    peer.send([request("/", "").as_bytes(), &text(Role::Client, "early")].concat()).await;
    assert_eq!(peer.answer().await.status(), 101);
    let mut websocket = peer.websocket();
    assert_eq!(next(&mut websocket).await, Message::from("early"));
    assert_echoes(&mut websocket).await;
}

#[tokio::test]
async fn a_request_for_no_websocket_is_refused_unless_the_extractor_is_optional() {
    let page = "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n";
    let mut peer = connect(site(|upgrade| upgrade).await).await;
    peer.send(page).await;
    let answer = peer.answer().await;
    assert_eq!(answer.status(), 426);
    assert_eq!(answer.headers()["upgrade"], "websocket");
    assert_eq!(answer.body(), "this is a websocket endpoint, send upgrade: websocket\n");

    let handler = |upgrade: Option<WebSocketUpgrade>| async move {
        match upgrade {
            Some(upgrade) => upgrade.on_upgrade(echo),
            None => Response::new("a page".into()),
        }
    };
    let address = start(Router::new().route("/", get(handler))).await;
    let mut peer = connect(address).await;
    peer.send(page).await;
    assert_eq!(*peer.answer().await.body(), "a page");
    assert_echoes(&mut client(address).connect().await.unwrap()).await;
}

#[tokio::test]
async fn pages_of_the_same_origin_are_let_in_and_others_refused() {
    let address = site(|upgrade| upgrade).await;
    assert_eq!(status(address, "Origin: http://example.com\r\n").await, 101);
    assert_eq!(status(address, "Origin: https://example.com\r\n").await, 403);
    let answer = connect(address).await.refused(request("/", "Origin: https://evil.example\r\n")).await;
    assert_eq!(answer.body(), "pages from https://evil.example may not connect to this server\n");

    let list = OriginPolicy::SameOriginOr(vec!["https://friend.example".parse().unwrap()]);
    let address = site(move |upgrade| upgrade.origins(list.clone())).await;
    assert_eq!(status(address, "Origin: https://friend.example\r\n").await, 101);
    assert_eq!(status(address, "Origin: https://evil.example\r\n").await, 403);

    let address = site(|upgrade| upgrade.tls(true)).await;
    assert_eq!(status(address, "Origin: https://example.com\r\n").await, 101);
    assert_eq!(status(address, "Origin: http://example.com\r\n").await, 403);
}

#[tokio::test]
async fn a_trusted_proxy_is_known_by_the_address_that_axum_tells() {
    let lines =
        "Origin: https://front.example\r\nForwarded: for=192.0.2.7;proto=https;host=front.example\r\n";
    assert_eq!(status(site(|upgrade| upgrade).await, lines).await, 403);
    let proxies: TrustedProxies = "127.0.0.1".parse().unwrap();
    let trusting = proxies.clone();
    assert_eq!(
        status(site(move |upgrade| upgrade.trusted_proxies(trusting.clone())).await, lines).await,
        101
    );

    let handler = move |upgrade: WebSocketUpgrade| async move {
        let upgrade = upgrade.trusted_proxies(proxies);
        let front = upgrade.front();
        upgrade.on_upgrade(move |mut websocket| async move {
            websocket.send(format!("{} {:?}", front.scheme, front.address.unwrap())).await.unwrap();
        })
    };
    let mut peer = connect(start(Router::new().route("/", get(handler))).await).await;
    peer.send(request("/", lines)).await;
    assert_eq!(peer.answer().await.status(), 101);
    assert_eq!(next(&mut peer.websocket()).await, Message::from("https 192.0.2.7"));
}

/// What the extractor makes of a request with these header lines, as of a server that tells it nothing else.
async fn extracted(lines: &str) -> WebSocketUpgrade {
    let head = request("/?token=hidden", lines);
    let (request, _) = HeadReader::new(HeadLimits::default()).read_request(head.as_bytes()).unwrap().unwrap();
    WebSocketUpgrade::from_request_parts(&mut request.into_parts().0, &()).await.unwrap()
}

#[tokio::test]
async fn a_peer_is_on_a_unix_socket_only_if_the_application_says_so() {
    let lines = "Forwarded: for=192.0.2.7;proto=https;host=front.example\r\n";
    let upgrade = extracted(lines).await.trusted_proxies("unix".parse().unwrap());
    assert_eq!((upgrade.front().scheme, upgrade.front().address), (Scheme::Http, None));
    let upgrade = upgrade.peer_address(PeerAddress::Unix);
    assert_eq!(upgrade.front().scheme, Scheme::Https);
    assert_eq!(upgrade.front().address, Some([192, 0, 2, 7].into()));
}

#[tokio::test]
async fn what_is_printed_of_a_request_has_no_secrets() {
    let shown = format!("{:?}", extracted("Authorization: Bearer hidden\r\n").await);
    assert!(shown.contains("path: \"/\"") && !shown.contains("hidden"), "{shown}");
}

#[tokio::test]
async fn subprotocols_headers_and_limits_are_as_they_were_set() {
    let mut config = Config::default();
    config.max_message_bytes = 4;
    let config = Arc::new(config);
    let address = site(move |upgrade| {
        let cookie = HeaderValue::from_static("a=b");
        upgrade.subprotocols(["v2", "v1"]).header(SET_COOKIE, cookie).config(Arc::clone(&config))
    })
    .await;
    let mut peer = connect(address).await;
    peer.send(request("/", "Sec-WebSocket-Protocol: v1, v2\r\n")).await;
    let answer = peer.answer().await;
    assert_eq!(answer.headers()["sec-websocket-protocol"], "v2");
    assert_eq!(answer.headers()["set-cookie"], "a=b");
    let mut websocket = peer.websocket();
    assert_echoes(&mut websocket).await;
    websocket.send("five!").await.unwrap();
    assert_eq!(closed(&mut websocket).await.frame.unwrap().code(), CloseCode::MESSAGE_TOO_BIG);
}

/// What the handlers of one application share.
#[derive(Clone)]
struct Shared {
    acceptor: Arc<Acceptor>,
    greeting: &'static str,
    drain: Drain,
}

async fn greet(State(shared): State<Shared>, upgrade: WebSocketUpgrade) -> Result<Response, Rejection> {
    let upgrade = upgrade.acceptor(shared.acceptor).drain(&shared.drain);
    let (response, upgrade) = upgrade.accept()?;
    shared.drain.start(upgrade, move |mut websocket| async move {
        websocket.send(shared.greeting).await.unwrap();
        echo(websocket).await;
    });
    Ok(response)
}

#[tokio::test]
async fn a_handler_has_its_state_and_the_servers_stop_closes_its_websockets() {
    let acceptor = Acceptor::default().with_subprotocols(["v1"]).unwrap().with_subprotocol_required(true);
    let drain = Drain::new();
    let shared = Shared { acceptor: Arc::new(acceptor), greeting: "Hello", drain: drain.clone() };
    let app: Router = Router::new().route("/", get(greet)).with_state(shared);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn({
        let drain = drain.clone();
        async move {
            let stopped = async { drop(stopped.await) };
            axum::serve(listener, app).with_graceful_shutdown(stopped).await.unwrap();
            drain.close(Duration::from_secs(30)).await
        }
    });
    assert_eq!(status(address, "").await, 400, "the shared acceptor asks for a subprotocol");
    let mut websocket = client(address).subprotocols(["v1"]).unwrap().connect().await.unwrap();
    assert_eq!(next(&mut websocket).await, Message::from("Hello"));
    assert_echoes(&mut websocket).await;

    stop.send(()).unwrap();
    assert_eq!(closed(&mut websocket).await.frame.unwrap().code(), CloseCode::GOING_AWAY);
    assert_eq!(serving.await.unwrap(), 0);
}

#[tokio::test]
async fn a_server_that_is_closing_refuses_with_503() {
    let drain = Drain::new();
    let closing = drain.clone();
    let address = site(move |upgrade| upgrade.drain(&closing)).await;
    assert_eq!(status(address, "").await, 101);
    drain.close(Duration::ZERO).await;
    let answer = connect(address).await.refused(request("/", "")).await;
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.body(), "server is stopping, connect again later\n");
}

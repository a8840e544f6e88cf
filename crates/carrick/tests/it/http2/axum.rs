//! WebSockets over HTTP/2 inside an axum server.

use std::time::Duration;

use axum::{
    Router,
    extract::State,
    response::Response,
    routing::{any, get},
};
use carrick::{ClientBuilder, Drain, Error, Http, axum::WebSocketUpgrade, protocol::ResponseError};
use http::Version;
use tokio::net::TcpListener;

use super::support::{Raw, get as page, request_for, text};
use crate::server::support::{assert_echoes, closed};

async fn open(State(drain): State<Drain>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.drain(&drain).on_upgrade(|mut websocket| async move {
        assert_eq!(websocket.stream().http_version(), Version::HTTP_2);
        while let Some(Ok(message)) = websocket.recv().await {
            if websocket.send(message).await.is_err() {
                break;
            }
        }
    })
}

#[tokio::test]
async fn the_extractor_takes_extended_connect() {
    let drain = Drain::new();
    let app = Router::new().route("/", get("a page")).route("/echo", any(open)).with_state(drain.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });

    let client = ClientBuilder::new(&format!("ws://{address}/echo")).unwrap().no_proxy().http(Http::Http2);
    let mut first = client.connect().await.unwrap();
    let mut second = client.connect().await.unwrap();
    assert!(first.agreement().deflate.is_some());
    assert_echoes(&mut first).await;
    assert_echoes(&mut second).await;

    let mut raw = Raw::connect(address).await;
    assert_eq!(raw.refused(request_for("connect-udp", "/echo", &[])).await.status(), 426);
    let (answer, _) = raw.ask(page("/")).await;
    assert_eq!(text(answer.into_body()).await, "a page");

    let stranger = client.clone().origin("https://evil.example").unwrap().connect().await.unwrap_err();
    let Error::Response(refusal) = stranger else { panic!("{stranger:?}") };
    assert!(matches!(*refusal, ResponseError::Status(response) if response.status() == 403));

    let closing = drain.close(Duration::from_secs(10));
    let (cut, first, second) = tokio::join!(closing, closed(&mut first), closed(&mut second));
    assert_eq!(cut, 0);
    for closed in [first, second] {
        assert_eq!(u16::from(closed.code()), 1001);
    }
}

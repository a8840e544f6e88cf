//! The client: what it makes of the servers that there are.

use carrick::{ClientBuilder, Error, Http, WebSocket, protocol::Acceptor};
use h2::{Reason, server::Builder};
use http::Version;

use super::support::{accept, serve};
use crate::{
    server::support::{Running, assert_echoes, echo, free_server},
    tls_client::{Authority, acceptor_for},
    versions::{lines::Lines, ways::Way},
};

#[tokio::test]
async fn without_tls_the_default_is_http_1() {
    let site = Way::Http1.serve(|server| server.route("/echo", echo)).await;
    let mut websocket = site.client("/echo").http(Http::Auto).connect().await.unwrap();
    assert_eq!(websocket.stream().http_version(), Version::HTTP_11);
    assert_echoes(&mut websocket).await;
}

#[tokio::test]
async fn a_server_of_another_version_is_an_error_that_says_so() {
    let server = Running::start(free_server().await.http2(false).route("/echo", echo));
    let client = ClientBuilder::new(&format!("ws://{}/echo", server.address)).unwrap().no_proxy();
    let error = client.http(Http::Http2).connect().await.unwrap_err();
    let Error::Io(error) = error else { panic!("{error:?}") };
    assert!(error.to_string().starts_with("server does not speak http/2: "), "{error}");
}

#[tokio::test]
async fn a_server_that_goes_away_keeps_what_is_open_and_gets_nothing_new() {
    let address = serve(|stream, n| async move {
        let mut connection = Builder::new().enable_connect_protocol().handshake(stream).await.unwrap();
        while let Some(Ok((request, respond))) = connection.accept().await {
            accept(request, respond);
            if n == 0 {
                connection.graceful_shutdown();
            }
        }
    })
    .await;
    let client = ClientBuilder::new(&format!("ws://{address}/")).unwrap().no_proxy().http(Http::Http2);
    let mut first = client.connect().await.unwrap();
    // Behind the echo the client has seen GOAWAY too.
    assert_echoes(&mut first).await;
    let mut second = client.connect().await.unwrap();
    assert_ne!(port(&first), 0);
    assert_echoes(&mut first).await;
    assert_echoes(&mut second).await;
}

fn port(websocket: &WebSocket) -> u16 {
    websocket.stream().peer_addr().unwrap().port()
}

#[tokio::test]
async fn a_request_that_was_not_looked_at_is_sent_again() {
    let address = serve(|stream, n| async move {
        let mut connection = Builder::new().enable_connect_protocol().handshake(stream).await.unwrap();
        while let Some(Ok((request, mut respond))) = connection.accept().await {
            if n == 0 {
                respond.send_reset(Reason::REFUSED_STREAM);
            } else {
                accept(request, respond);
            }
        }
    })
    .await;
    let client = ClientBuilder::new(&format!("ws://{address}/")).unwrap().no_proxy().http(Http::Http2);
    assert_echoes(&mut client.connect().await.unwrap()).await;
}

#[tokio::test]
async fn a_server_without_extended_connect_is_told_of_or_left() {
    let address = serve(|stream, _| async move {
        let mut connection = h2::server::handshake(stream).await.unwrap();
        while let Some(Ok(_)) = connection.accept().await {}
    })
    .await;
    let client = ClientBuilder::new(&format!("ws://{address}/")).unwrap().no_proxy().http(Http::Http2);
    let Error::Io(error) = client.connect().await.unwrap_err() else { panic!() };
    assert_eq!(error.to_string(), "server has no websockets over http/2, try http/1.1");

    // Over TLS a server says by ALPN what it speaks, and the choice is ours.
    let authority = Authority::new();
    let acceptor = acceptor_for(&authority.issue("localhost"), &[b"h2", b"http/1.1"]);
    let address = serve(move |stream, _| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
                let mut connection = h2::server::handshake(stream).await.unwrap();
                while let Some(Ok(_)) = connection.accept().await {}
                return;
            }
            let mut websocket = carrick::accept(stream, &Acceptor::default()).await.unwrap();
            while let Some(Ok(message)) = websocket.recv().await {
                websocket.send(message).await.unwrap();
            }
        }
    })
    .await;
    let lines = Lines::default();
    let client = ClientBuilder::new(&format!("wss://localhost:{}/", address.port())).unwrap();
    let client = lines.watch(client.no_proxy().root_certificates(authority.pem()).unwrap());
    let mut websocket = client.connect().await.unwrap();
    assert_eq!(websocket.stream().http_version(), Version::HTTP_11);
    assert_echoes(&mut websocket).await;
    lines.assert_have("falling back to http/1.1: server has no websockets over http/2");
    lines.take();
    // It is remembered, so the next one asks for nothing else.
    assert_echoes(&mut client.connect().await.unwrap()).await;
    assert!(!lines.take().iter().any(|line| line.contains("http/2")));
    let Error::Io(error) = client.http(Http::Http2).connect().await.unwrap_err() else { panic!() };
    assert_eq!(error.to_string(), "server has no websockets over http/2, try http/1.1");
}

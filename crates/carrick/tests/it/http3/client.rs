//! The client: which QUIC connections it makes, shares and leaves.

use std::time::Duration;

use carrick::{
    ClientBuilder, Error, Http, Proxy, WebSocket,
    protocol::{CloseCode, Message, ResponseError},
};
use http::Request;
use tokio::sync::mpsc;

use super::support::Lines;
use crate::{
    server::support::{assert_echoes, echo, next},
    versions::ways::{Callers, Site, Way},
};

/// A server that notes who comes, and echoes.
async fn site(callers: &Callers, max_streams: u32) -> Site {
    let noted = callers.clone();
    Way::Http3
        .serve(|server| {
            server.max_concurrent_streams(max_streams).route(
                "/echo",
                move |websocket: WebSocket, request: Request<()>| {
                    noted.note(&request);
                    echo(websocket, request)
                },
            )
        })
        .await
}

#[tokio::test]
async fn a_connection_ends_with_its_last_websocket() {
    let callers = Callers::default();
    let site = site(&callers, 1000).await;
    let client = site.client("/echo");
    let mut first = client.connect().await.unwrap();
    let mut second = client.clone().connect().await.unwrap();
    assert_echoes(&mut first).await;
    drop(first);
    assert_echoes(&mut second).await;
    assert_eq!(callers.count(), 1);
    drop(second);
    let mut third = client.connect().await.unwrap();
    assert_echoes(&mut third).await;
    assert_eq!(callers.count(), 2);
}

#[tokio::test]
async fn where_a_server_allows_no_more_streams_there_is_another_connection() {
    let callers = Callers::default();
    let site = site(&callers, 2).await;
    let client = site.client("/echo");
    let mut websockets = Vec::new();
    for _ in 0..5 {
        websockets.push(client.connect().await.unwrap());
    }
    for websocket in &mut websockets {
        assert_echoes(websocket).await;
    }
    assert_eq!(callers.count(), 3);
}

#[tokio::test]
async fn a_trace_shows_the_version_the_settings_and_the_pseudo_headers() {
    let site = site(&Callers::default(), 1000).await;
    let lines = Lines::default();
    let client = lines.watch(site.client("/echo?room=1")).bearer_token("secret").unwrap();
    let _first = client.connect().await.unwrap();
    let seen = lines.take();
    let address = site.running.address;
    assert_eq!(seen[0], format!("trying http/3 with {address}"));
    let settings =
        seen.iter().find(|line| line.starts_with("speaking http/3, settings of the server: ")).unwrap();
    assert!(settings.contains("MAX_FIELD_SECTION_SIZE="), "{settings}");
    assert!(settings.contains("ENABLE_CONNECT_PROTOCOL=1"), "{settings}");
    let authority = format!("> :authority: {address}");
    let start = seen.iter().position(|line| line == "> :method: CONNECT").unwrap();
    assert_eq!(
        seen[start..start + 6],
        [
            "> :method: CONNECT",
            "> :protocol: websocket",
            "> :scheme: https",
            &authority,
            "> :path: /echo?room=1",
            "> sec-websocket-version: 13"
        ]
    );
    assert!(seen.contains(&"> authorization: …".to_owned()));
    assert!(seen.contains(&"< :status: 200".to_owned()));
    let _second = client.connect().await.unwrap();
    assert!(lines.have(&format!("sharing the http/3 connection to {address}, streams on it: 1")));
}

#[tokio::test]
async fn what_has_no_http_3_is_an_error_that_says_so() {
    let plain = ClientBuilder::new("ws://localhost/").unwrap().no_proxy().http(Http::Http3);
    assert_eq!(
        format!("{:#}", plain.connect().await.unwrap_err()),
        "setting cannot be used: HTTP/3 is always encrypted, use a wss:// URL"
    );
    let proxied = ClientBuilder::new("wss://localhost/").unwrap().http(Http::Http3);
    let proxied = proxied.proxy(Proxy::parse("http://127.0.0.1:1").unwrap());
    assert_eq!(
        format!("{:#}", proxied.connect().await.unwrap_err()),
        "setting cannot be used: HTTP/3 does not go through a proxy"
    );
    // A socket that takes packets and answers none.
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let client = ClientBuilder::new(&format!("wss://{address}/")).unwrap().no_proxy().http(Http::Http3);
    let error = client.connect_timeout(Duration::from_millis(100)).connect().await.unwrap_err();
    let Error::Io(error) = error else { panic!("{error:?}") };
    assert_eq!(error.to_string(), format!("cannot connect to {address}: no answer within 100ms"));
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_an_error_of_tls() {
    let site = site(&Callers::default(), 1000).await;
    let client = ClientBuilder::new(&format!("wss://{}/echo", site.running.address)).unwrap();
    let error = client.no_proxy().http(Http::Http3).connect().await.unwrap_err();
    let Error::Tls(error) = error else { panic!("{error:?}") };
    assert!(error.to_string().contains("UnknownIssuer"), "{error}");
}

#[tokio::test]
async fn a_refusal_is_told_with_its_sentence() {
    let site = site(&Callers::default(), 1000).await;
    let error = site.client("/none").connect().await.unwrap_err();
    let Error::Response(error) = error else { panic!("{error:?}") };
    let ResponseError::Status(response) = *error else { panic!("{error:?}") };
    assert_eq!(response.status(), 404);
    assert!(String::from_utf8_lossy(response.body()).starts_with("no websocket at"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_blocking_client_has_sent_is_on_its_way() {
    let (told, mut heard) = mpsc::unbounded_channel();
    let site = Way::Http3
        .serve(|server| {
            server.route("/echo", move |mut websocket: WebSocket, _| {
                let told = told.clone();
                async move {
                    while let Some(Ok(message)) = websocket.recv().await {
                        let _ = told.send(message.clone());
                        if websocket.send(message).await.is_err() {
                            break;
                        }
                    }
                }
            })
        })
        .await;
    let client = site.client("/echo");
    let blocking = std::thread::spawn(move || {
        let mut websocket = client.connect_blocking().unwrap();
        for i in 0..10 {
            websocket.send(i.to_string()).unwrap();
            assert_eq!(websocket.recv().unwrap().unwrap(), Message::from(i.to_string()));
        }
        // Nothing works for this client from now on.
        websocket.send("last").unwrap();
        websocket
    });
    while heard.recv().await.unwrap() != Message::from("last") {}
    let mut websocket = blocking.join().unwrap();
    let ending = std::thread::spawn(move || {
        assert_eq!(websocket.recv().unwrap().unwrap(), Message::from("last"));
        websocket.close(CloseCode::NORMAL, "").unwrap();
    });
    tokio::task::spawn_blocking(|| ending.join().unwrap()).await.unwrap();
}

#[tokio::test]
async fn a_message_in_front_of_a_drop_arrives() {
    let site = Way::Http3
        .serve(|server| {
            server.route("/bye", |mut websocket: WebSocket, _| async move {
                let _ = websocket.send("bye").await;
            })
        })
        .await;
    for _ in 0..20 {
        let mut websocket = site.client("/bye").connect().await.unwrap();
        assert_eq!(next(&mut websocket).await, Message::from("bye"));
        assert!(websocket.recv().await.unwrap().is_err());
    }
}

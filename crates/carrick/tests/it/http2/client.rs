//! The client: which connections it makes, shares and leaves.

use std::sync::{Arc, Mutex};

use carrick::{
    ClientBuilder, Error, Http, WebSocket,
    protocol::{Acceptor, Message, Refusal, ResponseError},
};
use h2::{Reason, server::Builder};
use http::{HeaderValue, Request, StatusCode, Version, header::LOCATION};

use super::support::{accept, serve};
use crate::server::support::{Running, assert_echoes, echo, free_server};
use crate::tls_client::{Authority, acceptor_for};
use crate::versions::ways::{Callers, Way};

#[tokio::test]
async fn a_connection_ends_with_its_last_websocket() {
    let callers = Callers::default();
    let noted = callers.clone();
    let site = Way::Http2
        .serve(|server| {
            server.route("/echo", move |websocket: WebSocket, request: Request<()>| {
                noted.note(&request);
                echo(websocket, request)
            })
        })
        .await;
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
async fn what_differs_in_its_certificates_shares_nothing() {
    let callers = Callers::default();
    let noted = callers.clone();
    let site = Way::Http2Tls
        .serve(|server| {
            server.route("/echo", move |websocket: WebSocket, request: Request<()>| {
                noted.note(&request);
                echo(websocket, request)
            })
        })
        .await;
    let client = site.client("/echo");
    let mut first = client.connect().await.unwrap();
    let mut other = client.clone().danger_accept_invalid_certs(true).connect().await.unwrap();
    assert_echoes(&mut first).await;
    assert_echoes(&mut other).await;
    assert_eq!(callers.count(), 2);
}

/// The lines of a trace.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    fn watch(&self, client: ClientBuilder) -> ClientBuilder {
        let lines = self.clone();
        client.on_connect_event(move |event| {
            lines.0.lock().unwrap().extend(event.to_string().lines().map(str::to_owned));
        })
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    fn assert_have(&self, line: &str) {
        let lines = self.0.lock().unwrap();
        assert!(lines.iter().any(|found| found.starts_with(line)), "{line}: {lines:#?}");
    }
}

#[tokio::test]
async fn a_trace_shows_the_version_the_settings_and_the_pseudo_headers() {
    let site = Way::Http2.serve(|server| server.route("/echo", echo)).await;
    let lines = Lines::default();
    let client = lines.watch(site.client("/echo?room=1")).bearer_token("secret").unwrap();
    let _first = client.connect().await.unwrap();
    lines.assert_have("speaking http/2, settings of the server: ");
    let seen = lines.take();
    let settings = seen.iter().find(|line| line.starts_with("speaking")).unwrap();
    assert!(settings.contains("MAX_CONCURRENT_STREAMS=1000"), "{settings}");
    assert!(settings.contains("ENABLE_CONNECT_PROTOCOL=1"), "{settings}");
    let address = site.running.address;
    let authority = format!("> :authority: {address}");
    let start = seen.iter().position(|line| line == "> :method: CONNECT").unwrap();
    assert_eq!(
        seen[start..start + 6],
        [
            "> :method: CONNECT",
            "> :protocol: websocket",
            "> :scheme: http",
            &authority,
            "> :path: /echo?room=1",
            "> sec-websocket-version: 13"
        ]
    );
    assert!(seen.contains(&"> authorization: …".to_owned()));
    assert!(seen.contains(&"< :status: 200".to_owned()));
    let _second = client.connect().await.unwrap();
    lines.assert_have(&format!("sharing the http/2 connection to {address}, streams on it: 1"));
}

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
async fn where_a_server_allows_no_more_streams_there_is_another_connection() {
    let callers = Callers::default();
    let noted = callers.clone();
    let site = Way::Http2
        .serve(|server| {
            server.max_concurrent_streams(2).route(
                "/echo",
                move |websocket: WebSocket, request: Request<()>| {
                    noted.note(&request);
                    echo(websocket, request)
                },
            )
        })
        .await;
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

#[tokio::test]
async fn a_refusal_is_told_with_its_sentence() {
    let site = Way::Http2.serve(|server| server.route("/echo", echo)).await;
    let error = site.client("/none").connect().await.unwrap_err();
    let Error::Response(error) = error else { panic!("{error:?}") };
    let ResponseError::Status(response) = *error else { panic!("{error:?}") };
    assert_eq!(response.status(), 404);
    assert!(String::from_utf8_lossy(response.body()).starts_with("no websocket at"));
}

#[tokio::test]
async fn redirects_are_followed() {
    let site = Way::Http2
        .serve(|server| {
            server.route("/echo", echo).route("/old", echo).on_request(|request: Request<()>, _| async move {
                if request.uri().path() == "/old" {
                    let location = HeaderValue::from_static("/echo");
                    return Err(Refusal::new(StatusCode::FOUND, "it moved").with_header(LOCATION, location));
                }
                Ok(request)
            })
        })
        .await;
    let mut websocket = site.client("/old").connect().await.unwrap();
    assert_eq!(websocket.stream().http_version(), Version::HTTP_2);
    assert_echoes(&mut websocket).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_blocking_client_has_connections_of_its_own() {
    let callers = Callers::default();
    let noted = callers.clone();
    let site = Way::Http2Tls
        .serve(|server| {
            server.route("/echo", move |websocket: WebSocket, request: Request<()>| {
                noted.note(&request);
                echo(websocket, request)
            })
        })
        .await;
    let client = site.client("/echo");
    let mut shared = client.connect().await.unwrap();
    let blocking = std::thread::spawn(move || {
        let mut websocket = client.connect_blocking().unwrap();
        for i in 0..10 {
            websocket.send(i.to_string()).unwrap();
            assert_eq!(websocket.recv().unwrap().unwrap(), Message::from(i.to_string()));
        }
        // What is sent is on its way, though nothing works for this client from now on.
        websocket.send("last").unwrap();
        websocket
    });
    while !blocking.is_finished() {
        assert_echoes(&mut shared).await;
    }
    blocking.join().unwrap();
    assert_eq!(callers.count(), 2);
}

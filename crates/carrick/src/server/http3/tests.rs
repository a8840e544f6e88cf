//! The server, as a client of HTTP/3 sees it whose requests are its own.

use std::{
    convert::Infallible,
    future::{poll_fn, ready},
    net::SocketAddr,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use tokio::{
    io::AsyncWriteExt,
    sync::{mpsc, oneshot},
    task::JoinHandle,
};
use tower_service::Service;

use super::super::{body::Body, builder::Server};
use crate::{
    error::Error,
    transport::{
        ReloadableTls, ServerTls,
        http3::{ErrorCode, Http3, Http3Stream, Receiving, Sending, testing},
    },
    websocket::WebSocket,
};

mod failure;
mod heads;
mod pressure;

/// A server at work.
struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinHandle<Result<usize, Error>>,
}

async fn free_server() -> Server {
    let tls = ReloadableTls::new(ServerTls::self_signed().unwrap());
    loop {
        // The UDP port with the number of the TCP port may be taken.
        if let Ok(server) = Server::bind("127.0.0.1:0").await.unwrap().http3(tls.clone()) {
            return server;
        }
    }
}

impl Running {
    async fn start(settings: impl FnOnce(Server) -> Server) -> Running {
        let server = free_server().await;
        let address = server.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(settings(server).serve_until(async {
            let _ = stopped.await;
        }));
        Running { address, stop, served }
    }
}

fn echoes(server: Server) -> Server {
    server.route("/echo", |mut websocket: WebSocket, _| async move {
        while let Some(Ok(message)) = websocket.recv().await {
            if websocket.send(message).await.is_err() {
                break;
            }
        }
    })
}

fn request(method: Method, path: &str) -> Request<()> {
    Request::builder().method(method).uri(format!("https://localhost{path}")).body(()).unwrap()
}

/// Asks for a WebSocket, or for another protocol.
async fn ask(
    client: &Arc<Http3>,
    path: &str,
    protocol: &str,
    fields: &[(&'static str, &str)],
) -> (Response<()>, Sending, Receiving) {
    let (mut sending, mut receiving) = client.open().await.unwrap();
    let mut request = request(Method::CONNECT, path);
    request.headers_mut().insert("sec-websocket-version", "13".parse().unwrap());
    for (name, value) in fields {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    sending.write_request(&request, Some(protocol)).await.unwrap();
    let response = receiving.read_response().await.unwrap();
    (response, sending, receiving)
}

async fn open(client: &Arc<Http3>) -> Http3Stream {
    let (response, sending, receiving) = ask(client, "/echo", "websocket", &[]).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(!response.headers().contains_key("sec-websocket-accept"));
    let mut stream = Http3Stream::new(sending, receiving);
    stream.expect_tunnel();
    stream
}

/// Sends a text masked with zeros, and reads its echo.
async fn assert_echoes(stream: &mut Http3Stream) {
    use tokio::io::AsyncReadExt;
    stream.write_all(&[0x81, 0x82, 0, 0, 0, 0, b'h', b'i']).await.unwrap();
    let mut echo = [0; 4];
    stream.read_exact(&mut echo).await.unwrap();
    assert_eq!(&echo, &[0x81, 2, b'h', b'i']);
}

async fn text(receiving: &mut Receiving) -> String {
    let mut body = Vec::new();
    while let Some(data) = poll_fn(|cx| receiving.poll_data(cx)).await.unwrap() {
        body.extend_from_slice(&data);
    }
    String::from_utf8(body).unwrap()
}

/// Sends a request with a body and reads the answer.
async fn get(client: &Arc<Http3>, request: &Request<()>, body: &'static [u8]) -> (Response<()>, String) {
    let (mut sending, mut receiving) = client.open().await.unwrap();
    sending.write_request(request, None).await.unwrap();
    if !body.is_empty() {
        sending.write_data(Bytes::from_static(body)).await.unwrap();
    }
    sending.finish();
    let response = receiving.read_response().await.unwrap();
    let body = text(&mut receiving).await;
    (response, body)
}

/// Answers with the number of bytes that it was sent.
#[derive(Clone)]
struct Counts;

impl Service<Request<Body>> for Counts {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(async move {
            let length = match request.into_body().collect().await {
                Ok(body) => body.to_bytes().len().to_string(),
                Err(error) => format!("{error:#}"),
            };
            Ok(Response::new(Full::from(length)))
        })
    }
}

#[tokio::test]
async fn pages_and_websockets_share_a_connection() {
    let server = Running::start(|server| echoes(server).fallback(Counts)).await;
    let (client, _endpoint) = testing::connect(server.address).await;
    let mut first = open(&client).await;
    let mut second = open(&client).await;
    assert_echoes(&mut first).await;
    let (response, body) = get(&client, &request(Method::GET, "/"), b"").await;
    assert_eq!((response.status(), body.as_str()), (StatusCode::OK, "0"));
    assert!(!response.headers().contains_key("alt-svc"));
    let (_, body) = get(&client, &request(Method::POST, "/"), &[0; 500_000]).await;
    assert_eq!(body, "500000");
    let (response, body) = get(&client, &request(Method::HEAD, "/"), b"").await;
    assert_eq!((&response.headers()["content-length"], body.as_str()), (&"1".parse().unwrap(), ""));
    assert_echoes(&mut second).await;
    assert_echoes(&mut first).await;
}

#[tokio::test]
async fn refusals_say_why_and_end_their_stream_only() {
    let server = Running::start(echoes).await;
    let (client, _endpoint) = testing::connect(server.address).await;
    let key = [("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")];
    let (response, ..) = ask(&client, "/echo", "websocket", &key).await;
    assert_eq!(response.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    let cases: [(&str, &str, &[_], u16, &str); 3] = [
        ("connect-udp", "/echo", &[], 501, ":protocol is"),
        ("websocket", "/none", &[], 404, "no websocket"),
        ("websocket", "/echo", &[("origin", "https://evil.example")], 403, "evil.example"),
    ];
    for (protocol, path, fields, status, sentence) in cases {
        let (response, _sending, mut receiving) = ask(&client, path, protocol, fields).await;
        assert_eq!(response.status(), status);
        let body = text(&mut receiving).await;
        assert!(body.contains(sentence), "{body}");
    }
    let (response, body) = get(&client, &request(Method::GET, "/echo"), b"").await;
    assert_eq!(response.status(), 400, "{body}");
    let long = "x".repeat(30_000);
    let (response, ..) = ask(&client, "/echo", "websocket", &[("x-long", &long)]).await;
    assert_eq!(response.status(), 431);
    assert_echoes(&mut open(&client).await).await;
}

#[tokio::test]
async fn each_websocket_counts_as_a_connection() {
    // One for the connection itself.
    let server = Running::start(|server| echoes(server).max_connections(3)).await;
    let (client, _endpoint) = testing::connect(server.address).await;
    let first = open(&client).await;
    let mut second = open(&client).await;
    let (response, ..) = ask(&client, "/echo", "websocket", &[]).await;
    assert_eq!(response.status(), 503);
    drop(first);
    assert_echoes(&mut second).await;
    // Its place is free once its handler has returned.
    while ask(&client, "/echo", "websocket", &[]).await.0.status() != 200 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_stop_sends_goaway_rejects_what_still_comes_and_waits() {
    use tokio::io::AsyncReadExt;
    let server = Running::start(echoes).await;
    let (client, _endpoint) = testing::connect(server.address).await;
    let mut stream = open(&client).await;
    assert_echoes(&mut stream).await;
    server.stop.send(()).unwrap();
    let mut close = [0; 4];
    stream.read_exact(&mut close).await.unwrap();
    assert_eq!((close[0], u16::from_be_bytes([close[2], close[3]])), (0x88, 1001));
    while !client.is_leaving() {
        tokio::task::yield_now().await;
    }
    let (mut sending, mut receiving) = client.open().await.unwrap();
    sending.write_request(&request(Method::GET, "/"), None).await.unwrap();
    let error = std::io::Error::from(receiving.read_response().await.unwrap_err());
    assert_eq!(error.to_string(), "peer ended the http/3 stream with H3_REQUEST_REJECTED");
    stream.write_all(&[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe9]).await.unwrap();
    stream.shutdown().await.unwrap();
    drop((stream, sending, receiving));
    client.close();
    assert_eq!(server.served.await.unwrap().unwrap(), 0);
}

#[tokio::test]
async fn requests_that_are_taken_back_all_the_time_end_the_connection() {
    let server = Running::start(|server| {
        echoes(server).on_request(|request: Request<()>, _| async move {
            // An application that thinks for longer than anybody waits.
            std::future::pending::<()>().await;
            Ok::<_, crate::protocol::Refusal>(request)
        })
    })
    .await;
    let (client, _endpoint) = testing::connect(server.address).await;
    while let Ok((mut sending, receiving)) = client.open().await {
        let mut request = request(Method::CONNECT, "/echo");
        request.headers_mut().insert("sec-websocket-version", "13".parse().unwrap());
        if sending.write_request(&request, Some("websocket")).await.is_err() {
            break;
        }
        drop(receiving);
        sending.cancel(ErrorCode::RequestCancelled);
        tokio::task::yield_now().await;
    }
    assert_eq!(client.closed().await.to_string(), "peer ended the http/3 connection with H3_EXCESSIVE_LOAD");
}

#[tokio::test]
async fn handlers_behind_streams_that_are_taken_back_hold_the_places_of_these() {
    let (told, mut heard) = mpsc::unbounded_channel();
    let server = Running::start(|server| {
        server.max_concurrent_streams(3).route("/echo", move |websocket: WebSocket, _| {
            let _ = told.send(websocket);
            ready(())
        })
    })
    .await;
    let (client, _endpoint) = testing::connect(server.address).await;
    // Handlers that neither read nor end.
    let mut held = Vec::new();
    for _ in 0..3 {
        drop(open(&client).await);
        held.push(heard.recv().await.unwrap());
    }
    let mut waiting = std::pin::pin!(client.open());
    let waited = tokio::time::timeout(std::time::Duration::from_millis(100), &mut waiting).await;
    assert!(waited.is_err(), "there is no place");
    held.clear();
    waiting.await.unwrap();
}

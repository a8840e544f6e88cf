//! Answers whose head is larger than a client takes.

use http::{HeaderName, HeaderValue};

use super::*;
use crate::server::accepted::Accepted;

const LONG: HeaderName = HeaderName::from_static("x-long");

/// What a page and an answer that opens a WebSocket have beside `x-long`: ":status: 200" and "content-length: 1".
const WEBSOCKET_BYTES: usize = (7 + 3 + 32) + (6 + 32);
const PAGE_BYTES: usize = WEBSOCKET_BYTES + (14 + 1 + 32);

/// A field of as many bytes as the request asks for.
fn long(request: &Request<impl Sized>) -> HeaderValue {
    let bytes = request.headers().get("x-bytes").map_or(0, |bytes| bytes.to_str().unwrap().parse().unwrap());
    HeaderValue::try_from("x".repeat(bytes)).unwrap()
}

#[derive(Clone)]
struct Pages;

impl Service<Request<Body>> for Pages {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let mut page = Response::new(Full::from("1"));
        page.headers_mut().insert(LONG, long(&request));
        ready(Ok(page))
    }
}

/// A server that says what it has refused.
async fn start() -> (Running, mpsc::UnboundedReceiver<String>) {
    let (told, heard) = mpsc::unbounded_channel();
    let server = Running::start(|server| {
        let server = echoes(server).fallback(Pages).on_request(|request: Request<()>, _| async move {
            let long = long(&request);
            Ok(Accepted::new(request).with_header(LONG, long))
        });
        server.on_rejection(move |rejection, _| told.send(rejection.to_string()).unwrap())
    })
    .await;
    (server, heard)
}

/// A client that takes so many bytes, as the server knows.
async fn client(server: &Running, most: usize) -> (Arc<Http3>, quinn::Endpoint) {
    let (client, endpoint) = testing::connect_taking(server.address, most).await;
    for _ in 0..2 {
        // Whatever comes of it, it is a way there and back.
        let (mut sending, mut receiving) = client.open().await.unwrap();
        sending.write_request(&request(Method::OPTIONS, "/none"), None).await.unwrap();
        sending.finish();
        drop(receiving.read_response().await);
    }
    (client, endpoint)
}

#[tokio::test]
async fn an_answer_beyond_what_the_client_takes_is_not_sent() {
    const MOST: usize = 1000;
    let (server, mut heard) = start().await;
    let (client, _endpoint) = client(&server, MOST).await;
    let sentence = "the head of the answer is 1001 bytes, the client takes 1000";
    for (bytes, expected) in [(MOST, 200), (MOST + 1, 500)] {
        let long = (bytes - WEBSOCKET_BYTES).to_string();
        let (response, _sending, mut receiving) =
            ask(&client, "/echo", "websocket", &[("x-bytes", &long)]).await;
        assert_eq!(response.status(), expected);
        if expected == 500 {
            assert_eq!(text(&mut receiving).await, format!("{sentence}\n"));
            assert_eq!(heard.recv().await.unwrap(), sentence);
        }
        let mut page = request(Method::GET, "/");
        page.headers_mut().insert("x-bytes", (bytes - PAGE_BYTES).into());
        let (response, body) = get(&client, &page, b"").await;
        assert_eq!(response.status(), expected, "{body}");
        if expected == 500 {
            assert_eq!(heard.recv().await.unwrap(), sentence);
        }
    }
}

#[tokio::test]
async fn one_who_takes_no_answer_gets_none() {
    let (server, _heard) = start().await;
    let (client, _endpoint) = client(&server, 100).await;
    let (mut sending, mut receiving) = client.open().await.unwrap();
    let mut page = request(Method::GET, "/");
    page.headers_mut().insert("x-bytes", 100.into());
    sending.write_request(&page, None).await.unwrap();
    sending.finish();
    let error = std::io::Error::from(receiving.read_response().await.unwrap_err());
    assert_eq!(error.to_string(), "peer ended the http/3 stream with H3_INTERNAL_ERROR");
}

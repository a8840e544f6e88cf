//! Clients that are slow, that go away, and that are not where they say.

use std::{convert::Infallible, net::UdpSocket, pin::Pin, time::Duration};

use tokio::{io::AsyncReadExt, net::TcpStream, time};

use super::*;
use crate::transport::http3::testing::initial_packet;

/// Answers with a body that somebody makes.
#[derive(Clone)]
struct Answers<F>(F);

impl<F: Fn() -> B, B> Service<Request<Body>> for Answers<F> {
    type Response = Response<B>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response<B>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        ready(Ok(Response::new((self.0)())))
    }
}

/// A body that never comes, and tells when nobody waits for it any more.
struct Never(mpsc::UnboundedSender<()>);

impl hyper::body::Body for Never {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

impl Drop for Never {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_client_that_does_not_stand_still_gets_all_of_a_large_page() {
    const BYTES: usize = 3 << 20;
    let page = || Full::from(vec![7; BYTES]);
    let server = Running::start(|server| server.fallback(Answers(page))).await;
    let (client, _endpoint) = testing::connect(server.address).await;
    let (mut sending, mut receiving) = client.open().await.unwrap();
    sending.write_request(&request(Method::GET, "/"), None).await.unwrap();
    sending.finish();
    assert_eq!(receiving.read_response().await.unwrap().status(), StatusCode::OK);
    let (mut length, mut since, start) = (0, 0, time::Instant::now());
    while let Some(data) = poll_fn(|cx| receiving.poll_data(cx)).await.unwrap() {
        length += data.len();
        since += data.len();
        if since > 250_000 {
            since = 0;
            time::advance(Duration::from_secs(8)).await;
        }
    }
    assert_eq!(length, BYTES);
    assert!(start.elapsed() > Duration::from_secs(60), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_page_that_nobody_waits_for_any_more_is_not_made() {
    let (told, mut heard) = mpsc::unbounded_channel();
    let server = Running::start(|server| server.fallback(Answers(move || Never(told.clone())))).await;
    let (client, _endpoint) = testing::connect(server.address).await;
    let (mut sending, mut receiving) = client.open().await.unwrap();
    sending.write_request(&request(Method::GET, "/"), None).await.unwrap();
    assert_eq!(receiving.read_response().await.unwrap().status(), StatusCode::OK);
    drop(receiving);
    heard.recv().await.unwrap();
}

#[tokio::test]
async fn pages_are_bounded_by_the_streams_of_their_connection() {
    let server =
        Running::start(|server| echoes(server).fallback(Counts).max_connections(1).max_concurrent_streams(3))
            .await;
    let (client, _endpoint) = testing::connect(server.address).await;
    // The connection has the only place, which the pages on it share.
    assert_eq!(ask(&client, "/echo", "websocket", &[]).await.0.status(), 503);
    let mut uploads = Vec::new();
    for _ in 0..3 {
        let (mut sending, receiving) = client.open().await.unwrap();
        sending.write_request(&request(Method::POST, "/"), None).await.unwrap();
        uploads.push((sending, receiving));
    }
    let mut fourth = std::pin::pin!(client.open());
    assert!(
        time::timeout(Duration::from_millis(100), &mut fourth).await.is_err(),
        "there is no stream for it"
    );
    for (mut sending, mut receiving) in uploads {
        sending.finish();
        assert_eq!(receiving.read_response().await.unwrap().status(), StatusCode::OK);
        assert_eq!(text(&mut receiving).await, "0");
    }
    fourth.await.unwrap();
}

#[tokio::test]
async fn forged_packets_take_no_place_from_others() {
    let server = Running::start(|server| echoes(server).max_connections(8)).await;
    let forgers: Vec<_> = (0..16).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    for forger in &forgers {
        forger.send_to(&initial_packet(), server.address).unwrap();
    }
    // One that is where it says has to prove it.
    let (client, _endpoint) = testing::connect(server.address).await;
    assert_echoes(&mut open(&client).await).await;
    let mut tcp = TcpStream::connect(server.address).await.unwrap();
    tcp.write_all(b"no tls").await.unwrap();
    let mut answer = Vec::new();
    // An alert: it had its turn.
    tcp.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer.first(), Some(&21));
}

#[tokio::test]
async fn websockets_that_are_taken_back_all_the_time_end_the_connection() {
    let server = Running::start(echoes).await;
    let (client, _endpoint) = testing::connect(server.address).await;
    let mut asked = request(Method::CONNECT, "/echo");
    asked.headers_mut().insert("sec-websocket-version", "13".parse().unwrap());
    let mut opened = 0;
    while let Ok((mut sending, mut receiving)) = client.open().await {
        let written = sending.write_request(&asked, Some("websocket")).await;
        if written.is_err() || receiving.read_response().await.is_err() {
            break;
        }
        opened += 1;
        sending.cancel(ErrorCode::RequestCancelled);
    }
    assert_eq!(client.closed().await.to_string(), "peer ended the http/3 connection with H3_EXCESSIVE_LOAD");
    assert!((800..2000).contains(&opened), "{opened}");
}

#[tokio::test]
async fn an_idle_connection_is_told_to_go_and_late_requests_are_rejected() {
    let wait = Duration::from_millis(200);
    let server = Running::start(|server| echoes(server).handshake_timeout(wait)).await;
    let (client, _endpoint) = testing::connect(server.address).await;
    while !client.is_leaving() {
        tokio::task::yield_now().await;
    }
    let (mut sending, mut receiving) = client.open().await.unwrap();
    sending.write_request(&request(Method::GET, "/"), None).await.unwrap();
    let error = std::io::Error::from(receiving.read_response().await.unwrap_err());
    assert_eq!(error.to_string(), "peer ended the http/3 stream with H3_REQUEST_REJECTED");
    assert_eq!(client.closed().await.to_string(), "peer ended the http/3 connection in order");
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_idle_from_its_last_stream_on() {
    let wait = Duration::from_secs(10);
    let server = Running::start(|server| echoes(server).handshake_timeout(wait)).await;
    let (client, _endpoint) = testing::connect(server.address).await;
    let start = time::Instant::now();
    for _ in 0..5 {
        time::advance(Duration::from_secs(7)).await;
        get(&client, &request(Method::GET, "/echo"), b"").await;
    }
    let last = time::Instant::now();
    assert!(last - start >= Duration::from_secs(35));
    client.left_out_from_now_on().await;
    assert!(last.elapsed() >= Duration::from_secs(9), "{:?}", last.elapsed());
}

#[tokio::test]
async fn a_refused_request_is_not_needed_any_more_rather_than_cancelled() {
    let server = Running::start(echoes).await;
    let (client, _endpoint) = testing::connect(server.address).await;
    let (response, mut sending, _receiving) = ask(&client, "/none", "websocket", &[]).await;
    assert_eq!(response.status(), 404);
    let error = loop {
        if let Err(error) = sending.write_data(Bytes::from_static(b"more")).await {
            break error;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(error.to_string(), "peer needed no more of the http/3 stream");
}

#[tokio::test]
async fn a_body_of_another_length_makes_the_request_malformed() {
    let server = Running::start(|server| server.fallback(Counts)).await;
    let (client, _endpoint) = testing::connect(server.address).await;
    for (said, is_sound) in
        [("4", false), ("5", true), ("6", false), ("abc", false), ("+5", false), ("", false)]
    {
        let (mut sending, mut receiving) = client.open().await.unwrap();
        let mut request = request(Method::POST, "/");
        request.headers_mut().insert("content-length", said.parse().unwrap());
        sending.write_request(&request, None).await.unwrap();
        sending.write_data(Bytes::from_static(b"12345")).await.unwrap();
        sending.finish();
        let error = receiving.read_response().await.map_err(std::io::Error::from).err();
        let expected = (!is_sound).then_some("peer ended the http/3 stream with H3_MESSAGE_ERROR");
        assert_eq!(error.map(|error| error.to_string()).as_deref(), expected, "{said:?}");
    }
    assert_eq!(get(&client, &request(Method::POST, "/"), b"1234").await.1, "4");
}

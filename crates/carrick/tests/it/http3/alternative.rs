//! HTTP/3 that a client learns of by `Alt-Svc` (RFC 7838).

use std::{net::UdpSocket, time::Duration};

use carrick::{Accepted, Http, ReloadableTls, Server, ServerTls, WebSocket};
use http::{HeaderValue, Request, Version, header::ALT_SVC};
use tokio::time::Instant;

use crate::{
    server::support::{Running, assert_echoes, echo, free_server},
    versions::{
        lines::Lines,
        ways::{Site, Way, server_with_http3},
    },
};

/// A server of HTTP/1.1 and HTTP/2 that says that HTTP/3 is at this port.
async fn site(port: u16) -> Site {
    let there = HeaderValue::try_from(format!("h3=\":{port}\"")).unwrap();
    let tells = |server: Server| {
        server.route("/echo", echo).on_request(move |request: Request<()>, _| {
            let there = there.clone();
            async move { Ok(Accepted::new(request).with_header(ALT_SVC, there)) }
        })
    };
    Way::Http2Tls.serve(tells).await
}

fn version(websocket: &WebSocket) -> Version {
    websocket.stream().http_version()
}

#[tokio::test]
async fn what_a_server_says_counts_from_the_next_connection_on() {
    let site = Way::Http3.serve(|server| server.route("/echo", echo)).await;
    let lines = Lines::default();
    let client = lines.watch(site.client("/echo")).http(Http::Auto);
    let mut first = client.connect().await.unwrap();
    assert_eq!(version(&first), Version::HTTP_2);
    assert_echoes(&mut first).await;
    assert!(!lines.have("trying http/3"));
    // As long as there is a connection it is shared.
    assert_eq!(version(&client.connect().await.unwrap()), Version::HTTP_2);
    drop(first);
    let mut next = client.clone().connect().await.unwrap();
    assert_eq!(version(&next), Version::HTTP_3);
    assert!(lines.have(&format!("trying http/3 with {}", site.running.address)));
    assert_echoes(&mut next).await;
    // A client that does not want it is not sent there.
    assert_eq!(version(&client.clone().http(Http::Http2).connect().await.unwrap()), Version::HTTP_2);
    assert_eq!(version(&client.http(Http::Http1).connect().await.unwrap()), Version::HTTP_11);
}

#[tokio::test]
async fn an_http_1_answer_tells_of_it_too() {
    let site = Way::Http3.serve(|server| server.http2(false).route("/echo", echo)).await;
    let client = site.client("/echo").http(Http::Auto);
    assert_eq!(version(&client.connect().await.unwrap()), Version::HTTP_11);
    assert_eq!(version(&client.connect().await.unwrap()), Version::HTTP_3);
}

#[tokio::test]
async fn blocked_udp_costs_a_moment_once() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let site = site(silent.local_addr().unwrap().port()).await;
    let lines = Lines::default();
    let client = lines.watch(site.client("/echo"));
    drop(client.connect().await.unwrap());
    let start = Instant::now();
    let mut websocket = client.connect().await.unwrap();
    let took = start.elapsed();
    assert_eq!(version(&websocket), Version::HTTP_2);
    assert_echoes(&mut websocket).await;
    assert!(lines.have("trying http/3"));
    assert!(took >= Duration::from_millis(250), "{took:?}");
    assert!(took < Duration::from_secs(4), "{took:?}");
    drop(websocket);
    lines.take();
    assert_eq!(version(&client.connect().await.unwrap()), Version::HTTP_2);
    assert!(!lines.have("trying http/3"));
    // Who asks for HTTP/3 gets it tried.
    let client = client.http(Http::Http3).connect_timeout(Duration::from_millis(50));
    assert!(client.connect().await.is_err());
    assert!(lines.have("trying http/3"));
}

#[tokio::test]
async fn one_who_cannot_speak_for_the_server_is_left_at_once() {
    let other = Way::Http3.serve(|server| server.route("/echo", echo)).await;
    let site = site(other.running.address.port()).await;
    let lines = Lines::default();
    let client = lines.watch(site.client("/echo"));
    drop(client.connect().await.unwrap());
    let mut websocket = client.connect().await.unwrap();
    assert_eq!(version(&websocket), Version::HTTP_2);
    assert_echoes(&mut websocket).await;
    assert!(lines.have(&format!("cannot connect to {}: ", other.running.address)), "{:#?}", lines.take());
}

#[tokio::test]
async fn http_3_is_asked_for_where_the_server_has_said_that_it_is() {
    let tls = ServerTls::self_signed().unwrap();
    let pem = tls.certificates_pem();
    let tls = ReloadableTls::new(tls);
    let quic = server_with_http3(tls.clone()).await.route("/echo", echo);
    let port = quic.local_addr().unwrap().port();
    let quic = Running::start(quic);
    let there = HeaderValue::try_from(format!("h3=\":{port}\"; ma=60")).unwrap();
    let tcp = free_server().await.tls(tls).route("/echo", echo).on_request(move |request: Request<()>, _| {
        let there = there.clone();
        async move { Ok(Accepted::new(request).with_header(ALT_SVC, there)) }
    });
    let tcp = Running::start(tcp);
    let client = carrick::ClientBuilder::new(&format!("wss://{}/echo", tcp.address)).unwrap();
    let client = client.no_proxy().root_certificates(pem).unwrap();
    drop(client.connect().await.unwrap());
    let websocket = client.http(Http::Http3).connect().await.unwrap();
    assert_eq!(websocket.stream().peer_addr(), Some(quic.address));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_runtime_has_learned_another_knows() {
    let site = Way::Http3.serve(|server| server.route("/echo", echo)).await;
    let lines = Lines::default();
    let client = lines.watch(site.client("/echo")).http(Http::Auto);
    drop(client.connect().await.unwrap());
    assert!(!lines.have("trying http/3"));
    let blocking = tokio::task::spawn_blocking(move || {
        std::thread::spawn(move || drop(client.connect_blocking().unwrap())).join().unwrap();
    });
    blocking.await.unwrap();
    assert!(lines.have("speaking http/3"));
}

#[tokio::test]
async fn one_who_asks_for_http_3_finds_it_on_the_port_of_the_url_too() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let there = HeaderValue::try_from(format!("h3=\":{}\"", silent.local_addr().unwrap().port())).unwrap();
    let tells = |server: Server| {
        server.route("/echo", echo).on_request(move |request: Request<()>, _| {
            let there = there.clone();
            async move { Ok(Accepted::new(request).with_header(ALT_SVC, there)) }
        })
    };
    let site = Way::Http3.serve(tells).await;
    let client = site.client("/echo");
    drop(client.connect().await.unwrap());
    let start = Instant::now();
    let mut websocket = client.connect().await.unwrap();
    assert_eq!(version(&websocket), Version::HTTP_3);
    assert_echoes(&mut websocket).await;
    assert!(start.elapsed() >= Duration::from_millis(250), "{:?}", start.elapsed());
}

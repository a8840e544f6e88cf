//! A UDP socket that fails.

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite},
    net::TcpStream,
};
use url::Host;

use super::*;
use crate::transport::{ClientTls, Http, NetStream, Observer};

/// What a page over HTTP/1.1 says of HTTP/3.
async fn alt_svc(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> String {
    stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n0") {
        assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0);
    }
    let answer = String::from_utf8(answer).unwrap();
    let value = answer.lines().find_map(|line| line.strip_prefix("alt-svc: "));
    value.expect("it says something").to_owned()
}

#[tokio::test]
async fn tcp_goes_on_and_it_is_told_once() {
    let (told, mut heard) = mpsc::unbounded_channel();
    let server = free_server().await.fallback(Counts);
    let address = server.local_addr().unwrap();
    let server = server.on_http3_failure(move |error| told.send(error.to_string()).unwrap());
    let opened = server.open().unwrap();
    let endpoint = opened.quic.as_ref().unwrap().endpoint();
    let (stop, stopped) = oneshot::channel::<()>();
    let served = tokio::spawn(opened.serve(async { drop(stopped.await) }));

    let mut tls = ClientTls::default();
    tls.set_accept_invalid(true);
    tls.prepare().await.unwrap();
    let stream = NetStream::tcp(TcpStream::connect(address).await.unwrap());
    let host = Host::Domain("localhost".to_owned());
    let (mut stream, _) = tls.connect(stream, &host, Http::Http1, &Observer::default()).await.unwrap();
    assert_eq!(alt_svc(&mut stream).await, format!("h3=\":{}\"; ma=86400", address.port()));
    // To whoever accepts this is a socket that has failed.
    endpoint.close(0_u32.into(), b"");
    let error = heard.recv().await.unwrap();
    assert!(error.starts_with("the udp socket of http/3 has failed"), "{error}");
    assert_eq!(alt_svc(&mut stream).await, "clear");
    stop.send(()).unwrap();
    assert_eq!(served.await.unwrap().unwrap(), 0);
    assert_eq!(heard.recv().await, None);
}

//! TLS to the server inside of the tunnel, and TLS to the proxy around it.

use carrick::{Error, protocol::Message};
use tokio_rustls::TlsAcceptor;

use super::{play_http, play_socks, through, told};
use crate::{
    support::Scripted,
    tls_client::{Asked, Authority, acceptor, serve},
};

/// A proxy that is spoken to over TLS; gives whether the client showed a certificate.
async fn secure_proxy(acceptor: TlsAcceptor) -> Scripted<Result<bool, String>> {
    Scripted::start(async move |tcp| {
        let mut stream = acceptor.accept(tcp).await.map_err(|error| error.to_string())?;
        play_http(&mut stream, "HTTP/1.1 200 OK\r\n\r\n").await;
        Ok(stream.get_ref().1.peer_certificates().is_some())
    })
    .await
}

#[tokio::test]
async fn a_server_is_checked_through_each_kind_of_proxy() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    for kind in ["http", "socks5h", "https"] {
        for issuer in [&authority, &stranger] {
            let server = serve(&issuer.issue("localhost"), None, true).await;
            let port = match kind {
                "http" => {
                    let answer = "HTTP/1.1 200 OK\r\n\r\n";
                    Scripted::start(async move |mut stream| play_http(&mut stream, answer).await).await.port
                }
                "socks5h" => {
                    Scripted::start(async |mut stream| play_socks(&mut stream, None).await).await.port
                }
                _ => secure_proxy(acceptor(&authority.issue("localhost"), &Asked::Nothing)).await.port,
            };
            let builder = through(&format!("{kind}://localhost:{port}"), "wss", server.port)
                .root_certificates(authority.pem())
                .unwrap();
            match builder.connect().await {
                Ok(mut client) => {
                    assert_eq!(client.recv().await.unwrap().unwrap(), Message::text("Hello"));
                    assert!(std::ptr::eq(issuer, &raw const authority), "{kind}");
                    assert_eq!(client.stream().peer_addr().unwrap().port(), port);
                }
                Err(error) => {
                    assert!(matches!(error, Error::Tls(_)), "{kind}: {}", told(&error));
                    assert!(std::ptr::eq(issuer, &raw const stranger), "{kind}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_proxy_that_is_someone_else_is_not_told_where_to_go() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    for (issuer, name) in [(&stranger, "localhost"), (&authority, "other.example")] {
        let proxy = secure_proxy(acceptor(&issuer.issue(name), &Asked::Nothing)).await;
        let builder = through(&format!("https://u:hidden@localhost:{}", proxy.port), "ws", 1)
            .root_certificates(authority.pem())
            .unwrap();
        let error = builder.connect().await.unwrap_err();
        assert!(told(&error).contains("stream to the proxy failed: TLS failed: "), "{}", told(&error));
        assert!(proxy.result().await.is_err());
    }
}

#[tokio::test]
async fn our_certificate_is_for_the_server_and_not_for_the_proxy() {
    let authority = Authority::new();
    let us = authority.issue("client");
    let server = serve(&authority.issue("localhost"), Some(&authority), true).await;
    let asking = acceptor(&authority.issue("localhost"), &Asked::Perhaps(&authority));
    let secure = secure_proxy(asking).await;
    let builder = through(&format!("https://localhost:{}", secure.port), "wss", server.port)
        .root_certificates(authority.pem())
        .unwrap()
        .client_certificate(&us.chain, &us.key)
        .unwrap();
    let mut client = builder.connect().await.unwrap();
    assert_eq!(client.recv().await.unwrap().unwrap(), Message::text("Hello"));
    drop(client);
    assert_eq!(secure.result().await, Ok(false));
}

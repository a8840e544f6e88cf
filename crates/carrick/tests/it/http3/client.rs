//! The client: where there is no HTTP/3.

use std::time::Duration;

use carrick::{ClientBuilder, Error, Http, Proxy};

use crate::{server::support::echo, versions::ways::Way};

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
    let site = Way::Http3.serve(|server| server.route("/echo", echo)).await;
    let client = ClientBuilder::new(&format!("wss://{}/echo", site.running.address)).unwrap();
    let error = client.no_proxy().http(Http::Http3).connect().await.unwrap_err();
    let Error::Tls(error) = error else { panic!("{error:?}") };
    assert!(error.to_string().contains("UnknownIssuer"), "{error}");
}

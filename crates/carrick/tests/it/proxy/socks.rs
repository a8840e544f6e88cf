//! SOCKS 5 (RFC 1928); what it says byte by byte is tested beside the code.

use carrick::ClientBuilder;

use super::{play_socks, server, through, told};
use crate::support::Scripted;

/// A proxy that knows one user, or everybody; gives the address that it was asked for.
async fn proxy(user: Option<(&'static str, &'static str)>) -> Scripted<Vec<u8>> {
    Scripted::start(async move |mut stream| play_socks(&mut stream, user).await).await
}

#[tokio::test]
async fn socks5h_leaves_the_name_to_the_proxy_and_socks5_does_not() {
    for (scheme, user, credentials) in [
        ("socks5h", None, ""),
        ("socks5", None, ""),
        ("socks5h", Some(("us", "se:cret")), "us:se%3Acret@"),
        ("socks5", Some(("us", "se:cret")), "us:se%3Acret@"),
    ] {
        let (server, proxy) = (server().await, proxy(user).await);
        let url = format!("{scheme}://{credentials}127.0.0.1:{}", proxy.port);
        through(&url, "ws", server.port).connect().await.unwrap();
        server.result().await;
        let asked = proxy.result().await;
        if scheme == "socks5h" {
            assert_eq!(asked, b"localhost");
        } else {
            assert!(asked.len() == 4 || asked.len() == 16, "{asked:?}");
        }
    }
}

#[tokio::test]
async fn refusals_are_explained_without_the_password() {
    let knows_another = proxy(Some(("us", "secret"))).await;
    let url = format!("socks5h://us:hidden@127.0.0.1:{}", knows_another.port);
    let error = through(&url, "ws", 1).connect().await.unwrap_err();
    let text = told(&error);
    assert!(text.ends_with("does not lead to localhost:1: proxy refused the user or the password"), "{text}");
    assert!(!format!("{text} {error:?}").contains("hidden"));

    let nobody_there = proxy(None).await;
    let url = format!("socks5h://127.0.0.1:{}", nobody_there.port);
    let error = through(&url, "ws", 1).connect().await.unwrap_err();
    assert!(told(&error).ends_with("the server does not take the connection (reply 5)"), "{}", told(&error));
}

#[tokio::test]
async fn an_address_is_asked_for_as_an_address() {
    for (scheme, host, expected) in [
        ("socks5", "127.0.0.1", &[127, 0, 0, 1][..]),
        ("socks5h", "127.0.0.1", &[127, 0, 0, 1]),
        ("socks5h", "[::1]", &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
    ] {
        let (server, proxy) = (server().await, proxy(None).await);
        let url = format!("{scheme}://127.0.0.1:{}", proxy.port);
        let builder = ClientBuilder::new(&format!("ws://{host}:{}/", server.port)).unwrap();
        builder.proxy(carrick::Proxy::parse(&url).unwrap()).connect().await.unwrap();
        assert_eq!(proxy.result().await, expected);
    }
}

//! What an observer is told while a connection is opened.

use std::sync::{Arc, Mutex};

use carrick::{ClientBuilder, ConnectEvent};

use crate::support::{Scripted, switching};

#[tokio::test]
async fn an_observer_is_told_each_step_in_order_and_no_credentials() {
    let server =
        Scripted::start(async |mut stream| switching(&mut stream, "X-Why: test\r\n", b"").await).await;
    let lines = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&lines);
    let url = format!("ws://user:hidden@localhost:{}/chat?room=1", server.port);
    let builder = ClientBuilder::new(&url).unwrap().header("X-Room", "hidden").unwrap();
    let builder = builder.header("User-Agent", "example/1.0").unwrap().on_connect_event(move |event| {
        let name = match event {
            ConnectEvent::Resolved { .. } => "resolved",
            ConnectEvent::Connecting { .. } => "connecting",
            ConnectEvent::ConnectFailed { .. } => "failed",
            ConnectEvent::Connected { .. } => "connected",
            ConnectEvent::Requested { .. } => "requested",
            ConnectEvent::Answered { .. } => "answered",
            _ => "unexpected",
        };
        seen.lock().unwrap().push((name, event.to_string()));
    });
    builder.connect().await.unwrap();
    server.result().await;

    let lines = lines.lock().unwrap();
    let mut names: Vec<_> = lines.iter().map(|(name, _)| *name).collect();
    // Where `localhost` is ::1 first, nobody is there.
    names.retain(|name| *name != "failed");
    names.dedup();
    assert_eq!(names[0], "resolved");
    assert_eq!(names[names.len() - 3..], ["connected", "requested", "answered"]);
    let text: String = lines.iter().map(|(_, line)| format!("{line}\n")).collect();
    assert!(text.contains("> GET /chat?room=1 HTTP/1.1\n"), "{text}");
    assert!(text.contains("> Authorization: …\n") && text.contains("< X-Why: test\n"), "{text}");
    assert!(text.contains("> X-Room: …\n") && text.contains("> User-Agent: example/1.0\n"), "{text}");
    assert!(!text.contains("hidden") && !text.contains("aGlkZGVu"), "{text}");
}

#[tokio::test]
async fn an_attempt_that_fails_is_told_with_its_address() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let lines = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&lines);
    let builder = ClientBuilder::new(&format!("ws://{address}/"))
        .unwrap()
        .on_connect_event(move |event| seen.lock().unwrap().push(event.to_string()));
    builder.connect().await.unwrap_err();
    let lines = lines.lock().unwrap();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(lines[0], format!("connecting to {address}"));
    assert!(lines[1].starts_with(&format!("cannot connect to {address}: ")), "{lines:?}");
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn tls_is_told_with_its_version_and_cipher() {
    let authority = crate::tls_client::Authority::new();
    let server = crate::tls_client::serve(&authority.issue("127.0.0.1"), None, true).await;
    let lines = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&lines);
    let builder = ClientBuilder::new(&format!("wss://127.0.0.1:{}/", server.port))
        .unwrap()
        .root_certificates(authority.pem())
        .unwrap()
        .on_connect_event(move |event| seen.lock().unwrap().push(event.to_string()));
    builder.connect().await.unwrap();
    let lines = lines.lock().unwrap();
    assert!(lines[2].starts_with("encrypted by TLS 1.3 with TLS13_"), "{lines:?}");
    assert!(
        lines[3].starts_with("> GET / HTTP/1.1\n") && lines[4].starts_with("< HTTP/1.1 101"),
        "{lines:?}"
    );
}

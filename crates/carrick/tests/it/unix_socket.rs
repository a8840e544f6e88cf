//! A client whose server listens on a Unix socket.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use carrick::{ClientBuilder, Error, Proxy, protocol::Role};
use http::Request;
use tokio::{net::UnixListener, task::JoinHandle};

use crate::support::{switching, text};

/// A server on a socket in a directory of its own, and that directory.
fn server() -> (tempfile::TempDir, PathBuf, JoinHandle<Request<()>>) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("chat room.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        switching(&mut stream, "", &text(Role::Server, "Hello")).await
    });
    (directory, path, task)
}

async fn greeted(builder: &ClientBuilder) {
    let mut client = builder.connect().await.unwrap();
    assert_eq!(client.recv().await.unwrap().unwrap().as_text(), Some("Hello"));
    assert_eq!(client.stream().peer_addr(), None);
}

#[tokio::test]
async fn the_url_says_what_is_asked_for_and_the_path_whom() {
    let (_directory, path, server) = server();
    let steps = Arc::new(Mutex::new(String::new()));
    let seen = Arc::clone(&steps);
    let builder = ClientBuilder::new("ws://a.example:9000/chat?room=1")
        .unwrap()
        .unix_socket(&path)
        .proxy(Proxy::parse("http://127.0.0.1:1").unwrap())
        .on_connect_event(move |event| seen.lock().unwrap().push_str(&format!("{event}\n")));
    greeted(&builder).await;
    let request = server.await.unwrap();
    assert_eq!(request.uri(), "/chat?room=1");
    assert_eq!(request.headers()["host"], "a.example:9000");
    let steps = steps.lock().unwrap();
    assert!(steps.starts_with(&format!("connected to {} in ", path.display())), "{steps}");
}

#[tokio::test]
async fn one_url_has_both() {
    for (requested, expected) in [("", "/"), (":", "/"), (":/chat?room=1", "/chat?room=1"), (":/a:b", "/a:b")]
    {
        let (_directory, path, server) = server();
        let escaped = path.to_str().unwrap().replace(' ', "%20");
        greeted(&ClientBuilder::new(&format!("ws+unix://{escaped}{requested}")).unwrap()).await;
        let request = server.await.unwrap();
        assert_eq!(request.uri(), expected);
        assert_eq!(request.headers()["host"], "localhost");
    }
}

#[tokio::test]
async fn a_socket_that_is_not_there_is_named() {
    let builder = ClientBuilder::new("ws://localhost/").unwrap().unix_socket(Path::new("missing.sock"));
    match builder.connect().await {
        Err(Error::Io(error)) => {
            assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
            assert!(error.to_string().starts_with("cannot connect to missing.sock: "), "{error}");
        }
        other => panic!("{other:?}"),
    }
}

//! A server on a Unix socket.

use std::{io, net::SocketAddr, os::unix::net::UnixListener as StdListener, path::Path, sync::Arc};

use carrick::{
    ClientBuilder, Error, Server,
    protocol::{CloseCode, Front, PeerAddress},
};
use http::{Request, StatusCode};
use tokio::{
    net::{UnixListener, UnixStream},
    sync::{Barrier, mpsc, oneshot},
    task::JoinHandle,
};

use super::support::{Peer, assert_echoes, closed, echo, next, request};

/// Serves; what it returns stops it.
fn start(server: Server) -> (oneshot::Sender<()>, JoinHandle<usize>) {
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async { drop(stopped.await) };
    (stop, tokio::spawn(async { server.serve_until(stopped).await.unwrap() }))
}

async fn connect(path: &Path) -> Peer<UnixStream> {
    Peer::new(UnixStream::connect(path).await.expect("the server listens"))
}

#[tokio::test]
async fn websockets_and_pages_are_served_on_a_unix_socket() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let pages = axum::Router::new().route("/", axum::routing::get("a page"));
    let server = Server::bind_unix(&path).await.unwrap().route("/echo", echo).fallback(pages);
    assert_eq!(server.local_addr(), None);
    let (stop, served) = start(server);

    let client = ClientBuilder::new("ws://example.com/echo").unwrap();
    let mut websocket = client.connect_over(UnixStream::connect(&path).await.unwrap()).await.unwrap();
    assert!(websocket.agreement().deflate.is_some());
    assert_echoes(&mut websocket).await;
    let mut peer = connect(&path).await;
    peer.send("GET / HTTP/1.1\r\nHost: example.com\r\n\r\n").await;
    assert_eq!(peer.answer().await.body(), "a page");
    assert_echoes(&mut peer.open("/echo").await).await;

    assert!(path.exists());
    stop.send(()).unwrap();
    assert_eq!(closed(&mut websocket).await.frame.unwrap().code(), CloseCode::GOING_AWAY);
    drop(websocket);
    assert_eq!(served.await.unwrap(), 0);
    assert!(!path.exists(), "the path goes with the server");
}

#[tokio::test]
async fn the_origin_is_that_of_the_host_header_and_a_proxy_is_trusted_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let tell = |mut websocket: carrick::WebSocket, request: Request<()>| async move {
        assert!(request.extensions().get::<SocketAddr>().is_none(), "a Unix socket has no address");
        let front = request.extensions().get::<Front>().unwrap();
        let text = format!("{} {} {:?}", front.scheme, front.host.as_ref().unwrap(), front.address);
        websocket.send(text).await.unwrap();
    };
    let (told, mut tells) = mpsc::unbounded_channel();
    let server = Server::bind_unix(&path).await.unwrap().route("/", tell).on_rejection(move |_, address| {
        told.send(address).unwrap();
    });
    let _running = start(server);
    let own = request("/", "Origin: http://example.com\r\n");
    let mut websocket = connect(&path).await.open_with(own).await.1;
    assert_eq!(next(&mut websocket).await, "http example.com None".into());
    let forwarded =
        "Origin: https://front.example\r\nForwarded: for=192.0.2.7;proto=https;host=front.example\r\n";
    let answer = connect(&path).await.refused(request("/", forwarded)).await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    assert_eq!(tells.recv().await, Some(PeerAddress::Unix));

    let trusting = folder.path().join("trusting");
    let server = Server::bind_unix(&trusting).await.unwrap().route("/", tell);
    let _running = start(server.trusted_proxies("unix".parse().unwrap()));
    let mut websocket = connect(&trusting).await.open_with(request("/", forwarded)).await.1;
    assert_eq!(next(&mut websocket).await, "https front.example Some(192.0.2.7)".into());
}

#[tokio::test]
async fn a_path_that_was_left_behind_is_replaced_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    // The standard library leaves the path where it is.
    drop(StdListener::bind(&path).unwrap());
    assert!(path.exists());
    let (stop, served) = start(Server::bind_unix(&path).await.unwrap().route("/echo", echo));
    assert_echoes(&mut connect(&path).await.open("/echo").await).await;

    let in_use = |result: Result<Server, Error>| match result.unwrap_err() {
        Error::Io(error) => assert_eq!(error.kind(), io::ErrorKind::AddrInUse),
        other => panic!("{other}"),
    };
    in_use(Server::bind_unix(&path).await);
    assert_echoes(&mut connect(&path).await.open("/echo").await).await;

    let file = folder.path().join("file");
    std::fs::write(&file, "precious").unwrap();
    in_use(Server::bind_unix(&file).await);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");

    // Somebody else takes the path over: it is not ours to remove any more.
    std::fs::remove_file(&path).unwrap();
    let other = StdListener::bind(&path).unwrap();
    stop.send(()).unwrap();
    assert_eq!(served.await.unwrap(), 0);
    assert!(path.exists());
    drop(other);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_several_servers_that_start_together_one_takes_a_path_that_was_left_behind() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..100 {
        let path = folder.path().join(format!("{round}"));
        drop(StdListener::bind(&path).unwrap());
        let start = Arc::new(Barrier::new(4));
        let starting = (0..4).map(|_| {
            let (path, start) = (path.clone(), Arc::clone(&start));
            tokio::spawn(async move {
                start.wait().await;
                Server::bind_unix(path).await
            })
        });
        let mut running = Vec::new();
        for started in futures_util::future::join_all(starting).await {
            match started.unwrap() {
                Ok(server) => running.push(server),
                Err(Error::Io(error)) => assert_eq!(error.kind(), io::ErrorKind::AddrInUse, "{error}"),
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!(running.len(), 1, "in round {round}");
        drop(connect(&path).await);
    }
}

#[tokio::test]
async fn a_listener_that_exists_already_keeps_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let (stop, served) = start(Server::from_unix_listener(listener).route("/echo", echo));
    assert_echoes(&mut connect(&path).await.open("/echo").await).await;
    stop.send(()).unwrap();
    served.await.unwrap();
    assert!(path.exists());
}

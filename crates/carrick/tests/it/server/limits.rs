//! How much of a server one peer, or one handler, can take.

use std::{sync::Arc, time::Duration};

use tokio::sync::Semaphore;

use super::support::{
    LOOPS, Running, Settings, assert_echoes, closed, echo_server, free_server, next, request,
};

#[tokio::test]
async fn one_connection_above_the_limit_waits_until_another_ends() {
    for on in LOOPS {
        let server = on.echo(Settings { max_connections: 2, ..Settings::default() }).await;
        let mut first = server.open("/echo").await;
        let second = server.open("/echo").await;
        let mut third = server.connect().await;
        third.send(request("/echo", "")).await;
        // Both rounds go through the server, which would have answered by now.
        for _ in 0..2 {
            assert_echoes(&mut first).await;
        }
        assert_eq!(third.stream.try_read(&mut [0]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
        drop(second);
        assert_eq!(third.answer().await.status(), 101);
        assert_echoes(&mut third.websocket()).await;
    }
}

#[tokio::test]
async fn a_time_without_end_is_no_limit() {
    let server = echo_server().await.handshake_timeout(Duration::MAX).drain_timeout(Duration::MAX);
    let server = Running::start(server);
    assert_echoes(&mut server.open("/echo").await).await;
}

#[tokio::test]
async fn refused_and_failed_connections_free_their_place() {
    for on in LOOPS {
        let server = on.echo(Settings { max_connections: 1, ..Settings::default() }).await;
        for _ in 0..3 {
            server.connect().await.refused(request("/none", "")).await;
            server.connect().await.refused("\0").await;
            drop(server.connect().await);
            drop(server.open("/echo").await);
        }
        assert_echoes(&mut server.open("/echo").await).await;
    }
}

#[tokio::test]
async fn a_handler_that_panics_ends_its_own_connection_alone() {
    let server = echo_server().await.max_connections(2).route("/panic", |mut websocket, _| async move {
        let _ = websocket.recv().await;
        panic!("the handler of a test panics");
    });
    let server = Running::start(server.route("/early", |_, _| {
        if true {
            panic!("the handler of a test panics before its future");
        }
        async {}
    }));
    let mut other = server.open("/echo").await;
    for path in ["/panic", "/early", "/panic"] {
        let mut websocket = server.open(path).await;
        let _ = websocket.send("go").await;
        assert!(websocket.recv().await.is_none_or(|received| received.is_err()));
        assert_echoes(&mut other).await;
    }
}

#[tokio::test]
async fn a_handler_that_returns_ends_the_connection() {
    let server = free_server().await.route("/", |mut websocket, _| async move {
        let _ = websocket.close(carrick::protocol::CloseCode::NORMAL, "done").await;
    });
    let server = Running::start(server);
    let frame = closed(&mut server.open("/").await).await.frame.unwrap();
    assert_eq!(frame.reason(), "done");
}

#[tokio::test]
async fn dropping_the_server_cuts_its_connections() {
    let gone = Arc::new(Semaphore::new(0));
    let signal = Arc::clone(&gone);
    let server = free_server().await.route("/", move |mut websocket, _| {
        // Dropped with the handler.
        let signal = Signal(Arc::clone(&signal));
        async move {
            websocket.send("here").await.unwrap();
            std::future::pending::<()>().await;
            drop(signal);
        }
    });
    let address = server.local_addr().expect("it listens on TCP");
    let serving = tokio::spawn(server.serve());
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let mut websocket = super::support::Peer::new(stream).open("/").await;
    next(&mut websocket).await;
    serving.abort();
    gone.acquire().await.unwrap().forget();
    assert!(websocket.recv().await.is_none_or(|received| received.is_err()));
}

struct Signal(Arc<Semaphore>);

impl Drop for Signal {
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}

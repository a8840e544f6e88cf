//! When `run_forever` returns, no thread and no socket of it is left. A binary of its own, so that no other test has
//! threads and sockets meanwhile.
#![cfg(all(target_os = "linux", feature = "net"))]
#![allow(clippy::unwrap_used)]

use std::{fs, thread, time::Duration};

use carrick::{Error, WebSocketApp, WebSocketServer, blocking};

#[test]
fn threads_and_sockets_are_as_many_as_before() {
    // The first use of each may open something for good.
    round();
    let before = left();
    for _ in 0..5 {
        round();
        // A thread that was joined stands in the list for another moment, so also the first count may have one too many.
        let is_as_before = || left().iter().zip(before).all(|(now, before)| *now <= before);
        let settles = (0..500_000).any(|_| {
            thread::yield_now();
            is_as_before()
        });
        assert!(settles, "threads and files: {:?}, before {before:?}", left());
    }
}

/// Threads, and sockets and files.
fn left() -> [usize; 2] {
    ["task", "fd"].map(|of| fs::read_dir(format!("/proc/self/{of}")).unwrap().count())
}

fn round() {
    // By name, so that a thread looks it up.
    let server = WebSocketServer::new("ws://localhost:0/ws")
        .on_message(|conn, message| conn.send(message))
        .bind()
        .unwrap();
    let (port, handle) = (server.local_addr().unwrap().port(), server.handle());
    let url = format!("ws://localhost:{port}/ws");
    let serving = thread::spawn(|| server.run_forever());
    let clients: Vec<_> = (0..10).map(|_| blocking::connect(&url).unwrap()).collect();
    let mut app = WebSocketApp::new(&url)
        .reconnect(Duration::from_secs(3600))
        .on_open(|conn| conn.send("Hello"))
        .on_message(move |_, _| handle.stop())
        // The server closes: nothing brings it back, and the delay is an hour.
        .on_close(|conn, _| conn.stop());
    app.run_forever().unwrap();
    drop(clients);
    serving.join().unwrap().unwrap();

    assert!(matches!(WebSocketApp::new(&url).run_forever(), Err(Error::Io(_))), "nobody listens any more");
}

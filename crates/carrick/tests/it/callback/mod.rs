//! The callback API: handlers of a client and of a server.

mod client;
mod mail;
mod panics;
mod reconnect;
mod sending;
mod server;
#[cfg(feature = "tls")]
mod tls;
mod topics;
mod trace;

use std::{
    io::Read,
    net::{SocketAddr, TcpListener, TcpStream},
    sync::mpsc::{Receiver, Sender, channel},
    thread::{self, JoinHandle},
    time::Duration,
};

use carrick::{Error, ServerHandle, WebSocketApp, WebSocketServer};

/// What the handlers saw, line by line.
type Log = Vec<String>;

/// An app whose handlers log what they are called for.
fn logging(url: &str) -> WebSocketApp<Log> {
    WebSocketApp::with_state(url, Log::new())
        .on_open(|conn| conn.state.push("open".to_owned()))
        .on_message(|conn, message| conn.state.push(format!("message {message}")))
        .on_ping(|conn, payload| conn.state.push(format!("ping {}", String::from_utf8_lossy(payload))))
        .on_error(|conn, error| conn.state.push(format!("error {error:#}")))
        .on_close(|conn, closed| conn.state.push(format!("close {closed}")))
}

/// A server with one thread that does as a test says with its first connection.
fn scripted<T: Send + 'static>(
    script: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (String, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/ws", listener.local_addr().unwrap());
    (url, thread::spawn(move || script(listener.accept().unwrap().0)))
}

/// Everything up to the end of the stream, however it ends.
fn rest(mut stream: TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    // A client that is dropped over unread bytes resets the connection.
    let _ = stream.read_to_end(&mut rest);
    rest
}

/// A callback server at work, on a thread of its own.
struct Running {
    address: SocketAddr,
    handle: ServerHandle,
    thread: JoinHandle<Result<(), Error>>,
}

impl Running {
    fn start<S: Send + 'static>(server: WebSocketServer<S>) -> Running {
        let server = server.bind().unwrap();
        let (address, handle) = (server.local_addr().unwrap(), server.handle());
        Running { address, handle, thread: thread::spawn(|| server.run_forever()) }
    }

    fn url(&self) -> String {
        format!("ws://{}/ws", self.address)
    }

    fn stop(self) {
        self.handle.stop();
        self.thread.join().unwrap().unwrap();
    }
}

/// A server whose handlers log what they are called for, and with which connection.
fn logging_server(url: &str) -> (WebSocketServer, Logged) {
    let (log, logged) = channel();
    let logs = || {
        let log: Sender<String> = log.clone();
        move |id: u64, line: String| log.send(format!("{id} {line}")).unwrap()
    };
    let (open, message, error, close) = (logs(), logs(), logs(), logs());
    let server = WebSocketServer::new(url)
        .on_open(move |conn| open(conn.id(), "open".to_owned()))
        .on_message(move |conn, text| message(conn.id(), format!("message {text}")))
        .on_error(move |conn, failure| error(conn.id(), format!("error {failure:#}")))
        .on_close(move |conn, closed| close(conn.id(), format!("close {closed}")));
    (server, Logged(logged))
}

/// What the handlers of a server saw.
struct Logged(Receiver<String>);

impl Logged {
    /// Waits for the next line.
    fn next(&self) -> String {
        self.0.recv_timeout(PATIENCE).expect("a handler is called in time")
    }

    /// The lines that are left, once the server is gone.
    fn rest(&self) -> Log {
        self.0.iter().collect()
    }
}

const ANY_PORT: &str = "ws://127.0.0.1:0/ws";

/// Long enough for the slowest machine.
const PATIENCE: Duration = Duration::from_secs(30);

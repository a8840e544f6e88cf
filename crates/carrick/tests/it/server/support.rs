//! A server that runs, and peers that speak to it byte by byte.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::BytesMut;
use carrick::{
    Error, Server, WebSocket, WebSocketServer,
    protocol::{Agreement, Closed, Config, HeadLimits, HeadReader, Message, Role},
};
use http::{Request, Response};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
};

/// A server at work.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<Result<usize, Error>>,
}

/// A server on tokio, and one by callbacks on its own loop: to a peer they are the same.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Loop {
    Tokio,
    Own,
}

/// Both of them.
pub(crate) const LOOPS: [Loop; 2] = [Loop::Tokio, Loop::Own];

/// What the tests of both loops set.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) config: Config,
    pub(crate) handshake_timeout: Duration,
    pub(crate) max_connections: usize,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            config: Config::default(),
            handshake_timeout: Duration::from_secs(10),
            max_connections: 1000,
        }
    }
}

impl Loop {
    /// A server that echoes at `/echo`.
    pub(crate) async fn echo(self, settings: Settings) -> Running {
        let Settings { config, handshake_timeout, max_connections } = settings;
        match self {
            Loop::Tokio => Running::start(
                echo_server()
                    .await
                    .config(config)
                    .handshake_timeout(handshake_timeout)
                    .max_connections(max_connections),
            ),
            Loop::Own => Running::start_callbacks(
                WebSocketServer::new("ws://127.0.0.1:0/echo")
                    .config(config)
                    .handshake_timeout(handshake_timeout)
                    .max_connections(max_connections)
                    .on_message(|conn, message| conn.send(message)),
            ),
        }
    }
}

impl Running {
    pub(crate) fn start(server: Server) -> Running {
        let address = server.local_addr().expect("it listens on TCP");
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(server.serve_until(async {
            let _ = stopped.await;
        }));
        Running { address, stop: Some(stop), served }
    }

    /// A callback server, on threads of its own. It serves on until it is asked to stop or the test is over.
    pub(crate) fn start_callbacks(server: WebSocketServer) -> Running {
        let server = server.bind().expect("the loopback has a free port");
        let (address, handle) = (server.local_addr().expect("it listens on TCP"), server.handle());
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(|| server.run_forever());
        let served = tokio::spawn(async move {
            // Dropped is asked too.
            let _ = stopped.await;
            handle.stop();
            thread.join().expect("a server does not panic").map(|()| 0)
        });
        Running { address, stop: Some(stop), served }
    }

    /// One that echoes at `/echo`, with nothing else set.
    pub(crate) async fn echo() -> Running {
        Running::start(echo_server().await)
    }

    pub(crate) fn ask_to_stop(&mut self) {
        self.stop.take().expect("it is asked once").send(()).expect("it is running");
    }

    /// How many connections were cut once it has stopped.
    pub(crate) async fn stopped(self) -> usize {
        self.served.await.expect("a server does not panic").expect("the listener is one")
    }

    pub(crate) async fn connect(&self) -> Peer<TcpStream> {
        Peer::new(TcpStream::connect(self.address).await.expect("the server listens"))
    }

    /// An open WebSocket at a path.
    pub(crate) async fn open(&self, path: &str) -> WebSocket<TcpStream> {
        self.connect().await.open(path).await
    }
}

/// A server on a free port that echoes at `/echo`.
pub(crate) async fn echo_server() -> Server {
    free_server().await.route("/echo", echo)
}

pub(crate) async fn free_server() -> Server {
    Server::bind("127.0.0.1:0").await.expect("the loopback has a free port")
}

pub(crate) async fn echo(mut websocket: WebSocket, _: Request<()>) {
    while let Some(Ok(message)) = websocket.recv().await {
        if websocket.send(message).await.is_err() {
            break;
        }
    }
}

/// The bytes of a good request for a WebSocket, with further header lines, each with its line end.
pub(crate) fn request(path: &str, lines: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{lines}\r\n"
    )
}

/// A peer that writes what it likes.
pub(crate) struct Peer<S> {
    pub(crate) stream: S,
    received: BytesMut,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    pub(crate) fn new(stream: S) -> Peer<S> {
        Peer { stream, received: BytesMut::new() }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.expect("the server reads");
    }

    /// The head of the next answer and, where it says how long it is, its body.
    pub(crate) async fn answer(&mut self) -> Response<String> {
        let mut reader = HeadReader::new(HeadLimits::default());
        let (response, consumed) = loop {
            if let Some(found) = reader.read_response(&self.received).expect("the server speaks HTTP/1.1") {
                break found;
            }
            self.read().await;
        };
        let _ = self.received.split_to(consumed);
        let length = response.headers().get("content-length").map(|length| length.to_str().unwrap());
        let length: usize = length.map_or(0, |length| length.parse().unwrap());
        while self.received.len() < length {
            self.read().await;
        }
        let body = self.received.split_to(length);
        response.map(|()| String::from_utf8(body.to_vec()).expect("the body is text"))
    }

    async fn read(&mut self) {
        let n = self.stream.read_buf(&mut self.received).await.expect("the server answers");
        assert_ne!(n, 0, "the server ended the stream behind {:?}", self.received);
    }

    /// Everything up to the end of the stream.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut rest = std::mem::take(&mut self.received).to_vec();
        self.stream.read_to_end(&mut rest).await.expect("the stream ends in order");
        rest
    }

    /// Asks for a WebSocket and is refused: the answer, behind which the stream ends.
    pub(crate) async fn refused(mut self, request: impl AsRef<[u8]>) -> Response<String> {
        self.send(request).await;
        let answer = self.answer().await;
        assert_eq!(self.rest().await, b"", "nothing follows a refusal");
        assert_eq!(answer.headers()["connection"].to_str().unwrap().split(", ").last(), Some("close"));
        answer
    }

    /// Asks for a WebSocket and gets it.
    pub(crate) async fn open(self, path: &str) -> WebSocket<S> {
        self.open_with(request(path, "")).await.1
    }

    pub(crate) async fn open_with(mut self, request: impl AsRef<[u8]>) -> (Response<String>, WebSocket<S>) {
        self.send(request).await;
        let answer = self.answer().await;
        assert_eq!(answer.status(), 101, "{}", answer.body());
        (answer, self.websocket())
    }

    /// Whoever has read a 101 is the client of a WebSocket.
    pub(crate) fn websocket(self) -> WebSocket<S> {
        let config = Arc::new(Config::default());
        WebSocket::new(self.stream, Role::Client, config, Agreement::default(), self.received)
    }
}

pub(crate) async fn assert_echoes<S: AsyncRead + AsyncWrite + Unpin>(websocket: &mut WebSocket<S>) {
    websocket.send("echo").await.unwrap();
    assert_eq!(next(websocket).await, Message::from("echo"));
}

pub(crate) async fn next<S: AsyncRead + AsyncWrite + Unpin>(websocket: &mut WebSocket<S>) -> Message {
    websocket.recv().await.expect("the connection is open").expect("the connection is sound")
}

/// How the peer closed.
pub(crate) async fn closed<S: AsyncRead + AsyncWrite + Unpin>(websocket: &mut WebSocket<S>) -> Closed {
    while let Some(received) = websocket.recv().await {
        received.expect("the connection ends in order");
    }
    websocket.closed().expect("recv has ended").clone()
}

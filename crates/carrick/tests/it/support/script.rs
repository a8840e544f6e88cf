//! A server that does what a test says, byte by byte.

use std::io::{Read, Write};

use base64::{Engine, engine::general_purpose::STANDARD};
use carrick::protocol::{HeadLimits, HeadReader};
use http::Request;
use sha1::{Digest, Sha1};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// A server on loopback that serves one connection.
pub(crate) struct Scripted<T> {
    pub(crate) port: u16,
    task: JoinHandle<T>,
}

impl<T: Send + 'static> Scripted<T> {
    /// Starts a server that does `script` with its one connection.
    pub(crate) async fn start<F: Future<Output = T> + Send + 'static>(
        script: impl FnOnce(TcpStream) -> F + Send + 'static,
    ) -> Scripted<T> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            script(stream).await
        });
        Scripted { port, task }
    }

    /// What the script came to.
    pub(crate) async fn result(self) -> T {
        self.task.await.unwrap()
    }
}

/// The request of a client, byte for byte up to the blank line.
pub(crate) async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Request<()> {
    let mut received = Vec::new();
    let mut reader = HeadReader::new(HeadLimits::default());
    loop {
        received.push(stream.read_u8().await.unwrap());
        if let Some((request, consumed)) = reader.read_request(&received).unwrap() {
            assert_eq!(consumed, received.len());
            return request;
        }
    }
}

/// Sec-WebSocket-Accept for a request (RFC 6455 §4.2.2 item 5.4).
pub(crate) fn accept_of(request: &Request<()>) -> String {
    let key = request.headers()["sec-websocket-key"].as_bytes();
    STANDARD.encode(Sha1::digest([key, b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"].concat()))
}

/// Reads a request and answers it with 101 and `more` header lines, each with its line end; `behind` follows at once.
pub(crate) async fn switching(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    more: &str,
    behind: &[u8],
) -> Request<()> {
    let request = read_request(stream).await;
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n{more}\r\n",
        accept_of(&request)
    );
    stream.write_all(&[head.as_bytes(), behind].concat()).await.unwrap();
    request
}

/// Reads a request on a thread without a runtime, and answers it with 101.
pub(crate) fn accept_blocking(stream: &mut (impl Read + Write)) -> Request<()> {
    let mut received = Vec::new();
    let mut reader = HeadReader::new(HeadLimits::default());
    let request = loop {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        received.extend(byte);
        if let Some((request, _)) = reader.read_request(&received).unwrap() {
            break request;
        }
    };
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n\r\n",
        accept_of(&request)
    );
    stream.write_all(head.as_bytes()).unwrap();
    request
}

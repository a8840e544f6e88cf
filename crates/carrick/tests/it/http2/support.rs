//! A client of HTTP/2 that does what it likes.

use std::{net::SocketAddr, sync::Arc};

use bytes::{Bytes, BytesMut};
use carrick::{
    WebSocket,
    protocol::{Agreement, Config, Role},
};
use h2::{
    RecvStream, SendStream,
    client::{Builder, ResponseFuture, SendRequest},
    ext::Protocol,
};
use http::{Request, Response, Version};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// A connection with a server, whose requests are our own.
pub(crate) struct Raw {
    pub(crate) requests: SendRequest<Bytes>,
    /// Ends when the connection does.
    pub(crate) connection: JoinHandle<Result<(), h2::Error>>,
}

impl Raw {
    pub(crate) async fn connect(address: SocketAddr) -> Raw {
        Raw::over(TcpStream::connect(address).await.unwrap(), &Builder::new()).await
    }

    /// Through a pipe, so that the last that a server says is read, though it takes nothing more when it has said that.
    pub(crate) async fn connect_piped(address: SocketAddr) -> Raw {
        let (near, far) = tokio::io::duplex(64 * 1024);
        let (mut from_server, mut to_server) = TcpStream::connect(address).await.unwrap().into_split();
        let (mut from_client, mut to_client) = tokio::io::split(far);
        tokio::spawn(async move {
            let _ = tokio::io::copy(&mut from_server, &mut to_client).await;
            to_client.shutdown().await
        });
        tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
        Raw::over(near, &Builder::new()).await
    }

    /// Over a stream that leads to a server; the peer's SETTINGS are there when this returns.
    pub(crate) async fn over(
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        builder: &Builder,
    ) -> Raw {
        let (requests, mut connection) = builder.handshake(stream).await.unwrap();
        let mut ping = connection.ping_pong().unwrap();
        let connection = tokio::spawn(connection);
        // SETTINGS come before the answer to anything.
        ping.ping(h2::Ping::opaque()).await.unwrap();
        Raw { requests, connection }
    }

    /// Sends a request whose body is still to come.
    pub(crate) async fn send(&mut self, request: Request<()>) -> (ResponseFuture, SendStream<Bytes>) {
        std::future::poll_fn(|cx| self.requests.poll_ready(cx)).await.unwrap();
        self.requests.send_request(request, false).unwrap()
    }

    /// Asks for a WebSocket: the answer, and both directions.
    pub(crate) async fn ask(&mut self, request: Request<()>) -> (Response<RecvStream>, SendStream<Bytes>) {
        let (response, sending) = self.send(request).await;
        (response.await.unwrap(), sending)
    }

    /// Asks for a WebSocket and is refused: the answer and its body.
    pub(crate) async fn refused(&mut self, request: Request<()>) -> Response<String> {
        let (response, _sending) = self.ask(request).await;
        let (head, body) = response.into_parts();
        Response::from_parts(head, text(body).await)
    }

    /// Opens a WebSocket and speaks it over a pipe.
    pub(crate) async fn open(&mut self, path: &str) -> WebSocket<DuplexStream> {
        let (response, sending) = self.ask(request(path, &[])).await;
        assert_eq!(response.status(), 200);
        piped(response.into_body(), sending, Role::Client)
    }
}

/// An extended CONNECT for a WebSocket, with more header fields.
pub(crate) fn request(path: &str, fields: &[(&str, &str)]) -> Request<()> {
    request_for("websocket", path, fields)
}

pub(crate) fn request_for(protocol: &'static str, path: &str, fields: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::builder()
        .version(Version::HTTP_2)
        .method("CONNECT")
        .uri(format!("http://example.com{path}"))
        .extension(Protocol::from_static(protocol))
        .header("sec-websocket-version", "13");
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap()
}

/// The body of an answer.
pub(crate) async fn text(mut body: RecvStream) -> String {
    let mut text = Vec::new();
    while let Some(data) = body.data().await {
        let data = data.unwrap();
        body.flow_control().release_capacity(data.len()).unwrap();
        text.extend_from_slice(&data);
    }
    String::from_utf8(text).unwrap()
}

/// One side of a WebSocket on a stream, by way of a pipe.
pub(crate) fn piped(
    mut receiving: RecvStream,
    mut sending: SendStream<Bytes>,
    role: Role,
) -> WebSocket<DuplexStream> {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let (mut from_near, mut to_near) = tokio::io::split(far);
    tokio::spawn(async move {
        while let Some(Ok(data)) = receiving.data().await {
            receiving.flow_control().release_capacity(data.len()).unwrap();
            if to_near.write_all(&data).await.is_err() {
                return;
            }
        }
        let _ = to_near.shutdown().await;
    });
    tokio::spawn(async move {
        let mut buffer = BytesMut::new();
        while let Ok(1..) = from_near.read_buf(&mut buffer).await {
            if sending.send_data(buffer.split().freeze(), false).is_err() {
                return;
            }
        }
        let _ = sending.send_data(Bytes::new(), true);
    });
    WebSocket::new(near, role, Arc::new(Config::default()), Agreement::default(), BytesMut::new())
}

/// A page of a server.
pub(crate) fn get(path: &str) -> Request<()> {
    Request::builder().version(Version::HTTP_2).uri(format!("http://example.com{path}")).body(()).unwrap()
}

/// A server of HTTP/2 alone, which does as `serve` says with each connection.
pub(crate) async fn serve<F>(serve: impl Fn(TcpStream, usize) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for n in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(stream, n));
        }
    });
    address
}

/// Opens the WebSocket that a request asks for, and echoes.
pub(crate) fn accept(request: Request<RecvStream>, mut respond: h2::server::SendResponse<Bytes>) {
    let sending = respond.send_response(Response::new(()), false).unwrap();
    let mut websocket = piped(request.into_body(), sending, Role::Server);
    tokio::spawn(async move {
        while let Some(Ok(message)) = websocket.recv().await {
            if websocket.send(message).await.is_err() {
                break;
            }
        }
    });
}

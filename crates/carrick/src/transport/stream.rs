//! The byte stream under a WebSocket, whatever carries it.

use std::{
    any::Any,
    fmt,
    io::{self, IoSlice},
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::Version;
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use super::prefixed::Prefixed;

/// The stream that carries a WebSocket of [`connect`](crate::connect) or of a [`Server`](crate::Server): TCP, a
/// Unix socket, TLS over either, a tunnel through a proxy, one of the streams of an HTTP/2 or HTTP/3
/// connection, or what an HTTP server handed over.
pub struct NetStream {
    pub(super) carrier: Carrier,
}

pub(super) enum Carrier {
    Tcp(TcpStream),
    /// Boxed, so that the compiler needs no room to tell the three apart.
    #[cfg(unix)]
    Unix(Box<UnixStream>),
    Boxed(Box<Known<dyn ByteStream>>),
}

/// A stream, and what is known of it.
pub(super) struct Known<S: ?Sized> {
    /// The HTTP that carries the WebSocket.
    version: Version,
    /// Whom it leads to.
    peer: Option<SocketAddr>,
    pub(super) stream: S,
}

/// What a carrier has to be.
pub(super) trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin + Any {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + Any> ByteStream for T {}

impl NetStream {
    /// A stream over TCP.
    pub(crate) fn tcp(stream: TcpStream) -> NetStream {
        NetStream { carrier: Carrier::Tcp(stream) }
    }

    /// A stream over a Unix socket.
    #[cfg(unix)]
    pub(crate) fn unix(stream: UnixStream) -> NetStream {
        NetStream { carrier: Carrier::Unix(Box::new(stream)) }
    }

    /// A stream over one that leads to `peer`.
    pub(crate) fn over(
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        peer: Option<SocketAddr>,
    ) -> NetStream {
        NetStream::of(Version::HTTP_11, stream, peer)
    }

    /// One stream of several on a connection of this version of HTTP.
    pub(crate) fn of(
        version: Version,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        peer: Option<SocketAddr>,
    ) -> NetStream {
        NetStream { carrier: Carrier::Boxed(Box::new(Known { version, peer, stream })) }
    }

    /// This stream behind bytes that were read from it already.
    pub(crate) fn behind(self, received: Bytes) -> NetStream {
        if received.is_empty() {
            return self;
        }
        let peer = self.peer_addr();
        NetStream::over(Prefixed { received, stream: self }, peer)
    }

    /// A stream over anything else, so that code for the WebSockets of a [`Server`](crate::Server) takes those of other
    /// streams too.
    ///
    /// ```
    /// let (near, _far) = tokio::io::duplex(4096);
    /// let stream = carrick::NetStream::new(near);
    /// ```
    pub fn new(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> NetStream {
        NetStream::over(stream, None)
    }

    /// A stream that an HTTP server has handed over.
    pub(crate) fn handed_over(
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        version: Version,
    ) -> NetStream {
        NetStream::of(version, stream, None)
    }

    /// The address at the other end of the TCP connection: of the server, of the client, or of the proxy in between.
    /// `None` for a Unix socket, for a stream of [`new`](NetStream::new), and where the connection is gone already.
    ///
    /// ```
    /// # async fn example() -> Result<(), carrick::Error> {
    /// let websocket = carrick::connect("wss://example.com/chat").await?;
    /// println!("connected to {:?}", websocket.stream().peer_addr());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        match &self.carrier {
            Carrier::Tcp(stream) => stream.peer_addr().ok(),
            #[cfg(unix)]
            Carrier::Unix(_) => None,
            Carrier::Boxed(known) => known.peer,
        }
    }

    /// The version of HTTP that carries the WebSocket, as far as it is known here: HTTP/2 or HTTP/3 for a stream among others
    /// of one connection, and HTTP/1.1 for all that is a connection of its own.
    ///
    /// ```
    /// # async fn example() -> Result<(), carrick::Error> {
    /// let websocket = carrick::connect("wss://example.com/chat").await?;
    /// println!("connected over {:?}", websocket.stream().http_version());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn http_version(&self) -> Version {
        match &self.carrier {
            Carrier::Boxed(known) => known.version,
            Carrier::Tcp(_) => Version::HTTP_11,
            #[cfg(unix)]
            Carrier::Unix(_) => Version::HTTP_11,
        }
    }

    fn carrier(self: Pin<&mut Self>) -> Pin<&mut dyn ByteStream> {
        match &mut self.get_mut().carrier {
            Carrier::Tcp(stream) => Pin::new(stream),
            #[cfg(unix)]
            Carrier::Unix(stream) => Pin::new(&mut **stream),
            Carrier::Boxed(known) => Pin::new(&mut known.stream),
        }
    }
}

impl fmt::Debug for NetStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.carrier {
            Carrier::Tcp(stream) => stream.fmt(f),
            #[cfg(unix)]
            Carrier::Unix(stream) => stream.fmt(f),
            Carrier::Boxed(_) => f.write_str("NetStream"),
        }
    }
}

impl AsyncRead for NetStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.carrier().poll_read(cx, buffer)
    }
}

impl AsyncWrite for NetStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.carrier().poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.carrier().poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.carrier {
            Carrier::Tcp(stream) => stream.is_write_vectored(),
            #[cfg(unix)]
            Carrier::Unix(stream) => stream.is_write_vectored(),
            Carrier::Boxed(known) => known.stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.carrier().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.carrier().poll_shutdown(cx)
    }
}

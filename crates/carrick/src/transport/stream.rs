//! The byte stream under a WebSocket, whatever carries it.

use std::{
    fmt,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// The stream that carries a WebSocket of [`connect`](crate::connect) or of a [`Server`](crate::Server): TCP, TLS over
/// TCP, or what an HTTP server handed over.
pub struct NetStream {
    carrier: Carrier,
}

enum Carrier {
    Tcp(TcpStream),
    Boxed(Box<dyn ByteStream>),
}

/// What a carrier has to be.
trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

impl NetStream {
    /// A stream over TCP.
    pub(crate) fn tcp(stream: TcpStream) -> NetStream {
        NetStream { carrier: Carrier::Tcp(stream) }
    }

    /// A stream over anything else, so that code for the WebSockets of a [`Server`](crate::Server) takes those of other
    /// streams too.
    ///
    /// ```
    /// let (near, _far) = tokio::io::duplex(4096);
    /// let stream = carrick::NetStream::new(near);
    /// ```
    pub fn new(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> NetStream {
        NetStream { carrier: Carrier::Boxed(Box::new(stream)) }
    }

    fn carrier(self: Pin<&mut Self>) -> Pin<&mut dyn ByteStream> {
        match &mut self.get_mut().carrier {
            Carrier::Tcp(stream) => Pin::new(stream),
            Carrier::Boxed(stream) => Pin::new(&mut **stream),
        }
    }
}

impl fmt::Debug for NetStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.carrier {
            Carrier::Tcp(stream) => stream.fmt(f),
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
            Carrier::Boxed(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.carrier().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.carrier().poll_shutdown(cx)
    }
}

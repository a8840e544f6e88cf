//! Which version of HTTP opens a WebSocket.

/// The version of HTTP that opens a WebSocket, for [`ClientBuilder::http`](crate::ClientBuilder::http).
///
/// ```
/// use carrick::{ClientBuilder, Http};
///
/// let builder = ClientBuilder::new("wss://example.com/chat")?.http(Http::Http1);
/// # Ok::<(), carrick::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Http {
    /// Over TLS the best that both sides speak: HTTP/3 where the server has said that it is there (`Alt-Svc`, RFC 7838),
    /// HTTP/2, or else HTTP/1.1. Without TLS, where nobody asks, HTTP/1.1.
    #[default]
    Auto,
    /// HTTP/1.1, a connection for each WebSocket.
    Http1,
    /// HTTP/2 (RFC 8441), without TLS by prior knowledge. A server that does not open WebSockets over it is an error.
    Http2,
    /// HTTP/3 (RFC 9220), always over TLS, at the UDP port with the number in the URL or where the server has said that it
    /// is. A server that does not open WebSockets over it is an error.
    Http3,
}

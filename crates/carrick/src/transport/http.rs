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
    /// Over TLS the best that both sides speak, HTTP/2 or else HTTP/1.1; without TLS, where nobody asks, HTTP/1.1.
    #[default]
    Auto,
    /// HTTP/1.1, a connection for each WebSocket.
    Http1,
    /// HTTP/2 (RFC 8441), without TLS by prior knowledge. A server that does not open WebSockets over it is an error.
    Http2,
}

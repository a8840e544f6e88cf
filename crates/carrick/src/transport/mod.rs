//! F5: byte streams. Knows no `WebSocket`.

mod stream;
#[cfg(feature = "tls")]
mod tls;

pub use stream::NetStream;

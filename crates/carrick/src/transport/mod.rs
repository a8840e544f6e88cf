//! F5: byte streams. Knows no `WebSocket`.

#[cfg(feature = "tls")]
mod server_tls;
mod stream;
#[cfg(feature = "tls")]
mod tls;

#[cfg(feature = "tls")]
pub use server_tls::{ClientCertificates, ServerTls};
pub use stream::NetStream;

//! F5: byte streams. Knows no `WebSocket`.

mod address;
mod basic;
#[cfg(feature = "tls")]
mod client_tls;
mod connect_event;
mod dial;
mod head_lines;
mod http1;
#[cfg(not(feature = "tls"))]
mod no_client_tls;
mod prefixed;
mod proxy;
#[cfg(feature = "tls")]
mod reload;
mod remedy;
#[cfg(feature = "tls")]
mod server_tls;
mod stream;
#[cfg(feature = "tls")]
mod tls;

pub(crate) use address::Address;
pub(crate) use basic::basic_authorization;
#[cfg(feature = "tls")]
pub(crate) use client_tls::ClientTls;
pub use connect_event::ConnectEvent;
pub(crate) use connect_event::{Observer, Stopwatch};
pub(crate) use dial::Dialer;
pub(crate) use head_lines::{HeadLines, is_harmless};
pub(crate) use http1::{exchange, read_body_start};
#[cfg(not(feature = "tls"))]
pub(crate) use no_client_tls::ClientTls;
pub(crate) use prefixed::Prefixed;
pub use proxy::Proxy;
pub(crate) use proxy::ProxyPolicy;
#[cfg(feature = "tls")]
pub use reload::ReloadableTls;
pub(crate) use remedy::Remedy;
#[cfg(feature = "tls")]
pub use server_tls::{ClientCertificates, ServerTls};
pub use stream::NetStream;

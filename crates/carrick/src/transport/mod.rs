//! F5: byte streams. Knows no `WebSocket`.

mod address;
mod alternative;
mod basic;
#[cfg(feature = "tls")]
mod client_tls;
mod connect_event;
mod dial;
mod head_lines;
mod http;
mod http1;
#[cfg(feature = "http2")]
mod http2;
#[cfg(feature = "http3")]
pub(crate) mod http3;
mod lease;
#[cfg(any(feature = "http2", feature = "http3"))]
mod lookout;
#[cfg(not(feature = "tls"))]
mod no_client_tls;
mod pool;
mod prefixed;
mod proxy;
#[cfg(feature = "tls")]
mod reload;
mod remedy;
#[cfg(feature = "tls")]
mod server_tls;
mod settings;
mod stream;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "unstable-tunnel")]
mod tunnel;

pub(crate) use address::Address;
pub(crate) use basic::basic_authorization;
#[cfg(feature = "tls")]
pub(crate) use client_tls::ClientTls;
pub use connect_event::ConnectEvent;
pub(crate) use connect_event::{Observer, Stopwatch};
pub(crate) use dial::Dialer;
pub(crate) use head_lines::{HeadLines, is_harmless};
pub use http::Http;
pub(crate) use http1::{exchange, read_body_start};
#[cfg(feature = "http2")]
pub(crate) use http2::{
    Http2Stream, ReceivedBody, SEND_BUFFER_BYTES, STREAM_WINDOW_BYTES, Tapped, Wire, poll_room,
};
pub(crate) use lease::AskError;
#[cfg(any(feature = "http2", feature = "http3"))]
pub(crate) use lookout::{FirstSign, Lookout};
#[cfg(not(feature = "tls"))]
pub(crate) use no_client_tls::ClientTls;
pub(crate) use pool::{Pool, Reached};
pub(crate) use prefixed::Prefixed;
pub use proxy::Proxy;
pub(crate) use proxy::ProxyPolicy;
#[cfg(feature = "tls")]
pub use reload::ReloadableTls;
pub(crate) use remedy::Remedy;
#[cfg(feature = "tls")]
pub use server_tls::{ClientCertificates, ServerTls};
pub use stream::NetStream;

//! The opening handshake of both roles, RFC 6455 §4.
//!
//! Everything works on `http::Request<()>` and `http::Response<()>`, so HTTP/1.1, HTTP/2 and HTTP/3 share one checked
//! function; only `http1` touches bytes.

mod agreement;
mod client;
mod config_error;
mod deflate_params;
mod forwarded;
mod header_values;
mod host;
mod http1;
mod key;
mod origin;
mod peer;
mod rejection;
mod response_error;
mod server;
#[cfg(feature = "unstable-tunnel")]
mod verbatim;

pub use agreement::Agreement;
pub use client::{ClientHandshake, PendingHandshake};
pub use config_error::HandshakeConfigError;
pub use deflate_params::{DeflateConfig, DeflateParams};
pub use forwarded::{Front, IpNetwork, Scheme, TrustedProxies};
pub use header_values::ListError;
#[cfg(feature = "net")]
pub(crate) use header_values::excerpt;
pub use host::Host;
pub use http1::{HeadLimits, HeadReader, write_request, write_response};
pub use origin::{Origin, OriginPolicy};
pub use peer::{Peer, PeerAddress};
pub use rejection::{Refusal, Rejection};
pub use response_error::ResponseError;
pub use server::{Acceptor, ConnectProtocol, is_websocket_request, offered_subprotocols};
#[cfg(feature = "net")]
pub(crate) use server::{check_host, is_reserved};

//! F7: the server.

mod accept;
mod accepted;
mod alternative;
mod app;
mod app_handlers;
#[cfg(feature = "axum")]
pub(crate) mod axum;
mod body;
mod bound;
mod builder;
mod caller;
mod connection;
mod connections;
mod cors;
mod drain;
mod entrance;
mod guest;
#[cfg(any(feature = "http2", feature = "http3"))]
mod haste;
#[cfg(feature = "http2")]
mod http2;
#[cfg(feature = "http3")]
mod http3;
mod hub;
mod hyper;
mod linger;
mod listener;
#[cfg(any(feature = "http2", feature = "http3"))]
mod max_streams;
#[cfg(any(feature = "http2", feature = "http3"))]
mod multiplexed;
#[cfg(not(feature = "http2"))]
mod no_http2;
#[cfg(not(feature = "http3"))]
mod no_http3;
mod patience;
mod preface;
mod rewound;
mod route;
mod run;
mod slot;
mod stage;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "unstable-tunnel")]
mod tunnel;
mod turn;
#[cfg(unix)]
mod unix;
mod upgrade;
mod worker;

pub use accept::{AcceptOptions, accept, accept_with};
pub use accepted::Accepted;
pub use app::WebSocketServer;
pub use body::Body;
pub use builder::Server;
pub use caller::PeerCertificates;
pub use cors::Cors;
pub use drain::Drain;
pub use hub::ServerHandle;
pub use route::Route;
pub use upgrade::{Upgrade, UpgradeOptions, upgrade};

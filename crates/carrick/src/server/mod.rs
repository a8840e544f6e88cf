//! F7: the server.

mod accept;
mod app;
mod app_handlers;
#[cfg(feature = "axum")]
pub(crate) mod axum;
mod body;
mod builder;
mod caller;
mod connection;
mod connections;
mod drain;
mod guest;
mod hub;
mod hyper;
mod listener;
mod patience;
mod rewound;
mod route;
#[cfg(feature = "tls")]
mod tls;
mod upgrade;

pub use accept::{AcceptOptions, accept, accept_with};
pub use app::WebSocketServer;
pub use body::Body;
pub use builder::Server;
pub use caller::PeerCertificates;
pub use drain::Drain;
pub use hub::ServerHandle;
pub use route::Route;
pub use upgrade::{Upgrade, UpgradeOptions, upgrade};

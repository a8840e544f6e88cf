//! F7: the server.

mod accept;
#[cfg(feature = "axum")]
pub(crate) mod axum;
mod body;
mod builder;
mod caller;
mod connection;
mod connections;
mod drain;
mod hyper;
mod listener;
mod patience;
mod rewound;
mod route;
#[cfg(feature = "tls")]
mod tls;
mod upgrade;

pub use accept::{AcceptOptions, accept, accept_with};
pub use body::Body;
pub use builder::Server;
pub use caller::PeerCertificates;
pub use drain::Drain;
pub use route::Route;
pub use upgrade::{Upgrade, UpgradeOptions, upgrade};

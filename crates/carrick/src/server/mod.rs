//! F7: the server.

mod accept;
mod body;
mod builder;
mod caller;
mod connection;
mod connections;
mod hyper;
mod listener;
mod patience;
mod route;
#[cfg(feature = "tls")]
mod tls;

pub use accept::{AcceptOptions, accept, accept_with};
pub use body::Body;
pub use builder::Server;
pub use caller::PeerCertificates;
pub use route::Route;

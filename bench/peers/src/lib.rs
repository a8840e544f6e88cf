//! What the peers have in common: their arguments, the loop that accepts, the certificate of the mode `tls`, and what
//! can be said once for all libraries whose sockets are a `Stream` and a `Sink`.
//!
//! `README.md` beside this package lists the peers, and how each is set.

mod arguments;
mod client;
mod server;
mod sink;
mod topic;
pub mod tungstenite;
mod upgrade;

pub use arguments::{Arguments, Mode};
pub use client::{Client, measure};
pub use server::{Server, run, serve};
pub use sink::{echo, subscribe};
pub use topic::Topic;
pub use upgrade::upgrade;

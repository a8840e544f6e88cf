//! The server, as its peers see it.

mod accept;
mod hostile;
mod limits;
mod pages;
mod refusals;
mod requests;
mod routes;
mod stop;
mod support;
#[cfg(feature = "tls")]
mod tls;

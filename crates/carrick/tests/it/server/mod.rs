//! The server, as its peers see it.

mod accept;
#[cfg(feature = "axum")]
mod axum;
mod cors;
mod hostile;
mod limits;
mod loops;
mod pages;
mod refusals;
#[cfg(feature = "tls")]
mod reload;
mod requests;
mod routes;
mod stop;
pub(crate) mod support;
#[cfg(feature = "tls")]
mod tls;
#[cfg(unix)]
mod unix;
mod upgrade;

//! Proxies: which one leads to a server, and what is said to it.

mod environment;
mod exceptions;
mod http_connect;
mod proxy;
mod socks5;

pub(super) use proxy::Protocol;
pub use proxy::Proxy;
pub(crate) use proxy::ProxyPolicy;
pub(super) use {http_connect::connect as http_connect, socks5::connect as socks5_connect};

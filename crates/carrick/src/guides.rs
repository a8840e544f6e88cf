//! Guides, from the first program to the last setting. Every block of code in them is compiled and tested.
//!
//! They are the files of `docs/` in this package, as plain Markdown.

#[doc = include_str!("../docs/getting-started.md")]
pub mod getting_started {}

#[doc = include_str!("../docs/callbacks.md")]
pub mod callbacks {}

#[doc = include_str!("../docs/async.md")]
pub mod asynchronous {}

#[cfg(feature = "axum")]
#[doc = include_str!("../docs/axum.md")]
pub mod axum {}

#[doc = include_str!("../docs/deflate.md")]
pub mod deflate {}

#[doc = include_str!("../docs/limits.md")]
pub mod limits {}

#[doc = include_str!("../docs/origins.md")]
pub mod origins {}

#[doc = include_str!("../docs/tls.md")]
pub mod tls {}

#[doc = include_str!("../docs/proxies.md")]
pub mod proxies {}

#[cfg(feature = "http2")]
#[doc = include_str!("../docs/http2.md")]
pub mod http2 {}

#[cfg(feature = "http3")]
#[doc = include_str!("../docs/http3.md")]
pub mod http3 {}

#[doc = include_str!("../docs/core.md")]
pub mod core {}

#[doc = include_str!("../docs/from-tungstenite.md")]
pub mod from_tungstenite {}

#[doc = include_str!("../docs/from-websocket-client.md")]
pub mod from_websocket_client {}

#[doc = include_str!("../docs/command-line.md")]
pub mod command_line {}

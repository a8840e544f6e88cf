//! The part of HTTP/3 that reads and writes bytes. The library keeps it to itself, and it needs nothing of the library.
#![allow(dead_code, unused_imports)]

#[path = "../../crates/carrick/src/transport/http3/control.rs"]
pub(crate) mod control;
#[path = "../../crates/carrick/src/transport/http3/error_code.rs"]
pub(crate) mod error_code;
#[path = "../../crates/carrick/src/transport/http3/frame.rs"]
pub(crate) mod frame;
#[path = "../../crates/carrick/src/transport/http3/head.rs"]
pub(crate) mod head;
#[path = "../../crates/carrick/src/transport/http3/message_reader.rs"]
pub(crate) mod message_reader;
#[path = "../../crates/carrick/src/transport/http3/qpack/mod.rs"]
pub(crate) mod qpack;
#[path = "../../crates/carrick/src/transport/http3/settings.rs"]
pub(crate) mod settings;
#[path = "../../crates/carrick/src/transport/http3/varint.rs"]
pub(crate) mod varint;

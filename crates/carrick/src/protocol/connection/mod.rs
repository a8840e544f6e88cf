//! F4: one WebSocket after its opening handshake.

#[cfg(feature = "net")]
mod bundle;
mod closing;
mod config;
mod connection;
mod control;
mod event;
mod found;
mod keepalive;
mod message;
mod message_reader;
mod message_writer;
mod plain;
mod prepared;
mod preview;
mod room;
mod shell;
mod terms;
mod trace;

#[cfg(feature = "net")]
pub(crate) use bundle::Bundle;
pub use config::Config;
pub use connection::Connection;
pub use event::{Closed, Event, Initiator, Payload};
#[cfg(feature = "net")]
pub(crate) use message::checked_text;
pub use message::{Kind, Message, NotText, Text};
pub use message_reader::Delivery;
#[cfg(feature = "net")]
pub(crate) use message_writer::Borrowed;
pub use message_writer::{Compression, SendError};
pub use prepared::Prepared;
pub use shell::Shell;
pub use trace::{Direction, FrameRecord, Traffic};

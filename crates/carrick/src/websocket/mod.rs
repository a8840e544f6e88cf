//! F6: one shell for every byte stream.

mod agreed;
mod alarms;
mod driver;
mod local;
mod own_memory;
mod piece;
mod polled;
mod received;
mod split;
mod stop;
#[cfg(feature = "unstable-tunnel")]
mod tunnel;
mod websocket;
mod work;

pub(crate) use alarms::Alarms;
pub use piece::Piece;
pub(crate) use received::Received;
pub use split::{Receiver, Sender};
pub(crate) use stop::Stop;
pub use websocket::WebSocket;

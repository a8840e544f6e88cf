//! F6: one shell for every byte stream.

mod agreed;
mod alarms;
mod driver;
mod local;
mod piece;
mod polled;
mod split;
mod stop;
#[cfg(feature = "unstable-tunnel")]
mod tunnel;
mod websocket;
mod work;

pub(crate) use alarms::Alarms;
pub(crate) use driver::Received;
pub use piece::Piece;
pub use split::{Receiver, Sender};
pub(crate) use stop::Stop;
pub use websocket::WebSocket;

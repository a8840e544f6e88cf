//! F6: one shell for every byte stream.

mod driver;
mod local;
mod piece;
mod polled;
mod split;
mod stop;
mod websocket;

pub(crate) use driver::Received;
pub use piece::Piece;
pub use split::{Receiver, Sender};
pub(crate) use stop::Stop;
pub use websocket::WebSocket;

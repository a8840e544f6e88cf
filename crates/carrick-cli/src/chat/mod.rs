//! `/chat`: a room where everybody hears everybody. `page/PROTOCOL.md` is the contract with the page.

mod member;
mod message;
mod room;

pub(crate) use member::{http_name, join};
pub(crate) use room::Room;

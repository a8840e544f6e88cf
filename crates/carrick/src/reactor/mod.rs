//! F6: what the event loop of the callback server is made of, on mio. One thread has one of each.

mod inbox;
mod line;
mod listener;
mod socket;
mod timer;
#[cfg(feature = "tls")]
mod tls;
mod topics;
mod wheel;

pub(crate) use inbox::{Inbox, MAX_BYTES as MAX_INBOX_BYTES, Task};
pub(crate) use line::{Heard, Lent, Line, Place};
pub(crate) use listener::{INHERITS_NODELAY, Listener, Listening};
pub(crate) use socket::Socket;
pub(crate) use timer::Timer;
#[cfg(feature = "tls")]
pub(crate) use tls::Tls;
pub(crate) use topics::{Publication, Topics};
pub(crate) use wheel::Wheel;

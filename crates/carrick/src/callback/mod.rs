//! What both roles of the callback API share.

mod conn;
mod handle;
mod handlers;
mod mailbox;
mod message_ref;
mod run;
mod runtime;
mod tracer;

pub use conn::Conn;
pub(crate) use conn::{Heads, Opened};
pub use handle::ConnHandle;
pub use handlers::HandlerResult;
pub(crate) use handlers::{Handlers, Occasion};
pub(crate) use mailbox::Mailbox;
pub use message_ref::{MessageRef, PieceRef};
pub(crate) use run::{CUT, Ended, run};
pub(crate) use runtime::{OwnRuntime, block_on};
pub(crate) use tracer::Tracer;

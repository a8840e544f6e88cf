//! What both roles of the callback API share.

mod conn;
mod conn_line;
mod conn_loop;
mod desk;
mod handle;
mod handlers;
mod hub;
mod link;
mod mailbox;
mod message_ref;
mod outgoing;
mod run;
mod runtime;
mod tracer;

pub use conn::Conn;
pub(crate) use conn::Heads;
pub(crate) use conn_line::After;
pub(crate) use conn_loop::Opened;
pub use desk::Backlog;
pub(crate) use desk::Desk;
pub use handle::ConnHandle;
pub use handlers::HandlerResult;
pub(crate) use handlers::{Handlers, Occasion};
pub(crate) use hub::Hub;
pub(crate) use mailbox::Mailbox;
pub use message_ref::{MessageRef, PieceRef};
pub use outgoing::Outgoing;
pub(crate) use run::{CUT, Ended, run};
pub(crate) use runtime::{LoopThread, OwnRuntime, belongs_to_loop, block_on};
pub(crate) use tracer::Tracer;

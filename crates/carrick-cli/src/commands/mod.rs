//! One file a command.

mod echo;
mod serve;

pub(crate) use serve::serve;

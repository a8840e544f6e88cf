//! One file a command.

mod certificate;
mod echo;
mod serve;

pub(crate) use serve::serve;

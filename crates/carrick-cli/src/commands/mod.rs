//! One file a command.

mod completions;
mod connect;
mod echo;
mod listen;
mod man;
mod serve;

pub(crate) use self::{completions::completions, connect::connect, listen::listen, man::man, serve::serve};

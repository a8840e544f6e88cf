//! One file a command.

mod bench;
mod completions;
mod connect;
mod echo;
mod listen;
mod man;
mod serve;

pub(crate) use self::{
    bench::bench, completions::completions, connect::connect, listen::listen, man::man, serve::serve,
};

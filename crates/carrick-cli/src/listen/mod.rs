//! The parts of `carrick listen`: what a client is, what goes to all of them, the programs of `--exec` and the files of
//! `--dir`.

pub(crate) mod announce;
pub(crate) mod client;
pub(crate) mod console;
pub(crate) mod environment;
pub(crate) mod exec;
pub(crate) mod files;
pub(crate) mod process;

//! The parts of `carrick connect`: where lines come from, what they ask for, and how a connection is talked to.

pub(crate) mod backoff;
pub(crate) mod goal;
pub(crate) mod history;
pub(crate) mod input;
pub(crate) mod opening;
pub(crate) mod prompt;
pub(crate) mod refusal;
pub(crate) mod request;
pub(crate) mod send_format;
pub(crate) mod session;
pub(crate) mod trace;

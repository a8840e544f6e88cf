//! The only place that prints: data to standard output, words to standard error.
use std::{
    error::Error,
    io::{self, Write},
};

use crate::failure::Failure;

/// One line of data. A reader that went away is no failure.
pub(crate) fn line(text: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// One line of words. As above: `eprintln!` would panic.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Why the command failed, with its causes and what to do about it.
pub(crate) fn error(failure: &Failure) {
    note(&format!("error: {failure}"));
    let mut source = failure.source();
    while let Some(cause) = source {
        note(&format!("  because {cause}"));
        source = cause.source();
    }
    if let Some(hint) = failure.hint() {
        note(&format!("hint: {hint}"));
    }
}

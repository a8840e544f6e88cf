//! Everything that xtask prints: results to stdout, words about the work to stderr.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the one file of xtask that prints")]

use std::time::Duration;

/// Prints a result to stdout.
pub(crate) fn result(text: &str) {
    println!("{text}");
}

/// Prints a word about the work to stderr.
pub(crate) fn note(text: &str) {
    eprintln!("{text}");
}

/// Announces a step of a longer task.
pub(crate) fn step_starts(name: &str, what: &str) {
    eprintln!("\n==> {name}: {what}");
}

/// Reports a step that passed and how long it took.
pub(crate) fn step_passed(name: &str, took: Duration) {
    eprintln!("==> {name}: passed in {:.1} s", took.as_secs_f64());
}

/// Prints an error with its causes.
pub(crate) fn error(error: &anyhow::Error) {
    eprintln!("error: {error:#}");
}

//! Where lines come from: a pipe, or the editor on a terminal.

use std::{
    io::{self, BufRead},
    path::PathBuf,
    thread,
};

use tokio::sync::mpsc;

use super::prompt;
use crate::signals::Interruptions;

/// What came in.
#[derive(Debug)]
pub(crate) enum Input {
    /// A line without its end.
    Line(Vec<u8>),
    /// It cannot be read any further, and why.
    Failed(io::Error),
}

/// Lines from now on; `None` after the last one.
pub(crate) type Lines = mpsc::Receiver<Input>;

/// Reads a pipe or a file in a thread of its own, for reading them cannot be interrupted. A few lines are read ahead.
pub(crate) fn from_pipe() -> Lines {
    let (sender, lines) = mpsc::channel(LINES_AHEAD);
    thread::spawn(move || {
        let mut stdin = io::stdin().lock();
        loop {
            let mut line = Vec::new();
            let input = match stdin.read_until(b'\n', &mut line) {
                Ok(0) => return,
                Ok(_) => Input::Line(without_end(line)),
                Err(error) => Input::Failed(error),
            };
            let failed = matches!(input, Input::Failed(_));
            if sender.blocking_send(input).is_err() || failed {
                return;
            }
        }
    });
    lines
}

/// Lets lines be edited on the terminal, and kept in `history`.
pub(crate) fn from_terminal(history: Option<PathBuf>, interruptions: Interruptions) -> Lines {
    let (sender, lines) = mpsc::channel(LINES_AHEAD);
    prompt::start(history, sender, interruptions);
    lines
}

fn without_end(mut line: Vec<u8>) -> Vec<u8> {
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    }
    line
}

const LINES_AHEAD: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_ends_as_on_unix_or_on_windows() {
        for (line, expected) in
            [("a\n", "a"), ("a\r\n", "a"), ("a", "a"), ("a\r", "a\r"), ("\n", ""), ("a\n\n", "a\n")]
        {
            assert_eq!(without_end(line.into()), expected.as_bytes());
        }
    }
}

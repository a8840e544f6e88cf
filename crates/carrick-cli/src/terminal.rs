//! The terminal's mode, which the line editor changes and which has to be as before when the process ends in the middle of
//! a line.

use std::{
    io::{self, IsTerminal},
    sync::{Mutex, PoisonError},
};

use crate::output;

/// Whether somebody sits there: lines can be edited, and what comes can be shown above them.
pub(crate) fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Remembers how the terminal is, for [`restore`].
pub(crate) fn remember() {
    *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = Mode::now();
}

/// Makes the terminal what it was, if it was remembered.
pub(crate) fn restore() {
    if let Some(mode) = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take() {
        output::set_above(None);
        mode.set();
        output::clear_prompt();
    }
}

#[cfg(unix)]
struct Mode(rustix::termios::Termios);

#[cfg(unix)]
impl Mode {
    fn now() -> Option<Mode> {
        rustix::termios::tcgetattr(io::stdin()).ok().map(Mode)
    }

    fn set(&self) {
        let _ = rustix::termios::tcsetattr(io::stdin(), rustix::termios::OptionalActions::Now, &self.0);
    }
}

/// The shells of Windows set the mode of their console themselves.
#[cfg(not(unix))]
struct Mode;

#[cfg(not(unix))]
impl Mode {
    fn now() -> Option<Mode> {
        Some(Mode)
    }

    fn set(&self) {}
}

static BEFORE: Mutex<Option<Mode>> = Mutex::new(None);

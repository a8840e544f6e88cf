//! The terminal's mode, which the line editor changes and which has to be as before when the process ends in the middle of
//! a line.

use std::{
    io::{self, IsTerminal},
    sync::{Arc, Mutex, PoisonError, atomic::AtomicBool, mpsc::Receiver},
    time::Duration,
};

#[cfg(unix)]
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};

use crate::output;

/// Whether somebody sits there: lines can be edited, and what comes can be shown above them.
pub(crate) fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Whether standard error is a terminal on which something can be drawn and cleared away again.
pub(crate) fn can_draw() -> bool {
    io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|terminal| terminal != "dumb")
}

/// How wide the terminal of standard error is.
pub(crate) fn columns() -> u16 {
    #[cfg(unix)]
    if let Ok(size) = rustix::termios::tcgetwinsize(io::stderr())
        && size.ws_col > 0
    {
        return size.ws_col;
    }
    80
}

/// A line editor at work, and how to end it.
#[derive(Debug)]
pub(crate) struct Editor {
    /// That it is to draw its line no more.
    pub(crate) leaving: Arc<AtomicBool>,
    /// Told when it does not.
    pub(crate) stopped: Receiver<()>,
}

/// Takes the terminal for an editor, and remembers how it was for [`restore`].
///
/// The editor gives it back after each line as it found it. Were that as shells want it, with lines of its own, then a
/// Ctrl-D that is typed before the next line begins would be an end of file of the terminal's, which no editor sees.
pub(crate) fn take(editor: Editor) {
    let before = Mode::now();
    if let Some(mode) = &before {
        mode.without_lines().set();
    }
    *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = before.map(|mode| (mode, editor));
}

/// Makes the terminal what it was, if it was remembered, once it shows everything that was printed.
pub(crate) fn restore() {
    let before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some((mode, editor)) = before {
        output::let_editor_stop(editor.leaving);
        // It stops at once, but nothing is worth a terminal that stays as it is.
        let _ = editor.stopped.recv_timeout(PATIENCE);
        mode.set();
        output::clear_prompt();
    }
}

#[cfg(unix)]
struct Mode(Termios);

#[cfg(unix)]
impl Mode {
    fn now() -> Option<Mode> {
        tcgetattr(io::stdin()).ok().map(Mode)
    }

    /// Keys as they are typed, unseen; Ctrl-C still sends its signal.
    fn without_lines(&self) -> Mode {
        let mut mode = self.0.clone();
        mode.local_modes &= !(LocalModes::ICANON | LocalModes::ECHO | LocalModes::IEXTEN);
        mode.input_modes &= !InputModes::ICRNL;
        mode.special_codes[SpecialCodeIndex::VMIN] = 1;
        mode.special_codes[SpecialCodeIndex::VTIME] = 0;
        Mode(mode)
    }

    fn set(&self) {
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
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

    fn without_lines(&self) -> Mode {
        Mode
    }

    fn set(&self) {}
}

const PATIENCE: Duration = Duration::from_secs(1);

static BEFORE: Mutex<Option<(Mode, Editor)>> = Mutex::new(None);

//! The only place that prints: data to standard output (through `stdout.rs`), words to standard error.
//!
//! While a line is being edited on the terminal both go through the editor, which puts them above that line.

use std::{
    io::{self, IsTerminal, Write},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use tokio::task;

use crate::{escape, failure::Failure, stdout};

/// Prints above the line that is being edited. False if the editor is gone.
pub(crate) type Above = Box<dyn FnMut(String) -> bool + Send>;

/// Bytes of data as they are: to a terminal at once, so that words do not overtake them, and to a pipe or a file as soon
/// as it takes them.
pub(crate) fn data(bytes: &[u8]) -> io::Result<()> {
    if !io::stdout().is_terminal() {
        return stdout::push(bytes);
    }
    task::block_in_place(|| match above(&String::from_utf8_lossy(bytes)) {
        true => Ok(()),
        false => whole(bytes),
    })
}

/// All the data that there is.
pub(crate) fn whole(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}

/// One line of data. A reader that went away is no failure.
pub(crate) fn line(text: &str) {
    let _ = whole(format!("{text}\n").as_bytes());
}

/// One line of words. As above: `eprintln!` would panic.
pub(crate) fn note(text: &str) {
    let line = format!("{text}\n");
    if !(io::stderr().is_terminal() && above(&line)) {
        let _ = io::stderr().lock().write_all(line.as_bytes());
    }
}

/// A part of what shows the progress on the terminal of standard error.
pub(crate) fn draw(text: &str) -> io::Result<()> {
    io::stderr().lock().write_all(text.as_bytes())
}

/// One line of words that is less important than the others.
pub(crate) fn aside(text: &str) {
    note(&paint(text, Style::new().dimmed(), &io::stderr()));
}

/// Why the command failed, with its causes and what to do about it.
pub(crate) fn error(failure: &Failure) {
    let label = paint("error:", AnsiColor::Red.on_default().bold(), &io::stderr());
    note(&format!("{label} {}", escape::line(&failure.to_string())));
    for cause in failure.causes() {
        note(&format!("  because {}", escape::line(&cause.to_string())));
    }
    for detail in failure.details() {
        note(&format!("  {}", escape::line(detail)));
    }
    if let Some(text) = failure.hint() {
        hint(text);
    }
}

/// What to do about what was told before.
pub(crate) fn hint(text: &str) {
    let label = paint("hint:", AnsiColor::Cyan.on_default().bold(), &io::stderr());
    note(&format!("{label} {text}"));
}

/// A mark in front of data on a terminal, as the sign of where it comes from.
pub(crate) fn mark(text: &str) -> String {
    paint(text, AnsiColor::Cyan.on_default(), &io::stdout())
}

/// Lets everything go through an editor from now on.
pub(crate) fn set_above(printer: Above) {
    *lock() = Some(printer);
}

/// Makes the editor stop once it has put above its line what it was given; it looks at `leaving` before it draws its line
/// anew. Does not wait for it.
pub(crate) fn let_editor_stop(leaving: Arc<AtomicBool>) {
    thread::spawn(move || {
        // The editor has room for one text beside the one that it is printing. Once it took this one, it has taken all.
        above(UP_AND_DOWN);
        leaving.store(true, Ordering::SeqCst);
        // It may have printed that already, and needs a reason to draw its line.
        above(UP_AND_DOWN);
    });
}

/// Leaves the terminal behind as a shell wants it: what was being edited is cleared away.
pub(crate) fn clear_prompt() {
    // What is written is shown at once, bracketed paste off, to the start of the line, clear to the end of the screen.
    let _ = io::stdout().lock().write_all(b"\x1b[?2026l\x1b[?2004l\r\x1b[J");
    let _ = io::stdout().lock().flush();
}

fn above(text: &str) -> bool {
    lock().as_mut().is_some_and(|print| print(text.to_owned()))
}

fn lock() -> MutexGuard<'static, Option<Above>> {
    ABOVE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Colour is for a terminal that wants it: `NO_COLOR`, `CLICOLOR` and `TERM` are heard.
fn paint(text: &str, style: Style, stream: &impl anstream::stream::RawStream) -> String {
    match AutoStream::choice(stream) {
        ColorChoice::Never => text.to_owned(),
        ColorChoice::Auto | ColorChoice::Always | ColorChoice::AlwaysAnsi => {
            format!("{style}{text}{style:#}")
        }
    }
}

/// Prints nothing: up a line and down again.
const UP_AND_DOWN: &str = "\x1b[A\n";

static ABOVE: Mutex<Option<Above>> = Mutex::new(None);

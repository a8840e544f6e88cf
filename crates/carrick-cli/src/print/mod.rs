//! What is printed of what happens.

mod event;
mod plain;

use std::io;

use carrick::protocol::{Direction, Message};

pub(crate) use self::event::{Event, Happening};
use crate::output;

/// Prints messages or events in one of the formats.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Printer {
    pub(crate) format: Format,
    /// Whether standard output is a terminal: nothing in a message may change its screen.
    pub(crate) is_terminal: bool,
    /// Whether a line is being edited there too, so that what comes needs a mark.
    pub(crate) is_interactive: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Plain,
    Json,
    Ndjson,
}

impl Printer {
    /// Prints what happened. An error says that the reader of the output is gone.
    pub(crate) fn print(&self, happening: &Happening<'_>) -> io::Result<()> {
        match (self.format, &happening.event) {
            (Format::Ndjson, _) => output::data(event::line(happening).as_bytes()),
            (Format::Plain | Format::Json, Event::Message { direction: Direction::In, message }) => {
                self.print_message(happening.client, message)
            }
            (Format::Plain | Format::Json, _) => Ok(()),
        }
    }

    /// Whether every event is printed, and not messages alone.
    pub(crate) fn is_ndjson(&self) -> bool {
        self.format == Format::Ndjson
    }

    fn print_message(&self, client: Option<u64>, message: &Message) -> io::Result<()> {
        let indent = self.format == Format::Json;
        if !self.is_terminal {
            return output::data(&plain::raw(message, indent));
        }
        let mark = match client {
            Some(client) => output::mark(&format!("{client} < ")),
            None if self.is_interactive => output::mark("< "),
            None => String::new(),
        };
        let shown = plain::shown(message, indent);
        if mark.is_empty() {
            return output::data(format!("{shown}\n").as_bytes());
        }
        // Below the first line of a message stands the rest of it, and nothing that could pass for a line of ours.
        let margin = match client {
            Some(client) => " ".repeat(format!("{client} < ").len()),
            None => " ".repeat("< ".len()),
        };
        output::data(format!("{mark}{}\n", shown.replace('\n', &format!("\n{margin}"))).as_bytes())
    }
}

//! The line editor.

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Sender, channel},
    },
    thread,
};

use rustyline::{
    Config, Context, ExternalPrinter, Helper, Highlighter, Hinter,
    completion::{Completer, FilenameCompleter, Pair},
    error::ReadlineError,
    history::FileHistory,
    validate::{ValidationContext, ValidationResult, Validator},
};
use tokio::sync::mpsc;

use super::{history, input::Input, request::COMMANDS};
use crate::{
    output,
    signals::Interruptions,
    terminal::{self, Editor},
};

/// Reads lines in a thread of its own until Ctrl-D or Ctrl-C. What is printed meanwhile stands above the line. An error
/// says that this terminal cannot edit lines.
pub(crate) fn start(
    history: Option<PathBuf>,
    lines: mpsc::Sender<Input>,
    interruptions: Interruptions,
) -> Result<(), ReadlineError> {
    let mut prompt = Prompt::new(history)?;
    let leaving = Arc::new(AtomicBool::new(false));
    let (sender, stopped) = channel();
    terminal::take(Editor { leaving: Arc::clone(&leaving), stopped });
    let sign = Sign { leaving, stopped: sender };
    thread::spawn(move || {
        prompt.run(&sign, &lines, &interruptions);
        let _ = sign.stopped.send(());
    });
    Ok(())
}

struct Prompt {
    editor: rustyline::Editor<Assistant, FileHistory>,
    history: Option<PathBuf>,
}

impl Prompt {
    fn new(history: Option<PathBuf>) -> Result<Prompt, ReadlineError> {
        let config = Config::builder().history_ignore_space(true).max_history_size(HISTORY_LINES)?.build();
        let mut editor = rustyline::Editor::with_config(config)?;
        editor.set_helper(Some(Assistant { files: FilenameCompleter::new() }));
        let mut printer = editor.create_external_printer()?;
        output::set_above(Box::new(move |text| printer.print(text).is_ok()));
        let history = history.filter(|path| match history::create(path) {
            Ok(()) => true,
            Err(error) => {
                output::note(&format!("no history is kept: {}: {error}", path.display()));
                false
            }
        });
        if let Some(path) = &history {
            // An empty file is none to the editor, and a history that cannot be read is none either.
            let _ = editor.load_history(path);
        }
        Ok(Prompt { editor, history })
    }

    fn run(&mut self, sign: &Sign, lines: &mpsc::Sender<Input>, interruptions: &Interruptions) {
        loop {
            let input = match self.editor.readline(sign) {
                Ok(line) if line.is_empty() => continue,
                Ok(line) => {
                    self.remember(&line);
                    Input::Line(line.trim_end_matches('\n').into())
                }
                Err(ReadlineError::Eof) => return,
                // From here on the terminal sends a signal for this key.
                Err(ReadlineError::Interrupted) => return interruptions.press(),
                Err(error) => Input::Failed(io::Error::other(error)),
            };
            let failed = matches!(input, Input::Failed(_));
            if lines.blocking_send(input).is_err() || failed {
                return;
            }
        }
    }

    /// Written at once: the process may be cut.
    fn remember(&mut self, line: &str) {
        let added = self.editor.add_history_entry(line).unwrap_or(false);
        if let (true, Some(path)) = (added, &self.history) {
            let _ = self.editor.append_history(path);
        }
    }
}

/// What stands before the line. The editor asks for it whenever it draws its line.
struct Sign {
    leaving: Arc<AtomicBool>,
    stopped: Sender<()>,
}

impl rustyline::Prompt for Sign {
    fn raw(&self) -> &str {
        if self.leaving.load(Ordering::SeqCst) {
            // The process ends now, and the line that is half drawn is not wanted any more.
            let _ = self.stopped.send(());
            loop {
                thread::park();
            }
        }
        PROMPT
    }
}

/// Knows which lines go on, and completes commands and the names of files.
#[derive(Helper, Highlighter, Hinter)]
struct Assistant {
    files: FilenameCompleter,
}

impl Validator for Assistant {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(match goes_on(context.input()) {
            true => ValidationResult::Incomplete,
            false => ValidationResult::Valid(None),
        })
    }
}

impl Completer for Assistant {
    type Candidate = Pair;

    fn complete(&self, line: &str, at: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        if line.starts_with("/send ") {
            return self.files.complete_path(line, at);
        }
        let typed = line.get(..at).unwrap_or(line);
        let fitting = COMMANDS.iter().filter(|command| !typed.is_empty() && command.starts_with(typed));
        let pairs =
            fitting.map(|command| Pair { display: (*command).into(), replacement: format!("{command} ") });
        Ok((0, pairs.collect()))
    }
}

/// Whether the text begins a JSON value that is not complete. An empty line ends it anyway.
fn goes_on(text: &str) -> bool {
    if !text.trim_start().starts_with(['{', '[']) || text.ends_with("\n") {
        return false;
    }
    match serde_json::from_str::<serde::de::IgnoredAny>(text) {
        Ok(_) => false,
        Err(error) => error.is_eof(),
    }
}

const PROMPT: &str = "> ";
const HISTORY_LINES: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unfinished_json_value_goes_on_until_it_is_whole_or_an_empty_line_comes() {
        for unfinished in ["{", "[1,", "{\"a\":\n[", " {\"a\":\"b"] {
            assert!(goes_on(unfinished), "{unfinished}");
        }
        for whole in ["{}", "[1,\n2]", "[no", "{]", "hello", "1", "\"a", "{\n", "[1,\n", ""] {
            assert!(!goes_on(whole), "{whole}");
        }
    }
}

//! The command at a terminal: a pseudo-terminal, and what would stand on its screen.

use std::{
    io::{Read, Write},
    num::NonZeroU16,
    process::{Child, ExitStatus},
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    thread,
    time::{Duration, Instant},
};

use pty_process::{
    Size,
    blocking::{Command, Pty, open},
};
use rustix::termios::{LocalModes, tcgetattr};

use crate::support::wait_in_time;

pub(crate) struct Terminal {
    child: Child,
    keyboard: Arc<Pty>,
    output: Receiver<Vec<u8>>,
    emulator: vt100::Parser,
    /// Everything that was written, with its control sequences.
    pub(crate) raw: Vec<u8>,
}

impl Terminal {
    /// Runs `carrick` with these arguments and this environment. It keeps no history unless the environment says where.
    pub(crate) fn start(args: &[&str], environment: &[(&str, &str)]) -> Terminal {
        let command = Command::new(env!("CARGO_BIN_EXE_carrick")).env("CARRICK_HISTORY", "");
        Terminal::run(command.args(args).env("TERM", "xterm").envs(environment.iter().copied()))
    }

    /// As [`start`](Terminal::start), with the history where it is by default.
    pub(crate) fn start_with_history(args: &[&str], environment: &[(&str, &str)]) -> Terminal {
        let command = Command::new(env!("CARGO_BIN_EXE_carrick")).env_remove("CARRICK_HISTORY");
        Terminal::run(command.args(args).env("TERM", "xterm").envs(environment.iter().copied()))
    }

    fn run(command: Command) -> Terminal {
        let (pty, pts) = open().unwrap();
        pty.resize(Size::new(ROWS, COLUMNS)).unwrap();
        let child = command.spawn(pts).unwrap();
        let keyboard = Arc::new(pty);
        let (sender, output) = channel();
        let screen = Arc::clone(&keyboard);
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            // A pseudo-terminal whose other end is closed reports an error.
            while let Ok(n @ 1..) = (&*screen).read(&mut buffer) {
                if sender.send(buffer[..n].to_vec()).is_err() {
                    return;
                }
            }
        });
        let size = |n| NonZeroU16::new(n).unwrap();
        let emulator = vt100::Parser::new(size(ROWS), size(COLUMNS), 0);
        Terminal { child, keyboard, output, emulator, raw: Vec::new() }
    }

    pub(crate) fn types(&self, keys: &str) {
        (&*self.keyboard).write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until the screen is like that.
    pub(crate) fn shows(&mut self, what: &str, is_shown: impl Fn(&[String]) -> bool) -> Vec<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let lines = self.lines();
            if is_shown(&lines) {
                return lines;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(bytes) => self.process(&bytes),
                Err(RecvTimeoutError::Timeout) => {
                    panic!("{what} is not on the screen:\n{}", lines.join("\n"))
                }
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("{what} was not on the screen in the end:\n{}", lines.join("\n"))
                }
            }
        }
    }

    /// Waits until a line of the screen is this.
    pub(crate) fn shows_line(&mut self, line: &str) -> Vec<String> {
        self.shows(line, |lines| lines.iter().any(|shown| shown == line))
    }

    /// Waits until the last line of the screen is this: what is being edited.
    pub(crate) fn edits(&mut self, line: &str) -> Vec<String> {
        self.shows(line, |lines| lines.last().is_some_and(|last| last == line))
    }

    /// Waits until it is connected and asks for a line.
    pub(crate) fn prompts(&mut self) {
        self.shows("the prompt", |lines| {
            let is_open =
                |line: &String| line.starts_with("connected to ") || line.starts_with("listening on ");
            lines.iter().any(is_open) && lines.last().is_some_and(|line| line == ">")
        });
    }

    /// As [`shows_line`](Terminal::shows_line), and looks all the time whether the terminal edits by itself meanwhile.
    pub(crate) fn shows_line_without_editing(&mut self, line: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.lines().iter().any(|shown| shown == line) {
            assert!(Instant::now() < deadline, "{line} is not on the screen:\n{}", self.lines().join("\n"));
            let mode = tcgetattr(&*self.keyboard).unwrap().local_modes;
            assert!(!mode.contains(LocalModes::ICANON), "the terminal makes lines before {line}");
            while let Ok(bytes) = self.output.try_recv() {
                self.process(&bytes);
            }
        }
    }

    /// Waits for the end; the lines of the screen then.
    pub(crate) fn ends(&mut self) -> (ExitStatus, Vec<String>) {
        let status = wait_in_time(&mut self.child);
        while let Ok(bytes) = self.output.recv_timeout(Duration::from_millis(200)) {
            self.process(&bytes);
        }
        (status, self.lines())
    }

    /// Whether the terminal echoes and edits by itself, as a shell wants it.
    pub(crate) fn is_as_before(&self) -> bool {
        let mode = tcgetattr(&*self.keyboard).unwrap().local_modes;
        mode.contains(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG)
    }

    fn process(&mut self, bytes: &[u8]) {
        self.raw.extend_from_slice(bytes);
        self.emulator.process(bytes);
    }

    /// Without the blanks at their ends, and without empty lines at the bottom.
    fn lines(&self) -> Vec<String> {
        let screen = self.emulator.screen();
        let mut lines: Vec<_> = screen.rows(0, COLUMNS).map(|line| line.trim_end().to_owned()).collect();
        while lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        lines
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const ROWS: u16 = 30;
const COLUMNS: u16 = 120;
const PATIENCE: Duration = Duration::from_secs(20);

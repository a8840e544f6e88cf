//! `cargo xtask picture`: the picture of `carrick connect --trace` in the README, of a session that really takes place.
//!
//! The command runs in a pseudo-terminal against our own server; what stands on the screen in the end is drawn as SVG.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use pty_process::Size;
use pty_process::blocking::{Command, Pty, open};
use vt100::{Cell, Color, Screen};

use crate::background::{self, Background};
use crate::{report, shell, workspace};

/// Draw the picture of `carrick connect --trace` for the README.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Runs the session and writes `docs/images/trace.svg`.
pub(crate) fn run(_args: &Args) -> anyhow::Result<()> {
    shell::run(&mut shell::cargo(["build", "--package", "carrick-cli"]))?;
    let carrick = workspace::target_dir().join("debug/carrick");
    let address = background::free_address()?;
    let log = workspace::target_dir().join("picture-server.log");
    let mut serve = shell::command(&carrick);
    let mut server = Background::start(serve.args(["serve", "--bind", &address.to_string()]), &log)?;
    server.wait_until_listening(address)?;

    let url = format!("ws://localhost:{}/echo", address.port());
    let command = Command::new(&carrick).args(["connect", "--trace", &url]).env("CARRICK_HISTORY", "");
    let mut session = Session::start(command)?;
    // Each line waits for what the one before it brings.
    for (awaited, typed) in [
        ("/help lists the commands", "Hello, is anybody there?\r"),
        ("< Hello, is anybody there?", "/ping\r"),
        ("round trip", "/close 1000 so long\r"),
        ("closed by us", ""),
    ] {
        session.wait_for(awaited)?;
        session.types(typed)?;
    }
    session.finish();
    let picture = workspace::root().join("docs/images/trace.svg");
    fs::write(&picture, svg(session.emulator.screen(), &format!("$ carrick connect --trace {url}")))
        .with_context(|| format!("cannot write {}", workspace::shown(&picture)))?;
    report::result(&format!("wrote {}", workspace::shown(&picture)));
    server.expect_running()
}

/// A command in a terminal.
struct Session {
    keyboard: Arc<Pty>,
    output: Receiver<Vec<u8>>,
    emulator: vt100::Parser,
    child: std::process::Child,
}

impl Session {
    fn start(command: Command) -> anyhow::Result<Session> {
        let (pty, pts) = open()?;
        pty.resize(Size::new(ROWS.get(), COLUMNS.get()))?;
        let child = command.env("TERM", "xterm").env_remove("NO_COLOR").spawn(pts)?;
        let keyboard = Arc::new(pty);
        let screen = Arc::clone(&keyboard);
        let (sender, output) = channel();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = (&*screen).read(&mut buffer) {
                if sender.send(buffer[..n].to_vec()).is_err() {
                    return;
                }
            }
        });
        Ok(Session { keyboard, output, emulator: vt100::Parser::new(ROWS, COLUMNS, 0), child })
    }

    fn types(&self, keys: &str) -> anyhow::Result<()> {
        Ok((&*self.keyboard).write_all(keys.as_bytes())?)
    }

    fn wait_for(&mut self, words: &str) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !self.emulator.screen().contents().contains(words) {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(bytes) => self.emulator.process(&bytes),
                Err(_) => bail!("{words:?} is not on the screen:\n{}", self.emulator.screen().contents()),
            }
        }
        Ok(())
    }

    /// Until the command has left the terminal.
    fn finish(&mut self) {
        while let Ok(bytes) = self.output.recv_timeout(PATIENCE) {
            self.emulator.process(&bytes);
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The screen without its empty lines at the bottom, below what was typed to get there.
fn svg(screen: &Screen, typed: &str) -> String {
    let rows: Vec<String> = screen.rows(0, COLUMNS.get()).collect();
    let used = rows.iter().rposition(|row| !row.trim().is_empty()).map_or(0, |last| last + 1);
    let width = f64::from(COLUMNS.get()) * CELL_WIDTH + 2.0 * MARGIN;
    let height = (used + 1) as f64 * CELL_HEIGHT + 2.0 * MARGIN;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.1} {height:.1}\" width=\"{width:.0}\" \
         font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\" font-size=\"13\">\n\
         <title>A session of carrick connect --trace</title>\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#15181e\"/>\n"
    );
    text(&mut svg, 0, 0, typed, "#ffffff\" font-weight=\"bold");
    for row in 0..u16::try_from(used).unwrap_or(ROWS.get()) {
        let mut column = 0;
        while column < COLUMNS.get() {
            let start = column;
            let style = fill(screen.cell(row, column));
            let mut words = String::new();
            while column < COLUMNS.get() && fill(screen.cell(row, column)) == style {
                let cell = screen.cell(row, column).map_or("", Cell::contents);
                words.push_str(if cell.is_empty() { " " } else { cell });
                column += 1;
            }
            if !words.trim().is_empty() {
                text(&mut svg, row + 1, start, words.trim_end(), style);
            }
        }
    }
    svg.push_str("</svg>\n");
    svg
}

fn text(svg: &mut String, row: u16, column: u16, words: &str, fill: &str) {
    let x = MARGIN + f64::from(column) * CELL_WIDTH;
    let y = MARGIN + (f64::from(row) + 0.75) * CELL_HEIGHT;
    // The length is given, or another font would move what stands behind it.
    let length = words.chars().count() as f64 * CELL_WIDTH;
    let words = words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let _ = writeln!(
        svg,
        "<text xml:space=\"preserve\" x=\"{x:.1}\" y=\"{y:.1}\" textLength=\"{length:.1}\" fill=\"{fill}\">{words}</text>"
    );
}

fn fill(cell: Option<&Cell>) -> &'static str {
    match cell {
        Some(cell) if cell.dim() => "#8b93a1",
        Some(cell) => match cell.fgcolor() {
            Color::Idx(1 | 9) => "#ff7b72",
            Color::Idx(6 | 14) => "#56d4dd",
            Color::Default | Color::Idx(_) | Color::Rgb(..) => "#e6e9ef",
        },
        None => "#e6e9ef",
    }
}

const ROWS: NonZeroU16 = NonZeroU16::new(40).expect("it is not zero");
const COLUMNS: NonZeroU16 = NonZeroU16::new(110).expect("it is not zero");
const CELL_WIDTH: f64 = 7.85;
const CELL_HEIGHT: f64 = 18.0;
const MARGIN: f64 = 14.0;
const PATIENCE: Duration = Duration::from_secs(20);

//! How far it is, on a terminal.

use std::{io, time::Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};

use super::{format, plan::Plan, round::Round};
use crate::{args::Size, output, terminal};

/// A bar on standard error, if something can be drawn there.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    /// When the speed was last looked at, and how many replies there were.
    seen: Option<(Instant, u64)>,
}

impl Progress {
    pub(crate) fn new() -> Progress {
        let target = match terminal::can_draw() {
            true => ProgressDrawTarget::term_like(Box::new(Screen)),
            false => ProgressDrawTarget::hidden(),
        };
        let style = ProgressStyle::with_template("{bar:30} {msg}").unwrap_or(ProgressStyle::default_bar());
        Progress { bar: ProgressBar::with_draw_target(Some(1000), target).with_style(style), seen: None }
    }

    pub(super) fn opening(&mut self, opened: u64, all: u64) {
        self.show(opened as f64 / all as f64, format!("{opened} of {all} connections open"));
    }

    pub(super) fn measuring(&mut self, plan: &Plan, round: &Round, size: Size) {
        if self.bar.is_hidden() {
            return;
        }
        let now = Instant::now();
        let Some(measured) = now.checked_duration_since(round.from) else {
            let passed = now.saturating_duration_since(round.begins);
            self.show(
                passed.as_secs_f64() / plan.warm_up.as_secs_f64().max(1e-3),
                format!("{size}, warming up"),
            );
            return;
        };
        let answered = round.answered();
        let by_time = plan.duration.map(|duration| measured.as_secs_f64() / duration.as_secs_f64());
        let by_count = plan.count.map(|count| answered as f64 / count as f64);
        let done = by_time.into_iter().chain(by_count).fold(0.0, f64::max);
        let speed = self.speed(now, answered);
        self.show(done, format!("{size}, {} messages, {}/s", format::whole(answered), format::whole(speed)));
    }

    /// Replies per second since this was last asked.
    fn speed(&mut self, now: Instant, answered: u64) -> u64 {
        let (before, seen) = self.seen.replace((now, answered)).unwrap_or((now, answered));
        let seconds = now.saturating_duration_since(before).as_secs_f64();
        // A new round starts at none.
        if seconds > 0.0 { (answered.saturating_sub(seen) as f64 / seconds) as u64 } else { 0 }
    }

    fn show(&self, done: f64, words: String) {
        self.bar.set_position((done.clamp(0.0, 1.0) * 1000.0) as u64);
        self.bar.set_message(words);
    }

    /// Clears it away.
    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

/// The terminal as indicatif draws on it.
#[derive(Debug)]
struct Screen;

impl TermLike for Screen {
    fn width(&self) -> u16 {
        terminal::columns()
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        move_cursor(n, 'A')
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        move_cursor(n, 'B')
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        move_cursor(n, 'C')
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        move_cursor(n, 'D')
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        output::draw(&format!("{text}\n"))
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        // indicatif fills the line up to its end. The ^C that a terminal shows would stand in the next line then, which
        // would be the one that is cleared.
        if !text.is_empty() && text.bytes().all(|byte| byte == b' ') {
            return output::draw("\x1b[K");
        }
        output::draw(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        output::draw("\r\x1b[2K")
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

fn move_cursor(n: usize, direction: char) -> io::Result<()> {
    // None of these sequences means: by nothing.
    if n == 0 { Ok(()) } else { output::draw(&format!("\x1b[{n}{direction}")) }
}

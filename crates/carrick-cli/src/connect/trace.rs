//! Every step and every frame on standard error, with its time.

use std::time::{Duration, Instant};

use carrick::{
    ConnectEvent,
    protocol::{Direction, FrameRecord, Opcode},
};

use crate::{escape, output};

/// What `--trace` prints. The steps and frames themselves are worded by the library.
#[derive(Debug)]
pub(crate) struct Trace {
    started: Instant,
    /// The latest data frame of ours that the peer has not answered with one.
    unanswered: Option<Instant>,
}

impl Trace {
    pub(crate) fn new() -> Trace {
        Trace { started: Instant::now(), unanswered: None }
    }

    /// Prints the steps of opening a connection.
    pub(crate) fn observer(&self) -> impl Fn(&ConnectEvent<'_>) + Send + Sync + 'static {
        let started = self.started;
        move |event| print(started.elapsed(), &event.to_string())
    }

    /// A frame went over the wire. `round_trip` is what its pong measured.
    pub(crate) fn frame(&mut self, record: &FrameRecord, round_trip: Option<Duration>) {
        let at = record.at.saturating_duration_since(self.started);
        let mut line = record.to_string();
        if let Some(time) = round_trip {
            line.push_str(&format!(", round trip {time:.1?}"));
        }
        match (record.opcode, record.direction) {
            (Opcode::Text | Opcode::Binary, Direction::Out) => self.unanswered = Some(record.at),
            (Opcode::Text | Opcode::Binary, Direction::In) => {
                if let Some(sent) = self.unanswered.take() {
                    let time = record.at.saturating_duration_since(sent);
                    line.push_str(&format!(", {time:.1?} after ours"));
                }
            }
            (Opcode::Continuation | Opcode::Ping | Opcode::Pong | Opcode::Close, _) => {}
        }
        print(at, &line);
    }

    /// So many frames came at once before the next one that the library did not keep them.
    pub(crate) fn lost(&self, frames: u64) {
        if frames > 0 {
            print(self.started.elapsed(), &format!("… {frames} frames not shown"));
        }
    }

    /// How it ended.
    pub(crate) fn end(&self, words: &str) {
        print(self.started.elapsed(), words);
    }
}

fn print(at: Duration, text: &str) {
    for (n, line) in text.lines().enumerate() {
        let time = match n {
            0 => format!("{:10.3} ms", at.as_secs_f64() * 1e3),
            _ => " ".repeat(13),
        };
        output::aside(&format!("{time}  {}", escape::line(line)));
    }
}

//! Bridges a WebSocket and a program: messages to its input, its output to messages.
//!
//! Either side is read only when what it said before has been taken by the other, so neither can pile up anything here.

use std::{io, process::ExitStatus, time::Duration};

use bytes::{Buf, Bytes, BytesMut};
use carrick::{
    Error, WebSocket,
    protocol::{CloseCode, Message},
};
use http::Request;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{ChildStdin, ChildStdout},
    time::{Interval, MissedTickBehavior, interval},
};

use super::{environment, process::Process};
use crate::{
    bind::Bind,
    duplex::{self, Happened, Outgoing, Wish},
    output,
};

/// What `--exec` says.
#[derive(Clone, Debug)]
pub(crate) struct Exec {
    pub(crate) command: String,
    /// Bytes rather than lines.
    pub(crate) binary: bool,
    /// Where the server listens.
    pub(crate) local: Bind,
    /// The longest line that becomes a message.
    pub(crate) max_line_bytes: usize,
}

/// Runs the program until it or the connection ends; the error if the connection failed.
pub(crate) async fn bridge(exec: &Exec, websocket: &mut WebSocket, request: &Request<()>) -> Option<Error> {
    let variables = environment::variables(request, &exec.local, websocket.subprotocol());
    let (process, stdin, stdout) = match Process::start(&exec.command, variables) {
        Ok(started) => started,
        Err(error) => {
            output::note(&format!("the program cannot be started: {error}"));
            return finish(websocket, CloseCode::INTERNAL_ERROR, "the program cannot be started").await;
        }
    };
    let mut bridge = Bridge::new(exec, stdin, stdout);
    match bridge.run(websocket).await {
        // Without its input and output it has no reason to stay.
        Ended::Connection(error) => {
            drop(bridge);
            let _ = process.end().await;
            error
        }
        Ended::Program => {
            drop(bridge);
            let (code, reason) = farewell(&process.end().await);
            finish(websocket, code, &reason).await
        }
        Ended::LongLine => {
            drop(bridge);
            let _ = process.end().await;
            output::note(&format!("a line of the program is longer than {} bytes", exec.max_line_bytes));
            finish(websocket, CloseCode::INTERNAL_ERROR, "a line of the program is too long").await
        }
    }
}

/// Closes, and waits for the end.
async fn finish(websocket: &mut WebSocket, code: CloseCode, reason: &str) -> Option<Error> {
    websocket.start_close(code, reason).err().or({
        let mut error = None;
        while let Some(received) = websocket.recv_piece().await {
            error = received.err().or(error);
        }
        error
    })
}

fn farewell(ended: &io::Result<ExitStatus>) -> (CloseCode, String) {
    match ended {
        Ok(status) if status.success() => (CloseCode::NORMAL, String::new()),
        Ok(status) => (CloseCode::INTERNAL_ERROR, format!("the program ended with {status}")),
        Err(_) => (CloseCode::INTERNAL_ERROR, "the program was lost".to_owned()),
    }
}

struct Bridge<'a> {
    exec: &'a Exec,
    /// `None` once the program does not take any more.
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    /// What the program has not taken yet.
    to_program: Bytes,
    /// What it said and is no whole line yet.
    from_program: BytesMut,
    /// How much of that is known to have no line end.
    searched: usize,
    /// Whether its output has ended.
    is_silent: bool,
    outgoing: Option<Outgoing>,
}

enum Ended {
    Connection(Option<Error>),
    Program,
    LongLine,
}

impl Bridge<'_> {
    fn new(exec: &Exec, stdin: ChildStdin, stdout: ChildStdout) -> Bridge<'_> {
        Bridge {
            exec,
            stdin: Some(stdin),
            stdout,
            to_program: Bytes::new(),
            from_program: BytesMut::new(),
            searched: 0,
            is_silent: false,
            outgoing: None,
        }
    }

    async fn run(&mut self, websocket: &mut WebSocket) -> Ended {
        let mut pulse = pulse();
        loop {
            if self.outgoing.is_none() {
                self.outgoing = self.next_message().map(Outgoing::Message);
            }
            if self.outgoing.is_none() && self.is_silent {
                return Ended::Program;
            }
            if self.outgoing.is_none() && self.from_program.len() > self.exec.max_line_bytes {
                return Ended::LongLine;
            }
            let wish = Wish { deaf: !self.to_program.is_empty(), ..Wish::default() };
            let reads = self.outgoing.is_none();
            tokio::select! {
                happened = duplex::next(websocket, &mut self.outgoing, wish) => match happened {
                    Happened::Received(message) => self.take(message),
                    Happened::Queued(_) | Happened::Flushed | Happened::Traced(_) => {}
                    Happened::Ended(error) => return Ended::Connection(error),
                },
                written = write_some(&mut self.stdin, &self.to_program), if wish.deaf => match written {
                    Ok(n) if n > 0 => self.to_program.advance(n),
                    // It has closed its input, and may still have something to say.
                    Ok(_) | Err(_) => {
                        self.stdin = None;
                        self.to_program = Bytes::new();
                    }
                },
                read = self.stdout.read_buf(&mut self.from_program), if reads => {
                    self.is_silent = !matches!(read, Ok(n) if n > 0);
                }
                // Who does not listen does not hear that the client is gone. What is sent to it comes back as an error.
                _ = pulse.tick(), if wish.deaf && reads => {
                    self.outgoing = Some(Outgoing::Ping(Bytes::new()));
                }
            }
        }
    }

    fn take(&mut self, message: Message) {
        if self.stdin.is_none() {
            return;
        }
        let bytes = message.into_bytes();
        self.to_program = if self.exec.binary {
            bytes
        } else {
            let mut line = BytesMut::with_capacity(bytes.len() + 1);
            line.extend_from_slice(&bytes);
            line.extend_from_slice(b"\n");
            line.freeze()
        };
    }

    /// The next message in what the program said.
    fn next_message(&mut self) -> Option<Message> {
        if self.exec.binary {
            return (!self.from_program.is_empty())
                .then(|| Message::binary(self.from_program.split().freeze()));
        }
        let unsearched = self.from_program.get(self.searched..).unwrap_or_default();
        let line = match unsearched.iter().position(|&byte| byte == b'\n') {
            Some(at) => {
                let line = self.from_program.split_to(self.searched + at);
                self.from_program.advance(1);
                line
            }
            // The last line may lack its end.
            None if self.is_silent && !self.from_program.is_empty() => self.from_program.split(),
            None => {
                self.searched = self.from_program.len();
                return None;
            }
        };
        self.searched = 0;
        let line = line.strip_suffix(b"\r").unwrap_or(&line);
        Some(Message::text(String::from_utf8_lossy(line).into_owned()))
    }
}

/// An empty write, where there is nobody to take it.
async fn write_some(stdin: &mut Option<ChildStdin>, bytes: &[u8]) -> io::Result<usize> {
    match stdin {
        Some(stdin) => stdin.write(bytes).await,
        None => Ok(0),
    }
}

fn pulse() -> Interval {
    let mut pulse = interval(PULSE);
    pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pulse
}

/// How often a client is looked after while its messages wait for the program.
const PULSE: Duration = Duration::from_secs(5);

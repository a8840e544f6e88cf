//! One talk with a server, over one connection or, with `--reconnect`, over several.

use std::{io, path::Path, time::Duration};

use carrick::{
    ClientBuilder, Error, WebSocket,
    protocol::{
        CloseCode, CloseFrame, Closed, Direction, FrameRecord, Initiator, Message, Opcode, Violation,
    },
};
use tokio::time::{Instant, sleep, sleep_until};

use super::{
    backoff::Backoff,
    goal::{Goal, Progress},
    input::{Input, Lines},
    opening,
    request::{self, HELP, Request},
    send_format,
    trace::Trace,
};
use crate::{
    args::{Linger, SendFormat},
    duplex::{self, Happened, Outgoing, Wish},
    ending, escape,
    exit::Exit,
    failure::Failure,
    output,
    print::{Event, Happening, Printer},
    signals::Interruptions,
    stdout,
};

/// What is settled before the first connection.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) url: String,
    pub(crate) builder: ClientBuilder,
    pub(crate) format: SendFormat,
    /// Whether a line may be a command.
    pub(crate) commands: bool,
    /// Whether somebody sits at a terminal: mistakes are told and forgiven.
    pub(crate) interactive: bool,
    /// How long to stay when the input has ended.
    pub(crate) linger: Linger,
    pub(crate) timeout: Option<Duration>,
    pub(crate) reconnect: bool,
    pub(crate) printer: Printer,
}

#[derive(Debug)]
pub(crate) struct Session {
    settings: Settings,
    goal: Goal,
    trace: Option<Trace>,
    interruptions: Interruptions,
    /// `None` when the input has ended.
    lines: Option<Lines>,
    line_number: u64,
    /// What waits to be sent. Another connection goes on with it.
    outgoing: Option<Outgoing>,
    /// The close frame that we asked for on this connection.
    sent: Option<CloseFrame>,
    /// When the goal is given up.
    deadline: Option<Instant>,
}

/// Why we close.
#[derive(Debug)]
enum Why {
    /// The user wants to, or has said everything.
    Asked,
    Met,
    Missed,
    TimedOut,
    /// Nobody reads what is printed.
    ReaderGone,
    Failed(Failure),
}

/// How a connection ended.
#[derive(Debug)]
struct End {
    why: Option<Why>,
    closed: Option<Closed>,
    error: Option<Error>,
}

impl Session {
    pub(crate) fn new(
        settings: Settings,
        goal: Goal,
        trace: Option<Trace>,
        lines: Lines,
        interruptions: Interruptions,
    ) -> Session {
        Session {
            settings,
            goal,
            trace,
            interruptions,
            lines: Some(lines),
            line_number: 0,
            outgoing: None,
            sent: None,
            deadline: None,
        }
    }

    /// Talks, and waits until everything is printed.
    pub(crate) async fn run(&mut self) -> Result<Exit, Failure> {
        let result = self.connect().await;
        let patience = self.deadline.map(|deadline| deadline.max(Instant::now() + PATIENCE));
        tokio::select! {
            biased;
            drained = stdout::drained() => match drained {
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe && result.is_ok() => Err(unwritable(error)),
                Ok(()) | Err(_) => result,
            },
            () = self.interruptions.first() => Ok(Exit::Cut),
            () = until(patience) => result.and_then(|_| {
                Err(Failure::new("standard output was not read in time").with_exit(Exit::Unmet))
            }),
        }
    }

    async fn connect(&mut self) -> Result<Exit, Failure> {
        let mut backoff = Backoff::new();
        loop {
            let interruptions = self.interruptions.clone();
            let opened = tokio::select! {
                opened = self.settings.builder.connect() => opened,
                () = interruptions.first() => return Ok(Exit::Cut),
                () = until(self.deadline) => return Err(self.unmet("in time")),
            };
            let lost = match opened {
                Ok(mut websocket) => {
                    backoff.reset();
                    let end = self.talk(&mut websocket).await;
                    match self.verdict(end) {
                        Verdict::Over(result) => return result,
                        Verdict::Lost(failure) => failure,
                    }
                }
                Err(error) => {
                    let passes = self.settings.reconnect && opening::may_pass(&error);
                    let failure = opening::failure(&self.settings.url, error);
                    if !passes {
                        self.print(Event::Failed(&failure));
                        return Err(failure);
                    }
                    failure
                }
            };
            self.print(Event::Failed(&lost));
            if self.pause(&lost, backoff.delay(rand::random())).await? == Some(Exit::Cut) {
                return Ok(Exit::Cut);
            }
        }
    }

    /// Waits before the next attempt.
    async fn pause(&self, lost: &Failure, delay: Duration) -> Result<Option<Exit>, Failure> {
        let cause = lost.causes().last().map(|cause| format!(": {cause}")).unwrap_or_default();
        output::note(&escape::line(&format!(
            "{lost}{cause}; connecting again in {:.1} s",
            delay.as_secs_f64()
        )));
        tokio::select! {
            () = sleep(delay) => Ok(None),
            () = self.interruptions.first() => Ok(Some(Exit::Cut)),
            () = until(self.deadline) => Err(self.unmet("in time")),
        }
    }

    /// Sends what comes in and prints what is received until the connection is closed.
    async fn talk(&mut self, websocket: &mut WebSocket) -> End {
        self.opened(websocket);
        self.sent = None;
        let mut why = None;
        let mut cut = None;
        let mut is_flushed = false;
        let mut quiet_since = Instant::now();
        loop {
            let ended = self.lines.is_none() && self.outgoing.is_none() && why.is_none();
            // What cannot be printed yet holds up what comes; what is to be sent leaves nevertheless.
            let deaf = !stdout::has_room();
            let wish = Wish { flush: (ended || deaf) && !is_flushed, deaf };
            let linger = match self.settings.linger {
                Linger::Quiet(time) if ended && is_flushed && !deaf && !self.goal.exists() => {
                    quiet_since.checked_add(time)
                }
                Linger::Quiet(_) | Linger::Forever => None,
            };
            let takes_lines = self.outgoing.is_none() && why.is_none();
            let (deadline, waits) = (self.deadline, why.is_none());
            let closes = tokio::select! {
                happened = duplex::next(websocket, &mut self.outgoing, wish) => match happened {
                    Happened::Queued(outgoing) => {
                        is_flushed = false;
                        self.queued(&outgoing)
                    }
                    Happened::Flushed => {
                        is_flushed = true;
                        quiet_since = Instant::now();
                        None
                    }
                    Happened::Received(message) => {
                        quiet_since = Instant::now();
                        // The frame is shown before what was in it.
                        self.trace_all(websocket);
                        if matches!(why, None | Some(Why::Asked)) { self.received(&message) } else { None }
                    }
                    Happened::Traced(record) => self.traced(websocket, &record),
                    Happened::Ended(error) => {
                        self.trace_all(websocket);
                        return End { why, closed: websocket.closed().cloned(), error };
                    }
                },
                input = next_line(&mut self.lines), if takes_lines => self.obey(input, websocket).await,
                () = until(linger), if waits => Some(Why::Asked),
                () = until(deadline), if waits => Some(Why::TimedOut),
                // Also when it is not the peer but the reader of what is printed who holds it up.
                () = until(cut), if !waits => {
                    self.trace_all(websocket);
                    let closed = Closed { by: Initiator::Application, frame: None, violation: None };
                    return End { why, closed: Some(closed), error: None };
                }
                () = self.interruptions.first() => Some(Why::Asked),
                () = stdout::room(), if deaf => {
                    quiet_since = Instant::now();
                    None
                }
                error = stdout::failed(), if waits => Some(unread(error)),
            };
            if let Some(closing) = closes {
                self.outgoing = None;
                // Does nothing if `/close` has sent its own frame.
                let _ = websocket.start_close(CloseCode::NORMAL, "");
                self.sent = self.sent.take().or(CloseFrame::new(CloseCode::NORMAL, "").ok());
                cut = self.cut_at(&closing).or(cut);
                why = Some(closing);
            }
        }
    }

    /// When a peer that does not close is waited for no longer. For whoever just closes the library has its own time.
    fn cut_at(&self, why: &Why) -> Option<Instant> {
        let now = Instant::now();
        let most = match why {
            Why::TimedOut => PATIENCE,
            Why::Met | Why::Missed | Why::ReaderGone | Why::Failed(_) => CLOSE_PATIENCE,
            Why::Asked => 2 * opening::CLOSE_TIMEOUT,
        };
        let cut = now.checked_add(most);
        match self.deadline {
            Some(deadline) => cut.map(|cut| cut.min(deadline.max(now) + PATIENCE)),
            None => cut,
        }
    }

    fn opened(&mut self, websocket: &mut WebSocket) {
        let now = Instant::now();
        if self.goal.exists() && self.deadline.is_none() {
            self.deadline = self.settings.timeout.and_then(|timeout| now.checked_add(timeout));
        }
        let is_ndjson = self.settings.printer.is_ndjson();
        websocket.set_tracing(is_ndjson || self.settings.interactive || self.trace.is_some());
        let url = opening::without_secrets(&self.settings.url);
        if self.settings.interactive {
            let mut words = format!("connected to {url}");
            if let Some(name) = websocket.subprotocol() {
                words.push_str(&format!(", subprotocol {name}"));
            }
            output::note(&escape::line(&format!("{words}; /help lists the commands, Ctrl-D closes")));
        }
        self.print(Event::Open { url: &url, websocket });
    }

    /// Does what a line asks for; a reason if that is to close.
    async fn obey(&mut self, input: Option<Input>, websocket: &mut WebSocket) -> Option<Why> {
        let line = match input {
            None => {
                self.lines = None;
                return None;
            }
            Some(Input::Failed(error)) => {
                return Some(Why::Failed(Failure::new("standard input cannot be read").because(error)));
            }
            Some(Input::Line(line)) => line,
        };
        self.line_number += 1;
        match request::parse(line, self.settings.format, self.settings.commands) {
            Ok(Request::Send(message)) => self.outgoing = Some(Outgoing::Message(message)),
            Ok(Request::Ping(payload)) => self.outgoing = Some(Outgoing::Ping(payload)),
            Ok(Request::SendFile(path)) => match read_file(&path).await {
                Ok(content) => {
                    let message = send_format::file(content, self.settings.format);
                    self.outgoing = Some(Outgoing::Message(message));
                }
                Err(error) => return self.mistake(&format!("{} cannot be read: {error}", path.display())),
            },
            Ok(Request::Close { code, reason }) => {
                return match websocket.start_close(code, &reason) {
                    Ok(()) => {
                        self.sent = CloseFrame::new(code, &reason).ok();
                        Some(Why::Asked)
                    }
                    Err(error) => self.mistake(&error.to_string()),
                };
            }
            Ok(Request::Help) => {
                output::note(HELP);
                output::note("Ctrl-D and Ctrl-C close too; a second Ctrl-C cuts the connection.");
            }
            Err(error) => return self.mistake(&error),
        }
        None
    }

    /// Somebody at a terminal can write it again; a script cannot.
    fn mistake(&self, error: &str) -> Option<Why> {
        if self.settings.interactive {
            output::note(&escape::line(error));
            return None;
        }
        let what = format!("line {} of the input cannot be sent: {error}", self.line_number);
        Some(Why::Failed(Failure::new(what).with_exit(Exit::Usage)))
    }

    fn queued(&self, outgoing: &Outgoing) -> Option<Why> {
        match outgoing {
            Outgoing::Message(message) => self.print(Event::Message { direction: Direction::Out, message }),
            // The frame is told when it is traced.
            Outgoing::Ping(_) | Outgoing::Prepared(_) => None,
        }
    }

    fn received(&mut self, message: &Message) -> Option<Why> {
        if let Some(why) = self.print(Event::Message { direction: Direction::In, message }) {
            return Some(why);
        }
        match self.goal.handle(message) {
            Progress::Going => None,
            Progress::Met => Some(Why::Met),
            Progress::Missed => Some(Why::Missed),
        }
    }

    fn trace_all(&mut self, websocket: &mut WebSocket) {
        while let Some(record) = websocket.next_record() {
            self.traced(websocket, &record);
        }
    }

    fn traced(&mut self, websocket: &mut WebSocket, record: &FrameRecord) -> Option<Why> {
        let is_pong = record.opcode == Opcode::Pong && record.direction == Direction::In;
        let round_trip = if is_pong { websocket.round_trip() } else { None };
        let lost = websocket.take_lost_records();
        if let Some(trace) = &mut self.trace {
            trace.lost(lost);
            trace.frame(record, round_trip);
        } else if let (true, true, Some(time)) = (is_pong, self.settings.interactive, round_trip) {
            output::aside(&format!("pong after {time:.1?}"));
        }
        if matches!(record.opcode, Opcode::Ping | Opcode::Pong) {
            return self.print(Event::Control { record, round_trip });
        }
        None
    }

    /// Prints an event; a reason if nobody reads it.
    fn print(&self, event: Event<'_>) -> Option<Why> {
        match self.settings.printer.print(&Happening { client: None, event }) {
            Ok(()) => None,
            Err(error) => Some(unread(error)),
        }
    }

    /// Tells how the connection ended, and decides what that means.
    fn verdict(&self, end: End) -> Verdict {
        let End { why, closed, error } = end;
        if let Some(closed) = &closed {
            self.print(Event::Closed { closed, sent: self.sent.as_ref() });
            let words = escape::line(&ending::words(closed, self.sent.as_ref())).into_owned();
            if is_unanswered(closed) {
                output::note("the server did not answer the close frame");
            }
            match &self.trace {
                Some(trace) => trace.end(&words),
                None if self.settings.interactive => output::note(&words),
                None => {}
            }
        }
        let is_sound = error.is_none() && closed.as_ref().is_some_and(is_sound);
        Verdict::Over(match why {
            Some(Why::Failed(failure)) => Err(failure),
            Some(Why::Met | Why::ReaderGone) => Ok(Exit::Fine),
            Some(Why::Missed) => Err(self.unmet("among them")),
            Some(Why::TimedOut) => Err(self.unmet("in time")),
            Some(Why::Asked) if self.goal.exists() => Err(self.unmet("before the connection was closed")),
            // Many servers just end the stream when they are told to close.
            Some(Why::Asked) => Ok(Exit::Fine),
            None => {
                let is_final = closed.as_ref().is_some_and(|closed| closed.code() == CloseCode::NORMAL);
                if self.settings.reconnect && !is_final {
                    return Verdict::Lost(lost(closed.as_ref(), error));
                }
                match (is_sound, self.goal.exists()) {
                    (false, _) => Err(lost(closed.as_ref(), error)),
                    (true, true) => Err(self.unmet("before the connection was closed")),
                    (true, false) => Ok(Exit::Fine),
                }
            }
        })
    }

    fn unmet(&self, when: &str) -> Failure {
        Failure::new(format!("{} {when}", self.goal.missing())).with_exit(Exit::Unmet)
    }
}

#[derive(Debug)]
enum Verdict {
    Over(Result<Exit, Failure>),
    /// Another attempt is wanted.
    Lost(Failure),
}

/// Whether a server that closed like this has nothing to complain about.
fn is_sound(closed: &Closed) -> bool {
    let code = closed.code();
    closed.is_clean() && [CloseCode::NORMAL, CloseCode::GOING_AWAY, CloseCode::NO_STATUS].contains(&code)
}

/// Whether we closed, and the server let the time for its close frame pass.
fn is_unanswered(closed: &Closed) -> bool {
    closed.by == Initiator::Application
        && closed.frame.is_none()
        && matches!(closed.violation, None | Some(Violation::CloseTimeout { .. }))
}

fn lost(closed: Option<&Closed>, error: Option<Error>) -> Failure {
    let failure = match closed {
        Some(closed) if closed.is_clean() => Failure::new(format!("the connection was {closed}")),
        _ => Failure::new("the connection was lost"),
    }
    .with_exit(Exit::Abnormal);
    match error {
        Some(error) => failure.because(error),
        None => failure,
    }
}

/// Why to close when nothing can be printed any more.
fn unread(error: io::Error) -> Why {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Why::ReaderGone,
        _ => Why::Failed(unwritable(error)),
    }
}

fn unwritable(error: io::Error) -> Failure {
    Failure::new("standard output cannot be written").because(error)
}

async fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    tokio::fs::read(path).await
}

async fn next_line(lines: &mut Option<Lines>) -> Option<Input> {
    match lines {
        Some(lines) => lines.recv().await,
        None => std::future::pending().await,
    }
}

/// Never, if there is no time.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// How long what was given up, or nobody reads, may take to end.
const PATIENCE: Duration = Duration::from_millis(500);

/// How long a server may take to close when there is nothing more to wait for.
const CLOSE_PATIENCE: Duration = Duration::from_secs(1);

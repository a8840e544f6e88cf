//! What other threads want of a connection, until its loop does it.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    task::Waker,
    thread::{self, ThreadId},
    time::Duration,
};

use bytes::Bytes;

use super::runtime::runs_loop;
use crate::{
    error::Error,
    protocol::{CloseFrame, Message, Prepared, SendError},
    system,
    websocket::Stop,
};

/// The queue between any thread and the loop of one connection, bounded by bytes. It is closed while no connection is
/// open, and takes nothing but a close while one is closing.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    state: Mutex<State>,
    /// Told when there is room, or the mailbox is closed.
    room: Condvar,
    /// Ends the loop itself.
    stop: Arc<Stop>,
}

#[derive(Debug, Default)]
struct State {
    /// The number of the connection, while one is open.
    open: Option<u64>,
    /// Whether nothing can be sent any more, because the connection is closing.
    refusing: bool,
    queue: VecDeque<Command>,
    /// What the commands in `queue` count.
    bytes: usize,
    /// From how many on nothing more is taken.
    limit: usize,
    waker: Option<Waker>,
    /// The thread of the loop, which would wait for itself.
    loop_thread: Option<ThreadId>,
}

/// What waits in a mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mail {
    None,
    Some,
    /// Mail behind which the connection is to be closed: nothing more will come.
    Last,
}

/// Something that the loop is asked to do.
#[derive(Debug)]
pub(crate) enum Command {
    Send(Message),
    SendPrepared(Prepared),
    Ping(Bytes),
    Close(CloseFrame),
}

impl Mailbox {
    pub(crate) fn new(stop: Arc<Stop>) -> Mailbox {
        Mailbox { state: Mutex::default(), room: Condvar::new(), stop }
    }

    /// What ends the loop.
    pub(crate) fn stop(&self) -> &Arc<Stop> {
        &self.stop
    }

    /// A connection is open, and this thread runs its loop. `limit` is how many bytes may wait.
    pub(crate) fn open(&self, id: u64, limit: usize) {
        self.open_on(id, limit, Some(thread::current().id()));
    }

    /// A connection is open, and that thread runs its loop.
    pub(super) fn open_on(&self, id: u64, limit: usize, loop_thread: Option<ThreadId>) {
        *self.state() = State { open: Some(id), limit, loop_thread, ..State::default() };
    }

    /// Whether something waits.
    pub(super) fn has_mail(&self) -> bool {
        !self.state().queue.is_empty()
    }

    /// Nothing more is taken, and what waits is thrown away. Whether a close waited.
    pub(crate) fn close(&self) -> bool {
        let closed = std::mem::take(&mut *self.state());
        self.room.notify_all();
        matches!(closed.queue.back(), Some(Command::Close(_)))
    }

    /// The connection is closing: nothing but a close is taken from now on, and what waits is thrown away. Whether a
    /// close waited.
    pub(super) fn refuse(&self) -> bool {
        let mut state = self.state();
        let queue = std::mem::take(&mut state.queue);
        state.bytes = 0;
        state.refusing = true;
        drop(state);
        self.room.notify_all();
        matches!(queue.back(), Some(Command::Close(_)))
    }

    /// Whether a connection is open and messages for it are taken.
    pub(super) fn is_open(&self) -> bool {
        let state = self.state();
        state.open.is_some() && !self.is_ending(&state)
    }

    /// The number of the connection that is open, if one is.
    pub(super) fn id(&self) -> Option<u64> {
        self.state().open
    }

    /// Queues a command.
    pub(crate) fn put(&self, command: Command) -> Result<(), SendError> {
        self.try_put(&mut self.state(), command).map_err(|(error, _)| error)
    }

    /// Queues a command, and waits for room if there is none.
    pub(crate) fn put_in_time(&self, mut command: Command, given: Duration) -> Result<(), Error> {
        let began = system::now();
        let mut state = self.state();
        loop {
            let error;
            (error, command) = match self.try_put(&mut state, command) {
                Ok(()) => return Ok(()),
                Err(refused) => refused,
            };
            // Another loop of the same server must not wait for this one either, which may wait for it.
            let is_loop = state.loop_thread == Some(thread::current().id()) || runs_loop();
            if is_loop || !matches!(error, SendError::QueueFull { .. }) {
                return Err(error.into());
            }
            let waited = system::now().saturating_duration_since(began);
            let Some(left) = given.checked_sub(waited).filter(|left| !left.is_zero()) else {
                return Err(Error::Timeout { what: "room in the queue of the connection", waited: given });
            };
            state = self.room.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// What waits. `waker` is woken by the next command.
    pub(super) fn watch(&self, waker: &Waker) -> Mail {
        let mut state = self.state();
        if !state.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            state.waker = Some(waker.clone());
        }
        match state.queue.back() {
            None => Mail::None,
            Some(_) if self.is_ending(&state) => Mail::Last,
            Some(_) => Mail::Some,
        }
    }

    /// The next command, in the order in which they were queued. Without `messages` they stay, and what is none passes
    /// them.
    pub(super) fn take(&self, messages: bool) -> Option<Command> {
        let mut state = self.state();
        let position = state.queue.iter().position(|command| messages || !command.is_message())?;
        let command = state.queue.remove(position)?;
        state.bytes -= command.cost();
        state.refusing |= matches!(command, Command::Close(_));
        drop(state);
        self.room.notify_all();
        Some(command)
    }

    fn try_put(&self, state: &mut State, command: Command) -> Result<(), (SendError, Command)> {
        let is_close = matches!(command, Command::Close(_));
        let closes = matches!(state.queue.back(), Some(Command::Close(_)));
        if state.open.is_none() || closes || (!is_close && self.is_ending(state)) {
            return Err((SendError::Closed, command));
        }
        // The end has to come through, however much waits before it.
        if state.bytes >= state.limit && !is_close {
            return Err((SendError::QueueFull { queued: state.bytes, limit: state.limit }, command));
        }
        state.bytes += command.cost();
        state.queue.push_back(command);
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
        Ok(())
    }

    /// Whether nothing more will be sent than what waits.
    fn is_ending(&self, state: &State) -> bool {
        state.refusing || self.stop.is_asked() || matches!(state.queue.back(), Some(Command::Close(_)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Command {
    fn is_message(&self) -> bool {
        match self {
            Command::Send(_) | Command::SendPrepared(_) => true,
            Command::Ping(_) | Command::Close(_) => false,
        }
    }

    /// What it counts in a mailbox, in bytes. An empty message takes room too.
    fn cost(&self) -> usize {
        let payload = match self {
            Command::Send(message) => message.len(),
            Command::SendPrepared(prepared) => prepared.message().len(),
            Command::Ping(payload) => payload.len(),
            Command::Close(_) => 0,
        };
        payload.saturating_add(size_of::<Command>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(length: usize) -> Command {
        Command::Send(Message::text("x".repeat(length)))
    }

    fn open(limit: usize) -> Mailbox {
        let mailbox = Mailbox::new(Arc::default());
        mailbox.open(1, limit);
        mailbox
    }

    #[test]
    fn it_is_full_once_the_limit_waits_and_a_close_still_gets_in() {
        let mailbox = open(100 + size_of::<Command>());
        mailbox.put(text(99)).unwrap();
        mailbox.put(text(1000)).unwrap();
        let error = mailbox.put(text(0)).unwrap_err();
        assert!(matches!(error, SendError::QueueFull { .. }), "{error}");
        mailbox.put(Command::Close(CloseFrame::empty())).unwrap();
        assert_eq!(mailbox.put(text(0)), Err(SendError::Closed));
        for _ in 0..3 {
            mailbox.take(true).unwrap();
        }
        assert!(mailbox.take(true).is_none());
        assert_eq!(mailbox.state().bytes, 0);
    }

    #[test]
    fn it_takes_nothing_while_no_connection_is_open() {
        let mailbox = Mailbox::new(Arc::default());
        assert_eq!(mailbox.put(text(0)), Err(SendError::Closed));
        mailbox.open(1, 1);
        mailbox.put(text(0)).unwrap();
        assert!(!mailbox.close());
        assert_eq!(mailbox.put(text(0)), Err(SendError::Closed));
        mailbox.open(2, 1);
        assert!(mailbox.take(true).is_none());
        mailbox.put(Command::Close(CloseFrame::empty())).unwrap();
        assert!(mailbox.close());
    }

    #[test]
    fn one_that_refuses_has_nothing_and_takes_only_a_close() {
        let mailbox = open(1000);
        mailbox.put(text(0)).unwrap();
        assert!(mailbox.is_open() && !mailbox.refuse() && !mailbox.is_open());
        assert_eq!((mailbox.watch(Waker::noop()), mailbox.state().bytes), (Mail::None, 0));
        assert_eq!(mailbox.put(text(0)), Err(SendError::Closed));
        assert_eq!(mailbox.id(), Some(1));
        mailbox.put(Command::Close(CloseFrame::empty())).unwrap();
        assert_eq!(mailbox.watch(Waker::noop()), Mail::Last);
        assert!(mailbox.close());
    }

    #[test]
    fn what_is_no_message_passes_messages_that_stay() {
        let mailbox = open(1000);
        mailbox.put(text(0)).unwrap();
        mailbox.put(Command::Ping(Bytes::new())).unwrap();
        mailbox.put(text(1)).unwrap();
        assert!(matches!(mailbox.take(false), Some(Command::Ping(_))));
        assert!(mailbox.take(false).is_none());
        for length in 0..2 {
            assert!(matches!(mailbox.take(true), Some(Command::Send(message)) if message.len() == length));
        }
        assert_eq!((mailbox.watch(Waker::noop()), mailbox.state().bytes), (Mail::None, 0));
    }

    #[test]
    fn the_thread_of_the_loop_does_not_wait_for_itself_and_another_one_does() {
        let mailbox = open(1);
        mailbox.put(text(1)).unwrap();
        let refused = mailbox.put_in_time(text(1), Duration::MAX).unwrap_err();
        assert!(matches!(refused, Error::Send(SendError::QueueFull { .. })), "{refused}");
        thread::scope(|scope| {
            let late = scope.spawn(|| mailbox.put_in_time(text(1), Duration::from_millis(1)).unwrap_err());
            assert!(matches!(late.join().unwrap(), Error::Timeout { .. }));
            let waiting = scope.spawn(|| mailbox.put_in_time(text(1), Duration::from_secs(60)));
            mailbox.take(true).unwrap();
            waiting.join().unwrap().unwrap();
        });
    }
}

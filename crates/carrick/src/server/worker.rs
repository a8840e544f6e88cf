//! One thread of a callback server: its event loop.

use std::{
    collections::VecDeque,
    io, mem,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use mio::{Events, Poll, Token};
use rand::rngs::StdRng;
use slab::Slab;

use super::{bound::BoundFile, entrance::Entrant, guest::House, slot::Slot};
use crate::{
    callback::{Backlog, Desk},
    error::Error,
    protocol::Bundle,
    reactor::{Inbox, Lent, Listener, Listening, Publication, Task, Timer, Topics, Wheel},
    system,
    transport::Remedy,
};

/// The loop of one thread, and the connections that it has.
pub(super) struct Worker<S> {
    pub(super) house: Arc<House<S>>,
    pub(super) poll: Poll,
    inbox: Arc<Inbox>,
    /// The path of a Unix socket, on one of the threads. It is dropped before the listener.
    file: BoundFile,
    listener: Option<Listener>,
    pub(super) slots: Slab<Slot<S>>,
    pub(super) wheel: Wheel,
    timer: Timer,
    /// `None` while a connection has it.
    pub(super) desk: Option<Box<Desk>>,
    /// What was received is read here and handled here. It is zeroed once.
    pub(super) buffer: Box<[u8]>,
    /// What was received over TLS, before it is decrypted; empty without TLS.
    pub(super) ciphertext: Box<[u8]>,
    /// Sockets that may have more to read, of which the others had to have their turn.
    pub(super) unread: Vec<usize>,
    /// Connections that have to be attended to before the turn ends.
    pub(super) unattended: Vec<usize>,
    /// Those that a publication is for.
    addressees: Vec<usize>,
    tasks: VecDeque<Task>,
    /// Publications for the same topic, one behind the other.
    run: Vec<Publication>,
    /// The same as they are written.
    bundle: Bundle,
    /// Whether clients may wait to be accepted, and from when on they are asked for again.
    accepts_again: Option<Instant>,
    /// Whether clients have to wait until a connection ends, of whatever thread.
    waits_for_place: bool,
    /// While the server stops: when what is left is cut, if ever.
    draining: Option<Option<Instant>>,
    pub(super) now: Instant,
}

/// What a worker is made of before its thread runs.
pub(super) struct Post {
    poll: Poll,
    inbox: Arc<Inbox>,
}

impl Post {
    pub(super) fn new() -> io::Result<Post> {
        let poll = Poll::new()?;
        let inbox = Arc::new(Inbox::new(&poll, WAKER)?);
        Ok(Post { poll, inbox })
    }

    pub(super) fn inbox(&self) -> &Arc<Inbox> {
        &self.inbox
    }
}

/// What a worker goes by, apart from what all share.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) thread: u16,
    pub(super) max_topics: usize,
    pub(super) backlog: Backlog,
    pub(super) secure: bool,
}

impl<S> Worker<S> {
    pub(super) fn new(
        house: Arc<House<S>>,
        post: Post,
        listening: Listening,
        terms: Terms,
    ) -> io::Result<Worker<S>> {
        let now = system::now();
        let Post { poll, inbox } = post;
        let mut listener = listening.into_listener();
        listener.register(poll.registry(), LISTENER)?;
        let timer = Timer::new(poll.registry(), TIMER)?;
        let mut lent = Lent::new(now, rand::make_rng::<StdRng>());
        lent.tells_end = house.handlers.tell_end();
        let desk = Desk {
            lent,
            topics: Topics::default(),
            hub: Arc::clone(&house.hub),
            thread: terms.thread,
            max_topics: terms.max_topics,
            backlog: terms.backlog,
            key: 0,
            at_end: false,
            assembled: None,
        };
        let ciphertext = if terms.secure { CIPHERTEXT_BYTES } else { 0 };
        Ok(Worker {
            house,
            poll,
            inbox,
            file: BoundFile::default(),
            listener: Some(listener),
            slots: Slab::with_capacity(SLOTS),
            wheel: Wheel::new(now),
            timer,
            desk: Some(Box::new(desk)),
            buffer: vec![0; RECEIVE_BYTES].into_boxed_slice(),
            ciphertext: vec![0; ciphertext].into_boxed_slice(),
            unread: Vec::new(),
            unattended: Vec::new(),
            addressees: Vec::new(),
            tasks: VecDeque::new(),
            run: Vec::new(),
            bundle: Bundle::default(),
            // Whoever came before the loop ran.
            accepts_again: Some(now),
            waits_for_place: false,
            draining: None,
            now,
        })
    }

    /// Removes this path when the server stops.
    pub(super) fn keep(&mut self, file: BoundFile) {
        self.file = file;
    }

    /// Serves on this thread until the server stops and every connection of this thread has ended.
    pub(super) fn run(mut self) -> Result<(), Error> {
        let _stop = StopIfPanicking(Arc::clone(&self.house));
        self.inbox.settle();
        let mut events = Events::with_capacity(EVENTS);
        loop {
            self.wait(&mut events)?;
            self.inbox.look_around();
            let unread = mem::take(&mut self.unread);
            for event in &events {
                match event.token() {
                    LISTENER => self.accepts_again = Some(self.now),
                    WAKER if mem::take(&mut self.waits_for_place) => self.accepts_again = Some(self.now),
                    WAKER | TIMER => {}
                    Token(key) => self.handle_event(key, event),
                }
            }
            self.read_on(unread);
            self.accept()?;
            // Looked at before the tasks: what was put before the stop is done.
            let stops = self.house.hub.stop().is_asked();
            self.do_tasks();
            if stops && self.draining.is_none() {
                self.stop();
            }
            for key in mem::take(&mut self.unattended) {
                self.attend(key);
            }
            while let Some(key) = self.wheel.pop(self.now) {
                self.handle_timeout(key as usize);
            }
            if self.is_over() {
                return Ok(());
            }
        }
    }

    /// Reads on where an earlier turn left off, apart from those that this turn has read already.
    fn read_on(&mut self, unread: Vec<usize>) {
        self.unread.sort_unstable();
        let read = self.unread.len();
        for key in unread {
            if self.unread[..read].binary_search(&key).is_err() {
                self.read(key, true);
            }
        }
    }

    /// Waits for something to do, and looks at the clock.
    fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        let mut timeout = self.timeout();
        let spins_until = self.now.checked_add(self.house.spin).filter(|_| !self.house.spin.is_zero());
        loop {
            let spins = spins_until.is_some_and(|until| self.now < until);
            match self.poll.poll(events, if spins { Some(Duration::ZERO) } else { timeout }) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                polled => polled?,
            }
            self.now = system::now();
            if !spins || !events.is_empty() {
                break;
            }
            timeout = self.timeout();
            if timeout.is_some_and(|timeout| timeout.is_zero()) {
                break;
            }
        }
        if let Some(desk) = &mut self.desk {
            desk.lent.now = self.now;
        }
        Ok(())
    }

    /// How long to wait at most for something to happen.
    fn timeout(&mut self) -> Option<Duration> {
        if !self.unread.is_empty() || !self.unattended.is_empty() || !self.inbox.is_empty() {
            return Some(Duration::ZERO);
        }
        let accepts = self.accepts_again.filter(|_| self.listener.is_some());
        let deadlines = [self.wheel.next(), accepts, self.draining.flatten()];
        self.timer.timeout(deadlines.into_iter().flatten().min(), self.now)
    }

    /// Takes up whoever waits.
    fn accept(&mut self) -> Result<(), Error> {
        if self.accepts_again.is_none_or(|again| again > self.now) {
            return Ok(());
        }
        self.accepts_again = None;
        for _ in 0..ACCEPTS_AT_ONCE {
            let Some(listener) = &self.listener else { return Ok(()) };
            if !self.house.places.take() {
                // Whoever gives a place back wakes all threads.
                self.waits_for_place = true;
                return Ok(());
            }
            match listener.accept() {
                Ok((socket, address)) => self.enter(Entrant::new(socket, address)),
                Err(error) => {
                    self.give_place_back();
                    if error.kind() == io::ErrorKind::WouldBlock {
                        return Ok(());
                    }
                    match Remedy::of(&error) {
                        Remedy::Next => {}
                        Remedy::Pause => {
                            self.accepts_again = self.now.checked_add(Remedy::PAUSE);
                            return Ok(());
                        }
                        Remedy::GiveUp => return Err(error.into()),
                    }
                }
            }
        }
        self.accepts_again = Some(self.now);
        Ok(())
    }

    /// Does what other threads asked for.
    fn do_tasks(&mut self) {
        let mut tasks = mem::take(&mut self.tasks);
        self.inbox.take(&mut tasks);
        let at_once = have_one_topic(&tasks);
        let mut run = mem::take(&mut self.run);
        let mut run_bytes = 0;
        for task in tasks.drain(..) {
            match task {
                Task::Mail { key, id } => {
                    self.publish(&mut run, at_once);
                    self.open_mail(key as usize, id);
                }
                Task::Publish(publication) => {
                    let length = publication.message.message().len();
                    if run.first().is_some_and(|first| !first.has_topic_of(&publication))
                        || run_bytes + length > RUN_BYTES
                    {
                        self.publish(&mut run, at_once);
                    }
                    run_bytes = if run.is_empty() { length } else { run_bytes + length };
                    run.push(publication);
                }
            }
        }
        self.publish(&mut run, at_once);
        self.run = run;
        self.tasks = tasks;
    }

    /// Gives publications for the same topic to those that have it. `at_once` writes them from where they stand: nothing else
    /// is published in this turn that should leave in the same write.
    fn publish(&mut self, run: &mut Vec<Publication>, at_once: bool) {
        let Some(first) = run.first() else { return };
        let Some(mut desk) = self.desk.take() else { return };
        let mut addressees = mem::take(&mut self.addressees);
        match &first.topic {
            Some(topic) => addressees.extend(desk.topics.subscribers(topic).iter().map(|key| *key as usize)),
            None => addressees.extend(self.slots.iter().map(|(key, _)| key)),
        }
        if at_once {
            self.bundle.fill(run.iter().map(|publication| &publication.message));
        }
        for key in addressees.drain(..) {
            let Some(Slot::Open(conn)) = self.slots.get_mut(key) else { continue };
            let id = conn.id();
            desk.key = key as u32;
            conn.lend(desk);
            let together = at_once && run.iter().all(|publication| publication.is_for(id));
            let dealt_with = if together { conn.deliver_bundle(&mut self.bundle) } else { 0 };
            for publication in run[dealt_with..].iter().filter(|publication| publication.is_for(id)) {
                conn.deliver(&publication.message);
            }
            if (dealt_with < run.len() || conn.has_unsent()) && conn.list_unattended() {
                self.unattended.push(key);
            }
            desk = conn.take_back().expect("it was lent just now");
        }
        run.clear();
        self.bundle.clear();
        self.addressees = addressees;
        self.desk = Some(desk);
    }

    /// Accepts no more, and asks every connection to end.
    fn stop(&mut self) {
        self.file = BoundFile::default();
        self.listener = None;
        self.draining = Some(self.now.checked_add(self.house.drain_timeout));
        let keys: Vec<_> = self.slots.iter().map(|(key, _)| key).collect();
        for key in keys {
            self.ask_to_leave(key);
        }
    }

    /// Whether nobody is left, or the time for them is over.
    fn is_over(&mut self) -> bool {
        let Some(deadline) = self.draining else { return false };
        if deadline.is_some_and(|deadline| deadline <= self.now) {
            let keys: Vec<_> = self.slots.iter().map(|(key, _)| key).collect();
            for key in keys {
                self.cut(key);
            }
        }
        self.slots.is_empty()
    }
}

/// Whether all that is published among these tasks has one topic.
fn have_one_topic(tasks: &VecDeque<Task>) -> bool {
    let mut publications = tasks.iter().filter_map(|task| match task {
        Task::Publish(publication) => Some(publication),
        Task::Mail { .. } => None,
    });
    let Some(first) = publications.next() else { return true };
    publications.all(|publication| publication.has_topic_of(first))
}

/// If one thread cannot go on, the others shall not either.
struct StopIfPanicking<S>(Arc<House<S>>);

impl<S> Drop for StopIfPanicking<S> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.hub.stop().ask();
        }
    }
}

impl<S> Drop for Worker<S> {
    fn drop(&mut self) {
        self.inbox.close();
    }
}

pub(super) const LISTENER: Token = Token(usize::MAX);
pub(super) const WAKER: Token = Token(usize::MAX - 1);
const TIMER: Token = Token(usize::MAX - 2);

/// One read takes at most this much.
const RECEIVE_BYTES: usize = 256 * 1024;

/// One read of TLS: what it is decrypted to has room in the other buffer, together with what had come in part before.
const CIPHERTEXT_BYTES: usize = RECEIVE_BYTES / 2;

/// For so many connections there is room from the start. It is memory that is not touched, and from this size on a table
/// grows by pages, which leaves no holes behind.
const SLOTS: usize = 1024;

/// How many events are taken up in one turn.
const EVENTS: usize = 1024;

/// So much is put side by side to be written in one piece.
const RUN_BYTES: usize = 64 << 10;

/// How many clients are taken up before the connections have their turn.
const ACCEPTS_AT_ONCE: usize = 64;

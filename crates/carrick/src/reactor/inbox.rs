//! What other threads ask the loop of a thread to do.

use std::{
    collections::VecDeque,
    io,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, ThreadId},
};

use super::topics::Publication;

/// The queue of one loop, and what wakes it.
#[derive(Debug)]
pub(crate) struct Inbox {
    waker: mio::Waker,
    /// Set by whoever wakes the loop, so that the others need not.
    woken: AtomicBool,
    /// Whether something waits, so that a loop for which nothing does need not lock anything to see it.
    waits: AtomicBool,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    tasks: VecDeque<Task>,
    /// What the publications in `tasks` count, in bytes.
    bytes: usize,
    /// The thread of the loop, which looks into its queue before it sleeps.
    thread: Option<ThreadId>,
    /// Whether nobody looks into it any more.
    closed: bool,
}

/// Something that a loop is asked to do.
#[derive(Debug)]
pub(crate) enum Task {
    /// The mailbox of a connection has something: its place and its number.
    Mail {
        key: u32,
        id: u64,
    },
    Publish(Publication),
}

/// Why a publication is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InboxFull {
    /// Bytes that wait.
    pub(crate) queued: usize,
}

impl Inbox {
    /// The queue of a loop that polls `poll`, which reports `token` when it is woken.
    pub(crate) fn new(poll: &mio::Poll, token: mio::Token) -> io::Result<Inbox> {
        let waker = mio::Waker::new(poll.registry(), token)?;
        let (woken, waits) = (AtomicBool::new(false), AtomicBool::new(false));
        Ok(Inbox { waker, woken, waits, queue: Mutex::default() })
    }

    /// This thread runs the loop.
    pub(crate) fn settle(&self) {
        self.queue().thread = Some(thread::current().id());
    }

    /// The thread of the loop, once it runs.
    pub(crate) fn thread(&self) -> Option<ThreadId> {
        self.queue().thread
    }

    /// Nobody looks into it any more.
    pub(crate) fn close(&self) {
        *self.queue() = Queue { closed: true, ..Queue::default() };
    }

    /// A connection has mail.
    pub(crate) fn put_mail(&self, key: u32, id: u64) {
        self.put(Task::Mail { key, id }, 0);
    }

    /// Queues a publication, unless so many bytes of them wait that the loop does not keep up.
    pub(crate) fn publish(&self, publication: Publication) -> Result<(), InboxFull> {
        let queued = self.queue().bytes;
        if queued >= MAX_BYTES {
            return Err(InboxFull { queued });
        }
        let cost = publication.cost();
        self.put(Task::Publish(publication), cost);
        Ok(())
    }

    /// Makes the loop look around.
    pub(crate) fn wake(&self) {
        if !self.woken.swap(true, Ordering::AcqRel) {
            // It fails only if there is no memory for it; the loop looks around with its next event then.
            let _ = self.waker.wake();
        }
    }

    /// The loop looks around now: whoever wants something from now on wakes it again. To be called before it looks at
    /// anything that others change, or what is changed behind its look would wake nobody.
    pub(crate) fn look_around(&self) {
        // Who sets it behind this look wakes the loop, which looks again then.
        if self.woken.load(Ordering::Relaxed) {
            self.woken.swap(false, Ordering::AcqRel);
        }
    }

    /// Takes everything that waits.
    pub(crate) fn take(&self, into: &mut VecDeque<Task>) {
        if self.is_empty() {
            return;
        }
        let mut queue = self.queue();
        self.waits.store(false, Ordering::Relaxed);
        queue.bytes = 0;
        std::mem::swap(&mut queue.tasks, into);
    }

    /// Whether nothing waits, apart from what another thread is about to wake the loop for.
    pub(crate) fn is_empty(&self) -> bool {
        !self.waits.load(Ordering::Acquire)
    }

    fn put(&self, task: Task, cost: usize) {
        let mut queue = self.queue();
        if queue.closed {
            return;
        }
        queue.tasks.push_back(task);
        queue.bytes += cost;
        self.waits.store(true, Ordering::Release);
        let own = queue.thread == Some(thread::current().id());
        drop(queue);
        if !own {
            self.wake();
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How much of publications may wait for one loop, in bytes.
pub(crate) const MAX_BYTES: usize = 16 << 20;

//! The connections of a callback server, as all of its threads know them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    task::{Wake, Waker},
};

use super::mailbox::Mailbox;
use crate::{
    protocol::{DeflateConfig, Message, Prepared, SendError},
    reactor::{Inbox, MAX_INBOX_BYTES, Publication},
    websocket::Stop,
};

/// Every open connection of one server, and the loops of its threads.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    stop: Arc<Stop>,
    members: Mutex<Members>,
    /// There once the server runs.
    running: OnceLock<Running>,
}

#[derive(Debug)]
struct Running {
    /// How messages for many are compressed.
    deflate: DeflateConfig,
    /// How many bytes wait for a connection at most.
    high_water: usize,
    /// One a thread.
    inboxes: Vec<Arc<Inbox>>,
}

#[derive(Debug, Default)]
struct Members {
    /// The number of the latest connection.
    latest: u64,
    /// In the order of their numbers. Those that are gone stay until they are many.
    list: Vec<Member>,
    gone: usize,
    /// Of the connections that another thread, or another connection, has sent something.
    mailboxes: HashMap<u64, Arc<Mailbox>>,
}

#[derive(Debug)]
struct Member {
    id: u64,
    /// Its place in the loop of its thread.
    key: u32,
    thread: u16,
    presence: Presence,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    Open,
    /// So much waits for it that it takes no more.
    Slow,
    Closing,
    Gone,
}

impl Hub {
    pub(crate) fn stop(&self) -> &Arc<Stop> {
        &self.stop
    }

    /// The server runs from now on, with these loops.
    pub(crate) fn run(&self, deflate: DeflateConfig, high_water: usize, inboxes: Vec<Arc<Inbox>>) {
        // A server runs once, so nothing is set yet.
        let _ = self.running.set(Running { deflate, high_water, inboxes });
        // It is memory that is not touched, and from this size on it grows by pages, which leaves no holes behind.
        self.members().list.reserve(ROOM);
    }

    /// Makes every loop look around.
    pub(crate) fn wake_all(&self) {
        for inbox in self.inboxes() {
            inbox.wake();
        }
    }

    /// Takes up a connection, which gets its number.
    pub(crate) fn enter(&self, thread: u16, key: u32) -> u64 {
        let mut members = self.members();
        members.latest += 1;
        let id = members.latest;
        members.list.push(Member { id, key, thread, presence: Presence::Open });
        id
    }

    /// A connection has more waiting than it may, or no longer.
    pub(crate) fn set_slow(&self, id: u64, slow: bool) {
        let (from, to) =
            if slow { (Presence::Open, Presence::Slow) } else { (Presence::Slow, Presence::Open) };
        let mut members = self.members();
        if let Some(member) = members.find(id).filter(|member| member.presence == from) {
            member.presence = to;
        }
    }

    /// A connection takes nothing any more.
    pub(crate) fn refuse(&self, id: u64) {
        let mut members = self.members();
        if let Some(member) = members.find(id) {
            member.presence = Presence::Closing;
        }
        if let Some(mailbox) = members.mailboxes.get(&id) {
            mailbox.refuse();
        }
    }

    /// A connection is over.
    pub(crate) fn leave(&self, id: u64) {
        let mut members = self.members();
        if let Some(mailbox) = members.mailboxes.remove(&id) {
            mailbox.close();
        }
        let Some(member) = members.find(id) else { return };
        member.presence = Presence::Gone;
        members.gone += 1;
        if members.gone > members.list.len() / 2 {
            members.list.retain(|member| member.presence != Presence::Gone);
            members.gone = 0;
        }
    }

    /// The mailbox of a connection, if there is one already.
    pub(super) fn known_mailbox(&self, id: u64) -> Option<Arc<Mailbox>> {
        self.members().mailboxes.get(&id).cloned()
    }

    /// The mailbox of a connection that is open; it is made with the first thing that is put into it.
    pub(super) fn mailbox(&self, id: u64) -> Result<Arc<Mailbox>, SendError> {
        let mut members = self.members();
        if let Some(mailbox) = members.mailboxes.get(&id) {
            return Ok(Arc::clone(mailbox));
        }
        let running = self.running.get().ok_or(SendError::Closed)?;
        let member = members.find(id).ok_or(SendError::Closed)?;
        if member.presence == Presence::Closing {
            return Err(SendError::Closed);
        }
        let inbox = &running.inboxes[usize::from(member.thread)];
        let mailbox = Arc::new(Mailbox::new(Arc::clone(&self.stop)));
        mailbox.open_on(id, running.high_water, inbox.thread());
        mailbox.watch(&bell(inbox, member.key, id));
        members.mailboxes.insert(id, Arc::clone(&mailbox));
        Ok(mailbox)
    }

    /// What wakes the loop of a connection when it gets mail.
    pub(super) fn bell(&self, thread: u16, key: u32, id: u64) -> Waker {
        bell(&self.inboxes()[usize::from(thread)], key, id)
    }

    /// Publishes to the subscribers of a topic, apart from one.
    pub(crate) fn publish(
        &self,
        topic: &str,
        message: Message,
        publisher: Option<u64>,
    ) -> Result<(), SendError> {
        let running = self.running.get().filter(|_| !self.stop.is_asked()).ok_or(SendError::Closed)?;
        let message = Prepared::with_deflate(message, running.deflate.clone());
        let publication = Publication { topic: Some(topic.into()), message, publisher, latest: u64::MAX };
        let mut result = Ok(());
        for inbox in &running.inboxes {
            if let Err(full) = inbox.publish(publication.clone()) {
                result = Err(SendError::QueueFull { queued: full.queued, limit: MAX_INBOX_BYTES });
            }
        }
        result
    }

    /// Sends to every connection; how many take it.
    pub(crate) fn broadcast(&self, message: Message) -> usize {
        let Some(running) = self.running.get().filter(|_| !self.stop.is_asked()) else { return 0 };
        let mut counts = vec![0; running.inboxes.len()];
        let members = self.members();
        for member in members.list.iter().filter(|member| member.presence == Presence::Open) {
            counts[usize::from(member.thread)] += 1;
        }
        let latest = members.latest;
        drop(members);
        let message = Prepared::with_deflate(message, running.deflate.clone());
        let publication = Publication { topic: None, message, publisher: None, latest };
        let reached = running.inboxes.iter().zip(counts).filter(|(_, count)| *count > 0);
        reached.filter(|(inbox, _)| inbox.publish(publication.clone()).is_ok()).map(|(_, count)| count).sum()
    }

    /// The numbers of the connections that are open or closing, the oldest first.
    pub(crate) fn ids(&self) -> Vec<u64> {
        let members = self.members();
        members
            .list
            .iter()
            .filter(|member| member.presence != Presence::Gone)
            .map(|member| member.id)
            .collect()
    }

    /// Whether a connection is open or closing.
    pub(crate) fn has(&self, id: u64) -> bool {
        self.members().find(id).is_some()
    }

    /// Whether a connection is open and takes messages.
    pub(super) fn is_open(&self, id: u64) -> bool {
        let open = self.members().find(id).is_some_and(|member| member.presence != Presence::Closing);
        open && !self.stop.is_asked() && self.known_mailbox(id).is_none_or(|mailbox| mailbox.is_open())
    }

    /// How many connections are open or closing.
    pub(crate) fn count(&self) -> usize {
        let members = self.members();
        members.list.len() - members.gone
    }

    fn inboxes(&self) -> &[Arc<Inbox>] {
        self.running.get().map_or(&[], |running| &running.inboxes)
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Members {
    fn find(&mut self, id: u64) -> Option<&mut Member> {
        let index = self.list.binary_search_by_key(&id, |member| member.id).ok()?;
        self.list.get_mut(index).filter(|member| member.presence != Presence::Gone)
    }
}

/// Puts a note into the inbox of a loop that one of its connections has mail.
struct Bell {
    inbox: Arc<Inbox>,
    key: u32,
    id: u64,
}

fn bell(inbox: &Arc<Inbox>, key: u32, id: u64) -> Waker {
    Waker::from(Arc::new(Bell { inbox: Arc::clone(inbox), key, id }))
}

impl Wake for Bell {
    fn wake(self: Arc<Bell>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Bell>) {
        self.inbox.put_mail(self.key, self.id);
    }
}

/// For so many connections there is room from the start.
const ROOM: usize = 16 << 10;

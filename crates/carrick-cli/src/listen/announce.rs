//! What goes to all clients.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use carrick::protocol::{CloseCode, Message, Prepared};
use tokio::sync::watch;

use crate::duplex::Outgoing;

/// Something for every client but the one that it comes from.
#[derive(Clone, Debug)]
pub(crate) struct Announcement {
    pub(crate) from: Option<u64>,
    pub(crate) what: What,
}

#[derive(Clone, Debug)]
pub(crate) enum What {
    Send(Outgoing),
    Close { code: CloseCode, reason: String },
}

/// Speaks to all clients. What some of them have not taken yet is kept once for all, up to a number of bytes and of
/// announcements: whoever is further behind has lost them.
#[derive(Clone, Debug)]
pub(crate) struct Announcer {
    backlog: Arc<watch::Sender<Backlog>>,
}

impl Announcer {
    /// One that keeps messages of `max_message_bytes` at least twice.
    pub(crate) fn new(max_message_bytes: u64) -> Announcer {
        let two = usize::try_from(max_message_bytes).unwrap_or(usize::MAX).saturating_mul(2);
        let backlog =
            Backlog { kept: VecDeque::new(), first: 0, bytes: 0, max_bytes: two.max(BACKLOG_BYTES) };
        Announcer { backlog: Arc::new(watch::Sender::new(backlog)) }
    }

    /// Framed and compressed once for all.
    pub(crate) fn send(&self, from: Option<u64>, message: Message) {
        self.announce(from, What::Send(Outgoing::Prepared(Prepared::new(message))));
    }

    pub(crate) fn ping(&self, payload: Bytes) {
        self.announce(None, What::Send(Outgoing::Ping(payload)));
    }

    pub(crate) fn close(&self, code: CloseCode, reason: String) {
        self.announce(None, What::Close { code, reason });
    }

    /// Hears what is announced from now on.
    pub(crate) fn subscribe(&self) -> Announcements {
        let backlog = self.backlog.subscribe();
        let next = backlog.borrow().end();
        Announcements { backlog, next }
    }

    fn announce(&self, from: Option<u64>, what: What) {
        // Nobody there to hear it is fine, and nothing to keep it for.
        let is_heard = self.backlog.receiver_count() > 0;
        self.backlog.send_modify(|backlog| backlog.push(Announcement { from, what }, is_heard));
    }
}

/// What one client is still to take.
#[derive(Debug)]
pub(crate) struct Announcements {
    backlog: watch::Receiver<Backlog>,
    /// The number of the next one.
    next: u64,
}

/// The client is too far behind: something that it has not taken is kept no more.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Lagged;

impl Announcements {
    /// Waits for the next announcement. Cancel safe.
    pub(crate) async fn recv(&mut self) -> Result<Announcement, Lagged> {
        loop {
            {
                let backlog = self.backlog.borrow_and_update();
                if self.next < backlog.first {
                    return Err(Lagged);
                }
                if let Some(announcement) = backlog.get(self.next) {
                    self.next += 1;
                    return Ok(announcement.clone());
                }
            }
            if self.backlog.changed().await.is_err() {
                // The announcer is gone, and so nothing comes any more.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Waits until something that was not taken is kept no more. Cancel safe.
    pub(crate) async fn lagged(&mut self) {
        let next = self.next;
        if self.backlog.wait_for(|backlog| next < backlog.first).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// The latest announcements, and the number of the oldest of them.
#[derive(Debug)]
struct Backlog {
    kept: VecDeque<Announcement>,
    first: u64,
    bytes: usize,
    max_bytes: usize,
}

impl Backlog {
    fn end(&self) -> u64 {
        self.first.saturating_add(u64::try_from(self.kept.len()).unwrap_or(u64::MAX))
    }

    fn get(&self, number: u64) -> Option<&Announcement> {
        self.kept.get(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }

    fn push(&mut self, announcement: Announcement, is_heard: bool) {
        self.bytes += length(&announcement);
        self.kept.push_back(announcement);
        // The newest one stays, however long it is: it is no longer than a message may be.
        let least = usize::from(is_heard);
        while self.kept.len() > least
            && (!is_heard || self.bytes > self.max_bytes || self.kept.len() > BACKLOG_ANNOUNCEMENTS)
        {
            if let Some(oldest) = self.kept.pop_front() {
                self.first += 1;
                self.bytes -= length(&oldest);
            }
        }
    }
}

fn length(announcement: &Announcement) -> usize {
    match &announcement.what {
        What::Send(Outgoing::Prepared(prepared)) => prepared.message().len(),
        What::Send(Outgoing::Message(message)) => message.len(),
        What::Send(Outgoing::Ping(payload)) => payload.len(),
        What::Close { reason, .. } => reason.len(),
    }
}

/// How many announcements a client may be behind before it is told to come back.
const BACKLOG_ANNOUNCEMENTS: usize = 256;

/// How many bytes, unless two of the largest messages are more.
const BACKLOG_BYTES: usize = 8 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn length_of(announced: Result<Announcement, Lagged>) -> Result<usize, Lagged> {
        announced.map(|announcement| length(&announcement))
    }

    #[tokio::test]
    async fn who_is_more_bytes_behind_than_are_kept_has_lost_them() {
        let announcer = Announcer::new(1);
        let (mut quick, mut slow) = (announcer.subscribe(), announcer.subscribe());
        for n in 0..9 {
            announcer.send(None, Message::binary(vec![0; 1 << 20]));
            assert_eq!(length_of(quick.recv().await), Ok(1 << 20), "{n}");
        }
        slow.lagged().await;
        assert_eq!(length_of(slow.recv().await), Err(Lagged));
        assert_eq!(announcer.backlog.borrow().bytes, BACKLOG_BYTES);
    }

    #[tokio::test]
    async fn who_is_as_far_behind_as_may_be_gets_everything() {
        let announcer = Announcer::new(8 << 20);
        let mut slow = announcer.subscribe();
        for _ in 0..2 {
            announcer.send(None, Message::binary(vec![0; 8 << 20]));
        }
        for _ in 0..2 {
            assert_eq!(length_of(slow.recv().await), Ok(8 << 20));
        }
        for _ in 0..BACKLOG_ANNOUNCEMENTS {
            announcer.ping(Bytes::new());
        }
        for _ in 0..BACKLOG_ANNOUNCEMENTS {
            assert_eq!(length_of(slow.recv().await), Ok(0));
        }
        for _ in 0..=BACKLOG_ANNOUNCEMENTS {
            announcer.ping(Bytes::new());
        }
        assert_eq!(length_of(slow.recv().await), Err(Lagged));
    }

    #[tokio::test]
    async fn what_nobody_hears_is_not_kept() {
        let announcer = Announcer::new(1);
        announcer.send(None, Message::text("to nobody"));
        assert!(announcer.backlog.borrow().kept.is_empty());
        let mut late = announcer.subscribe();
        announcer.send(None, Message::text("heard"));
        assert_eq!(length_of(late.recv().await), Ok(5));
    }
}

//! What one connection has sent in a round, and which replies it waits for.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use carrick::protocol::Message;

use super::{payload::Payload, trouble::Trouble};
use crate::exit::Exit;

#[derive(Debug)]
pub(super) struct Turns {
    /// How many messages were sent.
    pub(super) sent: u64,
    /// Nothing more is sent.
    pub(super) is_over: bool,
    /// What waits for its reply, the oldest first.
    outstanding: VecDeque<Sent>,
    /// The first message, until its reply has come.
    first: Option<Message>,
    /// Since when there is room for another message.
    room_since: Instant,
}

/// A message that was sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    /// When it was due. Without a fixed rate that is when it was sent.
    pub(super) due: Instant,
    pub(super) at: Instant,
    pub(super) is_measured: bool,
}

impl Turns {
    pub(super) fn new(now: Instant) -> Turns {
        Turns { sent: 0, is_over: false, outstanding: VecDeque::new(), first: None, room_since: now }
    }

    /// The message that is sent next.
    pub(super) fn message(&mut self, payload: &Payload, connection: usize) -> Message {
        if self.sent > 0 {
            return payload.message();
        }
        let first = payload.first_message(connection);
        self.first = Some(first.clone());
        first
    }

    /// It was sent. Tells how late, unless it had to wait for replies.
    pub(super) fn sent(&mut self, sent: Sent) -> Option<Duration> {
        self.sent += 1;
        self.outstanding.push_back(sent);
        (self.room_since <= sent.due).then(|| sent.at.saturating_duration_since(sent.due))
    }

    /// A message came. Tells which one it answers; `None` if it answers none, which only passes without a check.
    pub(super) fn received(
        &mut self,
        reply: &Message,
        payload: &Payload,
        check: bool,
        now: Instant,
    ) -> Result<Option<Sent>, Trouble> {
        let Some(&answered) = self.outstanding.front() else {
            return if check { Err(unasked()) } else { Ok(None) };
        };
        let first = self.first.take();
        if check {
            let is_right = first.map_or_else(|| payload.resembles(reply), |first| first == *reply);
            if !is_right {
                return Err(other_reply());
            }
        }
        self.outstanding.pop_front();
        self.room_since = now;
        Ok(Some(answered))
    }

    pub(super) fn has_room(&self, pipeline: usize) -> bool {
        !self.is_over && self.outstanding.len() < pipeline
    }

    pub(super) fn waits(&self) -> bool {
        !self.outstanding.is_empty()
    }

    /// When the oldest message that waits was sent.
    pub(super) fn waits_since(&self) -> Option<Instant> {
        self.outstanding.front().map(|sent| sent.at)
    }

    /// How many messages that count wait for their reply.
    pub(super) fn unanswered(&self) -> u64 {
        self.outstanding.iter().filter(|sent| sent.is_measured).count() as u64
    }
}

/// A message came, and nothing was sent that it could be the reply to.
pub(super) fn unasked() -> Trouble {
    Trouble {
        what: "the server sent a message that answers none".to_owned(),
        hint: Some(NO_ECHO.to_owned()),
        exit: Exit::Unmet,
    }
}

fn other_reply() -> Trouble {
    Trouble {
        what: "a reply is not what was sent".to_owned(),
        hint: Some(NO_ECHO.to_owned()),
        exit: Exit::Unmet,
    }
}

pub(super) fn no_reply(waited: Duration) -> Trouble {
    Trouble {
        what: format!("no reply in {} s", waited.as_secs_f64()),
        hint: Some(
            "the server has to send every message back, as `carrick serve` does at /echo; --reply-timeout waits longer"
                .to_owned(),
        ),
        exit: Exit::Unmet,
    }
}

const NO_ECHO: &str = "the server has to send every message back, as `carrick serve` does at /echo; --no-check takes any \
                       message for a reply";

#[cfg(test)]
mod tests {
    use carrick::protocol::Kind;

    use super::*;

    fn sent(due: Instant, at: Instant) -> Sent {
        Sent { due, at, is_measured: true }
    }

    #[test]
    fn replies_are_told_apart_by_connection_at_first_and_then_by_kind_and_length() {
        let now = Instant::now();
        let payload = Payload::new(Kind::Binary, 20);
        let mut turns = Turns::new(now);
        let first = turns.message(&payload, 7);
        turns.sent(sent(now, now));
        assert!(turns.received(&payload.first_message(8), &payload, true, now).is_err());
        let mut turns = Turns::new(now);
        for _ in 0..2 {
            turns.message(&payload, 7);
            turns.sent(sent(now, now));
        }
        assert!(turns.received(&first, &payload, true, now).unwrap().is_some());
        assert!(turns.received(&Message::binary(vec![0; 20]), &payload, true, now).unwrap().is_some());
        assert!(turns.received(&first, &payload, true, now).is_err(), "nothing is outstanding");
        assert!(turns.received(&first, &payload, false, now).unwrap().is_none());
    }

    #[test]
    fn only_what_had_room_when_it_was_due_can_be_late() {
        let (start, millisecond) = (Instant::now(), Duration::from_millis(1));
        let payload = Payload::new(Kind::Binary, 20);
        let mut turns = Turns::new(start);
        assert_eq!(turns.sent(sent(start, start + 2 * millisecond)), Some(2 * millisecond));
        assert!(!turns.has_room(1) && turns.has_room(2));
        assert_eq!((turns.waits_since(), turns.unanswered()), (Some(start + 2 * millisecond), 1));
        turns.received(&payload.message(), &payload, false, start + 20 * millisecond).unwrap();
        assert_eq!(turns.sent(sent(start + 10 * millisecond, start + 20 * millisecond)), None);
    }
}

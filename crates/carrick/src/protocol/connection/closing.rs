//! The closing handshake as a state machine (RFC 6455 §7).

use std::time::{Duration, Instant};

use super::event::Closed;
use crate::protocol::role::Role;

/// The closing handshake of one connection: where it stands on its way to the end.
///
/// ```text
///              close() ──► CloseSent ──── close frame received ───┐
///             ╱                │ ╲                                ▼
///        Open                  │  violation, end of stream ──► Draining ── both sides ended ──► Over
///             ╲                │ ╱                                ▲   ╲──── close timeout ────╱
///              close frame received, violation, end of stream ────┘
/// ```
///
/// A connection that is open pays for one word.
#[derive(Debug, Default)]
pub(super) struct Closing {
    /// `None` while data flows both ways.
    ending: Option<Box<Ending>>,
}

#[derive(Debug)]
struct Ending {
    stage: Stage,
    /// `None` is beyond the end of the clock.
    deadline: Option<Instant>,
    /// How the connection was closed; `None` while the close frame of the peer is awaited.
    closed: Option<Closed>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Our close frame is queued; data of the peer is still read until its close frame comes.
    CloseSent,
    /// No frame is parsed or queued any more. What is queued still goes out. What the peer still sends is thrown
    /// away: a socket closed over unread bytes would be reset, and the reset can overtake our close frame.
    Draining {
        /// Whether a rule was broken, rather than two close frames exchanged.
        failed: bool,
        /// Whether the peer ended its side of the stream.
        peer_ended: bool,
        /// Whether our side of the stream is ended.
        shut_down: bool,
    },
    /// The time for draining is over.
    Over,
}

impl Closing {
    pub(super) fn new() -> Closing {
        Closing::default()
    }

    /// Whether the application may send.
    pub(super) fn may_send(&self) -> bool {
        self.ending.is_none()
    }

    /// Whether received bytes are parsed.
    pub(super) fn may_receive(&self) -> bool {
        matches!(self.stage(), None | Some(Stage::CloseSent))
    }

    /// Whether we sent the first close frame.
    pub(super) fn is_close_sent(&self) -> bool {
        self.stage() == Some(Stage::CloseSent)
    }

    /// How the connection was closed.
    pub(super) fn closed(&self) -> Option<&Closed> {
        self.ending.as_ref()?.closed.as_ref()
    }

    /// Our close frame was queued first.
    pub(super) fn handle_close_sent(&mut self, now: Instant, timeout: Duration) {
        let deadline = now.checked_add(timeout);
        self.ending = Some(Box::new(Ending { stage: Stage::CloseSent, deadline, closed: None }));
    }

    /// Both close frames are exchanged, or the connection failed.
    pub(super) fn handle_finished(&mut self, now: Instant, timeout: Duration, closed: Closed) {
        let failed = closed.violation.is_some();
        self.ending = Some(Box::new(Ending {
            stage: Stage::Draining { failed, peer_ended: false, shut_down: false },
            deadline: now.checked_add(timeout),
            closed: Some(closed),
        }));
    }

    /// The peer ended its side of the stream.
    pub(super) fn handle_peer_ended(&mut self) {
        if let Some(Stage::Draining { peer_ended, .. }) = self.stage_mut() {
            *peer_ended = true;
        }
    }

    /// Our side of the stream is ended.
    pub(super) fn handle_shutdown(&mut self) {
        if let Some(Stage::Draining { shut_down, .. }) = self.stage_mut() {
            *shut_down = true;
        }
    }

    /// The deadline of `poll_timeout` passed.
    pub(super) fn handle_timeout(&mut self) {
        if let Some(stage) = self.stage_mut() {
            *stage = Stage::Over;
        }
    }

    /// When the closing handshake, or the wait for the end of the stream behind it, has taken too long.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.ending.as_ref().filter(|ending| ending.stage != Stage::Over)?.deadline
    }

    /// Whether bytes of the peer may still come.
    pub(super) fn wants_bytes(&self) -> bool {
        match self.stage() {
            None | Some(Stage::CloseSent) => true,
            Some(Stage::Draining { peer_ended, .. }) => !peer_ended,
            Some(Stage::Over) => false,
        }
    }

    /// Whether to end our side of the stream once everything queued is written.
    ///
    /// "The server MUST close the connection immediately, whereas the client SHOULD wait for the server to close the
    /// connection" (§7.1.1); after a failure each side closes.
    pub(super) fn wants_shutdown(&self, role: Role) -> bool {
        match self.stage() {
            None | Some(Stage::CloseSent | Stage::Over) => false,
            Some(Stage::Draining { failed, peer_ended, shut_down }) => {
                !shut_down && (failed || peer_ended || role == Role::Server)
            }
        }
    }

    /// Whether the stream has nothing left to wait for. A server that exchanged close frames does not wait for the
    /// client's end of the stream.
    pub(super) fn is_ended(&self, role: Role) -> bool {
        match self.stage() {
            None | Some(Stage::CloseSent) => false,
            Some(Stage::Draining { failed, peer_ended, shut_down }) => {
                shut_down && (peer_ended || (role == Role::Server && !failed))
            }
            Some(Stage::Over) => true,
        }
    }

    fn stage(&self) -> Option<Stage> {
        self.ending.as_ref().map(|ending| ending.stage)
    }

    fn stage_mut(&mut self) -> Option<&mut Stage> {
        self.ending.as_mut().map(|ending| &mut ending.stage)
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods)]
mod tests {
    use super::{super::event::Initiator, *};
    use crate::protocol::{frame::CloseFrame, violation::Violation};

    const TIMEOUT: Duration = Duration::from_secs(10);

    #[test]
    fn a_server_shuts_down_first_and_a_client_waits() {
        let now = Instant::now();
        let mut closing = Closing::new();
        assert_eq!(closing.poll_timeout(), None);
        closing.handle_close_sent(now, TIMEOUT);
        assert!(closing.may_receive() && !closing.may_send());
        let closed = Closed { by: Initiator::Peer, frame: Some(CloseFrame::empty()), violation: None };
        closing.handle_finished(now, TIMEOUT, closed);
        assert!(!closing.may_receive());
        assert_eq!(closing.poll_timeout(), Some(now + TIMEOUT));
        assert!(closing.wants_shutdown(Role::Server));
        assert!(!closing.wants_shutdown(Role::Client));
        closing.handle_peer_ended();
        assert!(closing.wants_shutdown(Role::Client));
        closing.handle_shutdown();
        assert!(closing.is_ended(Role::Client));
    }

    #[test]
    fn a_failed_connection_waits_for_the_peer_until_the_time_is_over() {
        let now = Instant::now();
        for role in [Role::Server, Role::Client] {
            let mut closing = Closing::new();
            let violation = Some(Violation::MaskMissing);
            closing.handle_finished(now, TIMEOUT, Closed { by: Initiator::Library, frame: None, violation });
            assert!(closing.wants_shutdown(role));
            closing.handle_shutdown();
            assert!(closing.wants_bytes() && !closing.is_ended(role));
            closing.handle_timeout();
            assert!(closing.is_ended(role) && !closing.wants_bytes());
            assert_eq!(closing.closed().map(|closed| closed.violation), Some(violation));
            assert_eq!(closing.poll_timeout(), None);
        }
    }
}

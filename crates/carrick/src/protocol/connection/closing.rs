//! The closing handshake as a state machine (RFC 6455 §7).

use std::time::{Duration, Instant};

use crate::protocol::role::Role;

/// Where a connection stands on its way to the end.
///
/// ```text
///              close() ──► CloseSent ──── close frame received ───┐
///             ╱                │ ╲                                ▼
///        Open                  │  violation, end of stream ──► Draining ── both sides ended ──► Over
///             ╲                │ ╱                                ▲   ╲──── close timeout ────╱
///              close frame received, violation, end of stream ────┘
/// ```
///
/// A deadline beyond the end of the clock is `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Data flows both ways.
    Open,
    /// Our close frame is queued; data of the peer is still read until its close frame comes.
    CloseSent { deadline: Option<Instant> },
    /// No frame is parsed or queued any more. What is queued still goes out. What the peer still sends is thrown
    /// away: a socket closed over unread bytes would be reset, and the reset can overtake our close frame.
    Draining {
        deadline: Option<Instant>,
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

/// The closing handshake of one connection.
#[derive(Debug)]
pub(super) struct Closing {
    state: State,
}

impl Closing {
    pub(super) fn new() -> Closing {
        Closing { state: State::Open }
    }

    /// Whether the application may send.
    pub(super) fn may_send(&self) -> bool {
        matches!(self.state, State::Open)
    }

    /// Whether received bytes are parsed.
    pub(super) fn may_receive(&self) -> bool {
        matches!(self.state, State::Open | State::CloseSent { .. })
    }

    /// Whether we sent the first close frame.
    pub(super) fn is_close_sent(&self) -> bool {
        matches!(self.state, State::CloseSent { .. })
    }

    /// Our close frame was queued first.
    pub(super) fn handle_close_sent(&mut self, now: Instant, timeout: Duration) {
        self.state = State::CloseSent { deadline: now.checked_add(timeout) };
    }

    /// Both close frames are exchanged (`failed` false), or the connection failed.
    pub(super) fn handle_finished(&mut self, now: Instant, timeout: Duration, failed: bool) {
        self.state = State::Draining {
            deadline: now.checked_add(timeout),
            failed,
            peer_ended: false,
            shut_down: false,
        };
    }

    /// The peer ended its side of the stream.
    pub(super) fn handle_peer_ended(&mut self) {
        if let State::Draining { peer_ended, .. } = &mut self.state {
            *peer_ended = true;
        }
    }

    /// Our side of the stream is ended.
    pub(super) fn handle_shutdown(&mut self) {
        if let State::Draining { shut_down, .. } = &mut self.state {
            *shut_down = true;
        }
    }

    /// The deadline of `poll_timeout` passed.
    pub(super) fn handle_timeout(&mut self) {
        self.state = State::Over;
    }

    /// When the closing handshake, or the wait for the end of the stream behind it, has taken too long.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Open | State::Over => None,
            State::CloseSent { deadline } | State::Draining { deadline, .. } => deadline,
        }
    }

    /// Whether bytes of the peer may still come.
    pub(super) fn wants_bytes(&self) -> bool {
        match self.state {
            State::Open | State::CloseSent { .. } => true,
            State::Draining { peer_ended, .. } => !peer_ended,
            State::Over => false,
        }
    }

    /// Whether to end our side of the stream once everything queued is written.
    ///
    /// "The server MUST close the connection immediately, whereas the client SHOULD wait for the server to close the
    /// connection" (§7.1.1); after a failure each side closes.
    pub(super) fn wants_shutdown(&self, role: Role) -> bool {
        match self.state {
            State::Open | State::CloseSent { .. } | State::Over => false,
            State::Draining { failed, peer_ended, shut_down, .. } => {
                !shut_down && (failed || peer_ended || role == Role::Server)
            }
        }
    }

    /// Whether the stream has nothing left to wait for. A server that exchanged close frames does not wait for the
    /// client's end of the stream.
    pub(super) fn is_ended(&self, role: Role) -> bool {
        match self.state {
            State::Open | State::CloseSent { .. } => false,
            State::Draining { failed, peer_ended, shut_down, .. } => {
                shut_down && (peer_ended || (role == Role::Server && !failed))
            }
            State::Over => true,
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(10);

    #[test]
    fn a_server_shuts_down_first_and_a_client_waits() {
        let now = Instant::now();
        let mut closing = Closing::new();
        assert_eq!(closing.poll_timeout(), None);
        closing.handle_close_sent(now, TIMEOUT);
        assert!(closing.may_receive() && !closing.may_send());
        closing.handle_finished(now, TIMEOUT, false);
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
            closing.handle_finished(now, TIMEOUT, true);
            assert!(closing.wants_shutdown(role));
            closing.handle_shutdown();
            assert!(closing.wants_bytes() && !closing.is_ended(role));
            closing.handle_timeout();
            assert!(closing.is_ended(role) && !closing.wants_bytes());
            assert_eq!(closing.poll_timeout(), None);
        }
    }
}

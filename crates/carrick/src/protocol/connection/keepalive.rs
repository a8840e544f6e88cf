//! Pings, their pongs, and silence (RFC 6455 §5.5.2 and §5.5.3).

use std::{
    num::NonZeroU64,
    time::{Duration, Instant},
};

use rand_core::CryptoRng;

use super::config::Config;
use crate::protocol::violation::Violation;

/// Watches that the peer is alive and measures how far away it is.
///
/// At most two pings are remembered: the latest of ours, and the latest of the application. "An endpoint MAY elect to
/// send a Pong frame for only the most recently processed Ping frame" (§5.5.3), so a pong settles every ping before
/// the one it answers. A deadline beyond the end of the clock never comes.
#[derive(Debug)]
pub(super) struct Keepalive {
    next_ping: Option<Instant>,
    /// When the peer was last seen alive.
    last_received: Instant,
    /// The latest round-trip time in nanoseconds, and one: half the size of a `Duration`.
    round_trip: Option<NonZeroU64>,
    /// There while a pong is awaited, which is one round trip in each interval.
    awaited: Option<Box<Awaited>>,
}

/// The pings that wait for their pongs, at least one.
#[derive(Debug, Default)]
struct Awaited {
    /// The one of ours.
    own: Option<OwnPing>,
    /// The one of the application.
    asked: Option<AskedPing>,
}

#[derive(Debug)]
struct OwnPing {
    payload: [u8; PAYLOAD_BYTES],
    sent: Instant,
    /// `waiting_since >= sent`: from when on the wait for its pong counts.
    waiting_since: Instant,
}

#[derive(Debug)]
struct AskedPing {
    payload: Box<[u8]>,
    sent: Instant,
}

/// What keepalive wants when a deadline has passed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    /// Send this ping.
    Ping([u8; PAYLOAD_BYTES]),
    Fail(Violation),
}

impl Keepalive {
    pub(super) fn new(config: &Config, now: Instant) -> Keepalive {
        Keepalive {
            next_ping: config.ping_interval.and_then(|interval| now.checked_add(interval)),
            last_received: now,
            round_trip: None,
            awaited: None,
        }
    }

    /// The latest round-trip time.
    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.round_trip.map(|nanoseconds| Duration::from_nanos(nanoseconds.get() - 1))
    }

    /// Some bytes came.
    pub(super) fn handle_bytes(&mut self, now: Instant) {
        self.last_received = now;
    }

    /// The peer took bytes from a full stream. A ping of ours may stand behind them, so the wait for its pong starts anew.
    pub(super) fn handle_progress(&mut self, now: Instant) {
        self.last_received = now;
        if let Some(own) = self.awaited.as_mut().and_then(|awaited| awaited.own.as_mut()) {
            own.waiting_since = now;
        }
    }

    /// The application sent a ping.
    pub(super) fn ping(&mut self, payload: &[u8], now: Instant) {
        let asked = AskedPing { payload: payload.into(), sent: now };
        self.awaited.get_or_insert_default().asked = Some(asked);
    }

    /// A pong came: the round-trip time, if it answers a ping of ours.
    pub(super) fn handle_pong(&mut self, payload: &[u8], now: Instant) -> Option<Duration> {
        let Awaited { own, asked } = self.awaited.as_deref_mut()?;
        let own_sent = own.as_ref().filter(|own| own.payload == payload).map(|own| own.sent);
        let asked_sent = asked.as_ref().filter(|asked| *asked.payload == *payload).map(|asked| asked.sent);
        let sent = own_sent.max(asked_sent)?;
        own.take_if(|own| own.sent <= sent);
        asked.take_if(|asked| asked.sent <= sent);
        if own.is_none() && asked.is_none() {
            self.awaited = None;
        }
        let round_trip = now.saturating_duration_since(sent);
        let nanoseconds = u64::try_from(round_trip.as_nanos()).unwrap_or(u64::MAX);
        self.round_trip = Some(NonZeroU64::MIN.saturating_add(nanoseconds));
        Some(round_trip)
    }

    /// When `handle_timeout` has something to do. `inside_frame` says that the payload of a frame is arriving.
    pub(super) fn poll_timeout(&self, config: &Config, inside_frame: bool) -> Option<Instant> {
        let ping = match self.own() {
            Some(own) => self.pong_deadline(own, config, inside_frame),
            None => self.next_ping,
        };
        match (ping, self.idle_deadline(config)) {
            (Some(ping), Some(idle)) => Some(ping.min(idle)),
            (ping, idle) => ping.or(idle),
        }
    }

    /// Does what is due: at most one thing a call.
    pub(super) fn handle_timeout(
        &mut self,
        config: &Config,
        inside_frame: bool,
        now: Instant,
        random: &mut dyn CryptoRng,
    ) -> Due {
        let is_due = |deadline: Option<Instant>| deadline.is_some_and(|deadline| now >= deadline);
        if is_due(self.idle_deadline(config)) {
            return Due::Fail(Violation::Idle { waited: now - self.last_received });
        }
        if let Some(own) = self.own() {
            return if is_due(self.pong_deadline(own, config, inside_frame)) {
                Due::Fail(Violation::PongMissing { waited: now - own.sent })
            } else {
                Due::Nothing
            };
        }
        if !is_due(self.next_ping) {
            return Due::Nothing;
        }
        let mut payload = [0; PAYLOAD_BYTES];
        random.fill_bytes(&mut payload);
        self.awaited.get_or_insert_default().own = Some(OwnPing { payload, sent: now, waiting_since: now });
        self.next_ping = config.ping_interval.and_then(|interval| now.checked_add(interval));
        Due::Ping(payload)
    }

    fn own(&self) -> Option<&OwnPing> {
        self.awaited.as_ref()?.own.as_ref()
    }

    /// While the payload of a frame keeps arriving, a pong cannot come: the wait starts anew with each byte.
    fn pong_deadline(&self, own: &OwnPing, config: &Config, inside_frame: bool) -> Option<Instant> {
        let since = if inside_frame { own.waiting_since.max(self.last_received) } else { own.waiting_since };
        since.checked_add(config.pong_timeout)
    }

    fn idle_deadline(&self, config: &Config) -> Option<Instant> {
        self.last_received.checked_add(config.idle_timeout?)
    }
}

/// Long enough that a peer cannot guess it and answer a ping that it never read.
pub(super) const PAYLOAD_BYTES: usize = 8;

#[cfg(test)]
#[expect(clippy::disallowed_methods)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn sent_ping(keepalive: &mut Keepalive, config: &Config, now: Instant) -> [u8; PAYLOAD_BYTES] {
        match keepalive.handle_timeout(config, false, now, &mut StdRng::seed_from_u64(3)) {
            Due::Ping(payload) => payload,
            due => panic!("no ping is due: {due:?}"),
        }
    }

    #[test]
    fn a_pong_gives_the_round_trip_and_settles_every_earlier_ping() {
        let start = Instant::now();
        let config = Config::default();
        let mut keepalive = Keepalive::new(&config, start);
        let payload = sent_ping(&mut keepalive, &config, start + 20 * SECOND);
        keepalive.ping(b"mine", start + 21 * SECOND);
        assert_eq!(keepalive.handle_pong(b"other", start + 22 * SECOND), None);
        assert_eq!(keepalive.handle_pong(b"mine", start + 22 * SECOND), Some(SECOND));
        assert_eq!(keepalive.handle_pong(&payload, start + 22 * SECOND), None);
        assert_eq!(keepalive.poll_timeout(&config, false), Some(start + 40 * SECOND));
        assert_eq!(keepalive.round_trip(), Some(SECOND));
    }

    #[test]
    fn a_missing_pong_fails_at_its_deadline_and_not_before() {
        let start = Instant::now();
        let config = Config::default();
        let mut keepalive = Keepalive::new(&config, start);
        sent_ping(&mut keepalive, &config, start + 20 * SECOND);
        assert_eq!(keepalive.poll_timeout(&config, false), Some(start + 40 * SECOND));
        let mut random = StdRng::seed_from_u64(4);
        let early = start + 40 * SECOND - Duration::from_nanos(1);
        assert_eq!(keepalive.handle_timeout(&config, false, early, &mut random), Due::Nothing);
        let fail = Due::Fail(Violation::PongMissing { waited: 20 * SECOND });
        assert_eq!(keepalive.handle_timeout(&config, false, start + 40 * SECOND, &mut random), fail);
    }

    #[test]
    fn a_frame_that_keeps_arriving_defers_the_deadline_of_the_pong() {
        let start = Instant::now();
        let config = Config::default();
        let mut keepalive = Keepalive::new(&config, start);
        sent_ping(&mut keepalive, &config, start + 20 * SECOND);
        keepalive.handle_bytes(start + 39 * SECOND);
        assert_eq!(keepalive.poll_timeout(&config, true), Some(start + 59 * SECOND));
        assert_eq!(keepalive.poll_timeout(&config, false), Some(start + 40 * SECOND));
    }

    #[test]
    fn a_peer_that_takes_bytes_defers_every_deadline() {
        let start = Instant::now();
        let config = Config::default();
        let mut keepalive = Keepalive::new(&config, start);
        sent_ping(&mut keepalive, &config, start + 20 * SECOND);
        keepalive.handle_progress(start + 39 * SECOND);
        assert_eq!(keepalive.poll_timeout(&config, false), Some(start + 59 * SECOND));
        let config = Config { ping_interval: None, ..config };
        let mut keepalive = Keepalive::new(&config, start);
        keepalive.handle_progress(start + SECOND);
        assert_eq!(keepalive.poll_timeout(&config, false), Some(start + 121 * SECOND));
    }

    #[test]
    fn silence_fails_even_without_pings() {
        let start = Instant::now();
        let config = Config { ping_interval: None, ..Config::default() };
        let mut keepalive = Keepalive::new(&config, start);
        keepalive.handle_bytes(start + SECOND);
        assert_eq!(keepalive.poll_timeout(&config, false), Some(start + 121 * SECOND));
        let due =
            keepalive.handle_timeout(&config, false, start + 121 * SECOND, &mut StdRng::seed_from_u64(5));
        assert_eq!(due, Due::Fail(Violation::Idle { waited: 120 * SECOND }));
    }
}

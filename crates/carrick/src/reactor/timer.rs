//! What ends the wait of a loop when it is time to do something.

use std::{
    io,
    time::{Duration, Instant},
};

use mio::{Registry, Token};

/// The timer of one loop.
///
/// On Linux it is a file that the loop waits for as it does for its sockets. To wait for a limited time instead costs the
/// kernel a timer of its own for each wait, and waits are as many as messages where one comes at a time.
#[derive(Debug)]
pub(crate) struct Timer {
    #[cfg(target_os = "linux")]
    file: file::TimerFile,
    /// When the file is to be read from, if it was set.
    #[cfg(target_os = "linux")]
    rings: Option<Instant>,
}

impl Timer {
    /// A timer that reports to `token` when it rings, where it is one that rings.
    #[cfg_attr(not(target_os = "linux"), expect(unused_variables, reason = "the wait itself is limited"))]
    pub(crate) fn new(registry: &Registry, token: Token) -> io::Result<Timer> {
        Ok(Timer {
            #[cfg(target_os = "linux")]
            file: file::TimerFile::new(registry, token)?,
            #[cfg(target_os = "linux")]
            rings: None,
        })
    }

    /// How long the wait may be that begins `now` and is to end at `deadline`; `None` if something else will end it, or
    /// nothing has to.
    #[cfg_attr(not(target_os = "linux"), expect(clippy::unused_self, reason = "the wait itself is limited"))]
    pub(crate) fn timeout(&mut self, deadline: Option<Instant>, now: Instant) -> Option<Duration> {
        let deadline = deadline?;
        let left = deadline.saturating_duration_since(now);
        #[cfg(target_os = "linux")]
        if !left.is_zero() {
            // One that rings early costs one look; to set it anew for each message costs more.
            if self.rings.is_some_and(|rings| now < rings && rings <= deadline) {
                return None;
            }
            if self.file.set(left).is_ok() {
                self.rings = Some(deadline);
                return None;
            }
        }
        Some(left)
    }
}

#[cfg(target_os = "linux")]
mod file {
    use std::{
        io,
        os::fd::{AsRawFd, OwnedFd},
        time::Duration,
    };

    use mio::{Interest, Registry, Token, event::Source, unix::SourceFd};
    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };

    /// A file that there is something to read from at a time. It is not read: setting it does the same.
    #[derive(Debug)]
    pub(super) struct TimerFile(OwnedFd);

    impl TimerFile {
        pub(super) fn new(registry: &Registry, token: Token) -> io::Result<TimerFile> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let file = timerfd_create(TimerfdClockId::Monotonic, flags)?;
            SourceFd(&file.as_raw_fd()).register(registry, token, Interest::READABLE)?;
            Ok(TimerFile(file))
        }

        /// Sets it to ring once, in place of what it was set to; `left` is not zero, which would unset it.
        pub(super) fn set(&self, left: Duration) -> io::Result<()> {
            let value = Timespec::try_from(left).map_err(|_| io::ErrorKind::InvalidInput)?;
            let never = Timespec { tv_sec: 0, tv_nsec: 0 };
            let once = Itimerspec { it_interval: never, it_value: value };
            timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &once)?;
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use mio::{Events, Poll};

    use super::*;
    use crate::system;

    const TOKEN: Token = Token(7);

    /// Waits as a loop does, until `deadline`; how often it woke.
    fn wait_until(timer: &mut Timer, poll: &mut Poll, deadline: Instant) -> u32 {
        let mut events = Events::with_capacity(8);
        let mut woke = 0;
        loop {
            let now = system::now();
            if now >= deadline {
                return woke;
            }
            poll.poll(&mut events, timer.timeout(Some(deadline), now)).unwrap();
            assert!(events.iter().all(|event| event.token() == TOKEN));
            woke += 1;
        }
    }

    #[test]
    fn each_deadline_ends_its_wait_also_one_that_is_earlier_than_the_one_before() {
        let mut poll = Poll::new().unwrap();
        let mut timer = Timer::new(poll.registry(), TOKEN).unwrap();
        let start = system::now();
        assert_eq!(timer.timeout(None, start), None, "there is nothing to wait for");
        assert_eq!(timer.timeout(Some(start), start), Some(Duration::ZERO), "it is time already");
        timer.timeout(Some(start + Duration::from_secs(100)), start);
        for millis in [3, 1, 2] {
            let deadline = system::now() + Duration::from_millis(millis);
            assert!(wait_until(&mut timer, &mut poll, deadline) < 10);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_deadline_behind_the_one_that_is_set_is_not_set() {
        let poll = Poll::new().unwrap();
        let mut timer = Timer::new(poll.registry(), TOKEN).unwrap();
        let start = system::now();
        let second = Duration::from_secs(1);
        for (deadline, rings) in [(10, 10), (11, 10), (9, 9), (12, 9)] {
            assert_eq!(timer.timeout(Some(start + deadline * second), start), None);
            assert_eq!(timer.rings, Some(start + rings * second));
        }
        // It has rung, and nobody has looked at it.
        assert_eq!(timer.timeout(Some(start + 12 * second), start + 9 * second), None);
        assert_eq!(timer.rings, Some(start + 12 * second));
    }
}

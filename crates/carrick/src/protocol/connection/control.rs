//! Control frames that have to wait: one that is cut between two reads, and a ping for which there is no room.

/// What waits, which is seldom anything: a connection pays for one word.
#[derive(Debug, Default)]
pub(super) struct WaitingControl {
    waiting: Option<Box<Waiting>>,
}

/// At least one of the two.
#[derive(Debug, Default)]
struct Waiting {
    /// What has come of a control frame, at most 125 bytes.
    cut: Vec<u8>,
    /// The latest ping that is not answered yet, at most 125 bytes.
    ping: Option<Box<[u8]>>,
}

impl WaitingControl {
    /// Takes a part of a frame whose end is still to come.
    pub(super) fn add_cut(&mut self, payload: &[u8]) {
        if !payload.is_empty() {
            self.waiting.get_or_insert_default().cut.extend_from_slice(payload);
        }
    }

    /// The parts of the frame that have come; `None` if none has brought anything.
    pub(super) fn take_cut(&mut self) -> Option<Vec<u8>> {
        let waiting = self.waiting.as_mut()?;
        let cut = std::mem::take(&mut waiting.cut);
        if waiting.ping.is_none() {
            self.waiting = None;
        }
        (!cut.is_empty()).then_some(cut)
    }

    /// Takes a ping, in place of the one that waited.
    pub(super) fn set_ping(&mut self, payload: &[u8]) {
        self.waiting.get_or_insert_default().ping = Some(payload.into());
    }

    /// Whether a ping waits.
    pub(super) fn has_ping(&self) -> bool {
        self.waiting.as_ref().is_some_and(|waiting| waiting.ping.is_some())
    }

    /// The ping that waits.
    pub(super) fn take_ping(&mut self) -> Option<Box<[u8]>> {
        let waiting = self.waiting.as_mut()?;
        let ping = waiting.ping.take();
        if waiting.cut.is_empty() {
            self.waiting = None;
        }
        ping
    }

    /// Nothing waits any more.
    pub(super) fn clear(&mut self) {
        self.waiting = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_that_is_cut_and_a_ping_wait_beside_each_other() {
        let mut control = WaitingControl::default();
        control.set_ping(b"first");
        control.add_cut(b"");
        assert_eq!(control.take_cut(), None);
        control.add_cut(b"a");
        control.add_cut(b"b");
        control.set_ping(b"second");
        assert_eq!(control.take_ping().as_deref(), Some(&b"second"[..]));
        assert!(!control.has_ping());
        assert_eq!(control.take_cut().as_deref(), Some(&b"ab"[..]));
        assert!(control.waiting.is_none());
    }
}

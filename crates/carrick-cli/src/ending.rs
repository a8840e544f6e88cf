//! How a connection ended, in words.

use carrick::protocol::{CloseFrame, Closed, Initiator};

/// With what we sent, if we closed, and what the peer answered, if that is something else.
pub(crate) fn words(closed: &Closed, sent: Option<&CloseFrame>) -> String {
    match (sent, &closed.frame, &closed.violation, closed.by) {
        (Some(sent), None, None, Initiator::Application) => format!("{closed}: {sent}"),
        (Some(sent), Some(answer), None, Initiator::Application) if sent != answer => {
            format!("closed by {}: {sent}; the answer was {answer}", closed.by)
        }
        _ => closed.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use carrick::protocol::{CloseCode, Violation};

    use super::*;

    #[test]
    fn what_we_sent_is_told_and_an_answer_that_says_something_else() {
        let bye = CloseFrame::new(CloseCode::from(4001), "bye").unwrap();
        let bare = CloseFrame::new(CloseCode::from(4001), "").unwrap();
        let by_us = |frame: Option<&CloseFrame>| Closed {
            by: Initiator::Application,
            frame: frame.cloned(),
            violation: None,
        };
        assert_eq!(words(&by_us(Some(&bye)), Some(&bye)), "closed by us: 4001: bye");
        assert_eq!(words(&by_us(Some(&bare)), Some(&bye)), "closed by us: 4001: bye; the answer was 4001");
        assert_eq!(words(&by_us(None), Some(&bye)), "closed by us: 4001: bye");
        let by_peer = Closed { by: Initiator::Peer, ..by_us(Some(&bare)) };
        assert_eq!(words(&by_peer, Some(&bye)), "closed by the peer: 4001");
        let failed = Closed { violation: Some(Violation::EndOfStream), ..by_us(None) };
        assert_eq!(words(&failed, Some(&bye)), failed.to_string());
    }
}

//! When enough was received.

use carrick::protocol::Message;
use regex::Regex;

use crate::args::Stop;

/// What `--one`, `--count` and `--expect` ask for.
#[derive(Debug)]
pub(crate) struct Goal {
    count: Option<u64>,
    expect: Option<Regex>,
    received: u64,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Going,
    Met,
    /// The number of messages is there, and none of them was the right one.
    Missed,
}

impl Goal {
    pub(crate) fn new(args: &Stop) -> Goal {
        let count = if args.one { Some(1) } else { args.count };
        Goal { count, expect: args.expect.clone(), received: 0 }
    }

    /// Whether there is one at all.
    pub(crate) fn exists(&self) -> bool {
        self.count.is_some() || self.expect.is_some()
    }

    /// A message came. The bytes of a binary one are looked at where they are text.
    pub(crate) fn handle(&mut self, message: &Message) -> Progress {
        self.received += 1;
        let is_last = self.count.is_some_and(|count| self.received >= count);
        let Some(expect) = &self.expect else {
            return if is_last { Progress::Met } else { Progress::Going };
        };
        if expect.is_match(&String::from_utf8_lossy(message.as_bytes())) {
            Progress::Met
        } else if is_last {
            Progress::Missed
        } else {
            Progress::Going
        }
    }

    /// What is missing, in words.
    pub(crate) fn missing(&self) -> String {
        match (&self.expect, self.count) {
            (Some(pattern), _) => {
                format!("no message matched {:?}; {} received", pattern.as_str(), messages(self.received))
            }
            (None, Some(count)) => format!("{} of {} received", self.received, messages(count)),
            (None, None) => format!("{} received", messages(self.received)),
        }
    }
}

fn messages(n: u64) -> String {
    if n == 1 { "1 message".to_owned() } else { format!("{n} messages") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn goal(count: Option<u64>, expect: Option<&str>) -> Goal {
        Goal { count, expect: expect.map(|pattern| pattern.parse().unwrap()), received: 0 }
    }

    #[test]
    fn a_count_is_met_by_so_many_messages() {
        let mut goal = goal(Some(2), None);
        assert_eq!(goal.handle(&"a".into()), Progress::Going);
        assert_eq!(goal.missing(), "1 of 2 messages received");
        assert_eq!(goal.handle(&"b".into()), Progress::Met);
    }

    #[test]
    fn a_pattern_is_met_by_a_match_among_the_first_messages() {
        let mut first = goal(Some(2), Some("^b$"));
        assert_eq!(first.handle(&"a".into()), Progress::Going);
        assert_eq!(first.handle(&"b".into()), Progress::Met);
        let mut second = goal(Some(1), Some("b"));
        assert_eq!(second.handle(&"a".into()), Progress::Missed);
        let mut any = goal(None, Some("b"));
        assert_eq!(any.handle(&Message::binary(vec![b'b', 0xff])), Progress::Met);
        assert!(!goal(None, None).exists());
    }
}

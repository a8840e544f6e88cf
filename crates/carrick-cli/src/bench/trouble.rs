//! What went wrong, counted by kind.

use std::collections::BTreeMap;

use crate::exit::Exit;

/// One thing that went wrong on a connection.
#[derive(Clone, Debug)]
pub(super) struct Trouble {
    pub(super) what: String,
    pub(super) hint: Option<String>,
    /// What the command ends with if it is nothing worse.
    pub(super) exit: Exit,
}

/// The same things once, each with its number.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    kinds: BTreeMap<String, Kind>,
}

#[derive(Debug)]
pub(super) struct Kind {
    pub(super) count: u64,
    pub(super) hint: Option<String>,
    exit: Exit,
}

impl Troubles {
    pub(super) fn add(&mut self, trouble: Trouble) {
        self.add_many(trouble, 1);
    }

    pub(super) fn add_many(&mut self, trouble: Trouble, count: u64) {
        if count == 0 {
            return;
        }
        let Trouble { what, hint, exit } = trouble;
        let is_new = !self.kinds.contains_key(&what);
        let (what, hint) =
            if is_new && self.kinds.len() >= MOST_KINDS { (OTHERS.to_owned(), None) } else { (what, hint) };
        let kind = self.kinds.entry(what).or_insert(Kind { count: 0, hint, exit });
        kind.count += count;
        kind.exit = worse(kind.exit, exit);
    }

    /// The most frequent first.
    pub(super) fn kinds(&self) -> Vec<(&str, &Kind)> {
        let mut kinds: Vec<_> = self.kinds.iter().map(|(what, kind)| (what.as_str(), kind)).collect();
        kinds.sort_by_key(|(_, kind)| std::cmp::Reverse(kind.count));
        kinds
    }

    /// What to do about the most frequent one of which that is known.
    pub(super) fn hint(&self) -> Option<&str> {
        self.kinds().into_iter().find_map(|(_, kind)| kind.hint.as_deref())
    }

    pub(super) fn exit(&self) -> Exit {
        self.kinds.values().map(|kind| kind.exit).fold(Exit::Fine, worse)
    }
}

/// The code of the command where both happened: it stands further to the left in the list.
fn worse(one: Exit, other: Exit) -> Exit {
    let place = |exit: Exit| WORST_FIRST.iter().position(|&listed| listed == exit).unwrap_or(0);
    if place(one) <= place(other) { one } else { other }
}

const WORST_FIRST: [Exit; 6] =
    [Exit::Cut, Exit::Usage, Exit::Failed, Exit::Abnormal, Exit::Unmet, Exit::Fine];

/// A server that makes up its reasons does not fill the memory, nor the screen.
const MOST_KINDS: usize = 40;
const OTHERS: &str = "other errors";

#[cfg(test)]
mod tests {
    use super::*;

    fn trouble(what: &str, exit: Exit) -> Trouble {
        Trouble { what: what.to_owned(), hint: Some(format!("about {what}")), exit }
    }

    #[test]
    fn the_same_trouble_is_listed_once_and_the_most_frequent_first() {
        let mut troubles = Troubles::default();
        assert_eq!((troubles.exit(), troubles.hint()), (Exit::Fine, None));
        troubles.add(trouble("a", Exit::Unmet));
        troubles.add_many(trouble("b", Exit::Abnormal), 2);
        troubles.add_many(trouble("c", Exit::Failed), 0);
        let listed: Vec<_> = troubles.kinds().iter().map(|(what, kind)| (*what, kind.count)).collect();
        assert_eq!(listed, [("b", 2), ("a", 1)]);
        assert_eq!((troubles.exit(), troubles.hint()), (Exit::Abnormal, Some("about b")));
    }

    #[test]
    fn kinds_without_end_are_put_together() {
        let mut troubles = Troubles::default();
        for number in 0..1000 {
            troubles.add(trouble(&number.to_string(), Exit::Abnormal));
        }
        let kinds = troubles.kinds();
        assert_eq!((kinds.len(), kinds[0].0, kinds[0].1.count), (MOST_KINDS + 1, OTHERS, 960));
    }
}

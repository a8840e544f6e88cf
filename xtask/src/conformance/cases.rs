//! Which cases there are, and how they are cut into shards that run side by side.

use std::collections::BTreeMap;

/// What to run.
#[derive(Debug)]
pub(super) enum Selection {
    /// Every case.
    Full,
    /// Everything but large messages (9) and compression (12, 13), and of compression one case of each kind.
    Quick,
    /// What a developer asked for.
    Cases(Vec<String>),
}

/// Cases that run one after the other in one process of the runner.
#[derive(Debug)]
pub(super) struct Shard {
    /// Also the name of its folder.
    pub(super) name: &'static str,
    /// Case ids or globs to run; empty for all.
    pub(super) include: Vec<String>,
    /// Case ids or globs to leave out.
    pub(super) exclude: Vec<String>,
}

impl Selection {
    /// The shards, long ones first, so that the lanes end at about the same time.
    pub(super) fn shards(&self) -> Vec<Shard> {
        match self {
            Selection::Full => {
                let heavy = HEAVY_SHARDS.iter().map(|(name, glob)| Shard::including(name, [*glob]));
                heavy.chain([Shard::protocol()]).collect()
            }
            Selection::Quick => {
                vec![Shard::including("compression", QUICK_COMPRESSION), Shard::protocol()]
            }
            Selection::Cases(cases) => {
                vec![Shard { name: "cases", include: cases.clone(), exclude: Vec::new() }]
            }
        }
    }

    /// How many cases each group must report; `None` where the cases were picked by hand.
    pub(super) fn expected(&self) -> Option<BTreeMap<u32, usize>> {
        match self {
            Selection::Full => Some(CASES_BY_GROUP.into()),
            Selection::Quick => {
                let mut expected: BTreeMap<u32, usize> = CASES_BY_GROUP.into();
                expected.retain(|group, _| !matches!(group, 9 | 12 | 13));
                for case in QUICK_COMPRESSION {
                    *expected.entry(group_of(case).expect("the list holds case ids")).or_default() += 1;
                }
                Some(expected)
            }
            Selection::Cases(_) => None,
        }
    }

    pub(super) fn describe(&self) -> String {
        match self.expected() {
            Some(expected) => format!("{} cases", expected.values().sum::<usize>()),
            None => "the cases asked for".to_owned(),
        }
    }
}

impl Shard {
    fn including<'a>(name: &'static str, cases: impl IntoIterator<Item = &'a str>) -> Shard {
        Shard { name, include: cases.into_iter().map(str::to_owned).collect(), exclude: Vec::new() }
    }

    /// Everything that is neither large nor compressed.
    fn protocol() -> Shard {
        let exclude = ["9.*", "12.*", "13.*"].map(str::to_owned).into();
        Shard { name: "protocol", include: Vec::new(), exclude }
    }
}

/// The group of a case: 7 for `7.13.1`.
pub(super) fn group_of(case: &str) -> Option<u32> {
    case.split_once('.')?.0.parse().ok()
}

/// Cases in each group of the suite, 517 in all.
const CASES_BY_GROUP: [(u32, usize); 11] =
    [(1, 16), (2, 11), (3, 7), (4, 10), (5, 20), (6, 145), (7, 37), (9, 54), (10, 1), (12, 90), (13, 126)];

/// Large messages and compression: thousands of messages each.
const HEAVY_SHARDS: [(&str, &str); 13] = [
    ("9", "9.*"),
    ("12.1", "12.1.*"),
    ("12.2", "12.2.*"),
    ("12.3", "12.3.*"),
    ("12.4", "12.4.*"),
    ("12.5", "12.5.*"),
    ("13.1", "13.1.*"),
    ("13.2", "13.2.*"),
    ("13.3", "13.3.*"),
    ("13.4", "13.4.*"),
    ("13.5", "13.5.*"),
    ("13.6", "13.6.*"),
    ("13.7", "13.7.*"),
];

/// One case of each kind of payload and of each kind of offer, over all sizes and both ways to cut frames.
const QUICK_COMPRESSION: [&str; 12] = [
    "12.1.1", "12.2.4", "12.3.10", "12.4.11", "12.5.18", "13.1.5", "13.2.6", "13.3.11", "13.4.3", "13.5.14",
    "13.6.7", "13.7.10",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suite_has_517_cases() {
        assert_eq!(Selection::Full.expected().unwrap().values().sum::<usize>(), 517);
    }

    #[test]
    fn the_quick_cases_are_counted_too() {
        let expected = Selection::Quick.expected().unwrap();
        assert_eq!(expected.values().sum::<usize>(), 247 + QUICK_COMPRESSION.len());
        assert_eq!(expected[&12], 5);
        assert_eq!(expected[&13], 7);
        assert!(!expected.contains_key(&9));
    }

    #[test]
    fn cases_picked_by_hand_demand_no_count() {
        assert_eq!(Selection::Cases(vec!["7.*".to_owned()]).expected(), None);
    }
}

//! What becomes of a packet.

use std::time::Duration;

use crate::args::{Args, Cut};

/// Decides about the packets of one direction.
#[derive(Debug)]
pub(crate) struct Fates {
    loss: f64,
    reorder: f64,
    delay: Duration,
    cut: Option<Cut>,
    /// Of a SplitMix64 generator.
    state: u64,
}

/// What becomes of one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Lost,
    /// It arrives so long after it was sent.
    Arrives(Duration),
}

impl Fates {
    /// `direction` keeps the two directions from losing the same packets.
    pub(crate) fn new(args: &Args, direction: u64) -> Fates {
        Fates {
            loss: args.loss / 100.0,
            reorder: args.reorder / 100.0,
            delay: Duration::from_millis(args.delay),
            cut: args.cut,
            state: args.seed.wrapping_mul(2).wrapping_add(direction).wrapping_mul(STEP),
        }
    }

    /// Of a packet that is sent `at` this time after the start.
    pub(crate) fn next(&mut self, at: Duration) -> Fate {
        // Drawn for each, so that a cut changes nothing about the packets behind it.
        let drawn = self.draw();
        if drawn < self.loss || self.cut.is_some_and(|cut| (cut.from..cut.to).contains(&at)) {
            return Fate::Lost;
        }
        let overtakes = drawn < self.loss + self.reorder;
        Fate::Arrives(if overtakes { self.delay / 2 } else { self.delay })
    }

    /// At least 0 and below 1.
    fn draw(&mut self) -> f64 {
        self.state = self.state.wrapping_add(STEP);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        (mixed >> 11) as f64 / (1_u64 << 53) as f64
    }
}

const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn fates(typed: &[&str], direction: u64) -> Vec<Fate> {
        let mut fates = Fates::new(&Args::parse_from([&["loss"], typed].concat()), direction);
        (0..10_000).map(|n| fates.next(Duration::from_millis(n))).collect()
    }

    fn lost(fates: &[Fate]) -> usize {
        fates.iter().filter(|fate| **fate == Fate::Lost).count()
    }

    #[test]
    fn as_many_are_lost_as_was_asked_for() {
        assert_eq!(lost(&fates(&["--loss", "0"], 0)), 0);
        assert_eq!(lost(&fates(&["--loss", "100"], 0)), 10_000);
        for seed in ["1", "2", "3"] {
            let lost = lost(&fates(&["--loss", "2", "--seed", seed], 0));
            assert!((150..250).contains(&lost), "{lost}");
        }
    }

    #[test]
    fn a_seed_decides_once_and_for_all_and_for_each_direction() {
        let seeded = |seed, direction| fates(&["--loss", "10", "--seed", seed], direction);
        assert_eq!(seeded("7", 0), seeded("7", 0));
        assert_ne!(seeded("7", 0), seeded("7", 1));
        assert_ne!(seeded("7", 0), seeded("8", 0));
        assert_ne!(seeded("7", 1), seeded("8", 0));
    }

    #[test]
    fn some_overtake_and_nothing_gets_through_a_cut() {
        let fates = fates(&["--loss", "0", "--reorder", "5", "--delay", "50", "--cut", "2..3"], 0);
        let early = fates.iter().filter(|fate| **fate == Fate::Arrives(Duration::from_millis(25))).count();
        assert!((350..650).contains(&early), "{early}");
        assert!(fates[2000..3000].iter().all(|fate| *fate == Fate::Lost));
        assert_eq!(lost(&fates), 1000);
    }
}

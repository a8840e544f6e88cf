//! How many replies came when.

use std::time::Duration;

/// Replies, counted in steps of equal length from the start of a measurement on.
#[derive(Clone, Debug, Default)]
pub(super) struct Timeline {
    steps: Vec<u64>,
}

/// The same in fewer steps.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Condensed {
    pub(super) step: Duration,
    pub(super) replies: Vec<u64>,
}

impl Timeline {
    /// One reply came, so long after the start.
    pub(super) fn count(&mut self, after: Duration) {
        let step = (after.as_nanos() / STEP.as_nanos()) as usize;
        if step >= self.steps.len() {
            // 8 bytes for each step: 7 MB for a day.
            self.steps.resize(step + 1, 0);
        }
        if let Some(replies) = self.steps.get_mut(step) {
            *replies += 1;
        }
    }

    pub(super) fn add(&mut self, other: &Timeline) {
        if other.steps.len() > self.steps.len() {
            self.steps.resize(other.steps.len(), 0);
        }
        for (replies, more) in self.steps.iter_mut().zip(&other.steps) {
            *replies += more;
        }
    }

    /// At most `most` steps that cover `elapsed`. Of a last one that would be cut only its own replies are left out.
    pub(super) fn condensed(&self, elapsed: Duration, most: usize) -> Condensed {
        let steps = (elapsed.as_nanos() / STEP.as_nanos()) as usize;
        let width = steps.div_ceil(most.max(1)).max(1);
        let replies =
            (0..steps / width).map(|at| self.steps.iter().skip(at * width).take(width).sum()).collect();
        Condensed { step: STEP * width as u32, replies }
    }
}

const STEP: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    fn timeline(milliseconds: &[u64]) -> Timeline {
        let mut timeline = Timeline::default();
        for &after in milliseconds {
            timeline.count(Duration::from_millis(after));
        }
        timeline
    }

    #[test]
    fn replies_are_counted_where_they_came_and_pauses_are_there() {
        let condensed = timeline(&[0, 99, 100, 450]).condensed(Duration::from_millis(600), 100);
        assert_eq!(condensed.replies, [2, 1, 0, 0, 1, 0]);
        assert_eq!(condensed.step, STEP);
    }

    #[test]
    fn a_long_time_has_longer_steps() {
        let mut all = timeline(&[0, 150, 350]);
        all.add(&timeline(&[250, 1050]));
        let condensed = all.condensed(Duration::from_millis(1099), 4);
        assert_eq!(condensed.replies, [3, 1, 0]);
        assert_eq!(condensed.step, Duration::from_millis(300));
        assert_eq!(all.condensed(Duration::from_millis(50), 4).replies, Vec::<u64>::new());
    }
}

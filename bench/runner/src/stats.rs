//! Medians, quartiles and ratios: on shared machines a mean says little.

use serde::{Deserialize, Serialize};

/// The middle of some values, and where the middle half of them lies.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// A quarter of the values lies below.
    pub lower: f64,
    /// Half of the values lie below.
    pub median: f64,
    /// Three quarters of the values lie below.
    pub upper: f64,
}

/// The spread of values; `None` if there are none.
#[must_use]
pub fn spread(values: impl IntoIterator<Item = f64>) -> Option<Spread> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    Some(Spread {
        lower: quantile(&values, 0.25)?,
        median: quantile(&values, 0.5)?,
        upper: quantile(&values, 0.75)?,
    })
}

/// The spread of `yardstick ÷ ours` over the rounds that both have: above 1 is cheaper than the yardstick.
#[must_use]
pub fn ratios(yardstick: &[f64], ours: &[f64]) -> Option<Spread> {
    spread(
        yardstick.iter().zip(ours).filter(|(_, ours)| **ours > 0.0).map(|(yardstick, ours)| yardstick / ours),
    )
}

/// Linear between the two values next to it.
fn quantile(sorted: &[f64], quantile: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = last as f64 * quantile;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    Some(below + (above - below) * place.fract())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_lie_between_the_values_next_to_them() {
        let expected = Spread { lower: 2.0, median: 3.0, upper: 4.0 };
        assert_eq!(spread([5.0, 1.0, 3.0, 2.0, 4.0]), Some(expected));
        let expected = Spread { lower: 1.75, median: 2.5, upper: 3.25 };
        assert_eq!(spread([1.0, 2.0, 3.0, 4.0]), Some(expected));
        assert_eq!(spread([7.0]).map(|spread| spread.upper), Some(7.0));
        assert_eq!(spread([]), None);
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        // A slow moment of the machine hits both sides of its round.
        let ratios = ratios(&[100.0, 300.0, 110.0], &[50.0, 150.0, 55.0, 9.0]).unwrap();
        assert_eq!((ratios.lower, ratios.median, ratios.upper), (2.0, 2.0, 2.0));
    }

    #[test]
    fn a_round_without_a_figure_is_left_out() {
        assert_eq!(ratios(&[1.0], &[0.0]), None);
    }
}

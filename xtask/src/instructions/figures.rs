//! The figures in the repository, and what is wrong with the counts of today.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// Instructions by the name of their row.
pub(super) type Rows = BTreeMap<String, u64>;

/// The figures, and with which versions they were taken.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Figures {
    pub(super) taken_with: Vec<String>,
    pub(super) rows: Rows,
}

impl Figures {
    /// One line for each row, sorted.
    pub(super) fn to_json(&self) -> serde_json::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

/// Every row with its figure, its count and the difference.
pub(super) fn table(kept: &Rows, counted: &Rows) -> String {
    let cell = |n: Option<&u64>| n.map_or_else(|| "-".to_owned(), u64::to_string);
    let mut lines = vec![format!("{:<24} {:>10} {:>10}", "row", "figure", "counted")];
    for row in kept.keys().chain(counted.keys()).collect::<BTreeSet<_>>() {
        let (figure, count) = (kept.get(row), counted.get(row));
        let percent = figure.zip(count).map_or_else(String::new, |(figure, count)| percent(*figure, *count));
        lines.push(
            format!("{row:<24} {:>10} {:>10} {percent:>9}", cell(figure), cell(count)).trim_end().to_owned(),
        );
    }
    lines.join("\n")
}

/// What is wrong, a line each; nothing if every row is there and as near to its figure as the limit asks.
///
/// A fall is wrong too: with a figure that is too high, the way back up to it would be free.
pub(super) fn complaints(kept: &Figures, counted: &Figures) -> Vec<String> {
    let mut complaints = Vec::new();
    for (row, figure) in &kept.rows {
        let Some(count) = counted.rows.get(row) else {
            complaints
                .push(format!("{row}: has a figure and is not counted; {ACCEPT} if it is gone for good"));
            continue;
        };
        let (n, percent) = (u128::from(*count) * 100, percent(*figure, *count));
        if n > u128::from(*figure) * (100 + LIMIT_PERCENT) {
            complaints.push(format!(
                "{row}: {count} instructions, {figure} before: {percent}, limit is {LIMIT_PERCENT} %; make it \
                 cheaper, or {ACCEPT} and say in the commit why it rose"
            ));
        } else if n < u128::from(*figure) * (100 - LIMIT_PERCENT) {
            complaints.push(format!(
                "{row}: {count} instructions, {figure} before: {percent}; it got cheaper, so lower its figure: {ACCEPT}"
            ));
        }
    }
    for row in counted.rows.keys().filter(|row| !kept.rows.contains_key(*row)) {
        complaints.push(format!("{row}: is counted and has no figure; {ACCEPT}"));
    }
    if !complaints.is_empty() && kept.taken_with != counted.taken_with {
        complaints.push(format!(
            "the figures were taken with {}, and this is {}",
            kept.taken_with.join(", "),
            counted.taken_with.join(", ")
        ));
    }
    complaints
}

fn percent(figure: u64, count: u64) -> String {
    format!("{:+.2} %", (count as f64 / figure as f64 - 1.0) * 100.0)
}

/// How far a count may be from its figure.
const LIMIT_PERCENT: u128 = 3;

const ACCEPT: &str = "`cargo xtask instructions --accept`";

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(rows: &[(&str, u64)], rustc: &str) -> Figures {
        let rows = rows.iter().map(|(row, n)| ((*row).to_owned(), *n)).collect();
        Figures { taken_with: vec![rustc.to_owned()], rows }
    }

    fn complaints_about(kept: &[(&str, u64)], counted: &[(&str, u64)]) -> Vec<String> {
        complaints(&figures(kept, "rustc 1"), &figures(counted, "rustc 1"))
    }

    #[test]
    fn a_count_up_to_the_limit_away_from_its_figure_passes() {
        for count in [97_000, 97_001, 100_000, 102_999, 103_000] {
            assert_eq!(complaints_about(&[("a", 100_000)], &[("a", count)]), Vec::<String>::new(), "{count}");
        }
    }

    #[test]
    fn a_rise_above_the_limit_names_the_row_both_figures_and_the_percent() {
        let complaints = complaints_about(&[("a", 100_000), ("b", 7)], &[("a", 103_001), ("b", 7)]);
        assert_eq!(complaints.len(), 1, "{complaints:?}");
        assert!(
            complaints[0].starts_with("a: 103001 instructions, 100000 before: +3.00 %, limit is 3 %"),
            "{complaints:?}"
        );
    }

    #[test]
    fn a_fall_below_the_limit_asks_for_a_lower_figure() {
        let complaints = complaints_about(&[("a", 100_000)], &[("a", 96_999)]);
        assert_eq!(complaints.len(), 1, "{complaints:?}");
        assert!(complaints[0].contains("-3.00 %; it got cheaper, so lower its figure"), "{complaints:?}");
    }

    #[test]
    fn a_row_that_is_missing_on_either_side_fails() {
        let complaints = complaints_about(&[("a", 1), ("gone", 2)], &[("a", 1), ("new", 3)]);
        assert_eq!(complaints.len(), 2, "{complaints:?}");
        assert!(complaints[0].starts_with("gone: has a figure and is not counted"), "{complaints:?}");
        assert!(complaints[1].starts_with("new: is counted and has no figure"), "{complaints:?}");
    }

    #[test]
    fn other_versions_are_told_where_a_count_is_wrong_and_only_there() {
        let kept = figures(&[("a", 100)], "rustc 1");
        assert_eq!(complaints(&kept, &figures(&[("a", 100)], "rustc 2")), Vec::<String>::new());
        let complaints = complaints(&kept, &figures(&[("a", 110)], "rustc 2"));
        assert_eq!(complaints.last().unwrap(), "the figures were taken with rustc 1, and this is rustc 2");
    }

    #[test]
    fn the_file_has_a_sorted_line_for_each_row() {
        let json = figures(&[("b", 2), ("a", 1)], "rustc 1").to_json().unwrap();
        assert!(json.ends_with("{\n    \"a\": 1,\n    \"b\": 2\n  }\n}\n"), "{json}");
    }

    #[test]
    fn the_table_shows_a_row_that_is_on_one_side_only() {
        let table = table(&figures(&[("a", 100)], "").rows, &figures(&[("a", 101), ("b", 2)], "").rows);
        let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[1..], [vec!["a", "100", "101", "+1.00", "%"], vec!["b", "-", "2"]]);
    }
}

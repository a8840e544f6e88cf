//! The results as a table.

use std::fmt::Write;

use super::{
    format::{three_digits, time_or_none, whole},
    results::Results,
    tally::Times,
};
use crate::escape;

/// Lines for standard output.
pub(crate) fn table(results: &Results) -> String {
    let mut text = format!("{}\n\n", escape::line(&results.headline()));
    text.push_str(&aligned(&rows(results)));
    let kinds = results.troubles.kinds();
    if !kinds.is_empty() {
        let _ = writeln!(text, "\nerrors");
    }
    for (what, kind) in kinds {
        let _ = writeln!(text, "{:>10}  {}", whole(kind.count), escape::line(what));
    }
    text
}

/// The head, the handshakes, and each size.
pub(super) fn rows(results: &Results) -> Vec<[String; COLUMNS]> {
    let head = ["", "messages", "per s", "MB/s", "p50", "p90", "p99", "p99.9", "max"];
    let mut rows = vec![head.map(str::to_owned)];
    for round in &results.rounds {
        let numbers = [
            round.size.to_string(),
            whole(round.messages()),
            three_digits(round.per_second()),
            three_digits(round.megabytes_per_second()),
        ];
        rows.push(row(numbers, &round.tally.latency));
        if round.tally.late.count() > 0 {
            let numbers =
                ["  sent late".to_owned(), whole(round.tally.late.count()), String::new(), String::new()];
            rows.push(row(numbers, &round.tally.late));
        }
    }
    let opened = &results.opened;
    let numbers =
        ["handshake".to_owned(), whole(opened.count), three_digits(opened.per_second()), String::new()];
    rows.push(row(numbers, &opened.handshake));
    rows
}

fn row([what, count, per_second, megabytes]: [String; 4], times: &Times) -> [String; COLUMNS] {
    let [p50, p90, p99, p999, max] = PERCENTILES.map(|percentile| time_or_none(times.percentile(percentile)));
    [what, count, per_second, megabytes, p50, p90, p99, p999, max]
}

/// The first column begins, and the others end, one below the other.
fn aligned(rows: &[[String; COLUMNS]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; COLUMNS] = std::array::from_fn(width);
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (at, (cell, width)) in row.iter().zip(widths).enumerate() {
            let _ = if at == 0 { write!(line, "{cell:<width$}") } else { write!(line, "  {cell:>width$}") };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

pub(super) const PERCENTILES: [f64; 5] = [50.0, 90.0, 99.0, 99.9, 100.0];
const COLUMNS: usize = 9;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        bench::{results::tests::results, trouble::Trouble},
        exit::Exit,
    };

    #[test]
    fn numbers_stand_one_below_the_other() {
        let mut results = results();
        results.troubles.add_many(
            Trouble { what: "refused\nby\u{1b}[2J".to_owned(), hint: None, exit: Exit::Failed },
            1200,
        );
        for milliseconds in 1..=1000 {
            results.rounds[0].tally.latency.record(Duration::from_millis(milliseconds));
        }
        let text = table(&results);
        let expected = "\
2 connections to ws://127.0.0.1/, closed loop, 1 outstanding on each, binary, 1 thread

           messages  per s   MB/s     p50     p90     p99   p99.9     max
20 B          1,000    500  0.010  500 ms  900 ms  990 ms  1.00 s  1.00 s
handshake         2   20.0         1.00 ms  3.00 ms  3.00 ms  3.00 ms  3.00 ms

errors
     1,200  refused\\nby\\u{1b}[2J
";
        let squeeze = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(squeeze(&text), squeeze(expected), "{text}");
        let lines: Vec<_> = text.lines().skip(2).take(3).collect();
        let ends = |line: &str| line.chars().count();
        assert!(lines.iter().all(|line| ends(line) == ends(lines[0])), "{text}");
    }

    #[test]
    fn where_nothing_was_measured_there_are_no_times() {
        assert!(table(&results()).contains("20 B              0"), "{}", table(&results()));
        assert_eq!(table(&results()).matches('–').count(), 5);
    }
}

//! The tables: one for each row on the terminal, and all rows in Markdown for the README.

use std::fmt::Write;

use bench::stats::Spread;

use crate::results::{PeerResult, Results, RowResult};
use crate::rows::Unit;
use crate::targets;

/// A row, one line for each peer.
pub(crate) fn of_row(results: &Results, row: &RowResult) -> String {
    let unit = row.row().map_or(Unit::Nanos, |row| row.unit());
    let title = row.row().map_or(row.name.as_str(), |row| row.title);
    let mut table = format!("\n{} — {title}\n", row.name);
    let cost = match unit {
        Unit::Nanos => "ns/message",
        Unit::Bytes => "bytes",
        Unit::Times => "×",
    };
    let _ = writeln!(
        table,
        "{:<25} {cost:>11}  {:<19} {:>6} {:>10} {:>10}  {:>10}  targets",
        "", "ratio", "msg/s", "p50 µs", "p99 µs", "sends/read"
    );
    for peer in &row.peers {
        table.push_str(line(results, row, peer, unit).trim_end());
        table.push('\n');
    }
    let better: Vec<_> = targets::better_than_us(row)
        .iter()
        .map(|(label, lead)| format!("{label} {:.2} ({:.2}–{:.2})", lead.median, lead.lower, lead.upper))
        .collect();
    if !better.is_empty() {
        let _ = writeln!(table, "carrick is beaten by {}", better.join(", "));
    }
    table
}

fn line(results: &Results, row: &RowResult, peer: &PeerResult, unit: Unit) -> String {
    let Some(cost) = peer.cost else {
        return format!("{:<25} {:>11}  {}", peer.label, "–", peer.trouble.as_deref().unwrap_or_default());
    };
    let ratio = peer.ratio.map_or_else(String::new, |ratio| {
        format!("{:5.2} ({:.2}–{:.2})", ratio.median, ratio.lower, ratio.upper)
    });
    let optional = |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.2}"));
    let micros = |value: f64| if value > 0.0 { format!("{value:.1}") } else { String::new() };
    let verdicts: Vec<String> = targets::judge(results, row, peer)
        .iter()
        .map(|verdict| format!("{} {}", if verdict.met { "met" } else { "MISSED" }, verdict.wanted))
        .collect();
    let trouble = peer.trouble.as_ref().map_or_else(String::new, |trouble| format!("failed: {trouble}"));
    format!(
        "{:<25} {:>11}  {ratio:<19} {:>6} {:>10} {:>10}  {:>10}  {}{trouble}",
        peer.label,
        shown(cost.median, unit),
        optional(peer.rate_ratio.map(|ratio| ratio.median)),
        micros(peer.p50_micros),
        micros(peer.p99_micros),
        optional(peer.sends_per_read),
        verdicts.join(", "),
    )
}

/// All rows, with a column for each peer.
pub(crate) fn markdown(results: &Results) -> String {
    let mut text = format!(
        "{}, {} cores, {}; {}. Measured on {}.\n",
        results.machine.processor,
        results.machine.cores,
        results.machine.kernel,
        results.machine.tools.join(", "),
        results.machine.date
    );
    let of_unit =
        |unit| results.rows.iter().filter(move |row| row.row().is_some_and(|row| row.unit() == unit));
    let of_versions = |row: &&RowResult| row.row().is_some_and(|row| row.of_versions);
    let cpu: Vec<_> = of_unit(Unit::Nanos).filter(|row| row.name != "client" && !of_versions(row)).collect();
    section(
        &mut text,
        "CPU time of a message: uWebSockets ÷ the peer; above 1 is cheaper than uWebSockets. Medians; quartiles for ours.",
        &cpu,
        |peer| ratio(peer, peer.is_ours(), YARDSTICK),
    );
    let versions: Vec<_> = results.rows.iter().filter(of_versions).collect();
    section(
        &mut text,
        "CPU time of a message over TLS: HTTP/1.1, with a connection for each WebSocket, ÷ a newer version, with one for all.",
        &versions,
        |peer| ratio(peer, true, "carrick-async"),
    );
    let memory: Vec<_> = of_unit(Unit::Bytes).collect();
    section(&mut text, "User memory of an idle connection, bytes.", &memory, |peer| {
        figure(peer, Unit::Bytes)
    });
    let growth: Vec<_> = of_unit(Unit::Times).collect();
    section(&mut text, "How many times as much a message costs.", &growth, |peer| figure(peer, Unit::Times));
    let client: Vec<_> = results.rows.iter().filter(|row| row.name == "client").collect();
    section(&mut text, "CPU time of a client for a message, ns.", &client, |peer| figure(peer, Unit::Nanos));
    text
}

fn section(text: &mut String, title: &str, rows: &[&RowResult], cell: impl Fn(&PeerResult) -> String) {
    let Some(first) = rows.first() else { return };
    // A peer that can do none of it has no column.
    let able = |name: &str| rows.iter().filter_map(|row| row.peer(name)).any(|peer| peer.cost.is_some());
    let columns: Vec<&PeerResult> = first.peers.iter().filter(|peer| able(&peer.name)).collect();
    let heads: Vec<String> =
        columns.iter().map(|peer| format!("{} {}", peer.label, peer.version).trim_end().to_owned()).collect();
    let _ = writeln!(text, "\n{title}\n\n| | {} |\n|---|{}", heads.join(" | "), "---:|".repeat(heads.len()));
    for row in rows {
        let cells = columns.iter().map(|column| {
            let peer = row.peer(&column.name).filter(|peer| peer.cost.is_some());
            peer.map_or_else(|| "–".to_owned(), &cell)
        });
        let title = row.row().map_or(row.name.as_str(), |row| row.title);
        let _ = writeln!(text, "| {title} | {} |", cells.collect::<Vec<_>>().join(" | "));
    }
}

fn ratio(peer: &PeerResult, with_quartiles: bool, yardstick: &str) -> String {
    if let Some(cost) = peer.cost.filter(|_| peer.name == yardstick) {
        return format!("1 ({} ns)", shown(cost.median, Unit::Nanos));
    }
    match peer.ratio {
        Some(Spread { lower, median, upper }) if with_quartiles => {
            format!("**{median:.2}** ({lower:.2}–{upper:.2})")
        }
        Some(ratio) => format!("{:.2}", ratio.median),
        None => "–".to_owned(),
    }
}

fn figure(peer: &PeerResult, unit: Unit) -> String {
    let shown = peer.cost.map_or_else(|| "–".to_owned(), |cost| shown(cost.median, unit));
    if peer.is_ours() { format!("**{shown}**") } else { shown }
}

/// A figure in its unit, with a comma between thousands.
pub(crate) fn shown(value: f64, unit: Unit) -> String {
    if unit == Unit::Times {
        return format!("{value:.2}×");
    }
    let digits = format!("{value:.0}");
    let mut shown = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// Of the rows with a column of ratios.
const YARDSTICK: &str = "uwebsockets";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_told_apart() {
        assert_eq!(shown(0.0, Unit::Nanos), "0");
        assert_eq!(shown(999.6, Unit::Bytes), "1,000");
        assert_eq!(shown(1_234_567.0, Unit::Nanos), "1,234,567");
        assert_eq!(shown(1.234, Unit::Times), "1.23×");
    }
}

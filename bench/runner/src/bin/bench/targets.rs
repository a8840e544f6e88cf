//! The targets, and whether they are met.

use bench::stats::Spread;

use crate::results::{PeerResult, Results, RowResult};

/// What is wanted of one of our servers in the rows whose names begin with `rows`.
#[derive(Debug, Clone, Copy)]
struct Target {
    rows: &'static str,
    /// As the name of a peer begins.
    peer: &'static str,
    wanted: Wanted,
}

#[derive(Debug, Clone, Copy)]
enum Wanted {
    /// The cost of this peer ÷ our cost, at least; as medians, except for the yardstick, with which it is compared round
    /// by round.
    Ratio(&'static str, f64),
    /// The cost of the best other Rust crate as it is commonly used ÷ our cost, at least.
    RatioToRust(f64),
    /// The cost, at most.
    Cost(f64),
    /// The cost above that in another row, at most.
    CostAbove(&'static str, f64),
    /// No peer costs less.
    Least,
    /// Calls that send for each that received something, at most.
    Sends(f64),
}

const CALLBACK: &str = "carrick-callback";
const ASYNC: &str = "carrick-async";
const BOTH: &str = "carrick";
const UWS: &str = "uwebsockets";

const TARGETS: &[Target] = &[
    target("ping-64x", CALLBACK, Wanted::Ratio(UWS, 1.0)),
    target("ping-64x", CALLBACK, Wanted::Ratio("raw-epoll", 0.93)),
    target("ping-64x", ASYNC, Wanted::Ratio(UWS, 0.95)),
    target("ping-1000x", CALLBACK, Wanted::Ratio(UWS, 1.0)),
    target("ping-1000x", CALLBACK, Wanted::Ratio("raw-epoll", 0.93)),
    target("ping-1000x", ASYNC, Wanted::Ratio(UWS, 0.95)),
    target("large", BOTH, Wanted::Ratio(UWS, 1.1)),
    target("d32", CALLBACK, Wanted::Ratio(UWS, 1.1)),
    target("d32", ASYNC, Wanted::Ratio(UWS, 1.0)),
    target("d32", BOTH, Wanted::RatioToRust(12.0)),
    target("d32", BOTH, Wanted::Sends(1.05)),
    target("text-chinese", BOTH, Wanted::Ratio(UWS, 3.0)),
    target("fanout-1000 ", BOTH, Wanted::Ratio(UWS, 1.1)),
    target("fanout-10000 ", BOTH, Wanted::Ratio(UWS, 1.1)),
    target("fanout-1000-by-8", BOTH, Wanted::Ratio(UWS, 1.05)),
    target("fanout-10000-by-8", BOTH, Wanted::Ratio(UWS, 1.05)),
    target("deflate", BOTH, Wanted::Ratio(UWS, 1.3)),
    target("tls-20", BOTH, Wanted::Ratio(UWS, 1.15)),
    target("tls-16384", BOTH, Wanted::Ratio(UWS, 1.25)),
    target("handshake", BOTH, Wanted::Ratio(UWS, 1.0)),
    target("idle ", CALLBACK, Wanted::Cost(272.0)),
    target("idle ", ASYNC, Wanted::Cost(930.0)),
    target("idle-tls", BOTH, Wanted::Least),
    target("idle-deflate", CALLBACK, Wanted::CostAbove("idle", 100.0)),
    target("idle-deflate", ASYNC, Wanted::CostAbove("idle", 100.0)),
    target("growth", BOTH, Wanted::Cost(1.3)),
];

const fn target(rows: &'static str, peer: &'static str, wanted: Wanted) -> Target {
    Target { rows, peer, wanted }
}

/// What is wanted, in words, and whether it is so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) wanted: String,
    pub(crate) met: bool,
}

/// The targets of a peer in a row; there are none for the peers that are not ours.
pub(crate) fn judge(results: &Results, row: &RowResult, peer: &PeerResult) -> Vec<Verdict> {
    // A blank ends a name, so `idle ` is not `idle-tls`.
    let name = format!("{} ", row.name);
    let ours =
        TARGETS.iter().filter(|target| name.starts_with(target.rows) && peer.name.starts_with(target.peer));
    ours.filter_map(|target| target.wanted.judge(results, row, peer)).collect()
}

impl Wanted {
    /// `None` where there is nothing to compare.
    fn judge(self, results: &Results, row: &RowResult, peer: &PeerResult) -> Option<Verdict> {
        let cost = peer.cost?.median;
        let of = |name: &str| row.peer(name).and_then(|other| other.cost).map(|cost| cost.median);
        let verdict = |wanted: String, met: bool| Some(Verdict { wanted, met });
        match self {
            Wanted::Ratio(other, least) => {
                let ratio = if other == row.yardstick { peer.ratio?.median } else { of(other)? / cost };
                let of_whom = if other == row.yardstick { String::new() } else { format!(" of {other}") };
                verdict(format!("≥ {least}{of_whom}"), ratio >= least)
            }
            Wanted::RatioToRust(least) => {
                let crates = row.peers.iter().filter(|other| RUST_CRATES.contains(&other.name.as_str()));
                let best =
                    crates.filter_map(|other| other.cost).map(|cost| cost.median).min_by(f64::total_cmp)?;
                verdict(
                    format!("≥ {least}× the best crate that sends each by itself ({:.1}×)", best / cost),
                    best / cost >= least,
                )
            }
            Wanted::Cost(most) => verdict(format!("≤ {most}"), cost <= most),
            Wanted::CostAbove(other, most) => {
                let other_row = results.row(other)?;
                let above = cost - other_row.peer(&peer.name)?.cost?.median;
                verdict(format!("≤ {most} above `{other}` ({above:+.0})"), above <= most)
            }
            Wanted::Least => {
                let others = row.peers.iter().filter(|other| !other.is_ours());
                let least =
                    others.filter_map(|other| other.cost).map(|cost| cost.median).min_by(f64::total_cmp)?;
                verdict("the least".to_owned(), cost <= least)
            }
            Wanted::Sends(most) => {
                let sends = peer.sends_per_read?;
                verdict(format!("≤ {most} sends per read"), sends <= most)
            }
        }
    }
}

/// The peers that beat both of ours in a row, which no target excuses, and how: our better cost ÷ theirs, round by round.
/// The raw echo is no peer: it does less; and who grows less is not better for it.
pub(crate) fn better_than_us(row: &RowResult) -> Vec<(&str, Spread)> {
    if row.name == "growth" {
        return Vec::new();
    }
    let ours: Vec<_> = row.peers.iter().filter(|peer| peer.is_ours()).collect();
    let others = row.peers.iter().filter(|peer| !peer.is_ours() && peer.name != "raw-epoll");
    let leads = others.filter_map(|peer| {
        let leads = ours.iter().filter_map(|ours| peer.lead_over(ours));
        Some((peer.label.as_str(), leads.min_by(|a, b| a.median.total_cmp(&b.median))?))
    });
    leads.filter(|(_, lead)| lead.median > 1.0).collect()
}

/// As they are commonly used: where a library can do both, every answer is sent by itself.
const RUST_CRATES: &[&str] = &[
    "fastwebsockets",
    "tokio-tungstenite-each",
    "tokio-websockets-each",
    "yawc-each",
    "sockudo-ws-each",
    "soketto",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(name: &str, cost: f64, yardstick: f64) -> PeerResult {
        let spread = |value| Some(Spread { lower: value, median: value, upper: value });
        PeerResult {
            name: name.to_owned(),
            label: name.to_owned(),
            version: String::new(),
            cost: spread(cost),
            ratio: spread(yardstick / cost),
            rate_ratio: None,
            rate: 0.0,
            p50_micros: 0.0,
            p99_micros: 0.0,
            sends_per_read: None,
            trouble: None,
            rounds: vec![Some(cost)],
        }
    }

    fn row(name: &str, costs: &[(&str, f64)]) -> RowResult {
        let peers = costs.iter().map(|(name, cost)| peer(name, *cost, 100.0)).collect();
        RowResult {
            name: name.to_owned(),
            date: String::new(),
            seconds: 0.5,
            yardstick: UWS.to_owned(),
            peers,
        }
    }

    fn met(row: &RowResult, results: &Results) -> Vec<bool> {
        judge(results, row, &row.peers[0]).iter().map(|verdict| verdict.met).collect()
    }

    #[test]
    fn a_ratio_is_met_at_its_limit() {
        let results = Results::default();
        assert_eq!(met(&row("large", &[(CALLBACK, 90.0)]), &results), [true]);
        assert_eq!(met(&row("large", &[(CALLBACK, 92.0)]), &results), [false]);
        // 1.0 of uWebSockets is met, 0.93 of the raw echo is not.
        assert_eq!(
            met(&row("ping-64x20", &[(CALLBACK, 100.0), ("raw-epoll", 90.0)]), &results),
            [true, false]
        );
    }

    #[test]
    fn what_deflate_adds_is_seen_beside_the_plain_row() {
        let results = Results { rows: vec![row("idle", &[(ASYNC, 800.0)])], ..Results::default() };
        assert_eq!(met(&row("idle-deflate", &[(ASYNC, 900.0)]), &results), [true]);
        assert_eq!(met(&row("idle-deflate", &[(ASYNC, 901.0)]), &results), [false]);
        assert_eq!(met(&row("idle", &[(ASYNC, 931.0)]), &results), [false]);
    }

    #[test]
    fn a_peer_that_beats_us_is_named() {
        let costs = [(CALLBACK, 50.0), (ASYNC, 70.0), (UWS, 60.0), ("raw-epoll", 10.0), ("yawc", 49.0)];
        let row = row("client", &costs);
        let better: Vec<_> = better_than_us(&row).iter().map(|(label, lead)| (*label, lead.median)).collect();
        assert_eq!(better, [("yawc", 50.0 / 49.0)]);
    }
}

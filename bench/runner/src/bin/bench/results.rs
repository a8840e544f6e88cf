//! What was measured, as it stands in `bench/results/results.json`.

use std::path::PathBuf;
use std::{fs, io};

use anyhow::Context;
use bench::stats::{self, Spread};
use serde::{Deserialize, Serialize};

use crate::machine::{self, Machine};
use crate::peers::{OURS, Peer};
use crate::places;
use crate::rows::{ROWS, Row, Unit};

/// All rows.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Results {
    pub(crate) machine: Machine,
    pub(crate) rows: Vec<RowResult>,
}

/// One row.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RowResult {
    pub(crate) name: String,
    pub(crate) date: String,
    /// Seconds of a round.
    pub(crate) seconds: f64,
    /// The peer that the ratios compare with.
    pub(crate) yardstick: String,
    pub(crate) peers: Vec<PeerResult>,
}

/// One peer in one row.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PeerResult {
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) version: String,
    /// What a message or connection costs, in the unit of the row. `None`: the library cannot do this, or failed.
    pub(crate) cost: Option<Spread>,
    /// The cost of the yardstick ÷ the cost of this peer, round by round.
    pub(crate) ratio: Option<Spread>,
    /// Messages per second of this peer ÷ those of the yardstick.
    pub(crate) rate_ratio: Option<Spread>,
    /// Messages per second.
    pub(crate) rate: f64,
    pub(crate) p50_micros: f64,
    pub(crate) p99_micros: f64,
    /// Only in the row that counts them.
    pub(crate) sends_per_read: Option<f64>,
    /// Why it did not go through.
    pub(crate) trouble: Option<String>,
    /// Each round's cost; `None` in rounds in which it did not take part.
    pub(crate) rounds: Vec<Option<f64>>,
}

/// What one round shows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures {
    pub(crate) cost: f64,
    pub(crate) rate: f64,
    pub(crate) p50_nanos: u64,
    pub(crate) p99_nanos: u64,
}

/// All rounds of one peer.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    rounds: Vec<Option<Figures>>,
    pub(crate) sends_per_read: Option<f64>,
    pub(crate) trouble: Option<String>,
}

impl Outcome {
    pub(crate) fn set(&mut self, round: usize, figures: Figures) {
        self.rounds.resize(self.rounds.len().max(round + 1), None);
        self.rounds[round] = Some(figures);
    }

    /// The cost of `other` ÷ the cost of this, in the rounds that both have.
    pub(crate) fn lead_over(&self, other: &Outcome) -> Option<Spread> {
        let (costs, others) = self.beside(other, |figures| figures.cost);
        stats::ratios(&others, &costs)
    }

    fn median(&self, of: impl Fn(&Figures) -> f64) -> f64 {
        stats::spread(self.rounds.iter().flatten().map(of)).map_or(0.0, |spread| spread.median)
    }

    /// `of` in the rounds that both have, pairwise.
    fn beside(&self, other: &Outcome, of: impl Fn(&Figures) -> f64) -> (Vec<f64>, Vec<f64>) {
        let both = self.rounds.iter().zip(&other.rounds).filter_map(|(ours, others)| (*ours).zip(*others));
        both.map(|(ours, others)| (of(&ours), of(&others))).unzip()
    }
}

impl RowResult {
    pub(crate) fn new(
        row: &Row,
        seconds: f64,
        outcomes: impl Iterator<Item = (&'static Peer, Outcome)>,
    ) -> RowResult {
        let outcomes: Vec<_> = outcomes.collect();
        let none = Outcome::default();
        let yardstick = outcomes.iter().find(|(peer, _)| peer.name == row.yardstick());
        let yardstick = yardstick.map_or(&none, |(_, outcome)| outcome);
        let peers = outcomes.iter().map(|(peer, outcome)| PeerResult::new(row, peer, outcome, yardstick));
        RowResult {
            name: row.name.to_owned(),
            date: machine::today(),
            seconds,
            yardstick: row.yardstick().to_owned(),
            peers: peers.collect(),
        }
    }

    /// What is measured; `None` for a row that is not there any more.
    pub(crate) fn row(&self) -> Option<&'static Row> {
        ROWS.iter().find(|row| row.name == self.name)
    }

    pub(crate) fn peer(&self, name: &str) -> Option<&PeerResult> {
        self.peers.iter().find(|peer| peer.name == name)
    }
}

impl PeerResult {
    fn new(row: &Row, peer: &Peer, outcome: &Outcome, yardstick: &Outcome) -> PeerResult {
        let (costs, yardstick_costs) = outcome.beside(yardstick, |figures| figures.cost);
        let (rates, yardstick_rates) = outcome.beside(yardstick, |figures| figures.rate);
        let is_rate = row.unit() == Unit::Nanos;
        PeerResult {
            name: peer.name.to_owned(),
            label: peer.label.to_owned(),
            version: peer.version(),
            cost: stats::spread(outcome.rounds.iter().flatten().map(|figures| figures.cost)),
            ratio: stats::ratios(&yardstick_costs, &costs),
            rate_ratio: if is_rate { stats::ratios(&rates, &yardstick_rates) } else { None },
            rate: outcome.median(|figures| figures.rate),
            p50_micros: outcome.median(|figures| figures.p50_nanos as f64 / 1000.0),
            p99_micros: outcome.median(|figures| figures.p99_nanos as f64 / 1000.0),
            sends_per_read: outcome.sends_per_read,
            trouble: outcome.trouble.clone(),
            rounds: outcome.rounds.iter().map(|round| round.map(|figures| figures.cost)).collect(),
        }
    }

    /// The cost of `other` ÷ the cost of this, in the rounds that both have.
    pub(crate) fn lead_over(&self, other: &PeerResult) -> Option<Spread> {
        let both = self.rounds.iter().zip(&other.rounds);
        let (costs, others): (Vec<_>, Vec<_>) = both.filter_map(|(cost, other)| (*cost).zip(*other)).unzip();
        stats::ratios(&others, &costs)
    }

    pub(crate) fn is_ours(&self) -> bool {
        self.name.starts_with(OURS)
    }
}

impl Results {
    /// What was written before; nothing if nothing was.
    pub(crate) fn load() -> anyhow::Result<Results> {
        match fs::read(path()) {
            Ok(text) => serde_json::from_slice(&text).context("bench/results/results.json"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Results::default()),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes rows in, in the place of earlier ones of the same name.
    pub(crate) fn take(&mut self, new: Vec<RowResult>) {
        self.rows.retain(|row| new.iter().all(|new| new.name != row.name));
        self.rows.extend(new);
        self.rows.sort_by_key(|result| ROWS.iter().position(|row| row.name == result.name));
    }

    pub(crate) fn save(&self) -> anyhow::Result<()> {
        fs::create_dir_all(path().with_file_name(""))?;
        Ok(fs::write(path(), serde_json::to_string_pretty(self)? + "\n")?)
    }

    pub(crate) fn row(&self, name: &str) -> Option<&RowResult> {
        self.rows.iter().find(|row| row.name == name)
    }
}

fn path() -> PathBuf {
    places::bench().join("results/results.json")
}

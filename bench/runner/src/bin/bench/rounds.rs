//! A row: all its peers side by side, in rounds whose order alternates.

use anyhow::Context;
use bench::measurement::Measurement;
use indicatif::ProgressBar;

use crate::client;
use crate::peers::Peer;
use crate::results::{Figures, Outcome, RowResult};
use crate::rows::{Row, Work};
use crate::stage::{Server, Stage};
use crate::syscalls;

/// A peer in a row.
struct Contestant {
    peer: &'static Peer,
    /// As long as it can go on.
    server: Option<Server>,
    outcome: Outcome,
    /// Whether it takes part in the rounds that are for few.
    stays: bool,
}

/// Runs a row.
pub(crate) fn run(stage: &Stage, row: &'static Row, peers: &[&'static Peer]) -> anyhow::Result<RowResult> {
    let rounds =
        if row.needs_fresh_servers() { stage.effort.rounds.min(FRESH_ROUNDS) } else { stage.effort.rounds };
    let bar = ProgressBar::new((rounds * peers.len()) as u64);
    bar.set_style(indicatif::ProgressStyle::with_template(BAR)?);
    let fixed = if row.work == Work::Client { Some(client::fixed_server(stage)?) } else { None };
    let mut contestants = Vec::new();
    for peer in peers {
        let stays = peer.in_every_round;
        let mut contestant = Contestant { peer, server: None, outcome: Outcome::default(), stays };
        if fixed.is_none() {
            contestant.start(stage, row);
        }
        contestants.push(contestant);
    }
    for round in 0..rounds {
        if round == stage.effort.other_rounds {
            keep_rivals(&mut contestants);
        }
        for index in order(round, contestants.len()) {
            let contestant = &mut contestants[index];
            bar.set_message(format!("{}: {}", row.name, contestant.peer.label));
            if contestant.stays || round < stage.effort.other_rounds {
                contestant.take_turn(stage, row, round, fixed.as_ref());
            }
            bar.inc(1);
        }
    }
    if row.name == syscalls::ROW {
        for contestant in &mut contestants {
            if let Some(server) = &contestant.server {
                match syscalls::sends_per_read(stage, contestant.peer, server, row) {
                    Ok(count) => contestant.outcome.sends_per_read = Some(count),
                    Err(error) => contestant.outcome.trouble = Some(format!("strace: {error:#}")),
                }
            }
        }
    }
    bar.finish_and_clear();
    let outcomes = contestants.into_iter().map(|contestant| (contestant.peer, contestant.outcome));
    Ok(RowResult::new(row, stage.effort.seconds, outcomes))
}

impl Contestant {
    fn start(&mut self, stage: &Stage, row: &Row) {
        match stage.serve(self.peer, row.mode, stage.server_core) {
            Ok(server) => self.server = server,
            Err(error) => self.outcome.trouble = Some(format!("{error:#}")),
        }
    }

    fn take_turn(&mut self, stage: &Stage, row: &Row, round: usize, fixed: Option<&Server>) {
        if self.outcome.trouble.is_some() {
            return;
        }
        if row.needs_fresh_servers() && round > 0 && self.server.take().is_some() {
            self.start(stage, row);
        }
        let figures = match (fixed, &self.server) {
            (Some(server), _) => client::figures(stage, self.peer, server, row),
            (None, Some(server)) => figures(stage, self.peer, server, row).map(Some),
            (None, None) => Ok(None),
        };
        match figures {
            Ok(Some(figures)) => self.outcome.set(round, figures),
            Ok(None) => {}
            Err(error) => {
                self.outcome.trouble = Some(format!("round {round}: {error:#}"));
                self.server = None;
            }
        }
    }
}

/// What one round of one server shows.
fn figures(stage: &Stage, peer: &Peer, server: &Server, row: &Row) -> anyhow::Result<Figures> {
    let measured: Vec<Measurement> = row
        .loads()
        .iter()
        .map(|args| stage.load(peer, server, row.mode, args))
        .collect::<anyhow::Result<_>>()?;
    let last = measured.last().context("no load")?;
    let cost = match (row.work, &measured[..]) {
        (Work::Growth, [few, many]) => many.cpu_per_message() / few.cpu_per_message(),
        (Work::Idle, _) => last.idle_bytes,
        _ => last.cpu_per_message(),
    };
    Ok(Figures { cost, rate: last.rate(), p50_nanos: last.p50_nanos, p99_nanos: last.p99_nanos })
}

/// Who is about as good as ours in the first rounds stays in the others: they would not tell who is better.
fn keep_rivals(contestants: &mut [Contestant]) {
    let is_rival = |other: &Outcome| {
        let mut ours = contestants.iter().filter(|contestant| contestant.peer.is_ours());
        ours.all(|ours| other.lead_over(&ours.outcome).is_some_and(|lead| lead.median > RIVAL))
    };
    let rivals: Vec<bool> = contestants.iter().map(|contestant| is_rival(&contestant.outcome)).collect();
    for (contestant, is_rival) in contestants.iter_mut().zip(rivals) {
        contestant.stays |= is_rival;
    }
}

/// Nobody always follows the same peer, and nobody is always first.
fn order(round: usize, count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    order.rotate_left((round / 2) % count.max(1));
    if round % 2 == 1 {
        order.reverse();
    }
    order
}

/// For rows that start their servers anew: their figure hardly varies.
const FRESH_ROUNDS: usize = 3;
/// From which part of our best on a peer is a rival.
const RIVAL: f64 = 0.93;
const BAR: &str = "{bar:30} {pos}/{len} {eta:>5} {msg}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_round_has_everybody_once() {
        for round in 0..9 {
            let mut order = order(round, 4);
            order.sort_unstable();
            assert_eq!(order, [0, 1, 2, 3]);
        }
        assert!(order(0, 0).is_empty());
    }

    #[test]
    fn a_round_and_the_next_run_in_opposite_order() {
        assert_eq!(order(0, 3), [0, 1, 2]);
        assert_eq!(order(1, 3), [2, 1, 0]);
        assert_eq!(order(2, 3), [1, 2, 0]);
    }
}

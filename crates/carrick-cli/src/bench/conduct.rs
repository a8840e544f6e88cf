//! Opens the connections, runs one round after the other, and gathers what they tell.

use std::{
    collections::BTreeSet,
    future::pending,
    sync::Arc,
    time::{Duration, Instant},
};

use carrick::Error;
use tokio::{
    sync::{mpsc, watch},
    time::{MissedTickBehavior, interval, sleep_until, timeout},
};

use super::{
    connection::Report,
    pacer,
    payload::Payload,
    plan::Plan,
    progress::Progress,
    results::{Measured, Opened, Results},
    round::Round,
    tally::{Tally, Times},
    trouble::{Trouble, Troubles},
    worker::{self, Shared, Stage},
};
use crate::{args::Size, connect::opening, exit::Exit, failure::Failure, signals::Interruptions};

/// Does what is planned. `Ok(None)` if it was interrupted before anything was measured.
pub(crate) async fn conduct(
    plan: Plan,
    progress: Progress,
    interruptions: Interruptions,
) -> Result<Option<Results>, Failure> {
    let plan = Arc::new(plan);
    let shared = Arc::new(Shared::new(Arc::clone(&plan)));
    let (stages, stage) = watch::channel(Stage::Waiting);
    let (sender, reports) = mpsc::unbounded_channel();
    worker::start(&shared, &stage, &sender)?;
    drop((stage, sender));
    let mut conductor = Conductor {
        plan,
        shared,
        stages,
        reports,
        progress,
        interruptions,
        is_interrupted: false,
        open: BTreeSet::new(),
        playing: BTreeSet::new(),
        refused: 0,
        first_refusal: None,
        compressed: 0,
        handshake: Times::new(),
        troubles: Troubles::default(),
    };
    let result = conductor.run().await;
    conductor.progress.end();
    conductor.close().await;
    result
}

struct Conductor {
    plan: Arc<Plan>,
    shared: Arc<Shared>,
    stages: watch::Sender<Stage>,
    reports: mpsc::UnboundedReceiver<Report>,
    progress: Progress,
    interruptions: Interruptions,
    is_interrupted: bool,
    open: BTreeSet<usize>,
    /// Those that are not done with the round.
    playing: BTreeSet<usize>,
    refused: usize,
    first_refusal: Option<Failure>,
    compressed: usize,
    handshake: Times,
    troubles: Troubles,
}

/// What happened while something was waited for.
enum Happened {
    Reported(Report),
    /// It is time to show how far it is.
    Ticked,
    Interrupted,
    /// Nothing more can come, or nobody waits for it any longer.
    Over,
}

impl Conductor {
    async fn run(&mut self) -> Result<Option<Results>, Failure> {
        let elapsed = self.open().await;
        if self.is_interrupted {
            return Ok(None);
        }
        if self.handshake.count() == 0
            && let Some(failure) = self.first_refusal.take()
        {
            return Err(failure);
        }
        let opened = Opened {
            elapsed,
            count: self.handshake.count(),
            compressed: self.compressed,
            handshake: self.handshake.clone(),
        };
        let mut rounds = Vec::new();
        for size in self.plan.sizes.clone() {
            if self.is_interrupted || self.open.is_empty() {
                break;
            }
            rounds.push(self.round(size).await?);
        }
        let troubles = std::mem::take(&mut self.troubles);
        let is_interrupted = self.is_interrupted;
        Ok(Some(Results { plan: Arc::clone(&self.plan), opened, rounds, troubles, is_interrupted }))
    }

    /// Waits until every connection is open or has failed.
    async fn open(&mut self) -> Duration {
        let mut ticks = ticks();
        while self.handshake.count() as usize + self.refused < self.plan.connections {
            match self.next(&mut ticks, None).await {
                Happened::Reported(report) => self.handle(report),
                Happened::Ticked => {
                    self.progress.opening(self.handshake.count(), self.plan.connections as u64);
                }
                Happened::Interrupted | Happened::Over => break,
            }
        }
        self.shared.begins.elapsed()
    }

    /// Measures one size.
    async fn round(&mut self, size: Size) -> Result<Measured, Failure> {
        self.playing.clone_from(&self.open);
        let connections = self.open.iter().copied().collect();
        // A large one takes a while, which is no part of the round.
        let payload = Payload::new(self.plan.kind, size.bytes);
        let round = Arc::new(Round::new(&self.plan, payload, connections, Instant::now()));
        let pacer = pacer::start(&round, &self.shared)?;
        self.stages.send_replace(Stage::Round(Arc::clone(&round)));
        let mut ticks = ticks();
        let mut pacer = Some(pacer);
        let mut stopped = None;
        while !self.playing.is_empty() {
            let give_up = stopped.map(|stopped: Instant| stopped + STOP_PATIENCE);
            match self.next(&mut ticks, give_up).await {
                Happened::Reported(report) => self.handle(report),
                Happened::Ticked => self.progress.measuring(&self.plan, &round, size),
                Happened::Interrupted => {
                    stopped = Some(Instant::now());
                    round.stop();
                    pacer = None;
                }
                Happened::Over => break,
            }
        }
        drop(pacer);
        let measured = Measured::new(&self.plan, &round, size, stopped);
        self.count_missing(&round, &measured.tally, size);
        Ok(measured)
    }

    /// Messages that did not do what they should. Where a connection was lost, that is told beside them as the reason.
    fn count_missing(&mut self, round: &Round, tally: &Tally, size: Size) {
        let is_slow = self.open.len() == round.connections().len();
        let hint = "the server does not keep up with --rate; try a lower one, or more --connections";
        let trouble = |what: &str, hint: Option<&str>| Trouble {
            what: format!("messages of {size} {what}"),
            hint: hint.map(str::to_owned),
            exit: Exit::Unmet,
        };
        self.troubles.add_many(trouble("without a reply", None), tally.unanswered);
        self.troubles
            .add_many(trouble("that were due and not sent", Some(hint).filter(|_| is_slow)), tally.unsent);
    }

    fn handle(&mut self, report: Report) {
        match report {
            Report::Opened { connection, took, is_compressed } => {
                self.handshake.record(took);
                self.compressed += usize::from(is_compressed);
                self.open.insert(connection);
            }
            Report::Refused(error) => self.refuse(error),
            Report::Done { connection } => {
                self.playing.remove(&connection);
            }
            Report::Lost { connection, trouble } => {
                self.open.remove(&connection);
                self.playing.remove(&connection);
                self.troubles.add(trouble);
            }
        }
    }

    fn refuse(&mut self, error: Error) {
        self.refused += 1;
        let failure = opening::failure(&self.plan.url, error);
        let cause = failure.causes().last().map(|cause| format!(": {cause}")).unwrap_or_default();
        let what = format!("{failure}{cause}");
        self.troubles.add(Trouble { what, hint: failure.hint().map(str::to_owned), exit: failure.exit() });
        self.first_refusal.get_or_insert(failure);
    }

    async fn next(&mut self, ticks: &mut tokio::time::Interval, give_up: Option<Instant>) -> Happened {
        let given_up = async {
            match give_up {
                Some(moment) => sleep_until(moment.into()).await,
                None => pending().await,
            }
        };
        tokio::select! {
            report = self.reports.recv() => report.map_or(Happened::Over, Happened::Reported),
            _ = ticks.tick() => Happened::Ticked,
            () = self.interruptions.first(), if !self.is_interrupted => {
                self.is_interrupted = true;
                Happened::Interrupted
            }
            () = given_up => Happened::Over,
        }
    }

    /// Lets all connections close, for a while.
    async fn close(&mut self) {
        self.stages.send_replace(Stage::Closing);
        let all_gone = async { while self.reports.recv().await.is_some() {} };
        let _ = timeout(CLOSE_PATIENCE, all_gone).await;
    }
}

/// When the progress is shown.
fn ticks() -> tokio::time::Interval {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

const TICK: Duration = Duration::from_millis(100);
/// What is on its way when Ctrl-C is pressed may still arrive.
const STOP_PATIENCE: Duration = Duration::from_millis(500);
/// Longer than a connection waits for its end.
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);

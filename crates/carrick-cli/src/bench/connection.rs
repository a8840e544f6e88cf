//! One connection, from its opening to its end.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use carrick::{
    Error, WebSocket,
    protocol::{CloseCode, Message},
};
use tokio::{
    sync::{mpsc::UnboundedSender, watch},
    time::{sleep, sleep_until, timeout},
};

use super::{
    round::{Next, Round},
    trouble::Trouble,
    turns::{Sent, Turns, no_reply, unasked},
    worker::{Shared, Stage},
};
use crate::{ending, exit::Exit};

/// What a connection tells of itself.
#[derive(Debug)]
pub(super) enum Report {
    /// It is open.
    Opened { connection: usize, took: Duration, is_compressed: bool },
    /// It could not be opened.
    Refused(Error),
    /// It has nothing more to send in this round, and waits for no reply.
    Done { connection: usize },
    /// It is over.
    Lost { connection: usize, trouble: Trouble },
}

/// Opens a connection and does what every stage says.
pub(super) async fn run(
    connection: usize,
    thread: usize,
    shared: Arc<Shared>,
    mut stages: watch::Receiver<Stage>,
    reports: UnboundedSender<Report>,
) {
    let opened = tokio::select! {
        opened = open(connection, &shared) => opened,
        () = closing(&mut stages) => return,
    };
    let (websocket, took) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            let _ = reports.send(Report::Refused(error));
            return;
        }
    };
    let is_compressed = websocket.agreement().deflate.is_some();
    let _ = reports.send(Report::Opened { connection, took, is_compressed });
    let mut open = Open { connection, thread, shared, websocket };
    if let Err(trouble) = open.follow(&mut stages, &reports).await {
        let _ = reports.send(Report::Lost { connection, trouble });
    }
    // Reported before: nobody waits for it who counts.
    drop(reports);
    let _ = timeout(CLOSE_PATIENCE, open.websocket.close(CloseCode::NORMAL, "")).await;
}

async fn open(connection: usize, shared: &Shared) -> Result<(WebSocket, Duration), Error> {
    let _turn = match shared.plan.ramp {
        Some(per_second) => {
            sleep_until((shared.begins + Duration::from_secs_f64(connection as f64 / per_second)).into())
                .await;
            None
        }
        None => shared.turns.acquire().await.ok(),
    };
    let began = Instant::now();
    let mut websocket = shared.plan.builder.connect().await?;
    // What may wait to be written is limited by what may wait for replies. Whoever waited with sending would not read
    // meanwhile.
    websocket.set_high_water_bytes(usize::MAX);
    Ok((websocket, began.elapsed()))
}

/// Waits for the last stage.
async fn closing(stages: &mut watch::Receiver<Stage>) {
    // Without a sender it is over too.
    let _ = stages.wait_for(|stage| matches!(stage, Stage::Closing)).await;
}

struct Open {
    connection: usize,
    thread: usize,
    shared: Arc<Shared>,
    websocket: WebSocket,
}

impl Open {
    async fn follow(
        &mut self,
        stages: &mut watch::Receiver<Stage>,
        reports: &UnboundedSender<Report>,
    ) -> Result<(), Trouble> {
        loop {
            let stage = stages.borrow_and_update().clone();
            match stage {
                Stage::Waiting => {}
                Stage::Round(round) => {
                    self.play(&round).await?;
                    let _ = reports.send(Report::Done { connection: self.connection });
                }
                Stage::Closing => return Ok(()),
            }
            self.idle(stages).await?;
        }
    }

    /// Answers pings until the next stage.
    async fn idle(&mut self, stages: &mut watch::Receiver<Stage>) -> Result<(), Trouble> {
        loop {
            tokio::select! {
                // Without a sender the stage is the last one.
                _ = stages.changed() => return Ok(()),
                received = self.websocket.recv() => match received {
                    Some(Ok(_)) if self.shared.plan.check => return Err(unasked()),
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Err(self.lost(Some(error))),
                    None => return Err(self.lost(None)),
                },
            }
        }
    }

    /// Sends and receives until the round is over.
    async fn play(&mut self, round: &Round) -> Result<(), Trouble> {
        let Some(place) = round.place(self.connection) else { return Ok(()) };
        let mut turns = Turns::new(round.begins);
        let result = self.take_turns(round, place, &mut turns).await;
        if !round.is_stopped() {
            let mut tally = round.tally(self.thread);
            tally.unanswered += turns.unanswered();
            if result.is_err() && !turns.is_over {
                tally.unsent += round.remaining(place, turns.sent);
            }
        }
        result
    }

    async fn take_turns(&mut self, round: &Round, place: u64, turns: &mut Turns) -> Result<(), Trouble> {
        let patience = self.shared.plan.reply_timeout;
        let shared = Arc::clone(&self.shared);
        let pace = shared.paces.get(self.connection);
        let mut watchdog = std::pin::pin!(sleep(patience));
        loop {
            self.send(round, place, turns).await?;
            if turns.is_over && !turns.waits() {
                return Ok(());
            }
            let paced =
                pace.filter(|_| round.schedule.is_some() && turns.has_room(self.shared.plan.pipeline));
            tokio::select! {
                biased;
                received = self.websocket.recv() => match received {
                    Some(Ok(reply)) => self.received(&reply, round, turns)?,
                    Some(Err(error)) => return Err(self.lost(Some(error))),
                    None => return Err(self.lost(None)),
                },
                () = async { if let Some(pace) = paced { pace.notified().await } }, if paced.is_some() => {}
                () = &mut watchdog => {
                    let now = Instant::now();
                    let since = turns.waits_since().unwrap_or(now);
                    if now.saturating_duration_since(since) >= patience {
                        return Err(no_reply(patience));
                    }
                    // One timer is enough: it is early where replies have come, and looks again.
                    watchdog.as_mut().reset((since + patience).into());
                }
            }
        }
    }

    /// Queues everything that is due and has room. It leaves when nothing more is received.
    async fn send(&mut self, round: &Round, place: u64, turns: &mut Turns) -> Result<(), Trouble> {
        let plan = &self.shared.plan;
        while turns.has_room(plan.pipeline) {
            let at = Instant::now();
            match round.next(place, turns.sent, at, plan.reply_timeout) {
                Next::Message { due, is_measured } => {
                    let message = turns.message(&round.payload, self.connection);
                    if let Err(error) = self.websocket.feed(message).await {
                        return Err(self.lost(Some(error)));
                    }
                    let late = turns.sent(Sent { due, at, is_measured });
                    if let (Some(late), true) = (late, is_measured && round.schedule.is_some()) {
                        round.tally(self.thread).late.record(late);
                    }
                }
                Next::Later => return Ok(()),
                Next::Nothing { unsent } => {
                    turns.is_over = true;
                    round.tally(self.thread).unsent += unsent;
                }
            }
        }
        Ok(())
    }

    fn received(&self, reply: &Message, round: &Round, turns: &mut Turns) -> Result<(), Trouble> {
        let now = Instant::now();
        let Some(sent) = turns.received(reply, &round.payload, self.shared.plan.check, now)? else {
            return Ok(());
        };
        let mut tally = round.tally(self.thread);
        if sent.is_measured {
            tally.latency.record(now.saturating_duration_since(sent.due));
        }
        if let Some(after) = round.measured_at(now) {
            tally.reply(after);
        }
        Ok(())
    }

    /// How the connection ended.
    fn lost(&self, error: Option<Error>) -> Trouble {
        let how = match (self.websocket.closed(), error) {
            (Some(closed), _) => ending::words(closed, None),
            (None, Some(error)) => format!("{error:#}"),
            (None, None) => "it was closed".to_owned(),
        };
        let what = format!("connection lost: {how}");
        Trouble { what, hint: None, exit: Exit::Abnormal }
    }
}

const CLOSE_PATIENCE: Duration = Duration::from_secs(1);

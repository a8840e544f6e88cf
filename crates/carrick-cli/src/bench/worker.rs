//! The threads that send and receive. Each has its connections to itself, and so their buffers.

use std::{sync::Arc, thread, time::Instant};

use tokio::{
    runtime::Builder,
    sync::{Notify, Semaphore, mpsc::UnboundedSender, watch},
    task::JoinSet,
};

use super::{
    connection::{self, Report},
    plan::Plan,
    round::Round,
};
use crate::failure::Failure;

/// What all connections do.
#[derive(Clone, Debug)]
pub(super) enum Stage {
    /// Nothing, until all of them are open.
    Waiting,
    Round(Arc<Round>),
    /// They end.
    Closing,
}

/// What all connections know.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) plan: Arc<Plan>,
    /// When the first connection is opened.
    pub(super) begins: Instant,
    /// For those that are being opened, where there is no ramp.
    pub(super) turns: Semaphore,
    /// For each connection: tells that its next message is due.
    pub(super) paces: Vec<Arc<Notify>>,
}

impl Shared {
    pub(super) fn new(plan: Arc<Plan>) -> Shared {
        let paces = (0..plan.connections).map(|_| Arc::default()).collect();
        Shared { plan, begins: Instant::now(), turns: Semaphore::new(MOST_OPENING), paces }
    }
}

/// Starts the threads. They end when all their connections have.
pub(super) fn start(
    shared: &Arc<Shared>,
    stages: &watch::Receiver<Stage>,
    reports: &UnboundedSender<Report>,
) -> Result<(), Failure> {
    for thread in 0..shared.plan.threads {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (shared, stages, reports) = (Arc::clone(shared), stages.clone(), reports.clone());
        let work = move || {
            runtime.block_on(async {
                let mut connections = JoinSet::new();
                for connection in (thread..shared.plan.connections).step_by(shared.plan.threads) {
                    let (shared, stages, reports) = (Arc::clone(&shared), stages.clone(), reports.clone());
                    connections.spawn(connection::run(connection, thread, shared, stages, reports));
                }
                drop(reports);
                while connections.join_next().await.is_some() {}
            });
        };
        thread::Builder::new().name(format!("bench {thread}")).spawn(work)?;
    }
    Ok(())
}

/// More would wait in the queue of the server's socket, which often has room for 128.
const MOST_OPENING: usize = 128;

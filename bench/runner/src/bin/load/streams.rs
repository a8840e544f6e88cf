//! The same over HTTP/2 and HTTP/3: each stream sends a message, waits for its echo, and sends again. All of them are on one
//! connection.
//!
//! This is on tokio, for either version is too much to write down beforehand. What it costs here is not measured.

use std::{cell::RefCell, future::Future, rc::Rc, time::Instant};

use anyhow::{Context, ensure};
use bench::measurement::Measurement;
use bytes::Bytes;
use tokio::{
    runtime,
    task::{JoinSet, LocalSet},
};

use crate::{args::Args, round::Round, script::Script, server::Server};

/// One stream, on which a WebSocket is open.
pub(crate) trait Stream: 'static {
    type Sending;
    type Receiving;

    fn halves(&mut self) -> (&mut Self::Sending, &mut Self::Receiving);

    /// Sends a frame.
    async fn send(sending: &mut Self::Sending, frame: &Bytes) -> anyhow::Result<()>;

    /// Some bytes that came.
    async fn next(receiving: &mut Self::Receiving) -> anyhow::Result<Bytes>;
}

/// What all streams share.
struct Shared {
    frame: Bytes,
    round: RefCell<Round>,
}

/// Measures with the streams that `open` opens.
pub(crate) fn run<'a, S: Stream, F: Future<Output = anyhow::Result<Vec<S>>>>(
    args: &'a Args,
    open: impl FnOnce(&'a Args) -> F,
) -> anyhow::Result<Measurement> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let measurement =
        LocalSet::new().block_on(&runtime, async { measured(args, open(args).await?).await })?;
    // The next round must not pay for the end of this one.
    drop(runtime);
    Server(args.server).settle()?;
    Ok(measurement)
}

async fn measured<S: Stream>(args: &Args, mut opened: Vec<S>) -> anyhow::Result<Measurement> {
    let script = Script::new(args);
    ensure!(args.batch == 1 && !script.deflate, "over this version there is one plain message at a time");
    let frame = Bytes::from(script.frame.clone());
    let mut owed = 0;
    for stream in &mut opened {
        owed = first_echo(stream, &script, &frame).await?;
    }
    // It begins now, once all streams are open.
    let shared = Rc::new(Shared { frame, round: RefCell::new(Round::new(args)) });
    let mut streams = JoinSet::new();
    for stream in opened {
        streams.spawn_local(echoes(stream, Rc::clone(&shared), owed));
    }
    let first = streams.join_next().await.context("there is no stream")?;
    first?
}

/// Sends a message and checks its echo, whose length it answers.
async fn first_echo<S: Stream>(stream: &mut S, script: &Script, frame: &Bytes) -> anyhow::Result<usize> {
    let (sending, receiving) = stream.halves();
    let received = async {
        let mut received = Vec::new();
        loop {
            received.extend_from_slice(&S::next(receiving).await?);
            if let Some(length) = script.check_echo(&received)? {
                ensure!(length == received.len(), "more came back than was sent");
                return anyhow::Ok(length);
            }
        }
    };
    let ((), length) = tokio::try_join!(S::send(sending, frame), received)?;
    Ok(length)
}

/// Until the round is over.
async fn echoes<S: Stream>(mut stream: S, shared: Rc<Shared>, owed: usize) -> anyhow::Result<Measurement> {
    let (sending, receiving) = stream.halves();
    loop {
        let since = Instant::now();
        let received = async {
            let mut left = owed;
            while left > 0 {
                let came = S::next(receiving).await?.len();
                ensure!(came <= left, "{came} bytes came, {left} were owed");
                left -= came;
            }
            Ok(())
        };
        tokio::try_join!(S::send(sending, &shared.frame), received)?;
        let (now, mut round) = (Instant::now(), shared.round.borrow_mut());
        round.count(1, now - since);
        if let Some(measurement) = round.tick(now)? {
            return Ok(measurement);
        }
    }
}

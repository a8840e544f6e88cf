//! Each connection sends a batch, waits for the echoes of all of it, and sends again.

use std::time::Instant;

use bench::measurement::Measurement;
use mio::Events;

use crate::{args::Args, fleet, fleet::Fleet, round::Round, server::Server};

pub(crate) fn run(args: &Args) -> anyhow::Result<Measurement> {
    let mut fleet = Fleet::new(args)?;
    let owed = fleet.open(args.connections, "/", true)? * args.batch;
    let batch = fleet.script.frame.repeat(args.batch);
    let mut events = Events::with_capacity(fleet::EVENTS);
    let mut round = Round::new(args);
    for number in 0..args.connections {
        fleet.send(number, &batch, owed, Instant::now())?;
    }
    let measurement = loop {
        fleet.wait(&mut events)?;
        let mut now = Instant::now();
        for event in &events {
            let number = event.token().0;
            if fleet.proceed(number, &batch)? {
                now = Instant::now();
                round.count(args.batch, now - fleet.connections[number].since);
                fleet.send(number, &batch, owed, now)?;
            }
        }
        if let Some(measurement) = round.tick(now)? {
            break measurement;
        }
    };
    // The next round must not pay for the end of this one.
    drop(fleet);
    Server(args.server).settle()?;
    Ok(measurement)
}

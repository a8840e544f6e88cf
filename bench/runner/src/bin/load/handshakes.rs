//! Connections are opened, closed, and opened again.

use std::time::Instant;

use bench::measurement::Measurement;
use mio::Events;

use crate::{args::Args, fleet, fleet::Fleet, round::Round, server::Server};

pub(crate) fn run(args: &Args) -> anyhow::Result<Measurement> {
    let mut fleet = Fleet::new(args)?;
    fleet.open(args.connections, "/", false)?;
    for number in 0..args.connections {
        fleet.begin_again(number, "/")?;
    }
    let mut events = Events::with_capacity(fleet::EVENTS);
    let mut round = Round::new(args);
    let measurement = loop {
        fleet.wait(&mut events)?;
        let mut now = Instant::now();
        for event in &events {
            let number = event.token().0;
            if let Some(since) = fleet.has_opened(number)? {
                now = Instant::now();
                round.count(1, now - since);
                fleet.begin_again(number, "/")?;
            }
        }
        if let Some(measurement) = round.tick(now)? {
            break measurement;
        }
    };
    drop(fleet);
    Server(args.server).settle()?;
    Ok(measurement)
}

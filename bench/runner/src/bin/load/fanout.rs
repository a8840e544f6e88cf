//! One connection publishes; once every subscriber has all of it, it publishes again.

use std::{thread, time::Duration, time::Instant};

use anyhow::ensure;
use bench::measurement::Measurement;
use mio::Events;

use crate::{args::Args, fleet, fleet::Fleet, round::Round, server::Server};

pub(crate) fn run(args: &Args) -> anyhow::Result<Measurement> {
    let mut fleet = Fleet::new(args)?;
    fleet.open(args.connections, "/sub", false)?;
    fleet.open(1, "/pub", false)?;
    // An answer is on its way before the server has subscribed everybody.
    thread::sleep(UNTIL_SUBSCRIBED);
    let publisher = args.connections;
    let mut events = Events::with_capacity(fleet::EVENTS);
    let owed = first_publication(&mut fleet, publisher, &mut events)? * args.batch;
    let batch = fleet.script.frame.repeat(args.batch);

    let mut round = Round::new(args);
    let mut waiting = 0;
    let mut published = Instant::now();
    let measurement = loop {
        if waiting == 0 {
            (waiting, published) = (args.connections, Instant::now());
            for subscriber in &mut fleet.connections[..args.connections] {
                subscriber.owed = owed;
            }
            fleet.send(publisher, &batch, 0, published)?;
        }
        fleet.wait(&mut events)?;
        for event in &events {
            let number = event.token().0;
            let of_this = if number == publisher { &batch[..] } else { &[] };
            if fleet.proceed(number, of_this)? {
                waiting -= 1;
                round.count_only(args.batch);
            }
        }
        let now = Instant::now();
        if waiting == 0 {
            round.took(now - published);
        }
        if let Some(measurement) = round.tick(now)? {
            break measurement;
        }
    };
    drop(fleet);
    Server(args.server).settle()?;
    Ok(measurement)
}

/// Publishes once, checks what everybody received, and answers with its length.
fn first_publication(fleet: &mut Fleet, publisher: usize, events: &mut Events) -> anyhow::Result<usize> {
    let frame = fleet.script.frame.clone();
    fleet.send(publisher, &frame, 0, Instant::now())?;
    let mut received = vec![Vec::new(); publisher];
    let mut length = None;
    let mut complete = 0;
    while complete < publisher {
        fleet.wait(events)?;
        for event in &*events {
            let number = event.token().0;
            if number == publisher {
                fleet.proceed(number, &frame)?;
                continue;
            }
            let bytes = fleet.read(number)?;
            if bytes.is_empty() {
                continue;
            }
            received[number].extend_from_slice(bytes);
            if let Some(found) = fleet.script.check_echo(&received[number])? {
                ensure!(found == received[number].len(), "more was delivered than was published");
                ensure!(*length.get_or_insert(found) == found, "deliveries of {found} bytes and of others");
                complete += 1;
            }
        }
    }
    Ok(length.unwrap_or_default())
}

const UNTIL_SUBSCRIBED: Duration = Duration::from_millis(200);

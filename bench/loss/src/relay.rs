//! The relay between two TUN devices: takes packets from one, decides what becomes of each, and puts those that arrive into
//! the other when their time has come.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Instant;

use tun_rs::SyncDevice;

use crate::args::Args;
use crate::fate::{Fate, Fates};

/// The packets of both directions.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) sent: AtomicU64,
    pub(crate) lost: AtomicU64,
}

/// A packet on its way: when it arrives, its number, and itself.
type Packet = Reverse<(Instant, u64, Vec<u8>)>;

/// Joins two devices, in threads that end with the program.
pub(crate) fn join(left: SyncDevice, right: SyncDevice, args: &Args) -> Arc<Counts> {
    let counts = Arc::new(Counts::default());
    let (left, right) = (Arc::new(left), Arc::new(right));
    one_way(Arc::clone(&left), Arc::clone(&right), Fates::new(args, 0), Arc::clone(&counts));
    one_way(right, left, Fates::new(args, 1), Arc::clone(&counts));
    counts
}

fn one_way(from: Arc<SyncDevice>, to: Arc<SyncDevice>, mut fates: Fates, counts: Arc<Counts>) {
    let (sender, packets) = channel();
    let start = Instant::now();
    thread::spawn(move || {
        let mut buffer = vec![0; LARGEST_PACKET];
        let mut number = 0;
        while let Ok(length) = from.recv(&mut buffer) {
            let now = Instant::now();
            counts.sent.fetch_add(1, Ordering::Relaxed);
            match fates.next(now - start) {
                Fate::Lost => drop(counts.lost.fetch_add(1, Ordering::Relaxed)),
                Fate::Arrives(after) => {
                    let packet = Reverse((now + after, number, buffer[..length].to_vec()));
                    if sender.send(packet).is_err() {
                        return;
                    }
                }
            }
            number += 1;
        }
    });
    thread::spawn(move || {
        deliver(&packets, |packet| {
            // A device that takes no packet loses it, as networks do.
            let _ = to.send(packet);
        });
    });
}

/// Hands over each packet when its time has come, until there will be no more.
fn deliver(packets: &Receiver<Packet>, mut hand_over: impl FnMut(&[u8])) {
    let mut waiting: BinaryHeap<Packet> = BinaryHeap::new();
    loop {
        let received = match waiting.peek() {
            None => packets.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(Reverse((due, ..))) => packets.recv_timeout(due.saturating_duration_since(Instant::now())),
        };
        match received {
            Ok(packet) => waiting.push(packet),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        while waiting.peek().is_some_and(|Reverse((due, ..))| *due <= Instant::now()) {
            let Some(Reverse((_, _, packet))) = waiting.pop() else { break };
            hand_over(&packet);
        }
    }
}

/// Of IP.
const LARGEST_PACKET: usize = 65_536;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn packets_arrive_in_the_order_of_their_times_and_not_before() {
        let (sender, packets) = channel();
        let start = Instant::now();
        for (number, millis) in [(0, 30), (1, 10), (2, 10), (3, 20)] {
            sender
                .send(Reverse((start + Duration::from_millis(millis), number, vec![number as u8])))
                .unwrap();
        }
        let (mut arrived, mut sender) = (Vec::new(), Some(sender));
        deliver(&packets, |packet| {
            arrived.push((packet[0], start.elapsed()));
            sender = sender.take().filter(|_| arrived.len() < 4);
        });
        let order: Vec<u8> = arrived.iter().map(|(number, _)| *number).collect();
        assert_eq!(order, [1, 2, 3, 0]);
        for (number, millis) in [(0, 10), (1, 10), (2, 20), (3, 30)] {
            assert!(arrived[number].1 >= Duration::from_millis(millis), "{arrived:?}");
        }
    }
}

//! Any bytes into a connection: the same events and the same output, whole and cut anywhere.
#![no_main]

mod support;

use std::time::Instant;

use arbitrary::Arbitrary;
use carrick::protocol::{Agreement, Config, DeflateParams, Delivery, Role};
use libfuzzer_sys::fuzz_target;

use support::{Cuts, Peer, Seen, joined};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    server: bool,
    deflate: bool,
    takeover: bool,
    pieces: bool,
    max_message_bytes: u16,
    max_fragments: u8,
    cuts: u16,
    bytes: &'a [u8],
}

fuzz_target!(|input: Input<'_>| {
    let now = Instant::now();
    let whole = outcome(&input, &[input.bytes], now);
    let cut = outcome(&input, &Cuts::new(input.cuts).chunks(input.bytes), now);
    assert_eq!(whole, cut);
    let bytes: Vec<&[u8]> = input.bytes.chunks(1).collect();
    assert_eq!(whole, outcome(&input, &bytes, now));
});

fn outcome(input: &Input<'_>, chunks: &[&[u8]], now: Instant) -> (Vec<Seen>, Vec<u8>) {
    let mut config = Config::default();
    config.max_message_bytes = input.max_message_bytes.into();
    config.max_frame_bytes = u64::from(input.max_message_bytes) * 2;
    config.max_fragments = input.max_fragments.into();
    config.max_empty_fragments = u32::from(input.max_fragments) / 8;
    // Pongs that are merged depend on the cut.
    config.high_water_bytes = usize::MAX;
    let mut agreement = Agreement::default();
    if input.deflate {
        let mut params = DeflateParams::default();
        params.peer_context_takeover = input.takeover;
        agreement.deflate = Some(params);
    }
    let role = if input.server { Role::Server } else { Role::Client };
    let mut peer = Peer::new(role, config, &agreement, now);
    let delivery = if input.pieces { Delivery::Pieces } else { Delivery::Whole };
    peer.connection.set_delivery(delivery);
    for chunk in chunks {
        peer.receive(chunk);
    }
    peer.receive_eof();
    assert_eq!(peer.times_closed(), 1);
    assert!(peer.connection.wants_shutdown());
    peer.connection.handle_shutdown();
    assert!(peer.connection.is_ended());
    let output = peer.write(usize::MAX);
    (without_the_last_piece(joined(peer.seen)), output)
}

/// How much of a message comes before the violation in it depends on the cut.
fn without_the_last_piece(mut events: Vec<Seen>) -> Vec<Seen> {
    let at = events.len().checked_sub(2);
    if let Some(at) = at
        && let (Seen::Piece { last: false, .. }, Seen::Closed(_)) = (&events[at], &events[at + 1])
    {
        events.remove(at);
    }
    events
}

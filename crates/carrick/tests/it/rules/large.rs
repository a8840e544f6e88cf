//! Large messages are put together in memory that grows with them, and the same wherever they are received.

use carrick::protocol::{Delivery, Role, Violation};

use crate::wire::{BOTH, Frame, Peer, Seen, Setup, binary, continuation, head, ping, text, wire};

/// What is shown and sent if the bytes come in reads of so many.
fn outcome(setup: &Setup, bytes: &[u8], read: usize, in_room: bool) -> (Vec<Seen>, Vec<Frame>) {
    let mut peer = setup.peer();
    peer.in_room = in_room;
    let events = bytes.chunks(read).flat_map(|read| peer.receives_bytes(read)).collect();
    (events, peer.sends())
}

#[test]
fn a_large_message_is_the_same_wherever_it_is_received() {
    let long = "gr\u{fc}\u{df}e \u{4f60}\u{597d} ".repeat(20_000);
    let mut broken = long.clone().into_bytes();
    broken[200_001] = 0xff;
    let (start, end) = long.as_bytes().split_at(150_001);
    let inputs: [&[Frame]; 5] = [
        &[binary(&long), binary("short"), text(&long)],
        &[text(start).open(), ping("between"), continuation(end), text("short")],
        &[text(start).open(), continuation("").open(), continuation(end).open(), continuation("")],
        &[text(&broken)],
        &[text(start), text("never read")],
    ];
    for role in BOTH {
        let setup = Setup::of(role);
        for frames in inputs {
            let bytes = wire(frames, role.peer());
            let expected = outcome(&setup, &bytes, usize::MAX, false);
            for read in [1460, 65_536, 100_003, 262_144, 1 << 20] {
                assert_eq!(outcome(&setup, &bytes, read, true), expected, "{role:?}, reads of {read}");
                assert_eq!(outcome(&setup, &bytes, read, false), expected, "{role:?}, reads of {read}");
            }
        }
    }
}

#[test]
fn text_is_checked_as_it_arrives() {
    let mut peer = Setup::of(Role::Server).peer();
    let mut message = vec![b'a'; 1 << 20];
    message[300_000] = 0xff;
    let bytes = wire(&[text(message)], Role::Client);
    assert_eq!(peer.receives_bytes(&bytes[..300_000]), []);
    assert_eq!(peer.receives_bytes(&bytes[300_000..400_000]), [Seen::failed(Violation::TextNotUtf8)]);
    assert!(peer.connection.room().is_none());
}

/// How much room there is behind the first `n` bytes of a message of 16 MiB.
fn room_behind(peer: &mut Peer, n: usize) -> usize {
    let message = binary(vec![7; n]);
    let mut bytes = head(&message, 16 << 20, Role::Client);
    bytes.extend(&message.payload);
    assert_eq!(peer.receives_bytes(&bytes), []);
    peer.connection.room().map_or(0, |room| room.len())
}

#[test]
fn there_is_no_more_room_than_bytes_have_come() {
    for (n, room) in [(0, 0), (1, 0), (65_535, 0), (65_536, 65_536), (100_000, 100_000), (1 << 20, 256 << 10)]
    {
        assert_eq!(room_behind(&mut Setup::of(Role::Server).peer(), n), room, "{n} bytes have come");
    }
}

#[test]
fn memory_of_an_earlier_message_is_room_once_an_eighth_of_the_next_has_come() {
    let mut peer = Setup::of(Role::Server).peer();
    let message = binary(vec![7; 1_000_000]);
    let bytes = wire(std::slice::from_ref(&message), Role::Client);
    for read in [1000, 100_000, 1_000_008] {
        let events: Vec<_> = bytes.chunks(read).flat_map(|read| peer.receives_bytes(read)).collect();
        assert_eq!(events, [Seen::binary(&message.payload)]);
    }
    assert_eq!(peer.receives_bytes(&bytes[..20]), []);
    assert!(peer.connection.room().is_none(), "it has only been announced");
    assert_eq!(peer.receives_bytes(&bytes[20..70_000]), []);
    assert!(peer.connection.room().is_some_and(|room| room.len() < 70_000));
    assert_eq!(peer.receives_bytes(&bytes[70_000..150_000]), []);
    assert_eq!(peer.connection.room().map(|room| room.len()), Some(256 << 10));
}

#[test]
fn only_messages_that_are_put_together_have_room() {
    let mut peer = Setup::of(Role::Server).peer();
    peer.connection.set_delivery(Delivery::Pieces);
    assert_eq!(room_behind_pieces(&mut peer), None);
    let mut peer = Setup::of(Role::Server).deflate().peer();
    let frame = binary(vec![0; 100_000]).compressed();
    let bytes = wire(&[frame], Role::Client);
    peer.receives_bytes(&bytes[..20]);
    assert!(peer.connection.room().is_none(), "a compressed one is inflated first");
}

fn room_behind_pieces(peer: &mut Peer) -> Option<usize> {
    let bytes = wire(&[binary(vec![7; 200_000])], Role::Client);
    assert_eq!(peer.receives_bytes(&bytes[..150_000]).len(), 1);
    peer.connection.room().map(|room| room.len())
}

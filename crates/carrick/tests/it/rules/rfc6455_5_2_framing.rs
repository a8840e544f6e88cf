//! RFC 6455 §5.1 to §5.3 and §5.6: who masks, the header, lengths.

use carrick::protocol::{Role, Violation};

use crate::wire::{BOTH, Rule, Seen, Setup, binary, close, frame, head, ping, text, wire};

#[test]
fn the_example_frames_of_section_5_7_are_read() {
    let hello = || [Seen::text("Hello")];
    let unmasked = |bytes: &[u8]| Setup::of(Role::Client).receives_bytes(bytes);
    let masked = |bytes: &[u8]| Setup::of(Role::Server).receives_bytes(bytes);

    unmasked(b"\x81\x05Hello").shows(&hello()).sends(&[]);
    masked(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58").shows(&hello()).sends(&[]);
    unmasked(b"\x01\x03Hel\x80\x02lo").shows(&hello()).sends(&[]);
    unmasked(b"\x89\x05Hello").shows(&[Seen::ping("Hello")]).sends(&[frame(10, "Hello")]);
    masked(b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58")
        .shows(&[Seen::Pong(b"Hello".to_vec(), None)])
        .sends(&[]);
    let long = [7; 256];
    unmasked(&[&b"\x82\x7e\x01\x00"[..], &long].concat()).shows(&[Seen::binary(long)]).sends(&[]);
    let longer = vec![7; 65536];
    let bytes = [&b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"[..], &longer].concat();
    unmasked(&bytes).shows(&[Seen::binary(longer)]).sends(&[]);
}

#[test]
fn every_form_of_length_is_read_at_its_limits() {
    for role in BOTH {
        for length in [0, 1, 124, 125, 126, 127, 0xfffe, 0xffff, 0x1_0000, 0x1_0001] {
            let payload = vec![b'a'; length];
            Setup::of(role).receives(&[binary(&payload)]).shows(&[Seen::binary(&payload)]).sends(&[]);
            let seen = Seen::text(&"a".repeat(length));
            Setup::of(role).receives(&[text(&payload)]).shows(&[seen]).sends(&[]);
        }
    }
}

#[test]
fn a_length_in_more_bytes_than_it_needs_is_refused() {
    for role in BOTH {
        let masked = u8::from(role.peer().masks()) << 7;
        for length in [0_u16, 1, 125] {
            let [high, low] = length.to_be_bytes();
            Setup::of(role)
                .receives_bytes(&[0x82, masked | 126, high, low])
                .fails(Violation::LengthNotMinimal(length.into()), 1002);
        }
        for length in [0_u64, 125, 126, 0xffff] {
            let bytes = [&[0x82, masked | 127][..], &length.to_be_bytes()].concat();
            Setup::of(role).receives_bytes(&bytes).fails(Violation::LengthNotMinimal(length), 1002);
        }
    }
}

#[test]
fn the_highest_bit_of_a_length_is_refused_and_the_next_is_a_matter_of_limits() {
    for role in BOTH {
        for length in [1_u64 << 63, u64::MAX] {
            let bytes = head(&binary(""), length as usize, role.peer());
            Setup::of(role).receives_bytes(&bytes).fails(Violation::LengthTooLong(length), 1002);
        }
        let bytes = head(&binary(""), 1 << 62, role.peer());
        let violation = Violation::FrameTooLarge { length: 1 << 62, limit: 16 << 20 };
        Setup::of(role).receives_bytes(&bytes).fails(violation, 1009);
    }
}

#[test]
fn reserved_bits_without_an_extension_are_refused_on_every_frame() {
    for role in BOTH {
        for bits in 1..8 {
            for opcode in [1, 2, 8, 9, 10] {
                let frames = [frame(opcode, "").rsv(bits)];
                Setup::of(role).receives(&frames).fails(Violation::ReservedBits(bits), 1002);
            }
            let frames = [text("a").open(), frame(0, "b").rsv(bits)];
            Setup::of(role).receives(&frames).fails(Violation::ReservedBits(bits), 1002);
        }
    }
}

#[test]
fn reserved_opcodes_are_refused_with_and_without_a_payload() {
    for role in BOTH {
        for opcode in (3..8).chain(11..16) {
            for payload in ["", "payload"] {
                let frames = [frame(opcode, payload)];
                Setup::of(role).receives(&frames).fails(Violation::ReservedOpcode(opcode), 1002);
            }
        }
    }
}

#[test]
fn a_mask_is_demanded_of_clients_and_forbidden_to_servers_on_every_frame() {
    for opcode in [1, 2, 8, 9, 10] {
        let from = |role| wire(&[frame(opcode, "")], role);
        Setup::of(Role::Server).receives_bytes(&from(Role::Server)).fails(Violation::MaskMissing, 1002);
        Setup::of(Role::Client).receives_bytes(&from(Role::Client)).fails(Violation::MaskForbidden, 1002);
    }
    let mut bytes = wire(&[text("a").open()], Role::Client);
    bytes.extend(wire(&[frame(0, "b")], Role::Server));
    Setup::of(Role::Server).receives_bytes(&bytes).fails(Violation::MaskMissing, 1002);
}

#[test]
fn what_is_valid_before_a_violation_is_delivered_and_answered_first() {
    for role in BOTH {
        let rule: Rule = Setup::of(role).receives(&[text("Hello"), ping("p"), frame(5, ""), text("lost")]);
        rule.shows(&[Seen::text("Hello"), Seen::ping("p")]).fails(Violation::ReservedOpcode(5), 1002);
    }
}

#[test]
fn messages_in_one_read_come_one_by_one() {
    for role in BOTH {
        let events = [Seen::text("a"), Seen::binary("b"), Seen::text(""), Seen::binary("")];
        Setup::of(role).receives(&[text("a"), binary("b"), text(""), binary("")]).shows(&events).sends(&[]);
    }
}

#[test]
fn nothing_behind_a_violation_or_a_close_frame_is_read() {
    for role in BOTH {
        let mut peer = Setup::of(role).peer();
        let seen = peer.receives(&[frame(3, ""), text("lost"), ping("lost"), close(1000, "")]);
        assert_eq!(seen, [Seen::failed(Violation::ReservedOpcode(3))]);
        assert_eq!(peer.sends().len(), 1);
        assert_eq!(peer.receives(&[text("lost"), close(1000, "")]), []);
        assert_eq!(peer.sends(), []);
    }
}

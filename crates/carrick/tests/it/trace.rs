//! What a trace says of the frames of a connection.

use carrick::protocol::{CloseCode, CloseFrame, Compression, Message, Role};

use crate::wire::{Peer, Setup, close, continuation, ping, text, wire};

fn lines(peer: &mut Peer) -> Vec<String> {
    std::iter::from_fn(|| peer.connection.poll_record()).map(|record| record.to_string()).collect()
}

fn traced(setup: &Setup) -> Peer {
    let mut peer = setup.peer();
    peer.connection.set_tracing(true);
    peer
}

/// What stands behind the flags of a frame of theirs, and of ours.
fn masked(role: Role) -> (&'static str, &'static str) {
    match role {
        Role::Server => (" masked", ""),
        Role::Client => ("", " masked"),
    }
}

#[test]
fn each_frame_of_both_ways_is_one_line_wherever_its_bytes_are_cut() {
    let long = "0123456789".repeat(7);
    let frames = [text("Hel").open(), ping("p"), continuation("lo\u{7}"), text(&long), close(4001, "enough")];
    for role in [Role::Server, Role::Client] {
        let (theirs, ours) = masked(role);
        let expected = [
            format!("< text 3 bytes{theirs} \"Hel\""),
            format!("< ping 1 bytes fin{theirs} \"p\""),
            format!("> pong 1 bytes fin{ours} \"p\""),
            format!("< continuation 3 bytes fin{theirs} 6c6f07"),
            format!("< text 70 bytes fin{theirs} \"01234567890123456789012345678901\"…"),
            format!("< close 8 bytes fin{theirs} 4001 \"enough\""),
            format!("> close 2 bytes fin{ours} 4001"),
        ];
        let bytes = wire(&frames, role.peer());
        for step in 1..=bytes.len() {
            let mut peer = traced(&Setup::of(role));
            for chunk in bytes.chunks(step) {
                peer.receives_bytes(chunk);
            }
            assert_eq!(lines(&mut peer), expected, "in steps of {step} bytes");
        }
    }
}

#[test]
fn what_is_sent_is_shown_as_it_leaves() {
    for role in [Role::Server, Role::Client] {
        let (_, ours) = masked(role);
        let mut peer = traced(&Setup::of(role).deflate());
        peer.does(|connection, shell| {
            connection.send(Message::text("grüße"), Compression::Never, shell).unwrap();
            connection.send(Message::text("a".repeat(1000)), Compression::Auto, shell).unwrap();
            connection.close(&CloseFrame::new(CloseCode::NORMAL, "bye").unwrap(), shell);
        });
        let compressed = peer.sends()[1].payload.clone();
        let digits: String = compressed.iter().map(|byte| format!("{byte:02x}")).collect();
        let expected = [
            format!("> text 7 bytes fin{ours} \"grüße\""),
            format!("> text {} bytes fin deflate{ours} {digits}", compressed.len()),
            format!("> close 5 bytes fin{ours} 1000 (normal closure) \"bye\""),
        ];
        assert_eq!(lines(&mut peer), expected);
    }
}

#[test]
fn a_frame_in_which_the_connection_ends_is_shown_as_far_as_it_came() {
    let mut peer = traced(&Setup::of(Role::Client));
    let bytes = wire(&[text("Hello")], Role::Server);
    peer.receives_bytes(&bytes[..4]);
    assert_eq!(lines(&mut peer), Vec::<String>::new());
    peer.receives_eof();
    assert_eq!(lines(&mut peer), ["< text 5 bytes fin \"He\"…"]);
}

#[test]
fn a_frame_that_breaks_a_rule_comes_before_the_answer() {
    let mut peer = traced(&Setup::of(Role::Client));
    let bytes = wire(&[text("\u{fc}")], Role::Server);
    // Cut behind the first byte of a character that never is one.
    let mut broken = bytes.clone();
    broken[3] = 0xff;
    peer.receives_bytes(&broken);
    let reason = "1007 (invalid frame payload data) \"text message is not UTF-8\"";
    assert_eq!(
        lines(&mut peer),
        ["< text 2 bytes fin c3ff".to_owned(), format!("> close 27 bytes fin masked {reason}")]
    );
}

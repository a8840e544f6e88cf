//! What a server does about a client that breaks the rules that hold for clients (RFC 9114 §8.1).

use quinn::{Connection, ReadError, ReadToEndError};

use super::{
    both_errors::{Ours, assert_message, assert_one_way, behind_settings},
    raw::{GET, SETTINGS, connect, soon},
};
use crate::versions::ways::Way;

fn behind_head(bytes: &[u8]) -> Vec<u8> {
    [GET, bytes].concat()
}

/// Sends a request and says what came of it: the code of a reset, or nothing if there is an answer.
async fn reset_of(connection: &Connection, bytes: &[u8]) -> Option<u64> {
    let (mut send, mut recv) = soon(connection.open_bi()).await.unwrap();
    send.write_all(bytes).await.unwrap();
    send.finish().unwrap();
    match soon(recv.read_to_end(100_000)).await {
        Ok(_) => None,
        Err(ReadToEndError::Read(ReadError::Reset(code))) => Some(code.into_inner()),
        Err(other) => panic!("{bytes:02x?}: {other}"),
    }
}

#[tokio::test]
async fn one_way_streams_that_break_a_rule_end_the_connection() {
    let cases: [(Vec<Vec<u8>>, u64); 5] = [
        // STREAM_CREATION_ERROR: clients do not push.
        (vec![SETTINGS.to_vec(), vec![0x01, 0]], 0x103),
        // FRAME_ERROR: MAX_PUSH_ID that is longer than its integer.
        (vec![behind_settings(&[0x0d, 2, 0, 0])], 0x106),
        // ID_ERROR: the number of a push in GOAWAY goes up, that in MAX_PUSH_ID goes down.
        (vec![behind_settings(&[0x07, 1, 1, 0x07, 1, 2])], 0x108),
        (vec![behind_settings(&[0x0d, 1, 5, 0x0d, 1, 4])], 0x108),
        // MISSING_SETTINGS
        (vec![vec![0x00, 0x0d, 1, 0]], 0x10a),
    ];
    for (streams, expected) in cases {
        assert_one_way(Ours::Server, &streams, expected).await;
    }
}

#[tokio::test]
async fn requests_that_break_a_rule_of_frames_end_the_connection() {
    // A client cannot push, nor say what belongs on the control stream behind the head of a request.
    for bytes in [vec![0x05, 1, 0], behind_head(&[0x07, 1, 0]), behind_head(&[0x0d, 1, 0])] {
        assert_message(Ours::Server, &bytes, 0x105).await;
    }
}

#[tokio::test]
async fn requests_that_are_malformed_or_cut_end_their_stream_alone() {
    let site = Way::Http3.serve(|server| server.fallback(super::support::reads())).await;
    let (connection, _endpoint) = connect(&site).await;
    let cases: [(&str, Vec<u8>, u64); 8] = [
        ("REQUEST_INCOMPLETE", vec![], 0x10d),
        ("REQUEST_INCOMPLETE behind a frame that means nothing", vec![0x21, 1, 0], 0x10d),
        ("no :path", vec![0x01, 7, 0, 0, 0xc0 | 17, 0xc0 | 23, 0x50, 1, b'a'], 0x10e),
        ("a pseudo-header field of answers", vec![0x01, 3, 0, 0, 0xc0 | 25], 0x10e),
        ("a user", vec![0x01, 10, 0, 0, 0xc0 | 17, 0xc0 | 23, 0x50, 3, b'u', b'@', b'a', 0xc0 | 1], 0x10e),
        ("a fragment", vec![0x01, 11, 0, 0, 0xc0 | 17, 0xc0 | 23, 0x50, 1, b'a', 0x51, 2, b'/', b'#'], 0x10e),
        ("a pseudo-header field in trailers", behind_head(&[0x01, 3, 0, 0, 0xc0 | 17]), 0x10e),
        (
            "a Content-Length that is not that of the body",
            [&[0x01, 11, 0, 0, 0xc0 | 20, 0xc0 | 23, 0x50, 1, b'a', 0xc0 | 1, 0x54, 1, b'2'][..], &[0, 1, 0]]
                .concat(),
            0x10e,
        ),
    ];
    for (what, bytes, expected) in cases {
        assert_eq!(reset_of(&connection, &bytes).await, Some(expected), "{what}");
    }
    assert_eq!(reset_of(&connection, GET).await, None);
    assert!(connection.close_reason().is_none());
}

//! What a server does about a client that breaks the rules (RFC 9114 §8.1, RFC 9204 §6).

use quinn::{Connection, ReadError, ReadToEndError};

use super::raw::{GET, SETTINGS, code, code_of_close, connect, soon};
use crate::{
    server::support::echo,
    versions::ways::{Site, Way},
};

async fn site() -> Site {
    Way::Http3.serve(|server| server.route("/echo", echo)).await
}

fn behind_settings(bytes: &[u8]) -> Vec<u8> {
    [SETTINGS, bytes].concat()
}

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
    let cases: Vec<(Vec<Vec<u8>>, u64)> = vec![
        // STREAM_CREATION_ERROR: of each there is one, and clients do not push.
        (vec![SETTINGS.to_vec(), SETTINGS.to_vec()], 0x103),
        (vec![SETTINGS.to_vec(), vec![0x02], vec![0x02]], 0x103),
        (vec![SETTINGS.to_vec(), vec![0x03], vec![0x03]], 0x103),
        (vec![SETTINGS.to_vec(), vec![0x01, 0]], 0x103),
        // FRAME_UNEXPECTED
        (vec![behind_settings(&[0x04, 0])], 0x105),
        (vec![behind_settings(&[0x00, 0])], 0x105),
        (vec![behind_settings(&[0x05, 1, 0])], 0x105),
        (vec![behind_settings(&[0x08, 0])], 0x105),
        // FRAME_ERROR
        (vec![behind_settings(&[0x0d, 2, 0, 0])], 0x106),
        (vec![behind_settings(&[0x07, 0])], 0x106),
        // EXCESSIVE_LOAD
        (vec![vec![0x00, 0x04, 0x44, 0x01, 0]], 0x107),
        // ID_ERROR
        (vec![behind_settings(&[0x07, 1, 1, 0x07, 1, 2])], 0x108),
        (vec![behind_settings(&[0x0d, 1, 5, 0x0d, 1, 4])], 0x108),
        (vec![behind_settings(&[0x03, 1, 0])], 0x108),
        // SETTINGS_ERROR
        (vec![vec![0x00, 0x04, 2, 0x05, 0]], 0x109),
        (vec![vec![0x00, 0x04, 4, 0x21, 1, 0x21, 1]], 0x109),
        // MISSING_SETTINGS
        (vec![vec![0x00, 0x0d, 1, 0]], 0x10a),
        // QPACK_ENCODER_STREAM_ERROR, QPACK_DECODER_STREAM_ERROR
        (vec![SETTINGS.to_vec(), vec![0x02, 0x3f, 0x01]], 0x201),
        (vec![SETTINGS.to_vec(), vec![0x03, 0x01]], 0x202),
    ];
    let site = site().await;
    for (streams, expected) in cases {
        let (connection, _endpoint) = connect(&site).await;
        let mut kept = Vec::new();
        for bytes in &streams {
            let mut stream = connection.open_uni().await.unwrap();
            stream.write_all(bytes).await.unwrap();
            kept.push(stream);
        }
        assert_eq!(code_of_close(&connection).await, expected, "{streams:02x?}");
    }
}

#[tokio::test]
async fn critical_streams_must_neither_end_nor_be_refused() {
    let site = site().await;
    for end in ["finish", "reset", "stop"] {
        let (connection, _endpoint) = connect(&site).await;
        let mut control = connection.open_uni().await.unwrap();
        control.write_all(SETTINGS).await.unwrap();
        // It is known for what it is once the request behind it is answered.
        assert_eq!(reset_of(&connection, GET).await, None);
        match end {
            "finish" => control.finish().unwrap(),
            "reset" => control.reset(code(0x100)).unwrap(),
            _ => connection.accept_uni().await.unwrap().stop(code(0x100)).unwrap(),
        }
        assert_eq!(code_of_close(&connection).await, 0x104, "{end}");
    }
}

#[tokio::test]
async fn requests_that_break_a_rule_of_frames_end_the_connection() {
    let cases: [(Vec<u8>, u64); 11] = [
        // FRAME_UNEXPECTED
        (vec![0x00, 1, 0], 0x105),
        (vec![0x04, 0], 0x105),
        (vec![0x05, 1, 0], 0x105),
        (vec![0x09, 0], 0x105),
        (behind_head(&[0x07, 1, 0]), 0x105),
        (behind_head(&[0x0d, 1, 0]), 0x105),
        // FRAME_ERROR: it ends within a frame.
        (vec![0x01, 2, 0], 0x106),
        (vec![0x01], 0x106),
        // QPACK_DECOMPRESSION_FAILED
        (vec![0x01, 3, 1, 0, 0x80], 0x200),
        (vec![0x01, 4, 0, 0, 0xff, 0x7f], 0x200),
        (vec![0x01, 3, 0, 0, 0x10], 0x200),
    ];
    let site = Way::Http3.serve(|server| server.fallback(super::support::reads())).await;
    for (bytes, expected) in cases {
        let (connection, _endpoint) = connect(&site).await;
        let (mut send, _recv) = connection.open_bi().await.unwrap();
        send.write_all(&bytes).await.unwrap();
        send.finish().unwrap();
        assert_eq!(code_of_close(&connection).await, expected, "{bytes:02x?}");
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

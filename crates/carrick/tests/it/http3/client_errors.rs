//! What a client does about a server that breaks the rules (RFC 9114 §8.1, RFC 9204 §6).

use quinn::{ReadError, ReadToEndError};
use tokio::task::JoinHandle;

use super::raw::{OK, RawServer, SETTINGS, code, code_of_close, request, soon};

/// SETTINGS of more bytes than they can be.
const LONG_SETTINGS: &[u8] = &[0x00, 0x04, 0x44, 0x01, 0];

fn connecting(server: &RawServer) -> JoinHandle<Result<carrick::WebSocket, carrick::Error>> {
    let client = server.client();
    tokio::spawn(async move { client.connect().await })
}

fn behind_settings(bytes: &[u8]) -> Vec<u8> {
    [SETTINGS, bytes].concat()
}

#[tokio::test]
async fn one_way_streams_that_break_a_rule_end_the_connection() {
    let cases: Vec<(Vec<Vec<u8>>, u64)> = vec![
        // STREAM_CREATION_ERROR: of each there is one.
        (vec![SETTINGS.to_vec(), SETTINGS.to_vec()], 0x103),
        (vec![SETTINGS.to_vec(), vec![0x02], vec![0x02]], 0x103),
        (vec![SETTINGS.to_vec(), vec![0x03], vec![0x03]], 0x103),
        // FRAME_UNEXPECTED
        (vec![behind_settings(&[0x04, 0])], 0x105),
        (vec![behind_settings(&[0x0d, 1, 0])], 0x105),
        (vec![behind_settings(&[0x00, 0])], 0x105),
        (vec![behind_settings(&[0x01, 0])], 0x105),
        (vec![behind_settings(&[0x02, 0])], 0x105),
        // FRAME_ERROR
        (vec![behind_settings(&[0x07, 2, 0, 0])], 0x106),
        (vec![vec![0x00, 0x04, 1, 0x08]], 0x106),
        // EXCESSIVE_LOAD
        (vec![LONG_SETTINGS.to_vec()], 0x107),
        // ID_ERROR
        (vec![behind_settings(&[0x07, 1, 5])], 0x108),
        (vec![behind_settings(&[0x07, 1, 4, 0x07, 1, 8])], 0x108),
        (vec![behind_settings(&[0x03, 1, 0])], 0x108),
        (vec![SETTINGS.to_vec(), vec![0x01, 0]], 0x108),
        // SETTINGS_ERROR
        (vec![vec![0x00, 0x04, 2, 0x02, 0]], 0x109),
        (vec![vec![0x00, 0x04, 4, 0x08, 1, 0x08, 1]], 0x109),
        (vec![vec![0x00, 0x04, 2, 0x08, 2]], 0x109),
        // MISSING_SETTINGS
        (vec![vec![0x00, 0x07, 1, 0]], 0x10a),
        // QPACK_ENCODER_STREAM_ERROR, QPACK_DECODER_STREAM_ERROR
        (vec![SETTINGS.to_vec(), vec![0x02, 0x3f, 0x01]], 0x201),
        (vec![SETTINGS.to_vec(), vec![0x03, 0x80]], 0x202),
    ];
    for (streams, expected) in cases {
        let server = RawServer::start();
        let connecting = connecting(&server);
        let connection = server.accept().await;
        let mut kept = Vec::new();
        for bytes in &streams {
            let mut stream = connection.open_uni().await.unwrap();
            stream.write_all(bytes).await.unwrap();
            kept.push(stream);
        }
        assert_eq!(code_of_close(&connection).await, expected, "{streams:02x?}");
        assert!(soon(connecting).await.unwrap().is_err());
    }
}

#[tokio::test]
async fn critical_streams_must_neither_end_nor_be_refused() {
    for end in ["finish", "reset", "stop"] {
        let server = RawServer::start();
        let connecting = connecting(&server);
        let (connection, mut control) = server.accept_with(SETTINGS).await;
        match end {
            "finish" => control.finish().unwrap(),
            "reset" => {
                // It has to be known for what it is before.
                request(&connection).await;
                control.reset(code(0x100)).unwrap();
            }
            _ => connection.accept_uni().await.unwrap().stop(code(0x100)).unwrap(),
        }
        assert_eq!(code_of_close(&connection).await, 0x104, "{end}");
        assert!(soon(connecting).await.unwrap().is_err());
    }
}

#[tokio::test]
async fn a_server_opens_no_streams_for_requests() {
    let server = RawServer::start();
    let connecting = connecting(&server);
    let (connection, _control) = server.accept_with(SETTINGS).await;
    let (mut send, _recv) = connection.open_bi().await.unwrap();
    send.write_all(OK).await.unwrap();
    assert_eq!(code_of_close(&connection).await, 0x103);
    assert!(soon(connecting).await.unwrap().is_err());
}

#[tokio::test]
async fn answers_that_break_a_rule_of_frames_end_the_connection() {
    let cases: [(&[u8], u64); 9] = [
        // FRAME_UNEXPECTED
        (&[0x00, 1, 0], 0x105),
        (&[0x04, 0], 0x105),
        (&[0x07, 1, 0], 0x105),
        (&[0x06, 0], 0x105),
        // FRAME_ERROR: it ends within a frame.
        (&[0x01, 2, 0], 0x106),
        (&[0x01], 0x106),
        // ID_ERROR
        (&[0x05, 1, 0], 0x108),
        // QPACK_DECOMPRESSION_FAILED
        (&[0x01, 3, 1, 0, 0x80], 0x200),
        (&[0x01, 4, 0, 0, 0xff, 0x7f], 0x200),
    ];
    for (answer, expected) in cases {
        let server = RawServer::start();
        let connecting = connecting(&server);
        let (connection, _control) = server.accept_with(SETTINGS).await;
        let (mut send, _recv) = request(&connection).await;
        send.write_all(answer).await.unwrap();
        send.finish().unwrap();
        assert_eq!(code_of_close(&connection).await, expected, "{answer:02x?}");
        assert!(soon(connecting).await.unwrap().is_err());
    }
}

#[tokio::test]
async fn behind_the_head_of_a_tunnel_there_is_data_alone() {
    let server = RawServer::start();
    let connecting = connecting(&server);
    let (connection, _control) = server.accept_with(SETTINGS).await;
    let (mut send, _recv) = request(&connection).await;
    send.write_all(OK).await.unwrap();
    let mut websocket = soon(connecting).await.unwrap().unwrap();
    send.write_all(OK).await.unwrap();
    assert!(soon(websocket.recv()).await.unwrap().is_err());
    assert_eq!(code_of_close(&connection).await, 0x105);
}

#[tokio::test]
async fn malformed_answers_end_their_stream_alone() {
    let cases: [(&str, &[u8]); 6] = [
        ("a pseudo-header field of requests", &[0x01, 3, 0, 0, 0xc0 | 17]),
        ("no :status", &[0x01, 2, 0, 0]),
        ("101", &[0x01, 8, 0, 0, 0x5f, 24 - 15, 3, b'1', b'0', b'1']),
        ("a capital letter", &[0x01, 7, 0, 0, 0xc0 | 25, 0x21, b'A', 1, b'b']),
        ("a Content-Length that is none", &[0x01, 6, 0, 0, 0xc0 | 25, 0x54, 1, b'x']),
        ("no head", &[]),
    ];
    for (what, answer) in cases {
        let server = RawServer::start();
        let connecting = connecting(&server);
        let (connection, _control) = server.accept_with(SETTINGS).await;
        let (mut send, mut recv) = request(&connection).await;
        send.write_all(answer).await.unwrap();
        if answer.is_empty() {
            send.finish().unwrap();
        } else {
            assert_eq!(soon(send.stopped()).await.unwrap(), Some(code(0x10e)), "{what}");
        }
        let reset = soon(recv.read_to_end(10_000)).await.unwrap_err();
        let ReadToEndError::Read(ReadError::Reset(found)) = reset else { panic!("{what}: {reset}") };
        assert_eq!(found, code(0x10e), "{what}");
        assert!(soon(connecting).await.unwrap().is_err());
        // It had nothing but this stream.
        assert_eq!(code_of_close(&connection).await, 0x100, "{what}");
    }
}

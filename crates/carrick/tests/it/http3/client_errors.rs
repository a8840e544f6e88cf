//! What a client does about a server that breaks the rules that hold for servers (RFC 9114 §8.1).

use carrick::{Error, protocol::ResponseError};
use quinn::{ReadError, ReadToEndError, VarInt};

use super::{
    both_errors::{Ours, assert_message, assert_one_way, behind_settings},
    raw::{Asked, OK, RawServer, SETTINGS, code, code_of_close, connecting, failed, opened, soon},
};

#[tokio::test]
async fn one_way_streams_that_break_a_rule_end_the_connection() {
    let cases: [(Vec<Vec<u8>>, u64); 3] = [
        // FRAME_UNEXPECTED: MAX_PUSH_ID is for servers.
        (vec![behind_settings(&[0x0d, 1, 0])], 0x105),
        // ID_ERROR: GOAWAY that names no stream of requests, and a push.
        (vec![behind_settings(&[0x07, 1, 5])], 0x108),
        (vec![SETTINGS.to_vec(), vec![0x01, 0]], 0x108),
    ];
    for (streams, expected) in cases {
        assert_one_way(Ours::Client, &streams, expected).await;
    }
}

#[tokio::test]
async fn no_push_is_promised_to_one_who_allows_none() {
    assert_message(Ours::Client, &[0x05, 1, 0], 0x108).await;
}

#[tokio::test]
async fn a_server_opens_no_streams_for_requests() {
    let met = Ours::Client.meet().await;
    let _control = met.say(SETTINGS).await;
    let (mut send, _recv) = met.connection.open_bi().await.unwrap();
    send.write_all(OK).await.unwrap();
    met.assert_closed(0x103, "a stream for requests").await;
}

#[tokio::test]
async fn behind_the_head_of_a_tunnel_there_is_data_alone() {
    let server = RawServer::start();
    let connecting = connecting(server.client());
    let mut asked = server.asked().await;
    asked.send.write_all(OK).await.unwrap();
    let mut websocket = opened(connecting).await;
    asked.send.write_all(OK).await.unwrap();
    assert!(soon(websocket.recv()).await.unwrap().is_err());
    assert_eq!(code_of_close(&asked.connection).await, 0x105);
}

#[tokio::test]
async fn refusals_whose_body_or_trailers_break_a_rule_are_malformed() {
    // HEADERS with `:status: 404` and `content-length: 2`.
    const HEAD: &[u8] = &[0x01, 6, 0, 0, 0xc0 | 27, 0x54, 1, b'2'];
    let cases: [(&str, &[u8], bool); 4] = [
        ("two bytes", &[0x00, 2, b'n', b'o'], true),
        ("three bytes", &[0x00, 3, b'n', b'o', b'!'], false),
        ("one byte", &[0x00, 1, b'n'], false),
        ("a pseudo-header field in trailers", &[0x00, 2, b'n', b'o', 0x01, 3, 0, 0, 0xc0 | 25], false),
    ];
    for (what, body, is_sound) in cases {
        let server = RawServer::start();
        let connecting = connecting(server.client());
        let mut asked = server.asked().await;
        asked.send.write_all(&[HEAD, body].concat()).await.unwrap();
        asked.send.finish().unwrap();
        if is_sound {
            let Error::Response(error) = soon(connecting).await.unwrap().unwrap_err() else { panic!() };
            let ResponseError::Status(refusal) = *error else { panic!("{error:?}") };
            assert_eq!((refusal.status().as_u16(), &refusal.body()[..]), (404, &b"no"[..]));
            continue;
        }
        let error = failed(connecting).await.to_string();
        assert!(error.starts_with("H3_MESSAGE_ERROR (0x10e): "), "{what}: {error}");
        assert_eq!(reset_of(&mut asked).await, code(0x10e), "{what}");
        assert_eq!(code_of_close(&asked.connection).await, 0x100, "{what}");
    }
}

/// The code that the client has reset its request with.
async fn reset_of(asked: &mut Asked) -> VarInt {
    match soon(asked.recv.read_to_end(10_000)).await.unwrap_err() {
        ReadToEndError::Read(ReadError::Reset(code)) => code,
        other => panic!("{other}"),
    }
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
        let connecting = connecting(server.client());
        let mut asked = server.asked().await;
        asked.send.write_all(answer).await.unwrap();
        if answer.is_empty() {
            asked.send.finish().unwrap();
        } else {
            assert_eq!(soon(asked.send.stopped()).await.unwrap(), Some(code(0x10e)), "{what}");
        }
        assert_eq!(reset_of(&mut asked).await, code(0x10e), "{what}");
        assert!(soon(connecting).await.unwrap().is_err());
        // It had nothing but this stream.
        assert_eq!(code_of_close(&asked.connection).await, 0x100, "{what}");
    }
}

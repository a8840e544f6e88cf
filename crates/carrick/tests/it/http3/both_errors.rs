//! What both ends do about a peer that breaks a rule that holds for both (RFC 9114 §8.1, RFC 9204 §6).

use carrick::{Error, WebSocket};
use quinn::{Connection, Endpoint, RecvStream, SendStream};
use tokio::task::JoinHandle;

use super::raw::{GET, RawServer, SETTINGS, code, code_of_close, connect, connecting, request, soon};
use crate::{
    server::support::echo,
    versions::ways::{Site, Way},
};

/// One of our ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Ours {
    Client,
    Server,
}

const BOTH: [Ours; 2] = [Ours::Client, Ours::Server];

/// A connection with one of our ends, on which nothing is said yet.
pub(super) struct Met {
    pub(super) connection: Connection,
    other: Other,
}

enum Other {
    Client { _server: RawServer, connecting: JoinHandle<Result<WebSocket, Error>> },
    Server { _site: Site, _endpoint: Endpoint },
}

impl Ours {
    pub(super) async fn meet(self) -> Met {
        match self {
            Ours::Client => {
                let server = RawServer::start();
                let connecting = connecting(server.client());
                let connection = server.accept().await;
                Met { connection, other: Other::Client { _server: server, connecting } }
            }
            Ours::Server => {
                let site = Way::Http3
                    .serve(|server| server.route("/echo", echo).fallback(super::support::reads()))
                    .await;
                let (connection, endpoint) = connect(&site).await;
                Met { connection, other: Other::Server { _site: site, _endpoint: endpoint } }
            }
        }
    }
}

impl Met {
    /// Opens a one-way stream that begins with these bytes.
    pub(super) async fn say(&self, bytes: &[u8]) -> SendStream {
        let mut stream = self.connection.open_uni().await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream
    }

    /// The stream of a message to our end: a request, or the answer to its own.
    pub(super) async fn message(&self) -> (SendStream, RecvStream) {
        match self.other {
            Other::Client { .. } => request(&self.connection).await,
            Other::Server { .. } => soon(self.connection.open_bi()).await.unwrap(),
        }
    }

    /// Our end closes the connection with this code, and whoever waited for a WebSocket on it is told.
    pub(super) async fn assert_closed(self, expected: u64, what: &str) {
        assert_eq!(code_of_close(&self.connection).await, expected, "{what}");
        if let Other::Client { connecting, .. } = self.other {
            assert!(soon(connecting).await.unwrap().is_err(), "{what}");
        }
    }
}

/// What stands on one-way streams, and the code that answers it.
pub(super) async fn assert_one_way(ours: Ours, streams: &[Vec<u8>], expected: u64) {
    let met = ours.meet().await;
    let mut kept = Vec::new();
    for bytes in streams {
        kept.push(met.say(bytes).await);
    }
    met.assert_closed(expected, &format!("{ours:?} {streams:02x?}")).await;
}

/// What stands on the stream of a message, and the code that answers it.
pub(super) async fn assert_message(ours: Ours, bytes: &[u8], expected: u64) {
    let met = ours.meet().await;
    let _control = met.say(SETTINGS).await;
    let (mut send, _recv) = met.message().await;
    send.write_all(bytes).await.unwrap();
    send.finish().unwrap();
    met.assert_closed(expected, &format!("{ours:?} {bytes:02x?}")).await;
}

pub(super) fn behind_settings(bytes: &[u8]) -> Vec<u8> {
    [SETTINGS, bytes].concat()
}

#[tokio::test]
async fn one_way_streams_that_break_a_rule_end_the_connection() {
    let cases: Vec<(Vec<Vec<u8>>, u64)> = vec![
        // STREAM_CREATION_ERROR: of each there is one.
        (vec![SETTINGS.to_vec(), SETTINGS.to_vec()], 0x103),
        (vec![SETTINGS.to_vec(), vec![0x02], vec![0x02]], 0x103),
        (vec![SETTINGS.to_vec(), vec![0x03], vec![0x03]], 0x103),
        // FRAME_UNEXPECTED: SETTINGS again, the frames of a message, one of HTTP/2.
        (vec![behind_settings(&[0x04, 0])], 0x105),
        (vec![behind_settings(&[0x00, 0])], 0x105),
        (vec![behind_settings(&[0x01, 0])], 0x105),
        (vec![behind_settings(&[0x05, 1, 0])], 0x105),
        (vec![behind_settings(&[0x02, 0])], 0x105),
        (vec![behind_settings(&[0x08, 0])], 0x105),
        // FRAME_ERROR: GOAWAY that is longer and shorter than its integer, and half a setting.
        (vec![behind_settings(&[0x07, 2, 0, 0])], 0x106),
        (vec![behind_settings(&[0x07, 0])], 0x106),
        (vec![vec![0x00, 0x04, 1, 0x08]], 0x106),
        // EXCESSIVE_LOAD: SETTINGS of more bytes than they can be.
        (vec![vec![0x00, 0x04, 0x44, 0x01, 0]], 0x107),
        // ID_ERROR: GOAWAY that goes up, and CANCEL_PUSH of what there is not.
        (vec![behind_settings(&[0x07, 1, 4, 0x07, 1, 8])], 0x108),
        (vec![behind_settings(&[0x03, 1, 0])], 0x108),
        // SETTINGS_ERROR: of HTTP/2, twice, of a value that there is not.
        (vec![vec![0x00, 0x04, 2, 0x02, 0]], 0x109),
        (vec![vec![0x00, 0x04, 2, 0x05, 0]], 0x109),
        (vec![vec![0x00, 0x04, 4, 0x08, 1, 0x08, 1]], 0x109),
        (vec![vec![0x00, 0x04, 4, 0x21, 1, 0x21, 1]], 0x109),
        (vec![vec![0x00, 0x04, 2, 0x08, 2]], 0x109),
        // MISSING_SETTINGS
        (vec![vec![0x00, 0x07, 1, 0]], 0x10a),
        // QPACK_ENCODER_STREAM_ERROR, QPACK_DECODER_STREAM_ERROR
        (vec![SETTINGS.to_vec(), vec![0x02, 0x3f, 0x01]], 0x201),
        (vec![SETTINGS.to_vec(), vec![0x03, 0x80]], 0x202),
        (vec![SETTINGS.to_vec(), vec![0x03, 0x01]], 0x202),
    ];
    for ours in BOTH {
        for (streams, expected) in &cases {
            assert_one_way(ours, streams, *expected).await;
        }
    }
}

#[tokio::test]
async fn messages_that_break_a_rule_of_frames_end_the_connection() {
    let cases: [(&[u8], u64); 10] = [
        // FRAME_UNEXPECTED: DATA first, frames of the control stream, one of HTTP/2.
        (&[0x00, 1, 0], 0x105),
        (&[0x04, 0], 0x105),
        (&[0x07, 1, 0], 0x105),
        (&[0x06, 0], 0x105),
        (&[0x09, 0], 0x105),
        // FRAME_ERROR: it ends within a frame.
        (&[0x01, 2, 0], 0x106),
        (&[0x01], 0x106),
        // QPACK_DECOMPRESSION_FAILED
        (&[0x01, 3, 1, 0, 0x80], 0x200),
        (&[0x01, 4, 0, 0, 0xff, 0x7f], 0x200),
        (&[0x01, 3, 0, 0, 0x10], 0x200),
    ];
    for ours in BOTH {
        for (bytes, expected) in cases {
            assert_message(ours, bytes, expected).await;
        }
    }
}

#[tokio::test]
async fn critical_streams_must_neither_end_nor_be_refused() {
    for ours in BOTH {
        for end in ["finish", "reset", "stop"] {
            let met = ours.meet().await;
            let mut control = met.say(SETTINGS).await;
            // It is known for what it is once there is a request, which a client sends behind it and a server answers.
            let (mut send, mut recv) = met.message().await;
            if ours == Ours::Server {
                send.write_all(GET).await.unwrap();
                send.finish().unwrap();
                soon(recv.read_to_end(100_000)).await.unwrap();
            }
            match end {
                "finish" => control.finish().unwrap(),
                "reset" => control.reset(code(0x100)).unwrap(),
                _ => met.connection.accept_uni().await.unwrap().stop(code(0x100)).unwrap(),
            }
            met.assert_closed(0x104, &format!("{ours:?} {end}")).await;
        }
    }
}

//! How a client that speaks HTTP/2 without having been asked begins (RFC 9113 §3.4).

use std::io;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Whether a client begins with the preface of HTTP/2. Reads into `received` until that is known.
pub(super) async fn speaks_http2(
    stream: &mut (impl AsyncRead + Unpin),
    received: &mut BytesMut,
) -> io::Result<bool> {
    loop {
        let seen = received.len().min(PREFACE.len());
        if received[..seen] != PREFACE[..seen] {
            return Ok(false);
        }
        if seen == PREFACE.len() {
            return Ok(true);
        }
        received.reserve(READ_BYTES);
        if stream.read_buf(received).await? == 0 {
            return Ok(false);
        }
    }
}

/// It looks like a request so that servers that know no better refuse it.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Room for a read of the head behind it, should it be another.
const READ_BYTES: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_is_told_by_its_first_other_byte() {
        for (start, expected) in [
            (PREFACE, true),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0", true),
            (b"PRI * HTTP/2.0\r\n\r\nSM", false),
            (b"PRI * HTTP/1.1\r\n", false),
            (b"GET", false),
            (b"", false),
        ] {
            let mut received = BytesMut::new();
            assert_eq!(speaks_http2(&mut &*start, &mut received).await.unwrap(), expected);
            assert_eq!(received, start);
        }
    }
}

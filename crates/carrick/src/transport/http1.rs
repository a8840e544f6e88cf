//! The opening handshake over HTTP/1.1 on any byte stream.

use std::{io, time::Duration};

use bytes::{Buf, Bytes, BytesMut};
use http::{
    Request, Response, StatusCode, Version,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::timeout,
};

use crate::{
    error::Error,
    protocol::{HeadLimits, HeadReader, ResponseError, write_request},
};

/// Sends a request and reads the head of its final response. What was read behind the head comes with it.
pub(crate) async fn exchange(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    request: &Request<()>,
    limits: HeadLimits,
) -> Result<(Response<()>, BytesMut), Error> {
    let mut head = Vec::new();
    write_request(request, &mut head);
    stream.write_all(&head).await?;
    stream.flush().await?;

    let mut received = BytesMut::new();
    for _ in 0..MAX_INFORMATIONAL {
        let response = read_head(stream, &mut received, limits).await?;
        // RFC 9110 §15.2: "A client MUST be able to parse one or more 1xx responses received prior to a final response,
        // even if the client does not expect one." 101 is the one that ends the HTTP.
        let status = response.status();
        if !status.is_informational() || status == StatusCode::SWITCHING_PROTOCOLS {
            return Ok((response, received));
        }
    }
    Err(ResponseError::HeadMalformed { reason: "too many informational responses" }.into())
}

async fn read_head(
    stream: &mut (impl AsyncRead + Unpin),
    received: &mut BytesMut,
    limits: HeadLimits,
) -> Result<Response<()>, Error> {
    let mut reader = HeadReader::new(limits);
    loop {
        if let Some((response, consumed)) = reader.read_response(received)? {
            received.advance(consumed);
            return Ok(response);
        }
        received.reserve(READ_BYTES);
        if stream.read_buf(received).await? == 0 {
            let text = "server ended the stream before its response was complete";
            return Err(Error::Io(io::Error::new(io::ErrorKind::UnexpectedEof, text)));
        }
    }
}

/// The start of the body of a response that opens no WebSocket: as much as comes within a second, at most 1 KiB.
///
/// # Errors
///
/// If it shows that the whole response is malformed, which a stream of HTTP/3 tells.
pub(crate) async fn read_body_start(
    stream: &mut (impl AsyncRead + Unpin),
    response: &Response<()>,
    mut received: BytesMut,
) -> io::Result<Bytes> {
    let (headers, is_http3) = (response.headers(), response.version() == Version::HTTP_3);
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    // A body that ends with its stream is read to that end, behind which it is known to be sound.
    let length = length.filter(|_| !is_http3);
    let wanted = length.unwrap_or(MAX_BODY_BYTES).min(MAX_BODY_BYTES);
    let read = async {
        while received.len() < wanted {
            received.reserve(READ_BYTES);
            match stream.read_buf(&mut received).await {
                Ok(1..) => {}
                // "Clients MUST NOT accept a malformed response." (RFC 9114 §4.1.2)
                Err(error) if is_http3 && error.kind() == io::ErrorKind::InvalidData => return Err(error),
                // Whatever else went wrong, the refusal is the news.
                Ok(0) | Err(_) => break,
            }
        }
        Ok(())
    };
    timeout(BODY_TIME, read).await.unwrap_or(Ok(()))?;
    received.truncate(wanted);
    Ok(if headers.contains_key(TRANSFER_ENCODING) {
        without_chunk_sizes(&received)
    } else {
        received.freeze()
    })
}

/// The start of a chunked body (RFC 9112 §7.1), as far as it can be read.
fn without_chunk_sizes(mut chunked: &[u8]) -> Bytes {
    let mut body = BytesMut::new();
    while let Some(end) = chunked.windows(2).position(|pair| pair == b"\r\n") {
        let line = chunked.get(..end).unwrap_or_default();
        let digits = line.split(|byte| matches!(byte, b';' | b' ')).next().unwrap_or_default();
        let size = str::from_utf8(digits).ok().and_then(|digits| usize::from_str_radix(digits, 16).ok());
        let Some(size) = size.filter(|size| *size > 0) else { break };
        let rest = chunked.get(end + 2..).unwrap_or_default();
        body.extend_from_slice(rest.get(..size).unwrap_or(rest));
        chunked = size.checked_add(2).and_then(|behind| rest.get(behind..)).unwrap_or_default();
    }
    body.freeze()
}

/// Most informational responses in front of the final one. Servers send one or two.
const MAX_INFORMATIONAL: usize = 8;

const READ_BYTES: usize = 4096;

/// Enough for the sentence that says why.
const MAX_BODY_BYTES: usize = 1024;

const BODY_TIME: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunked_body_is_read_as_far_as_it_goes() {
        for (chunked, expected) in [
            (&b"3\r\nabc\r\n0\r\n\r\n"[..], &b"abc"[..]),
            (b"3;name=x\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", b"abcde"),
            (b"a\r\ncut of", b"cut of"),
            (b"3\r\nabc\r\nffffffffffffffff\r\nde", b"abcde"),
            (b"words", b""),
            (b"zz\r\nwords", b""),
            (b"", b""),
        ] {
            assert_eq!(without_chunk_sizes(chunked), expected);
        }
    }
}

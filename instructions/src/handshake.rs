//! The row of the opening handshake, from the bytes of a request to those of its answer.

use anyhow::{Context, ensure};
use carrick::protocol::{
    Acceptor, DeflateConfig, HeadLimits, HeadReader, Peer, is_websocket_request, write_response,
};

use crate::count;

/// How many requests are answered.
const REQUESTS: usize = 100;

/// 100 requests as a browser sends them, read, judged and answered.
pub(crate) fn answer() -> anyhow::Result<()> {
    let acceptor = Acceptor::default().with_deflate(Some(DeflateConfig::default()));
    count(
        REQUESTS,
        || Vec::with_capacity(512),
        |answer| {
            for _ in 0..REQUESTS {
                let mut reader = HeadReader::new(HeadLimits::default());
                let (request, consumed) =
                    reader.read_request(REQUEST)?.context("the request is not complete")?;
                ensure!(consumed == REQUEST.len() && is_websocket_request(&request), "it is another request");
                let (response, agreement) = acceptor.answer(&request, &Peer::default())?;
                ensure!(agreement.deflate.is_some(), "compression was not agreed on");
                answer.clear();
                write_response(&response, answer);
            }
            Ok(REQUESTS)
        },
    )
}

const REQUEST: &[u8] = b"GET /chat HTTP/1.1\r\n\
    Host: chat.example.com\r\n\
    Connection: Upgrade\r\n\
    Pragma: no-cache\r\n\
    Cache-Control: no-cache\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n\
    Upgrade: websocket\r\n\
    Origin: http://chat.example.com\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Accept-Language: en-US,en;q=0.9\r\n\
    Cookie: session=0123456789abcdef0123456789abcdef\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\
    \r\n";

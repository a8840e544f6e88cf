//! What a connection says and what it expects to hear.

use anyhow::{Context, bail, ensure};
use bench::{frame, payload};

use crate::args::{Args, Content};

/// What is the same for all connections of a run.
#[derive(Debug)]
pub(crate) struct Script {
    payload: Vec<u8>,
    opcode: u8,
    /// The payload as a masked frame, compressed if that was asked for.
    pub(crate) frame: Vec<u8>,
    pub(crate) deflate: bool,
    /// No WebSocket at all.
    pub(crate) raw: bool,
}

impl Script {
    pub(crate) fn new(args: &Args) -> Script {
        let (payload, opcode) = match args.content {
            Content::Binary => (payload::binary(args.bytes), frame::BINARY),
            Content::Ascii => (payload::ascii(args.bytes), frame::TEXT),
            Content::Chinese => (payload::chinese(args.bytes), frame::TEXT),
            Content::Json => (payload::json(args.bytes), frame::TEXT),
        };
        let frame = if args.deflate {
            frame::masked(opcode, true, &payload::deflated(&payload))
        } else {
            frame::masked(opcode, false, &payload)
        };
        Script { payload, opcode, frame, deflate: args.deflate, raw: args.raw }
    }

    /// The request of the opening handshake.
    pub(crate) fn request(&self, path: &str) -> Vec<u8> {
        let extensions = if self.deflate { OFFER } else { "" };
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{extensions}\r\n"
        );
        request.into_bytes()
    }

    /// Fails unless the answer opens a WebSocket as it was asked for.
    pub(crate) fn check_answer(&self, head: &[u8]) -> anyhow::Result<()> {
        let head = std::str::from_utf8(head).context("the answer to the opening handshake")?;
        let complain = || format!("the server answered {head:?}");
        ensure!(head.starts_with("HTTP/1.1 101"), complain());
        let value = |name: &str| {
            head.lines().find_map(|line| {
                let (found, value) = line.split_once(':')?;
                found.eq_ignore_ascii_case(name).then(|| value.trim())
            })
        };
        ensure!(value("Sec-WebSocket-Accept") == Some(ACCEPT), complain());
        let extensions = value("Sec-WebSocket-Extensions").unwrap_or_default();
        ensure!(self.deflate == extensions.starts_with("permessage-deflate"), complain());
        // Without it the length of an echo would depend on the messages before.
        ensure!(!self.deflate || extensions.contains("server_no_context_takeover"), complain());
        Ok(())
    }

    /// How many bytes the echo at the beginning of `received` takes, `None` as long as it is not complete; fails if it
    /// is not what was sent.
    pub(crate) fn check_echo(&self, received: &[u8]) -> anyhow::Result<Option<usize>> {
        if self.raw {
            ensure!(self.frame.starts_with(received), "the server returned other bytes than were sent");
            return Ok((received.len() == self.frame.len()).then_some(received.len()));
        }
        let Some(message) = frame::message(received)? else { return Ok(None) };
        ensure!(message.opcode == self.opcode, "sent opcode {}, received {}", self.opcode, message.opcode);
        ensure!(message.compressed == self.deflate, "compressed: {}", message.compressed);
        let payload = if message.compressed { payload::inflated(&message.payload)? } else { message.payload };
        if payload != self.payload {
            bail!("sent {} bytes, received {} others", self.payload.len(), payload.len());
        }
        Ok(Some(message.wire_bytes))
    }
}

/// The key of RFC 6455 §1.3 and what answers it.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

const OFFER: &str = "Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover; \
                     server_no_context_takeover\r\n";

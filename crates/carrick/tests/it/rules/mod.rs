//! The rules of the RFCs, on the wire: bytes in, answers out.

mod deflate_negotiation;
mod handshake_client;
mod handshake_server;
mod large;
mod origin;
mod rfc6455_10_limits;
mod rfc6455_5_2_framing;
mod rfc6455_5_4_fragmentation;
mod rfc6455_5_5_control;
mod rfc6455_7_closing;
mod rfc6455_8_utf8;
mod rfc7692;
mod sending;
mod violations;

use std::{collections::BTreeSet, fmt::Debug};

use carrick::protocol::{Acceptor, Agreement, HeadLimits, HeadReader, Peer, Rejection};
use http::Response;

/// A request head, line by line.
#[derive(Clone)]
struct Head(Vec<String>);

impl Head {
    /// The shortest request that opens a WebSocket.
    fn request() -> Head {
        Head::of(&[
            "GET /chat HTTP/1.1",
            "Host: example.com",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version: 13",
        ])
    }

    fn of(lines: &[&str]) -> Head {
        Head(lines.iter().map(|line| (*line).to_owned()).collect())
    }

    fn with(mut self, line: &str) -> Head {
        self.0.push(line.to_owned());
        self
    }

    /// Replaces the line that starts as `line` does, up to the colon.
    fn replacing(mut self, line: &str) -> Head {
        let (name, _) = line.split_once(':').expect("a header field has a colon");
        let found = self.0.iter_mut().find(|old| old.starts_with(&format!("{name}:")));
        line.clone_into(found.expect("the head has a field of that name"));
        self
    }

    fn without(mut self, name: &str) -> Head {
        self.0.retain(|line| !line.starts_with(&format!("{name}:")));
        self
    }

    fn starting(mut self, first_line: &str) -> Head {
        first_line.clone_into(&mut self.0[0]);
        self
    }

    fn bytes(&self) -> Vec<u8> {
        format!("{}\r\n\r\n", self.0.join("\r\n")).into_bytes()
    }
}

/// What a server answers to bytes on the wire. However they are cut, it is the same.
fn answer_bytes(
    acceptor: &Acceptor,
    limits: HeadLimits,
    received: &[u8],
) -> Result<(Response<()>, Agreement), Rejection> {
    let read = |cuts: &[usize]| {
        let mut reader = HeadReader::new(limits);
        for cut in cuts {
            if let Some((request, _)) = reader.read_request(&received[..*cut])? {
                return acceptor.answer(&request, &Peer::default());
            }
        }
        panic!("head is not complete: {}", String::from_utf8_lossy(received))
    };
    let whole = read(&[received.len()]);
    let bytewise: Vec<usize> = (0..=received.len()).collect();
    assert_eq!(format!("{:?}", read(&bytewise)), format!("{whole:?}"));
    if received.len() < 1000 {
        for cut in bytewise {
            assert_eq!(format!("{:?}", read(&[cut, received.len()])), format!("{whole:?}"), "cut at {cut}");
        }
    }
    whole
}

fn answer(acceptor: &Acceptor, head: &Head) -> Result<(Response<()>, Agreement), Rejection> {
    answer_bytes(acceptor, HeadLimits::default(), &head.bytes())
}

/// The name of the variant that `value` is.
pub(crate) fn variant(value: &impl Debug) -> String {
    let text = format!("{value:?}");
    let end = text.find(|character: char| !character.is_alphanumeric()).unwrap_or(text.len());
    text[..end].to_owned()
}

/// The names of the variants of an enum, read from its source, so that a new one cannot be forgotten here.
pub(crate) fn variants(source: &str, declaration: &str) -> BTreeSet<String> {
    let (_, body) = source.split_once(declaration).expect("the enum is declared in that file");
    let (body, _) = body.split_once("\n}").expect("the declaration ends");
    let lines = body.lines().filter_map(|line| line.strip_prefix("    "));
    let names = lines.filter(|line| line.starts_with(|first: char| first.is_ascii_uppercase()));
    names
        .map(|line| line.split(|character: char| !character.is_alphanumeric()).next().unwrap().to_owned())
        .collect()
}

/// The sentences that are shown to humans start small and have no full stop.
fn assert_is_a_sentence(sentence: &str) {
    assert!(sentence.starts_with(|first: char| first.is_lowercase() || first == ':'), "{sentence}");
    assert!(!sentence.ends_with('.') && !sentence.contains('\n'), "{sentence}");
}

//! The rows of the protocol core alone.

use std::hint::black_box;

use anyhow::ensure;
use bytes::Bytes;
use carrick::protocol::{Agreement, DeflateParams, Message, Prepared, Role};

use crate::{
    count,
    end::{End, Lent},
};

/// How many small messages are echoed, and how many connections a prepared one is sent to.
pub(crate) const MANY: usize = 1000;
/// The payload of a small message.
pub(crate) const SMALL: &[u8; 20] = b"20 bytes of payload.";
const TEXT_BYTES: usize = 16 << 10;
const PUBLISHED_BYTES: usize = 128;
const JSON_BYTES: usize = 1 << 10;

/// 1,000 masked messages of 20 B, all in one buffer, parsed and answered.
pub(crate) fn echo() -> anyhow::Result<()> {
    let frames = small_frames(MANY)?;
    let mut lent = Lent::new();
    let mut server = End::new(Role::Server, &Agreement::default(), &lent);
    count(
        MANY,
        || frames.clone(),
        |received| {
            let messages = server.echo(received, &mut lent)?;
            server.discard();
            Ok(messages)
        },
    )
}

/// One text of 16 KiB in letters that take a byte each, received.
pub(crate) fn text_ascii() -> anyhow::Result<()> {
    text("The quick brown fox jumps over the lazy dog. ")
}

/// One text of 16 KiB in letters that take three bytes each, received.
pub(crate) fn text_chinese() -> anyhow::Result<()> {
    text("天地玄黃宇宙洪荒日月盈昃辰宿列張")
}

fn text(sample: &str) -> anyhow::Result<()> {
    let mut text = sample.repeat(TEXT_BYTES / sample.len());
    text.extend(std::iter::repeat_n('.', TEXT_BYTES - text.len()));
    let frame = frames_of_client(&Message::text(text), 1)?;
    let mut lent = Lent::new();
    let mut server = End::new(Role::Server, &Agreement::default(), &lent);
    count(
        1,
        || frame.clone(),
        |received| {
            Ok(server.receive(received, &mut lent, |payload| {
                black_box(payload);
            }))
        },
    )
}

/// One message of 128 B, prepared once and sent to 1,000 connections.
pub(crate) fn fan_out() -> anyhow::Result<()> {
    let mut lent = Lent::new();
    let agreement = Agreement::default();
    let mut members: Vec<End> =
        std::iter::repeat_with(|| End::new(Role::Server, &agreement, &lent)).take(MANY).collect();
    count(
        MANY,
        || Message::binary(Bytes::from_static(&[7; PUBLISHED_BYTES])),
        |message| {
            let prepared = Prepared::new(message.clone());
            for member in &mut members {
                member.send_prepared(&prepared, &mut lent)?;
            }
            for member in &mut members {
                member.discard();
            }
            Ok(members.len())
        },
    )
}

/// 1 KiB of JSON, compressed by the server and inflated by the client, with state out of a pool that has some.
pub(crate) fn deflate() -> anyhow::Result<()> {
    let json = json();
    let mut lent = Lent::new();
    let mut agreement = Agreement::default();
    let mut params = DeflateParams::default();
    (params.own_context_takeover, params.peer_context_takeover) = (false, false);
    (params.own_max_window_bits, params.peer_max_window_bits) = (12, 12);
    agreement.deflate = Some(params);
    let mut server = End::new(Role::Server, &agreement, &lent);
    let mut client = End::new(Role::Client, &agreement, &lent);
    count(
        1,
        || Message::text(json.as_str()),
        |message| {
            server.send(message.clone(), &mut lent)?;
            let mut received = server.written();
            ensure!(received.len() < JSON_BYTES / 2, "{} bytes are not compressed", received.len());
            Ok(client.receive(&mut received, &mut lent, |payload| assert_eq!(payload, json.as_bytes())))
        },
    )
}

/// Some of a feed of prices: the names repeat, the values do not.
fn json() -> String {
    let mut json = String::from("[");
    for n in 1_u64.. {
        let noise = n.wrapping_mul(6_364_136_223_846_793_005) >> 33;
        let trade = format!(
            r#"{{"symbol":"CRK-{}","price":{}.{:02},"volume":{}}},"#,
            noise % 50,
            noise % 900 + 100,
            noise % 97,
            noise % 10_000,
        );
        if json.len() + trade.len() >= JSON_BYTES {
            break;
        }
        json.push_str(&trade);
    }
    json.extend(std::iter::repeat_n(' ', JSON_BYTES - 1 - json.len()));
    json.push(']');
    json
}

/// The frames of `messages` small messages, as a client sends them.
pub(crate) fn small_frames(messages: usize) -> anyhow::Result<Vec<u8>> {
    frames_of_client(&Message::binary(Bytes::from_static(SMALL)), messages)
}

fn frames_of_client(message: &Message, times: usize) -> anyhow::Result<Vec<u8>> {
    let mut lent = Lent::new();
    let mut client = End::new(Role::Client, &Agreement::default(), &lent);
    for _ in 0..times {
        client.send(message.clone(), &mut lent)?;
    }
    Ok(client.written())
}

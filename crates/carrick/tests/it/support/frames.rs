//! Frames of a server as bytes, and those of a client, masked with zeros so that they read the same.

use carrick::protocol::{CloseCode, Role};

/// A whole frame as `role` sends it. `first` is the first byte: FIN, RSV and the opcode.
pub(crate) fn frame(role: Role, first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = if role == Role::Client { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match payload.len() {
        length @ 0..=125 => bytes.push(mask | length as u8),
        length @ 126..=0xffff => {
            bytes.push(mask | 126);
            bytes.extend((length as u16).to_be_bytes());
        }
        length => {
            bytes.push(mask | 127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    if role == Role::Client {
        bytes.extend([0; 4]);
    }
    bytes.extend(payload);
    bytes
}

pub(crate) fn text(role: Role, payload: &str) -> Vec<u8> {
    frame(role, 0x81, payload.as_bytes())
}

pub(crate) fn binary(role: Role, payload: &[u8]) -> Vec<u8> {
    frame(role, 0x82, payload)
}

pub(crate) fn ping(role: Role, payload: &[u8]) -> Vec<u8> {
    frame(role, 0x89, payload)
}

pub(crate) fn pong(role: Role, payload: &[u8]) -> Vec<u8> {
    frame(role, 0x8a, payload)
}

pub(crate) fn close(role: Role, code: CloseCode, reason: &str) -> Vec<u8> {
    let payload = [&u16::from(code).to_be_bytes(), reason.as_bytes()].concat();
    frame(role, 0x88, &payload)
}

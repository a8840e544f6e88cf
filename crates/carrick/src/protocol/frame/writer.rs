//! Frames to bytes; a client masks them.

use bytes::{Bytes, BytesMut};
use rand_core::CryptoRng;

use super::{header::Header, opcode::Opcode, output::Output};
use crate::protocol::{
    payload::{mask, mask_into},
    role::Role,
};

/// Writes the frames of one side.
///
/// ```
/// use bytes::Bytes;
/// use carrick::protocol::{Frame, FrameWriter, Opcode, Output, Role};
///
/// let mut output = Output::new();
/// let frame = Frame { fin: true, rsv1: false, opcode: Opcode::Text, payload: Bytes::from_static(b"Hi") };
/// FrameWriter::new(Role::Server).write(frame, &mut rand::rng(), &mut output);
/// assert_eq!(output.len(), 4);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct FrameWriter {
    role: Role,
}

/// A whole frame to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Whether this is the last fragment of its message.
    pub fin: bool,
    /// The first reserved bit, see [`Header::rsv1`].
    pub rsv1: bool,
    /// What the frame is.
    pub opcode: Opcode,
    /// The payload, not masked.
    pub payload: Bytes,
}

impl FrameWriter {
    /// A writer for frames of `role`.
    #[must_use]
    pub fn new(role: Role) -> FrameWriter {
        FrameWriter { role }
    }

    /// Appends one frame to `output`. `random` gives a new masking key for each frame of a client: "the masking key
    /// needs to be unpredictable" (RFC 6455 §5.3). A server never asks it.
    pub fn write(self, frame: Frame, random: &mut dyn CryptoRng, output: &mut Output) {
        let Frame { fin, rsv1, opcode, payload } = frame;
        let key = self.role.masks().then(|| random.next_u32().to_ne_bytes());
        let header = Header { fin, rsv1, opcode, mask: key, length: payload.len() as u64 };
        if payload.len() < Output::SHARED_BYTES {
            output.tail().reserve(payload.len() + Header::MAX_BYTES);
        }
        header.encode(output.tail());
        match key {
            None => output.push(payload),
            Some(key) if payload.len() < Output::SHARED_BYTES => mask_into(output.tail(), &payload, key),
            Some(key) => output.push(masked(payload, key)),
        }
    }

    /// Appends the header of an unfragmented frame that is not masked; the payload has to come behind it.
    #[cfg(feature = "net")]
    pub(crate) fn write_head(opcode: Opcode, length: usize, output: &mut Output) {
        let header = Header { fin: true, rsv1: false, opcode, mask: None, length: length as u64 };
        header.encode(output.tail());
    }

    /// Appends an unfragmented frame with a copy of `payload`, however long it is.
    #[cfg(feature = "net")]
    pub(crate) fn write_copy(
        self,
        opcode: Opcode,
        payload: &[u8],
        random: &mut dyn CryptoRng,
        output: &mut Output,
    ) {
        let key = self.role.masks().then(|| random.next_u32().to_ne_bytes());
        let header = Header { fin: true, rsv1: false, opcode, mask: key, length: payload.len() as u64 };
        output.tail().reserve(payload.len() + Header::MAX_BYTES);
        header.encode(output.tail());
        match key {
            None => output.extend(payload),
            Some(key) => mask_into(output.tail(), payload, key),
        }
    }
}

/// The payload masked: in place if nobody else holds it, else in a copy.
fn masked(payload: Bytes, key: [u8; 4]) -> Bytes {
    match payload.try_into_mut() {
        Ok(mut own) => {
            mask(&mut own, key, 0);
            own.freeze()
        }
        Err(shared) => {
            let mut copy = BytesMut::with_capacity(shared.len());
            mask_into(&mut copy, &shared, key);
            copy.freeze()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::IoSlice;

    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    fn written(role: Role, payload: &Bytes) -> Vec<u8> {
        let mut output = Output::new();
        let mut random = StdRng::seed_from_u64(7);
        let frame = Frame { fin: true, rsv1: false, opcode: Opcode::Binary, payload: payload.clone() };
        FrameWriter::new(role).write(frame, &mut random, &mut output);
        let mut slices = [IoSlice::new(&[]); 4];
        let filled = output.slices(&mut slices);
        slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect()
    }

    #[test]
    fn a_server_writes_the_payload_as_it_is() {
        for length in [0, 125, 126, 4095, 4096, 70_000] {
            let payload = Bytes::from(vec![9; length]);
            assert!(written(Role::Server, &payload).ends_with(&payload));
        }
    }

    #[test]
    fn a_client_masks_with_the_key_in_the_header_and_leaves_a_shared_payload_alone() {
        for length in [1, 125, 126, 4095, 4096, 70_000] {
            let payload = Bytes::from(vec![9; length]);
            let bytes = written(Role::Client, &payload);
            let (head, body) = bytes.split_at(bytes.len() - length);
            let key: [u8; 4] = *head.last_chunk().unwrap();
            let mut unmasked = body.to_vec();
            mask(&mut unmasked, key, 0);
            assert_eq!(unmasked, payload);
            assert!(payload.iter().all(|&byte| byte == 9));
        }
    }
}

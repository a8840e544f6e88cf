//! What the relay saw.

use anyhow::{Context, bail};

/// Which end sent a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Server,
}

/// The head of one frame.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) side: Side,
    pub(super) opcode: String,
    pub(super) fin: bool,
    pub(super) rsv1: bool,
    pub(super) masked: bool,
    pub(super) length: u64,
}

/// One connection from its opening handshake on.
#[derive(Debug)]
pub(super) struct Conversation {
    /// The extensions in the server's answer, or `nothing`.
    pub(super) agreed: String,
    pub(super) frames: Vec<Frame>,
}

impl Conversation {
    /// Finds the connection of a case in what the relay printed; its format stands in `interop/peer/src/relay.rs`.
    pub(super) fn read(printed: &str, case: &str) -> anyhow::Result<Conversation> {
        let mut lines = printed
            .lines()
            .filter_map(|line| line.strip_prefix(case).and_then(|rest| rest.strip_prefix(' ')));
        let first = lines.next().context("the relay saw no such connection")?;
        let Some(agreed) = first.strip_prefix("agreed ") else { bail!("opening handshake: {first}") };
        let frames = lines.map(|line| frame(line).with_context(|| format!("the relay printed `{line}`")));
        Ok(Conversation { agreed: agreed.to_owned(), frames: frames.collect::<anyhow::Result<_>>()? })
    }

    /// How many frames of a kind one side sent.
    pub(super) fn count(&self, side: Side, opcode: &str) -> usize {
        self.frames.iter().filter(|frame| frame.side == side && frame.opcode == opcode).count()
    }

    /// The frames of messages that one side sent.
    pub(super) fn data(&self, side: Side) -> Vec<&Frame> {
        let is_data = |frame: &&Frame| ["text", "binary", "continuation"].contains(&frame.opcode.as_str());
        self.frames.iter().filter(|frame| frame.side == side).filter(is_data).collect()
    }
}

fn frame(line: &str) -> anyhow::Result<Frame> {
    let words: Vec<&str> = line.split(' ').collect();
    let [side, opcode, fin, rsv1, masked, length] = words[..] else { bail!("not six words") };
    let side = match side {
        "client" => Side::Client,
        "server" => Side::Server,
        other => bail!("no such side: {other}"),
    };
    Ok(Frame {
        side,
        opcode: opcode.to_owned(),
        fin: fin == "fin",
        rsv1: rsv1 == "rsv1",
        masked: masked == "masked",
        length: length.parse()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_one_case_are_its_conversation() {
        let printed = "listening on 127.0.0.1:1\ntext agreed nothing\nother agreed permessage-deflate\n\
                       text client text fin plain masked 21\n";
        let seen = Conversation::read(printed, "text").unwrap();
        assert_eq!(seen.agreed, "nothing");
        assert_eq!(seen.data(Side::Client).len(), 1);
        assert_eq!(seen.frames[0].length, 21);
        assert!(Conversation::read(printed, "ping").is_err());
    }
}

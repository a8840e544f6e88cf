//! The cases, and what has to be on the wire in each.

use anyhow::ensure;

use super::wire::{Conversation, Frame, Side};

/// The cases, in the order in which they run. What client and server do in them stands in `interop/README.md`.
pub(super) const CASES: [&str; 10] = [
    "text",
    "binary",
    "empty",
    "deflate",
    "fragments",
    "ping",
    "subprotocol",
    "close-by-client",
    "close-by-server",
    // With a server of its own, which lets windows be kept.
    TAKEOVER,
];

/// The case in which both sides keep their windows from message to message.
pub(super) const TAKEOVER: &str = "takeover";

/// How the server sees the connection of the case end, as far as it is told by every library.
pub(super) fn closed_line(case: &str) -> &str {
    match case {
        "close-by-client" => "4002 client is done – bye",
        // That it ended in order, and no more: the code in a client's answer, which is what a server tells of an end
        // that it began, is the client's own matter. That 4001 and its reason arrived is checked by the client, and
        // that each side sent one close frame by `check`.
        "close-by-server" => "",
        _ => "1000",
    }
}

/// What the two ends of a connection are able to do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Abilities {
    /// Whether both have permessage-deflate.
    pub(super) deflate: bool,
    /// Whether the client sends fragments.
    pub(super) client_fragments: bool,
    /// Whether the server does.
    pub(super) server_fragments: bool,
}

/// Fails if what was on the wire is not what the case is about.
pub(super) fn check(case: &str, seen: &Conversation, able: Abilities) -> anyhow::Result<()> {
    for frame in &seen.frames {
        ensure!(frame.masked == (frame.side == Side::Client), "the {:?} sent {frame:?}", frame.side);
        ensure!(able.deflate || !frame.rsv1, "{frame:?} is compressed and nothing was agreed");
    }
    let agreed =
        if able.deflate { seen.agreed.starts_with("permessage-deflate") } else { seen.agreed == "nothing" };
    ensure!(agreed, "agreed on `{}`", seen.agreed);
    for side in [Side::Client, Side::Server] {
        ensure!(seen.count(side, "close") == 1, "{} close frames of the {side:?}", seen.count(side, "close"));
        match case {
            "deflate" => check_deflate(&seen.data(side), able)?,
            TAKEOVER => check_takeover(&seen.data(side))?,
            "fragments" => check_fragments(
                &seen.data(side),
                match side {
                    Side::Client => able.client_fragments,
                    Side::Server => able.server_fragments,
                },
            )?,
            "ping" => {
                let (pings, pongs) = (seen.count(side, "ping"), seen.count(side, "pong"));
                ensure!((pings, pongs) == (1, 1), "{pings} pings and {pongs} pongs of the {side:?}");
            }
            _ => {}
        }
    }
    Ok(())
}

/// The message is 64,500 bytes of text that repeats itself.
fn check_deflate(data: &[&Frame], able: Abilities) -> anyhow::Result<()> {
    ensure!(data.len() == 1, "{} data frames", data.len());
    let frame = data[0];
    let small = frame.rsv1 && frame.length < 6_450;
    ensure!(small == able.deflate, "a large message went as {frame:?}");
    Ok(())
}

/// The message is sent twice, and its second copy is nothing but a reference to the first.
fn check_takeover(data: &[&Frame]) -> anyhow::Result<()> {
    ensure!(data.len() == 2 && data.iter().all(|frame| frame.rsv1), "data frames are {data:?}");
    ensure!(data[1].length < data[0].length / 10, "the window was not kept: {data:?}");
    Ok(())
}

fn check_fragments(data: &[&Frame], fragments: bool) -> anyhow::Result<()> {
    ensure!(!data.is_empty(), "no message");
    ensure!((data.len() > 1) == fragments, "{} frames for one message", data.len());
    let last = data.len() - 1;
    for (index, frame) in data.iter().enumerate() {
        ensure!(frame.fin == (index == last), "fragment {index} of {last}: {frame:?}");
        ensure!((frame.opcode == "continuation") == (index > 0), "fragment {index} of {last}: {frame:?}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABLE: Abilities = Abilities { deflate: true, client_fragments: true, server_fragments: true };

    fn conversation(lines: &str) -> Conversation {
        Conversation::read(&format!("x agreed permessage-deflate\n{lines}"), "x").unwrap()
    }

    const CLOSED: &str = "x client close fin plain masked 2\nx server close fin plain bare 2\n";

    #[test]
    fn a_large_message_that_goes_plain_fails_where_deflate_was_agreed() {
        let both = |flag| {
            format!("x client text fin {flag} masked 350\nx server text fin {flag} bare 350\n{CLOSED}")
        };
        assert!(check("deflate", &conversation(&both("rsv1")), ABLE).is_ok());
        assert!(check("deflate", &conversation(&both("plain")), ABLE).is_err());
    }

    #[test]
    fn a_message_in_one_frame_fails_where_fragments_are_wanted() {
        let fragments = "x client binary more plain masked 5\nx client continuation fin plain masked 5\n\
                         x server binary more rsv1 bare 5\nx server continuation fin plain bare 5\n";
        assert!(check("fragments", &conversation(&format!("{fragments}{CLOSED}")), ABLE).is_ok());
        let whole = "x client binary fin plain masked 10\nx server binary fin plain bare 10\n";
        assert!(check("fragments", &conversation(&format!("{whole}{CLOSED}")), ABLE).is_err());
    }

    #[test]
    fn a_frame_of_a_client_without_a_mask_fails() {
        let lines = CLOSED.replace("masked", "bare");
        assert!(check("text", &conversation(CLOSED), ABLE).is_ok());
        assert!(check("text", &conversation(&lines), ABLE).is_err());
    }
}

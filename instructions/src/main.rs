//! The work whose instructions are counted.
//!
//! `instructions` prints the names of the rows; `instructions ROW` does the work of one twice, first to warm up and then
//! inside of `counted`, which `cargo xtask instructions` has callgrind look at. Nothing is random and nothing waits, so
//! that a row counts the same in each run.

mod end;
mod handshake;
mod protocol;
mod websocket;

use std::{env, hint::black_box};

use anyhow::{Context, ensure};

/// The rows; their figures stand in `figures.json`.
const ROWS: &[(&str, Row)] = &[
    ("protocol-deflate", protocol::deflate),
    ("protocol-echo", protocol::echo),
    ("protocol-fan-out", protocol::fan_out),
    ("protocol-handshake", handshake::answer),
    ("protocol-text-ascii", protocol::text_ascii),
    ("protocol-text-chinese", protocol::text_chinese),
    ("websocket-echo", websocket::echo),
    ("websocket-ping-pong", websocket::ping_pong),
];

type Row = fn() -> anyhow::Result<()>;

#[expect(clippy::print_stdout)]
fn main() -> anyhow::Result<()> {
    let Some(wanted) = env::args().nth(1) else {
        for (name, _) in ROWS {
            println!("{name}");
        }
        return Ok(());
    };
    // simdutf8 and zlib-rs choose by it, and callgrind hands on whether the machine has it.
    ensure!(has_avx2(), "the figures are those of a processor with AVX2, and this one has none");
    let (_, row) =
        ROWS.iter().find(|(name, _)| *name == wanted).with_context(|| format!("no row {wanted}"))?;
    row()
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2")
}

#[cfg(not(target_arch = "x86_64"))]
fn has_avx2() -> bool {
    false
}

/// Does the work twice, each time with what `prepare` makes for it; the second time counts. The work answers with how
/// many messages it moved, which have to be `expected`: a row that does nothing is fast.
fn count<T>(
    expected: usize,
    mut prepare: impl FnMut() -> T,
    mut work: impl FnMut(&mut T) -> anyhow::Result<usize>,
) -> anyhow::Result<()> {
    let warm = work(&mut prepare())?;
    let mut prepared = prepare();
    let mut outcome = Ok(0);
    counted(&mut || outcome = work(&mut prepared));
    let moved = outcome?;
    ensure!(warm == expected && moved == expected, "moved {warm} and {moved} messages, expected {expected}");
    Ok(())
}

/// Callgrind collects from the entry of this function to its end, by its name.
#[inline(never)]
fn counted(work: &mut dyn FnMut()) {
    work();
    // Behind a call in the last place the function would have ended before it.
    black_box(());
}

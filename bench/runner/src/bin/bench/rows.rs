//! The rows of the table: what work is done, and how it is measured.

/// One kind of work.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    /// What the servers are asked to do, as in their argument `--mode`.
    pub(crate) mode: &'static str,
    pub(crate) work: Work,
    /// Compares the versions of HTTP that we speak, and nobody else.
    pub(crate) of_versions: bool,
}

/// What the generator does, and what figure is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// CPU time per message of an echo server.
    Echo(Echo),
    /// CPU time per message that is delivered.
    Fanout { subscribers: usize, batch: usize },
    /// CPU time per opening handshake.
    Handshake,
    /// User memory per connection that is open and idle.
    Idle,
    /// CPU time per message at 10,000 connections ÷ that at 100.
    Growth,
    /// CPU time per message of a client.
    Client,
}

/// How echoes are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Echo {
    pub(crate) connections: usize,
    pub(crate) batch: usize,
    pub(crate) bytes: usize,
    /// As in the generator's argument `--content`.
    pub(crate) content: &'static str,
}

/// The unit of the figure that a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Nanoseconds of CPU time per message.
    Nanos,
    /// Bytes per connection.
    Bytes,
    /// How many times as much.
    Times,
}

impl Row {
    pub(crate) fn unit(&self) -> Unit {
        match self.work {
            Work::Echo(_) | Work::Fanout { .. } | Work::Handshake | Work::Client => Unit::Nanos,
            Work::Idle => Unit::Bytes,
            Work::Growth => Unit::Times,
        }
    }

    /// Whether what a server did in earlier rounds would be seen in the next.
    pub(crate) fn needs_fresh_servers(&self) -> bool {
        self.work == Work::Idle
    }

    /// The peer that the others are compared with.
    pub(crate) fn yardstick(&self) -> &'static str {
        match self.work {
            _ if self.of_versions => "carrick-async",
            Work::Client => "raw-epoll",
            _ => "uwebsockets",
        }
    }

    /// The generator's arguments, for each of its runs in one round.
    pub(crate) fn loads(&self) -> Vec<Vec<String>> {
        let words = |words: String| words.split(' ').map(str::to_owned).collect();
        let echo = |connections: usize| format!("--work echo --connections {connections}");
        match self.work {
            Work::Echo(Echo { connections, batch, bytes, content }) => vec![words(format!(
                "{} --batch {batch} --bytes {bytes} --content {content}",
                echo(connections)
            ))],
            Work::Fanout { subscribers, batch } => {
                vec![words(format!("--work fanout --connections {subscribers} --batch {batch} --bytes 128"))]
            }
            Work::Handshake => vec![words("--work handshake --connections 64".to_owned())],
            Work::Idle => {
                // Small messages need not be compressed even where that was agreed on.
                let message =
                    if self.mode == "deflate" { "--bytes 1024 --content json" } else { "--bytes 20" };
                vec![words(format!("--work idle --connections 10000 {message}"))]
            }
            Work::Growth => vec![words(echo(100)), words(echo(10_000))],
            Work::Client => vec![words(echo(CLIENTS))],
        }
    }
}

/// The rows that were asked for: all of them, or those whose names begin with one of `wanted`.
pub(crate) fn selected(wanted: &[String]) -> anyhow::Result<Vec<&'static Row>> {
    if let Some(unknown) = wanted.iter().find(|name| !ROWS.iter().any(|row| row.name.starts_with(*name))) {
        anyhow::bail!("no row begins with `{unknown}`; `--list` names them");
    }
    // A whole name is no prefix of others: `idle` is not `idle-tls`.
    let whole = |name: &String| ROWS.iter().any(|row| row.name == name);
    let fits = |row: &Row, name: &String| row.name == name || (!whole(name) && row.name.starts_with(name));
    Ok(ROWS.iter().filter(|row| wanted.is_empty() || wanted.iter().any(|name| fits(row, name))).collect())
}

const fn ping_pong(name: &'static str, title: &'static str, connections: usize, bytes: usize) -> Row {
    echo(name, title, "echo", Echo { connections, batch: 1, bytes, content: "binary" })
}

const fn echo(name: &'static str, title: &'static str, mode: &'static str, echo: Echo) -> Row {
    Row { name, title, mode, work: Work::Echo(echo), of_versions: false }
}

const fn fan_out(name: &'static str, title: &'static str, subscribers: usize, batch: usize) -> Row {
    Row { name, title, mode: "fanout", work: Work::Fanout { subscribers, batch }, of_versions: false }
}

const fn other(name: &'static str, title: &'static str, mode: &'static str, work: Work) -> Row {
    Row { name, title, mode, work, of_versions: false }
}

const fn versions(name: &'static str, title: &'static str, connections: usize, bytes: usize) -> Row {
    let row = echo(name, title, "tls", Echo { connections, batch: 1, bytes, content: "binary" });
    Row { of_versions: true, ..row }
}

const fn text(content: &'static str) -> Echo {
    Echo { connections: 64, batch: 1, bytes: 16 * 1024, content }
}

const fn small(bytes: usize, content: &'static str) -> Echo {
    Echo { connections: 64, batch: 1, bytes, content }
}

/// All of them, in the order of the table.
pub(crate) const ROWS: &[Row] = &[
    ping_pong("ping-1x20", "1 connection × 20 B", 1, 20),
    ping_pong("ping-1x125", "1 connection × 125 B", 1, 125),
    ping_pong("ping-1x1024", "1 connection × 1 KiB", 1, 1024),
    ping_pong("ping-1x16384", "1 connection × 16 KiB", 1, 16_384),
    ping_pong("ping-64x20", "64 connections × 20 B", 64, 20),
    ping_pong("ping-64x125", "64 connections × 125 B", 64, 125),
    ping_pong("ping-64x1024", "64 connections × 1 KiB", 64, 1024),
    ping_pong("ping-64x16384", "64 connections × 16 KiB", 64, 16_384),
    ping_pong("ping-1000x20", "1,000 connections × 20 B", 1000, 20),
    ping_pong("ping-1000x125", "1,000 connections × 125 B", 1000, 125),
    ping_pong("ping-1000x1024", "1,000 connections × 1 KiB", 1000, 1024),
    ping_pong("ping-1000x16384", "1,000 connections × 16 KiB", 1000, 16_384),
    ping_pong("large", "8 connections × 1 MiB", 8, 1024 * 1024),
    echo("d32", "D32: 64 connections × 32 messages at once × 20 B", "echo", D32),
    echo("text-ascii", "text, English, 64 × 16 KiB", "echo", text("ascii")),
    echo("text-chinese", "text, Chinese, 64 × 16 KiB", "echo", text("chinese")),
    fan_out("fanout-1000", "fan-out 1 → 1,000 × 128 B", 1000, 1),
    fan_out("fanout-1000-by-8", "fan-out 1 → 1,000, 8 publications per write", 1000, 8),
    fan_out("fanout-10000", "fan-out 1 → 10,000 × 128 B", 10_000, 1),
    fan_out("fanout-10000-by-8", "fan-out 1 → 10,000, 8 publications per write", 10_000, 8),
    echo("deflate", "permessage-deflate, JSON of 1 KiB", "deflate", small(1024, "json")),
    echo("tls-20", "TLS, 64 × 20 B", "tls", small(20, "binary")),
    echo("tls-16384", "TLS, 64 × 16 KiB", "tls", small(16_384, "binary")),
    versions("http-20", "versions of HTTP, 64 × 20 B", 64, 20),
    versions("http-16384", "versions of HTTP, 64 × 16 KiB", 64, 16_384),
    versions("http-100MiB", "versions of HTTP, one message of 100 MiB", 1, 100 << 20),
    other("handshake", "opening handshake", "echo", Work::Handshake),
    other("handshake-tls", "opening handshake with TLS", "tls", Work::Handshake),
    other("idle", "idle memory, 10,000 connections", "echo", Work::Idle),
    other("idle-tls", "idle memory with TLS", "tls", Work::Idle),
    other("idle-deflate", "idle memory, permessage-deflate agreed on", "deflate", Work::Idle),
    other("growth", "growth: a message at 10,000 connections ÷ at 100", "echo", Work::Growth),
    other("client", "client, 64 × 20 B", "client", Work::Client),
];

const D32: Echo = Echo { connections: 64, batch: 32, bytes: 20, content: "binary" };

/// How many connections a client opens.
pub(crate) const CLIENTS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn names(wanted: &[&str]) -> Vec<&'static str> {
        let wanted: Vec<String> = wanted.iter().map(|&name| name.to_owned()).collect();
        selected(&wanted).unwrap().iter().map(|row| row.name).collect()
    }

    #[test]
    fn a_row_is_found_by_its_name_or_by_how_it_begins() {
        assert_eq!(names(&["d32"]), ["d32"]);
        assert_eq!(names(&["idle"]), ["idle"]);
        assert_eq!(names(&["idle-", "text"]), ["text-ascii", "text-chinese", "idle-tls", "idle-deflate"]);
        assert_eq!(names(&[]).len(), ROWS.len());
        assert!(selected(&["nothing".to_owned()]).is_err());
    }

    #[test]
    fn every_name_is_there_once() {
        for (index, row) in ROWS.iter().enumerate() {
            assert!(ROWS[..index].iter().all(|other| other.name != row.name), "{}", row.name);
        }
    }
}

//! All connections of a run, on one poll.

use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use mio::{Events, Interest, Poll, Token};

use crate::{
    args::Args,
    dial::Dialer,
    link::{Link, RECORDS},
    opening::{Opening, would_block},
    script::Script,
};

/// The connections, and what they share.
#[derive(Debug)]
pub(crate) struct Fleet {
    poll: Poll,
    dialer: Dialer,
    pub(crate) script: Script,
    pub(crate) connections: Vec<Connection>,
    buffer: Vec<u8>,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) link: Link,
    opening: Option<Opening>,
    /// How much of the batch was written.
    written: usize,
    /// How many bytes are still to come before the next batch.
    pub(crate) owed: usize,
    /// When the batch was written.
    pub(crate) since: Instant,
}

impl Fleet {
    pub(crate) fn new(args: &Args) -> anyhow::Result<Fleet> {
        Ok(Fleet {
            poll: Poll::new()?,
            dialer: Dialer::new(args)?,
            script: Script::new(args),
            connections: Vec::with_capacity(args.connections + 1),
            buffer: vec![0; BUFFER],
        })
    }

    /// Opens connections, some at a time; answers with the length of an echo, 0 without one.
    pub(crate) fn open(&mut self, count: usize, path: &str, with_echo: bool) -> anyhow::Result<usize> {
        let (first, mut opened, mut length) = (self.connections.len(), 0, None);
        let mut events = Events::with_capacity(EVENTS);
        let begun = Instant::now();
        while opened < count {
            while self.connections.len() < first + count
                && self.connections.len() - first - opened < MOST_OPENING
            {
                self.begin(path, with_echo)?;
            }
            self.wait(&mut events)?;
            for event in &events {
                let connection = &mut self.connections[event.token().0];
                let Some(opening) = &mut connection.opening else { continue };
                if let Some(found) = opening.proceed(&mut connection.link, &self.script, &mut self.buffer)? {
                    ensure!(*length.get_or_insert(found) == found, "echoes of {found} bytes and of others");
                    connection.opening = None;
                    opened += 1;
                }
            }
            ensure!(
                begun.elapsed() < LONGEST_OPENING,
                "{opened} of {count} connections are open after a minute"
            );
        }
        Ok(length.unwrap_or_default())
    }

    /// Begins one more connection.
    fn begin(&mut self, path: &str, with_echo: bool) -> anyhow::Result<()> {
        let connection = self.dial(path, with_echo, self.connections.len())?;
        self.connections.push(connection);
        Ok(())
    }

    /// Begins a connection in the place of another, which is closed.
    pub(crate) fn begin_again(&mut self, number: usize, path: &str) -> anyhow::Result<()> {
        self.connections[number] = self.dial(path, false, number)?;
        Ok(())
    }

    fn dial(&mut self, path: &str, with_echo: bool, number: usize) -> anyhow::Result<Connection> {
        let mut link = self.dialer.dial()?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut link.tcp, Token(number), interest)?;
        let opening = Some(Opening::new(&self.script, path, with_echo));
        Ok(Connection { link, opening, written: 0, owed: 0, since: Instant::now() })
    }

    /// Whether the connection of this number has opened just now, and since when it was on its way.
    pub(crate) fn has_opened(&mut self, number: usize) -> anyhow::Result<Option<Instant>> {
        let connection = &mut self.connections[number];
        let Some(opening) = &mut connection.opening else { return Ok(None) };
        let opened = opening.proceed(&mut connection.link, &self.script, &mut self.buffer)?;
        Ok(opened.map(|_| opening.since))
    }

    /// Waits for events. A server that says nothing for long has failed.
    pub(crate) fn wait(&mut self, events: &mut Events) -> anyhow::Result<()> {
        match self.poll.poll(events, Some(LONGEST_SILENCE)) {
            Err(error) if error.kind() != std::io::ErrorKind::Interrupted => Err(error).context("poll"),
            Ok(()) if events.is_empty() => bail!("the server says nothing for {LONGEST_SILENCE:?}"),
            _ => Ok(()),
        }
    }

    /// Begins to send a batch, for which `owed` bytes have to come back.
    pub(crate) fn send(
        &mut self,
        number: usize,
        batch: &[u8],
        owed: usize,
        now: Instant,
    ) -> anyhow::Result<()> {
        let connection = &mut self.connections[number];
        (connection.written, connection.owed, connection.since) = (0, owed, now);
        connection.write(batch)
    }

    /// Goes on with the batch of a connection; whether all that is owed has come.
    pub(crate) fn proceed(&mut self, number: usize, batch: &[u8]) -> anyhow::Result<bool> {
        let connection = &mut self.connections[number];
        connection.write(batch)?;
        if connection.owed == 0 {
            return Ok(false);
        }
        loop {
            match connection.link.read(&mut self.buffer) {
                Ok(0) => bail!("the server ended a connection"),
                Ok(read) => {
                    let came = read - ping_bytes(&self.buffer[..read], connection.owed);
                    ensure!(came <= connection.owed, "{came} bytes came, {} were owed", connection.owed);
                    connection.owed -= came;
                    // What comes behind the end of this read is another event, unless there was no room for it: TLS leaves
                    // as much of the buffer empty as it may receive at once.
                    if connection.owed == 0 || read <= self.buffer.len() - RECORDS {
                        return Ok(connection.owed == 0);
                    }
                }
                Err(error) if would_block(&error) => return Ok(false),
                Err(error) => return Err(error).context("a connection failed"),
            }
        }
    }

    /// All that a connection has received, for who wants to look at it.
    pub(crate) fn read(&mut self, number: usize) -> anyhow::Result<&[u8]> {
        match self.connections[number].link.read(&mut self.buffer) {
            Ok(read) => Ok(&self.buffer[..read]),
            Err(error) if would_block(&error) => Ok(&[]),
            Err(error) => Err(error).context("a connection failed"),
        }
    }
}

impl Connection {
    fn write(&mut self, batch: &[u8]) -> anyhow::Result<()> {
        while self.written < batch.len() {
            match self.link.write(&batch[self.written..]) {
                Ok(written) => self.written += written,
                Err(error) if would_block(&error) => return Ok(()),
                Err(error) => return Err(error).context("a connection failed"),
            }
        }
        match self.link.flush() {
            Err(error) if !would_block(&error) => Err(error).context("a connection failed"),
            _ => Ok(()),
        }
    }
}

/// How many bytes of a read are a ping. A server sends one to a connection that is open for long; it comes by itself, in
/// front of what is owed or behind it. Nobody waits long enough to miss the pong.
fn ping_bytes(read: &[u8], owed: usize) -> usize {
    let is_ping =
        |frame: &[u8]| matches!(frame, [PING, length, payload @ ..] if payload.len() == usize::from(*length));
    let surplus = read.len().saturating_sub(owed);
    if is_ping(read) {
        read.len()
    } else if is_ping(&read[..surplus]) || is_ping(&read[read.len() - surplus..]) {
        surplus
    } else {
        0
    }
}

const PING: u8 = 0x89;
pub(crate) const EVENTS: usize = 1024;
const BUFFER: usize = 256 * 1024;
/// Fewer than the shortest queue of a listener: uWebSockets has one of 512.
const MOST_OPENING: usize = 200;
const LONGEST_OPENING: Duration = Duration::from_secs(60);
const LONGEST_SILENCE: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ping_does_not_count() {
        let (ping, echo) = ([PING, 3, b'a', b'b', b'c'], [0x82, 2, 7, 7]);
        assert_eq!(ping_bytes(&ping, 4), 5);
        assert_eq!(ping_bytes(&echo, 4), 0);
        assert_eq!(ping_bytes(&[&ping[..], &echo].concat(), 4), 5);
        assert_eq!(ping_bytes(&[&echo[..], &ping].concat(), 4), 5);
        assert_eq!(ping_bytes(&[&echo[..], &echo].concat(), 4), 0);
    }
}

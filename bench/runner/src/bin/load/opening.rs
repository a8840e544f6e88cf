//! A connection on its way from TCP to its first echo.

use std::{
    io::{self, ErrorKind},
    time::Instant,
};

use anyhow::{bail, ensure};

use crate::{link::Link, script::Script};

/// How far it is.
#[derive(Debug)]
pub(crate) struct Opening {
    to_send: Vec<u8>,
    sent: usize,
    received: Vec<u8>,
    step: Step,
    /// Whether a message is sent and its echo checked once the WebSocket is open.
    with_echo: bool,
    pub(crate) since: Instant,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Upgrade,
    Echo,
}

impl Opening {
    pub(crate) fn new(script: &Script, path: &str, with_echo: bool) -> Opening {
        let (to_send, step) = if script.raw {
            (script.frame.clone(), Step::Echo)
        } else {
            (script.request(path), Step::Upgrade)
        };
        Opening { to_send, sent: 0, received: Vec::new(), step, with_echo, since: Instant::now() }
    }

    /// Goes on until the other side has to; answers with the length of an echo (0 without one) once it is through.
    pub(crate) fn proceed(
        &mut self,
        link: &mut Link,
        script: &Script,
        buffer: &mut [u8],
    ) -> anyhow::Result<Option<usize>> {
        loop {
            self.write(link)?;
            let before = self.received.len();
            let ended = match link.read(buffer) {
                Ok(read) => {
                    self.received.extend_from_slice(&buffer[..read]);
                    read == 0
                }
                Err(error) if would_block(&error) => return Ok(None),
                Err(error) => bail!("{error} while a connection was opened"),
            };
            match self.step {
                Step::Upgrade => {
                    let from = before.saturating_sub(END_OF_HEAD.len());
                    let found =
                        self.received[from..].windows(END_OF_HEAD.len()).position(|w| w == END_OF_HEAD);
                    if let Some(found) = found {
                        let end = from + found + END_OF_HEAD.len();
                        script.check_answer(&self.received[..end])?;
                        self.received.drain(..end);
                        if !self.with_echo {
                            return Ok(Some(0));
                        }
                        (self.to_send, self.sent, self.step) = (script.frame.clone(), 0, Step::Echo);
                        continue;
                    }
                }
                Step::Echo => {
                    if let Some(length) = script.check_echo(&self.received)? {
                        ensure!(length == self.received.len(), "more came back than was sent");
                        return Ok(Some(length));
                    }
                }
            }
            ensure!(!ended, "the server ended a connection that was being opened");
        }
    }

    fn write(&mut self, link: &mut Link) -> anyhow::Result<()> {
        while self.sent < self.to_send.len() {
            match link.write(&self.to_send[self.sent..]) {
                Ok(written) => self.sent += written,
                Err(error) if would_block(&error) => return Ok(()),
                Err(error) => bail!("{error} while a connection was opened"),
            }
        }
        match link.flush() {
            Err(error) if !would_block(&error) => bail!("{error} while a connection was opened"),
            _ => Ok(()),
        }
    }
}

/// Whether to wait; a connection that is being made can do nothing else either.
pub(crate) fn would_block(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected)
}

const END_OF_HEAD: &[u8] = b"\r\n\r\n";

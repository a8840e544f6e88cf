//! How the command ends, as a number.

use std::process::ExitCode;

/// What the exit code tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All went well.
    Fine = 0,
    /// There was no connection, or something on this machine is not as it has to be.
    Failed = 1,
    /// The command was called wrongly, or fed with what cannot be sent. clap uses the same number.
    Usage = 2,
    /// What was waited for did not come.
    Unmet = 3,
    /// The connection was open, and then was lost or closed because of an error.
    Abnormal = 4,
    /// Interrupted before there was anything to close, or twice.
    Cut = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// For `--help` and the manual page.
pub(crate) const DESCRIPTION: &str = "\
Exit codes:
  0    all went well; also when the reader of the output went away
  1    the connection could not be opened, or this machine failed; of bench:
       also where that is one of many connections
  2    wrong call, or input that cannot be sent
  3    --one, --count or --expect was not met in time, or before the
       connection was closed; of bench: a reply did not come, or another one,
       or messages of a fixed rate were not sent in time
  4    the connection was lost, or closed with another code than 1000 and 1001;
       of bench: a connection ended before we closed it. Where several of 1, 4
       and 3 are true of a bench, it is the first of them
  130  interrupted twice, or before the connection was open";

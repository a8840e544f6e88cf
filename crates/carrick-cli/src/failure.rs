//! Why a command failed.

use std::{error::Error, fmt, io};

use crate::exit::Exit;

/// An error with a hint what to do about it.
#[derive(Debug)]
pub(crate) struct Failure {
    what: String,
    details: Vec<String>,
    hint: Option<String>,
    cause: Option<Box<dyn Error + Send + Sync>>,
    exit: Exit,
}

impl Failure {
    pub(crate) fn new(what: impl Into<String>) -> Failure {
        Failure { what: what.into(), details: Vec::new(), hint: None, cause: None, exit: Exit::Failed }
    }

    /// Lines that stand below it.
    pub(crate) fn with_details(self, details: Vec<String>) -> Failure {
        Failure { details, ..self }
    }

    pub(crate) fn with_hint(self, hint: impl Into<String>) -> Failure {
        Failure { hint: Some(hint.into()), ..self }
    }

    pub(crate) fn because(self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Failure {
        Failure { cause: Some(cause.into()), ..self }
    }

    /// Another exit code than [`Exit::Failed`].
    pub(crate) fn with_exit(self, exit: Exit) -> Failure {
        Failure { exit, ..self }
    }

    pub(crate) fn details(&self) -> &[String] {
        &self.details
    }

    pub(crate) fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// The causes, the nearest first.
    pub(crate) fn causes(&self) -> impl Iterator<Item = &(dyn Error + 'static)> {
        std::iter::successors(self.source(), |&cause| cause.source())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.cause {
            Some(cause) => Some(&**cause),
            None => None,
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::new("the system refused").because(error)
    }
}

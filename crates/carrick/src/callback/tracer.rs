//! Where the lines of a trace go.

use std::{
    fmt::{self, Write as _},
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
};

/// Writes a trace, if there is one. Clones write to the same place, each line at once.
#[derive(Clone, Default)]
pub(crate) struct Tracer {
    writer: Option<Arc<Mutex<dyn Write + Send>>>,
}

impl Tracer {
    /// Writes to standard error.
    pub(crate) fn stderr() -> Tracer {
        Tracer::new(io::stderr())
    }

    pub(crate) fn new(writer: impl Write + Send + 'static) -> Tracer {
        Tracer { writer: Some(Arc::new(Mutex::new(writer))) }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.writer.is_some()
    }

    /// Writes the lines of `what`, each behind `label`.
    pub(crate) fn write(&self, label: &str, what: &dyn fmt::Display) {
        let Some(writer) = &self.writer else { return };
        let mut lines = String::new();
        for line in what.to_string().lines() {
            let _ = writeln!(lines, "{label}{line}");
        }
        let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
        // A program works on if nobody reads its trace.
        let _ = writer.write_all(lines.as_bytes()).and_then(|()| writer.flush());
    }
}

impl fmt::Debug for Tracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_on() { "Tracer" } else { "no Tracer" })
    }
}

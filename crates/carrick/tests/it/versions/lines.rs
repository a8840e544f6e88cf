//! What a client tells of its way to a server.

use std::sync::{Arc, Mutex};

use carrick::ClientBuilder;

/// The lines of a trace.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    pub(crate) fn watch(&self, client: ClientBuilder) -> ClientBuilder {
        let lines = self.clone();
        client.on_connect_event(move |event| {
            lines.0.lock().unwrap().extend(event.to_string().lines().map(str::to_owned));
        })
    }

    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    pub(crate) fn have(&self, start: &str) -> bool {
        self.0.lock().unwrap().iter().any(|found| found.starts_with(start))
    }

    pub(crate) fn assert_have(&self, start: &str) {
        assert!(self.have(start), "{start}: {:#?}", self.take());
    }
}

//! Every connection of a server: how many there are, how to ask them to close, how to cut them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::{sync::Notify, task::AbortHandle};

use crate::websocket::Stop;

/// The connections of one server.
#[derive(Debug)]
pub(super) struct Connections {
    table: Mutex<Table>,
    /// Told whenever a connection ends.
    ended: Notify,
    most: usize,
}

#[derive(Debug, Default)]
struct Table {
    entries: Vec<Option<Entry>>,
    /// Where `entries` has room.
    vacant: Vec<u32>,
    /// Whether what starts from now on is cut at once.
    cut: bool,
}

#[derive(Debug)]
struct Entry {
    stop: Arc<Stop>,
    task: Option<AbortHandle>,
}

impl Connections {
    /// At most `most` at a time; zero counts as one.
    pub(super) fn new(most: usize) -> Connections {
        Connections { table: Mutex::default(), ended: Notify::new(), most: most.max(1) }
    }

    /// Waits until there is room for one more.
    pub(super) async fn room(&self) {
        while self.count() >= self.most {
            self.ended.notified().await;
        }
    }

    /// Takes up one more.
    pub(super) fn add(self: &Arc<Connections>) -> Place {
        let stop = Arc::new(Stop::default());
        let entry = Some(Entry { stop: Arc::clone(&stop), task: None });
        let mut table = self.table();
        let index = match table.vacant.pop() {
            Some(index) => {
                table.entries[index as usize] = entry;
                index
            }
            None => {
                table.entries.push(entry);
                u32::try_from(table.entries.len() - 1).expect("four thousand million sockets do not exist")
            }
        };
        drop(table);
        Place { connections: Arc::clone(self), index, stop }
    }

    /// Asks all of them to close.
    pub(super) fn stop(&self) {
        let stops: Vec<_> =
            self.table().entries.iter().flatten().map(|entry| Arc::clone(&entry.stop)).collect();
        for stop in stops {
            stop.ask();
        }
    }

    /// Waits until none is left.
    pub(super) async fn gone(&self) {
        while self.count() > 0 {
            self.ended.notified().await;
        }
    }

    /// Ends those that are left without asking; tells how many.
    pub(super) fn cut(&self) -> usize {
        let mut table = self.table();
        table.cut = true;
        let entries: Vec<_> = table.entries.iter().flatten().collect();
        let count = entries.len();
        let tasks: Vec<_> = entries.into_iter().filter_map(|entry| entry.task.clone()).collect();
        drop(table);
        for task in tasks {
            task.abort();
        }
        count
    }

    fn count(&self) -> usize {
        let table = self.table();
        table.entries.len() - table.vacant.len()
    }

    fn set_task(&self, index: u32, stop: &Arc<Stop>, task: AbortHandle) {
        let mut table = self.table();
        if table.cut {
            task.abort();
        }
        // The task may be over by now and the place taken by somebody else.
        let entry = table.entries.get_mut(index as usize).and_then(Option::as_mut);
        if let Some(entry) = entry.filter(|entry| Arc::ptr_eq(&entry.stop, stop)) {
            entry.task = Some(task);
        }
    }

    fn remove(&self, index: u32) {
        let mut table = self.table();
        table.entries[index as usize] = None;
        table.vacant.push(index);
        drop(table);
        self.ended.notify_one();
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of one connection, held as long as it lives.
#[derive(Debug)]
pub(super) struct Place {
    connections: Arc<Connections>,
    index: u32,
    stop: Arc<Stop>,
}

impl Place {
    /// Where the connection learns that it has to close.
    pub(super) fn stop(&self) -> &Arc<Stop> {
        &self.stop
    }

    /// Hands the place to a task that `start` starts, which is then the one to be cut.
    pub(super) fn hand_over(self, start: impl FnOnce(Place) -> AbortHandle) {
        let (connections, index, stop) = (Arc::clone(&self.connections), self.index, Arc::clone(&self.stop));
        let task = start(self);
        connections.set_task(index, &stop, task);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.remove(self.index);
    }
}

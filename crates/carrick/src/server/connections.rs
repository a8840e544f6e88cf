//! Every connection of a server: how many there are, how to ask them to close, how to cut them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::{sync::Notify, task::AbortHandle};

use super::stage::{Life, Stage};
use crate::websocket::{Alarms, Stop};

/// The connections of one server.
#[derive(Debug)]
pub(super) struct Connections {
    table: Mutex<Table>,
    /// Told whenever a connection ends.
    ended: Notify,
    /// What wakes them in time, as long as somebody rings.
    alarms: Arc<Alarms>,
    most: usize,
}

#[derive(Debug, Default)]
struct Table {
    entries: Vec<Option<Entry>>,
    /// Where `entries` has room.
    vacant: Vec<u32>,
    /// Whether what starts from now on is asked to close at once.
    stopped: bool,
    /// Whether what starts from now on is cut at once.
    cut: bool,
}

#[derive(Debug)]
struct Entry {
    stop: Arc<Stop>,
    /// The task that holds the place.
    task: Option<AbortHandle>,
}

impl Connections {
    /// At most `most` at a time; zero counts as one.
    pub(super) fn new(most: usize) -> Connections {
        Connections {
            table: Mutex::default(),
            ended: Notify::new(),
            alarms: Arc::default(),
            most: most.max(1),
        }
    }

    /// What wakes the connections in time. Whoever owns them may ring.
    pub(super) fn alarms(&self) -> &Arc<Alarms> {
        &self.alarms
    }

    /// Waits until there is room for one more.
    pub(super) async fn room(&self) {
        while self.count() >= self.most {
            self.ended.notified().await;
        }
    }

    /// Takes up one more, if there is room.
    #[cfg(any(feature = "http2", feature = "http3"))]
    pub(super) fn add_if_room(self: &Arc<Connections>) -> Option<Place> {
        (self.count() < self.most).then(|| self.add())
    }

    /// Takes up one more.
    fn add(self: &Arc<Connections>) -> Place {
        let stop = Arc::new(Stop::with_alarms(Arc::clone(&self.alarms)));
        let entry = Some(Entry { stop: Arc::clone(&stop), task: None });
        let mut table = self.table();
        if table.stopped {
            stop.ask();
        }
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
        Place { seat: Box::new(Seat { connections: Arc::clone(self), index, stop }) }
    }

    /// Takes up one more and starts its task with the stage that `first` makes, which is told where the connection
    /// learns that it has to close.
    pub(super) fn start(self: &Arc<Connections>, first: impl FnOnce(&Arc<Stop>) -> Stage) {
        self.add().start(first);
    }

    /// Asks all of them to close, and those that come.
    pub(super) fn stop(&self) {
        let mut table = self.table();
        table.stopped = true;
        let stops: Vec<_> = table.entries.iter().flatten().map(|entry| Arc::clone(&entry.stop)).collect();
        drop(table);
        for stop in stops {
            stop.ask();
        }
    }

    /// Whether they were asked to close.
    pub(super) fn is_stopped(&self) -> bool {
        self.table().stopped
    }

    /// Waits until none is left.
    pub(super) async fn gone(&self) {
        while self.count() > 0 {
            self.ended.notified().await;
        }
        // Somebody else may be waiting for the same.
        self.ended.notify_one();
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
    /// Boxed, for the smallest task of tokio has room for one word beside what it does.
    seat: Box<Seat>,
}

#[derive(Debug)]
struct Seat {
    connections: Arc<Connections>,
    index: u32,
    stop: Arc<Stop>,
}

impl Place {
    /// Where the connection learns that it has to close.
    #[cfg(any(feature = "http2", feature = "http3"))]
    pub(super) fn stop(&self) -> &Arc<Stop> {
        &self.seat.stop
    }

    /// Starts the task of the connection, as [`Connections::start`] does.
    pub(super) fn start(self, first: impl FnOnce(&Arc<Stop>) -> Stage) {
        let Seat { connections, index, stop } = &*self.seat;
        let (connections, index, stop) = (Arc::clone(connections), *index, Arc::clone(stop));
        let task = tokio::spawn(Life::new(first(&stop), self)).abort_handle();
        connections.set_task(index, &stop, task);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.seat.connections.remove(self.seat.index);
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test]
    async fn a_connection_that_is_cut_leaves_its_place() {
        let connections = Arc::new(Connections::new(1));
        connections.start(|_| Stage::new(async { Some(Stage::last(pending())) }));
        connections.start(|_| Stage::last(async {}));
        tokio::task::yield_now().await;
        assert_eq!(connections.count(), 1);
        assert_eq!(connections.cut(), 1);
        connections.gone().await;
        connections.start(|_| Stage::last(pending()));
        connections.gone().await;
    }
}

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
    /// Whether what starts from now on is asked to close at once.
    stopped: bool,
    /// Whether what starts from now on is cut at once.
    cut: bool,
}

#[derive(Debug)]
struct Entry {
    stop: Arc<Stop>,
    /// The task that holds the place, and how many held it before.
    task: Option<(u8, AbortHandle)>,
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

    /// Takes up one more, if there is room.
    #[cfg(feature = "http2")]
    pub(super) fn add_if_room(self: &Arc<Connections>) -> Option<Place> {
        (self.count() < self.most).then(|| self.add())
    }

    /// Takes up one more.
    pub(super) fn add(self: &Arc<Connections>) -> Place {
        let stop = Arc::new(Stop::default());
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
        Place { connections: Arc::clone(self), index, turn: 0, stop }
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
        let tasks: Vec<_> =
            entries.into_iter().filter_map(|entry| Some(entry.task.as_ref()?.1.clone())).collect();
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

    fn set_task(&self, index: u32, turn: u8, stop: &Arc<Stop>, task: AbortHandle) {
        let mut table = self.table();
        if table.cut {
            task.abort();
        }
        // The task may be over by now and the place taken by somebody else.
        let entry = table.entries.get_mut(index as usize).and_then(Option::as_mut);
        let Some(entry) = entry.filter(|entry| Arc::ptr_eq(&entry.stop, stop)) else { return };
        // Or it has handed the place on already, and that task has come first to say so.
        if entry.task.as_ref().is_none_or(|(known, _)| *known < turn) {
            entry.task = Some((turn, task));
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
    /// How often it was handed over.
    turn: u8,
    stop: Arc<Stop>,
}

impl Place {
    /// Where the connection learns that it has to close.
    pub(super) fn stop(&self) -> &Arc<Stop> {
        &self.stop
    }

    /// All connections, to find a place for one that comes over this one.
    #[cfg(feature = "http2")]
    pub(super) fn connections(&self) -> &Arc<Connections> {
        &self.connections
    }

    /// Hands the place to a task that `start` starts, which is then the one to be cut.
    pub(super) fn hand_over(mut self, start: impl FnOnce(Place) -> AbortHandle) {
        let (connections, stop) = (Arc::clone(&self.connections), Arc::clone(&self.stop));
        let (index, turn) = (self.index, self.turn);
        self.turn = turn.saturating_add(1);
        let task = start(self);
        connections.set_task(index, turn, &stop, task);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.remove(self.index);
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test]
    async fn the_task_that_has_the_place_is_cut_in_whatever_order_the_tasks_are_made_known() {
        let connections = Arc::new(Connections::new(1));
        let mut handler = None;
        connections.add().hand_over(|place| {
            // As if the first task had done all its work before `hand_over` goes on.
            place.hand_over(|place| {
                let task = tokio::spawn(async move {
                    let _place = place;
                    pending::<()>().await;
                });
                let abort = task.abort_handle();
                handler = Some(task);
                abort
            });
            tokio::spawn(async {}).abort_handle()
        });
        assert_eq!(connections.cut(), 1);
        assert!(handler.unwrap().await.unwrap_err().is_cancelled());
        assert_eq!(connections.count(), 0);
    }
}

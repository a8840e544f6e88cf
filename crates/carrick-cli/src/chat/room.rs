//! Who is there, what was said, and how everybody hears it.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use carrick::protocol::Prepared;
use tokio::sync::broadcast;

use super::message::{Member, Notice, Said};

/// A chat room. Cloning shares it.
#[derive(Clone, Debug)]
pub(crate) struct Room {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Framed and compressed once for all members.
    notices: broadcast::Sender<Prepared>,
}

#[derive(Debug, Default)]
struct State {
    /// The number of the member who came last.
    latest: u64,
    names: BTreeMap<u64, String>,
    history: VecDeque<Said>,
}

/// What a member finds on entering.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) members: Vec<Member>,
    pub(crate) history: Vec<Said>,
    /// Everything after that.
    pub(crate) notices: broadcast::Receiver<Prepared>,
}

impl Room {
    pub(crate) fn new() -> Room {
        let (notices, _) = broadcast::channel(BACKLOG);
        Room { shared: Arc::new(Shared { state: Mutex::default(), notices }) }
    }

    /// A newcomer, under a name of the room's choice.
    pub(crate) fn enter(&self) -> Seat {
        let mut state = self.lock();
        state.latest += 1;
        let id = state.latest;
        let name = format!("guest-{id}");
        self.publish(&Notice::Joined { id, name: name.clone() });
        // Behind its own notice: the newcomer is among the members already.
        let notices = self.shared.notices.subscribe();
        state.names.insert(id, name.clone());
        let members = state.names.iter().map(|(&id, name)| Member { id, name: name.clone() }).collect();
        Seat { id, name, members, history: state.history.iter().cloned().collect(), notices }
    }

    pub(crate) fn leave(&self, id: u64) {
        let mut state = self.lock();
        if let Some(name) = state.names.remove(&id) {
            self.publish(&Notice::Left { id, name });
        }
    }

    pub(crate) fn rename(&self, id: u64, name: String) {
        let mut state = self.lock();
        state.names.insert(id, name.clone());
        self.publish(&Notice::Renamed { id, name });
    }

    pub(crate) fn say(&self, id: u64, text: String) {
        let mut state = self.lock();
        let name = state.names.get(&id).cloned().unwrap_or_default();
        let said = Said { id, name, text, at: unix_milliseconds() };
        if state.history.len() == HISTORY {
            state.history.pop_front();
        }
        state.history.push_back(said.clone());
        self.publish(&Notice::Said(said));
    }

    /// Called with the lock held, so that all members see one order.
    fn publish(&self, notice: &Notice) {
        // Nobody there to hear it is fine.
        let _ = self.shared.notices.send(Prepared::new(notice.message()));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unix_milliseconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// How many notices a member may be behind before it is told to come back.
const BACKLOG: usize = 256;
const HISTORY: usize = 50;

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(seat: &mut Seat) -> Vec<String> {
        std::iter::from_fn(|| seat.notices.try_recv().ok())
            .map(|notice| notice.message().as_text().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn everybody_hears_the_same_in_the_same_order_from_entering_on() {
        let room = Room::new();
        let mut ada = room.enter();
        let mut grace = room.enter();
        assert_eq!(grace.members.len(), 2);
        room.rename(grace.id, "Grace".to_owned());
        room.say(grace.id, "hi".to_owned());
        room.leave(grace.id);
        let at_grace = heard(&mut grace);
        assert_eq!(heard(&mut ada)[1..], at_grace);
        assert_eq!(at_grace.len(), 3);
        assert!(at_grace[1].starts_with(r#"{"type":"said","id":2,"name":"Grace","text":"hi","at":"#));
    }

    #[test]
    fn the_history_keeps_the_latest() {
        let room = Room::new();
        let id = room.enter().id;
        for n in 0..=HISTORY {
            room.say(id, n.to_string());
        }
        let history = room.enter().history;
        assert_eq!(history.len(), HISTORY);
        assert_eq!(history[0].text, "1");
    }
}

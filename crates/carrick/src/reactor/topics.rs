//! Who of a thread has subscribed to what.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use slab::Slab;

use crate::protocol::Prepared;

/// A message for the subscribers of a topic, or for everybody.
#[derive(Clone, Debug)]
pub(crate) struct Publication {
    /// `None` is everybody.
    pub(crate) topic: Option<Arc<str>>,
    pub(crate) message: Prepared,
    /// The connection that published it, which does not get it.
    pub(crate) publisher: Option<u64>,
    /// The latest connection that there was: those that open later do not get it.
    pub(crate) latest: u64,
}

impl Publication {
    /// Whether it is for a connection among those that have the topic.
    pub(crate) fn is_for(&self, id: u64) -> bool {
        self.publisher != Some(id) && id <= self.latest
    }

    /// Whether the same have its topic as that of another.
    pub(crate) fn has_topic_of(&self, other: &Publication) -> bool {
        self.topic == other.topic
    }

    /// What it counts in a queue, in bytes. An empty message takes room too.
    pub(crate) fn cost(&self) -> usize {
        let topic = self.topic.as_ref().map_or(0, |topic| topic.len());
        self.message.message().len().saturating_add(topic + size_of::<Publication>())
    }
}

/// The topics of one thread and their subscribers, which are known by their keys. A topic is there as long as it has one.
#[derive(Debug, Default)]
pub(crate) struct Topics {
    by_name: HashMap<Box<str>, u32>,
    topics: Slab<Topic>,
    by_subscriber: HashMap<u32, Vec<Subscription>>,
}

#[derive(Debug)]
struct Topic {
    name: Box<str>,
    subscribers: Vec<u32>,
}

#[derive(Debug)]
struct Subscription {
    topic: u32,
    /// `topics[topic].subscribers[position]` is the subscriber.
    position: u32,
}

impl Topics {
    /// Adds a subscriber; whether it was none yet.
    pub(crate) fn subscribe(&mut self, key: u32, name: &str) -> bool {
        let topic = match self.by_name.get(name) {
            Some(topic) => *topic,
            None => {
                let topic = self.topics.insert(Topic { name: name.into(), subscribers: Vec::new() }) as u32;
                self.by_name.insert(name.into(), topic);
                topic
            }
        };
        let subscriptions = self.by_subscriber.entry(key).or_default();
        if subscriptions.iter().any(|known| known.topic == topic) {
            return false;
        }
        let subscribers = &mut self.topics[topic as usize].subscribers;
        subscriptions.push(Subscription { topic, position: subscribers.len() as u32 });
        subscribers.push(key);
        true
    }

    /// Removes a subscriber; whether it was one.
    pub(crate) fn unsubscribe(&mut self, key: u32, name: &str) -> bool {
        let Some(topic) = self.by_name.get(name).copied() else { return false };
        let Entry::Occupied(mut subscriptions) = self.by_subscriber.entry(key) else { return false };
        let Some(index) = subscriptions.get().iter().position(|known| known.topic == topic) else {
            return false;
        };
        let left = subscriptions.get_mut().swap_remove(index);
        if subscriptions.get().is_empty() {
            subscriptions.remove();
        }
        self.remove(&left);
        true
    }

    /// Removes a subscriber from everything.
    pub(crate) fn leave(&mut self, key: u32) {
        for left in self.by_subscriber.remove(&key).unwrap_or_default() {
            self.remove(&left);
        }
    }

    /// Whether a subscriber has a topic.
    pub(crate) fn has(&self, key: u32, name: &str) -> bool {
        let topic = self.by_name.get(name);
        let mut subscriptions = self.by_subscriber.get(&key).into_iter().flatten();
        topic.is_some_and(|topic| subscriptions.any(|known| known.topic == *topic))
    }

    /// How many topics a subscriber has.
    pub(crate) fn count(&self, key: u32) -> usize {
        self.by_subscriber.get(&key).map_or(0, Vec::len)
    }

    /// The subscribers of a topic.
    pub(crate) fn subscribers(&self, name: &str) -> &[u32] {
        self.by_name.get(name).map_or(&[], |topic| &self.topics[*topic as usize].subscribers)
    }

    /// Removes the subscriber at a place from its topic, and the topic if that was the last.
    fn remove(&mut self, left: &Subscription) {
        let topic = &mut self.topics[left.topic as usize];
        topic.subscribers.swap_remove(left.position as usize);
        if let Some(moved) = topic.subscribers.get(left.position as usize) {
            let subscriptions = self.by_subscriber.get_mut(moved).into_iter().flatten();
            for subscription in subscriptions.filter(|known| known.topic == left.topic) {
                subscription.position = left.position;
            }
        } else if topic.subscribers.is_empty() {
            let topic = self.topics.remove(left.topic as usize);
            self.by_name.remove(&topic.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    use super::*;

    #[test]
    fn a_topic_has_each_subscriber_once_and_is_gone_with_the_last() {
        let mut topics = Topics::default();
        assert!(topics.subscribe(1, "news") && !topics.subscribe(1, "news") && topics.subscribe(2, "news"));
        assert!(topics.subscribe(1, "weather"));
        assert_eq!((topics.subscribers("news"), topics.count(1)), (&[1, 2][..], 2));
        assert!(topics.unsubscribe(1, "news") && !topics.unsubscribe(1, "news"));
        assert!(!topics.unsubscribe(1, "sports") && !topics.unsubscribe(3, "news"));
        assert_eq!((topics.subscribers("news"), topics.count(1)), (&[2][..], 1));
        topics.leave(2);
        topics.leave(1);
        assert!(topics.by_name.is_empty() && topics.topics.is_empty() && topics.by_subscriber.is_empty());
    }

    #[test]
    fn whoever_comes_and_goes_the_lists_agree() {
        let mut random = StdRng::seed_from_u64(3);
        let mut topics = Topics::default();
        let mut list = Vec::new();
        for _ in 0..5000 {
            let (key, name) = (random.random_range(0..20), ["a", "b", "c"][random.random_range(0..3)]);
            match random.random_range(0..7) {
                0..4 => assert_eq!(topics.subscribe(key, name), !list.contains(&(key, name))),
                4..6 => assert_eq!(topics.unsubscribe(key, name), list.contains(&(key, name))),
                _ => topics.leave(key),
            }
            list.clear();
            for name in ["a", "b", "c"] {
                list.extend(topics.subscribers(name).iter().map(|key| (*key, name)));
            }
            for (topic, subscription) in
                topics.by_subscriber.iter().flat_map(|(key, all)| all.iter().map(move |s| (key, s)))
            {
                assert_eq!(
                    topics.topics[subscription.topic as usize].subscribers[subscription.position as usize],
                    *topic
                );
            }
            assert_eq!(topics.by_subscriber.values().map(Vec::len).sum::<usize>(), list.len());
        }
    }
}

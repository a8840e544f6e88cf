//! The one topic of the mode `fanout`: a channel for each subscriber, as the chat example of tungstenite has it.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Who gets what is published.
#[derive(Debug)]
pub struct Topic<M>(Arc<Mutex<Vec<UnboundedSender<M>>>>);

impl<M> Clone for Topic<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<M> Default for Topic<M> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<M: Clone> Topic<M> {
    /// What is published from now on.
    pub fn subscribe(&self) -> UnboundedReceiver<M> {
        let (sender, receiver) = unbounded_channel();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
        receiver
    }

    /// Gives `message` to all who are still there.
    pub fn publish(&self, message: &M) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|one| one.send(message.clone()).is_ok());
    }
}

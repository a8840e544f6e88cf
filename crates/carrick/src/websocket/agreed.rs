//! What the opening handshake ended in, which in most cases is nothing.

use std::ops::Deref;

use crate::protocol::Agreement;

/// An [`Agreement`] that takes memory only if something was agreed on.
#[derive(Debug, Default)]
pub(super) struct Agreed(Option<Box<Agreement>>);

impl Agreed {
    pub(super) fn new(agreement: Agreement) -> Agreed {
        Agreed((agreement != NOTHING).then(|| Box::new(agreement)))
    }
}

impl Deref for Agreed {
    type Target = Agreement;

    fn deref(&self) -> &Agreement {
        self.0.as_deref().unwrap_or(&NOTHING)
    }
}

static NOTHING: Agreement = Agreement { subprotocol: None, deflate: None };

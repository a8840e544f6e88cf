//! What stands for HTTP/3 on a server where it is not compiled in.

use std::sync::Arc;

use super::{connection::Service, connections::Connections};
use crate::error::Error;

/// The UDP socket that there is not.
#[derive(Debug)]
pub(super) enum QuicListener {}

impl QuicListener {
    pub(super) fn alternative(&self) -> String {
        match *self {}
    }

    pub(super) fn open(self, _: u32) -> Result<QuicServer, Error> {
        match self {}
    }
}

/// What would serve on it.
#[derive(Debug)]
pub(super) enum QuicServer {}

#[expect(clippy::unused_async, reason = "they stand for functions that wait")]
impl QuicServer {
    pub(super) async fn accept_all(&self, _: &Arc<Service>, _: &Arc<Connections>) {
        match *self {}
    }

    pub(super) fn close_door(&self) {
        match *self {}
    }

    pub(super) async fn close(&self) {
        match *self {}
    }
}

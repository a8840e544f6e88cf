//! What stands for HTTP/2 on a server where it is not compiled in.

use std::sync::Arc;

use http::Extensions;

use super::connection::{Below, Service};
use crate::protocol::ConnectProtocol;

/// What HTTP/2 goes by: there is nothing to go by.
#[derive(Clone, Debug)]
pub(super) enum Http2Settings {}

impl Http2Settings {
    pub(super) fn available() -> Option<Http2Settings> {
        None
    }

    pub(super) fn with_max_streams(self, _: u32) -> Http2Settings {
        match self {}
    }
}

/// What hyper has put into a request that it has read: it reads none.
pub(super) fn protocol_of_hyper(_: &Extensions) -> Option<ConnectProtocol> {
    None
}

#[expect(clippy::unused_async, reason = "it stands for a function that waits")]
pub(super) async fn serve(_: Arc<Service>, settings: Http2Settings, _: Below) {
    match settings {}
}

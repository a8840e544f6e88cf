//! What stands for TLS where it is not compiled in.

use url::Host;

use super::{connect_event::Observer, http::Http, stream::NetStream};
use crate::error::Error;

/// Refuses.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ClientTls {}

impl ClientTls {
    #[expect(clippy::unused_async, reason = "it stands for a function that waits")]
    pub(crate) async fn connect(
        &self,
        _: NetStream,
        _: &Host<String>,
        _: Http,
        _: &Observer,
    ) -> Result<(NetStream, bool), Error> {
        Err(ClientTls::missing())
    }

    /// Fails at once what would fail after the connection is made.
    #[expect(clippy::unused_async, reason = "it stands for a function that waits")]
    pub(crate) async fn prepare(&self) -> Result<(), Error> {
        Err(ClientTls::missing())
    }

    /// The same settings, for a server that must not see our certificate.
    pub(crate) fn without_identity(&self) -> ClientTls {
        self.clone()
    }

    /// An error as TLS explains it.
    pub(crate) fn explained(error: Error) -> Error {
        error
    }

    fn missing() -> Error {
        Error::Config("wss and https need the feature `tls` of carrick, which is not compiled in".into())
    }
}

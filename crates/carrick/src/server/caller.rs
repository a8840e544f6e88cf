//! Who is at the other end, as far as the transport knows.

use std::sync::Arc;

use http::Extensions;

pub(super) use crate::protocol::PeerAddress;

/// The certificates that a client showed, its own first, each in DER. They were checked against the authorities of
/// `ServerTls::with_client_authorities`.
///
/// Stands in the extensions of the request that the hook, the handler and the fallback see; a client that showed none
/// has no such extension.
///
/// ```
/// use carrick::{PeerCertificates, WebSocket};
///
/// async fn handler(websocket: WebSocket, request: http::Request<()>) {
///     if let Some(certificates) = request.extensions().get::<PeerCertificates>() {
///         println!("a certificate of {} bytes", certificates.der()[0].len());
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerCertificates {
    der: Arc<[Vec<u8>]>,
}

impl PeerCertificates {
    /// The certificates in DER, at least one.
    #[must_use]
    pub fn der(&self) -> &[Vec<u8>] {
        &self.der
    }
}

/// A client before anything is known of its request.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) address: PeerAddress,
    pub(super) certificates: Option<PeerCertificates>,
}

impl Caller {
    /// `certificates` are those that TLS has checked, if there are any.
    pub(super) fn new(address: PeerAddress, certificates: Vec<Vec<u8>>) -> Caller {
        let der: Arc<[Vec<u8>]> = certificates.into();
        Caller { address, certificates: (!der.is_empty()).then_some(PeerCertificates { der }) }
    }

    /// Tells the application who asks.
    pub(super) fn introduce(&self, extensions: &mut Extensions) {
        if let PeerAddress::Ip(address) = self.address {
            extensions.insert(address);
        }
        if let Some(certificates) = &self.certificates {
            extensions.insert(certificates.clone());
        }
    }
}

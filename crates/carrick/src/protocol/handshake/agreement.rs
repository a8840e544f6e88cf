//! What both sides settled on.

use super::deflate_params::DeflateParams;

/// What client and server agreed on in the opening handshake (RFC 6455 §4).
///
/// ```
/// use carrick::protocol::Agreement;
///
/// let plain = Agreement::default();
/// assert_eq!(plain.subprotocol, None);
/// assert!(plain.deflate.is_none());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Agreement {
    /// The subprotocol the server chose, one of those the client offered; `None` if it chose none (§1.9).
    pub subprotocol: Option<String>,
    /// The parameters of permessage-deflate seen from our own side; `None` if messages travel uncompressed (RFC 7692).
    pub deflate: Option<DeflateParams>,
}

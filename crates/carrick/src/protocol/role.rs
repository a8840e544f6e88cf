//! Which end of the connection this is.

/// The end of a WebSocket connection that an object speaks for.
///
/// The roles differ in who masks (RFC 6455 §5.1), in who sends which half of the opening handshake (§4), and in who
/// closes the TCP connection first (§7.1.1).
///
/// ```
/// use carrick::protocol::Role;
///
/// assert!(Role::Client.masks());
/// assert_eq!(Role::Client.peer(), Role::Server);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The end that opened the connection. It masks every frame it sends.
    Client,
    /// The end that accepted the connection. It never masks.
    Server,
}

impl Role {
    /// The role of the other end.
    #[must_use]
    pub fn peer(self) -> Role {
        match self {
            Role::Client => Role::Server,
            Role::Server => Role::Client,
        }
    }

    /// Whether frames sent by this role are masked (RFC 6455 §5.1).
    #[must_use]
    pub fn masks(self) -> bool {
        match self {
            Role::Client => true,
            Role::Server => false,
        }
    }
}

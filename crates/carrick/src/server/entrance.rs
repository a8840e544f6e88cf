//! The opening handshake of a callback server, which waits for nothing.

use std::{io, sync::Arc, time::Duration};

use http::{Request, Response, Version};
use mio::{Registry, Token};

use super::{
    caller::{Caller, PeerAddress},
    connection::{Witness, trace_label},
};
#[cfg(feature = "tls")]
use crate::transport::ReloadableTls;
use crate::{
    callback::Tracer,
    protocol::{
        Acceptor, Agreement, Config, Front, HeadLimits, HeadReader, Output, Peer, Refusal, Rejection,
        is_websocket_request, write_response,
    },
    reactor::Socket,
    transport::HeadLines,
};

/// What decides who becomes a connection.
pub(super) struct Entrance {
    pub(super) acceptor: Acceptor,
    /// The path that is served; `None` is every path.
    pub(super) path: Option<String>,
    pub(super) config: Arc<Config>,
    pub(super) handshake_timeout: Duration,
    pub(super) hook: Option<Hook>,
    pub(super) witness: Option<Witness>,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<ReloadableTls>,
    pub(super) tracer: Tracer,
}

/// What the application makes of a request before it is answered.
pub(super) type Hook = Box<dyn Fn(&mut Request<()>, &Front) -> Result<(), Refusal> + Send + Sync>;

/// A client whose request is not there as a whole.
#[derive(Debug)]
pub(super) struct Entrant {
    pub(super) socket: Socket,
    pub(super) address: PeerAddress,
    reader: HeadReader,
    /// What came of the request so far.
    received: Vec<u8>,
    /// Whether the loop is told when the socket has room for what TLS has to say.
    pub(super) watches_room: bool,
}

/// A request that is about to become a WebSocket.
pub(super) struct Opening {
    pub(super) request: Request<()>,
    pub(super) agreement: Agreement,
    /// The answer.
    pub(super) head: Vec<u8>,
    /// What came behind the request.
    pub(super) rest: Vec<u8>,
}

impl Entrant {
    pub(super) fn new(socket: Socket, address: PeerAddress) -> Entrant {
        let reader = HeadReader::new(HeadLimits::default());
        Entrant { socket, address, reader, received: Vec::new(), watches_room: false }
    }

    /// Whether TLS has to be agreed on first.
    pub(super) fn is_securing(&self) -> bool {
        #[cfg(feature = "tls")]
        if let Some(tls) = self.socket.tls() {
            return tls.is_handshaking();
        }
        false
    }

    /// Writes what TLS has to say. An error is the end.
    pub(super) fn go_on(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let waits = match self.socket.flush() {
            Ok(()) => false,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => true,
            Err(error) => return Err(error),
        };
        if waits != self.watches_room {
            self.socket.watch_room(registry, token, waits)?;
            self.watches_room = waits;
        }
        Ok(())
    }

    fn caller(&self) -> Caller {
        #[cfg(feature = "tls")]
        if let Some(tls) = self.socket.tls() {
            return Caller::new(self.address, tls.peer_certificates());
        }
        Caller::new(self.address, Vec::new())
    }
}

impl Entrance {
    /// Takes bytes of a request; the answer, once it is there as a whole.
    pub(super) fn receive(
        &self,
        entrant: &mut Entrant,
        received: &[u8],
    ) -> Option<Result<Opening, Rejection>> {
        let earlier = entrant.received.len();
        // Most requests come as a whole, and are read from where they lie.
        let all = if earlier == 0 {
            received
        } else {
            entrant.received.extend_from_slice(received);
            &entrant.received
        };
        let (request, consumed) = match entrant.reader.read_request(all) {
            Ok(None) => {
                if earlier == 0 {
                    entrant.received.extend_from_slice(received);
                }
                return None;
            }
            Ok(Some(found)) => found,
            Err(rejection) => return Some(Err(rejection)),
        };
        let rest = all.get(consumed..).unwrap_or_default().to_vec();
        self.trace(entrant.address, || HeadLines::of_request("< ", &request));
        let caller = entrant.caller();
        Some(self.decide(request, &caller).map(|(request, response, agreement)| {
            self.trace(caller.address, || HeadLines::of_response("> ", &response));
            let mut head = Vec::with_capacity(HEAD_BYTES);
            write_response(&response, &mut head);
            Opening { request, agreement, head, rest }
        }))
    }

    fn decide(
        &self,
        mut request: Request<()>,
        caller: &Caller,
    ) -> Result<(Request<()>, Response<()>, Agreement), Rejection> {
        let path = request.uri().path();
        if self.path.as_deref().is_some_and(|served| served != path) {
            return Err(Rejection::NotFound { path: path.to_owned() });
        }
        if !is_websocket_request(&request) {
            return Err(Rejection::UpgradeMissing);
        }
        let peer = Peer { address: Some(caller.address), tls: self.is_secure() };
        let (response, agreement) = self.acceptor.answer(&request, &peer)?;
        let front = self.acceptor.trusted_proxies().front(&request, &peer);
        caller.introduce(request.extensions_mut());
        match &self.hook {
            Some(hook) => {
                request.extensions_mut().insert(front.clone());
                hook(&mut request, &front)?;
            }
            None => drop(request.extensions_mut().insert(front)),
        }
        Ok((request, response, agreement))
    }

    /// The answer to a request that is refused.
    pub(super) fn refuse(&self, rejection: &Rejection, address: PeerAddress) -> Output {
        if let Some(witness) = &self.witness {
            witness(rejection, address);
        }
        let response = rejection.response(Version::HTTP_11);
        self.trace(address, || HeadLines::of_response("> ", &response));
        let mut answer = Vec::with_capacity(HEAD_BYTES);
        write_response(&response, &mut answer);
        answer.extend_from_slice(response.body().as_bytes());
        let mut output = Output::new();
        output.extend(&answer);
        output
    }

    /// Whether it is served over TLS.
    fn is_secure(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.tls.is_some();
        #[cfg(not(feature = "tls"))]
        false
    }

    fn trace(&self, address: PeerAddress, head: impl FnOnce() -> HeadLines) {
        if self.tracer.is_on() {
            self.tracer.write(&trace_label(address), &head());
        }
    }
}

/// Room for the head of an answer.
const HEAD_BYTES: usize = 512;

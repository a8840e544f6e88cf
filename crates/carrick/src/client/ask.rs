//! The opening handshake over whichever HTTP the server speaks.

use http::{Request, Response, header::AUTHORIZATION};

use super::builder::{Answer, ClientBuilder};
use crate::{
    error::Error,
    protocol::PendingHandshake,
    transport::{AskError, ClientTls, ConnectEvent, NetStream, Reached, Stopwatch},
};

impl ClientBuilder {
    /// A stream to the server, and what that has answered.
    pub(super) async fn ask(&self) -> Result<(NetStream, Answer), Error> {
        let mut refused = 0;
        loop {
            match self.pool.reach(&self.dialer, &self.address, self.http, self.head_limits).await? {
                Reached::Http1(mut stream) => {
                    let answer = self.exchange(&mut stream).await.map_err(ClientTls::explained)?;
                    self.learn(&answer.response);
                    return Ok((stream, answer));
                }
                Reached::Shared(lease) => {
                    let (mut request, pending) = self.connect_request();
                    *request.version_mut() = lease.version();
                    let start = self.tell_requested(&request);
                    match lease.ask(&request).await {
                        Ok((response, stream)) => {
                            self.learn(&response);
                            let answer = self.answered(pending, response, start);
                            return Ok((stream, answer));
                        }
                        // The server was about to go away, or has forgotten to say how many streams it takes.
                        Err(AskError::NotProcessed(_)) if refused < MAX_REFUSED => refused += 1,
                        Err(AskError::NotProcessed(error)) => return Err(Error::Io(error)),
                        Err(AskError::Failed(error)) => return Err(ClientTls::explained(error)),
                    }
                }
            }
        }
    }

    /// Takes in where HTTP/3 is spoken, if the server says so.
    fn learn(&self, response: &Response<()>) {
        self.pool.learn(&self.address, self.http, response.headers());
    }

    fn connect_request(&self) -> (Request<()>, PendingHandshake) {
        let (mut request, pending) = self.handshake.connect_request();
        if let Some(authorization) = &self.authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization.clone());
        }
        (request, pending)
    }

    pub(super) fn tell_requested(&self, request: &Request<()>) -> Stopwatch {
        self.dialer.observer.tell(&ConnectEvent::Requested { request });
        Stopwatch::start()
    }

    pub(super) fn answered(
        &self,
        pending: PendingHandshake,
        response: Response<()>,
        start: Stopwatch,
    ) -> Answer {
        self.dialer.observer.tell(&ConnectEvent::Answered { response: &response, took: start.took() });
        Answer::new(pending, response)
    }
}

/// How often a request that the server has not looked at is sent again, each time on another connection if it has gone away.
const MAX_REFUSED: usize = 2;

//! Connects to the first of several addresses that answers. RFC 8305, "Happy Eyeballs".
//!
//! The resolver is asked once for both families, and its order (RFC 6724) is the preference.

#[cfg(test)]
mod tests;

use std::{
    future::poll_fn,
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::sleep;

/// An attempt that failed, and why.
pub(super) type Failure = (SocketAddr, io::Error);

/// Attempts the addresses, each a moment after the one before, or at once when one fails, until one succeeds; the
/// others are dropped then.
///
/// # Errors
///
/// Every failure, in the order in which they happened.
pub(super) async fn race<T, F: Future<Output = io::Result<T>>>(
    addresses: Vec<SocketAddr>,
    attempt: impl Fn(SocketAddr) -> F,
) -> Result<T, Vec<Failure>> {
    let mut waiting = interleaved(addresses).into_iter();
    let mut running = Running { attempts: Vec::new() };
    let mut failures = Vec::new();
    loop {
        if let Some(address) = waiting.next() {
            running.attempts.push((address, Box::pin(attempt(address))));
        } else if running.attempts.is_empty() {
            return Err(failures);
        }
        // RFC 8305 §5: "If one connection attempt fails … the client can start the next one immediately."
        let outcome = tokio::select! {
            biased;
            outcome = running.next() => outcome,
            () = sleep(ATTEMPT_DELAY), if waiting.len() > 0 => continue,
        };
        match outcome {
            (_, Ok(connected)) => return Ok(connected),
            (address, Err(error)) => failures.push((address, error)),
        }
    }
}

/// The addresses with the families taking turns, the family of the first one first; within a family the order stays.
/// RFC 8305 §4, with a First Address Family Count of 1.
pub(super) fn interleaved(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_ipv6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first_is_ipv6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut ordered = Vec::with_capacity(first.len() + second.len());
    while first.len() + second.len() > 0 {
        ordered.extend(first.next());
        ordered.extend(second.next());
    }
    ordered
}

/// The attempts that have neither succeeded nor failed. There are few, so all are polled when one can go on.
struct Running<F> {
    attempts: Vec<(SocketAddr, Pin<Box<F>>)>,
}

impl<T, F: Future<Output = io::Result<T>>> Running<F> {
    /// What comes of the next attempt that ends; waits forever if none is running.
    async fn next(&mut self) -> (SocketAddr, io::Result<T>) {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<(SocketAddr, io::Result<T>)> {
        for index in 0..self.attempts.len() {
            let (address, attempt) = &mut self.attempts[index];
            if let Poll::Ready(result) = attempt.as_mut().poll(cx) {
                let address = *address;
                drop(self.attempts.swap_remove(index));
                return Poll::Ready((address, result));
            }
        }
        Poll::Pending
    }
}

/// RFC 8305 §5: the "Connection Attempt Delay" is recommended to be 250 milliseconds.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

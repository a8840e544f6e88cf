//! Any bytes as a field section (QPACK): within the limit, and what is understood of it is the same when it is written again.
#![no_main]

mod http3;

use http3::{head, qpack};
use libfuzzer_sys::fuzz_target;

/// Counted as RFC 9114 §4.2.2 does.
const LIMIT: usize = 4096;

fuzz_target!(|data: &[u8]| {
    let (mut encoder, mut decoder) =
        (qpack::EncoderInstructions::default(), qpack::DecoderInstructions::default());
    let _ = encoder.receive(data);
    let _ = decoder.receive(data);
    let Ok(fields) = qpack::decode(data, LIMIT) else { return };
    let size: usize = fields.iter().map(|field| field.name.len() + field.value.len() + 32).sum();
    assert!(size <= LIMIT, "{size}");

    let _ = head::read_trailers(fields.clone());
    if let Ok(mut response) = head::read_response(fields.clone()) {
        // It belongs to requests, which say it in :authority.
        response.headers_mut().remove(http::header::HOST);
        let mut again = Vec::new();
        head::write_response(&response, &mut again);
        let read = head::read_response(qpack::decode(&again, usize::MAX).unwrap()).unwrap();
        assert_eq!((read.status(), read.headers()), (response.status(), response.headers()));
    }
    if let Ok(head) = head::read_request(fields) {
        let mut again = Vec::new();
        head::write_request(&head.request, head.protocol.as_deref(), &mut again);
        let read = head::read_request(qpack::decode(&again, usize::MAX).unwrap()).unwrap();
        assert_eq!((read.request.uri(), read.request.method()), (head.request.uri(), head.request.method()));
        assert_eq!(read.protocol, head.protocol);
    }
});

//! Any bytes as a response head: cut or whole they are read alike, and an answer is agreed to only if it is a switch.
#![no_main]

use carrick::protocol::{ClientHandshake, DeflateConfig, HeadLimits, HeadReader};
use libfuzzer_sys::fuzz_target;
use rand::{SeedableRng, rngs::StdRng};

fuzz_target!(|data: &[u8]| {
    let whole = HeadReader::new(HeadLimits::default()).read_response(data);
    let mut bytewise = HeadReader::new(HeadLimits::default());
    let mut read = Ok(None);
    for end in 0..=data.len() {
        read = bytewise.read_response(&data[..end]);
        if !matches!(read, Ok(None)) {
            break;
        }
    }
    assert_eq!(format!("{read:?}"), format!("{whole:?}"), "cut and whole differ");

    let Ok(Some((response, _))) = whole else { return };
    // The same key each time, so that an input that matches it can be found and kept.
    let (_, pending) = ClientHandshake::new("ws://example.com/chat")
        .expect("an address")
        .with_subprotocols(["chat", "superchat"])
        .expect("two tokens")
        .with_deflate(Some(DeflateConfig::default()))
        .request(&mut StdRng::seed_from_u64(1));
    match pending.check(&response) {
        Ok(agreement) => {
            assert_eq!(response.status(), http::StatusCode::SWITCHING_PROTOCOLS);
            assert!(agreement.subprotocol.is_none_or(|name| name == "chat" || name == "superchat"));
        }
        Err(error) => assert!(!error.to_string().contains(['\r', '\n'])),
    }
});

//! Any bytes as a request head: cut or whole they are read alike, and whatever is read is answered or refused.
#![no_main]

use carrick::protocol::{
    Acceptor, DeflateConfig, HeadLimits, HeadReader, Origin, OriginPolicy, Peer, PeerAddress, TrustedProxies,
    is_websocket_request, write_response,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let whole = HeadReader::new(HeadLimits::default()).read_request(data);
    let mut bytewise = HeadReader::new(HeadLimits::default());
    let mut read = Ok(None);
    for end in 0..=data.len() {
        read = bytewise.read_request(&data[..end]);
        if !matches!(read, Ok(None)) {
            break;
        }
    }
    assert_eq!(format!("{read:?}"), format!("{whole:?}"), "cut and whole differ");

    let Ok(Some((request, consumed))) = whole else { return };
    assert!(consumed <= data.len());
    let peer = Peer { address: Some(PeerAddress::Ip(([127, 0, 0, 1], 4711).into())), tls: false };
    let listed = "https://example.com".parse::<Origin>().expect("an origin");
    for origins in [OriginPolicy::SameOrigin, OriginPolicy::Any, OriginPolicy::List(vec![listed])] {
        let acceptor = Acceptor::default()
            .with_origins(origins)
            .with_trusted_proxies("127.0.0.0/8".parse::<TrustedProxies>().expect("a network"))
            .with_subprotocols(["chat", "superchat"])
            .expect("two tokens")
            .with_deflate(Some(DeflateConfig::default()));
        match acceptor.answer(&request, &peer) {
            Ok((response, _)) => {
                assert!(is_websocket_request(&request));
                let mut head = Vec::new();
                write_response(&response, &mut head);
                let read = HeadReader::new(HeadLimits::default()).read_response(&head);
                assert!(matches!(read, Ok(Some((_, n))) if n == head.len()), "our own answer is a head");
            }
            Err(rejection) => {
                assert!(!rejection.status().is_success());
                assert!(!rejection.to_string().contains(['\r', '\n']));
            }
        }
    }
});

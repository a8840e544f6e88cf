//! RFC 7692 §5 and §7.1: offers and answers of permessage-deflate.

use carrick::protocol::{Acceptor, ClientHandshake, DeflateConfig, DeflateParams, write_request};
use rand::{SeedableRng, rngs::StdRng};

use super::{Head, answer};

/// A configuration that asks for nothing: takeover both ways and the largest windows.
fn open() -> DeflateConfig {
    let config = DeflateConfig::default().with_own_context_takeover(true).with_peer_context_takeover(true);
    config.with_own_max_window_bits(15).unwrap()
}

fn params(own_takeover: bool, peer_takeover: bool, own_bits: u8, peer_bits: u8) -> DeflateParams {
    let mut params = DeflateParams::default();
    (params.own_context_takeover, params.peer_context_takeover) = (own_takeover, peer_takeover);
    (params.own_max_window_bits, params.peer_max_window_bits) = (own_bits, peer_bits);
    params
}

/// What a server with `config` answers to `offers`, one header each.
fn negotiate(config: DeflateConfig, offers: &[&str]) -> Option<(String, DeflateParams)> {
    let acceptor = Acceptor::default().with_deflate(Some(config));
    let head = offers
        .iter()
        .fold(Head::request(), |head, offer| head.with(&format!("Sec-WebSocket-Extensions: {offer}")));
    let (response, agreement) = answer(&acceptor, &head).expect("an offer is never an error");
    let header = response.headers().get("sec-websocket-extensions");
    header.map(|value| (value.to_str().unwrap().to_owned(), agreement.deflate.expect("the header says so")))
}

#[test]
fn an_offer_is_answered_with_what_both_sides_can_do() {
    for (offer, answer, agreed) in [
        ("permessage-deflate", "permessage-deflate", params(true, true, 15, 15)),
        ("permessage-deflate; client_max_window_bits", "permessage-deflate", params(true, true, 15, 15)),
        (
            "permessage-deflate; client_max_window_bits=10",
            "permessage-deflate; client_max_window_bits=10",
            params(true, true, 15, 10),
        ),
        (
            "permessage-deflate; server_max_window_bits=9",
            "permessage-deflate; server_max_window_bits=9",
            params(true, true, 9, 15),
        ),
        (
            "permessage-deflate; server_max_window_bits=\"15\"",
            "permessage-deflate; server_max_window_bits=15",
            params(true, true, 15, 15),
        ),
        (
            "permessage-deflate; client_max_window_bits=8",
            "permessage-deflate; client_max_window_bits=8",
            params(true, true, 15, 8),
        ),
        (
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
            params(false, false, 15, 15),
        ),
    ] {
        assert_eq!(negotiate(open(), &[offer]), Some((answer.to_owned(), agreed)), "{offer}");
    }
}

#[test]
fn a_server_states_its_own_wishes_where_the_offer_allows() {
    let config = DeflateConfig::default().with_peer_max_window_bits(11).unwrap();
    let start = "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12";
    let without = negotiate(config.clone(), &["permessage-deflate"]);
    assert_eq!(without, Some((start.to_owned(), params(false, false, 12, 15))));
    let with = negotiate(config, &["permessage-deflate; client_max_window_bits"]);
    assert_eq!(with, Some((format!("{start}; client_max_window_bits=11"), params(false, false, 12, 11))));
}

#[test]
fn an_offer_that_breaks_a_rule_is_declined_without_an_error() {
    let window = ["7", "16", "08", "+9", "1e1", "-9", "9.0", "256", "100000000000000000000"];
    let window = window.iter().flat_map(|bits| {
        [format!("server_max_window_bits={bits}"), format!("client_max_window_bits={bits}")]
    });
    let others = [
        "unknown",
        "server_no_context_takeover=1",
        "client_no_context_takeover=true",
        "server_max_window_bits",
        "server_max_window_bits=8",
        "server_no_context_takeover; server_no_context_takeover",
        "client_no_context_takeover; client_no_context_takeover",
        "server_max_window_bits=10; server_max_window_bits=10",
        "client_max_window_bits; client_max_window_bits",
        "client_max_window_bits; client_max_window_bits=10",
        "Server_No_Context_Takeover",
    ];
    for parameters in window.chain(others.iter().map(|text| (*text).to_owned())) {
        assert_eq!(negotiate(open(), &[&format!("permessage-deflate; {parameters}")]), None, "{parameters}");
    }
    assert_eq!(negotiate(open(), &["x-webkit-deflate-frame", "permessage-bzip2"]), None);
}

#[test]
fn the_first_acceptable_of_several_offers_wins() {
    let first = "permessage-deflate; server_max_window_bits=8";
    let second = "permessage-deflate; server_max_window_bits=9; client_max_window_bits=9";
    let third = "permessage-deflate; client_max_window_bits";
    let expected = "permessage-deflate; server_max_window_bits=9; client_max_window_bits=9".to_owned();
    let expected = Some((expected, params(true, true, 9, 9)));
    assert_eq!(negotiate(open(), &[&format!("{first}, {second}, {third}")]), expected);
    assert_eq!(negotiate(open(), &["foo; bar=1", first, second, third]), expected);
    assert_eq!(negotiate(open(), &[&format!("{first}, foo"), second]), expected);
}

#[test]
fn a_server_without_deflate_declines_and_still_accepts_the_client() {
    let head = Head::request().with("Sec-WebSocket-Extensions: permessage-deflate");
    let (response, agreement) = answer(&Acceptor::default(), &head).unwrap();
    assert!(!response.headers().contains_key("sec-websocket-extensions"));
    assert_eq!(agreement.deflate, None);
}

#[test]
fn a_client_offers_what_its_configuration_says() {
    let offer = |config| {
        let client = ClientHandshake::new("ws://example.com").unwrap().with_deflate(Some(config));
        let (request, _) = client.request(&mut StdRng::seed_from_u64(1));
        request.headers()["sec-websocket-extensions"].to_str().unwrap().to_owned()
    };
    assert_eq!(offer(open()), "permessage-deflate; client_max_window_bits");
    let narrow = open().with_own_max_window_bits(9).unwrap().with_peer_max_window_bits(10).unwrap();
    assert_eq!(offer(narrow), "permessage-deflate; client_max_window_bits=9; server_max_window_bits=10");
}

/// Both of our own ends agree, whatever each is configured to, and each sees the other's side of it.
#[test]
fn client_and_server_understand_each_other_in_every_configuration() {
    let mut configs = Vec::new();
    for bits in [9, 12, 15] {
        for (own, peer) in [(true, true), (true, false), (false, true), (false, false)] {
            let config =
                DeflateConfig::default().with_own_context_takeover(own).with_peer_context_takeover(peer);
            configs.push(config.with_own_max_window_bits(bits).unwrap());
            let config = configs.last().unwrap().clone().with_peer_max_window_bits(24 - bits);
            configs.push(config.unwrap());
        }
    }
    for client_config in &configs {
        for server_config in &configs {
            let client =
                ClientHandshake::new("ws://example.com").unwrap().with_deflate(Some(client_config.clone()));
            let (request, pending) = client.request(&mut StdRng::seed_from_u64(1));
            let mut bytes = Vec::new();
            write_request(&request, &mut bytes);
            let server = Acceptor::default().with_deflate(Some(server_config.clone()));
            let (response, agreement) = server.answer(&request, &Default::default()).unwrap();
            let (ours, theirs) =
                (pending.check(&response).unwrap().deflate.unwrap(), agreement.deflate.unwrap());
            assert_eq!(
                (
                    ours.own_context_takeover,
                    ours.peer_context_takeover,
                    ours.own_max_window_bits,
                    ours.peer_max_window_bits
                ),
                (
                    theirs.peer_context_takeover,
                    theirs.own_context_takeover,
                    theirs.peer_max_window_bits,
                    theirs.own_max_window_bits
                )
            );
        }
    }
}

use super::*;

fn proxy_to(url: &str, variables: &[(&str, &str)]) -> Option<String> {
    let address = Address::parse(url).unwrap();
    let variable =
        |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    proxy_of_environment(&address, variable).unwrap().map(|proxy| proxy.host.to_string())
}

#[test]
fn each_scheme_has_its_variables_and_the_special_one_wins() {
    let all = [
        ("ws_proxy", "http://a"),
        ("WS_PROXY", "http://b"),
        ("http_proxy", "http://c"),
        ("all_proxy", "http://d"),
        ("ALL_PROXY", "http://e"),
    ];
    for (skip, expected) in ["a", "b", "c", "d", "e"].into_iter().enumerate() {
        assert_eq!(proxy_to("ws://x/", &all[skip..]).as_deref(), Some(expected));
    }
    let all = [
        ("wss_proxy", "http://a"),
        ("WSS_PROXY", "http://b"),
        ("https_proxy", "http://c"),
        ("HTTPS_PROXY", "http://d"),
        ("all_proxy", "http://e"),
        ("ALL_PROXY", "http://f"),
    ];
    for (skip, expected) in ["a", "b", "c", "d", "e", "f"].into_iter().enumerate() {
        assert_eq!(proxy_to("wss://x/", &all[skip..]).as_deref(), Some(expected));
    }
}

#[test]
fn the_other_scheme_and_what_a_visitor_could_set_count_for_nothing() {
    let others = [("https_proxy", "http://a"), ("wss_proxy", "http://a"), ("HTTP_PROXY", "http://a")];
    assert_eq!(proxy_to("ws://x/", &others), None);
    assert_eq!(proxy_to("wss://x/", &[("http_proxy", "http://a"), ("ws_proxy", "http://a")]), None);
    assert_eq!(proxy_to("ws://x/", &[]), None);
}

#[test]
fn an_empty_variable_is_none() {
    let variables = [("ws_proxy", ""), ("http_proxy", " "), ("all_proxy", "socks5://b")];
    assert_eq!(proxy_to("ws://x/", &variables).as_deref(), Some("b"));
}

#[test]
fn excepted_servers_are_reached_directly() {
    let with = |exceptions: &'static str| [("http_proxy", "http://p"), ("no_proxy", exceptions)];
    assert_eq!(proxy_to("ws://a.example/", &with("example")), None);
    assert_eq!(proxy_to("ws://a.example/", &with("b.example")).as_deref(), Some("p"));
    // This machine is no exception unless it is named, as with curl.
    assert_eq!(proxy_to("ws://127.0.0.1/", &with("")).as_deref(), Some("p"));
    assert_eq!(proxy_to("ws://127.0.0.1/", &with("127.0.0.0/8")), None);
    let upper = [("http_proxy", "http://p"), ("NO_PROXY", "*")];
    assert_eq!(proxy_to("ws://a.example/", &upper), None);
}

#[test]
fn a_variable_that_names_no_proxy_is_named_without_its_secrets() {
    let address = Address::parse("wss://x/").unwrap();
    for (value, named, why) in
        [("ftp://u:hidden@p", "ftp://…@p", "ftp"), ("http://u:1#hidden@p", "http://…", "fragment")]
    {
        let variable = |name: &str| (name == "https_proxy").then(|| value.to_owned());
        match proxy_of_environment(&address, variable) {
            Err(Error::Url { url, reason }) => {
                assert_eq!(url, named);
                assert!(reason.contains("https_proxy") && reason.contains(why), "{reason}");
            }
            other => panic!("{other:?}"),
        }
    }
}

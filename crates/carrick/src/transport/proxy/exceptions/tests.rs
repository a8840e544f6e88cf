use super::*;

/// Whether the list covers `host:port`.
fn covers(list: &str, host: &str, port: u16) -> bool {
    Exceptions::parse(list).cover(&Host::parse(host).unwrap(), port)
}

#[test]
fn a_name_covers_itself_and_what_ends_in_it() {
    for list in ["example.com", ".example.com", "*.example.com", "EXAMPLE.COM.", "x,example.com y"] {
        for (host, expected) in [
            ("example.com", true),
            ("Example.com.", true),
            ("a.b.example.com", true),
            ("notexample.com", false),
            ("example.com.evil.test", false),
            ("com", false),
            ("127.0.0.1", false),
        ] {
            assert_eq!(covers(list, host, 80), expected, "{list} {host}");
        }
    }
    assert!(covers("bücher.example", "xn--bcher-kva.example", 80));
    assert!(covers("localhost", "localhost", 9000));
}

#[test]
fn addresses_and_networks_cover_addresses() {
    for (list, host, expected) in [
        ("127.0.0.1", "127.0.0.1", true),
        ("127.0.0.1", "127.0.0.2", false),
        ("10.0.0.0/8", "10.255.0.1", true),
        ("10.0.0.0/8", "11.0.0.1", false),
        // A bit behind the prefix does not matter.
        ("10.1.2.3/8", "10.255.0.1", true),
        ("192.168.1.0/25", "192.168.1.127", true),
        ("192.168.1.0/25", "192.168.1.128", false),
        ("0.0.0.0/0", "8.8.8.8", true),
        ("0.0.0.0/0", "[::1]", false),
        ("::1", "[::1]", true),
        ("[::1]", "[::1]", true),
        ("[fd00::]/8", "[fd00::1]", false),
        ("fd00::/8", "[fdff::1]", true),
        ("fd00::/8", "[fe00::1]", false),
        ("::/0", "[::1]", true),
        ("10.0.0.0/8", "[::ffff:10.0.0.1]", true),
        ("::ffff:10.0.0.1", "10.0.0.1", true),
        ("10.0.0.1", "a10.0.0.1.example", false),
        ("10.0.0.0/33", "10.0.0.0", false),
        ("10.0.0.0/x", "10.0.0.0", false),
    ] {
        assert_eq!(covers(list, host, 80), expected, "{list} {host}");
    }
}

#[test]
fn a_port_narrows_an_entry() {
    for (list, host) in [
        ("a.example:9000", "a.example"),
        (".example:9000", "a.example"),
        ("127.0.0.1:9000", "127.0.0.1"),
        ("[::1]:9000", "[::1]"),
        ("*:9000", "b.example"),
    ] {
        assert!(covers(list, host, 9000), "{list}");
        assert!(!covers(list, host, 9001), "{list}");
    }
    assert!(!covers("a.example:", "a.example", 80));
    assert!(!covers("a.example:http", "a.example", 80));
}

#[test]
fn a_star_covers_everything_and_nothing_covers_nothing() {
    for host in ["a.example", "127.0.0.1", "[::1]"] {
        assert!(covers("*", host, 80) && covers("x, *", host, 80));
        for list in ["", " , ,", ".", "*x y*", "[", "]:1", "/8", "*/8"] {
            assert!(!covers(list, host, 80), "{list} {host}");
        }
    }
}

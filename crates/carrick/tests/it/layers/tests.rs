use super::*;

/// A crate with one name on each of some floors, and a file that is put to the test.
fn complaints_about(name: &str, text: &str) -> Vec<String> {
    let fixed = [
        (
            "lib.rs",
            "pub mod protocol; mod client; mod error; mod server; pub use client::Client; pub use error::Error;",
        ),
        (
            "protocol/mod.rs",
            "mod role; mod payload; mod frame; mod connection;
             pub use role::Role; pub use frame::{Frame, Header as FrameHeader}; pub use connection::*;",
        ),
        ("protocol/role.rs", "pub enum Role {}"),
        ("protocol/payload/mod.rs", "mod mask; pub use mask::mask;"),
        ("protocol/payload/mask.rs", "pub fn mask() {} pub(crate) mod deep { pub(crate) fn er() {} }"),
        ("protocol/frame/mod.rs", "mod header; pub use header::Header; pub struct Frame;"),
        ("protocol/frame/header.rs", "pub struct Header;"),
        ("protocol/connection/mod.rs", "mod event; pub use event::Event;"),
        ("protocol/connection/event.rs", "pub enum Event {}"),
        ("error.rs", "pub enum Error {}"),
        ("client/mod.rs", "pub struct Client;"),
        ("server/mod.rs", "pub struct Server;"),
    ];
    let mut files: Vec<_> =
        fixed.iter().filter(|file| file.0 != name).map(|(name, text)| SourceFile::new(name, text)).collect();
    files.push(SourceFile::new(name, text));
    complaints(files)
}

const TESTED: &str = "protocol/payload/tested.rs";

#[test]
fn imports_downwards_and_beside_are_fine() {
    for text in [
        "use super::super::role::Role;",
        "use crate::protocol::Role;",
        "use crate::protocol::role::{self, Role as R};",
        "use super::mask::mask; use super::*;",
        "use super::{mask, mask::deep::er};",
        "pub(in crate::protocol) fn f(role: &'static crate::protocol::role::Role) {}",
        "use bytes::Bytes; use std::{fmt, time::{Duration, Instant}};",
        "mod tests { use super::*; use super::super::mask; mod inner { use super::super::super::mask; } }",
    ] {
        assert_eq!(complaints_about(TESTED, text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn an_import_upwards_is_found_however_it_is_written() {
    for text in [
        "use super::super::frame::Frame;",
        "use super::super::frame;",
        "use crate::{protocol::{role::Role, frame::{header::Header}}};",
        "use {crate::protocol::frame::Frame};",
        "use crate::protocol::frame::header::Header as Innocent;",
        "pub use crate::protocol::frame::Frame;",
        "pub(crate) use crate::protocol::frame::*;",
        "use crate::Error;",
        "use crate::protocol::Frame;",
        "use crate::protocol::FrameHeader;",
        "use super::super::Frame;",
        "fn f() { let _ = crate::protocol::frame::Frame; }",
        "fn f(_: *const crate::protocol::frame::Frame) {}",
        "fn f() -> Option<&'static crate::protocol::frame::Frame> { None }",
        "fn f() { vec![crate::protocol::frame::Frame] }",
        "macro_rules! m { () => { $crate::protocol::frame::Frame } }",
        "m! { use crate::{protocol::frame::Frame}; }",
        "mod tests { use super::super::super::frame::Frame; }",
        "mod tests { mod inner { fn f() { super::super::super::super::frame::Frame; } } }",
        "use crate::r#protocol::r#frame::Frame;",
        "fn r#mod() { crate::protocol::frame::Frame }",
        "#[cfg(test)] mod tests { #[test] fn t() { crate::protocol::connection::Event::A; } }",
        "impl crate::protocol::frame::Frame {}",
    ] {
        assert_eq!(complaints_about(TESTED, text).len(), 1, "{text}");
    }
}

#[test]
fn what_cannot_be_told_is_refused() {
    for text in [
        "use crate::protocol;",
        "use crate::protocol::*;",
        "use super::super::*;",
        "use crate as root;",
        // The list has it by `connection::*`, which is not looked through.
        "use crate::protocol::Event;",
        "use crate::Nothing;",
        "use carrick::Error;",
        "#[path = \"../frame/header.rs\"] mod header;",
        "include!(\"../frame/header.rs\");",
    ] {
        assert_eq!(complaints_about(TESTED, text).len(), 1, "{text}");
    }
}

#[test]
fn comments_and_strings_do_not_count() {
    let text = r##"
        //! crate::protocol::frame::Frame
        /* use crate::protocol::frame; */
        /// [`Frame`](crate::protocol::frame::Frame), std::net
        const A: &str = "crate::protocol::frame::Frame";
        const B: &str = r#"use tokio::net; println!("")"#;
    "##;
    assert_eq!(complaints_about(TESTED, text), Vec::<String>::new());
}

#[test]
fn folders_of_one_floor_do_not_see_each_other() {
    assert_eq!(complaints_about("client/tested.rs", "use crate::{Error, protocol::Frame};").len(), 0);
    assert_eq!(complaints_about("client/tested.rs", "use crate::server::Server;").len(), 1);
    assert_eq!(complaints_about("error.rs", "pub enum Error { A(crate::client::Client) }").len(), 1);
}

#[test]
fn a_file_that_is_not_in_the_table_is_refused() {
    for name in ["helper.rs", "protocol/helper.rs", "utils/mod.rs"] {
        assert_eq!(complaints_about(name, ""), [format!("{name}:0: not in the table of floors")]);
    }
    assert_eq!(complaints_about("protocol/role/tests.rs", "use super::*;"), Vec::<String>::new());
}

#[test]
fn the_core_does_not_touch_the_world() {
    for text in [
        "use std::net::TcpStream;",
        "use std::{fmt, fs};",
        "use std::{self as s};",
        "use ::std::env;",
        "fn f() { std::thread::spawn(g); }",
        "use std::time::Instant; fn f() { Instant::now(); }",
        "use std::time::Instant as Clock; fn f() { Clock::now(); }",
        "use std::time::SystemTime;",
        "use tokio as t;",
        "fn f() { tokio::spawn(g) }",
        "fn f() { println!(\"\") }",
        "fn f() { std::println!(\"\") }",
    ] {
        assert_eq!(complaints_about(TESTED, text).len(), 1, "{text}");
        let above = complaints_about("client/tested.rs", text);
        assert_eq!(above, Vec::<String>::new(), "{text} above the core");
    }
    for text in [
        "use std::net::{IpAddr, Ipv4Addr, SocketAddr};",
        "mod tests { fn f() { std::time::Instant::now(); } }",
    ] {
        assert_eq!(complaints_about(TESTED, text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn a_file_may_be_called_as_its_folder() {
    let list = "mod frame; pub use frame::Frame;";
    let modules = Modules::new(vec![
        SourceFile::new("protocol/mod.rs", list),
        SourceFile::new("protocol/frame/mod.rs", list),
        SourceFile::new("protocol/frame/frame.rs", "pub struct Frame;"),
    ]);
    let path = ["frame", "Frame"].map(str::to_owned);
    let module = ["protocol", "frame", "frame"].map(str::to_owned).to_vec();
    let expected = Some(Target::Item { module, name: "Frame".to_owned() });
    assert_eq!(modules.resolve(&["protocol".to_owned()], &path), expected);
}

#[test]
fn a_function_called_as_its_module_counts_for_the_file_it_is_in() {
    for text in ["use super::mask;", "use super::{mask::mask as m};", "use crate::protocol::payload::mask;"] {
        assert_eq!(complaints_about(TESTED, text), Vec::<String>::new(), "{text}");
        assert_eq!(complaints_about("protocol/role.rs", "use super::payload::mask;").len(), 1);
    }
}

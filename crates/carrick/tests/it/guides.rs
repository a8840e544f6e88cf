//! The guides in `docs/`: their tables say what the code says, and each of them is linked to.

use std::{fmt::Debug, fs, path::Path};

use carrick::{
    ClientBuilder, Server,
    protocol::{Config, DeflateConfig, HeadLimits},
};

#[test]
fn the_limits_are_listed_with_their_defaults() {
    assert_table_is_complete("limits.md", "`Config`", &Config::default());
    assert_table_is_complete("limits.md", "`HeadLimits`", &HeadLimits::default());
    assert_table_is_complete("deflate.md", "What the defaults are", &DeflateConfig::default());
}

#[tokio::test]
async fn the_timeouts_of_client_and_server_are_listed_with_their_defaults() {
    let builder = ClientBuilder::new("ws://127.0.0.1/").unwrap();
    assert_table_holds("limits.md", "`ClientBuilder`", &builder);
    let server = Server::bind("127.0.0.1:0").await.unwrap();
    assert_table_holds("limits.md", "`Server`", &server);
}

#[test]
fn the_fixed_limits_are_those_of_the_code() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let guide = fs::read_to_string(package.join("docs/limits.md")).unwrap();
    let (_, section) = guide.split_once("## Fixed").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let rows: Vec<&str> = section.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert_eq!(rows.len(), FIXED.len());
    for (row, (limit, file, definition)) in rows.into_iter().zip(FIXED) {
        assert!(row.contains(limit), "{row} does not say {limit}");
        let source = fs::read_to_string(package.join("src").join(file)).unwrap();
        assert!(source.contains(definition), "{file} does not say {definition}, the guide has {limit}");
    }
}

#[test]
fn every_guide_is_part_of_the_documentation_and_of_the_index() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let modules = fs::read_to_string(package.join("src/guides.rs")).unwrap();
    let index = fs::read_to_string(package.join("../../docs/README.md")).unwrap();
    let mut guides = 0;
    for file in fs::read_dir(package.join("docs")).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert!(modules.contains(&format!("include_str!(\"../docs/{name}\")")), "{name} is in no module");
        assert!(index.contains(&format!("(../crates/carrick/docs/{name})")), "{name} is not in the index");
        guides += 1;
    }
    assert_eq!(
        index.matches("(../crates/carrick/docs/").count(),
        guides,
        "a link of the index leads nowhere"
    );
}

/// Each field of `value` is a row, and its default is right.
fn assert_table_is_complete(guide: &str, heading: &str, value: &impl Debug) {
    assert_table_holds(guide, heading, value);
    let rows = table(guide, heading);
    for (field, _) in fields(value) {
        assert!(rows.iter().any(|(name, _)| *name == field), "{guide}, {heading}: no row for {field}");
    }
}

/// Each row is a field of `value` and its default is right.
fn assert_table_holds(guide: &str, heading: &str, value: &impl Debug) {
    let fields = fields(value);
    let rows = table(guide, heading);
    assert!(!rows.is_empty(), "{guide} has no table below {heading}");
    for (name, written) in rows {
        let found = fields.iter().find(|(field, _)| *field == name);
        let (_, real) = found.unwrap_or_else(|| panic!("{guide}, {heading}: there is no field {name}"));
        if !written.starts_with("see ") {
            assert!(meant(&written).contains(real), "{guide}: {name} is {real}, the table says {written}");
        }
    }
}

/// The first two cells of each row below a heading: a name and a value.
fn table(guide: &str, heading: &str) -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(guide);
    let text = fs::read_to_string(path).unwrap();
    let below = text.lines().skip_while(|line| !(line.starts_with("## ") && line.contains(heading))).skip(1);
    let section = below.take_while(|line| !line.starts_with("## "));
    section
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| `")?.split('|').map(str::trim);
            Some((cells.next()?.trim_end_matches('`').to_owned(), cells.next()?.to_owned()))
        })
        .collect()
}

/// How `Debug` may write what a table says.
fn meant(written: &str) -> Vec<String> {
    let number = written.split(' ').next().unwrap_or_default().replace(',', "");
    let times = |factor: u64| number.parse::<u64>().map(|number| number * factor).unwrap_or_default();
    match written.split(' ').nth(1) {
        Some("s") => vec![format!("{number}s"), format!("Some({number}s)")],
        Some("KiB") => vec![times(1 << 10).to_string()],
        Some("MiB") => vec![times(1 << 20).to_string()],
        _ => vec![number],
    }
}

/// The fields of a struct and their values, as `Debug` writes them.
fn fields(value: &impl Debug) -> Vec<(String, String)> {
    let text = format!("{value:?}");
    let (_, inside) = text.split_once(" { ").unwrap();
    let (mut depth, mut fields, mut start) = (0, Vec::new(), 0);
    for (i, character) in inside.char_indices() {
        match character {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => depth -= 1,
            _ => {}
        }
        if (depth == 0 && character == ',') || depth < 0 {
            let field = inside[start..i].trim().split_once(": ");
            fields.extend(field.map(|(name, value)| (name.to_owned(), value.to_owned())));
            start = i + 1;
        }
    }
    fields
}

/// What the rows of the table of fixed limits say, and where the code says it.
const FIXED: [(&str, &str, &str); 11] = [
    ("125 bytes", "protocol/frame/header.rs", "const MAX_CONTROL_BYTES: u8 = 125;"),
    ("| 64 |", "protocol/handshake/header_values.rs", "const MAX_ELEMENTS: usize = 64;"),
    ("| 64 |", "protocol/handshake/forwarded.rs", "const MAX_HOPS: usize = 64;"),
    ("| 8 |", "transport/http1.rs", "const MAX_INFORMATIONAL: usize = 8;"),
    ("1 KiB, 1 s", "transport/http1.rs", "const MAX_BODY_BYTES: usize = 1024;"),
    ("256 KiB, 2 s", "server/linger.rs", "const LINGER_BYTES: usize = 256 * 1024;"),
    ("30 s", "server/patience.rs", "const PATIENCE: Duration = Duration::from_secs(30);"),
    ("128 KiB", "transport/http2/mod.rs", "const STREAM_WINDOW_BYTES: u32 = 128 * 1024;"),
    ("128 KiB", "transport/http3/quic.rs", "const STREAM_WINDOW_BYTES: u32 = 128 << 10;"),
    ("| 16 |", "transport/pool.rs", "const MAX_CONNECTIONS: usize = 16;"),
    ("1,024", "protocol/connection/trace.rs", "const MAX_RECORDS: usize = 1024;"),
];

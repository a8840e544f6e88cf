//! The lists in `lib.rs` and `protocol/mod.rs` are the public interface: what is `pub` is listed, and what is listed is there.

use std::path::Path;

use crate::{
    layers::{LISTS, Modules, Target},
    source::{SourceFile, rust_files},
};

#[test]
fn every_public_name_is_listed_at_the_top() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    assert_eq!(complaints(rust_files(&root)), Vec::<String>::new());
}

fn complaints(files: Vec<SourceFile>) -> Vec<String> {
    let modules = Modules::new(files);
    let mut complaints = Vec::new();
    let mut listed = Vec::new();
    for (file, facts) in &modules.files {
        if !is_list(&file.name) {
            continue;
        }
        for import in facts.imports.iter().filter(|import| import.public) {
            let path = import.path.join("::");
            match modules.resolve(&import.module, &import.path) {
                Some(Target::Item { module, name }) if !listed.contains(&(module.clone(), name.clone())) => {
                    listed.push((module, name));
                }
                Some(Target::Item { .. }) => {
                    complaints.push(format!("{}: {path} is listed twice", file.name));
                }
                // A crate whose types are part of the interface, such as `http`.
                Some(Target::External) => {}
                Some(Target::Module(_)) | None => {
                    complaints.push(format!("{}: {path} is no single name of this crate", file.name));
                }
            }
        }
    }
    for (file, facts) in &modules.files {
        for name in &facts.public_modules {
            if !is_list(&file.name) {
                complaints
                    .push(format!("{}: module {name} is public, its names belong to the list", file.name));
            }
        }
        for item in facts.items.iter().filter(|item| item.public) {
            if !listed.contains(&(item.module.clone(), item.name.clone())) {
                complaints.push(format!("{}: {} is public but not listed", file.name, item.name));
            }
        }
    }
    complaints
}

fn is_list(name: &str) -> bool {
    LISTS.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints_about(list: &str, file: &str) -> Vec<String> {
        complaints(vec![
            SourceFile::new("lib.rs", "pub mod protocol;"),
            SourceFile::new("protocol/mod.rs", list),
            SourceFile::new(
                "protocol/frame/mod.rs",
                "mod header; pub use header::*; pub use header::Header;",
            ),
            SourceFile::new("protocol/frame/header.rs", file),
        ])
    }

    const FILE: &str = "pub struct Header { pub length: u64 } pub(crate) struct Inner;
        impl Header { pub const A: u8 = 0; pub fn new() -> Header { pub struct Local; Header } }
        mod tests { fn helper() {} }";

    #[test]
    fn a_list_that_is_complete_is_fine() {
        for list in [
            "mod frame; pub use frame::Header;",
            "mod frame; pub use self::frame::{Header as FrameHeader};",
            "mod frame; pub use http; pub use frame::Header;",
        ] {
            assert_eq!(complaints_about(list, FILE), Vec::<String>::new(), "{list}");
        }
    }

    #[test]
    fn a_public_item_that_is_not_listed_is_found() {
        let list = "mod frame; pub use frame::Header;";
        for item in [
            "pub struct More;",
            "pub enum More {}",
            "pub const fn more() {}",
            "pub async unsafe extern \"C\" fn more() {}",
            "pub const MORE: u8 = 0;",
            "pub static MORE: u8 = 0;",
            "pub trait More {}",
            "pub type More = u8;",
            "mod inner { pub struct More; }",
            "pub mod inner {}",
        ] {
            assert_eq!(complaints_about(list, &format!("{FILE}{item}")).len(), 1, "{item}");
        }
        assert_eq!(complaints_about("mod frame; pub(crate) use frame::Header;", FILE).len(), 1);
    }

    #[test]
    fn a_listed_name_that_is_not_there_or_hides_others_is_found() {
        for more in [
            "pub use frame::Nothing;",
            "pub use frame::*;",
            "pub use frame;",
            "pub use frame::Header as Twice;",
        ] {
            let list = format!("mod frame; pub use frame::Header; {more}");
            assert_eq!(complaints_about(&list, FILE).len(), 1, "{more}");
        }
    }
}

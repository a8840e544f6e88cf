//! Where things are.

use std::path::{Path, PathBuf};

/// The folder `bench/` of the repository.
pub(crate) fn bench() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package stands in bench/")
}

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    bench().parent().expect("bench/ stands in the root of the repository")
}

/// Where the programs of this workspace are: beside this one.
pub(crate) fn programs() -> PathBuf {
    let this = std::env::current_exe().unwrap_or_default();
    this.parent().map(Path::to_path_buf).unwrap_or_default()
}

/// Where `cargo xtask bench` puts what is not built by cargo, and where logs go: the target folder.
pub(crate) fn home() -> PathBuf {
    programs().parent().map(Path::to_path_buf).unwrap_or_default()
}

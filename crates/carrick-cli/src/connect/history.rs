//! Where the lines of the editor are kept between two runs.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use etcetera::BaseStrategy;

/// The file: what was asked for, else the one in `CARRICK_HISTORY`, else one among the state of the user's programs.
/// `None` keeps none.
pub(crate) fn path(asked: Option<&Path>, off: bool) -> Option<PathBuf> {
    if off {
        return None;
    }
    if let Some(path) = asked {
        return Some(path.to_owned());
    }
    match env::var_os("CARRICK_HISTORY") {
        Some(path) if path.is_empty() => None,
        Some(path) => Some(path.into()),
        None => {
            let folders = etcetera::choose_base_strategy().ok()?;
            let folder = folders.state_dir().unwrap_or_else(|| folders.data_dir());
            Some(folder.join("carrick").join("history"))
        }
    }
}

/// Makes the file, for its owner alone: what is said to a server may be secret.
pub(crate) fn create(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut options = fs::File::options();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

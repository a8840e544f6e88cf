//! A server on a Unix socket.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};
use tokio::{
    net::{UnixListener, UnixStream},
    time::{sleep, timeout},
};

use super::{builder::Server, listener::Listener};
use crate::error::Error;

impl Server {
    /// A server that listens on a Unix socket: for clients on the same machine, most often a proxy. The path is removed
    /// again when the server stops. One that a server left behind which was killed is replaced; one that is listened on is
    /// not, nor is a file of another kind. Of several servers that start together at one path, one gets it: each holds a lock
    /// on the folder while it looks and binds.
    ///
    /// Who may connect is decided by the permissions of the folder, and by the umask those of the path. A client has no
    /// address: requests have no `SocketAddr` in their extensions, and their peer is
    /// [`PeerAddress::Unix`](crate::protocol::PeerAddress). A proxy in front is believed with [`TrustedProxies::with_unix_sockets`](crate::protocol::TrustedProxies). Only on Unix.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if somebody listens there already, if the folder may not be read and written, or if another program
    /// keeps it locked for 5 s.
    ///
    /// ```
    /// # async fn example() -> Result<(), carrick::Error> {
    /// use carrick::{Server, protocol::TrustedProxies};
    ///
    /// let proxies = TrustedProxies::default().with_unix_sockets(true);
    /// let server = Server::bind_unix("/run/feed/websocket").await?.trusted_proxies(proxies);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn bind_unix(path: impl AsRef<Path>) -> Result<Server, Error> {
        let (listener, file) = listen(path.as_ref()).await?;
        Ok(Server::listening(Listener::Unix { listener, _file: Some(file) }, None))
    }

    /// A server on a Unix socket that exists already, from a service manager for example. Its path is not removed. Only on
    /// Unix.
    ///
    /// ```
    /// # async fn example() -> Result<(), carrick::Error> {
    /// let listener = tokio::net::UnixListener::bind("/run/feed/websocket")?;
    /// let server = carrick::Server::from_unix_listener(listener);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn from_unix_listener(listener: UnixListener) -> Server {
        Server::listening(Listener::Unix { _file: None, listener }, None)
    }
}

/// Listens on a path, which is removed with the second one. A socket that was left behind there is replaced.
pub(super) async fn listen(path: &Path) -> io::Result<(UnixListener, SocketFile)> {
    let _lock = locked_folder_of(path).await?;
    let listener = match UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_left_behind(path).await => {
            fs::remove_file(path)?;
            UnixListener::bind(path)?
        }
        bound => bound?,
    };
    Ok((listener, SocketFile::of(path)?))
}

/// The folder of a path, locked until this is dropped. Without it two servers could both find a path left behind, and one
/// would remove the socket that the other has just bound, or bound and does not listen on yet.
async fn locked_folder_of(path: &Path) -> io::Result<File> {
    let path = std::path::absolute(path)?;
    let folder_path = path.parent().unwrap_or(&path);
    let folder = File::open(folder_path)?;
    let locked = async {
        while let Err(error) = flock(&folder, FlockOperation::NonBlockingLockExclusive) {
            if error != Errno::WOULDBLOCK {
                return Err(io::Error::from(error));
            }
            sleep(PAUSE).await;
        }
        Ok(())
    };
    let late = |_| {
        let reason = format!("folder {} is locked by another program", folder_path.display());
        io::Error::new(io::ErrorKind::TimedOut, reason)
    };
    timeout(MAX_WAIT, locked).await.map_err(late)??;
    Ok(folder)
}

/// Whether a path is a socket on which nobody listens.
async fn is_left_behind(path: &Path) -> bool {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket());
    let refused = |error: io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    is_socket && UnixStream::connect(path).await.err().is_some_and(refused)
}

/// A path that is removed with its server, unless somebody else has put another one there.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    /// Device and number.
    identity: (u64, u64),
}

impl SocketFile {
    fn of(path: &Path) -> io::Result<SocketFile> {
        Ok(SocketFile { identity: identity(path)?, path: std::path::absolute(path)? })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|identity| identity == self.identity) {
            // Whoever binds next replaces it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

/// Between two attempts to lock a folder. Whoever else starts there has it for less.
const PAUSE: Duration = Duration::from_millis(5);

const MAX_WAIT: Duration = Duration::from_secs(5);

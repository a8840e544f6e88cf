//! The certificate of `carrick serve`, which is replaced when its files are.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use carrick::{Error, ReloadableTls, ServerTls};
use tokio::time::interval;

use crate::{failure::Failure, output};

/// A certificate chain and its key.
#[derive(Debug)]
pub(crate) struct CertificateFiles {
    certificate: PathBuf,
    key: PathBuf,
    /// What the files were when they were last read.
    read: Stamps,
}

/// What changes when the files do.
type Stamps = [Option<(SystemTime, u64)>; 2];

impl CertificateFiles {
    /// Reads the files for the first time.
    pub(crate) fn read(certificate: &Path, key: &Path) -> Result<(CertificateFiles, ServerTls), Error> {
        let (certificate, key) = (certificate.to_owned(), key.to_owned());
        let mut files = CertificateFiles { certificate, key, read: [None; 2] };
        let tls = files.load()?;
        Ok((files, tls))
    }

    /// Reads the files again whenever they have changed, and at SIGHUP, and says so.
    pub(crate) async fn follow(mut self, tls: ReloadableTls) {
        let mut looks = interval(LOOK_AGAIN);
        let mut hang_ups = HangUps::new();
        let mut seen = self.stamps();
        loop {
            let asked = tokio::select! {
                () = hang_ups.next() => true,
                _ = looks.tick() => false,
            };
            // Whoever renews them writes one file after the other: a change counts once it has settled.
            let before = std::mem::replace(&mut seen, self.stamps());
            if asked || (seen == before && seen != self.read) {
                self.replace(&tls);
            }
        }
    }

    fn replace(&mut self, tls: &ReloadableTls) {
        match self.load() {
            Ok(renewed) => {
                tls.replace(renewed);
                output::note(&format!(
                    "The certificate in {} is served from now on.",
                    self.certificate.display()
                ));
            }
            Err(error) => output::error(&Failure::new("the certificate stays as it was").because(error)),
        }
    }

    fn load(&mut self) -> Result<ServerTls, Error> {
        self.read = self.stamps();
        ServerTls::from_pem_files(&self.certificate, &self.key)
    }

    fn stamps(&self) -> Stamps {
        let stamp = |path: &Path| -> io::Result<(SystemTime, u64)> {
            let metadata = fs::metadata(path)?;
            Ok((metadata.modified()?, metadata.len()))
        };
        [stamp(&self.certificate).ok(), stamp(&self.key).ok()]
    }
}

/// SIGHUP, where there is one.
struct HangUps {
    #[cfg(unix)]
    signal: Option<tokio::signal::unix::Signal>,
}

impl HangUps {
    fn new() -> HangUps {
        HangUps {
            #[cfg(unix)]
            signal: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()).ok(),
        }
    }

    async fn next(&mut self) {
        #[cfg(unix)]
        if let Some(signal) = &mut self.signal
            && signal.recv().await.is_some()
        {
            return;
        }
        std::future::pending::<()>().await;
    }
}

/// How often the files are looked at.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

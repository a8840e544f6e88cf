//! Builds uWebSockets out of the sources that the crate `libuwebsockets-sys` brings along.

use std::path::{Path, PathBuf};
use std::{fs, process::Command};

use anyhow::{Context, bail};
use serde::Deserialize;

use super::{MANIFEST, home};
use crate::{packages, report, shell, workspace};

/// One of its programs.
struct Variant {
    name: &'static str,
    flags: &'static [&'static str],
    libraries: &'static [&'static str],
}

/// What is not needed is left out, as its docs advise.
const VARIANTS: [Variant; 3] = [
    Variant { name: "uwebsockets", flags: &["-DUWS_NO_ZLIB", "-DLIBUS_NO_SSL"], libraries: &[] },
    Variant { name: "uwebsockets-deflate", flags: &["-DLIBUS_NO_SSL"], libraries: &["-lz"] },
    Variant {
        name: "uwebsockets-tls",
        flags: &["-DUWS_NO_ZLIB", "-DLIBUS_USE_OPENSSL"],
        libraries: &["-lssl", "-lcrypto"],
    },
];

/// Builds all programs that are older than what they are built from.
pub(super) fn build() -> anyhow::Result<()> {
    let sources = sources()?;
    let program = workspace::root().join("bench/peers/uwebsockets/main.cpp");
    let folder = home().join("uwebsockets");
    // What the programs were built from: the release in its path, and our own source.
    let stamp = format!("{}\n{}", sources.display(), fs::read_to_string(&program)?);
    if fs::read_to_string(folder.join("stamp")).is_ok_and(|built| built == stamp) {
        return Ok(());
    }
    let missing = HEADERS.iter().any(|header| !Path::new(header).exists());
    if missing || shell::find_program(&["g++"]).is_none() {
        packages::install(&["g++", "zlib1g-dev", "libssl-dev"])?;
    }
    report::note("building uWebSockets");
    VARIANTS.iter().try_for_each(|variant| variant.build(&sources, &program, &folder))?;
    Ok(fs::write(folder.join("stamp"), stamp)?)
}

impl Variant {
    fn build(&self, sources: &Path, program: &Path, folder: &Path) -> anyhow::Result<()> {
        let objects = folder.join(self.name).with_extension("objects");
        fs::create_dir_all(&objects)?;
        let sockets = sources.join("uSockets/src");
        let mut c = shell::command("cc");
        c.current_dir(&objects).args(OPTIMISED).arg("-std=c11").args(self.flags).arg("-I").arg(&sockets);
        c.arg("-c").args(C_SOURCES.map(|file| sockets.join(file)));
        shell::stdout_of(&mut c)?;
        let mut cpp = compiler(&objects, self.flags, &sockets);
        cpp.arg("-c").arg(sockets.join("crypto/sni_tree.cpp"));
        shell::stdout_of(&mut cpp)?;

        let mut link = compiler(&objects, self.flags, &sockets);
        link.arg("-I").arg(sources.join("src")).arg(program);
        for object in fs::read_dir(&objects)? {
            link.arg(object?.path());
        }
        link.args(self.libraries).arg("-o").arg(folder.join(self.name));
        shell::stdout_of(&mut link).map(drop)
    }
}

fn compiler(folder: &Path, flags: &[&str], sockets: &Path) -> Command {
    let mut compiler = shell::command("g++");
    compiler.current_dir(folder).args(OPTIMISED).arg("-std=c++20").args(flags).arg("-I").arg(sockets);
    compiler
}

/// Where cargo has put the sources. The crate itself is never built.
fn sources() -> anyhow::Result<PathBuf> {
    let metadata = shell::stdout_of(&mut shell::cargo([
        "metadata",
        "--locked",
        "--format-version",
        "1",
        "--manifest-path",
        MANIFEST,
    ]))?;
    let metadata: Metadata = serde_json::from_str(&metadata).context("cannot read `cargo metadata`")?;
    let package = metadata.packages.into_iter().find(|package| package.name == "libuwebsockets-sys");
    let Some(package) = package else { bail!("{MANIFEST} does not name libuwebsockets-sys") };
    Ok(package.manifest_path.with_file_name("uWebSockets"))
}

#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
}

const OPTIMISED: [&str; 2] = ["-O3", "-flto=auto"];
const C_SOURCES: [&str; 8] = [
    "bsd.c",
    "context.c",
    "loop.c",
    "quic.c",
    "socket.c",
    "udp.c",
    "eventing/epoll_kqueue.c",
    "crypto/openssl.c",
];
const HEADERS: [&str; 2] = ["/usr/include/zlib.h", "/usr/include/openssl/ssl.h"];

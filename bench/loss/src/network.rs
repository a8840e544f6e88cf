//! Two network namespaces, each with one TUN device, and the relay between them.
//!
//! A namespace belongs to the thread that has made it, and ends with it; so nothing is left behind, however the program ends.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use anyhow::{Context, anyhow};
use nix::sched::{CloneFlags, unshare};
use tun_rs::{DeviceBuilder, SyncDevice};

use crate::args::Args;
use crate::relay::{self, Counts};

/// Where the server is.
pub(crate) const SERVER: Ipv4Addr = Ipv4Addr::new(10, 66, 0, 1);
const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 66, 0, 2);

/// A thread in a namespace of its own, which waits to be told to go.
struct Place<T> {
    thread: JoinHandle<anyhow::Result<T>>,
    device: SyncDevice,
    go: SyncSender<()>,
}

/// Makes both namespaces and joins them, and does the two works in them, until both are over.
pub(crate) fn run<T: Send + 'static>(
    args: &Args,
    server: impl FnOnce() -> anyhow::Result<()> + Send + 'static,
    client: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<(T, Arc<Counts>)> {
    let server = place(SERVER, server)?;
    let client = place(CLIENT, client)?;
    let counts = relay::join(server.device, client.device, args);
    server.go.send(())?;
    client.go.send(())?;
    let measured = ended(client.thread);
    ended(server.thread).context("the server failed")?;
    Ok((measured?, counts))
}

/// Starts a thread in a new namespace.
fn place<T: Send + 'static>(
    address: Ipv4Addr,
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<Place<T>> {
    let (made, device) = sync_channel(1);
    let (go, told) = sync_channel(1);
    let thread = thread::spawn(move || {
        made.send(in_new_namespace(address))?;
        told.recv()?;
        work()
    });
    let device = device.recv().context("a thread has ended before its time")??;
    Ok(Place { thread, device, go })
}

fn in_new_namespace(address: Ipv4Addr) -> anyhow::Result<SyncDevice> {
    unshare(CloneFlags::CLONE_NEWNET).context(
        "no network namespace can be made here: this takes root, or CAP_SYS_ADMIN in a container that allows it",
    )?;
    DeviceBuilder::new()
        .name("tun0")
        .ipv4(address, PREFIX, None)
        .mtu(MTU)
        .build_sync()
        .context("no TUN device can be made here: this takes /dev/net/tun and CAP_NET_ADMIN")
}

fn ended<T>(thread: JoinHandle<anyhow::Result<T>>) -> anyhow::Result<T> {
    thread.join().map_err(|_| anyhow!("a thread has panicked"))?
}

const PREFIX: u8 = 24;
const MTU: u16 = 1500;

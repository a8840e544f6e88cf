//! `carrick serve`.

use clap::Args as ClapArgs;

use super::{
    parse::{self, TrustedProxy},
    shared::{Hosting, Limits},
};
use crate::bind::Bind;

#[derive(Debug, ClapArgs)]
#[command(mut_arg("ping_interval", |arg| {
    arg.help("Seconds between two pings on /echo; 0 sends none. /chat pings every second")
}))]
pub(crate) struct Serve {
    /// Address and port to listen on, of which port 0 takes a free one, or unix:PATH for a Unix socket
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9000")]
    pub(crate) bind: Bind,

    /// Believe Forwarded and X-Forwarded-* of proxies in this network, for example 10.0.0.0/8; `unix` stands for those on
    /// a Unix socket. May be repeated
    #[arg(long = "trusted-proxy", value_name = "NETWORK", value_parser = parse::trusted_proxy)]
    pub(crate) trusted_proxies: Vec<TrustedProxy>,

    /// Tell on standard error who opens a WebSocket, and over which HTTP
    #[arg(long)]
    pub(crate) log: bool,

    #[command(flatten)]
    pub(crate) hosting: Hosting,

    #[command(flatten)]
    pub(crate) limits: Limits,
}

//! `carrick serve`.

use std::net::SocketAddr;

use carrick::protocol::IpNetwork;
use clap::Args as ClapArgs;

use super::shared::{Hosting, Limits};

#[derive(Debug, ClapArgs)]
#[command(mut_arg("ping_interval", |arg| {
    arg.help("Seconds between two pings on /echo; 0 sends none. /chat pings every second")
}))]
pub(crate) struct Serve {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9000", value_parser = parse_address)]
    pub(crate) bind: SocketAddr,

    /// Believe Forwarded and X-Forwarded-* of proxies in this network, for example 10.0.0.0/8. May be repeated
    #[arg(long = "trusted-proxy", value_name = "NETWORK")]
    pub(crate) trusted_proxies: Vec<IpNetwork>,

    #[command(flatten)]
    pub(crate) hosting: Hosting,

    #[command(flatten)]
    pub(crate) limits: Limits,
}

fn parse_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "write an IP address with a port, as 127.0.0.1:9000 or [::1]:9000".to_owned())
}

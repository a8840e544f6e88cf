//! The server, as its peers see it.

mod routes;
mod support;

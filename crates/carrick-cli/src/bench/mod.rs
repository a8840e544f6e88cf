//! What `bench` does between the arguments and the exit code.

mod conduct;
mod connection;
mod format;
mod html;
mod json;
mod open_files;
mod pacer;
mod payload;
mod plan;
mod plot;
mod progress;
mod results;
mod round;
mod schedule;
mod table;
mod tally;
mod timeline;
mod trouble;
mod turns;
mod worker;

pub(crate) use self::{
    conduct::conduct,
    html::page,
    json::json,
    open_files::make_room,
    plan::{Plan, default_threads},
    progress::Progress,
    results::Results,
    table::table,
};

//! Each connection is an open file, of which the system allows so many.

use super::plan::Plan;
use crate::failure::Failure;

/// Makes room for all connections as far as the system lets us.
#[cfg(unix)]
pub(crate) fn make_room(plan: &Plan) -> Result<(), Failure> {
    use rustix::process::{Resource, getrlimit, setrlimit};

    let needed = needed(plan);
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    // What is allowed beyond the limit is there for the asking.
    let allowed = limit.maximum;
    limit.current = Some(allowed.map_or(needed, |allowed| allowed.min(needed)));
    let raised = setrlimit(Resource::Nofile, limit);
    let granted = getrlimit(Resource::Nofile).current;
    if granted.is_none_or(|granted| granted >= needed) {
        return Ok(());
    }
    let failure = Failure::new(format!(
        "{} connections need {needed} open files, limit is {}",
        plan.connections,
        granted.unwrap_or(needed)
    ))
    .with_hint(format!(
        "raise it with `ulimit -n {needed}`, as root if it is refused, or use fewer --connections"
    ));
    Err(match raised {
        Ok(()) => failure,
        Err(error) => failure.because(error),
    })
}

/// Sockets have no such limit here.
#[cfg(not(unix))]
pub(crate) fn make_room(_: &Plan) -> Result<(), Failure> {
    Ok(())
}

/// One for each connection, and some for the threads, standard streams, files and name lookups.
#[cfg(unix)]
fn needed(plan: &Plan) -> u64 {
    (plan.connections + 8 * plan.threads + 64) as u64
}

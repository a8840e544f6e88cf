//! The project's own tasks, so that no task runner has to be installed.

fn main() {}

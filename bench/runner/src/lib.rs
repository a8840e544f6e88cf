//! What the runner and the load generator have in common.

//! Two connections over a network and a clock that the test moves.

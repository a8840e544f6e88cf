//! Integration tests of the library, one binary so that linking happens once.

// Helpers unwrap as the tests do: a panic names the line.
#![allow(clippy::unwrap_used)]

mod rules;

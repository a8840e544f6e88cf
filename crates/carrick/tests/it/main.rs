//! Integration tests of the library, in one binary so that linking happens once.

// Helpers unwrap as the tests do: a panic names the line.
#![allow(clippy::unwrap_used)]

mod exports;
mod layers;
mod pair;
mod rules;
mod source;
mod support;
mod tidy;

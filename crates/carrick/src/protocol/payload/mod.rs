//! What is done to the bytes of a payload: masking, UTF-8, DEFLATE.

mod mask;

pub use mask::{mask, mask_into};

//! What is done to the bytes of a payload: masking, UTF-8, DEFLATE.

mod mask;
mod utf8;

pub use mask::{mask, mask_into};
pub use utf8::{NotUtf8, Utf8, check_whole};

//! What is done to the bytes of a payload: masking, UTF-8, DEFLATE.

mod assembly;
mod deflate;
mod mask;
mod utf8;

pub(crate) use assembly::Assembly;
pub use deflate::{Compressor, CompressorSettings, Decompressor, InflateError, Pool, Scratch};
pub use mask::{mask, mask_into};
pub use utf8::{NotUtf8, Utf8, check_whole};

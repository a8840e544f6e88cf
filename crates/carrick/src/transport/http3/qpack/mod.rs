//! QPACK (RFC 9204) without a dynamic table: this end announces none, and uses none of the peer's.

mod field_section;
mod huffman;
mod instructions;
mod prefix_int;
mod static_table;

pub(crate) use field_section::{Field, FieldError, decode, encode};
pub(crate) use instructions::{DecoderInstructions, EncoderInstructions};

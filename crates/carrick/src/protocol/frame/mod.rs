//! F2: frames as bytes and bytes as frames (RFC 6455 §5.2).

mod close_frame;
mod header;
mod opcode;
mod output;
mod plain;
mod reader;
mod writer;

pub use close_frame::{CloseFrame, CloseFrameError};
pub(crate) use header::MAX_CONTROL_BYTES;
pub use header::{Header, HeaderRules};
pub use opcode::Opcode;
pub use output::Output;
pub(crate) use plain::PlainFrame;
pub use reader::{FramePiece, FrameReader};
pub use writer::{Frame, FrameWriter};

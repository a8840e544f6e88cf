//! A strict and fast WebSocket stack.

// The public interface is:
pub mod protocol;

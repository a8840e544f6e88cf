//! What a connection that waits takes of the memory, apart from what stands on the heap only while something happens.

use carrick::protocol::{Connection, FrameReader, Output};

#[test]
fn a_connection_of_the_core_is_small() {
    assert!(size_of::<Connection>() <= 136, "{}", size_of::<Connection>());
    assert!(size_of::<FrameReader>() <= size_of::<usize>(), "{}", size_of::<FrameReader>());
    // A shell needs one for each connection only as long as something waits to be written.
    assert!(size_of::<Output>() <= 72, "{}", size_of::<Output>());
}

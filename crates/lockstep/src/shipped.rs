//! Topologies and traces that come with the emulator, built into it.

use traffic::{Trace, TraceError};

/// The topology of a run that names none.
pub const DEFAULT_TOPOLOGY: &str = "nvl8";

/// The trace of a run that names none.
pub const DEFAULT_TRACE: &str = "jacobi8";

/// Name and bytes of every shipped trace: captures of the programs in `traces/capture`.
pub const TRACES: [(&str, &[u8]); 3] = [
    ("jacobi8", include_bytes!("../../../traces/jacobi8.lkst")),
    ("histogram8", include_bytes!("../../../traces/histogram8.lkst")),
    ("bfs8", include_bytes!("../../../traces/bfs8.lkst")),
];

/// A shipped trace by name; `None` if there is none of that name.
///
/// # Errors
/// Only if the build embedded a damaged file.
pub fn trace(name: &str) -> Option<Result<Trace, TraceError>> {
    let (_, bytes) = TRACES.iter().find(|(n, _)| *n == name)?;
    Some(Trace::from_bytes(bytes.to_vec(), format!("{name} (shipped)")))
}

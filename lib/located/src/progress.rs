//! Progress of long work.

/// Receives progress reports, from any thread. A front end draws them; [`Silent`] ignores them.
pub trait Progress: Sync {
    /// A phase starts; `total_bytes` is 0 if it is unknown.
    fn begin(&self, phase: &'static str, total_bytes: u64);
    /// More bytes of the phase are done.
    fn advance(&self, bytes: u64);
    /// Returns whether to stop soon and return what is known.
    fn cancelled(&self) -> bool {
        false
    }
}

/// Ignores progress and never cancels.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _phase: &'static str, _total_bytes: u64) {}
    fn advance(&self, _bytes: u64) {}
}

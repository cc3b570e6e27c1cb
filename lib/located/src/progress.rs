//! The library tells how far it is; it never knows who listens.

/// Told about long work, from any thread. The front end draws; [`Silent`] ignores.
pub trait Progress: Sync {
    /// A phase begins; `total_bytes` is 0 where it is not known.
    fn begin(&self, phase: &'static str, total_bytes: u64);
    /// So many more bytes of the phase are done.
    fn advance(&self, bytes: u64);
    /// Whether to stop soon and answer with what is known.
    fn cancelled(&self) -> bool {
        false
    }
}

/// Listens to nothing and never cancels.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _phase: &'static str, _total_bytes: u64) {}
    fn advance(&self, _bytes: u64) {}
}

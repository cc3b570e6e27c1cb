//! Times that are waited for. While there are none, the loop has no timer.

use std::time::{Duration, Instant};

use crate::event::Wake;

/// The times, in no order: there are never more than a few.
#[derive(Debug, Default)]
pub(super) struct Wakes(Vec<(Instant, Wake)>);

impl Wakes {
    pub(super) fn add(&mut self, wake: Wake, after: Duration) {
        self.0.push((Instant::now() + after, wake));
    }

    /// When the next one is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.0.iter().map(|(due, _)| *due).min()
    }

    /// One that is due now.
    pub(super) fn take_due(&mut self) -> Option<Wake> {
        let now = Instant::now();
        let at = self.0.iter().position(|(due, _)| *due <= now)?;
        Some(self.0.swap_remove(at).1)
    }
}

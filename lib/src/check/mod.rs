//! Runs every format's check at a chosen depth, cross-file rules, report order.

mod applied;

pub use applied::{Reach, applied};

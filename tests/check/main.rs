//! Check: silent on every healthy directory, and the expected codes for each kind of damage.

mod applied;
mod healthy;

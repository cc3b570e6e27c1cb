//! The simulation of a start; what follows from it is in [`verdict`](crate::verdict).

mod start;

pub use crate::verdict::{
    Comparison, DifferingKey, Level, Line, MemberRow, compare, counted, is_go,
};
pub use start::{Applied, Ending, Erased, LaterWrites, Outcome, simulate_start, state_after_start};

//! SQLite asks the tables as virtual tables: nothing is imported, and conditions narrow what is read.

mod module;
mod plan;
mod session;

pub use session::{Bounds, Query, Session};

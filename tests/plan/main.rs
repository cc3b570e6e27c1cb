//! What the plan prints is done: each command as `check` printed it, by a shell, with the programs of the release that was named,
//! on a copy of the directory that made us print it; what etcd then serves is compared with the outcome of the step.
//!
//! `matrix.rs` does it for incidents × releases, `clusters.rs` for members of three, `archives.rs` for evidence in archives.
//! Without etcd (see `fixtures/recipes/etcd-from-debian`) the tests say so and pass. A sample runs with the suite;
//! `ORACLE=all cargo test -p etcd-inspect --test plan -- --nocapture` does everything, `ORACLE=D29,W07` those incidents.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may stop at its first failure"
)]

mod alarms;
mod archives;
mod carried_out;
mod clusters;
mod counts;
mod estimates;
mod forced;
mod foreign_snap;
mod matrix;
mod older_copies;
mod own_buckets;
mod packed;
mod printed;
mod recipes;
mod removed;
mod served;
mod starts;
mod templates;
mod two_histories;
mod without_db;

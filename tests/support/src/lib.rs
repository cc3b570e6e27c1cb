//! Support for the tests of etcd-inspect: real directories from `fixtures/`, private copies to damage, seals that prove
//! evidence unchanged, synthetic bytes, and damage as recipe × place.
//!
//! Knows nothing of the parsers: every layout here is written a second time, from the format reference, so that a mistake
//! in one of the two is seen by the other.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "test support stops at once if a fixture is not as documented"
)]

pub mod apiserver;
pub mod damage;
pub mod etcd;
pub mod expected;
mod fixture;
pub mod incidents;
pub mod mutations;
pub mod places;
mod seal;
mod sparse;
pub mod synth;
pub mod verbs;

pub use apiserver::ApiServer;
pub use fixture::{
    Copy, archive, copy_of, data_dir, fixture, fixture_copy, fixtures, manifest, members_of,
    restore, root, truth, unzstd,
};
pub use seal::Seal;
pub use sparse::read_until_hole;

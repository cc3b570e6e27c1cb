//! The words that every crate of etcd-inspect speaks: bytes with a place, errors, findings and their codes, limits,
//! progress, text for people, and the one reader of protobuf's wire format.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_possible_wrap,
        reason = "a test may stop at the first surprise"
    )
)]

mod bytes;
pub mod codes;
mod error;
mod finding;
mod id;
mod limits;
mod place;
pub mod progress;
mod reader;
pub mod text;
pub mod wire;

pub use bytes::{Bytes, warm};
pub use error::Error;
pub use finding::{Finding, Severity, Sink};
pub use id::{ClusterId, Index, LeaseId, MemberId, NoId, Revision, Term};
pub use limits::Limits;
pub use place::{FileName, Place};
pub use reader::Reader;

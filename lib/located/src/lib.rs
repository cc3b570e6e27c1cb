//! Types that every crate of etcd-inspect uses: bytes with a place, errors, findings and their codes, ids, limits, progress,
//! text for people, and the reader of protobuf's wire format.
//!
//! ```
//! use etcd_inspect_located::{Bytes, FileName};
//!
//! let name = FileName::new("member/snap/db");
//! let page = Bytes::new(&name, 4096, &[1, 0, 0, 0, 0, 0, 0, 0, 4, 0]);
//! assert_eq!((page.u64(0, "page.id")?, page.u16(8, "page.flags")?), (1, 4));
//! let error = page.u32(12, "page.overflow").unwrap_err();
//! assert_eq!(error.place().map(ToString::to_string).as_deref(), Some("member/snap/db @ 0x100c"));
//! # Ok::<(), etcd_inspect_located::Error>(())
//! ```
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

mod aligned_buffer;
mod answer;
mod bytes;
pub mod codes;
mod command;
mod error;
mod finding;
mod finding_row;
mod id;
mod limits;
mod place;
pub mod progress;
mod reader;
mod severity;
pub mod text;
pub mod wire;

pub use aligned_buffer::AlignedBuffer;
pub use answer::{Answer, Damage, Partial};
pub use bytes::{Bytes, warm};
pub use command::{
    Advice, AdvicePart, Command, EvidenceOperand, ReadBy, ReadingFlag, VERBS_WITH_KEYS, key_word,
};
pub use error::Error;
pub use finding::{Finding, Sink, reported_by};
pub use finding_row::{FindingRow, PlaceRow, key_json};
pub use id::{ClusterId, LeaseId, MainRevision, MemberId, NoId, RaftIndex, Term};
pub use limits::Limits;
pub use place::{FileName, Place};
pub use reader::Reader;
pub use severity::Severity;

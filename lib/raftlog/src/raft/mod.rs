//! Raft messages in WAL records: entries, HardState, membership changes, requests; and elections derived from them.

pub mod auth;
pub mod cluster;
mod conf_change;
mod decode_failure;
mod entry;
mod hard_state;
mod json;
pub mod kv;
mod payload;
mod plain;
mod proposer;
mod request;
mod snapshot;
mod summary;
mod terms;
mod v2;

pub use conf_change::{
    ConfChange, ConfChangeSingle, ConfChangeType, ConfChangeV2, ConfState, MemberContext,
};
pub use decode_failure::DecodeFailure;
pub use entry::{Entry, EntryType};
pub use hard_state::HardState;
pub use json::Reveal;
pub use payload::{Access, KeySpan, Payload};
pub use plain::{Condition, Plain, PlainKind, PlainPut, PlainTarget, PlainTxn, PlainWrite};
pub use proposer::Proposer;
pub use request::{InternalRaftRequest, OPERATIONS, Operation, Request, RequestHeader};
pub use snapshot::{Snapshot, SnapshotMetadata};
pub use summary::{key_in_message, key_text};
pub use terms::{TermEnd, TermEvent, TermSummary, terms};
pub use v2::V2Request;

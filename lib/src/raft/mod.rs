//! What WAL records contain: entries, promises, membership changes, requests, elections.

mod conf_change;
mod entry;
mod hard_state;
mod snapshot;
pub mod wire;

pub use conf_change::{
    ConfChange, ConfChangeSingle, ConfChangeType, ConfChangeV2, ConfState, MemberContext,
};
pub use entry::{Entry, EntryType};
pub use hard_state::HardState;
pub use snapshot::{Snapshot, SnapshotMetadata};

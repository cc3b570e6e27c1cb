//! raftpb.Snapshot and its metadata: what a `.snap` file carries.

use super::ConfState;

/// Where in the log a snapshot stands: raftpb.SnapshotMetadata.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct SnapshotMetadata {
    /// The configuration after applying entry `index`.
    #[prost(message, optional, tag = "1")]
    pub conf_state: Option<ConfState>,
    /// The last entry the snapshot contains.
    #[prost(uint64, tag = "2")]
    pub index: u64,
    /// The term of that entry.
    #[prost(uint64, tag = "3")]
    pub term: u64,
}

/// raftpb.Snapshot.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Snapshot {
    /// The v2 store, as JSON.
    #[prost(bytes = "vec", tag = "1")]
    pub data: Vec<u8>,
    /// Where it stands.
    #[prost(message, optional, tag = "2")]
    pub metadata: Option<SnapshotMetadata>,
}

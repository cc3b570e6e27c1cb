//! raftpb.Snapshot and its metadata: the content of a `.snap` file.

use super::ConfState;

/// The position of a snapshot in the log: raftpb.SnapshotMetadata.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct SnapshotMetadata {
    /// The configuration after entry `index` was applied.
    #[prost(message, optional, tag = "1")]
    pub conf_state: Option<ConfState>,
    /// Index of the last entry that the snapshot contains.
    #[prost(uint64, tag = "2")]
    pub index: u64,
    /// The term of that entry.
    #[prost(uint64, tag = "3")]
    pub term: u64,
}

/// The content of a `.snap` file: raftpb.Snapshot.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Snapshot {
    /// The v2 store, as JSON.
    #[prost(bytes = "vec", tag = "1")]
    pub data: Vec<u8>,
    /// Its position in the log.
    #[prost(message, optional, tag = "2")]
    pub metadata: Option<SnapshotMetadata>,
}

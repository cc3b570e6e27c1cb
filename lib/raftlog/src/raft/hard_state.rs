//! raftpb.HardState: term, vote and commit that a member must not forget.

use located::wire::{Fields, Value};
use located::{MemberId, RaftIndex, Term};

/// What a member must remember across restarts.
///
/// etcd does not sync a HardState that only advances the commit, so the stored commit may lag behind the one the member
/// knew (`MustSync` in `raft/node.go`, v3.5.30).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HardState {
    /// The newest term that the member knew.
    pub term: Term,
    /// The member that it voted for in that term; 0: none.
    pub vote: MemberId,
    /// The highest index that it knew to be committed.
    pub commit: RaftIndex,
    /// Whether the message has fields that raftpb.HardState does not have: then it is another message.
    pub foreign_fields: bool,
}

impl HardState {
    /// Reads a serialized raftpb.HardState. An absent field is zero.
    ///
    /// # Errors
    /// Returns a description if the bytes are not protobuf or a field has the wrong wire type.
    /// `loadState` in `raft/raft.go`, v3.5.30, takes it at a restart.
    pub fn parse(message: &[u8]) -> Result<Self, &'static str> {
        let mut state = Self::default();
        for field in Fields::new(message) {
            let field = field?;
            match (field.number, field.value) {
                (1, Value::Varint(term)) => state.term = Term(term),
                (2, Value::Varint(vote)) => state.vote = MemberId(vote),
                (3, Value::Varint(commit)) => state.commit = RaftIndex(commit),
                (1..=3, _) => return Err("a field of raftpb.HardState has the wrong wire type"),
                _ => state.foreign_fields = true,
            }
        }
        Ok(state)
    }
}

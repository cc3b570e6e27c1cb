//! raftpb.HardState: term, vote and commit as a member promised them.

use located::wire::{Fields, Value};
use located::{MemberId, Term};

/// What a member must remember across restarts to keep raft's promises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HardState {
    /// The term the member was in.
    pub term: Term,
    /// The member it voted for in that term; 0: none.
    pub vote: MemberId,
    /// The highest index it knew to be committed; advances of the commit alone may never reach the file.
    pub commit: u64,
    /// Whether the message has fields that raftpb.HardState does not: then it is something else.
    pub foreign_fields: bool,
}

impl HardState {
    /// Reads a serialized raftpb.HardState. An absent field is zero.
    ///
    /// # Errors
    /// Says what is not protobuf, or that a field has the wrong wire type.
    pub fn parse(message: &[u8]) -> Result<Self, &'static str> {
        let mut state = Self::default();
        for field in Fields::new(message) {
            let field = field?;
            match (field.number, field.value) {
                (1, Value::Varint(term)) => state.term = Term(term),
                (2, Value::Varint(vote)) => state.vote = MemberId(vote),
                (3, Value::Varint(commit)) => state.commit = commit,
                (1..=3, _) => return Err("a field of raftpb.HardState has the wrong wire type"),
                _ => state.foreign_fields = true,
            }
        }
        Ok(state)
    }
}

//! raftpb.Entry: one slot of the raft log.

use located::wire::{Fields, Value};
use located::{RaftIndex, Term};

/// The type of an entry: raftpb.EntryType.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EntryType {
    /// 0: a request, or empty (the no-op of a new leader).
    Normal,
    /// 1: a [`ConfChange`](super::ConfChange).
    ConfChange,
    /// 2: a [`ConfChangeV2`](super::ConfChangeV2); etcd never writes one and panics when it applies one.
    ConfChangeV2,
    /// Any other number; no release of etcd writes one.
    Other(u32),
}

impl EntryType {
    /// Converts the number in the entry.
    pub fn from_raw(raw: u64) -> Self {
        match raw {
            0 => Self::Normal,
            1 => Self::ConfChange,
            2 => Self::ConfChangeV2,
            other => Self::Other(u32::try_from(other).unwrap_or(u32::MAX)),
        }
    }
}

/// A raft entry. Its data is a slice of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Field 1; logs of etcd 3.7 omit it for [`EntryType::Normal`].
    pub kind: EntryType,
    /// Field 2: the term of the leader that created the entry.
    pub term: Term,
    /// Field 3: the raft index.
    pub index: RaftIndex,
    /// Field 4; empty in the no-op of a leader.
    pub data: &'a [u8],
    /// Offset of `data` in the message.
    pub data_at: usize,
    /// Whether the message has fields that raftpb.Entry does not have: then it is another message.
    pub foreign_fields: bool,
}

impl<'a> Entry<'a> {
    /// Reads a serialized raftpb.Entry. An absent field is zero.
    ///
    /// ```
    /// use etcd_inspect_raftlog::located::{RaftIndex, Term};
    /// use etcd_inspect_raftlog::raft::{Entry, EntryType};
    /// let entry = Entry::parse(&[0x08, 0, 0x10, 2, 0x18, 7]).expect("a no-op");
    /// assert_eq!((entry.kind, entry.term, entry.index), (EntryType::Normal, Term(2), RaftIndex(7)));
    /// ```
    ///
    /// # Errors
    /// Returns a description if the bytes are not protobuf or a field has the wrong wire type.
    pub fn parse(message: &'a [u8]) -> Result<Self, &'static str> {
        let mut entry = Self {
            kind: EntryType::Normal,
            term: Term(0),
            index: RaftIndex(0),
            data: &[],
            data_at: message.len(),
            foreign_fields: false,
        };
        for field in Fields::new(message) {
            let field = field?;
            match (field.number, field.value) {
                (1, Value::Varint(raw)) => entry.kind = EntryType::from_raw(raw),
                (2, Value::Varint(term)) => entry.term = Term(term),
                (3, Value::Varint(index)) => entry.index = RaftIndex(index),
                (4, Value::Bytes(data)) => {
                    entry.data = data;
                    entry.data_at = field.at;
                }
                (1..=4, _) => return Err("a field of raftpb.Entry has the wrong wire type"),
                _ => entry.foreign_fields = true,
            }
        }
        Ok(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn etcd_3_7_omits_the_type_of_a_normal_entry() {
        let entry = Entry::parse(&[0x10, 2, 0x18, 2]).unwrap();
        assert_eq!(
            (entry.kind, entry.term, entry.index),
            (EntryType::Normal, Term(2), RaftIndex(2))
        );
        assert!(entry.data.is_empty());
    }

    #[test]
    fn a_wrong_wire_type_is_not_skipped() {
        assert!(Entry::parse(&[0x12, 0]).is_err());
    }
}

//! The payload of an entry, decoded by the type of the entry, and the user keys that it reads or changes.

use super::kv::{Op, PutRequest, RequestOp, TxnRequest};
use super::{
    ConfChange, ConfChangeType, ConfChangeV2, DecodeFailure, EntryType, Operation, Proposer,
    Request,
};

/// The decoded data of an entry.
#[derive(Clone, Debug, PartialEq)]
pub enum Payload {
    /// EntryNormal.
    Request(Request),
    /// EntryConfChange.
    ConfChange(ConfChange),
    /// EntryConfChangeV2.
    ConfChangeV2(ConfChangeV2),
    /// An unknown type, or bytes that are not the message of the type; contains the reason.
    Undecodable(DecodeFailure),
}

impl Payload {
    /// Decodes the data of an entry.
    pub fn decode(kind: EntryType, data: &[u8]) -> Self {
        match kind {
            EntryType::Normal => Self::Request(Request::decode(data)),
            EntryType::ConfChange => match ConfChange::parse(data) {
                Ok(change) => Self::ConfChange(change),
                Err(error) => Self::Undecodable(error.into()),
            },
            EntryType::ConfChangeV2 => match ConfChangeV2::parse(data) {
                Ok(change) => Self::ConfChangeV2(change),
                Err(error) => Self::Undecodable(error.into()),
            },
            EntryType::Other(raw) => Self::Undecodable(DecodeFailure::UnknownType(raw)),
        }
    }

    /// Returns `normal`, `empty` (the no-op of a new leader), `conf_change`, `conf_change_v2` or `unknown`.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Request(Request::Empty) => "empty",
            Self::Request(_) => "normal",
            Self::ConfChange(_) => "conf_change",
            Self::ConfChangeV2(_) => "conf_change_v2",
            Self::Undecodable(_) => "unknown",
        }
    }

    /// Returns the name of the operation: that of [`Request::name`], or for membership changes `add_node`, `remove_node`, `update_node`,
    /// `add_learner_node`, and `promote_learner` for the AddNode of a learner.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Request(request) => request.name(),
            Self::ConfChange(change) if change.is_promotion() => "promote_learner",
            Self::ConfChange(change) => match change.kind() {
                ConfChangeType::AddNode => "add_node",
                ConfChangeType::RemoveNode => "remove_node",
                ConfChangeType::UpdateNode => "update_node",
                ConfChangeType::AddLearnerNode => "add_learner_node",
                ConfChangeType::Other(_) => "unknown",
            },
            Self::ConfChangeV2(_) => "conf_change_v2",
            Self::Undecodable(_) => "undecodable",
        }
    }

    /// Returns the proposer; `None` for no-ops and for changes without a proposal (bootstrap, `--force-new-cluster`).
    pub fn proposer(&self) -> Option<Proposer> {
        match self {
            Self::Request(request) => Proposer::from_request_id(request.id()),
            Self::ConfChange(change) => Proposer::from_request_id(change.id),
            Self::ConfChangeV2(_) | Self::Undecodable(_) => None,
        }
    }

    /// Lists every key and range of keys in the request, in order, from both branches of a transaction.
    pub fn key_spans(&self) -> Vec<KeySpan<'_>> {
        let mut spans = Vec::new();
        let Self::Request(Request::Internal(request)) = self else {
            return spans;
        };
        match request.operation() {
            Some(Operation::Put(put)) => spans.push(KeySpan::new(&put.key, &[], Access::Write)),
            Some(Operation::Range(range)) => {
                spans.push(KeySpan::new(&range.key, &range.range_end, Access::Read));
            }
            Some(Operation::DeleteRange(delete)) => {
                spans.push(KeySpan::new(&delete.key, &delete.range_end, Access::Delete));
            }
            Some(Operation::Txn(txn)) => txn_spans(txn, &mut spans),
            _ => {}
        }
        spans
    }

    /// Lists every single key that the request may write or delete, each once, without ranges.
    pub fn user_keys(&self) -> Vec<&[u8]> {
        let mut keys = Vec::new();
        for span in self.key_spans() {
            let changes = matches!(span.access, Access::Write | Access::Delete);
            if changes && span.range_end.is_empty() && !keys.contains(&span.key) {
                keys.push(span.key);
            }
        }
        keys
    }

    /// Lists every put, from both branches of a transaction.
    pub fn puts(&self) -> Vec<&PutRequest> {
        let mut puts = Vec::new();
        if let Self::Request(Request::Internal(request)) = self {
            match request.operation() {
                Some(Operation::Put(put)) => puts.push(put),
                Some(Operation::Txn(txn)) => txn_puts(txn, &mut puts),
                _ => {}
            }
        }
        puts
    }

    /// Returns whether the request contains `key`, alone or in a range.
    pub fn touches(&self, key: &[u8]) -> bool {
        self.key_spans().iter().any(|span| span.contains(key))
    }
}

/// Recursion is bounded: prost decodes at most 100 nested messages.
fn txn_spans<'a>(txn: &'a TxnRequest, spans: &mut Vec<KeySpan<'a>>) {
    for compare in &txn.compare {
        let span = KeySpan::new(&compare.key, &compare.range_end, Access::Compare);
        spans.push(span);
    }
    for RequestOp { request } in txn.success.iter().chain(&txn.failure) {
        match request {
            Some(Op::Put(put)) => spans.push(KeySpan::new(&put.key, &[], Access::Write)),
            Some(Op::Range(range)) => {
                spans.push(KeySpan::new(&range.key, &range.range_end, Access::Read));
            }
            Some(Op::DeleteRange(delete)) => {
                spans.push(KeySpan::new(&delete.key, &delete.range_end, Access::Delete));
            }
            Some(Op::Txn(txn)) => txn_spans(txn, spans),
            None => {}
        }
    }
}

fn txn_puts<'a>(txn: &'a TxnRequest, puts: &mut Vec<&'a PutRequest>) {
    for RequestOp { request } in txn.success.iter().chain(&txn.failure) {
        match request {
            Some(Op::Put(put)) => puts.push(put),
            Some(Op::Txn(nested)) => txn_puts(nested, puts),
            _ => {}
        }
    }
}

/// How a request uses a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// In a condition of a transaction.
    Compare,
    /// Read.
    Read,
    /// Written.
    Write,
    /// Deleted.
    Delete,
}

/// A key or a range of keys in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeySpan<'a> {
    /// The key, or the first of the range.
    pub key: &'a [u8],
    /// End of the range, exclusive. Empty: only `key`. One zero byte: every key from `key` on.
    pub range_end: &'a [u8],
    /// How it is used.
    pub access: Access,
}

impl<'a> KeySpan<'a> {
    fn new(key: &'a [u8], range_end: &'a [u8], access: Access) -> Self {
        Self {
            key,
            range_end,
            access,
        }
    }

    /// Returns whether the span contains `key`.
    pub fn contains(&self, key: &[u8]) -> bool {
        match self.range_end {
            [] => self.key == key,
            [0] => key >= self.key,
            end => key >= self.key && key < end,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_contains_what_etcd_deletes_with_it() {
        let span = |end: &'static [u8]| KeySpan::new(b"b", end, Access::Delete);
        assert!(span(b"").contains(b"b") && !span(b"").contains(b"bb"));
        assert!(span(b"d").contains(b"c") && !span(b"d").contains(b"d"));
        assert!(span(b"\0").contains(b"zz") && !span(b"\0").contains(b"a"));
    }

    #[test]
    fn keys_of_nested_transactions_are_found() {
        // txn{success:[txn{success:[put{key:"k"}]}]}
        let data = b"\x32\x0b\x12\x09\x22\x07\x12\x05\x12\x03\x0a\x01k";
        let payload = Payload::decode(EntryType::Normal, data);
        assert_eq!(payload.name(), "txn");
        assert_eq!(payload.user_keys(), [b"k"]);
        assert!(payload.touches(b"k") && !payload.touches(b"j"));
    }
}

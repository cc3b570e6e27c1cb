//! Why a key was deleted: the request in the log that did it.

use std::fmt;

use located::text::escape::{self, Charset};

use crate::member::{Member, Wal};
use crate::raft::kv::{DeleteRangeRequest, Op, TxnRequest};
use crate::raft::{Operation, Payload, Request};
use located::RaftIndex;

/// The request that deleted a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeletionCause {
    /// The lease of the key was revoked.
    Lease(i64),
    /// A range of keys was deleted; the first key of the range.
    Range(Vec<u8>),
    /// This key was deleted.
    Key,
}

impl fmt::Display for DeletionCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lease(id) => write!(
                f,
                "lease_revoke {id:016x}: the lease expired, or a client revoked it"
            ),
            Self::Range(key) => {
                write!(f, "delete_range {}", escape::bytes(key, Charset::default()))
            }
            Self::Key => f.write_str("delete_range of this key"),
        }
    }
}

/// The log, asked for the requests of some entries.
pub(super) struct Causes<'a> {
    wal: Option<Wal<'a>>,
}

impl<'a> Causes<'a> {
    pub(super) fn new(member: &'a Member) -> Self {
        Self { wal: member.wal() }
    }

    /// What the entry of a raft index deleted.
    pub(super) fn request_of(&self, index: RaftIndex) -> Option<DeletionCause> {
        let wal = self.wal.as_ref()?;
        let Payload::Request(Request::Internal(request)) = wal.payload(wal.log().entry(index)?)
        else {
            return None;
        };
        match request.operation()? {
            Operation::LeaseRevoke(revoke) => Some(DeletionCause::Lease(revoke.id)),
            Operation::DeleteRange(delete) => range(delete).or(Some(DeletionCause::Key)),
            Operation::Txn(txn) => range_of_txn(txn),
            _ => None,
        }
    }
}

fn range(delete: &DeleteRangeRequest) -> Option<DeletionCause> {
    (!delete.range_end.is_empty()).then(|| DeletionCause::Range(delete.key.clone()))
}

/// The first range that a transaction deletes, in any branch.
fn range_of_txn(txn: &TxnRequest) -> Option<DeletionCause> {
    let mut operations = txn.success.iter().chain(&txn.failure);
    operations.find_map(|operation| match &operation.request {
        Some(Op::DeleteRange(delete)) => range(delete),
        Some(Op::Txn(nested)) => range_of_txn(nested),
        _ => None,
    })
}

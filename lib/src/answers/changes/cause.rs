//! Why a key was deleted: the request in the log that did it.

use crate::member::{Member, Wal};
use crate::raft::{Operation, Payload, Request};

/// The log, asked for the requests of some entries.
pub(super) struct Causes<'a> {
    wal: Option<Wal<'a>>,
}

impl<'a> Causes<'a> {
    pub(super) fn new(member: &'a Member) -> Self {
        Self { wal: member.wal() }
    }

    /// What the entry of a raft index asked for, if that is more than a write of one key.
    pub(super) fn request_of(&self, index: u64) -> Option<String> {
        let wal = self.wal.as_ref()?;
        let Payload::Request(Request::Internal(request)) = wal.payload(wal.log().entry(index)?)
        else {
            return None;
        };
        match request.operation()? {
            Operation::LeaseRevoke(revoke) => Some(format!(
                "lease_revoke {:016x}: the lease expired, or a client revoked it",
                revoke.id
            )),
            Operation::DeleteRange(delete) if !delete.range_end.is_empty() => Some(format!(
                "delete_range {}",
                located::text::escape::bytes(
                    &delete.key,
                    located::text::escape::Charset::default()
                )
            )),
            Operation::DeleteRange(_) => Some("delete_range of this key".to_owned()),
            _ => None,
        }
    }
}

//! How much time passed at least between entries of the log, by the leases that they grant, checkpoint and revoke.

use std::collections::HashMap;

use jiff::SignedDuration;

use super::RunEntry;
use crate::clock::ElapsedTime;
use crate::raft::{Operation, Payload, Request};
use crate::recover::Change;

/// Time that passed while a lease lived.
#[derive(Clone, Debug)]
pub(super) struct LeaseSpan {
    /// Between which revisions, and how much.
    pub(super) elapsed: ElapsedTime,
    /// The first key that was attached to the lease, if the lease was revoked: whoever granted it may have ended it early, except an
    /// API server, which never does. `None`: a checkpoint, which counts seconds.
    pub(super) revoked: Option<Option<Vec<u8>>>,
}

/// A lease that was granted.
struct GrantedLease {
    from: i64,
    seconds: i64,
    first_key: Option<Vec<u8>>,
}

/// Collects the spans while entries are applied in order.
pub(super) struct LeaseSpans {
    /// The newest revision of the entries so far.
    newest: i64,
    granted: HashMap<i64, GrantedLease>,
    /// Spans whose end is the next revision: `to` is not known yet.
    open: Vec<LeaseSpan>,
    found: Vec<LeaseSpan>,
}

impl LeaseSpans {
    pub(super) fn new(revision: i64) -> Self {
        Self {
            newest: revision,
            granted: HashMap::new(),
            open: Vec::new(),
            found: Vec::new(),
        }
    }

    /// Takes an entry that was applied, and what it changed.
    pub(super) fn add(&mut self, entry: &RunEntry<'_>, changes: &[Change<'_>]) {
        if !entry.entry.is_plain
            && let Payload::Request(Request::Internal(request)) = &entry.payload()
        {
            self.operation(request.operation());
        }
        if let Some(first) = changes.first() {
            self.newest = first.revision.main;
            for mut span in self.open.drain(..) {
                span.elapsed.to = self.newest;
                self.found.push(span);
            }
        }
        for change in changes {
            let lease = change.put.as_ref().map_or(0, |put| put.lease);
            if let Some(granted) = self.granted.get_mut(&lease)
                && granted.first_key.is_none()
            {
                granted.first_key = Some(change.key.to_vec());
            }
        }
    }

    fn operation(&mut self, operation: Option<Operation<'_>>) {
        match operation {
            Some(Operation::LeaseGrant(grant)) => {
                let granted = GrantedLease {
                    from: self.newest,
                    seconds: grant.ttl,
                    first_key: None,
                };
                self.granted.insert(grant.id, granted);
            }
            Some(Operation::LeaseRevoke(revoke)) => {
                match self.granted.remove(&revoke.id) {
                    Some(granted) => {
                        self.end(granted.from, granted.seconds, Some(granted.first_key));
                    }
                    // Granted before the entries that were read: no time is known to have passed, but more entries may say one.
                    None => self.end(0, 0, None),
                }
            }
            // `remaining_ttl` is the time to the expiry when the leader wrote it: `checkpointScheduledLeases` in
            // `server/lease/lessor.go`, v3.5.30.
            Some(Operation::LeaseCheckpoint(request)) => {
                for checkpoint in &request.checkpoints {
                    if let Some(granted) = self.granted.get(&checkpoint.id) {
                        let passed = granted.seconds.saturating_sub(checkpoint.remaining_ttl);
                        // The seconds that remain are cut off.
                        self.end(granted.from, passed.saturating_sub(1), None);
                    }
                }
            }
            _ => {}
        }
    }

    fn end(&mut self, from: i64, seconds: i64, revoked: Option<Option<Vec<u8>>>) {
        self.open.push(LeaseSpan {
            elapsed: ElapsedTime {
                from,
                to: i64::MAX,
                at_least: SignedDuration::from_secs(seconds.max(0)),
            },
            revoked,
        });
    }

    /// The spans of revisions that are known.
    pub(super) fn until(self, newest: i64) -> impl Iterator<Item = LeaseSpan> {
        let found = self.found.into_iter();
        found.filter(move |span| span.elapsed.to <= newest)
    }
}

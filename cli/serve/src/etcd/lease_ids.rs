//! Ids of new leases, as etcd makes them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Gives each id once: a client that still holds the id of a revoked lease reaches no other.
///
/// Two bytes of the member, five of the time in milliseconds, one to count with: `pkg/idutil/id.go`, v3.5.30.
#[derive(Debug)]
pub struct LeaseIds {
    member: u64,
    last: AtomicU64,
}

impl LeaseIds {
    /// Of a member, from now on.
    pub fn new(member_id: u64) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let millis = now.map_or(0, |now| now.as_millis());
        let millis = u64::try_from(millis & 0xff_ffff_ffff).unwrap_or(0);
        Self {
            member: member_id << 48,
            last: AtomicU64::new(millis << 8),
        }
    }

    /// The next id. It may be 0, which is none.
    pub fn next(&self) -> i64 {
        let count = self.last.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let id = (self.member | (count & 0xffff_ffff_ffff)) & i64::MAX.cast_unsigned();
        id.cast_signed()
    }
}

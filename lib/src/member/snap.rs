//! The raft snapshots of a member.

use super::Member;
use crate::evidence::{File, Role};
use crate::snap::Snaps;
use located::Bytes;
use located::Sink;

impl Member {
    /// The `.snap` and `.snap.broken` files; what is wrong with each alone goes to `report`.
    pub fn snaps(&self, report: &mut Sink<'_>) -> Snaps {
        Snaps::read(&self.snap_bytes(), report)
    }

    /// Their bytes; one that cannot be read is empty here, and [`Member::unreadable_files`] names it.
    fn snap_bytes(&self) -> Vec<Bytes<'_>> {
        let bytes = |file| File::bytes(file).unwrap_or_else(|_| Bytes::new(file.name(), 0, &[]));
        let broken = self.evidence.with_role(Role::SnapBroken);
        self.evidence
            .snaps()
            .iter()
            .chain(broken)
            .map(bytes)
            .collect()
    }
}

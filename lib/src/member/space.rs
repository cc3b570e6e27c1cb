//! Where the bytes of the db file are.

use super::Member;
use crate::mvcc::Counts;
use located::Error;

/// The db file, byte by byte: the parts add up to its size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Space {
    /// The newest version of every key that exists: stored keys and messages.
    #[serde(rename = "live")]
    pub live_bytes: u64,
    /// Older versions and tombstones.
    #[serde(rename = "history")]
    pub history_bytes: u64,
    /// The tree around them: page headers, branch pages, unused room in pages, metas, the other buckets.
    #[serde(rename = "tree")]
    pub tree_bytes: u64,
    /// Pages below the high-water mark that no tree reaches: a defragmentation gives them back.
    #[serde(rename = "free")]
    pub free_bytes: u64,
    /// Pages below the high-water mark that may be in use or free: a tree cannot be read as a whole, and no freelist has them.
    #[serde(rename = "unknown", skip_serializing_if = "is_zero")]
    pub unknown_bytes: u64,
    /// After the high-water mark: room that the file grew by, and a snapshot file's checksum.
    #[serde(rename = "outside")]
    pub outside_bytes: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the form that serde calls"
)]
fn is_zero(bytes: &u64) -> bool {
    *bytes == 0
}

impl Space {
    /// Size of the file.
    pub fn size_bytes(&self) -> u64 {
        self.in_use_bytes() + self.free_bytes + self.unknown_bytes + self.outside_bytes
    }

    /// Whether it is known of every page whether it is in use or free.
    pub fn is_known(&self) -> bool {
        self.unknown_bytes == 0
    }

    /// Bytes that are known to be in use: etcd's `dbSizeInUse`, if all pages are known.
    pub fn in_use_bytes(&self) -> u64 {
        self.live_bytes + self.history_bytes + self.tree_bytes
    }
}

impl Member {
    /// Where the bytes of the db file are, records counted as `counts` has them.
    ///
    /// Records that damage makes overlap are counted once: no part is larger than the room that the others leave.
    ///
    /// # Errors
    /// As [`Member::db`].
    pub fn space(&self, counts: &Counts) -> Result<Space, Error> {
        let db = self.db()?;
        let size = self.db_file()?.bytes()?.len() as u64;
        let pages = self.page_counts()?;
        let below = db.meta().size_bytes().min(size);
        let free_bytes = pages.free_pages.saturating_mul(db.page_size()).min(below);
        let unknown_bytes = pages.unknown_pages.saturating_mul(db.page_size());
        let unknown_bytes = unknown_bytes.min(below - free_bytes);
        let used = below - free_bytes - unknown_bytes;
        let live_bytes = counts.live_bytes.min(used);
        let history_bytes = counts.history_bytes.min(used - live_bytes);
        Ok(Space {
            live_bytes,
            history_bytes,
            tree_bytes: used - live_bytes - history_bytes,
            free_bytes,
            unknown_bytes,
            outside_bytes: size - below,
        })
    }
}

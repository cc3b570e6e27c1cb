//! Where the bytes of the db file are.

use super::Member;
use crate::mvcc::Counts;
use located::Error;

/// The db file, byte by byte: the five parts add up to its size.
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
    /// After the high-water mark: room that the file grew by, and a snapshot file's checksum.
    #[serde(rename = "outside")]
    pub outside_bytes: u64,
}

impl Space {
    /// Size of the file.
    pub fn size_bytes(&self) -> u64 {
        self.in_use_bytes() + self.free_bytes + self.outside_bytes
    }

    /// Bytes in use: etcd's `dbSizeInUse`.
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
        let used = below - free_bytes;
        let live_bytes = counts.live_bytes.min(used);
        let history_bytes = counts.history_bytes.min(used - live_bytes);
        Ok(Space {
            live_bytes,
            history_bytes,
            tree_bytes: used - live_bytes - history_bytes,
            free_bytes,
            outside_bytes: size - below,
        })
    }
}

//! What an entry of the log wrote, as versions of keys.

use super::LogRows;
use crate::answers::WrittenVersion;
use crate::mvcc::{KeyValue, Revision, Version};

impl LogRows {
    /// The puts of an entry as versions, also if no db has them any more: their revision is the raft index, creation and version
    /// are 0. A put that keeps the value which its key had is left out.
    pub fn puts(&self, position: u32) -> Vec<WrittenVersion> {
        let (Some(wal), Some(entry)) = (self.wal(), self.entry_at(position)) else {
            return Vec::new();
        };
        let index = i64::try_from(entry.index.get()).unwrap_or(i64::MAX);
        let payload = wal.payload(entry);
        let puts = payload.puts();
        let written = (0i64..).zip(puts.iter().filter(|put| !put.ignore_value));
        written
            .map(|(sub, put)| {
                let message = KeyValue {
                    key: &put.key,
                    value: &put.value,
                    lease: put.lease,
                    mod_revision: index,
                    ..KeyValue::default()
                }
                .to_bytes();
                WrittenVersion::from(&Version {
                    key: &put.key,
                    revision: Revision::new(index, sub),
                    tombstone: false,
                    offset: None,
                    stored_bytes: message.len() as u64,
                    message: &message,
                })
            })
            .collect()
    }
}

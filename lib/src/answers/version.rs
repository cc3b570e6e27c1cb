//! One version of a key, owned.

use std::sync::Arc;

use crate::mvcc::{KeyValue, Revision, Version};

/// A write or a deletion of a key, copied out of the evidence, so that it can be kept and sent between threads.
#[derive(Clone, PartialEq, Eq)]
pub struct WrittenVersion {
    /// The user's key.
    pub key: Vec<u8>,
    /// The revision of the write.
    pub revision: Revision,
    /// Whether the key was deleted here.
    pub tombstone: bool,
    /// Where the stored key starts in the db file; `None` for a write that is in no file in this form.
    pub offset: Option<u64>,
    /// Bytes of stored key and message.
    pub stored_bytes: u64,
    /// The `KeyValue` message.
    message: Arc<[u8]>,
}

/// Without the message: it may contain secrets.
impl std::fmt::Debug for WrittenVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.version().fmt(f)
    }
}

impl From<&Version<'_>> for WrittenVersion {
    fn from(version: &Version<'_>) -> Self {
        Self {
            key: version.key.to_vec(),
            revision: version.revision,
            tombstone: version.tombstone,
            offset: version.offset,
            stored_bytes: version.stored_bytes,
            message: version.message.into(),
        }
    }
}

impl WrittenVersion {
    /// The same as a view.
    pub fn version(&self) -> Version<'_> {
        Version {
            key: &self.key,
            revision: self.revision,
            tombstone: self.tombstone,
            offset: self.offset,
            stored_bytes: self.stored_bytes,
            message: &self.message,
        }
    }

    /// Creation, version, lease and value; `None` if the message cannot be read.
    pub fn key_value(&self) -> Option<KeyValue<'_>> {
        self.version().key_value().ok()
    }

    /// The value; empty for a deletion, and if the message cannot be read.
    pub fn value(&self) -> &[u8] {
        match KeyValue::parse(&self.message) {
            Ok(value) => value.value,
            Err(_) => &[],
        }
    }

    /// Where the bytes of the value begin in the db file.
    pub fn value_offset(&self) -> Option<u64> {
        let version = self.version();
        version.value_offset(&version.key_value().ok()?)
    }
}

/// That a key was written or deleted, and when: a row of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyWrite {
    /// The user's key.
    pub key: Vec<u8>,
    /// The revision of the write.
    pub revision: Revision,
    /// Whether the key was deleted here.
    pub tombstone: bool,
    /// Where the record starts in the db file; `None` for a write that is in no file in this form.
    pub offset: Option<u64>,
}

impl From<&Version<'_>> for KeyWrite {
    fn from(version: &Version<'_>) -> Self {
        Self {
            key: version.key.to_vec(),
            revision: version.revision,
            tombstone: version.tombstone,
            offset: version.offset,
        }
    }
}

//! `hashkv`: the hash over all keys, if all of them were read.

use serde::Serialize;

use crate::mvcc::HashKv;
use located::text::number::thousands;
use located::{Damage, MainRevision};

/// What `hashkv` answers. A hash over a part of the keys would be another number, that no member gives: it is `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct HashAnswer {
    /// CRC-32C, as `etcdctl endpoint hashkv` gives it; `None` if a part of the keys could not be read.
    pub hash: Option<u32>,
    /// The revision that was hashed; `None` in the same case.
    pub revision: Option<MainRevision>,
    /// The compaction revision; -1 if nothing was ever compacted, `None` in the same case.
    pub compact_revision: Option<MainRevision>,
}

impl HashAnswer {
    /// The hash, with what could not be read of the keys that it is made of.
    pub fn new(hash: HashKv, damage: &Damage) -> Self {
        let is_whole = damage.is_empty();
        Self {
            hash: is_whole.then_some(hash.hash),
            revision: is_whole.then_some(hash.revision),
            compact_revision: is_whole.then_some(hash.compact_revision),
        }
    }

    /// What follows the hash: `  keys at rev 219 · compacted at 132`.
    pub fn about(&self) -> String {
        let Some(revision) = self.revision else {
            return "  the hash of a part would be another number".to_owned();
        };
        let compacted = match self.compact_revision.map(MainRevision::get) {
            None | Some(-1) => "never compacted".to_owned(),
            Some(revision) => format!("compacted at {}", thousands(revision.into())),
        };
        let revision = thousands(revision.get().into());
        format!("  keys at rev {revision} · {compacted}")
    }
}

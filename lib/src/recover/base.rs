//! A keyspace as the base of a replay: what was live in it at one revision.

use std::cell::OnceCell;
use std::collections::HashMap;

use super::layer::{Base, KeySpan};
use crate::mvcc::{KeyRange, KeyValue, Keyspace, Version};

/// A keyspace at a revision. Sorted keys and leases are collected when a range or a lease is first asked for.
#[derive(Debug)]
pub struct Stored<'a> {
    keyspace: Keyspace<'a>,
    at: i64,
    keys: OnceCell<Vec<&'a [u8]>>,
    leases: OnceCell<HashMap<i64, Vec<&'a [u8]>>>,
}

impl<'a> Stored<'a> {
    /// The keyspace as it was at `at`: at or above the compaction revision, or what is missing there is missing here.
    pub fn new(keyspace: Keyspace<'a>, at: i64) -> Self {
        Self {
            keyspace,
            at,
            keys: OnceCell::new(),
            leases: OnceCell::new(),
        }
    }

    fn version(&self, key: &[u8]) -> Option<Version<'a>> {
        self.keyspace.get(key, Some(self.at)).ok().flatten()
    }

    fn all(&self) -> impl Iterator<Item = Version<'a>> {
        let live = self.keyspace.live(&KeyRange::all(), Some(self.at)).ok();
        let count = live.as_ref().map_or(0, crate::mvcc::Versions::len);
        (0..count).filter_map(move |number| live.as_ref().and_then(|live| live.get(number)))
    }
}

impl Base for Stored<'_> {
    fn live(&self, key: &[u8]) -> Option<KeyValue<'_>> {
        self.version(key)?.key_value().ok()
    }

    fn live_in(&self, span: KeySpan<'_>) -> Vec<Vec<u8>> {
        if let KeySpan::Key(key) = span {
            return self
                .version(key)
                .map(|_| key.to_vec())
                .into_iter()
                .collect();
        }
        let keys = self
            .keys
            .get_or_init(|| self.all().map(|version| version.key).collect());
        let first = match span {
            KeySpan::Key(first) | KeySpan::Range(first, _) | KeySpan::From(first) => first,
        };
        let from = keys.partition_point(|key| *key < first);
        let rest = keys.get(from..).unwrap_or_default();
        rest.iter()
            .take_while(|key| span.contains(key))
            .map(|key| key.to_vec())
            .collect()
    }

    fn attached(&self, lease: i64) -> Vec<Vec<u8>> {
        let leases = self.leases.get_or_init(|| {
            let mut leases: HashMap<i64, Vec<&[u8]>> = HashMap::new();
            for version in self.all() {
                match version.key_value() {
                    Ok(kv) if kv.lease != 0 => {
                        leases.entry(kv.lease).or_default().push(version.key)
                    }
                    _ => {}
                }
            }
            leases
        });
        leases
            .get(&lease)
            .into_iter()
            .flatten()
            .map(|key| key.to_vec())
            .collect()
    }
}

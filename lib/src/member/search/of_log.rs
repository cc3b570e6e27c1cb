//! Whether the log has anything that a search can find: the stored bytes of its entries say so, which need not be applied for that.

use rayon::prelude::*;

use super::sieve::Sieve;
use super::{Objects, Pattern};
use crate::member::Wal;
use crate::mvcc::{KeyValue, Revision, Version};
use crate::raft::Plain;
use crate::wal::LogEntry;
use located::progress::Progress;

impl Objects<'_> {
    /// Whether a pattern may be found in what the log wrote: `false` is certain.
    pub fn log_may_have(&self, pattern: &Pattern, wal: &Wal<'_>, progress: &dyn Progress) -> bool {
        let Some(sieve) = pattern.sieve() else {
            return true;
        };
        let entries: Vec<&LogEntry> = wal.log().surviving().collect();
        let entries = entries.into_par_iter();
        // Who deletes a range, or what is attached to a lease, names no key: those of the store are meant, or of another entry.
        self.has_key_with(sieve)
            || entries.any(|entry| progress.cancelled() || self.may_find_in(pattern, wal, entry))
    }

    /// Whether the pattern may be found in a key that an entry names, or in what is printed of a value that it puts.
    fn may_find_in(&self, pattern: &Pattern, wal: &Wal<'_>, entry: &LogEntry) -> bool {
        let data = wal.data(entry);
        if pattern.sieve().is_none_or(|sieve| sieve.passes(data)) {
            return true;
        }
        if entry.is_plain
            && let Some(plain) = Plain::parse(data)
        {
            let mut puts = plain.puts();
            return puts.any(|put| self.is_printed(pattern, put.key, put.value));
        }
        let payload = wal.payload(entry);
        let mut puts = payload.puts().into_iter();
        puts.any(|put| self.is_printed(pattern, &put.key, &put.value))
    }

    /// Whether the pattern is found in what is printed of a value, though not among its bytes.
    fn is_printed(&self, pattern: &Pattern, key: &[u8], value: &[u8]) -> bool {
        let may_print = |sieve: &Sieve| sieve.may_print_value(self, key, value);
        if !pattern.sieve().is_none_or(may_print) {
            return false;
        }
        let put = KeyValue {
            key,
            value,
            ..KeyValue::default()
        };
        let message = put.to_bytes();
        let version = Version {
            key,
            revision: Revision::default(),
            tombstone: false,
            offset: None,
            stored_bytes: message.len() as u64,
            message: &message,
        };
        !self.search_value(&version, pattern, None).is_empty()
    }

    fn has_key_with(&self, sieve: &Sieve) -> bool {
        let keyspace = self.keyspace();
        let newest = keyspace.index().newest_in_order();
        newest.par_iter().any(|number| {
            let record = keyspace.record(*number);
            record.is_some_and(|version| sieve.passes(version.key))
        })
    }
}

//! The rules of a healthy `key` bucket.
//!
//! Let C be the compaction revision in force. Records up to C may be missing. While a compaction is unfinished some that it will
//! remove are still there: always the newest of them, because a compaction removes in ascending order
//! (`scheduleCompaction` in `server/mvcc/kvstore_compaction.go, v3.5.30`). So each record that is still there has its true
//! predecessor, and the rules about predecessors apply to all. Verified on the healthy directories of all versions.

use super::found::{BrokenRule, Tally};
use super::shown;
use crate::codes::mvcc as codes;
use crate::mvcc::index::{NONE, Record};
use crate::mvcc::key_value::KeyValue;
use crate::mvcc::keyspace::Keyspace;

/// Main revision of the first write; 1 is the empty store (`NewStore` in `server/mvcc/kvstore.go, v3.5.30`).
const FIRST_MAIN: i64 = 2;

/// The rules, with what they need of the whole keyspace.
pub(super) struct Judge<'a> {
    keyspace: &'a Keyspace<'a>,
    /// The compaction revision in force; 1, the revision of the empty store, if there is none.
    compacted: i64,
    /// The last compaction that was finished.
    finished: Option<i64>,
    interrupted: bool,
}

/// A record with its message.
struct ParsedRecord<'a> {
    record: &'a Record,
    kv: KeyValue<'a>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(keyspace: &'a Keyspace<'a>) -> Self {
        let compaction = keyspace.compaction();
        Self {
            keyspace,
            compacted: compaction.revision().unwrap_or(1).max(1),
            finished: compaction.finished,
            interrupted: compaction.is_interrupted(),
        }
    }

    /// Judges one record; returns its size in bytes.
    pub(super) fn record(&self, id: usize, tally: &mut Tally) -> u64 {
        let Some(record) = self.keyspace.index.records.get(id) else {
            return 0;
        };
        let before = id
            .checked_sub(1)
            .and_then(|before| self.keyspace.index.records.get(before));
        self.sequence(record, before, tally);
        if self.is_plain(id, record) {
            return record.stored_bytes();
        }
        let message = record.message(self.keyspace.bytes);
        match KeyValue::parse(message) {
            Ok(kv) => {
                let judged = ParsedRecord { record, kv };
                self.fields(&judged, message, tally);
                self.chain(id, &judged, tally);
            }
            Err(flaw) => {
                let key = record.user_key(self.keyspace.bytes);
                tally.add(&codes::VALUE_UNPARSABLE, || BrokenRule {
                    key: Some(key.to_vec()),
                    ..found(
                        record,
                        &codes::VALUE_UNPARSABLE,
                        format!(
                            "the KeyValue of revision {} of {} cannot be parsed: {flaw}",
                            record.revision(),
                            shown(key)
                        ),
                    )
                });
            }
        }
        record.stored_bytes()
    }

    /// Returns whether the stored facts of a record and of the one before it of its key show that
    /// [`fields`](Self::fields) and [`chain`](Self::chain) have nothing to report: then its bytes are not read.
    fn is_plain(&self, id: usize, record: &Record) -> bool {
        let index = self.keyspace.index;
        let facts_of = |id: usize| index.facts.get(id).filter(|facts| facts.is_sound());
        let Some(facts) = facts_of(id) else {
            return false;
        };
        let prev = index.prevs.get(id).copied().unwrap_or(NONE);
        let Some(before) = index.record(prev) else {
            let is_first = record.main <= self.compacted || facts.version() == 1;
            return !record.is_tombstone() && is_first;
        };
        let Some(old) = facts_of(prev as usize) else {
            return false;
        };
        let kept = self.finished.is_none_or(|finished| record.main > finished);
        let goes_on = match (before.is_tombstone(), record.is_tombstone()) {
            (true, true) => false,
            (true, false) => facts.version() == 1 && facts.create_revision() == record.main,
            (false, true) => true,
            (false, false) => {
                facts.version() == old.version() + 1
                    && facts.create_revision() == old.create_revision()
            }
        };
        kept && goes_on && before.main != record.main
    }

    /// Compares a record with the one before it in the log: after C every main revision occurs, with sub-revisions 0, 1, 2 …
    /// Each transaction with changes gets one main revision, each change in it the next sub-revision: `storeTxnWrite.End` and
    /// `put` in `server/mvcc/kvstore_txn.go`, v3.5.30.
    fn sequence(&self, record: &Record, before: Option<&Record>, tally: &mut Tally) {
        let revision = record.revision();
        if record.main < FIRST_MAIN {
            tally.add(&codes::KEY_SHAPE, || {
                let message = format!("revision {revision} is never written: the first write of a store has revision {FIRST_MAIN}");
                found(record, &codes::KEY_SHAPE, message)
            });
        }
        let before = before.map(Record::revision);
        if before == Some(revision) {
            tally.add(&codes::DUPLICATE, || {
                found(
                    record,
                    &codes::DUPLICATE,
                    format!("revision {revision} is there twice"),
                )
            });
            return;
        }
        if record.main <= self.compacted {
            return;
        }
        let follows = before.filter(|before| before.main == record.main);
        let sub = follows.map_or(0, |before| before.sub + 1);
        if revision.sub != sub {
            tally.add(&codes::SUB_GAP, || {
                let message = format!(
                    "changes {sub} to {} of transaction {} are missing",
                    revision.sub - 1,
                    record.main
                );
                let seen = (
                    format!("sub-revision {}", revision.sub),
                    format!("sub-revision {sub}"),
                );
                BrokenRule {
                    seen: Some(seen),
                    ..found(record, &codes::SUB_GAP, message)
                }
            });
        }
        let last = before.map_or(self.compacted, |before| before.main.max(self.compacted));
        if follows.is_none() && record.main - last > 1 {
            tally.add(&codes::MAIN_GAP, || {
                let message = missing_revisions(last + 1, record.main - 1);
                let seen = (record.main.to_string(), (last + 1).to_string());
                BrokenRule {
                    seen: Some(seen),
                    ..found(record, &codes::MAIN_GAP, message)
                }
            });
        }
    }

    /// Judges what a record says about itself.
    fn fields(&self, judged: &ParsedRecord<'_>, message: &[u8], tally: &mut Tally) {
        let (record, kv) = (judged.record, &judged.kv);
        let revision = record.revision();
        if message.is_empty()
            && !record.is_tombstone()
            && revision.sub == 0
            && record.main <= self.compacted
        {
            // `snapshot restore --bump-revision` inserts one such record, and marks everything up to it as compacted:
            // `unsafeBumpRevision` in etcdutl/snapshot/v3_snapshot.go, v3.5.30 (etcd#16165).
            tally.add(&codes::BUMP_MARKER, || {
                found(
                    record,
                    &codes::BUMP_MARKER,
                    format!(
                        "revision {revision} is the mark of a restore that raised the revision"
                    ),
                )
            });
            return;
        }
        if kv.key.is_empty() {
            let message = format!("the record of revision {revision} has no user key");
            tally.add(&codes::NO_KEY, || found(record, &codes::NO_KEY, message));
            return;
        }
        if !kv.canonical {
            tally.add(&codes::NOT_CANONICAL, || {
                judged.found(&codes::NOT_CANONICAL, "is encoded in a way etcd never does: fields out of order, unknown, or not in shortest form")
            });
        }
        if record.is_tombstone() {
            if !kv.is_sound_at(record.main, true) {
                tally.add(&codes::TOMBSTONE_FIELDS, || {
                    judged.found(
                        &codes::TOMBSTONE_FIELDS,
                        "is a tombstone with more than a key",
                    )
                });
            }
            return;
        }
        if !kv.is_sound_at(record.main, false) {
            tally.add(&codes::PUT_FIELDS, || {
                let expected = format!(
                    "mod {}, create at most that, version 1 only at the creation",
                    record.main
                );
                BrokenRule {
                    seen: Some((numbers(kv), expected)),
                    ..judged.found(&codes::PUT_FIELDS, "has impossible revisions or version")
                }
            });
        }
    }

    /// Compares a record with the one before it of the same key. etcd 3.5.0 to 3.5.2 could lose one in a crash (etcd#13766).
    fn chain(&self, id: usize, judged: &ParsedRecord<'_>, tally: &mut Tally) {
        let (record, kv) = (judged.record, &judged.kv);
        if kv.key.is_empty() {
            return;
        }
        let index = self.keyspace.index;
        let prev = index.prevs.get(id).copied().unwrap_or(NONE);
        let Some(before) = index.record(prev) else {
            return self.first(judged, tally);
        };
        if before.main == record.main {
            tally.add(&codes::DUPLICATE, || {
                judged.found(
                    &codes::DUPLICATE,
                    "is the second change of its key in one transaction",
                )
            });
            return;
        }
        if self
            .finished
            .is_some_and(|finished| record.main <= finished)
        {
            tally.add(&codes::NOT_COMPACTED, || {
                let message = format!(
                    "follows {} of its key, which the finished compaction should have removed",
                    before.revision()
                );
                judged.found(&codes::NOT_COMPACTED, &message)
            });
        }
        if before.is_tombstone() {
            return self.after_tombstone(before, judged, tally);
        }
        self.next_version(before, judged, tally);
    }

    /// A record after a tombstone of its key: the first of a new generation, never a second tombstone.
    /// A put after a tombstone creates the key again: version 1 (`storeTxnWrite.put` in `server/mvcc/kvstore_txn.go`, v3.5.30).
    fn after_tombstone(&self, before: &Record, judged: &ParsedRecord<'_>, tally: &mut Tally) {
        let (record, kv) = (judged.record, &judged.kv);
        if record.is_tombstone() {
            tally.add(&codes::AFTER_TOMBSTONE, || {
                judged.found(
                    &codes::AFTER_TOMBSTONE,
                    &format!("deletes the key that {} already deleted", before.revision()),
                )
            });
        } else if kv.version != 1 || kv.create_revision != record.main {
            tally.add(&codes::AFTER_TOMBSTONE, || {
                let seen = Some((numbers(kv), format!("create {}, version 1", record.main)));
                let message = format!(
                    "does not start a new generation although {} deleted the key",
                    before.revision()
                );
                BrokenRule {
                    seen,
                    ..judged.found(&codes::AFTER_TOMBSTONE, &message)
                }
            });
        }
    }

    /// A record after a put of its key: the next version of the same generation, or the tombstone that ends it.
    /// `storeTxnWrite.put` in `server/mvcc/kvstore_txn.go`, v3.5.30: version + 1, and the creation stays.
    fn next_version(&self, before: &Record, judged: &ParsedRecord<'_>, tally: &mut Tally) {
        let (record, kv) = (judged.record, &judged.kv);
        let Ok(old) = KeyValue::parse_head(before.message(self.keyspace.bytes)) else {
            return;
        };
        let goes_on = kv.version == old.version.saturating_add(1)
            && kv.create_revision == old.create_revision;
        if !record.is_tombstone() && !goes_on {
            tally.add(&codes::CHAIN, || {
                let expected = format!(
                    "create {}, version {}",
                    old.create_revision,
                    old.version.saturating_add(1)
                );
                let message = match kv.version {
                    1 => format!(
                        "starts a new generation, but the deletion after {} is missing",
                        before.revision()
                    ),
                    _ => format!("does not continue {} of its key", before.revision()),
                };
                BrokenRule {
                    seen: Some((numbers(kv), expected)),
                    ..judged.found(&codes::CHAIN, &message)
                }
            });
        }
    }

    /// Checks the oldest record of its key.
    fn first(&self, judged: &ParsedRecord<'_>, tally: &mut Tally) {
        let (record, kv) = (judged.record, &judged.kv);
        if record.is_tombstone() {
            // A compaction at a tombstone keeps it since 3.4.34, 3.5.16 and 3.6 (etcd#18274), and a start restores it into the
            // index (etcd#19249); an unfinished compaction has not removed it yet.
            let usual =
                record.main == self.compacted || self.interrupted && record.main < self.compacted;
            if !usual {
                tally.add(&codes::ORPHAN_TOMBSTONE, || {
                    judged.found(
                        &codes::ORPHAN_TOMBSTONE,
                        "deletes a key without any older record, and no compaction explains it",
                    )
                });
            }
        } else if record.main > self.compacted && kv.version > 1 {
            // The version before it is newer than C, or the newest up to C: no compaction removes either (`keyIndex.compact` in
            // server/mvcc/key_index.go, v3.5.30).
            tally.add(&codes::CREATION_MISSING, || {
                let message = format!(
                    "is version {} of its key, and the one before it is missing",
                    kv.version
                );
                let seen = Some((
                    numbers(kv),
                    format!("version 1, or a record of version {}", kv.version - 1),
                ));
                BrokenRule {
                    seen,
                    ..judged.found(&codes::CREATION_MISSING, &message)
                }
            });
        }
    }
}

impl ParsedRecord<'_> {
    fn found(&self, code: &'static crate::codes::Code, what: &str) -> BrokenRule {
        let message = format!(
            "revision {} of {} {what}",
            self.record.revision(),
            shown(self.kv.key)
        );
        BrokenRule {
            key: Some(self.kv.key.to_vec()),
            ..found(self.record, code, message)
        }
    }
}

fn found(record: &Record, code: &'static crate::codes::Code, message: String) -> BrokenRule {
    BrokenRule {
        code,
        offset: record.offset(),
        message,
        seen: None,
        key: None,
    }
}

/// A gap in the main revisions, in words.
fn missing_revisions(first: i64, last: i64) -> String {
    match last - first {
        ..=0 => format!("revision {first} is missing"),
        more => format!("{} revisions are missing: {first}–{last}", more + 1),
    }
}

fn numbers(kv: &KeyValue<'_>) -> String {
    format!(
        "create {}, mod {}, version {}",
        kv.create_revision, kv.mod_revision, kv.version
    )
}

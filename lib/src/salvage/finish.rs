//! From the records to what is written: gaps listed, compaction, keys that are in doubt.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use rayon::prelude::*;

use super::label::Provenance;
use super::record::{KeyOrder, KeyRecord, sort};
use super::restore::BUMP_REVISIONS;
use super::{Doubtful, Lost, Salvage, SalvageOptions, Stale};

/// Whether a key is kept.
type KeyTest<'t> = dyn Fn(&[u8]) -> bool + 't;

impl Salvage<'_> {
    /// Lists the gaps, takes out what compaction removes and what is in doubt, and counts the rest.
    ///
    /// `loose` are records that no tree reaches: they fill gaps if that is asked for, and else tell which keys are in doubt.
    pub(super) fn finish(&mut self, options: &SalvageOptions, loose: Vec<KeyRecord>) {
        self.use_loose(loose, options);
        // Hostile evidence may have one revision twice, as a value and as a deletion.
        sort(&mut self.set.records);
        self.set.records.dedup_by_key(|r| r.revision);
        self.list_gaps();
        if self.below.is_none() {
            self.list_partial();
        }
        self.list_once();
        if !self.unrecoverable.is_empty() && !self.goes_back {
            // Clients may have seen revisions that the restored cluster gives out again.
            self.goes_back = true;
            self.restore = self.restore.clone().bumped(Some(BUMP_REVISIONS));
        }
        let order = self.set.by_key();
        let mut gone = vec![false; self.set.records.len()];
        self.compact(&order, &mut gone);
        let doubtful: HashSet<Vec<u8>> = match options.stale {
            Stale::Drop => self.stale.iter().map(|stale| stale.key.clone()).collect(),
            Stale::Keep => HashSet::new(),
        };
        let is_certain = |key: &[u8]| !doubtful.contains(key);
        let keep: Option<&KeyTest<'_>> = match doubtful.is_empty() {
            true => None,
            false => Some(&is_certain),
        };
        self.choose(&order, &mut gone, keep);
        self.left_out = 0;
        self.doubt_older(&order, &gone);
        self.doubt_numbers(&order, &gone);
        self.check_leases(&order, &gone);
        drop(order);
        self.take_out(&gone);
    }

    /// Keeps the keys for which `keep` answers `true`, and counts them.
    pub(super) fn settle(&mut self, keep: &dyn Fn(&[u8]) -> bool) {
        let order = self.set.by_key();
        let mut gone = vec![false; self.set.records.len()];
        self.choose(&order, &mut gone, Some(keep));
        self.take_out(&gone);
    }

    fn take_out(&mut self, gone: &[bool]) {
        self.set
            .retain_positions(|at| !gone.get(at).copied().unwrap_or(false));
        self.gave.records.clear();
        for record in &self.set.records {
            *self.gave.records.entry(record.label).or_default() += 1;
        }
        self.revision = self.served_revision();
    }

    /// Ranges of main revisions above the compaction without any record.
    pub(super) fn missing(&self) -> Vec<(i64, i64)> {
        let mut missing = Vec::new();
        let mut next = self.compact_revision.unwrap_or(1).max(1).saturating_add(1);
        let from = self.set.first_at(next);
        for record in self.set.records.get(from..).unwrap_or_default() {
            let main = record.revision.main;
            if main > next {
                missing.push((next, main.saturating_sub(1)));
            }
            next = main.saturating_add(1);
        }
        if next <= self.revision {
            missing.push((next, self.revision));
        }
        missing
    }

    /// Every revision above the compaction was made by a write: one without a record is lost.
    fn list_gaps(&mut self) {
        if let Some(compacted) = self.below {
            self.list_compacted(compacted);
            return;
        }
        let listed = self.unrecoverable.iter().filter_map(|lost| lost.revisions);
        let listed: BTreeMap<i64, i64> = listed.collect();
        for (first, last) in self.missing() {
            let known = listed.range(..=first).next_back();
            if known.is_some_and(|(_, to)| *to >= last) || self.is_bump(last) {
                continue;
            }
            let what = if first == last {
                format!(
                    "revision {first}: no record; a key that was written then may be older in the backup than it was, or deleted"
                )
            } else {
                format!(
                    "revisions {first}–{last}: no record; keys that were written then may be older in the backup than they were, or deleted"
                )
            };
            self.unrecoverable.push(Lost {
                what,
                revisions: Some((first, last)),
                ..Lost::default()
            });
        }
    }

    /// Two parts that find one loss list it once.
    fn list_once(&mut self) {
        let mut known = BTreeSet::new();
        self.unrecoverable.retain(|lost| {
            known.insert((
                lost.what.clone(),
                lost.place.as_ref().map(ToString::to_string),
                lost.key.clone(),
            ))
        });
    }

    /// Below a compaction a revision without a record is one that the compaction removed, or an earlier one.
    fn list_compacted(&mut self, compacted: i64) {
        let missing = self.missing();
        let (Some((first, _)), Some((_, last))) = (missing.first(), missing.last()) else {
            return;
        };
        let count: i64 = missing.iter().map(|(first, last)| last - first + 1).sum();
        self.unrecoverable.push(Lost {
            what: format!(
                "the point is older than the compaction at revision {compacted}: {} of revisions {first}–{last} have no record any more; keys that were written then are older or absent in the backup",
                crate::start::counted(count.unsigned_abs(), "one", "revisions")
            ),
            revisions: Some((*first, *last)),
            ..Lost::default()
        });
    }

    /// Whether the record after a gap is the marker of `snapshot restore --bump-revision`: the gap was made on purpose.
    pub(super) fn is_bump(&self, last: i64) -> bool {
        let at = self.set.first_at(last.saturating_add(1));
        let next = self.set.records.get(at);
        next.is_some_and(|record| !record.tombstone && self.set.user_key(record).is_empty())
    }

    /// Marks what the compaction in force removes.
    fn compact(&self, order: &KeyOrder, gone: &mut [bool]) {
        let Some(compacted) = self.compact_revision else {
            return;
        };
        self.set.for_each_key(order, |positions| {
            let old = positions.partition_point(|at| {
                self.set
                    .records
                    .get(*at as usize)
                    .is_some_and(|record| record.revision.main <= compacted)
            });
            let old = positions.get(..old).unwrap_or_default();
            let newest = old.last().and_then(|at| self.set.records.get(*at as usize));
            // A tombstone written at the compaction itself stays since 3.4.34, 3.5.16 and 3.6, and HashKV leaves it out
            // there; without it every release gives the same hash.
            let stays = newest.is_some_and(|record| !record.tombstone);
            let removed = old.len().saturating_sub(usize::from(stays));
            mark(gone, old.get(..removed).unwrap_or_default());
        });
    }

    /// Marks the keys for which `keep` answers `false`, and counts the others; without `keep` no key is read.
    fn choose(&mut self, order: &KeyOrder, gone: &mut [bool], keep: Option<&KeyTest<'_>>) {
        let (mut left_out, mut keys) = (0u64, BTreeMap::<Provenance, u64>::new());
        self.set.for_each_key(order, |positions| {
            let Some(newest) = self.newest(positions, gone) else {
                return;
            };
            let live = !newest.tombstone && !self.set.is_marker(newest);
            if keep.is_none_or(|keep| keep(self.set.user_key(newest))) {
                *keys.entry(newest.label).or_default() += u64::from(live);
                return;
            }
            left_out = left_out.saturating_add(u64::from(live));
            mark(gone, positions);
        });
        self.left_out = left_out;
        self.keys = keys.values().sum();
        self.gave.keys = keys;
    }

    /// The newest record of a key that is not taken out.
    pub(super) fn newest(&self, positions: &[u32], gone: &[bool]) -> Option<&KeyRecord> {
        let left = |at: &&u32| !gone.get(**at as usize).copied().unwrap_or(false);
        let newest = positions.iter().rfind(left)?;
        self.set.records.get(*newest as usize)
    }

    /// The revision that etcd serves of the backup: that of the newest record, or the compaction if it is newer. Source: etcd
    /// `server/mvcc/kvstore.go` (`restore`), v3.5.30.
    fn served_revision(&self) -> i64 {
        let newest = self.set.records.last();
        let newest = newest.map_or(1, |record| record.revision.main);
        newest.max(self.compact_revision.unwrap_or(1))
    }

    /// A live key of a lease that is not there would never expire.
    fn check_leases(&mut self, order: &KeyOrder, gone: &[bool]) {
        let mut is_live = vec![false; self.set.records.len()];
        self.set.for_each_key(order, |positions| {
            let is_left = |at: &&u32| !gone.get(**at as usize).copied().unwrap_or(false);
            let newest = positions.iter().rfind(is_left);
            mark(
                &mut is_live,
                newest.map(std::slice::from_ref).unwrap_or_default(),
            );
        });
        // Messages are read in the order of the file, not in that of keys.
        let live = self.set.records.par_iter().zip(&is_live);
        let unknown = live.filter_map(|(record, is_live)| {
            let kv = (*is_live && !record.tombstone).then(|| self.set.key_value(record))?;
            let lease = kv.map_or(0, |kv| kv.lease);
            (lease != 0 && !self.state.leases.contains(lease)).then_some(lease)
        });
        let mut orphans: BTreeMap<i64, u64> = BTreeMap::new();
        for lease in unknown.collect::<Vec<i64>>() {
            *orphans.entry(lease).or_default() += 1;
        }
        for (lease, keys) in orphans {
            self.unrecoverable.push(Lost {
                what: format!(
                    "lease {lease:016x}: its time to live is not known, so {keys} {} of it will not expire",
                    if keys == 1 { "key" } else { "keys" }
                ),
                ..Lost::default()
            });
        }
    }
}

fn mark(gone: &mut [bool], positions: &[u32]) {
    for at in positions {
        if let Some(gone) = gone.get_mut(*at as usize) {
            *gone = true;
        }
    }
}

/// Keys in doubt by the traces that carving finds of what is lost.
pub(super) fn sorted(mut doubtful: Vec<Doubtful>) -> Vec<Doubtful> {
    doubtful.sort_by(|a, b| (&a.key, a.lost_revision).cmp(&(&b.key, b.lost_revision)));
    doubtful.dedup_by(|a, b| a.key == b.key);
    doubtful
}

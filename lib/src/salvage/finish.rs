//! From the parts to what is written: the best copy, gaps filled from others, compaction, keys that are in doubt.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::label::Provenance;
use super::member_records::MemberRecords;
use super::record::{KeyOrder, KeyRecord, RecordSet, sort, within};
use super::restore::BUMP_REVISIONS;
use super::{Doubtful, Gave, Lost, Point, Restore, Salvage, SalvageOptions, Stale};
use crate::Error;
use crate::mvcc::Revision;
use crate::wal::boot::Release;
use located::MainRevision;

/// Joins the parts: the best copy, and what others have of its gaps.
pub(super) fn join<'a>(
    mut parts: Vec<MemberRecords<'a>>,
    options: &SalvageOptions,
) -> Result<Salvage<'a>, Error> {
    let point = options.point;
    let Some(best) = best(&parts) else {
        return Err(nothing(None));
    };
    let mut set = RecordSet::default();
    for part in &mut parts {
        let empty = super::record::RecordSource::new(&[], part.source.file.clone());
        set.sources.push(std::mem::replace(&mut part.source, empty));
    }
    let others: Vec<Vec<KeyRecord>> = (0..parts.len())
        .filter(|number| *number != best)
        .filter_map(|number| Some(std::mem::take(&mut parts.get_mut(number)?.records)))
        .collect();
    let main = parts.swap_remove(best);
    // Records that no tree reaches may still be there.
    let is_certain = |lost: &Lost| !lost.possibly;
    let has_nothing = main.records.is_empty() && main.lost.iter().any(is_certain);
    if has_nothing && !options.carved {
        return Err(nothing(Some(main.member.evidence().name())));
    }
    if let Point::Revision(asked) = point
        && asked > main.revision
        && !(has_nothing && options.carved)
    {
        return Err(Error::Future {
            revision: MainRevision(asked),
            current: MainRevision(main.revision),
        });
    }
    let dropped = super::dropped::dropped(&main);
    let goes_back = goes_back(&main, point);
    set.records = main.records;
    let mut salvage = Salvage {
        below: main.below,
        dropped,
        page_size: main
            .member
            .db()
            .ok()
            .and_then(|db| u32::try_from(db.page_size()).ok())
            .filter(|size| (512..=65_536).contains(size))
            .unwrap_or(4096),
        storage_version: main
            .member
            .meta()
            .ok()
            .and_then(|meta| meta.storage_version)
            .map(|version| version.to_string()),
        restore: Restore::new(
            main.member,
            &main.state,
            Release::new(5, u32::MAX),
            main.revision,
        ),
        goes_back,
        set,
        state: main.state,
        applied: main.applied,
        damaged_writes: main.damaged_writes,
        revision: main.revision,
        compact_revision: (main.compacted >= 0).then_some(main.compacted),
        keys: 0,
        gave: Gave {
            records: BTreeMap::new(),
            keys: BTreeMap::new(),
        },
        stale: Vec::new(),
        traced: BTreeSet::new(),
        lost_ranges: main.lost_ranges,
        lost_pages: main.lost_pages,
        maybe_deleted: Vec::new(),
        uncertain_numbers: Vec::new(),
        unrecoverable: main.lost,
        notes: main.notes,
        left_out: 0,
        possibly_acknowledged: main.possible,
    };
    if main.state_is_newer {
        salvage.notes.push(
            "leases, users and members are those of the end of the db: nothing says what they were at that revision".to_owned(),
        );
    }
    if main.possible > 0 {
        let entries = if main.possible == 1 {
            "entry"
        } else {
            "entries"
        };
        salvage.notes.push(format!(
                "{} {entries} of the log after the highest proven commit may have been acknowledged and are left out; --rev N takes them in up to revision N",
                main.possible
            ));
    }
    salvage.fill_from(&others);
    salvage.limit_compaction();
    salvage.restore = Restore::from_salvage(main.member, &salvage);
    Ok(salvage)
}

/// Nothing says which records there were.
pub(super) fn nothing(named: Option<&crate::FileName>) -> Error {
    Error::Missing {
        file: named.cloned().unwrap_or(crate::FileName::new("")),
        what: "readable db, and no log that says which revisions it wrote",
    }
}

/// Whether there were, or may have been, writes after the last that the part has.
fn goes_back(part: &MemberRecords<'_>, point: Point) -> bool {
    let later = |lost: &Lost| lost.indexes.is_some_and(|(_, last)| last > part.applied.0);
    point != Point::Acknowledged || part.possible > 0 || part.lost.iter().any(later)
}

/// The part that reaches furthest; of two that reach equally far the one that has lost less.
fn best(parts: &[MemberRecords<'_>]) -> Option<usize> {
    (0..parts.len()).max_by_key(|number| {
        parts.get(*number).map(|part| {
            let lost = std::cmp::Reverse(part.lost.len());
            (part.revision, part.whole, lost, std::cmp::Reverse(*number))
        })
    })
}

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
        self.choose(&order, &mut gone, &|key| !doubtful.contains(key));
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
        self.choose(&order, &mut gone, keep);
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

    /// Takes records that no tree reaches into the gaps, or notes whose newest version or deletion they are.
    fn use_loose(&mut self, mut loose: Vec<KeyRecord>, options: &SalvageOptions) {
        if loose.is_empty() && self.damaged_writes.is_empty() {
            return;
        }
        let missing = self.missing();
        let below_compaction = matches!(options.point, Point::Revision(_))
            && self.compact_revision.is_none_or(|at| at >= self.revision);
        // Of a page that is lost also the records before the compaction are lost, and no gap shows it.
        let has_no_tree = self.set.records.is_empty();
        let is_of_lost_page = |main: i64| {
            let mut pages = self.lost_pages.iter();
            has_no_tree || pages.any(|(first, last)| (*first..=*last).contains(&main))
        };
        loose.retain(|record| {
            let main = record.revision.main;
            within(&missing, main)
                || (main <= self.revision
                    && (below_compaction || (options.carved && is_of_lost_page(main))))
        });
        loose.sort_by_key(|record| (record.revision, record.tombstone, record.source));
        loose.dedup_by_key(|record| record.revision);
        let known: HashSet<_> = self.set.records.iter().map(|r| r.revision).collect();
        loose.retain(|record| !known.contains(&record.revision));
        self.traced = loose.iter().map(|record| record.revision.main).collect();
        self.traced
            .extend(self.damaged_writes.iter().map(|(_, revision, _)| *revision));
        if options.carved {
            self.set.records.extend(loose);
            self.set.records.sort_by_key(|record| record.revision);
            if below_compaction || has_no_tree || !self.lost_pages.is_empty() {
                self.doubt_carved();
            }
            return;
        }
        let mut newest: HashMap<&[u8], Revision> = HashMap::new();
        let wanted: HashSet<&[u8]> = loose
            .iter()
            .map(|record| self.set.user_key(record))
            .collect();
        for record in &self.set.records {
            let key = self.set.user_key(record);
            if wanted.contains(key) {
                newest.insert(key, record.revision);
            }
        }
        let known: HashSet<i64> = self.set.records.iter().map(|r| r.revision.main).collect();
        let wrote = self.damaged_writes.iter().map(|(key, _, _)| key.as_slice());
        let wrote: HashSet<&[u8]> = wrote.collect();
        let mut of_log: HashMap<&[u8], i64> = HashMap::new();
        for record in &self.set.records {
            let key = self.set.user_key(record);
            if wrote.contains(key) {
                of_log.insert(key, record.revision.main);
            }
        }
        let damaged = self.damaged_writes.iter().filter_map(|(key, lost, place)| {
            let left = *of_log.get(key.as_slice())?;
            (left < *lost && !known.contains(lost)).then(|| Doubtful {
                key: key.clone(),
                revision: left,
                lost_revision: *lost,
                place: place.clone(),
            })
        });
        let damaged: Vec<Doubtful> = damaged.collect();
        let doubtful = |record: &KeyRecord| {
            let key = self.set.user_key(record);
            let left = newest.get(key)?;
            (*left < record.revision).then(|| Doubtful {
                key: key.to_vec(),
                revision: left.main,
                lost_revision: record.revision.main,
                place: self.set.place(record),
            })
        };
        let of = |tombstone: bool| {
            let records = loose.iter().filter(|record| record.tombstone == tombstone);
            sorted(records.filter_map(doubtful).collect())
        };
        let (mut stale, maybe_deleted) = (of(false), of(true));
        stale.extend(damaged);
        self.stale = sorted(stale);
        self.maybe_deleted = maybe_deleted;
    }

    /// Below the compaction the deletion of a carved version may be lost: every key of which it is the newest is listed.
    fn doubt_carved(&mut self) {
        let mut doubtful = Vec::new();
        let order = self.set.by_key();
        self.set.for_each_key(&order, |positions| {
            let newest = positions
                .last()
                .and_then(|at| self.set.records.get(*at as usize));
            let Some(newest) =
                newest.filter(|record| record.label == Provenance::Carved && !record.tombstone)
            else {
                return;
            };
            doubtful.push(Doubtful {
                key: self.set.user_key(newest).to_vec(),
                revision: newest.revision.main,
                lost_revision: self.revision,
                place: self.set.place(newest),
            });
        });
        self.maybe_deleted.extend(sorted(doubtful));
    }

    /// Revisions that the best copy does not have and another one has.
    fn fill_from(&mut self, others: &[Vec<KeyRecord>]) {
        for records in others {
            let missing = self.missing();
            let fits = |record: &&KeyRecord| within(&missing, record.revision.main);
            let filled: Vec<KeyRecord> = records
                .iter()
                .filter(fits)
                .map(|record| KeyRecord {
                    label: Provenance::Peer,
                    ..*record
                })
                .collect();
            if filled.is_empty() {
                continue;
            }
            let has = |range: Option<(i64, i64)>| {
                range.is_some_and(|(first, last)| {
                    super::member_records::has_all(&filled, (first, last))
                })
            };
            self.unrecoverable.retain(|lost| !has(lost.revisions));
            self.set.records.extend(filled);
            self.set.records.sort_by_key(|record| record.revision);
        }
    }

    /// A compaction that is newer than the store cannot be in force.
    fn limit_compaction(&mut self) {
        if let Some(compacted) = self.compact_revision.filter(|at| *at > self.revision) {
            self.notes.push(format!(
                "the compaction revision {compacted} is newer than the store: nothing is compacted above revision {}",
                self.revision
            ));
            self.compact_revision = Some(self.revision);
        }
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

    /// Marks the keys for which `keep` answers `false`, and counts the others.
    fn choose(&mut self, order: &KeyOrder, gone: &mut [bool], keep: &dyn Fn(&[u8]) -> bool) {
        let (mut left_out, mut keys) = (0u64, BTreeMap::<Provenance, u64>::new());
        self.set.for_each_key(order, |positions| {
            let Some(newest) = self.newest(positions, gone) else {
                return;
            };
            let key = self.set.user_key(newest);
            let live = !newest.tombstone && !key.is_empty();
            if keep(key) {
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
        let mut orphans: BTreeMap<i64, u64> = BTreeMap::new();
        self.set.for_each_key(order, |positions| {
            let newest = self.newest(positions, gone);
            let lease = newest
                .filter(|record| !record.tombstone)
                .and_then(|record| self.set.key_value(record))
                .map_or(0, |kv| kv.lease);
            if lease != 0 && !self.state.leases.contains(lease) {
                *orphans.entry(lease).or_default() += 1;
            }
        });
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

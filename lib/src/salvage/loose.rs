//! Records that no tree reaches, and damaged entries that still name their key: they fill gaps if that is asked for, and else
//! tell which keys are in doubt.

use std::collections::{HashMap, HashSet};

use super::finish::sorted;
use super::label::Provenance;
use super::record::{KeyRecord, within};
use super::{Doubtful, Point, Salvage, SalvageOptions};
use crate::mvcc::Revision;

impl Salvage<'_> {
    /// Takes records that no tree reaches into the gaps, or notes whose newest version or deletion they are.
    pub(super) fn use_loose(&mut self, loose: Vec<KeyRecord>, options: &SalvageOptions) {
        if loose.is_empty() && self.damaged_writes.is_empty() {
            return;
        }
        // At the compaction itself the tree is complete: a key without a record in it is deleted.
        let below_compaction = matches!(options.point, Point::Revision(_))
            && (self.below.is_some() || self.compact_revision.is_none_or(|at| at > self.revision));
        let has_no_tree = self.set.records.is_empty();
        let loose = self.of_gaps(loose, below_compaction, options.carved);
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
        let of_pages = self.doubt_by_remnants(&loose);
        let of_log = self.doubt_by_damaged_writes();
        let (deleted, mut stale): (Vec<_>, Vec<_>) = of_pages
            .into_iter()
            .partition(|(is_deletion, _)| *is_deletion);
        stale.extend(of_log.into_iter().map(|doubtful| (false, doubtful)));
        let keys = |of: Vec<(bool, Doubtful)>| sorted(of.into_iter().map(|(_, key)| key).collect());
        self.stale = keys(stale);
        self.maybe_deleted = keys(deleted);
    }

    /// Those of revisions that are missing, one of each.
    fn of_gaps(
        &self,
        mut loose: Vec<KeyRecord>,
        below_compaction: bool,
        carved: bool,
    ) -> Vec<KeyRecord> {
        let missing = self.missing();
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
                    && (below_compaction || (carved && is_of_lost_page(main))))
        });
        loose.sort_by_key(|record| (record.revision, record.tombstone, record.source));
        loose.dedup_by_key(|record| record.revision);
        loose.retain(|record| self.set.find(record.revision).is_none());
        loose
    }

    /// Keys of which a record that no tree reaches is newer than all that is left, each with whether it is a deletion.
    fn doubt_by_remnants(&self, loose: &[KeyRecord]) -> Vec<(bool, Doubtful)> {
        let wanted = loose.iter().map(|record| self.set.user_key(record));
        let newest = self.newest_of(&wanted.collect());
        let doubtful = |record: &KeyRecord| {
            let key = self.set.user_key(record);
            let left = newest.get(key)?;
            let doubtful = Doubtful {
                key: key.to_vec(),
                revision: left.main,
                lost_revision: record.revision.main,
                place: self.set.place(record),
            };
            (*left < record.revision).then_some((record.tombstone, doubtful))
        };
        loose.iter().filter_map(doubtful).collect()
    }

    /// Keys that damaged entries of the log wrote after all that is left of them.
    fn doubt_by_damaged_writes(&self) -> Vec<Doubtful> {
        let wrote = self.damaged_writes.iter().map(|(key, _, _)| key.as_slice());
        let newest = self.newest_of(&wrote.collect());
        let has_record = |main: i64| {
            let at = self.set.records.get(self.set.first_at(main));
            at.is_some_and(|record| record.revision.main == main)
        };
        let doubtful = |(key, lost, place): &(Vec<u8>, i64, Option<crate::Place>)| {
            let left = newest.get(key.as_slice())?.main;
            (left < *lost && !has_record(*lost)).then(|| Doubtful {
                key: key.clone(),
                revision: left,
                lost_revision: *lost,
                place: place.clone(),
            })
        };
        self.damaged_writes.iter().filter_map(doubtful).collect()
    }

    /// The newest revision of each of these keys that is left.
    fn newest_of<'k>(&'k self, wanted: &HashSet<&'k [u8]>) -> HashMap<&'k [u8], Revision> {
        let mut newest = HashMap::new();
        if wanted.is_empty() {
            return newest;
        }
        for record in &self.set.records {
            let key = self.set.user_key(record);
            if wanted.contains(key) {
                newest.insert(key, record.revision);
            }
        }
        newest
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
}

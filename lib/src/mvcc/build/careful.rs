//! The index of a tree that may be damaged: every leaf that the walk finds, every element that can be read.
//!
//! Every leaf gets its own places in the record array, found by adding up element counts. Leaves are taken in *page* order, so
//! the file is read from front to back although bbolt wrote the revisions into whatever pages were free. Each pass over the records that
//! touches the mapping waits for memory; hence one touch here, asked for [in advance](located::warm).

use rayon::prelude::*;

use super::link::{Hashes, KeyHasher};
use super::{Filled, read};
use crate::bolt::{Bucket, Leaves};
use crate::codes;
use crate::mvcc::index::{NONE, Record};
use crate::mvcc::plan::{PlannedLeaf, RECORD_BYTES, bounded_items, plan};
use located::Place;
use located::{Finding, Sink};

/// Number of leaves of one task.
const LEAVES_PER_TASK: usize = 64;
/// Number of leaves or records that are prefetched together before they are read: see [`warm`](located::warm).
pub(in crate::mvcc) const WARMED: usize = 32;
/// Maximum number of findings that one task reports individually; the others are counted.
const TOLD_PER_TASK: usize = 8;

/// Returns the records in order of revision; what cannot be read is reported.
pub(super) fn fill<N>(
    bucket: &Bucket<'_>,
    leaves: &Leaves<'_>,
    hasher: &KeyHasher,
    sink: &mut Sink<'_>,
) -> Filled<N> {
    let db = bucket.db().file();
    let (planned, beyond) = plan(leaves, db.len(), RECORD_BYTES);
    if beyond > 0 {
        sink(overlapping(Place::file(db.file()), beyond));
    }
    let mut filled = fill_all(leaves, &planned, hasher, sink);
    filled.drop_holes();
    filled.sort();
    filled.skipped += beyond;
    filled
}

fn overlapping(place: Place, beyond: u64) -> Finding {
    let seen = format!(
        "{beyond} elements are in pages that claim more bytes than the file has; they were not read"
    );
    Finding::new(&codes::mvcc::OVERLAPPING, place, seen).count(beyond)
}

/// The part of the records that one leaf fills.
struct Task<'s> {
    leaf: PlannedLeaf,
    records: &'s mut [Record],
    hashes: &'s mut [Hashes],
}

fn fill_all<N>(
    leaves: &Leaves<'_>,
    planned: &[PlannedLeaf],
    hasher: &KeyHasher,
    sink: &mut Sink<'_>,
) -> Filled<N> {
    let total = planned
        .iter()
        .map(|leaf| leaf.count)
        .sum::<usize>()
        .min(NONE as usize);
    let mut records = vec![Record::EMPTY; total];
    let mut hashes = vec![Hashes::default(); total];
    let mut tasks = Vec::with_capacity(planned.len());
    let (mut free_records, mut free_hashes) = (records.as_mut_slice(), hashes.as_mut_slice());
    for leaf in planned {
        let count = leaf.count.min(free_records.len());
        let (mine, rest) = std::mem::take(&mut free_records).split_at_mut(count);
        let (my_hashes, rest_hashes) = std::mem::take(&mut free_hashes).split_at_mut(count);
        (free_records, free_hashes) = (rest, rest_hashes);
        tasks.push(Task {
            leaf: *leaf,
            records: mine,
            hashes: my_hashes,
        });
    }
    tasks.par_sort_unstable_by_key(|task| task.leaf.pgid);
    let told: Vec<(u64, Vec<(usize, Finding)>)> = tasks
        .par_chunks_mut(LEAVES_PER_TASK)
        .map(|tasks| {
            let (mut skipped, mut told) = (0, Vec::new());
            for tasks in tasks.chunks_mut(WARMED) {
                leaves.warm(tasks.iter().map(|task| task.leaf.index));
                for task in tasks {
                    fill_leaf(leaves, task, hasher, &mut skipped, &mut told);
                }
            }
            (skipped, told)
        })
        .filter(|(skipped, _)| *skipped > 0)
        .collect();
    let skipped = told.iter().map(|(skipped, _)| skipped).sum();
    let mut told: Vec<_> = told.into_iter().flat_map(|(_, told)| told).collect();
    told.sort_by_key(|(leaf, _)| *leaf);
    told.into_iter().for_each(|(_, finding)| sink(finding));
    Filled {
        records,
        hashes,
        notes: Vec::new(),
        skipped,
        is_sound: false,
    }
}

fn fill_leaf(
    leaves: &Leaves<'_>,
    task: &mut Task<'_>,
    hasher: &KeyHasher,
    skipped: &mut u64,
    told: &mut Vec<(usize, Finding)>,
) {
    let Some(page) = leaves.get(task.leaf.index) else {
        return;
    };
    let slots = task.records.iter_mut().zip(task.hashes.iter_mut());
    for ((index, item), (record, hash)) in bounded_items(&page, slots.len()).enumerate().zip(slots)
    {
        let read = item
            .ok_or(None)
            .and_then(|item| read(&item).map_err(|why| Some((item, why))));
        match read {
            Ok((new, user_key)) => {
                *record = new;
                *hash = hasher.hashes(user_key);
            }
            Err(why) => {
                *skipped += 1;
                if told.len() < TOLD_PER_TASK {
                    let at = page.bytes.place(16 + index * 16).on_page(page.pgid.0);
                    let finding = match why {
                        None => Finding::new(
                            &codes::mvcc::OVERLAPPING,
                            at,
                            "an element extends beyond its page",
                        ),
                        Some((item, (code, why))) => {
                            let at = Place::at(page.bytes.file(), item.offset).on_page(page.pgid.0);
                            Finding::new(code, at, why)
                        }
                    };
                    told.push((task.leaf.index, finding));
                }
            }
        }
    }
}

impl<N> Filled<N> {
    /// Removes the places of records that could not be read.
    fn drop_holes(&mut self) {
        if self.records.par_iter().all(|record| !record.is_empty()) {
            return;
        }
        let mut filled = self.records.iter().map(|record| !record.is_empty());
        self.hashes.retain(|_| filled.next().unwrap_or(false));
        self.records.retain(|record| !record.is_empty());
    }

    /// Sorts by revision if they are not: only those of a damaged tree are not, and a binary search would miss some.
    fn sort(&mut self) {
        let ascending = |pair: &[Record]| match pair {
            [a, b] => (a.revision(), a.is_tombstone()) < (b.revision(), b.is_tombstone()),
            _ => true,
        };
        if self.records.par_windows(2).all(ascending) {
            return;
        }
        let mut both: Vec<_> = std::mem::take(&mut self.records)
            .into_iter()
            .zip(std::mem::take(&mut self.hashes))
            .collect();
        both.par_sort_by_key(|(record, _)| (record.revision(), record.is_tombstone()));
        (self.records, self.hashes) = both.into_iter().unzip();
    }
}

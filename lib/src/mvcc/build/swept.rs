//! The index of a sound tree: read in the order of the file, then put in the order of the keys.

use rayon::prelude::*;

use super::link::{Hashes, KeyHasher};
use super::{Filled, read};
use crate::bolt::{Bucket, Leaves, Page};
use crate::mvcc::index::{NONE, Record};
use crate::mvcc::plan::{RECORD_BYTES, bounded_items};
use located::progress::Progress;

/// Number of leaves that one task sorts.
const LEAVES_PER_TASK: usize = 8192;

/// The records that one thread has read.
struct ThreadRecords<N> {
    leaves: Vec<ReadLeaf>,
    records: Vec<Record>,
    hashes: Vec<Hashes>,
    notes: Vec<N>,
}

/// Which of a thread's records are those of a leaf.
struct ReadLeaf {
    position: u32,
    start: u32,
    count: u16,
}

/// The records of a leaf, found by its position in key order.
#[derive(Clone, Copy, Default)]
struct Place {
    thread: u16,
    count: u16,
    start: u32,
}

/// Returns leaves and records; `None` if there is anything to report about them, or if the walk was cancelled.
pub(super) fn fill<'a, N: Copy + Default + Send + Sync>(
    bucket: &Bucket<'a>,
    hasher: &KeyHasher,
    note: &(impl Fn(&[u8], &[u8]) -> N + Sync),
    progress: &dyn Progress,
) -> Option<(Leaves<'a>, Filled<N>)> {
    let start = || ThreadRecords {
        leaves: Vec::new(),
        records: Vec::new(),
        hashes: Vec::new(),
        notes: Vec::new(),
    };
    let visit = |read: &mut ThreadRecords<N>, position: usize, page: &Page<'_>| {
        leaf(read, position, page, hasher, note).is_some()
    };
    let (unsorted, threads) = bucket.sweep(start, visit, progress)?;
    let count = unsorted.len();
    let (leaves, filled) = rayon::join(|| unsorted.in_key_order(), || sorted(count, threads));
    // Runs that overlap would be read again and again.
    let runs: usize = (0..leaves.len())
        .filter_map(|at| Some(leaves.extent(at)?.2))
        .sum();
    let filled = filled.filter(|_| runs <= bucket.db().file().len())?;
    Some((leaves, filled))
}

/// Joins what the threads have read, in order of the leaves; `None` if revisions do not ascend.
fn sorted<N: Copy + Default + Send + Sync>(
    leaves: usize,
    threads: Vec<ThreadRecords<N>>,
) -> Option<Filled<N>> {
    let mut places = vec![Place::default(); leaves];
    for (thread, read) in (0u16..).zip(&threads) {
        for leaf in &read.leaves {
            *places.get_mut(leaf.position as usize)? = Place {
                thread,
                count: leaf.count,
                start: leaf.start,
            };
        }
    }
    let total: usize = places.iter().map(|place| usize::from(place.count)).sum();
    if total >= NONE as usize {
        return None;
    }
    let (mut records, mut hashes, mut notes) = (Vec::new(), Vec::new(), Vec::new());
    for thread in threads {
        records.push(thread.records);
        hashes.push(thread.hashes);
        notes.push(thread.notes);
    }
    // One after the other, so that the memory of each is freed before the next is needed.
    let hashes = in_order(&places, total, Hashes::default(), hashes)?;
    let notes = in_order(&places, total, N::default(), notes)?;
    let records = in_order(&places, total, Record::EMPTY, records)?;
    let ascending = |pair: &[Record]| match pair {
        [a, b] => (a.revision(), a.is_tombstone()) < (b.revision(), b.is_tombstone()),
        _ => true,
    };
    let ascends = records.par_windows(2).all(ascending);
    ascends.then_some(Filled {
        records,
        hashes,
        notes,
        skipped: 0,
        is_sound: true,
    })
}

/// Reads a leaf; `None` if an element is not a record that etcd could load.
fn leaf<N>(
    thread: &mut ThreadRecords<N>,
    position: usize,
    page: &Page<'_>,
    hasher: &KeyHasher,
    note: &impl Fn(&[u8], &[u8]) -> N,
) -> Option<()> {
    let count = page.count();
    if count > page.bytes.len() / RECORD_BYTES {
        return None;
    }
    thread.leaves.push(ReadLeaf {
        position: u32::try_from(position).ok()?,
        start: u32::try_from(thread.records.len()).ok()?,
        count: u16::try_from(count).ok()?,
    });
    for item in bounded_items(page, count) {
        let item = item?;
        let (record, user_key) = read(&item).ok()?;
        thread.records.push(record);
        thread.hashes.push(hasher.hashes(user_key));
        thread.notes.push(note(item.key, item.value));
    }
    Some(())
}

/// The notes of all threads, in order of the leaves.
fn in_order<T: Copy + Send + Sync>(
    places: &[Place],
    total: usize,
    empty: T,
    threads: Vec<Vec<T>>,
) -> Option<Vec<T>> {
    // The kernel assigns memory when it is first written: done on all cores.
    let mut ordered: Vec<T> = (0..total).into_par_iter().map(|_| empty).collect();
    let mut rest = ordered.as_mut_slice();
    let mut tasks = Vec::new();
    for places in places.chunks(LEAVES_PER_TASK) {
        let count = places.iter().map(|place| usize::from(place.count)).sum();
        let (mine, others) = std::mem::take(&mut rest).split_at_mut_checked(count)?;
        tasks.push((places, mine));
        rest = others;
    }
    let copied = tasks.into_par_iter().map(|(places, mut to)| {
        for place in places {
            let (start, count) = (place.start as usize, usize::from(place.count));
            let from = threads
                .get(usize::from(place.thread))?
                .get(start..start + count)?;
            let (mine, rest) = std::mem::take(&mut to).split_at_mut_checked(count)?;
            mine.copy_from_slice(from);
            to = rest;
        }
        Some(())
    });
    copied.collect::<Option<()>>()?;
    Some(ordered)
}

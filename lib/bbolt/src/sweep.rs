//! Reads many pages in the order of the file, on all cores.
//!
//! A mapped page costs a page fault when it is first read, and its share of removing the mapping. On 2 cores and a cached file
//! of 1.4 GB both together take longer than `cat`. So ranges of the file are read into one buffer for each thread, which stays
//! in the CPU cache; the mapping is used for single pages.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rayon::prelude::*;

use super::db::Db;
use super::descent::PlacedLeaf;
use super::page::{Page, Pgid};
use located::progress::Progress;
use located::{AlignedBuffer, Bytes};

/// Maximum length of a range that is read at once.
const RANGE_BYTES: u64 = 256 << 10;
/// Maximum distance between two pages of one range.
const GAP_BYTES: u64 = 32 << 10;

/// Visits leaves with their overflow, in the order of their pages. Every thread has its own state, created by `start`.
///
/// Returns `None` if `visit` returned `false`, the file ends before the header of a page, or the sweep was cancelled; then no
/// further pages are visited.
pub(crate) fn sweep<S: Send>(
    db: &Db<'_>,
    pages: &[PlacedLeaf],
    start: impl Fn() -> S + Sync,
    visit: impl Fn(&mut S, PlacedLeaf, &Page<'_>) -> bool + Sync,
    progress: &dyn Progress,
) -> Option<Vec<S>> {
    let ranges = ranges(db, pages);
    let next = AtomicUsize::new(0);
    let stopped = AtomicBool::new(false);
    let states = (0..rayon::current_num_threads())
        .into_par_iter()
        .with_max_len(1)
        .map(|_| {
            let mut state = start();
            let mut buffer = AlignedBuffer::with_room(usize::try_from(RANGE_BYTES).unwrap_or(0));
            while !stopped.load(Ordering::Relaxed)
                && let Some(range) = ranges.get(next.fetch_add(1, Ordering::Relaxed))
            {
                if progress.cancelled() {
                    stopped.store(true, Ordering::Relaxed);
                    break;
                }
                let read = db.read_into(&mut buffer, range.offset, range.bytes);
                let there = Bytes::new(db.file().file(), range.offset, read.unwrap_or_default());
                for placed in pages.get(range.first..range.end).unwrap_or_default() {
                    let pgid = placed.pgid();
                    let page = page_in(db, pgid, there).or_else(|| db.page(pgid).ok());
                    if !page.is_some_and(|page| visit(&mut state, *placed, &page)) {
                        stopped.store(true, Ordering::Relaxed);
                        break;
                    }
                }
                progress.advance(range.bytes);
            }
            state
        });
    let states: Vec<S> = states.collect();
    (!stopped.into_inner()).then_some(states)
}

/// Pages that are read at once.
struct ReadRange {
    first: usize,
    end: usize,
    offset: u64,
    bytes: u64,
}

fn ranges(db: &Db<'_>, pages: &[PlacedLeaf]) -> Vec<ReadRange> {
    let (size, file) = (db.page_size(), db.file().len() as u64);
    let offset = |placed: &PlacedLeaf| placed.pgid().0.saturating_mul(size);
    let mut ranges: Vec<ReadRange> = Vec::new();
    for (at, placed) in pages.iter().enumerate() {
        let (begins, ends) = (offset(placed), offset(placed).saturating_add(size));
        if let Some(open) = ranges.last_mut() {
            let is_near =
                begins.saturating_sub(open.offset.saturating_add(open.bytes)) <= GAP_BYTES;
            if is_near {
                // The bytes between two leaves are usually the overflow of the first one.
                open.bytes = begins.saturating_sub(open.offset);
            }
            if is_near && ends.saturating_sub(open.offset) <= RANGE_BYTES.max(size) {
                open.bytes = ends.saturating_sub(open.offset);
                open.end = at + 1;
                continue;
            }
        }
        ranges.push(ReadRange {
            first: at,
            end: at + 1,
            offset: begins,
            bytes: size,
        });
    }
    for range in &mut ranges {
        range.bytes = range.bytes.min(file.saturating_sub(range.offset));
    }
    ranges
}

/// Returns the page if the buffer contains all of it.
fn page_in<'b>(db: &Db<'_>, pgid: Pgid, there: Bytes<'b>) -> Option<Page<'b>> {
    let at = pgid
        .0
        .checked_mul(db.page_size())?
        .checked_sub(there.offset())?;
    let rest = there.from(usize::try_from(at).ok()?, "page").ok()?;
    Page::parse(pgid, rest, db.page_size())
        .ok()
        .filter(|page| page.missing_bytes == 0)
}

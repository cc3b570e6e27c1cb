//! Many pages, in the order of the file and on all cores.
//!
//! A mapped page costs two faults: one when it is first touched and its share of taking the mapping down. On 2 cores and a
//! warm 1.4 GB file both together take longer than `cat`. So where there is a file to read from, stretches of it are read into
//! one buffer a thread, which stays in the cache while the pages in it are looked at; the mapping is for single pages.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rayon::prelude::*;

use super::db::Db;
use super::descent::Placed;
use super::page::{Page, Pgid};
use located::Bytes;
use located::progress::Progress;

/// Bytes that are read together.
const STRETCH_BYTES: u64 = 256 << 10;
/// Bytes between two pages that are read along rather than skipped.
const GAP_BYTES: u64 = 32 << 10;

/// Visits leaves, which come in the order of their pages, each with its overflow run; every thread has a state of its own,
/// made by `start`.
///
/// `None`: `visit` answered `false`, the file ends before a page's header does, or nobody waits any more; then no further
/// pages are visited.
pub(crate) fn sweep<S: Send>(
    db: &Db<'_>,
    pages: &[Placed],
    start: impl Fn() -> S + Sync,
    visit: impl Fn(&mut S, Placed, &Page<'_>) -> bool + Sync,
    progress: &dyn Progress,
) -> Option<Vec<S>> {
    let stretches = stretches(db, pages);
    let next = AtomicUsize::new(0);
    let stopped = AtomicBool::new(false);
    let states = (0..rayon::current_num_threads())
        .into_par_iter()
        .with_max_len(1)
        .map(|_| {
            let mut state = start();
            let mut buffer = Vec::new();
            while !stopped.load(Ordering::Relaxed)
                && let Some(stretch) = stretches.get(next.fetch_add(1, Ordering::Relaxed))
            {
                if progress.cancelled() {
                    stopped.store(true, Ordering::Relaxed);
                    break;
                }
                let read = db.read_into(&mut buffer, stretch.offset, stretch.bytes);
                let there = Bytes::new(db.file().file(), stretch.offset, read.unwrap_or_default());
                for placed in pages.get(stretch.first..stretch.end).unwrap_or_default() {
                    let pgid = placed.pgid();
                    let page = page_in(db, pgid, there).or_else(|| db.page(pgid).ok());
                    if !page.is_some_and(|page| visit(&mut state, *placed, &page)) {
                        stopped.store(true, Ordering::Relaxed);
                        break;
                    }
                }
                progress.advance(stretch.bytes);
            }
            state
        });
    let states: Vec<S> = states.collect();
    (!stopped.into_inner()).then_some(states)
}

/// Pages that are read together.
struct Stretch {
    first: usize,
    end: usize,
    offset: u64,
    bytes: u64,
}

fn stretches(db: &Db<'_>, pages: &[Placed]) -> Vec<Stretch> {
    let (size, file) = (db.page_size(), db.file().len() as u64);
    let offset = |placed: &Placed| placed.pgid().0.saturating_mul(size);
    let mut stretches: Vec<Stretch> = Vec::new();
    for (at, placed) in pages.iter().enumerate() {
        let (begins, ends) = (offset(placed), offset(placed).saturating_add(size));
        if let Some(open) = stretches.last_mut() {
            let near = begins.saturating_sub(open.offset.saturating_add(open.bytes)) <= GAP_BYTES;
            if near {
                // What lies between is the overflow run of the page before, as a rule.
                open.bytes = begins.saturating_sub(open.offset);
            }
            if near && ends.saturating_sub(open.offset) <= STRETCH_BYTES.max(size) {
                open.bytes = ends.saturating_sub(open.offset);
                open.end = at + 1;
                continue;
            }
        }
        stretches.push(Stretch {
            first: at,
            end: at + 1,
            offset: begins,
            bytes: size,
        });
    }
    for stretch in &mut stretches {
        stretch.bytes = stretch.bytes.min(file.saturating_sub(stretch.offset));
    }
    stretches
}

/// The page, where all of its run lies in the bytes at hand.
fn page_in<'b>(db: &Db<'_>, pgid: Pgid, there: Bytes<'b>) -> Option<Page<'b>> {
    let at = pgid
        .0
        .checked_mul(db.page_size())?
        .checked_sub(there.offset())?;
    let rest = there.from(usize::try_from(at).ok()?, "page").ok()?;
    Page::of(pgid, rest, db.page_size())
        .ok()
        .filter(|page| page.missing_bytes == 0)
}

//! The stored free list against what the trees use.

use crate::codes;
use crate::db::Db;
use crate::page::Pgid;
use crate::{freelist, walk::PageSet};
use located::Place;
use located::{Finding, Sink};

/// BOLT-015, 016, 017 and 021; `used` are the pages that some tree claims.
pub(super) fn freelist(db: &Db<'_>, used: &PageSet, sink: &mut Sink<'_>) {
    let place = || {
        Place::at(
            db.file().file(),
            db.meta().freelist.0.saturating_mul(db.page_size()),
        )
        .on_page(db.meta().freelist.0)
    };
    match freelist::stored(db) {
        Ok(None) => mostly_free(db, used, sink),
        Err(error) => sink(Finding::new(
            &codes::FREELIST,
            error.place().cloned().unwrap_or_else(place),
            error.to_string(),
        )),
        Ok(Some(ids)) => stored(db, used, &ids, &place(), sink),
    }
}

fn stored(db: &Db<'_>, used: &PageSet, ids: &[Pgid], place: &Place, sink: &mut Sink<'_>) {
    let mut free = PageSet::new(db.file_pages());
    let mut first = [None; 4];
    let mut counts = [0u64; 4];
    let mut note = |kind: usize, pgid: Pgid| {
        if let (Some(first), Some(count)) = (first.get_mut(kind), counts.get_mut(kind)) {
            first.get_or_insert(pgid);
            *count += 1;
        }
    };
    for id in ids {
        if id.0 < 2 || *id >= db.meta().high_water_mark {
            note(0, *id);
        } else if !free.insert(*id) {
            note(1, *id);
        } else if used.contains(*id) {
            note(2, *id);
        }
    }
    if ids.windows(2).any(|pair| matches!(pair, [a, b] if a > b)) {
        sink(Finding::new(
            &codes::FREELIST,
            place.clone(),
            "the stored free list is not in ascending order",
        ));
    }
    let own = db
        .page(db.meta().freelist)
        .map_or(0, |page| page.header.overflow);
    let own = db.meta().freelist.0..=db.meta().freelist.0.saturating_add(u64::from(own));
    for id in (2..db.pages()).map(Pgid).filter(|id| !own.contains(&id.0)) {
        if !used.contains(id) && !free.contains(id) {
            note(3, id);
        }
    }
    let kinds = [
        (
            &codes::FREELIST,
            "the stored free list names pages that do not exist, first page",
        ),
        (
            &codes::FREELIST,
            "the stored free list names pages twice, first page",
        ),
        (
            &codes::FREE_IN_USE,
            "the stored free list names pages that are in use, first page",
        ),
        (
            &codes::LEAKED,
            "pages are neither used nor in the stored free list, first page",
        ),
    ];
    for ((code, message), (first, count)) in kinds.into_iter().zip(first.into_iter().zip(counts)) {
        if let Some(first) = first {
            sink(Finding::new(code, place.clone(), format!("{message} {first}")).count(count));
        }
    }
    mostly_free(db, used, sink);
}

fn mostly_free(db: &Db<'_>, used: &PageSet, sink: &mut Sink<'_>) {
    let free = db.pages().saturating_sub(used.len());
    let bytes = free.saturating_mul(db.page_size());
    if free > db.pages() / 2 && bytes > 64 << 20 {
        let message = format!("{free} of {} pages are free", db.pages());
        sink(Finding::new(
            &codes::MOSTLY_FREE,
            Place::file(db.file().file()),
            message,
        ));
    }
}

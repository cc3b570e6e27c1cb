//! The stored freelist against the pages that the trees use.

use crate::codes;
use crate::db::Db;
use crate::page::Pgid;
use crate::{freelist, walk::PageSet};
use located::Place;
use located::{Finding, Sink};

/// Free bytes from which on a mostly free file is reported.
const MIN_FREE_BYTES: u64 = 64 << 20;

/// Checks the stored freelist (BOLT-015, 016, 017) and the number of free pages (021). `used` are the pages of all trees. If the trees
/// are torn, a page that none reaches is not known to be free or lost.
pub(super) fn freelist(db: &Db<'_>, used: &PageSet, is_torn: bool, sink: &mut Sink<'_>) {
    let place = || {
        Place::at(
            db.file().file(),
            db.meta().freelist.0.saturating_mul(db.page_size()),
        )
        .on_page(db.meta().freelist.0)
    };
    match freelist::stored(db) {
        Ok(None) if is_torn => {}
        Ok(None) => mostly_free(db, used, sink),
        Err(error) => sink(Finding::new(
            &codes::FREELIST,
            error.place().cloned().unwrap_or_else(place),
            error.to_string(),
        )),
        Ok(Some(ids)) => stored(db, (used, is_torn), &ids, &place(), sink),
    }
}

/// Pages with one fault: the first of them, and their number.
#[derive(Clone, Copy, Default)]
struct PageTally {
    first: Option<Pgid>,
    count: u64,
}

impl PageTally {
    fn add(&mut self, pgid: Pgid) {
        self.first.get_or_insert(pgid);
        self.count += 1;
    }
}

/// Pages that neither a tree nor the freelist has.
fn unlisted(db: &Db<'_>, used: &PageSet, free: &PageSet) -> PageTally {
    let mut leaked = PageTally::default();
    let own = db
        .page(db.meta().freelist)
        .map_or(0, |page| page.header.overflow);
    let own = db.meta().freelist.0..=db.meta().freelist.0.saturating_add(u64::from(own));
    for id in (2..db.pages()).map(Pgid).filter(|id| !own.contains(&id.0)) {
        if !used.contains(id) && !free.contains(id) {
            leaked.add(id);
        }
    }
    leaked
}

/// bbolt writes the ids of a freelist in ascending order.
fn order(ids: &[Pgid], place: &Place, sink: &mut Sink<'_>) {
    if ids.windows(2).any(|pair| matches!(pair, [a, b] if a > b)) {
        sink(Finding::new(
            &codes::FREELIST,
            place.clone(),
            "the stored freelist is not in ascending order",
        ));
    }
}

fn stored(
    db: &Db<'_>,
    (used, is_torn): (&PageSet, bool),
    ids: &[Pgid],
    place: &Place,
    sink: &mut Sink<'_>,
) {
    let mut free = PageSet::new(db.file_pages());
    let [mut unreal, mut double, mut in_use] = [PageTally::default(); 3];
    for id in ids {
        if id.0 < 2 || *id >= db.meta().high_water_mark {
            unreal.add(*id);
        } else if !free.insert(*id) {
            double.add(*id);
        } else if used.contains(*id) {
            // The next commits overwrite this page, and the start after them panics with "multiple references".
            // `etcdctl snapshot status` did not check it (etcd#10108).
            in_use.add(*id);
        }
    }
    order(ids, place, sink);
    let leaked = match is_torn {
        true => PageTally::default(),
        false => unlisted(db, used, &free),
    };
    let kinds = [
        (
            &codes::FREELIST,
            "the stored freelist contains pages that do not exist, first page",
            unreal,
        ),
        (
            &codes::FREELIST,
            "the stored freelist contains pages twice, first page",
            double,
        ),
        (
            &codes::FREE_IN_USE,
            "the stored freelist contains pages that are in use, first page",
            in_use,
        ),
        (
            &codes::LEAKED,
            "pages are neither in use nor in the stored freelist, first page",
            leaked,
        ),
    ];
    for (code, message, pages) in kinds {
        if let Some(first) = pages.first {
            let message = format!("{message} {first}");
            sink(Finding::new(code, place.clone(), message).count(pages.count));
        }
    }
    if !is_torn {
        mostly_free(db, used, sink);
    }
}

/// bbolt never shrinks a file: `release` in `freelist.go`, v1.3.11, only makes pages free; `defrag` of etcd writes a new file
/// (`defragdb` in `server/mvcc/backend/backend.go`, v3.5.30).
fn mostly_free(db: &Db<'_>, used: &PageSet, sink: &mut Sink<'_>) {
    let free = db.pages().saturating_sub(used.len());
    let bytes = free.saturating_mul(db.page_size());
    if free > db.pages() / 2 && bytes > MIN_FREE_BYTES {
        let message = format!("{free} of {} pages are free", db.pages());
        sink(Finding::new(
            &codes::MOSTLY_FREE,
            Place::file(db.file().file()),
            message,
        ));
    }
}

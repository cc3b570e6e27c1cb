//! Records of a bbolt file that its tree does not reach.

use std::ops::Range;

use super::geometry::Geometry;
use super::scan::{FoundRecord, scan};
use super::{CarveOrigin, CarvedSource, Find};
use crate::bolt::{Db, MetaChoice, PageMap, PageUse, Pgid};
use crate::progress::Progress;
use crate::salvage::label::Provenance;
use crate::salvage::record::{Body, KeyRecord, RecordSource};
use located::Bytes;
use located::reported_by;

/// Pages between two reports of progress.
const PROGRESS_BYTES: usize = 4 << 20;

/// The pages of a db by what reaches them.
struct Reach<'a> {
    db: Db<'a>,
    map: PageMap<'a>,
    /// Whether the tree of the other meta page reaches a page.
    other: Vec<bool>,
    /// Offsets of the elements of inline buckets, ascending.
    inline: Vec<u64>,
    /// The leaf whose elements are known: its pages, and the offsets of its elements.
    leaf: (Range<u64>, Vec<u64>),
}

impl<'a> Reach<'a> {
    fn read(db: Db<'a>) -> Self {
        let mut inline = Vec::new();
        for (_, bucket) in db.buckets(&mut reported_by("bbolt::check")) {
            if let Some(page) = bucket.inline() {
                let items = page.items().take(page.capacity());
                inline.extend(items.filter_map(|item| Some(item.ok()?.offset)));
            }
        }
        inline.sort_unstable();
        Self {
            db,
            map: PageMap::build(&db, &mut reported_by("bbolt::check")),
            other: other_pages(&db),
            inline,
            leaf: (0..0, Vec::new()),
        }
    }

    /// Where a record is; `None` if the tree reaches it.
    fn origin(&mut self, at: u64) -> Option<CarveOrigin> {
        let page = at.checked_div(self.db.page_size())?;
        match self.map.get(Pgid(page)).map(|(used, _)| used) {
            Some(PageUse::Free | PageUse::Unknown) => {
                let other = usize::try_from(page).ok().and_then(|at| self.other.get(at));
                Some(match other {
                    Some(true) => CarveOrigin::OtherMeta,
                    _ => CarveOrigin::FreePage,
                })
            }
            Some(PageUse::Leaf | PageUse::Overflow) => {
                let reached = self.inline.binary_search(&at).is_ok()
                    || self.elements(page).binary_search(&at).is_ok();
                (!reached).then_some(CarveOrigin::Slack)
            }
            Some(PageUse::Meta | PageUse::Branch | PageUse::Freelist) => Some(CarveOrigin::Slack),
            Some(PageUse::Outside) | None => Some(CarveOrigin::Outside),
        }
    }

    /// Offsets of the elements of the leaf that a page belongs to.
    fn elements(&mut self, page: u64) -> &[u64] {
        if !self.leaf.0.contains(&page) {
            let is = |at: u64, wanted| {
                self.map
                    .get(Pgid(at))
                    .is_some_and(|(used, _)| used == wanted)
            };
            let mut head = page;
            while head > 2 && is(head, PageUse::Overflow) {
                head -= 1;
            }
            let mut end = page.saturating_add(1);
            while is(end, PageUse::Overflow) {
                end = end.saturating_add(1);
            }
            let leaf = self.db.page(Pgid(head)).ok();
            let items = leaf
                .iter()
                .flat_map(|leaf| leaf.items().take(leaf.capacity()));
            let mut elements: Vec<u64> = items
                .filter_map(|item| item.ok().map(|item| item.offset))
                .collect();
            elements.sort_unstable();
            self.leaf = (head..end, elements);
        }
        &self.leaf.1
    }
}

/// The pages that the tree of the other meta page reaches.
fn other_pages(db: &Db<'_>) -> Vec<bool> {
    let slot = u8::from(db.meta().slot == 0);
    let limits = crate::Limits::default();
    let Ok(other) = Db::open(db.file(), MetaChoice::Slot(slot), &limits) else {
        return Vec::new();
    };
    let map = PageMap::build(&other, &mut reported_by("bbolt::check"));
    map.iter()
        .map(|(_, used, _)| matches!(used, PageUse::Leaf | PageUse::Overflow))
        .collect()
}

/// Every record of the db that its tree does not reach. `extents` are the ranges of the file that are not holes.
pub(super) fn of_db<'a>(
    image: Bytes<'a>,
    extents: &[Range<usize>],
    db: Option<Db<'a>>,
    progress: &dyn Progress,
) -> CarvedSource<'a> {
    let Some(db) = db else {
        return of_image(image, extents, CarveOrigin::NoTree, progress);
    };
    let geometry = Geometry::with_pages(image.as_slice(), extents, db.page_size(), 0);
    let mut reach = Reach::read(db);
    let mut origin = |at: u64| reach.origin(at);
    collect(image, extents, Some(geometry), &mut origin, progress)
}

/// Every record of a file that is not the db, or of a db without a tree.
pub(super) fn of_image<'a>(
    image: Bytes<'a>,
    extents: &[Range<usize>],
    origin: CarveOrigin,
    progress: &dyn Progress,
) -> CarvedSource<'a> {
    let limits = crate::Limits::default();
    let geometry = match Db::open(image, MetaChoice::Newest, &limits) {
        Ok(db) => Some(Geometry::with_pages(
            image.as_slice(),
            extents,
            db.page_size(),
            0,
        )),
        Err(_) => Geometry::infer(image.as_slice(), extents),
    };
    collect(image, extents, geometry, &mut |_| Some(origin), progress)
}

fn collect<'a>(
    image: Bytes<'a>,
    extents: &[Range<usize>],
    geometry: Option<Geometry>,
    origin: &mut dyn FnMut(u64) -> Option<CarveOrigin>,
    progress: &dyn Progress,
) -> CarvedSource<'a> {
    let data = image.as_slice();
    progress.begin("carving", data.len() as u64);
    let mut source = CarvedSource::new(RecordSource::new(data, image.file().clone()));
    let mut reported = 0usize;
    let mut each = |found: FoundRecord| {
        if found.at.saturating_sub(reported) >= PROGRESS_BYTES {
            progress.advance(found.at.saturating_sub(reported) as u64);
            reported = found.at;
            if progress.cancelled() {
                return false;
            }
        }
        if let Some(origin) = origin(found.at as u64)
            && let Some(record) = key_record(&found)
        {
            source.finds.push(Find::stored(record, origin));
        }
        true
    };
    for extent in extents {
        scan(data, extent.clone(), geometry.as_ref(), &mut each);
    }
    source.geometry = geometry;
    source
}

fn key_record(found: &FoundRecord) -> Option<KeyRecord> {
    Some(KeyRecord {
        revision: found.revision,
        tombstone: found.tombstone,
        body: Body::Stored {
            at: found.message.start as u64,
            len: u32::try_from(found.message.len()).ok()?,
        },
        source: 0,
        label: Provenance::Carved,
    })
}

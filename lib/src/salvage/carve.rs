//! Records that no tree reaches: in free pages, in leaves that damage has cut off, in the slack of pages, in the tree of the
//! other meta page.
//!
//! bbolt copies on write and never wipes a page: what a commit replaced stays until the page is used again. A record is
//! believed if its page says its own number, its key is a revision, its message decodes and the numbers of both agree.
//! `spill` in bbolt `node.go`, v1.3.11, and `free` in `freelist.go`, v1.3.11.

use located::reported_by;
use std::collections::HashSet;

use super::label::Provenance;
use super::record::{Body, KeyRecord, RecordSet, RecordSource};
use super::stored::record_of;
use crate::Place;
use crate::bolt::{Db, MetaChoice, Page, PageMap, PageType, PageUse, Pgid};
use crate::member::Member;
use crate::mvcc::{Keyspace, Revision, plan};
use crate::progress::Progress;

/// Elements of all pages that are looked at, as a multiple of what the file has room for: pages that claim each other's bytes
/// must not cost the square of the file.
const MAX_ELEMENTS_PER_ROOM: usize = 2;

/// Where a record that no tree reaches was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CarveOrigin {
    /// A page that no tree reaches.
    FreePage,
    /// A page of the tree that the other meta page shows: the commit before.
    OtherMeta,
    /// A page of the tree, after its last element.
    Slack,
    /// Above the high-water mark.
    Outside,
    /// An entry of the log.
    Log,
}

impl CarveOrigin {
    /// As the table has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FreePage => "free page",
            Self::OtherMeta => "other meta",
            Self::Slack => "slack",
            Self::Outside => "outside",
            Self::Log => "log",
        }
    }
}

/// What a carved record is to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CarveState {
    /// A copy of the version that is live.
    LiveCopy,
    /// A copy of a version that the store has and that is not the live one.
    OlderVersion,
    /// An older version of a live key that compaction has removed.
    Compacted,
    /// A version of a key that is not live any more.
    Deleted,
    /// Newer than the store, or not explained by it.
    Unknown,
}

impl CarveState {
    /// As the table has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LiveCopy => "live copy",
            Self::OlderVersion => "older version",
            Self::Compacted => "compacted",
            Self::Deleted => "deleted",
            Self::Unknown => "unknown",
        }
    }
}

/// One record that was carved.
#[derive(Clone, Debug)]
pub struct Carved<'c> {
    /// Where it was found.
    pub origin: CarveOrigin,
    /// What it is to the store.
    pub state: CarveState,
    /// Its revision.
    pub revision: Revision,
    /// Whether it is a deletion.
    pub tombstone: bool,
    /// The user key.
    pub key: &'c [u8],
    /// The `KeyValue` message.
    pub message: std::borrow::Cow<'c, [u8]>,
    /// Its place.
    pub place: Place,
}

/// Everything that was carved, by revision. A record that is found several times is in it once.
#[derive(Debug)]
pub struct Carvings<'a> {
    set: RecordSet<'a>,
    found: Vec<(CarveOrigin, CarveState, u64)>,
}

/// Records of the pages of a db that its tree does not reach.
#[derive(Debug, Default)]
pub(super) struct Loose {
    pub(super) records: Vec<KeyRecord>,
    pub(super) origins: Vec<(CarveOrigin, u64)>,
}

impl Loose {
    /// Looks at every page but those of the tree; at those only after their last element.
    pub(super) fn read(db: &Db<'_>, source: u16, progress: &dyn Progress) -> Self {
        let mut loose = Self::default();
        let map = PageMap::build(db, &mut reported_by("bbolt::check"));
        let other = other_pages(db);
        let mut left = (db.file().len() / plan::RECORD_BYTES).saturating_mul(MAX_ELEMENTS_PER_ROOM);
        progress.begin("carving", db.file_pages());
        for number in 2..db.file_pages() {
            if number.is_multiple_of(1024) {
                progress.advance(1024);
                if progress.cancelled() {
                    break;
                }
            }
            let pgid = Pgid(number);
            let Ok(page) = db.page(pgid) else { continue };
            if page.header.id != pgid || page.header.page_type() != Some(PageType::Leaf) {
                continue;
            }
            let (origin, from) = match map.get(pgid).map(|(used, _)| used) {
                Some(PageUse::Leaf) => (CarveOrigin::Slack, page.count()),
                Some(PageUse::Free) if other.contains(&number) => (CarveOrigin::OtherMeta, 0),
                Some(PageUse::Free) => (CarveOrigin::FreePage, 0),
                Some(PageUse::Outside) | None => (CarveOrigin::Outside, 0),
                Some(_) => continue,
            };
            let to = match origin {
                CarveOrigin::Slack => slots(&page),
                _ => page.count().max(slots(&page)),
            };
            for index in from..to {
                let Some(rest) = left.checked_sub(1) else {
                    return loose;
                };
                left = rest;
                let record = page.item(index).ok();
                if let Some(record) =
                    record.and_then(|item| record_of(&item, source, Provenance::Carved))
                {
                    loose.records.push(record);
                    loose.origins.push((origin, number));
                }
            }
        }
        loose
    }
}

/// Elements that the element array of a leaf has room for: keys begin where it ends.
fn slots(page: &Page<'_>) -> usize {
    let first = page.bytes.u32(16 + 4, "leafPageElement.pos").unwrap_or(0);
    (first as usize / 16).min(page.capacity())
}

/// The leaf pages that the other meta page's tree reaches.
fn other_pages(db: &Db<'_>) -> HashSet<u64> {
    let other = u8::from(db.meta().slot == 0);
    let limits = crate::Limits::default();
    let Ok(other) = Db::open(db.file(), MetaChoice::Slot(other), &limits) else {
        return HashSet::new();
    };
    let mut pages = HashSet::new();
    if let Ok(bucket) = other.bucket(b"key", &mut reported_by("bbolt::check")) {
        pages.extend(
            bucket
                .leaves(&mut reported_by("bbolt::check"))
                .iter()
                .map(|page| page.pgid.0),
        );
    }
    pages
}

/// Carves the db of a member; with its log, also what only the log still has.
///
/// # Errors
/// As [`Member::db`].
pub fn carve<'a>(
    member: &'a Member,
    progress: &dyn Progress,
) -> Result<Carvings<'a>, crate::Error> {
    let db = member.db()?;
    let loose = Loose::read(&db, 0, progress);
    let mut set = RecordSet {
        sources: vec![RecordSource {
            image: db.file().as_slice(),
            file: db.file().file().clone(),
            changes: Vec::new(),
        }],
        records: loose.records,
    };
    let mut origins = loose.origins;
    sort(&mut set, &mut origins);
    let keyspace = member.readable_keyspace().ok();
    let found = set
        .records
        .iter()
        .zip(&origins)
        .map(|(record, (origin, page))| (*origin, state(&set, record, keyspace.as_ref()), *page))
        .collect();
    Ok(Carvings { set, found })
}

/// By revision, and of equal records the first alone.
fn sort(set: &mut RecordSet<'_>, origins: &mut Vec<(CarveOrigin, u64)>) {
    let mut both: Vec<(KeyRecord, (CarveOrigin, u64))> = std::mem::take(&mut set.records)
        .into_iter()
        .zip(std::mem::take(origins))
        .collect();
    both.sort_by_key(|(record, (origin, page))| {
        (record.revision, record.tombstone, *origin, *page)
    });
    both.dedup_by(|a, b| {
        (a.0.revision, a.0.tombstone) == (b.0.revision, b.0.tombstone)
            && set.message(&a.0) == set.message(&b.0)
    });
    (set.records, *origins) = both.into_iter().unzip();
}

fn state(set: &RecordSet<'_>, record: &KeyRecord, keyspace: Option<&Keyspace<'_>>) -> CarveState {
    let Some(keyspace) = keyspace else {
        return CarveState::Unknown;
    };
    let key = set.user_key(record);
    let main = record.revision.main;
    if main > keyspace.revision() {
        return CarveState::Unknown;
    }
    let live = keyspace.get(key, None).ok().flatten();
    let same = |revision: Revision, tombstone: bool, message: &[u8]| {
        revision == record.revision
            && tombstone == record.tombstone
            && message == &*set.message(record)
    };
    if live
        .as_ref()
        .is_some_and(|live| same(live.revision, live.tombstone, live.message))
    {
        return CarveState::LiveCopy;
    }
    let stored = keyspace
        .between(main..=main)
        .find(|version| version.revision == record.revision);
    match stored {
        Some(stored) if same(stored.revision, stored.tombstone, stored.message) => {
            if live.is_some() {
                CarveState::OlderVersion
            } else {
                CarveState::Deleted
            }
        }
        Some(_) => CarveState::Unknown,
        None if live.is_none() => CarveState::Deleted,
        None if keyspace
            .compact_revision()
            .is_some_and(|compacted| main <= compacted) =>
        {
            CarveState::Compacted
        }
        None => CarveState::Unknown,
    }
}

impl Carvings<'_> {
    /// How many records.
    pub fn len(&self) -> usize {
        self.set.records.len()
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.set.records.is_empty()
    }

    /// All, by revision.
    pub fn iter(&self) -> impl Iterator<Item = Carved<'_>> {
        let both = self.set.records.iter().zip(&self.found);
        both.filter_map(|(record, (origin, state, page))| {
            let Body::Stored { at, .. } = record.body else {
                return None;
            };
            let file = &self.set.sources.first()?.file;
            Some(Carved {
                origin: *origin,
                state: *state,
                revision: record.revision,
                tombstone: record.tombstone,
                key: self.set.user_key(record),
                message: self.set.message(record),
                place: Place::at(file, at).on_page(*page),
            })
        })
    }
}

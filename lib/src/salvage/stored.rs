//! The records that the db has, as far as its tree can be followed.

use std::collections::HashSet;

use rayon::prelude::*;

use super::Lost;
use super::label::Provenance;
use super::record::{Body, KeyRecord, sort};
use crate::Place;
use crate::backend::Meta;
use crate::bolt::{Bucket, Db, Item, Page, PageType};
use crate::codes::bolt;
use crate::mvcc::{KeyValue, StoredKey, plan, real_root};
use located::{Finding, reported_by};

/// Leaf pages that are read side by side before their records are put in order.
const LEAVES_AT_ONCE: usize = 1024;

/// The records of the `key` bucket that decode, by revision, and what could not be read.
#[derive(Debug, Default)]
pub(super) struct StoredRecords {
    pub(super) records: Vec<KeyRecord>,
    pub(super) lost: Vec<Lost>,
    /// Places that are damaged, and whose records were read all the same.
    pub(super) readable: u64,
    /// The first revision of each page that a branch points to and that cannot be read.
    pub(super) lost_from: Vec<i64>,
}

/// What an element of the `key` bucket is, if it can be believed: its key is a revision, its message decodes, and the numbers
/// of both agree.
pub(super) fn record_of(item: &Item<'_>, source: u16, label: Provenance) -> Option<KeyRecord> {
    let key = StoredKey::parse(item.key).ok()?;
    let message = KeyValue::parse(item.value).ok()?;
    // An empty message is the marker that `snapshot restore --bump-revision` writes.
    let marker = item.value.is_empty() && !key.tombstone;
    if !marker && (message.key.is_empty() || !message.is_sound_at(key.revision.main, key.tombstone))
    {
        return None;
    }
    Some(KeyRecord {
        revision: key.revision,
        tombstone: key.tombstone,
        body: Body::Stored {
            at: item.offset.checked_add(item.key.len() as u64)?,
            len: u32::try_from(item.value.len()).ok()?,
        },
        source,
        label,
    })
}

/// The main revision of the first key of a page, as the branch above it has it.
fn first_revision(key: &[u8]) -> Option<i64> {
    let key = StoredKey::parse(key).ok()?;
    Some(key.revision.main)
}

/// The records of a page that can be believed, and a note if others cannot.
fn of_page(page: &Page<'_>, count: usize, source: u16) -> (Vec<KeyRecord>, Option<Lost>) {
    let mut unreadable = 0u64;
    let mut records = Vec::with_capacity(count);
    for item in plan::bounded_items(page, count) {
        match item.and_then(|item| record_of(&item, source, Provenance::Db)) {
            Some(record) => records.push(record),
            None => unreadable = unreadable.saturating_add(1),
        }
    }
    let lost = (unreadable > 0).then(|| Lost {
        what: format!(
            "{unreadable} {} of the page cannot be believed",
            if unreadable == 1 { "record" } else { "records" }
        ),
        place: Some(Place::at(page.bytes.file(), page.bytes.offset()).on_page(page.pgid.0)),
        ..Lost::default()
    });
    (records, lost)
}

/// Elements of a page that its header does not count: neither bbolt nor this reads what they lead to.
struct Hidden {
    lost: Lost,
    /// The main revision of the first of them.
    first: Option<i64>,
}

impl Hidden {
    fn read(page: &Page<'_>) -> Option<Self> {
        let hidden = page.hidden_elements();
        let what = match hidden {
            0 => return None,
            1 => "1 element of the page is not counted by its header: what it holds was not read",
            _ => {
                "the last elements of the page are not counted by its header: what they hold was not read"
            }
        };
        let first = page.count();
        let key = match page.header.page_type() {
            Some(PageType::Branch) => page.child(first).map(|child| child.key),
            _ => page.item(first).map(|item| item.key),
        };
        Some(Self {
            lost: Lost {
                what: what.to_owned(),
                place: Some(Place::at(page.bytes.file(), page.bytes.offset()).on_page(page.pgid.0)),
                ..Lost::default()
            },
            first: key.ok().and_then(first_revision),
        })
    }
}

/// Whether a finding of the walk says that a part of the tree was not reached, though the page that it names was.
fn hides_pages(finding: &Finding) -> bool {
    let codes = [&bolt::PAGE_SHARED, &bolt::TREE_DEPTH, &bolt::ELEMENT];
    codes.iter().any(|code| std::ptr::eq(*code, finding.code))
}

impl StoredRecords {
    /// Ranges of revisions after `compacted` of which records may be lost with their page; up to the highest number if nothing
    /// after the page could be read.
    pub(super) fn lost_ranges(&self, compacted: i64) -> Vec<(i64, i64)> {
        let range = |first: &i64| {
            // Changes of the revision of the page's first key may be in the page before it: that revision has a record and is
            // not whole.
            let next = self
                .records
                .partition_point(|record| record.revision.main <= *first);
            let next = self.records.get(next).map(|record| record.revision.main);
            let last = next.map_or(i64::MAX, |next| next.saturating_sub(1).max(*first));
            (*first.max(&compacted.saturating_add(1)), last)
        };
        let ranges = self.lost_from.iter().map(range);
        ranges.filter(|(first, last)| first <= last).collect()
    }

    /// A finding about a page that the walk has visited is no loss: each of its records that could not be read is counted on its
    /// own, and every revision that is missing is listed.
    fn sort_findings(&mut self, bucket: &Bucket<'_>, findings: Vec<Finding>) {
        if findings.is_empty() {
            return;
        }
        let mut visited = HashSet::new();
        let mut children: Vec<(u64, Option<i64>)> = Vec::new();
        for root in [bucket.db().root(), *bucket] {
            root.walk(&mut reported_by("bbolt::check"), &mut |visit| {
                visited.insert(visit.page.pgid.0);
                if visit.page.header.page_type() == Some(PageType::Branch) {
                    let found = visit.page.children().flatten();
                    children.extend(found.map(|child| (child.pgid.0, first_revision(child.key))));
                }
            });
        }
        let mut named = HashSet::new();
        // Of two elements that name one page the second is taken for the wrong one.
        let lost = children
            .iter()
            .filter(|(page, _)| !visited.contains(page) || !named.insert(*page))
            .filter_map(|(_, first)| *first);
        self.lost_from.extend(lost);
        for finding in findings {
            let is_visited = (finding.place.page).is_some_and(|page| visited.contains(&page));
            if is_visited && !hides_pages(&finding) {
                self.readable = self.readable.saturating_add(1);
                continue;
            }
            self.lost.push(Lost {
                what: finding.message,
                place: Some(finding.place),
                ..Lost::default()
            });
        }
    }

    fn hide(&mut self, hidden: Option<Hidden>) {
        let Some(hidden) = hidden else { return };
        self.lost.push(hidden.lost);
        self.lost_from.extend(hidden.first);
    }

    /// Walks the tree of the `key` bucket, around every page that cannot be followed.
    pub(super) fn read(db: &Db<'_>, source: u16) -> Self {
        let mut findings = Vec::new();
        let bucket = match db.bucket(b"key", &mut |finding| findings.push(finding)) {
            Ok(bucket) => bucket,
            Err(error) => {
                return Self {
                    lost: vec![Lost {
                        what: error.to_string(),
                        place: Some(Place::file(db.file().file())),
                        ..Lost::default()
                    }],
                    ..Self::default()
                };
            }
        };
        let stored = Self::of_tree(&bucket, findings, source);
        stored.with_real_root(&bucket, source)
    }

    /// The same of the tree below the real root, if the bucket names a page below it.
    fn with_real_root(mut self, bucket: &Bucket<'_>, source: u16) -> Self {
        let db = bucket.db();
        let meta = Meta::read(&db, &mut reported_by("backend::check"));
        let compacted = meta.compaction.revision().unwrap_or(0);
        let records = &self.records;
        let is_known = |main: i64| {
            let known = records.binary_search_by_key(&main, |record| record.revision.main);
            main <= compacted || known.is_ok()
        };
        let Some(real) = real_root(bucket, &is_known) else {
            return self;
        };
        if real.is_sound {
            let mut stored = Self::of_tree(
                &Bucket::with_root(db, real.page, bucket.sequence()),
                Vec::new(),
                source,
            );
            stored.readable = stored.readable.saturating_add(1);
            return stored;
        }
        self.lost.push(Lost {
            what: format!(
                "page {} is a child of page {}, and the bucket names it as its root: what is below the other children was not read",
                bucket.root(),
                real.page
            ),
            place: Some(
                Place::at(db.file().file(), real.page.0.saturating_mul(db.page_size()))
                    .on_page(real.page.0),
            ),
            revisions: Some((real.first, real.last)),
            ..Lost::default()
        });
        self
    }

    fn of_tree(bucket: &Bucket<'_>, mut findings: Vec<Finding>, source: u16) -> Self {
        let mut stored = Self::default();
        let (db, sink) = (bucket.db(), &mut |finding| findings.push(finding));
        let leaves = bucket.leaves(sink);
        let (planned, skipped) = plan::plan(&leaves, db.file().len(), plan::RECORD_BYTES);
        let elements = planned.iter().map(|planned| planned.count).sum();
        stored.records.reserve_exact(elements);
        let read = |planned: &plan::PlannedLeaf| {
            let page = leaves.get(planned.index)?;
            let (records, lost) = of_page(&page, planned.count, source);
            Some((records, lost, Hidden::read(&page)))
        };
        // Pages are read side by side, and some of them at a time: their records are held twice only that long.
        for some in planned.chunks(LEAVES_AT_ONCE) {
            let pages: Vec<_> = some.par_iter().filter_map(read).collect();
            for (records, lost, hidden) in pages {
                stored.records.extend(records);
                stored.lost.extend(lost);
                stored.hide(hidden);
            }
        }
        for page in leaves.branches() {
            stored.hide(Hidden::read(&page));
        }
        if skipped > 0 {
            stored.lost.push(Lost {
                what: format!("{skipped} elements overlap others: they were not read"),
                place: Some(Place::file(db.file().file())),
                ..Lost::default()
            });
        }
        stored.sort_findings(bucket, findings);
        // Damage may leave pages out of order, or one revision on two pages: the first in key order stays.
        sort(&mut stored.records);
        stored.records.dedup_by_key(|record| record.revision);
        stored
    }
}

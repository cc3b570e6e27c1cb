//! A copy that was taken while etcd was writing: its pages are of several states, and the member itself may be healthy.
//!
//! bbolt never overwrites a page that the newest meta page leads to: a transaction writes free pages and then a meta page.
//! So a file that is read from its beginning to its end while etcd writes has an older meta page, followed by pages that later
//! transactions have written. Bit rot and lost writes leave no page that is newer than the page that refers to it.

use std::cmp::Ordering;

use super::applied::ComparedRange;
use crate::bolt::{Db, Page, PageType, Pgid};
use crate::codes::{backend, bolt, cross, snap, wal};
use crate::mvcc::{Revision, StoredKey};
use located::codes::Code;
use located::{Finding, Place, RaftIndex, Severity};

/// Reports a torn copy if the other findings are signs of one, and names these.
///
/// `compared` is how far the store was compared with the WAL, `newest` the newest revision of the store, `log_end` the last entry of the
/// log.
pub(super) fn torn_copy(
    db: &Db<'_>,
    findings: &[Finding],
    compared: Option<ComparedRange>,
    (newest, log_end): (i64, RaftIndex),
) -> Option<Finding> {
    let errors = || {
        let errors = findings.iter();
        errors.filter(|finding| finding.severity == Severity::Error)
    };
    let of = |codes: &[&'static Code]| {
        let errors = errors();
        errors
            .filter(|finding| codes.iter().any(|code| std::ptr::eq(*code, finding.code)))
            .count()
    };
    // A damaged log is no sign of a copy: etcd only appends to it.
    if of(wal::ALL) > 0 {
        return None;
    }
    let structure = of(bolt::ALL);
    let mut signs = Vec::new();
    signs.extend(newer_pages(
        errors().filter_map(|finding| moved_page(db, finding)),
    ));
    if structure > 0 && has_index(findings) && of(&[&cross::TWICE]) > 0 {
        signs.push("the store has records of entries after consistent_index".to_owned());
    }
    if let Some(page) = taken_root(db) {
        signs.push(format!(
            "the root page {page} has records, so a later transaction has taken it"
        ));
    }
    // The log is sound to its end, and the store goes on after it: the log was copied first.
    let is_log_sound = !findings.iter().any(|finding| {
        wal::ALL
            .iter()
            .any(|code| std::ptr::eq(*code, finding.code))
    });
    let to = compared.map_or(i64::MAX, |compared| compared.to_revision);
    let is_ahead = is_log_sound && of(&[&cross::INDEX_AHEAD]) > 0 && of(cross::ALL) == 1;
    if is_ahead && newest > to {
        signs.push(format!(
            "the WAL is sound to its end, at revision {to}, and the store goes on to {newest}: the WAL was copied before the db"
        ));
    }
    if is_ahead && compared.is_none() {
        signs.extend(later_snaps(findings, log_end));
    }
    if signs.is_empty() {
        return None;
    }
    let message = format!(
        "the copy was probably taken while etcd was writing: {}. The member itself may be healthy; copy it again",
        signs.join("; ")
    );
    let finding = Finding::new(&bolt::TORN_COPY, Place::file(db.file().file()), message);
    Some(finding.count(structure.max(1) as u64))
}

/// Where a compaction has taken what could be compared, a `.snap` file says the same: etcd writes it of entries that are in the log.
fn later_snaps(findings: &[Finding], log_end: RaftIndex) -> Option<String> {
    let later = findings.iter().any(|finding| {
        let index = finding.place.index;
        std::ptr::eq(finding.code, &snap::SNAP_ORPHAN) && index.is_some_and(|index| index > log_end)
    });
    later.then(|| {
        format!(
            "the WAL is sound to its end, at entry {log_end}, and db and .snap files go on: the WAL was copied before them"
        )
    })
}

/// Whether consistent_index was read: without the bucket `meta` it is not known, and not 0.
fn has_index(findings: &[Finding]) -> bool {
    let unknown = [&backend::BUCKET_MISSING, &backend::META_NO_INDEX];
    !findings.iter().any(|finding| {
        let mut codes = unknown.iter();
        codes.any(|code| std::ptr::eq(*code, finding.code))
    })
}

/// Whether more pages are newer than the page that leads to them than are older.
fn newer_pages(moved: impl Iterator<Item = (u64, Ordering)>) -> Option<String> {
    let (newer, older): (Vec<_>, Vec<_>) = moved.partition(|(_, order)| order.is_gt());
    // Pages that changed places have older records at one of them.
    let (first, _) = newer.first().filter(|_| newer.len() > older.len())?;
    Some(match newer.len() {
        1 => format!("page {first} has newer records than the page that leads to it"),
        count => format!(
            "{count} pages have newer records than the pages that lead to them, the first of them page {first}"
        ),
    })
}

/// Whether a transaction that took the page wrote it: its header names its own place. A page that names another place was written to
/// the wrong one.
fn is_in_its_place(page: &Page<'_>, pgid: u64) -> bool {
    page.header.id.0 == pgid
}

/// The root page, if it has records of the `key` bucket instead of buckets.
fn taken_root(db: &Db<'_>) -> Option<u64> {
    let root = db.root().root();
    let page = db.page(root).ok()?;
    let is_leaf = page.header.page_type() == Some(PageType::Leaf) && is_in_its_place(&page, root.0);
    let first = page.items().flatten().next()?;
    revision(first.key)
        .filter(|_| is_leaf && !first.is_bucket())
        .map(|_| root.0)
}

/// The page of a finding, if its records are newer or older than the branch page above it says.
fn moved_page(db: &Db<'_>, finding: &Finding) -> Option<(u64, Ordering)> {
    let pgid = finding.place.page?;
    let stack = finding.page_stack.iter().rev();
    let above = stack.copied().find(|above| *above != pgid)?;
    if finding.place.file != *db.file().file() {
        return None;
    }
    let page = db.page(Pgid(pgid)).ok()?;
    if page.header.page_type() != Some(PageType::Leaf) || !is_in_its_place(&page, pgid) {
        return None;
    }
    let first = revision(page.items().flatten().next()?.key)?;
    let parent = db.page(Pgid(above)).ok()?;
    let mut children = parent.children().flatten();
    let own = children.find(|element| element.pgid.0 == pgid)?;
    if first < revision(own.key)? {
        return Some((pgid, Ordering::Less));
    }
    let until = revision(children.next()?.key)?;
    (first > until).then_some((pgid, Ordering::Greater))
}

fn revision(key: &[u8]) -> Option<Revision> {
    Some(StoredKey::parse(key).ok()?.revision)
}

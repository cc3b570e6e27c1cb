//! The root page id of bucket `key`, if it names a page below the real root.
//!
//! The tree is sound then, and has a part of the records. bbolt never makes a page that a branch names the root: a root that has one
//! child takes over its elements, and is written to a page of its own (`rebalance` in `node.go`, v1.3.11). So a branch page that no
//! tree reaches and that names the root is either older than it, and has nothing that the tree lacks, or is the real root.

use super::CheckRun;
use crate::bolt::Db;
use crate::codes::{bolt, mvcc};
use crate::member::Member;
use crate::mvcc::{Keyspace, real_root};
use crate::start::counted;
use crate::text::number::thousands;
use located::progress::{Progress, Silent};
use located::{Finding, Place, Sink, reported_by};

impl CheckRun<'_> {
    /// Whether the tree of bucket `key` is entered at its root, where the log does not prove that it has all records.
    pub(super) fn bent_root(&mut self) {
        let is_proven = self
            .compared
            .is_some_and(|reach| reach.records > 0 && reach.stopped_at.is_none());
        let (Ok(db), Ok(keyspace)) = (self.member.db(), self.member.readable_keyspace()) else {
            return;
        };
        if !is_proven {
            let found = &mut self.found;
            bent_root(&db, &keyspace, self.progress, &mut |finding| {
                found.add(finding)
            });
        }
    }
}

/// Whether the root of bucket `key` is a page below the real one.
pub(crate) fn has_bent_root(member: &Member) -> bool {
    let (Ok(db), Ok(keyspace)) = (member.db(), member.readable_keyspace()) else {
        return false;
    };
    let mut found = false;
    bent_root(&db, &keyspace, &Silent, &mut |_| found = true);
    found
}

/// Reports a root page of bucket `key` that another branch page names, if records are below that page alone.
fn bent_root(db: &Db<'_>, keyspace: &Keyspace<'_>, progress: &dyn Progress, report: &mut Sink<'_>) {
    let Ok(bucket) = db.bucket(b"key", &mut reported_by("bbolt::check")) else {
        return;
    };
    let compacted = keyspace.compact_revision().unwrap_or(0);
    let is_known = |main: i64| {
        main <= compacted || progress.cancelled() || keyspace.between(main..=main).next().is_some()
    };
    let Some(real) = real_root(&bucket, &is_known) else {
        return;
    };
    let (root, parent) = (bucket.root(), real.page);
    let (count, first, last) = (real.revisions, real.first, real.last);
    let place = Place::at(db.file().file(), root.0.saturating_mul(db.page_size())).on_page(root.0);
    let records = counted(count, "revision", "revisions");
    let (from, to) = (thousands(first.into()), thousands(last.into()));
    let message = format!(
        "page {root} is the root of bucket key, and a child of branch page {parent}, which no tree reaches: {records} from {from} to {to} are below page {parent} alone; the root page id of the bucket is damaged"
    );
    let finding = Finding::new(&bolt::PAGE_SHARED, place.clone(), message);
    report(finding.seen(root.to_string(), parent.to_string()));
    let message = format!("{records} from {from} to {to} are not in the tree of bucket key");
    report(Finding::new(&mvcc::MAIN_GAP, place, message).count(count));
}

//! What to believe of etcd's own buckets.
//!
//! Rules that the db alone can decide. What needs the WAL, a `.snap` or another member is decided where these are joined.

mod auth;
mod cluster;
mod leases;
mod meta;

use std::collections::{HashMap, HashSet};

use super::{Alarm, Auth, BUCKETS, Cluster, Lease, Meta};
use crate::bolt::{Db, PageType, Pgid};
use crate::codes::backend as codes;
use crate::mvcc::Keyspace;
use located::{Finding, Place, Severity, Sink, reported_by};

pub use auth::auth;
pub use cluster::{cluster, conf_state_against_members};
pub use leases::{alarms, leases};
pub use meta::meta;

/// Maximum number of pages of a db that bbolt made and nothing was written to: two metas, a free list, an empty root, rounded
/// up to what a file is grown by.
const MAX_NEW_PAGES: u64 = 16;
/// Bytes of the header of a page.
const PAGE_HEADER_BYTES: usize = 16;
/// Maximum number of findings of one code that are reported one by one.
const MAX_SINGLE_FINDINGS: usize = 4;

/// Those whose loss is an error: the store, its leases, and how far the log is applied.
const NEEDED: [&[u8]; 3] = [b"key", b"lease", b"meta"];

/// Reads and checks all buckets except `key`; with a keyspace also what they refer to in it.
pub fn check(db: &Db<'_>, keyspace: Option<&Keyspace<'_>>, sink: &mut Sink<'_>) {
    let mut found = Vec::new();
    judge(db, keyspace, &mut |finding| found.push(finding));
    grouped(found).into_iter().for_each(sink);
}

/// Joins the findings of a code if there are more than a few: then they have one cause, such as a wrong root page.
fn grouped(found: Vec<Finding>) -> Vec<Finding> {
    let mut groups: Vec<Vec<Finding>> = Vec::new();
    let mut positions: HashMap<(&str, Severity), usize> = HashMap::new();
    for finding in found {
        let group = (finding.code.id, finding.severity);
        let position = *positions.entry(group).or_insert(groups.len());
        match groups.get_mut(position) {
            Some(group) => group.push(finding),
            None => groups.push(vec![finding]),
        }
    }
    let mut joined = Vec::new();
    for group in groups {
        if group.len() <= MAX_SINGLE_FINDINGS {
            joined.extend(group);
            continue;
        }
        let count = group.len();
        let mut rest = group.into_iter();
        let Some(mut first) = rest.next() else {
            continue;
        };
        first.message = format!("{count} records are affected; the first: {}", first.message);
        let mut named: HashSet<Vec<u8>> = first.keys.iter().cloned().collect();
        for other in rest {
            first.count = first.count.saturating_add(other.count);
            let keys = other.keys.into_iter();
            first
                .keys
                .extend(keys.filter(|key| named.insert(key.clone())));
        }
        joined.push(first);
    }
    joined
}

fn judge(db: &Db<'_>, keyspace: Option<&Keyspace<'_>>, sink: &mut Sink<'_>) {
    let here = Place::file(db.file().file());
    buckets(db, &here, sink);
    let stored = Meta::read(db, sink);
    meta(&stored, keyspace, &here, sink);
    let members = Cluster::read(db, sink);
    cluster(&members, &here, sink);
    conf_state_against_members(&stored, &members, &here, sink);
    auth(&Auth::read(db, sink), &here, sink);
    leases(&Lease::read_all(db, sink), keyspace, &here, sink);
    alarms(&Alarm::read_all(db, sink), &members, &here, sink);
}

/// Whether bbolt made the file, and no commit wrote to it since but the one that makes an empty `meta` bucket: no other page has an
/// element, and none of the root has content.
fn is_new(db: &Db<'_>) -> bool {
    let only_meta = has_only_empty_meta(db);
    let is_empty = |pgid: Pgid| {
        let Ok(page) = db.page(pgid) else { return true };
        let is_tree = matches!(
            page.header.page_type(),
            Some(PageType::Leaf | PageType::Branch)
        );
        let is_root = pgid == db.meta().root;
        let content = || page.bytes.as_slice().iter().skip(PAGE_HEADER_BYTES);
        let has_content = || is_root && content().any(|byte| *byte != 0);
        is_root && only_meta || !(has_content() || is_tree && page.header.count > 0)
    };
    db.pages() <= MAX_NEW_PAGES && (2..db.file_pages()).map(Pgid).all(is_empty)
}

/// Whether `meta` is the only bucket, and nothing is in it. etcd makes it since 3.5 when it opens the db, before it finds out that
/// the member may not start: `NewServer` in `server/etcdserver/server.go`, v3.5.30.
fn has_only_empty_meta(db: &Db<'_>) -> bool {
    let buckets = db.buckets(&mut reported_by("bbolt::check"));
    let [(b"meta", meta)] = buckets.as_slice() else {
        return false;
    };
    meta.inline().is_some_and(|page| page.header.count == 0)
}

/// Reports buckets that are missing. If the root itself cannot be read nothing is known of them: that is a finding of
/// `bolt::check`.
pub fn buckets(db: &Db<'_>, here: &Place, sink: &mut Sink<'_>) {
    if db
        .root()
        .leaves(&mut reported_by("bbolt::check"))
        .is_empty()
    {
        return;
    }
    let there = db.buckets(&mut reported_by("bbolt::check"));
    if (there.is_empty() || has_only_empty_meta(db)) && is_new(db) {
        let message = match there.is_empty() {
            true => {
                "the db has no bucket: its first start ended before etcd made one, so nothing was ever stored here"
            }
            false => {
                "the db has only a bucket `meta` without anything in it: its first start ended before etcd made the others, so nothing was ever stored here"
            }
        };
        sink(Finding::new(&codes::NEVER_USED, here.clone(), message));
        return;
    }
    for severity in [Severity::Error, Severity::Warning] {
        let missing: Vec<String> = BUCKETS
            .into_iter()
            .filter(|name| NEEDED.contains(name) == (severity == Severity::Error))
            .filter(|name| !there.iter().any(|(known, _)| known == name))
            .map(|name| format!("\"{}\"", String::from_utf8_lossy(name)))
            .collect();
        let message = match missing.as_slice() {
            [] => continue,
            [one] => format!("the bucket {one} is missing"),
            several => format!("the buckets {} are missing", several.join(", ")),
        };
        let finding = Finding::new(&codes::BUCKET_MISSING, here.clone(), message);
        sink(finding.severity(severity).count(missing.len() as u64));
    }
}

//! Which user keys and revisions a damaged page of the `key` bucket holds.

use std::collections::HashSet;

use super::collect::Collector;
use crate::bolt::{Db, Page, PageType, Pgid};
use crate::mvcc::{KeyValue, StoredKey};
use located::{Finding, reported_by};

/// Adds keys and the range of revisions to findings about pages of the `key` bucket.
pub(super) fn name_keys(db: &Db<'_>, found: &mut Collector) {
    let Some(root) = db
        .bucket(b"key", &mut reported_by("bbolt::check"))
        .ok()
        .map(|bucket| bucket.root())
    else {
        return;
    };
    for finding in found.findings_mut() {
        let in_tree =
            finding.page_stack.first() == Some(&root.0) || finding.place.page == Some(root.0);
        let is_of_bbolt = bbolt::codes::ALL
            .iter()
            .any(|code| std::ptr::eq(*code, finding.code));
        if is_of_bbolt && in_tree && finding.place.file == *db.file().file() {
            name(db, finding);
        }
    }
}

fn name(db: &Db<'_>, finding: &mut Finding) {
    let Some(pgid) = finding.place.page else {
        return;
    };
    let page = db.page(Pgid(pgid)).ok();
    let leaf = page.filter(|page| page.header.page_type() == Some(PageType::Leaf));
    let items = leaf.iter().flat_map(Page::items).flatten();
    let keys = items
        .filter_map(|item| KeyValue::parse(item.value).ok())
        .map(|kv| kv.key);
    let mut known: HashSet<Vec<u8>> = finding.keys.iter().cloned().collect();
    for key in keys.filter(|key| !key.is_empty()) {
        if known.insert(key.to_vec()) {
            finding.keys.push(key.to_vec());
        }
    }
    let above = finding
        .page_stack
        .iter()
        .rev()
        .find(|&&above| above != pgid);
    if let Some(range) = above.and_then(|&above| range_of(&db.page(Pgid(above)).ok()?, pgid)) {
        finding.message = format!("{}; it holds {range}", finding.message);
    }
}

/// The revisions that a branch page says its child has.
fn range_of(parent: &Page<'_>, child: u64) -> Option<String> {
    let children: Vec<_> = parent.children().flatten().collect();
    let at = children
        .iter()
        .position(|element| element.pgid.0 == child)?;
    let revision = |at: usize| Some(StoredKey::parse(children.get(at)?.key).ok()?.revision);
    let first = revision(at)?;
    Some(match revision(at.saturating_add(1)) {
        Some(next) => format!("revisions {first} up to {next}"),
        None => format!("revisions from {first} on"),
    })
}

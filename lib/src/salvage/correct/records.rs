//! Records of the db that an entry of the log wrote otherwise: the log has a checksum, the db has none.

use super::super::label::Provenance;
use super::super::record::{Body, KeyRecord};
use super::super::{Point, Salvage, Sources};
use super::Correction;
use crate::bolt::{Bucket, Db, Item};
use crate::evidence::File;
use crate::member::Member;
use crate::mvcc::StoredKey;
use crate::progress::Progress;
use located::reported_by;

/// Of a hundred records that both have, the log may contradict so many: more are another history.
const MAX_CONTRADICTED: usize = 5;

/// Bytes of keys and messages that the log proves.
pub(super) fn of_records(
    member: &Member,
    db: &Db<'_>,
    file: &File,
    progress: &dyn Progress,
) -> Vec<Correction> {
    let sources = Sources::read([member], progress);
    let Ok(salvage) = sources.joined(Point::Acknowledged, progress) else {
        return Vec::new();
    };
    let is_confirmed = |record: &&KeyRecord| record.label == Provenance::DbLog;
    let confirmed = salvage.set.records.iter().filter(is_confirmed).count();
    let Ok(bucket) = db.bucket(b"key", &mut reported_by("bbolt::check")) else {
        return Vec::new();
    };
    if confirmed == 0 {
        return Vec::new();
    }
    let found = of_leaves(&bucket, file, &salvage);
    if found.len() * 100 > confirmed.saturating_mul(MAX_CONTRADICTED).max(100) {
        return Vec::new();
    }
    found
}

/// Bytes of the leaves of the bucket that differ from what an entry wrote.
fn of_leaves(bucket: &Bucket<'_>, file: &File, salvage: &Salvage<'_>) -> Vec<Correction> {
    let records = &salvage.set.records;
    let leaves = bucket.leaves(&mut reported_by("bbolt::check"));
    let at_edge = |leaf: Option<usize>, last: bool| {
        let page = leaves.get(leaf?)?;
        let item = match last {
            true => page.item(page.count().checked_sub(1)?),
            false => page.item(0),
        };
        revision_of(&item.ok()?)
    };
    let mut found = Vec::new();
    for (number, page) in leaves.iter().enumerate() {
        let items: Vec<Item<'_>> = page.items().flatten().collect();
        for (at, item) in items.iter().enumerate() {
            let before = match at.checked_sub(1) {
                Some(before) => items.get(before).and_then(revision_of),
                None => at_edge(number.checked_sub(1), true),
            };
            let after = match items.get(at + 1) {
                Some(after) => revision_of(after),
                None => at_edge(number.checked_add(1), false),
            };
            let Some(record) = written(records, item, before, after) else {
                continue;
            };
            if !matches!(record.body, Body::Made(_)) {
                continue;
            }
            let key = record.stored_key().to_bytes();
            let message = salvage.set.message(record);
            found.extend(differing(file, item, &key, &message, record));
        }
    }
    found
}

fn revision_of(item: &Item<'_>) -> Option<StoredKey> {
    StoredKey::parse(item.key).ok()
}

/// The record that belongs at an item: that of its revision, or the only one between its neighbours.
fn written<'r>(
    records: &'r [KeyRecord],
    item: &Item<'_>,
    before: Option<StoredKey>,
    after: Option<StoredKey>,
) -> Option<&'r KeyRecord> {
    let own = revision_of(item);
    let between = |at: &StoredKey| {
        before.is_none_or(|before| before.revision < at.revision)
            && after.is_none_or(|after| at.revision < after.revision)
    };
    if let Some(own) = own.filter(between) {
        let found = records.binary_search_by_key(&own.revision, |record| record.revision);
        return records.get(found.ok()?);
    }
    let (before, after) = (before?, after?);
    let from = records.partition_point(|record| record.revision <= before.revision);
    let to = records.partition_point(|record| record.revision < after.revision);
    match records.get(from..to)? {
        [only] => Some(only),
        _ => None,
    }
}

/// The bytes from the first to the last that differ, if both are equally long.
fn differing(
    file: &File,
    item: &Item<'_>,
    key: &[u8],
    message: &[u8],
    record: &KeyRecord,
) -> Option<Correction> {
    if key.len() != item.key.len() || message.len() != item.value.len() {
        return None;
    }
    let stored = [item.key, item.value].concat();
    let right = [key, message].concat();
    let differs = |at: &usize| stored.get(*at) != right.get(*at);
    let first = (0..stored.len()).find(differs)?;
    let last = (0..stored.len()).rfind(differs)?;
    Some(Correction {
        file: file.relative().to_owned(),
        offset: item.offset.checked_add(first as u64)?,
        old: stored.get(first..=last)?.to_vec(),
        new: right.get(first..=last)?.to_vec(),
        proof: format!(
            "page {}: the entry of the log that wrote revision {} has its checksum, and wrote this",
            item.page, record.revision.main
        ),
    })
}

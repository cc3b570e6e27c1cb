//! A namespace that does not exist any more: what of it can be exported still.

use serde_json::Value;

use super::text;
use crate::member::{Objects, Reading};
use crate::mvcc::{KeyRange, Version};
use located::Error;

/// The objects of a namespace that was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeletedNamespace {
    /// How many of them have a version that is retained.
    pub objects: usize,
    /// The revision of the first of those deletions.
    pub first: i64,
    /// The revision after which its objects were deleted: that before the first of those deletions.
    pub since: i64,
    /// Its objects that were deleted before it was.
    pub earlier: Option<DeletedEarlier>,
}

/// Objects that were deleted while their namespace was not: by people, or by whoever emptied it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeletedEarlier {
    /// How many of them have a version that is retained.
    pub objects: usize,
    /// The revision of the first of those deletions.
    pub first: i64,
    /// That before it.
    pub since: i64,
}

/// Returns what is retained of a namespace that is deleted at a revision; `None` if it exists there, or if nothing is retained.
///
/// # Errors
/// As [`crate::mvcc::Keyspace::at`].
pub fn deleted_namespace(
    objects: &Objects<'_>,
    namespace: &str,
    revision: Option<i64>,
) -> Result<Option<DeletedNamespace>, Error> {
    let keyspace = objects.keyspace();
    let at = keyspace.at(revision)?;
    let mut deleted = Vec::new();
    let mut terminating = 0;
    for newest in keyspace.all(&KeyRange::all()).iter() {
        let Some(key) = objects.parse(newest.key) else {
            continue;
        };
        let is_namespace = key.path == "namespaces" && key.name == namespace;
        if !is_namespace && key.namespace != Some(namespace) {
            continue;
        }
        let records = keyspace.records_of(newest.key);
        let records: Vec<Version<'_>> = records
            .iter()
            .filter(|version| version.revision.main <= at)
            .collect();
        let Some(last) = records.last() else { continue };
        if !last.tombstone {
            match is_namespace {
                true => return Ok(None),
                false => continue,
            }
        }
        if records
            .iter()
            .rev()
            .nth(1)
            .is_some_and(|put| !put.tombstone)
        {
            deleted.push(last.revision.main);
        }
        if is_namespace {
            terminating = first_terminating(objects, &records);
        }
    }
    let (with_it, before): (Vec<i64>, Vec<i64>) =
        deleted.into_iter().partition(|at| *at >= terminating);
    let earlier = before.iter().min().map(|first| DeletedEarlier {
        objects: before.len(),
        first: *first,
        since: first.saturating_sub(1),
    });
    Ok(with_it.iter().min().map(|first| DeletedNamespace {
        objects: with_it.len(),
        first: *first,
        since: first.saturating_sub(1),
        earlier,
    }))
}

/// The first revision of the last generation of a namespace in which it is being deleted; 0 if none is retained.
fn first_terminating(objects: &Objects<'_>, records: &[Version<'_>]) -> i64 {
    let mut puts = records
        .iter()
        .rev()
        .skip(1)
        .take_while(|put| !put.tombstone);
    let is_terminating = |put: &&Version<'_>| {
        let object = objects.json(put, Reading::default()).unwrap_or(Value::Null);
        !text(&object, "/metadata/deletionTimestamp").is_empty()
    };
    let mut first = 0;
    while let Some(put) = puts.next().filter(|put| is_terminating(put)) {
        first = put.revision.main;
    }
    first
}

//! The keys with the largest values of the whole store.

use std::cmp::Reverse;

use super::{ObjectState, ObjectsAnswer, date, plain_row};
use crate::answers::clocks::Dating;
use crate::member::Objects;
use crate::mvcc::{KeyRange, Version};
use located::text::escape::{self, Charset};

/// Lists the `most` live keys with the largest values, the largest first.
///
/// # Errors
/// A sentence, if the revision is compacted or not yet written.
pub fn largest(
    objects: &Objects<'_>,
    revision: Option<i64>,
    most: usize,
    dating: Dating<'_>,
) -> Result<ObjectsAnswer, String> {
    let live = objects.keyspace().live(&KeyRange::all(), revision);
    let live = live.map_err(|error| error.to_string())?;
    let mut versions: Vec<Version<'_>> = live.iter().collect();
    let of = versions.len();
    versions.sort_by_key(|version| Reverse(version.stored_bytes));
    versions.truncate(most);
    let mut rows: Vec<_> = versions
        .into_iter()
        .map(|version| {
            let mut row = plain_row(objects, version, ObjectState::Live);
            row.namespace.clear();
            row.cells = vec![escape::bytes(version.key, Charset::default()).into_owned()];
            row
        })
        .collect();
    rows.sort_by_key(|row| Reverse(row.value_bytes));
    date(&mut rows, objects, dating);
    Ok(ObjectsAnswer {
        headings: vec!["KEY".to_owned()],
        namespaced: false,
        live: rows.len(),
        rows,
        now: None,
        of: Some(of),
    })
}

//! Reading the elements of etcd's own buckets: one that cannot be read becomes a finding, and the others are returned.

use crate::bolt::{Bucket, Db, Item};
use crate::codes::Code;
use located::{FileName, Place};
use located::{Finding, Sink};

/// Returns where the value of an element starts.
pub(crate) fn value_place(file: &FileName, item: &Item<'_>) -> Place {
    Place::at(file, item.offset.saturating_add(item.key.len() as u64)).on_page(item.page.0)
}

/// Calls `f` with every element of a bucket; with none if the db has no such bucket.
pub(crate) fn each<'a>(
    db: &Db<'a>,
    bucket: &[u8],
    sink: &mut Sink<'_>,
    f: &mut dyn FnMut(Item<'a>),
) {
    if let Ok(bucket) = db.bucket(bucket, sink) {
        each_of(&bucket, sink, f);
    }
}

/// Calls `f` with every element of a bucket, until their bytes exceed twice the size of the file: only overlapping elements do.
pub(crate) fn each_of<'a>(bucket: &Bucket<'a>, sink: &mut Sink<'_>, f: &mut dyn FnMut(Item<'a>)) {
    let mut left = bucket.db().file().len().saturating_mul(2);
    bucket.for_each(sink, &mut |item| {
        let bytes = item.key.len().saturating_add(item.value.len());
        if let Some(rest) = left.checked_sub(bytes) {
            left = rest;
            f(item);
        }
    });
}

/// Reports a value that cannot be parsed.
pub(crate) fn bad(
    sink: &mut Sink<'_>,
    code: &'static Code,
    place: Place,
    what: &str,
    seen: &[u8],
    expected: &str,
) {
    let finding = Finding::new(code, place, format!("{what} cannot be read"));
    sink(finding.seen(excerpt(seen), expected));
}

/// The first bytes of a value as text, escaped.
pub(crate) fn excerpt(value: &[u8]) -> String {
    const SHOWN: usize = 48;
    let shown = value.get(..SHOWN).unwrap_or(value).escape_ascii();
    match value.len() {
        0 => "no bytes".to_owned(),
        len if len > SHOWN => format!("{shown}… ({len} bytes)"),
        _ => shown.to_string(),
    }
}

/// Big-endian `u64` of exactly eight bytes.
pub(crate) fn u64_be(value: &[u8]) -> Option<u64> {
    value.try_into().ok().map(u64::from_be_bytes)
}

/// A JSON object; serde alone would take an array for one, too.
pub(crate) fn json_object<T: serde::de::DeserializeOwned>(value: &[u8]) -> Option<T> {
    let object = value.trim_ascii_start().starts_with(b"{");
    object.then(|| serde_json::from_slice(value).ok()).flatten()
}

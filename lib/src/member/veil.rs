//! Hiding secrets in bytes that are shown as they stand: pages of the db, entries of the log.
//!
//! What is hidden becomes `*`, so that every other byte keeps its place. Secret are the values that
//! [`mask`](crate::kubernetes::mask) hides, and the passwords of etcd's own users.

use std::ops::Range;

use memchr::memmem::{find, find_iter, rfind};

use crate::bolt::{Db, Page, PageType, Pgid};
use crate::kubernetes::key::Layout;
use crate::kubernetes::mask::is_secret;
use crate::mvcc::KeyValue;
use crate::raft::{Operation, Payload, Request};

/// What a hidden byte becomes.
const HIDDEN: u8 = b'*';

/// How a Secret's type stands in an envelope: field 1.2, six bytes.
const SECRET_KIND: &[u8] = b"\x12\x06Secret";

/// How bcrypt hashes begin.
const BCRYPT: [&[u8]; 3] = [b"$2a$", b"$2b$", b"$2y$"];

/// Pages before a page without a header that are asked whether it continues them.
const OVERFLOW: u64 = 4096;

/// Where secrets stand in the bytes of a page, its overflow run included. A page that continues another is judged by that
/// one, also when both are free; one whose beginning is gone by what it holds.
pub fn secrets_in_page(db: &Db<'_>, layout: &Layout, page: &Page<'_>) -> Vec<Range<usize>> {
    let own = page.header.id == page.pgid;
    if own && page.header.page_type() == Some(PageType::Leaf) {
        return in_leaf(layout, page, page.bytes.offset());
    }
    if own && page.header.page_type().is_some() {
        return Vec::new();
    }
    let head = (1..=OVERFLOW.min(page.pgid.0)).find_map(|back| {
        let head = db.page(Pgid(page.pgid.0.checked_sub(back)?)).ok()?;
        let reaches = head.header.id == head.pgid && u64::from(head.header.overflow) >= back;
        (reaches && head.header.page_type() == Some(PageType::Leaf)).then_some(head)
    });
    match head {
        Some(head) => in_leaf(layout, &head, page.bytes.offset()),
        None => by_marks(page.bytes.as_slice()),
    }
}

/// The secret values of a leaf, counted from the file offset `from`.
fn in_leaf(layout: &Layout, page: &Page<'_>, from: u64) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for item in page.items() {
        let Ok(item) = item else {
            // What cannot be taken apart may be anything.
            found.extend(by_marks(page.bytes.as_slice()));
            continue;
        };
        let Some(hidden) = in_message(layout, item.value) else {
            continue;
        };
        let value_at = item.offset.saturating_add(item.key.len() as u64);
        let place = |at: usize| {
            let at = value_at.saturating_add(at as u64).saturating_sub(from);
            usize::try_from(at).unwrap_or(usize::MAX)
        };
        // Nothing of it where the run that is shown begins behind it.
        found.push(place(hidden.start)..place(hidden.end));
    }
    found
}

/// The part of an item's value that is secret.
fn in_message(layout: &Layout, message: &[u8]) -> Option<Range<usize>> {
    if let Some(at) = BCRYPT.iter().find_map(|mark| find(message, mark)) {
        return Some(at..message.len());
    }
    let kv = KeyValue::parse(message).ok()?;
    if kv.value.is_empty() || !is_secret(layout, kv.key, kv.value) {
        return None;
    }
    let at = rfind(message, kv.value)?;
    Some(at..at.saturating_add(kv.value.len()))
}

/// Without structure: everything behind what looks like the beginning of a Secret.
fn by_marks(bytes: &[u8]) -> Vec<Range<usize>> {
    let marks = [
        SECRET_KIND,
        b"/secrets/",
        b"\"kind\":\"Secret\"",
        b"/bootstrap/",
    ];
    let first = marks.iter().filter_map(|mark| find(bytes, mark)).min();
    first.map(|at| at..bytes.len()).into_iter().collect()
}

/// Where secrets stand in the data of a log entry.
pub fn secrets_in_entry(layout: &Layout, payload: &Payload, data: &[u8]) -> Vec<Range<usize>> {
    if let Payload::Request(Request::Internal(request)) = payload {
        let login = matches!(
            request.operation(),
            Some(
                Operation::Authenticate(_)
                    | Operation::AuthUserAdd(_)
                    | Operation::AuthUserChangePassword(_)
            )
        );
        if login {
            return std::iter::once(0..data.len()).collect();
        }
    }
    if matches!(
        payload,
        Payload::Undecodable(_) | Payload::Request(Request::Undecodable(_))
    ) {
        return by_marks(data);
    }
    let mut found = Vec::new();
    for put in payload.puts() {
        if !put.value.is_empty() && is_secret(layout, &put.key, &put.value) {
            let places = find_iter(data, &put.value);
            found.extend(places.map(|at| at..at.saturating_add(put.value.len())));
        }
    }
    found
}

/// The bytes with those ranges hidden, and how many bytes that were.
pub fn veiled(bytes: &[u8], secrets: &[Range<usize>]) -> (Vec<u8>, usize) {
    let mut shown = bytes.to_vec();
    let mut hidden = 0;
    for range in secrets {
        let range = range.start.min(shown.len())..range.end.min(shown.len());
        if let Some(part) = shown.get_mut(range) {
            hidden += part.len();
            part.fill(HIDDEN);
        }
    }
    (shown, hidden)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hidden_range_keeps_every_other_byte_in_its_place() {
        let ranges = [2..4, 6..99];
        assert_eq!(veiled(b"abcdefgh", &ranges), (b"ab**ef**".to_vec(), 4));
    }

    #[test]
    fn bytes_without_structure_are_hidden_from_the_first_mark_on() {
        let bytes = b"k8s\0\x0a\x0c\x0a\x02v1\x12\x06Secret\x12\x05hello";
        let ranges = by_marks(bytes);
        let (shown, hidden) = veiled(bytes, &ranges);
        assert!(hidden > 5 && shown.starts_with(b"k8s\0"));
        assert!(find(&shown, b"hello").is_none());
    }
}

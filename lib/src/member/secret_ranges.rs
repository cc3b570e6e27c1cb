//! Hiding secrets in raw bytes: pages of the db, entries of the log.
//!
//! What is hidden becomes `*`, so that every other byte keeps its place. Secret are the values that
//! [`mask`](crate::kubernetes::mask) hides, and the passwords of etcd's own users.

use std::ops::Range;

use memchr::memmem::{find, find_iter, rfind};

use crate::bolt::{Db, MAGIC, Page, PageType, Pgid};
use crate::kubernetes::key::Layout;
use crate::kubernetes::mask::{is_secret, secret_places};
use crate::mvcc::KeyValue;
use crate::raft::{Operation, Payload, Request};
use located::Bytes;

/// What a hidden byte becomes.
const HIDDEN: u8 = b'*';

/// A Secret's type in an envelope: field 1.2, six bytes.
const SECRET_KIND: &[u8] = b"\x12\x06Secret";

/// How bcrypt hashes begin.
const BCRYPT: [&[u8]; 3] = [b"$2a$", b"$2b$", b"$2y$"];

/// Pages before a page without a header that are asked whether it continues them.
const OVERFLOW: u64 = 4096;

/// Returns where secrets are in the bytes of a page, its overflow run included. A page that continues another is judged by that
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
        let value_at = item.offset.saturating_add(item.key.len() as u64);
        let place = |at: usize| {
            let at = value_at.saturating_add(at as u64).saturating_sub(from);
            usize::try_from(at).unwrap_or(usize::MAX)
        };
        // Nothing of it if the shown run starts after it.
        let hidden = in_message(layout, item.value).into_iter();
        found.extend(hidden.map(|hidden| place(hidden.start)..place(hidden.end)));
    }
    found
}

/// The parts of an item's value that are secret.
fn in_message(layout: &Layout, message: &[u8]) -> Vec<Range<usize>> {
    if let Some(at) = BCRYPT.iter().find_map(|mark| find(message, mark)) {
        return std::iter::once(at..message.len()).collect();
    }
    let Ok(kv) = KeyValue::parse(message) else {
        return Vec::new();
    };
    let Some(at) = rfind(message, kv.value).filter(|_| !kv.value.is_empty()) else {
        return Vec::new();
    };
    secrets_in_value(layout, kv.key, kv.value)
        .into_iter()
        .map(|place| at.saturating_add(place.start)..at.saturating_add(place.end))
        .collect()
}

/// Returns where secrets are in a stored value: all of it, or what the mask hides in it.
pub fn secrets_in_value(layout: &Layout, key: &[u8], value: &[u8]) -> Vec<Range<usize>> {
    match is_secret(layout, key, value) {
        true => std::iter::once(0..value.len()).collect(),
        false => secret_places(value),
    }
}

/// Without structure: everything after what looks like the start of a Secret.
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

/// Returns where secrets are in the data of a log entry.
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
        if put.value.is_empty() {
            continue;
        }
        let secrets = secrets_in_value(layout, &put.key, &put.value);
        for at in find_iter(data, &put.value) {
            let place = |secret: &Range<usize>| {
                at.saturating_add(secret.start)..at.saturating_add(secret.end)
            };
            found.extend(secrets.iter().map(place));
        }
    }
    found
}

/// Returns where stored content may be in a range of a file that could not be read as a whole, counted from its start.
///
/// Zeros are left out, and what is structure by its place: the fields of the metas, the header of a page that knows its own number, a
/// WAL frame's length word at `at`, the head of a `.snap`. Everything else may be a value, or a part of one.
pub fn content_in(file: &Bytes<'_>, range: Range<usize>, at: usize) -> Vec<Range<usize>> {
    let known = structure_near(file, &range, at);
    let mut found: Vec<Range<usize>> = Vec::new();
    for (number, byte) in range.clone().enumerate() {
        let zero = file.as_slice().get(byte).is_none_or(|byte| *byte == 0);
        if zero || known.iter().any(|known| known.contains(&byte)) {
            continue;
        }
        let end = number.saturating_add(1);
        match found.last_mut().filter(|last| last.end == number) {
            Some(last) => last.end = end,
            None => found.push(number..end),
        }
    }
    found
}

/// Ranges of the file that are structure.
fn structure_near(file: &Bytes<'_>, range: &Range<usize>, at: usize) -> Vec<Range<usize>> {
    const META_END: usize = 80;
    const PAGE_HEADER: usize = 16;
    let word = |at| file.u64(at, "word").unwrap_or_default();
    let name = file.file().as_str();
    let is_db = file.u32(16, "meta.magic").is_ok_and(|magic| magic == MAGIC);
    let size = file
        .u32(24, "meta.page_size")
        .map_or(0, |size| size as usize);
    let mut known = Vec::new();
    if is_db && size.is_power_of_two() && size >= 512 {
        let mut page = range.start / size * size;
        while page < range.end {
            if word(page) == (page / size) as u64 {
                let long = if page / size < 2 {
                    META_END
                } else {
                    PAGE_HEADER
                };
                known.push(page..page.saturating_add(long));
            }
            page = page.saturating_add(size);
        }
    } else if name.ends_with(".wal") && at.is_multiple_of(8) {
        // The middle bytes of a length are zero; content that happens to be there is not.
        let is_length = word(at) & 0x00ff_ffff_e000_0000 == 0;
        known.extend(is_length.then_some(at..at.saturating_add(8)));
    } else if name.ends_with(".snap") {
        known.push(0..PAGE_HEADER);
    }
    known
}

/// Returns the bytes with those ranges hidden, and the number of hidden bytes.
pub fn mask_ranges(bytes: &[u8], secrets: &[Range<usize>]) -> (Vec<u8>, usize) {
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
        assert_eq!(mask_ranges(b"abcdefgh", &ranges), (b"ab**ef**".to_vec(), 4));
    }

    #[test]
    fn around_an_unreadable_place_only_structure_is_shown() {
        let mut db = vec![b's'; 4 * 512];
        db[16..20].copy_from_slice(&MAGIC.to_le_bytes());
        db[24..28].copy_from_slice(&512u32.to_le_bytes());
        db[..8].fill(0);
        db[1024..1032].copy_from_slice(&2u64.to_le_bytes());
        let name = located::FileName::new("db");
        let file = Bytes::new(&name, 0, &db);
        let hidden = |file: &Bytes<'_>, range, at| -> Vec<(usize, usize)> {
            let ranges = content_in(file, range, at).into_iter();
            ranges.map(|range| (range.start, range.end)).collect()
        };
        assert_eq!(hidden(&file, 0..32, 16), []);
        // After the fields of a meta, and after a header.
        assert_eq!(hidden(&file, 64..96, 64), [(16, 32)]);
        assert_eq!(hidden(&file, 1008..1048, 1024), [(0, 16), (32, 40)]);
        // A page that continues another has no header, whatever its bytes are.
        assert_eq!(hidden(&file, 1536..1568, 1536), [(0, 32)]);
        let name = located::FileName::new("member/wal/0-0.wal");
        let log = [&[0u8; 8][..], b"secret!!", &[0; 8]].concat();
        let file = Bytes::new(&name, 0, &log);
        assert_eq!(hidden(&file, 0..24, 16), [(8, 16)]);
        assert_eq!(hidden(&file, 0..24, 8), [(8, 16)]);
    }

    #[test]
    fn bytes_without_structure_are_hidden_from_the_first_mark_on() {
        let bytes = b"k8s\0\x0a\x0c\x0a\x02v1\x12\x06Secret\x12\x05hello";
        let ranges = by_marks(bytes);
        let (shown, hidden) = mask_ranges(bytes, &ranges);
        assert!(hidden > 5 && shown.starts_with(b"k8s\0"));
        assert!(find(&shown, b"hello").is_none());
    }
}

//! Records in bytes of which no page can be trusted: found by their own form.
//!
//! ```text
//!  stored key: main u64 BE ┊ '_' ┊ sub u64 BE ┊ 't' of a tombstone
//!  directly after it: mvccpb.KeyValue 0a key 10 create 18 mod 20 version 2a value 30 lease
//! ```
//! bbolt stores the value of an element directly after its key, and etcd's encoding says itself where it ends. So a record is
//! found wherever it is: in a page of any size and use, in an overflow page whose first page was used again, in a piece of a
//! file that does not begin at a page. Source: bbolt `page.go`, v1.3.11; `mvccpb.KeyValue.MarshalToSizedBuffer`,
//! `api/mvccpb/kv.pb.go`, v3.5.30.

use std::ops::Range;

use super::geometry::Geometry;
use crate::mvcc::{KeyValue, Revision, StoredKey};
use located::wire;

/// Length of the main revision, which precedes the separator.
const MAIN_BYTES: usize = 8;
/// Length of the stored key of a value.
const KEY_BYTES: usize = 17;
/// The mark that the stored key of a tombstone ends with.
const MARK: u8 = b't';
/// The tag of field 1 of a KeyValue, which every record begins with.
const KEY_TAG: u8 = 0x0a;

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FoundRecord {
    /// Where its stored key begins.
    pub(super) at: usize,
    pub(super) revision: Revision,
    pub(super) tombstone: bool,
    /// Its message.
    pub(super) message: Range<usize>,
}

/// Calls `each` with every record of the range, in the order of the bytes; stops if it answers `false`. Linear in the length
/// of the range: a candidate costs the same however long it says that its value is.
pub(super) fn scan(
    image: &[u8],
    range: Range<usize>,
    geometry: Option<&Geometry>,
    each: &mut dyn FnMut(FoundRecord) -> bool,
) {
    let mut next = range.start;
    let end = range.end.min(image.len());
    let Some(bytes) = image.get(range.start..end) else {
        return;
    };
    for hit in memchr::memchr_iter(b'_', bytes) {
        let separator = range.start.saturating_add(hit);
        let Some(at) = separator.checked_sub(MAIN_BYTES).filter(|at| *at >= next) else {
            continue;
        };
        let Some(found) = record_at(image, at) else {
            continue;
        };
        let whole = at..found.message.end;
        if geometry.is_some_and(|geometry| geometry.is_overwritten(&whole)) {
            continue;
        }
        next = found.message.end;
        if !each(found) {
            return;
        }
    }
}

/// The record whose stored key begins at an offset.
fn record_at(image: &[u8], at: usize) -> Option<FoundRecord> {
    let key: &[u8; KEY_BYTES] = image.get(at..)?.first_chunk()?;
    // Revisions below 2^56, and below 2^32 changes of one transaction: what etcd can have written.
    if key[0] != 0 || key[9..13] != [0; 4] {
        return None;
    }
    let after = at.checked_add(KEY_BYTES)?;
    let (key_bytes, tombstone) = match image.get(after..)? {
        [KEY_TAG, ..] => (KEY_BYTES, false),
        [MARK, KEY_TAG, ..] => (KEY_BYTES + 1, true),
        _ => return None,
    };
    let message_at = at.checked_add(key_bytes)?;
    let stored = StoredKey::parse(image.get(at..message_at)?).ok()?;
    let rest = image.get(message_at..)?;
    let len = message_bytes(rest, tombstone)?;
    let message = KeyValue::parse(rest.get(..len)?).ok()?;
    let main = stored.revision.main;
    let sound = main > 0
        && message.canonical
        && !message.key.is_empty()
        && message.is_sound_at(main, tombstone);
    sound.then(|| FoundRecord {
        at,
        revision: stored.revision,
        tombstone,
        message: message_at..message_at.saturating_add(len),
    })
}

/// The length of the message at the start of `bytes`, as etcd encodes it: each field once, in ascending order.
fn message_bytes(bytes: &[u8], tombstone: bool) -> Option<usize> {
    let mut at = field_end(bytes, 0, KEY_TAG)?;
    if tombstone {
        // A tombstone is the key alone: what follows is the next record, or zeros.
        return (bytes.get(at) != Some(&0x10)).then_some(at);
    }
    for tag in [0x10, 0x18, 0x20] {
        at = field_end(bytes, at, tag)?;
    }
    for tag in [0x2a, 0x30] {
        if bytes.get(at) == Some(&tag) {
            at = field_end(bytes, at, tag)?;
        }
    }
    Some(at)
}

/// The offset after the field with this tag at `at`; `None` if another one is there or it passes the end.
fn field_end(bytes: &[u8], at: usize, tag: u8) -> Option<usize> {
    let (seen, rest) = bytes.get(at..)?.split_first()?;
    if *seen != tag {
        return None;
    }
    let (number, len) = wire::varint(rest).ok()?;
    let after = at.checked_add(1)?.checked_add(len)?;
    let end = match tag & 7 {
        2 => after.checked_add(usize::try_from(number).ok()?)?,
        _ => after,
    };
    (end <= bytes.len()).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(main: i64, sub: i64, key: &[u8], value: &[u8]) -> Vec<u8> {
        let stored = StoredKey {
            revision: Revision::new(main, sub),
            tombstone: false,
        };
        let message = KeyValue {
            key,
            create_revision: main,
            mod_revision: main,
            version: 1,
            value,
            ..KeyValue::default()
        };
        [stored.to_bytes(), message.to_bytes()].concat()
    }

    fn tombstone(main: i64, key: &[u8]) -> Vec<u8> {
        let stored = StoredKey {
            revision: Revision::new(main, 0),
            tombstone: true,
        };
        let message = KeyValue {
            key,
            ..KeyValue::default()
        };
        [stored.to_bytes(), message.to_bytes()].concat()
    }

    fn found(image: &[u8]) -> Vec<(i64, bool, Vec<u8>)> {
        let mut all = Vec::new();
        scan(image, 0..image.len(), None, &mut |record| {
            let kv = KeyValue::parse(&image[record.message.clone()]).unwrap();
            all.push((record.revision.main, record.tombstone, kv.key.to_vec()));
            true
        });
        all
    }

    #[test]
    fn records_are_found_at_any_offset_and_directly_after_each_other() {
        let records = [
            record(7, 0, b"a", b"_value_with_separators_"),
            tombstone(8, b"a"),
            record(9, 3, b"b", b""),
            record(10, 0, b"c", b"3"),
        ]
        .concat();
        for shift in 0..9 {
            let image = [vec![0xaa; shift], records.clone(), vec![0; 3]].concat();
            let keys = [
                (7, false, b"a".to_vec()),
                (8, true, b"a".to_vec()),
                (9, false, b"b".to_vec()),
                (10, false, b"c".to_vec()),
            ];
            assert_eq!(found(&image), keys, "shifted by {shift}");
        }
    }

    #[test]
    fn a_record_inside_of_a_value_is_a_value() {
        let inner = record(5, 0, b"inner", b"1");
        let image = record(9, 0, b"outer", &inner);
        assert_eq!(found(&image), [(9, false, b"outer".to_vec())]);
    }

    #[test]
    fn a_cut_record_and_one_whose_numbers_disagree_are_not_listed() {
        let whole = record(9, 0, b"k", b"0123456789");
        assert_eq!(found(&whole[..whole.len() - 1]), []);
        let mut other = whole;
        other[7] = 8;
        assert_eq!(found(&other), []);
    }

    #[test]
    fn a_value_that_another_page_has_overwritten_is_not_listed() {
        let mut image = vec![0u8; 3 * 4096];
        let long = record(9, 0, b"k", &[b'x'; 5000]);
        image[4096 - 40..4096 - 40 + long.len()].copy_from_slice(&long);
        let geometry =
            Geometry::with_pages(&image, std::slice::from_ref(&(0..image.len())), 4096, 0);
        let mut count = 0;
        let mut each = |_| {
            count += 1;
            true
        };
        scan(&image, 0..image.len(), Some(&geometry), &mut each);
        // Page 1 was used again: its header is within the value.
        image[4096..4112].copy_from_slice(&[1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 0, 0, 0, 0]);
        let geometry =
            Geometry::with_pages(&image, std::slice::from_ref(&(0..image.len())), 4096, 0);
        scan(&image, 0..image.len(), Some(&geometry), &mut each);
        assert_eq!(count, 1);
    }
}

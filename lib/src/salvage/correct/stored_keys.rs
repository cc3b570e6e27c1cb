//! Keys of records in a leaf of bucket `key`: the message says its revision too, and the leaf is in the order of its keys.

use super::Correction;
use crate::bolt::{Item, Page};
use crate::evidence::File;
use crate::mvcc::{KeyValue, StoredKey};

/// Length of the main revision and the separator, which the message proves; the sub revision after them is in no message.
const PROVEN_BYTES: usize = 9;

/// Keys of which one byte is wrong, by the message of their own record and the keys before and after it.
pub(super) fn of_leaf(file: &File, page: &Page<'_>) -> Vec<Correction> {
    let items: Vec<Item<'_>> = page.items().take(page.capacity()).flatten().collect();
    let key = |at: Option<usize>| at.and_then(|at| items.get(at)).map(|item| item.key);
    let mut found = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let Some((right, message)) = by_message(item) else {
            continue;
        };
        let (before, after) = (key(at.checked_sub(1)), key(at.checked_add(1)));
        let follows = before.is_none_or(|before| before < right.as_slice());
        let precedes = after.is_none_or(|after| right.as_slice() < after);
        let wrong: Vec<usize> = (0..right.len())
            .filter(|byte| right.get(*byte) != item.key.get(*byte))
            .collect();
        let ([byte], true, true, true) = (
            wrong.as_slice(),
            follows,
            precedes,
            before.is_some() || after.is_some(),
        ) else {
            continue;
        };
        let byte_of = |key: &[u8]| key.get(*byte).copied().unwrap_or(0);
        found.push(Correction {
            file: file.relative().to_owned(),
            offset: item.offset.saturating_add(*byte as u64),
            old: vec![byte_of(item.key)],
            new: vec![byte_of(&right)],
            proof: format!(
                "page {}, element {at}: the record says that it is of revision {}, and with this key it is between its neighbours",
                page.pgid, message.mod_revision
            ),
        });
    }
    found
}

/// The key that the message of a record asks for, if it is not the one that the record has.
fn by_message<'a>(item: &Item<'a>) -> Option<(Vec<u8>, KeyValue<'a>)> {
    // A tombstone has the mark after its key, and no revision in its message.
    let own: &[u8; 17] = item.key.try_into().ok()?;
    let message = KeyValue::parse(item.value).ok()?;
    let main = message.mod_revision;
    if !message.canonical || message.key.is_empty() || !message.is_sound_at(main, false) {
        return None;
    }
    let mut right = own.to_vec();
    let mut proven = main.to_be_bytes().to_vec();
    proven.push(b'_');
    right.get_mut(..PROVEN_BYTES)?.copy_from_slice(&proven);
    let is_key = StoredKey::parse(&right).is_ok();
    (is_key && right != own).then_some((right, message))
}

//! Headers and elements of pages that the tree reaches: the element array, the keys and the lengths prove each other.

use std::collections::HashSet;

use super::Correction;
use crate::bolt::{Db, LeafExtent, Page, PageType, Pgid, freelist};
use crate::evidence::File;
use crate::mvcc::{KeyValue, StoredKey};
use located::reported_by;

/// Bytes of a leaf element, and of the header before the first.
const ELEMENT_BYTES: usize = 16;
/// `flags` of a leaf page.
const LEAF: u16 = 0x02;
/// Offset of `flags`, `count` and `overflow` in the header of a page.
const FLAGS_AT: u64 = 8;
const COUNT_AT: u64 = 10;
const OVERFLOW_AT: u64 = 12;

/// Headers and elements of leaf pages.
pub(super) fn of_pages(db: &Db<'_>, file: &File) -> Vec<Correction> {
    let mut found = Vec::new();
    let reached = reached(db);
    let mut owned: HashSet<u64> = reached.iter().map(|pgid| pgid.0).collect();
    let free = freelist::stored(db).ok().flatten().unwrap_or_default();
    owned.extend(free.iter().map(|pgid| pgid.0));
    let placed = placed(db);
    for pgid in reached {
        let Ok(page) = db.page(pgid) else { continue };
        if page.header.page_type() == Some(PageType::Branch) {
            continue;
        }
        // What was written to a wrong place follows each other as well, but not the page before it.
        if page.header.id != pgid && !placed.contains(&pgid) {
            continue;
        }
        found.extend(super::stored_keys::of_leaf(file, &page));
        match page.leaf_by_elements() {
            Some(leaf) => header(db, file, &page, leaf, &owned, &mut found),
            None => found.extend(element(file, &page)),
        }
    }
    found
}

/// Pages that buckets and branches name.
pub(super) fn reached(db: &Db<'_>) -> Vec<Pgid> {
    let mut reached = vec![db.meta().root];
    for (_, bucket) in db.buckets(&mut reported_by("bbolt::check")) {
        if bucket.inline().is_none() {
            reached.push(bucket.root());
            bucket.walk(&mut reported_by("bbolt::check"), &mut |visit| {
                if visit.page.header.page_type() == Some(PageType::Branch) {
                    reached.extend(visit.page.children().flatten().map(|child| child.pgid));
                }
            });
        }
    }
    reached.sort_unstable();
    reached.dedup();
    reached.retain(|pgid| pgid.0 >= 2);
    reached
}

/// Pages whose keys are between those that their parents leave for them.
fn placed(db: &Db<'_>) -> HashSet<Pgid> {
    let mut placed = HashSet::new();
    let sink = &mut reported_by("bbolt::check");
    db.root().walk(sink, &mut |visit| {
        placed.insert(visit.page.pgid);
    });
    for (_, bucket) in db.buckets(sink) {
        bucket.walk(&mut reported_by("bbolt::check"), &mut |visit| {
            placed.insert(visit.page.pgid);
        });
    }
    placed
}

fn header(
    db: &Db<'_>,
    file: &File,
    page: &Page<'_>,
    leaf: LeafExtent,
    owned: &HashSet<u64>,
    found: &mut Vec<Correction>,
) {
    let (pgid, at, elements) = (page.pgid, page.bytes.offset(), leaf.elements);
    let mut push = |offset: u64, old: &[u8], new: &[u8], proof: String| {
        found.push(Correction {
            file: file.relative().to_owned(),
            offset: at.saturating_add(offset),
            old: old.to_vec(),
            new: new.to_vec(),
            proof,
        });
    };
    let header = page.header;
    if header.id != pgid {
        let (old, new) = (header.id.0.to_le_bytes(), pgid.0.to_le_bytes());
        let proof = format!(
            "page {pgid} is part of the tree, and all {elements} elements of the leaf there follow each other, between the keys that its parent leaves for it"
        );
        push(0, &old, &new, proof);
    }
    if header.page_type() != Some(PageType::Leaf) {
        let proof = format!(
            "page {pgid} is part of the tree, and its {elements} elements follow each other as those of a leaf do"
        );
        push(
            FLAGS_AT,
            &header.flags.to_le_bytes(),
            &LEAF.to_le_bytes(),
            proof,
        );
    }
    if elements != header.count {
        let proof = format!(
            "page {pgid}: the element array ends where the first key begins, after {elements} elements, and every element follows the one before"
        );
        push(
            COUNT_AT,
            &header.count.to_le_bytes(),
            &elements.to_le_bytes(),
            proof,
        );
    }
    if let Some((right, proof)) = overflow(db, page, leaf, owned) {
        let (old, new) = (header.overflow.to_le_bytes(), right.to_le_bytes());
        push(OVERFLOW_AT, &old, &new, proof);
    }
}

/// The overflow that a leaf needs, if it claims pages that are not its own, and the proof. Pages that it does not need are no
/// damage, unless they are those of another page, of the free list, or none.
fn overflow(
    db: &Db<'_>,
    page: &Page<'_>,
    leaf: LeafExtent,
    owned: &HashSet<u64>,
) -> Option<(u32, String)> {
    let (pgid, elements) = (page.pgid, leaf.elements);
    let page_size = usize::try_from(db.page_size()).unwrap_or(4096);
    let pages = leaf.bytes.div_ceil(page_size);
    let overflow = u32::try_from(pages.saturating_sub(1)).unwrap_or(0);
    let last = pgid.0.saturating_add(page.header.overflow.into());
    let first = pgid.0.saturating_add(overflow.into()).saturating_add(1);
    let claimed = (first..=last.min(db.pages())).find(|page| owned.contains(page));
    let claimed = claimed.or((last >= db.pages()).then_some(last))?;
    let (elements, end) = match elements {
        1 => ("1 element".to_owned(), "ends"),
        count => (format!("{count} elements"), "follow each other and end"),
    };
    Some((
        overflow,
        format!(
            "page {pgid}: its {elements} {end} after {} bytes, and page {claimed} is not its own",
            leaf.bytes
        ),
    ))
}

/// Fields of the element of a leaf of bucket `key`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ElementHeader {
    flags: u32,
    pos: u32,
    key: u32,
    value: u32,
}

/// The one field of one element that is wrong in a leaf of records: every record must follow the one before it without room
/// between, have a key of 17 or 18 bytes, and a message that decodes. `None` if another number of fields is wrong.
fn element(file: &File, page: &Page<'_>) -> Option<Correction> {
    let count = page.count();
    let elements: Vec<ElementHeader> = (0..count)
        .map(|index| {
            let field = |at: usize| {
                let at = ELEMENT_BYTES + index * ELEMENT_BYTES + at;
                page.bytes.u32(at, "leafPageElement").ok()
            };
            Some(ElementHeader {
                flags: field(0)?,
                pos: field(4)?,
                key: field(8)?,
                value: field(12)?,
            })
        })
        .collect::<Option<_>>()?;
    let start = |index: usize| {
        elements
            .get(index)
            .map(|e| index * ELEMENT_BYTES + e.pos as usize)
    };
    let mut next = count * ELEMENT_BYTES;
    let mut wrong = None;
    for (index, own) in elements.iter().enumerate() {
        let right = right_element(page, *own, index, next, start(index + 1))?;
        if right != *own && wrong.replace((index, *own, right)).is_some() {
            return None;
        }
        next = next
            .checked_add(right.key as usize)?
            .checked_add(right.value as usize)?;
    }
    let (index, own, right) = wrong?;
    let fields = [
        (0u64, "flags", own.flags, right.flags),
        (4, "pos", own.pos, right.pos),
        (8, "ksize", own.key, right.key),
        (12, "vsize", own.value, right.value),
    ];
    let mut changed = fields.iter().filter(|(_, _, old, new)| old != new);
    let (offset, name, old, new) = *changed.next()?;
    if changed.next().is_some() {
        return None;
    }
    let at = (ELEMENT_BYTES + index * ELEMENT_BYTES) as u64;
    Some(Correction {
        file: file.relative().to_owned(),
        offset: page
            .bytes
            .offset()
            .saturating_add(at)
            .saturating_add(offset),
        old: old.to_le_bytes().to_vec(),
        new: new.to_le_bytes().to_vec(),
        proof: format!(
            "page {}, element {index}: with this {name} every record of the page follows the one before it and decodes",
            page.pgid
        ),
    })
}

/// What an element has to be that begins at `next`, counted from the end of the page's header.
fn right_element(
    page: &Page<'_>,
    own: ElementHeader,
    index: usize,
    next: usize,
    follower: Option<usize>,
) -> Option<ElementHeader> {
    let pos = u32::try_from(next.checked_sub(index * ELEMENT_BYTES)?).ok()?;
    let decodes = |key: u32, value: u32| {
        let at = ELEMENT_BYTES.checked_add(next)?;
        let bytes = page.bytes.as_slice();
        let end = at.checked_add(key as usize)?;
        let stored = StoredKey::parse(bytes.get(at..end)?).ok()?;
        let message = bytes.get(end..end.checked_add(value as usize)?)?;
        let message = KeyValue::parse(message).ok()?;
        message
            .is_sound_at(stored.revision.main, stored.tombstone)
            .then_some((key, value))
    };
    let room = follower.and_then(|follower| u32::try_from(follower.checked_sub(next)?).ok());
    let by_room = |key: u32| decodes(key, room?.checked_sub(key)?);
    // Nothing follows the last element: its value is as long as it says.
    let is_last = follower.is_none();
    let by_value = |key: u32| is_last.then(|| decodes(key, own.value)).flatten();
    let (key, value) = decodes(own.key, own.value)
        .or_else(|| by_room(17))
        .or_else(|| by_room(18))
        .or_else(|| by_value(17))
        .or_else(|| by_value(18))?;
    Some(ElementHeader {
        flags: 0,
        pos,
        key,
        value,
    })
}

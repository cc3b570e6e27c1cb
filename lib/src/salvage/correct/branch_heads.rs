//! Headers of branch pages: the children that the elements name prove that the page is a branch, and which one.

use super::Correction;
use crate::bolt::{Db, Page, PageType, Pgid};
use crate::evidence::File;

/// Bytes of a branch element.
const ELEMENT_BYTES: usize = 16;
/// `flags` of a branch page.
const BRANCH: u16 = 0x01;
/// Offsets of `flags` and `count` in the header of a page.
const FLAGS_AT: u64 = 8;
const COUNT_AT: u64 = 10;

/// Fields of the headers of branch pages among these pages, which the tree reaches.
pub(super) fn of_heads(db: &Db<'_>, file: &File, reached: &[Pgid]) -> Vec<Correction> {
    let mut found = Vec::new();
    for pgid in reached {
        let Ok(page) = db.page(*pgid) else { continue };
        let header = page.header;
        let kind = header.page_type();
        // A leaf has no children: it is proven by its own elements.
        if kind == Some(PageType::Leaf) {
            continue;
        }
        let elements = elements(&page);
        let is_regular = header.id == *pgid
            && kind == Some(PageType::Branch)
            && elements == Some(usize::from(header.count));
        let Some(count) = elements.filter(|_| !is_regular) else {
            continue;
        };
        let Some(count) = u16::try_from(count)
            .ok()
            .filter(|_| has_children(db, &page, count))
        else {
            continue;
        };
        let mut push = |offset: u64, old: &[u8], new: &[u8]| {
            if old != new {
                found.push(Correction {
                    file: file.relative().to_owned(),
                    offset: page.bytes.offset().saturating_add(offset),
                    old: old.to_vec(),
                    new: new.to_vec(),
                    proof: format!(
                        "page {pgid} is part of the tree, its element array ends where the first key begins, after {count} elements, and each of them names a page that begins with its key"
                    ),
                });
            }
        };
        push(0, &header.id.0.to_le_bytes(), &pgid.0.to_le_bytes());
        push(FLAGS_AT, &header.flags.to_le_bytes(), &BRANCH.to_le_bytes());
        push(COUNT_AT, &header.count.to_le_bytes(), &count.to_le_bytes());
    }
    found
}

/// The number of elements of a branch, by where its first key begins: the position counts from the element.
fn elements(page: &Page<'_>) -> Option<usize> {
    let first = page
        .bytes
        .u32(ELEMENT_BYTES, "branchPageElement.pos")
        .ok()?;
    let first = usize::try_from(first).ok()?;
    let is_array = first > 0 && first.is_multiple_of(ELEMENT_BYTES);
    let count = first.checked_div(ELEMENT_BYTES).filter(|_| is_array)?;
    (count <= page.capacity()).then_some(count)
}

/// Whether each of so many elements names another page that begins with its key, and the keys ascend.
fn has_children(db: &Db<'_>, page: &Page<'_>, count: usize) -> bool {
    let mut named = std::collections::HashSet::new();
    let mut last: Option<&[u8]> = None;
    for index in 0..count {
        let Ok(child) = page.child(index) else {
            return false;
        };
        let ascends = last.is_none_or(|last| last < child.key);
        last = Some(child.key);
        let is_other = child.pgid != page.pgid && named.insert(child.pgid);
        if !ascends || !is_other || first_key(db, child.pgid) != Some(child.key) {
            return false;
        }
    }
    true
}

/// The key with which a branch or a leaf begins, if it is at its place.
fn first_key<'a>(db: &Db<'a>, pgid: Pgid) -> Option<&'a [u8]> {
    let page = db.page(pgid).ok().filter(|page| page.header.id == pgid)?;
    match page.header.page_type()? {
        PageType::Leaf => Some(page.item(0).ok()?.key),
        PageType::Branch => Some(page.child(0).ok()?.key),
        _ => None,
    }
}

//! Which leaf pages are read, and how much of them: work in proportion to the file, whatever its pages claim.
//!
//! In a healthy file no two elements overlap. A hostile one can let every leaf claim the whole file as its overflow run and
//! every element the whole run as its value; reading that would cost quadratic time. So the runs of all leaves may
//! add up to twice the file, the elements of a page to twice its run, and the rest is skipped and counted.

use crate::bolt::{Item, Leaves, Page, Pgid};

/// Minimum bytes of an element of any bucket: its header and a key of one byte.
pub(crate) const ELEMENT_BYTES: usize = 16 + 1;
/// Minimum bytes of an element that can be a record: its header and a stored key.
pub(crate) const RECORD_BYTES: usize = 16 + super::revision::KEY_BYTES;

/// One leaf page that is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlannedLeaf {
    /// Its position among the leaves, in key order.
    pub(crate) index: usize,
    /// Its page.
    pub(crate) pgid: Pgid,
    /// Elements that are read.
    pub(crate) count: usize,
}

/// Returns the leaves in key order with the number of elements, of at least `least_bytes` each, that are read, and how many are not.
pub(crate) fn plan(
    leaves: &Leaves<'_>,
    file_bytes: usize,
    least_bytes: usize,
) -> (Vec<PlannedLeaf>, u64) {
    let mut left = file_bytes.saturating_mul(2);
    let mut skipped = 0;
    let mut planned = Vec::with_capacity(leaves.len());
    for (index, (pgid, claimed, bytes)) in
        (0..leaves.len()).filter_map(|index| Some((index, leaves.extent(index)?)))
    {
        let count = match left.checked_sub(bytes) {
            Some(rest) => {
                left = rest;
                claimed.min(bytes / least_bytes)
            }
            None => 0,
        };
        skipped += (claimed - count) as u64;
        planned.push(PlannedLeaf { index, pgid, count });
    }
    (planned, skipped)
}

/// Returns the elements of a page, until they add up to twice its run. An unreadable one, or one over that sum, is `None`.
pub(crate) fn bounded_items<'a>(
    page: &Page<'a>,
    count: usize,
) -> impl Iterator<Item = Option<Item<'a>>> + use<'a> {
    let page = *page;
    let mut left = page.bytes.len().saturating_mul(2);
    (0..count).map(move |index| {
        let item = page.item(index).ok()?;
        left = left.checked_sub(item.key.len() + item.value.len())?;
        Some(item)
    })
}

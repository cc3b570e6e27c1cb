//! Where the pages of a bbolt file begin, also if no meta page says so and the file is only a piece of one.

use std::collections::HashMap;
use std::ops::Range;

/// Sizes that a page can have: that of the memory pages of the machine that created the file.
const PAGE_SIZES: [u64; 7] = [1024, 2048, 4096, 8192, 16384, 32768, 65536];
/// Maximum number of page headers that are looked at to find the size of a page.
const MAX_HEADERS: usize = 1 << 16;
/// Page ids below this: 2^40 pages are more than any file system holds.
const ID_LIMIT: u64 = 1 << 40;
const HEADER_BYTES: usize = 16;

/// The pages of a file, or of a piece of one.
#[derive(Clone, Debug)]
pub(super) struct Geometry {
    page_size: u64,
    /// Where page 0 begins, relative to the first byte: negative in a piece.
    base: i64,
    /// Offsets of the pages whose header has their own id, ascending.
    heads: Vec<u64>,
}

impl Geometry {
    /// Pages of a known size that begin at a known offset.
    pub(super) fn with_pages(
        image: &[u8],
        extents: &[Range<usize>],
        page_size: u64,
        base: i64,
    ) -> Self {
        let mut geometry = Self {
            page_size,
            base,
            heads: Vec::new(),
        };
        let first = base.rem_euclid(i64::try_from(page_size).unwrap_or(i64::MAX));
        let first = usize::try_from(first).unwrap_or(usize::MAX);
        let page_bytes = usize::try_from(page_size).unwrap_or(usize::MAX).max(1);
        for extent in extents {
            // No page begins in a hole.
            let skipped = extent.start.saturating_sub(first).div_ceil(page_bytes);
            let start = first.saturating_add(skipped.saturating_mul(page_bytes));
            for offset in (start..extent.end.min(image.len())).step_by(page_bytes) {
                let own = geometry.page_of(offset);
                if header(image, offset).is_some_and(|(id, _)| Some(id) == own) {
                    geometry.heads.push(offset as u64);
                }
            }
        }
        geometry
    }

    /// Finds size and offset of the pages by the headers that agree about them; `None` if no two do.
    pub(super) fn infer(image: &[u8], extents: &[Range<usize>]) -> Option<Self> {
        let mut votes: HashMap<(u64, i64), u32> = HashMap::new();
        let mut seen = 0usize;
        // The last two bytes of an id below 2^48, the flags of a branch or leaf.
        let hits = |mark: &'static [u8; 4]| {
            extents.iter().flat_map(move |extent| {
                let data = image.get(extent.clone()).unwrap_or_default();
                let hits = memchr::memmem::find_iter(data, mark);
                hits.map(|hit| extent.start.saturating_add(hit))
            })
        };
        for hit in hits(b"\0\0\x02\0").chain(hits(b"\0\0\x01\0")) {
            let Some(at) = hit.checked_sub(6).filter(|at| starts_page(image, *at)) else {
                continue;
            };
            let Some((id, _)) = header(image, at) else {
                continue;
            };
            for size in PAGE_SIZES {
                let start = i64::try_from(id.saturating_mul(size)).unwrap_or(i64::MAX);
                let base = i64::try_from(at).unwrap_or(i64::MAX).saturating_sub(start);
                let count = votes.entry((size, base)).or_default();
                *count = count.saturating_add(1);
            }
            seen = seen.saturating_add(1);
            if seen >= MAX_HEADERS {
                break;
            }
        }
        let best = votes
            .into_iter()
            .filter(|(_, count)| *count > 1)
            .max_by_key(|((size, base), count)| (*count, std::cmp::Reverse((*size, *base))));
        best.map(|((size, base), _)| Self::with_pages(image, extents, size, base))
    }

    /// The page that an offset is on.
    pub(super) fn page_of(&self, at: usize) -> Option<u64> {
        let from = i64::try_from(at).ok()?.checked_sub(self.base)?;
        u64::try_from(from).ok()?.checked_div(self.page_size)
    }

    /// Whether a page begins within these bytes: then what followed its start was overwritten. bbolt writes whole runs of
    /// pages, and the first page of a run has a header with its own id.
    pub(super) fn is_overwritten(&self, bytes: &Range<usize>) -> bool {
        let after = self
            .heads
            .partition_point(|head| *head <= bytes.start as u64);
        self.heads
            .get(after)
            .is_some_and(|head| *head < bytes.end as u64)
    }
}

/// Id and flags of the page header at an offset, if they are of a known kind.
fn header(image: &[u8], at: usize) -> Option<(u64, u16)> {
    let bytes: &[u8; HEADER_BYTES] = image.get(at..)?.first_chunk()?;
    let (id, rest) = bytes.split_first_chunk::<8>()?;
    let id = u64::from_le_bytes(*id);
    let flags = u16::from_le_bytes(*rest.first_chunk()?);
    (id < ID_LIMIT && matches!(flags, 0x01 | 0x02 | 0x04 | 0x10)).then_some((id, flags))
}

/// Whether a branch or leaf begins here: the first key begins where the array of elements ends.
fn starts_page(image: &[u8], at: usize) -> bool {
    let Some(rest) = image.get(at..) else {
        return false;
    };
    let u16_at = |at: usize| {
        rest.get(at..)?
            .first_chunk()
            .map(|b| u16::from_le_bytes(*b))
    };
    let u32_at = |at: usize| {
        rest.get(at..)?
            .first_chunk()
            .map(|b| u32::from_le_bytes(*b))
    };
    let (Some((id, flags)), Some(count)) = (header(image, at), u16_at(10)) else {
        return false;
    };
    // leafPageElement is flags, pos, ksize, vsize; branchPageElement pos, ksize, pgid (bbolt `page.go`, v1.3.11).
    let pos = match flags {
        0x02 => u32_at(HEADER_BYTES + 4),
        0x01 => u32_at(HEADER_BYTES),
        _ => None,
    };
    id > 1 && count > 0 && pos == Some(u32::from(count) * 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn infer(image: &[u8]) -> Option<Geometry> {
        Geometry::infer(image, std::slice::from_ref(&(0..image.len())))
    }

    fn page(id: u64, size: usize) -> Vec<u8> {
        let mut page = vec![0u8; size];
        page[..8].copy_from_slice(&id.to_le_bytes());
        page[8] = 2;
        page[10] = 1;
        page[20] = 16;
        page
    }

    #[test]
    fn size_and_start_of_pages_are_found_in_a_piece_that_begins_anywhere() {
        for size in [4096usize, 8192, 16384, 65536] {
            let pages: Vec<u8> = [5, 6, 9, 8].iter().flat_map(|id| page(*id, size)).collect();
            for cut in [0, 1, 100, size - 3] {
                let geometry = infer(&pages[cut..]).unwrap();
                assert_eq!(geometry.page_size, size as u64);
                assert_eq!(geometry.page_of(2 * size - cut), Some(7), "cut at {cut}");
            }
        }
    }

    #[test]
    fn nothing_is_inferred_from_zeros_or_one_header() {
        assert!(infer(&[0; 10_000]).is_none());
        assert!(infer(&page(5, 4096)).is_none());
    }
}

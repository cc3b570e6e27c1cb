//! One branch or leaf page: bounds, packing, order, range, padding.

use crate::codes;
use crate::page::{BUCKET_FLAG, ELEMENT_BYTES, HEADER_BYTES, Page, PageType};
use located::Error;
use located::codes::Code;
use located::{Finding, Severity};

/// Checks a page of a tree (BOLT-011, 012, 013, 025) or an inline page (018).
///
/// Its keys must be `>=` the first bound and `<` the second. Returns at most one finding of each code: the first place, and
/// the number of occurrences.
pub fn page<'a>(
    page: &Page<'a>,
    bounds: (Option<&'a [u8]>, Option<&'a [u8]>),
    stack: &[u64],
    inline: bool,
) -> Vec<Finding> {
    let mut check = PageCheck {
        page,
        stack,
        inline,
        found: Vec::new(),
    };
    let (header, room) = (usize::from(page.header.count), page.count());
    if header > room {
        let message = format!("the header says {header} elements, the page has room for {room}");
        check.report(&codes::ELEMENT, 10, message);
    }
    if let Some(end) = check.hidden().or_else(|| check.elements(bounds)) {
        check.padding(end);
    }
    check.found
}

/// Reports elements that the header of a page does not count: no reader finds them.
pub(crate) fn elements_hidden(page: &Page<'_>) -> Option<Finding> {
    let hidden = page.hidden_elements();
    let place = page.bytes.place(HEADER_BYTES).on_page(page.pgid.0);
    let kind = page.header.page_type().map_or("unknown", PageType::as_str);
    let message = || {
        format!(
            "{kind} page {}: {}",
            page.pgid,
            hidden_message(page, hidden)
        )
    };
    (hidden > 0).then(|| Finding::new(&codes::ELEMENT, place, message()))
}

fn hidden_message(page: &Page<'_>, hidden: usize) -> String {
    let count = usize::from(page.header.count);
    let room = count.saturating_add(hidden);
    match (count, hidden) {
        (0, _) => format!(
            "the header says 0 elements, the element array has {room}: none of them is visible"
        ),
        (_, 1) => format!(
            "the header says {count} elements, the element array has {room}; the last one is invisible"
        ),
        _ => format!(
            "the header says {count} elements, the element array has {room}; the last {hidden} are invisible"
        ),
    }
}

/// One element: its key, where the key starts in the page, and the length of key and value.
struct CheckedElement<'a> {
    key: &'a [u8],
    start: usize,
    length: usize,
}

impl<'a> CheckedElement<'a> {
    fn read(page: &Page<'a>, index: usize, is_branch: bool) -> Result<Self, Error> {
        if is_branch {
            let child = page.child(index)?;
            let at = HEADER_BYTES + index * ELEMENT_BYTES;
            let pos = page.bytes.u32(at, "branchPageElement.pos")?;
            return Ok(Self {
                key: child.key,
                start: at + pos as usize,
                length: child.key.len(),
            });
        }
        let item = page.item(index)?;
        let start = item.offset.saturating_sub(page.bytes.offset());
        Ok(Self {
            key: item.key,
            start: usize::try_from(start).unwrap_or(usize::MAX),
            length: item.key.len() + item.value.len(),
        })
    }
}

/// The findings of one page so far.
struct PageCheck<'p, 'a> {
    page: &'p Page<'a>,
    stack: &'p [u64],
    inline: bool,
    found: Vec<Finding>,
}

impl<'a> PageCheck<'_, 'a> {
    /// Reports a leaf whose header says that it is empty, though its element array is not; returns where the last value ends.
    fn hidden(&mut self) -> Option<usize> {
        let header = self.page.header;
        if header.count != 0 || header.page_type() != Some(PageType::Leaf) {
            return None;
        }
        let leaf = self.page.leaf_by_elements()?;
        let message = hidden_message(self.page, leaf.elements.into());
        self.report(&codes::ELEMENT, 10, message);
        Some(leaf.bytes)
    }

    /// Checks every element; returns the offset after the last one, or `None` if that one cannot be read.
    fn elements(&mut self, bounds: (Option<&'a [u8]>, Option<&'a [u8]>)) -> Option<usize> {
        let page = self.page;
        let is_branch = page.header.page_type() == Some(PageType::Branch);
        // bbolt writes keys and values without gaps, right after the element array (WriteInodeToPage in
        // internal/common/inode.go, v1.4.3): a gap there means that the count or a length was changed.
        let mut end = Some(HEADER_BYTES + usize::from(page.header.count) * ELEMENT_BYTES);
        let mut last: Option<&[u8]> = None;
        for index in 0..page.count() {
            let at = HEADER_BYTES + index * ELEMENT_BYTES;
            let element = match CheckedElement::read(page, index, is_branch) {
                Ok(element) => element,
                Err(error) => {
                    self.report(&codes::ELEMENT, at, format!("element {index}: {error}"));
                    end = None;
                    continue;
                }
            };
            if let Some(end) = end.filter(|end| *end != element.start) {
                self.misplaced(index, at, end, element.start);
            }
            end = Some(element.start + element.length);
            if !is_branch {
                self.flags(index, at);
            }
            self.order(index, at, element.key, last, bounds);
            last = Some(element.key);
        }
        end
    }

    /// Reports an element whose key does not start where the element before it ends.
    fn misplaced(&mut self, index: usize, at: usize, expected: usize, start: usize) {
        let beyond = start.saturating_sub(expected);
        let message = if index == 0 && beyond > 0 && beyond.is_multiple_of(ELEMENT_BYTES) {
            // The element array has room for more elements than the header counts: those are invisible.
            hidden_message(self.page, beyond / ELEMENT_BYTES)
        } else {
            format!("element {index} starts at byte {start} of the page, expected {expected}")
        };
        self.report(&codes::ELEMENT, at, message);
    }

    fn flags(&mut self, index: usize, at: usize) {
        // bbolt tests only the lowest bit: IsBucketEntry in internal/common/page.go, v1.4.3.
        let flags = self.page.bytes.u32(at, "leafPageElement.flags");
        let flags = flags.unwrap_or(0);
        if flags & !BUCKET_FLAG != 0 {
            let message = format!("element {index} has flags {flags:#x}; bbolt writes 0 or 1");
            self.report(&codes::ELEMENT_FLAGS, at, message);
        }
    }

    /// Checks that a key is greater than the key before it and within the range of the parent.
    ///
    /// bbolt checks both when it opens a file without a stored freelist, and then panics: verifyKeyOrder in `tx_check.go`,
    /// v1.3.11.
    fn order(
        &mut self,
        index: usize,
        at: usize,
        key: &[u8],
        last: Option<&[u8]>,
        bounds: (Option<&[u8]>, Option<&[u8]>),
    ) {
        if last.is_some_and(|last| key <= last) {
            let message =
                format!("the key of element {index} is not greater than the key before it");
            self.report(&codes::KEY_ORDER, at, message);
        }
        if bounds.0.is_some_and(|lower| key < lower) || bounds.1.is_some_and(|upper| key >= upper) {
            let message = format!("the key of element {index} is outside its parent's range");
            self.report(&codes::KEY_RANGE, at, message);
        }
    }

    /// Checks that the rest of the page is zero.
    fn padding(&mut self, end: usize) {
        if self.inline {
            return;
        }
        let Some(rest) = self.page.bytes.as_slice().get(end..) else {
            return;
        };
        if !is_zero(rest)
            && let Some(first) = rest.iter().position(|byte| *byte != 0)
        {
            let message = "bytes after the last value are not zero".to_owned();
            self.report(&codes::PAGE_PADDING, end + first, message);
        }
    }

    fn report(&mut self, code: &'static Code, at: usize, message: String) {
        let code = if self.inline { &codes::INLINE } else { code };
        if let Some(known) = self.found.iter_mut().find(|finding| finding.code == code) {
            known.count += 1;
            return;
        }
        let place = self.page.bytes.place(at).on_page(self.page.pgid.0);
        let what = match self.page.header.page_type() {
            Some(kind) => kind.as_str(),
            None => "unknown",
        };
        let message = format!("{what} page {}: {message}", self.page.pgid);
        self.found
            .push(Finding::new(code, place, message).stack(self.stack.iter().copied()));
    }
}

/// Returns whether all bytes are zero; compares up to 4096 bytes at a time.
fn is_zero(mut rest: &[u8]) -> bool {
    static ZEROS: [u8; 4096] = [0; 4096];
    while !rest.is_empty() {
        let (some, others) = rest.split_at(rest.len().min(ZEROS.len()));
        if ZEROS.get(..some.len()) != Some(some) {
            return false;
        }
        rest = others;
    }
    true
}

/// Reports buckets within a bucket (BOLT-019): etcd has none, and bbolt would read the value as a bucket header.
pub(super) fn nested(page: &Page<'_>, bucket: &str, stack: &[u64]) -> Option<Finding> {
    if page.header.page_type() != Some(PageType::Leaf) {
        return None;
    }
    let mut nested = page.items().flatten().filter(|item| item.is_bucket());
    let first = nested.next()?;
    let place = page.bytes.place(HEADER_BYTES + first.index * ELEMENT_BYTES);
    let message = format!(
        "leaf page {}: element {} of bucket {bucket} has the flag of a bucket",
        page.pgid, first.index
    );
    let finding = Finding::new(&codes::FOREIGN_BUCKET, place.on_page(page.pgid.0), message)
        .stack(stack.iter().copied())
        .severity(Severity::Error);
    Some(finding.count(1 + nested.count() as u64))
}

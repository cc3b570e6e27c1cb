//! One branch or leaf page: bounds, packing, order, range, padding.

use crate::codes;
use crate::page::{BUCKET_FLAG, ELEMENT_BYTES, HEADER_BYTES, Page, PageType};
use located::Error;
use located::codes::Code;
use located::{Finding, Severity};

/// BOLT-011, 012, 013, 025 for a page of a tree, 018 for an inline one. `bounds`: its keys must be `>=` the first and `<` the
/// second. At most one finding of a kind for a page: the first place, with the count of the others.
pub fn page<'a>(
    page: &Page<'a>,
    bounds: (Option<&'a [u8]>, Option<&'a [u8]>),
    stack: &[u64],
    inline: bool,
) -> Vec<Finding> {
    let mut judge = Judge {
        page,
        stack,
        inline,
        found: Vec::new(),
    };
    let is_branch = page.header.page_type() == Some(PageType::Branch);
    if usize::from(page.header.count) > page.count() {
        let message = format!(
            "the header counts {} elements, {} have room",
            page.header.count,
            page.count()
        );
        judge.report(&codes::ELEMENT, 10, message);
    }
    let packed_from = HEADER_BYTES + usize::from(page.header.count) * ELEMENT_BYTES;
    let mut end = Some(packed_from);
    let mut last: Option<&[u8]> = None;
    for index in 0..page.count() {
        let at = HEADER_BYTES + index * ELEMENT_BYTES;
        let (key, length) = match element(page, index, is_branch) {
            Ok(element) => element,
            Err(error) => {
                judge.report(&codes::ELEMENT, at, format!("element {index}: {error}"));
                end = None;
                continue;
            }
        };
        let start = key.1;
        if end.is_some_and(|end| end != start) {
            let message = format!("element {index} does not begin where the one before ends");
            judge.report(&codes::ELEMENT, at, message);
        }
        end = Some(start + length);
        let key = key.0;
        // bbolt looks at the lowest bit only.
        let flags = page.bytes.u32(at, "leafPageElement.flags").unwrap_or(0);
        if !is_branch && flags & !BUCKET_FLAG != 0 {
            let message = format!("element {index} has flags {flags:#x}; bbolt writes 0 or 1");
            judge.report(&codes::ELEMENT_FLAGS, at, message);
        }
        if last.is_some_and(|last| key <= last) {
            judge.report(
                &codes::KEY_ORDER,
                at,
                format!("the key of element {index} is not greater than the one before"),
            );
        }
        if bounds.0.is_some_and(|lower| key < lower) || bounds.1.is_some_and(|upper| key >= upper) {
            judge.report(
                &codes::KEY_RANGE,
                at,
                format!("the key of element {index} is outside its parent's range"),
            );
        }
        last = Some(key);
    }
    if let Some(end) = end
        && !inline
        && let Some(rest) = page.bytes.as_slice().get(end..)
        && !is_zero(rest)
        && let Some(first) = rest.iter().position(|byte| *byte != 0)
    {
        judge.report(
            &codes::PAGE_PADDING,
            end + first,
            "the page goes on behind its last value".to_owned(),
        );
    }
    judge.found
}

/// Whether there is nothing but zeros, compared a cache line and more at a time.
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

/// BOLT-019 for buckets within a bucket: etcd has none, and bbolt takes the value for a bucket's header.
pub(super) fn nested(page: &Page<'_>, bucket: &str, stack: &[u64]) -> Option<Finding> {
    if page.header.page_type() != Some(PageType::Leaf) {
        return None;
    }
    let mut nested = page.items().flatten().filter(|item| item.is_bucket());
    let first = nested.next()?;
    let place = page.bytes.place(HEADER_BYTES + first.index * ELEMENT_BYTES);
    let message = format!(
        "leaf page {}: element {} of bucket {bucket} says that it is a bucket",
        page.pgid, first.index
    );
    let finding = Finding::new(&codes::FOREIGN_BUCKET, place.on_page(page.pgid.0), message)
        .stack(stack.iter().copied())
        .severity(Severity::Error);
    Some(finding.count(1 + nested.count() as u64))
}

/// Key and where it starts in the page, and the bytes of key and value together.
fn element<'a>(
    page: &Page<'a>,
    index: usize,
    is_branch: bool,
) -> Result<((&'a [u8], usize), usize), Error> {
    let base = page.bytes.offset();
    let within = |offset: u64| usize::try_from(offset.saturating_sub(base)).unwrap_or(usize::MAX);
    if is_branch {
        let child = page.child(index)?;
        let at = HEADER_BYTES + index * ELEMENT_BYTES;
        let pos = page.bytes.u32(at, "branchPageElement.pos")?;
        Ok(((child.key, at + pos as usize), child.key.len()))
    } else {
        let item = page.item(index)?;
        Ok((
            (item.key, within(item.offset)),
            item.key.len() + item.value.len(),
        ))
    }
}

struct Judge<'p, 'a> {
    page: &'p Page<'a>,
    stack: &'p [u64],
    inline: bool,
    found: Vec<Finding>,
}

impl Judge<'_, '_> {
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

//! The bytes of headers, elements and meta pages. Source: bbolt
//! `internal/common/page.go`, v1.4.3, `internal/common/meta.go`, v1.4.3, `internal/common/bucket.go`, v1.4.3.

use crate::meta::{MAGIC, VERSION, fnv1a_64};
use crate::page::{ELEMENT_BYTES, HEADER_BYTES, Pgid};

/// `flags` of a page.
pub(super) const BRANCH: u16 = 0x01;
/// `flags` of a page.
pub(super) const LEAF: u16 = 0x02;
const META: u16 = 0x04;
/// `flags` of a page.
pub(super) const FREELIST: u16 = 0x10;
/// `flags` of a leaf element whose value is a bucket.
pub(super) const BUCKET: u32 = crate::page::BUCKET_FLAG;

/// The header of a page.
pub(super) fn header(id: Pgid, flags: u16, count: u16, overflow: u32) -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    let fields: [&[u8]; 4] = [
        &id.0.to_le_bytes(),
        &flags.to_le_bytes(),
        &count.to_le_bytes(),
        &overflow.to_le_bytes(),
    ];
    fill(&mut bytes, &fields);
    bytes
}

/// An element of a leaf page.
pub(super) fn leaf_element(flags: u32, pos: u32, key: u32, value: u32) -> [u8; ELEMENT_BYTES] {
    words([flags, pos, key, value])
}

/// An element of a branch page.
pub(super) fn branch_element(pos: u32, key: u32, child: Pgid) -> [u8; ELEMENT_BYTES] {
    let child = u128::from(child.0) << 64;
    (u128::from(pos) | u128::from(key) << 32 | child).to_le_bytes()
}

/// Four numbers one after the other.
fn words([first, second, third, fourth]: [u32; 4]) -> [u8; ELEMENT_BYTES] {
    let low = u128::from(first) | u128::from(second) << 32;
    (low | u128::from(third) << 64 | u128::from(fourth) << 96).to_le_bytes()
}

/// The value of an element that is a bucket.
pub(super) struct BucketHeader {
    /// 0 for an inline bucket.
    pub(super) root: Pgid,
}

impl BucketHeader {
    /// Header, then the page image of an inline bucket. The sequence is 0: etcd never uses it.
    pub(super) fn with_page(&self, page: &[u8]) -> Vec<u8> {
        [&self.root.0.to_le_bytes(), &[0; 8][..], page].concat()
    }
}

/// A whole meta page.
pub(super) fn meta_page(
    slot: u8,
    page_size: u32,
    root: Pgid,
    freelist: Pgid,
    high_water_mark: Pgid,
    txid: u64,
) -> Vec<u8> {
    let mut page = vec![0; page_size as usize];
    let fields: [&[u8]; 10] = [
        &header(Pgid(u64::from(slot)), META, 0, 0),
        &MAGIC.to_le_bytes(),
        &VERSION.to_le_bytes(),
        &page_size.to_le_bytes(),
        &[0; 4],
        &root.0.to_le_bytes(),
        &[0; 8],
        &freelist.0.to_le_bytes(),
        &high_water_mark.0.to_le_bytes(),
        &txid.to_le_bytes(),
    ];
    let end = fill(&mut page, &fields);
    let sum = fnv1a_64(page.get(HEADER_BYTES..end).unwrap_or_default());
    fill(
        page.get_mut(end..).unwrap_or_default(),
        &[&sum.to_le_bytes()],
    );
    page
}

/// Copies the fields one after the other; returns where the last one ends.
fn fill(bytes: &mut [u8], fields: &[&[u8]]) -> usize {
    let mut filled: usize = 0;
    for field in fields {
        let end = filled.saturating_add(field.len());
        if let Some(room) = bytes.get_mut(filled..end) {
            room.copy_from_slice(field);
        }
        filled = end;
    }
    filled
}

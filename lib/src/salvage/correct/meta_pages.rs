//! Meta pages: their checksum says which bit is flipped, or the other page and the file say every field that it covers.

use super::Correction;
use crate::bolt::{Bucket, Db, Meta, Page, PageType, Pgid};
use crate::evidence::File;
use crate::member::Member;

/// Bytes of a meta page that its checksum covers, and where they begin.
const META_SUMMED: std::ops::Range<usize> = 16..80;
/// Offset of the checksum in a meta page.
const CHECKSUM_AT: u64 = 16 + 56;
/// Bytes that are looked at.
const HEAD_BYTES: usize = 128;
/// Minimum number of bytes in which two checksums agree only if they are of the same fields: by chance one in 60 million does.
const AGREEING_BYTES: usize = 4;

/// Meta pages whose right bytes are proven: one correction for a page at most, because two would explain one damage.
pub(super) fn metas(member: &Member, file: &File) -> Vec<Correction> {
    let Ok(bytes) = member.db_bytes() else {
        return Vec::new();
    };
    let sizes = [0u64, 4096, 16_384, 65_536, 8192, 32_768, 1024, 2048];
    let mut found = Vec::new();
    for (slot, at) in [(0u8, 0u64)]
        .into_iter()
        .chain(sizes.iter().skip(1).map(|size| (1, *size)))
    {
        let Some(page) = usize::try_from(at)
            .ok()
            .and_then(|at| bytes.as_slice().get(at..at.checked_add(HEAD_BYTES)?))
        else {
            continue;
        };
        if let Some((byte, bit)) = flipped_meta_bit(file, page, slot) {
            let old = page.get(byte).copied().unwrap_or(0);
            found.push(Correction {
                file: file.relative().to_owned(),
                offset: at.saturating_add(byte as u64),
                old: vec![old],
                new: vec![old ^ (1 << bit)],
                proof: format!(
                    "meta page {slot}: with this bit flipped back, and no other, the page has its stored checksum"
                ),
            });
        }
    }
    if let Some(correction) = checksum(member, file) {
        // If one bit gives a page its stored checksum, the checksum was right.
        let page = correction.offset.saturating_sub(CHECKSUM_AT);
        let is_of_other = |one: &Correction| !(page..=correction.offset).contains(&one.offset);
        if found.iter().all(is_of_other) {
            found.push(correction);
        }
    }
    found
}

/// The checksum of the older meta page, if it is proven that nothing but it is wrong.
fn checksum(member: &Member, file: &File) -> Option<Correction> {
    let db = member.db().ok()?;
    let newer = db.meta();
    let slot = 1 - newer.slot.min(1);
    let at = u64::from(slot).checked_mul(db.page_size())?;
    let bytes = member.db_bytes().ok()?;
    let start = usize::try_from(at).ok()?;
    let page = bytes
        .as_slice()
        .get(start..start.checked_add(HEAD_BYTES)?)?;
    let older = Meta::parse(&crate::Bytes::new(file.name(), at, page), slot).ok()?;
    let same = older.magic == newer.magic
        && older.version == newer.version
        && older.page_size == newer.page_size
        && older.flags == newer.flags
        && older.header.flags == newer.header.flags
        && older.header.id.0 == u64::from(slot);
    let is_before = older.txid.0.checked_add(1) == Some(newer.txid.0)
        && older.high_water_mark <= newer.high_water_mark
        && (2..older.high_water_mark.0).contains(&older.root.0);
    if !same || !is_before || older.checksum == older.computed_checksum {
        return None;
    }
    let proof = proof(&db, &older)?;
    Some(Correction {
        file: file.relative().to_owned(),
        offset: at.saturating_add(CHECKSUM_AT),
        old: older.checksum.to_le_bytes().to_vec(),
        new: older.computed_checksum.to_le_bytes().to_vec(),
        proof: format!("meta page {slot}: {proof}"),
    })
}

/// What proves the fields of the older meta page that the newer one does not repeat.
fn proof(db: &Db<'_>, older: &Meta) -> Option<String> {
    let newer = db.meta();
    let stored = older.checksum.to_le_bytes();
    let computed = older.computed_checksum.to_le_bytes();
    let pairs = stored.iter().zip(&computed);
    let agreeing = pairs
        .filter(|(stored, computed)| stored == computed)
        .count();
    if agreeing >= AGREEING_BYTES {
        return Some(format!(
            "{agreeing} of the 8 bytes of its checksum agree with that of its fields, which no field with another value would have"
        ));
    }
    let same = older.sequence == newer.sequence
        && older.freelist == newer.freelist
        && !newer.has_freelist()
        && older.high_water_mark == newer.high_water_mark;
    (same && root_before(db) == Some(older.root)).then(|| {
        format!(
            "its root is the newest of the other pages that were a root, every other field is that of the commit before meta page {}, and they have this checksum",
            newer.slot
        )
    })
}

/// The root of the commit before: of the pages with the buckets of etcd, which were all a root once, the one with the greatest
/// consistent_index beside the root. `None` if two have it, or one does not say its own.
fn root_before(db: &Db<'_>) -> Option<Pgid> {
    let is_root = |page: &Page<'_>| {
        let mut items = page.items().flatten();
        items.any(|item| item.is_bucket() && item.key == b"key")
    };
    let mut others = Vec::new();
    for pgid in (2..db.pages()).map(Pgid) {
        let page = db.page(pgid).ok();
        let page = page.filter(|page| {
            let is_leaf = page.header.page_type() == Some(PageType::Leaf);
            is_leaf && page.header.id == pgid && pgid != db.meta().root
        });
        if page.as_ref().is_some_and(is_root) {
            others.push((consistent_index(db, pgid), pgid));
        }
    }
    others.sort_unstable();
    match others.as_slice() {
        [(_, one)] => Some(*one),
        [.., (before, _), (newest, one)] => {
            let is_known = others.iter().all(|(index, _)| index.is_some());
            (is_known && before < newest).then_some(*one)
        }
        [] => None,
    }
}

/// The consistent_index in a root page itself: of a bucket with pages of its own, those may be of another commit.
fn consistent_index(db: &Db<'_>, root: Pgid) -> Option<u64> {
    let meta = Bucket::with_root(*db, root, 0).get(b"meta")?;
    let meta = Bucket::from_item(*db, &meta).ok()?;
    meta.inline()?;
    let index = meta.get(b"consistent_index")?.value;
    Some(u64::from_be_bytes(index.try_into().ok()?))
}

/// The one bit whose flipping makes a meta page valid; `None` if it is valid, or several do, or none.
fn flipped_meta_bit(file: &File, page: &[u8], slot: u8) -> Option<(usize, u8)> {
    let valid = |page: &[u8]| {
        Meta::parse(&crate::Bytes::new(file.name(), 0, page), slot)
            .is_ok_and(|meta| meta.validate().is_ok() && meta.page_size.is_power_of_two())
    };
    if valid(page) {
        return None;
    }
    let mut tried = page.to_vec();
    let mut found = None;
    for byte in META_SUMMED {
        for bit in 0..8u8 {
            *tried.get_mut(byte)? ^= 1 << bit;
            if valid(&tried) && found.replace((byte, bit)).is_some() {
                return None;
            }
            *tried.get_mut(byte)? ^= 1 << bit;
        }
    }
    found
}

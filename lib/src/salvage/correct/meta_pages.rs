//! Meta pages: their checksum says which bit is flipped.

use super::Correction;
use crate::bolt::Meta;
use crate::evidence::File;
use crate::member::Member;

/// Bytes of a meta page that its checksum covers, and where they begin.
const META_SUMMED: std::ops::Range<usize> = 16..80;
/// Offset of the checksum in a meta page.
const CHECKSUM_AT: u64 = 16 + 56;
/// Bytes that are looked at.
const HEAD_BYTES: usize = 128;

/// Meta pages that one flipped bit makes valid.
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
        let is_new = |one: &Correction| one.offset != correction.offset;
        if found.iter().all(is_new) {
            found.push(correction);
        }
    }
    found
}

/// The checksum of the older meta page, if nothing but it is wrong: every other field is what the newer page says it must be.
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
    let is_wrong = older.checksum != older.computed_checksum;
    (same && is_before && is_wrong).then(|| Correction {
        file: file.relative().to_owned(),
        offset: at.saturating_add(CHECKSUM_AT),
        old: older.checksum.to_le_bytes().to_vec(),
        new: older.computed_checksum.to_le_bytes().to_vec(),
        proof: format!(
            "meta page {slot}: every other field is that of the commit before meta page {}, and has this checksum",
            newer.slot
        ),
    })
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

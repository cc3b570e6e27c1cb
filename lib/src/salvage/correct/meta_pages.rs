//! Meta pages: their checksum says which bit is flipped.

use super::Correction;
use crate::bolt::Meta;
use crate::evidence::File;
use crate::member::Member;

/// Bytes of a meta page that its checksum covers, and where they begin.
const META_SUMMED: std::ops::Range<usize> = 16..80;
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
        if let Some((byte, bit)) = flipped_meta_bit(page, slot) {
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
    found
}

/// The one bit whose flipping makes a meta page valid; `None` if it is valid, or several do, or none.
fn flipped_meta_bit(page: &[u8], slot: u8) -> Option<(usize, u8)> {
    let name = crate::FileName::new("");
    let valid = |page: &[u8]| {
        Meta::parse(&crate::Bytes::new(&name, 0, page), slot)
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

//! `.snap` files: their checksum says which bit is flipped.

use super::super::single_bit::flipped_bit;
use super::Correction;
use crate::evidence::{File, Role};
use crate::member::Member;
use crate::snap::SnapFile;

/// Files that one flipped bit makes intact.
pub(super) fn of_snaps(member: &Member) -> Vec<Correction> {
    let roles = [Role::Snap, Role::SnapBroken];
    let files = roles
        .into_iter()
        .flat_map(|role| member.evidence().with_role(role));
    files.filter_map(of_file).collect()
}

fn of_file(file: &File) -> Option<Correction> {
    let bytes = file.bytes().ok()?;
    let snap = SnapFile::parse(&bytes).ok()?;
    if snap.is_intact() {
        return None;
    }
    let at = usize::try_from(snap.data_at).ok()?;
    // The envelope ends with the data.
    let data = bytes.as_slice().get(at..)?;
    if crc32c::crc32c(data) != snap.crc_computed {
        return None;
    }
    let (byte, bit) = flipped_bit(data, snap.crc_stored ^ snap.crc_computed)?;
    let old = *bytes.as_slice().get(at.checked_add(byte)?)?;
    Some(Correction {
        file: file.relative().to_owned(),
        offset: at.checked_add(byte)? as u64,
        old: vec![old],
        new: vec![old ^ (1 << bit)],
        proof: "with this bit flipped back, and no other, the file has its stored checksum"
            .to_owned(),
    })
}

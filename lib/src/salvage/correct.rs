//! A copy of the data directory in which only proven bytes differ.
//!
//! | what is wrong | what proves the right bytes |
//! |---|---|
//! | length word of a WAL frame | the record says its own length, its checksum and the record after it agree |
//! | one bit of a WAL record | the stored checksum says which bit |
//! | stored checksum of a WAL record | the payload continues into the checksum of the records after it |
//! | one bit of a meta page | the checksum of the page |
//! | element count of a leaf | the element array ends where the first key begins, and every element follows the one before |
//! | page number in a page's header | the place of the page, and the branch that points to it |

use std::fs::{self, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::backup::{Out, OutError};
use super::single_bit;
use crate::bolt::{Db, Meta, Page, PageType};
use crate::evidence::File;
use crate::member::Member;
use crate::progress::Progress;
use crate::wal::DamageKind;
use crate::wal::frame::LengthWord;

/// Bytes that are written or skipped at a time: zeros stay holes.
const BLOCK_BYTES: usize = 4096;
/// Bytes of a meta page that its checksum covers, and where they begin.
const META_SUMMED: std::ops::Range<usize> = 16..80;
/// Bytes of a leaf element, and of the header before the first.
const ELEMENT_BYTES: usize = 16;

/// Bytes that differ in the corrected copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correction {
    /// The file, below the data directory.
    pub file: PathBuf,
    /// The offset of the first byte.
    pub offset: u64,
    /// What is there.
    pub old: Vec<u8>,
    /// What was there.
    pub new: Vec<u8>,
    /// What proves it.
    pub proof: String,
}

/// Everything that can be proven to be wrong, with what was there.
pub fn corrections(member: &Member, progress: &dyn Progress) -> Vec<Correction> {
    let mut found = of_log(member, progress);
    found.extend(of_db(member));
    found.sort_by(|a, b| (&a.file, a.offset).cmp(&(&b.file, b.offset)));
    found
}

fn of_log(member: &Member, progress: &dyn Progress) -> Vec<Correction> {
    let Some(wal) = member.wal_with(progress) else {
        return Vec::new();
    };
    let log = wal.log();
    let file = |segment: usize| {
        let file = log.segments.get(segment)?.file;
        member.evidence().wal().get(file)
    };
    let mut found = Vec::new();
    for damage in &log.damages {
        let Some(file) = file(damage.segment) else {
            continue;
        };
        let correction = match damage.kind {
            DamageKind::Length { word, record_bytes } => Some(Correction {
                file: file.relative().to_owned(),
                offset: damage.from,
                old: word.to_le_bytes().to_vec(),
                new: LengthWord::encode(record_bytes).0.to_le_bytes().to_vec(),
                proof: format!(
                    "the record is {record_bytes} bytes long by its own fields, and its checksum continues into the record after it"
                ),
            }),
            DamageKind::CrcField { stored, computed } => {
                crc_field(file, damage.from, stored, computed)
            }
            _ => None,
        };
        found.extend(correction);
    }
    for mended in single_bit::repaired(&wal) {
        let record = log.records.get(mended.record);
        let place = record.and_then(|record| {
            let at = usize::try_from(record.payload_at)
                .ok()?
                .checked_add(mended.byte)?;
            let file = file(record.segment as usize)?;
            let old = *file.bytes().ok()?.as_slice().get(at)?;
            Some((file, at, old))
        });
        if let Some((file, at, old)) = place {
            found.push(Correction {
                file: file.relative().to_owned(),
                offset: at as u64,
                old: vec![old],
                new: vec![old ^ (1 << mended.bit)],
                proof: format!(
                    "entry {}: with this bit flipped back, and no other, the record has its stored checksum",
                    mended.index
                ),
            });
        }
    }
    found
}

/// The checksum field of a record, if the right one takes as many bytes.
fn crc_field(file: &File, frame: u64, stored: u32, computed: u32) -> Option<Correction> {
    let (old, new) = (varint(stored), varint(computed));
    let at = usize::try_from(frame).ok()?.checked_add(8)?;
    let bytes = file.bytes().ok()?;
    let record = bytes.as_slice().get(at..)?;
    // `08 type 10 checksum`: both fields are always written, in this order.
    let head = record.get(..3)?;
    let is_record = head.first() == Some(&0x08) && head.get(2) == Some(&0x10);
    let there = record.get(3..3usize.checked_add(old.len())?)?;
    (is_record && there == old && old.len() == new.len()).then(|| Correction {
        file: file.relative().to_owned(),
        offset: at.saturating_add(3) as u64,
        old,
        new,
        proof: "the payload is whole: the records after it continue from its computed checksum"
            .to_owned(),
    })
}

fn varint(mut value: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(value & 0x7f).unwrap_or(0);
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

fn of_db(member: &Member) -> Vec<Correction> {
    let Some(file) = member.evidence().db() else {
        return Vec::new();
    };
    let mut found = metas(member, file);
    if let Ok(db) = member.db() {
        pages(&db, file, &mut found);
    }
    found
}

/// Meta pages that one flipped bit makes valid.
fn metas(member: &Member, file: &File) -> Vec<Correction> {
    let Ok(bytes) = member.db_bytes() else {
        return Vec::new();
    };
    let sizes = [0u64, 4096, 16_384, 65_536, 8192, 32_768, 1024, 2048];
    let mut found = Vec::new();
    for (slot, at) in [(0u8, 0u64)]
        .into_iter()
        .chain(sizes.iter().skip(1).map(|size| (1, *size)))
    {
        let Some(page) = usize::try_from(at).ok().and_then(|at| {
            bytes
                .as_slice()
                .get(at..at.checked_add(BLOCK_BYTES.min(128))?)
        }) else {
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

/// Headers of pages that the tree reaches.
fn pages(db: &Db<'_>, file: &File, found: &mut Vec<Correction>) {
    let mut reached = Vec::new();
    for (_, bucket) in db.buckets(&mut |_| {}) {
        if bucket.inline().is_none() {
            reached.push(bucket.root());
            bucket.walk(&mut |_| {}, &mut |visit| {
                if visit.page.header.page_type() == Some(PageType::Branch) {
                    reached.extend(visit.page.children().flatten().map(|child| child.pgid));
                }
            });
        }
    }
    reached.sort_unstable();
    reached.dedup();
    for pgid in reached.into_iter().filter(|pgid| pgid.0 >= 2) {
        let Ok(page) = db.page(pgid) else { continue };
        let at = pgid.0.saturating_mul(db.page_size());
        if page.header.page_type() != Some(PageType::Leaf) {
            continue;
        }
        if let Some(elements) = elements(&page) {
            if page.header.id != pgid {
                found.push(Correction {
                    file: file.relative().to_owned(),
                    offset: at,
                    old: page.header.id.0.to_le_bytes().to_vec(),
                    new: pgid.0.to_le_bytes().to_vec(),
                    proof: format!(
                        "a branch points to page {pgid}, and all {elements} elements of the leaf there follow each other"
                    ),
                });
            }
            if elements != page.header.count {
                found.push(Correction {
                    file: file.relative().to_owned(),
                    offset: at.saturating_add(10),
                    old: page.header.count.to_le_bytes().to_vec(),
                    new: elements.to_le_bytes().to_vec(),
                    proof: format!(
                        "page {pgid}: the element array ends where the first key begins, after {elements} elements, and every element follows the one before"
                    ),
                });
            }
        }
    }
}

/// How many elements a leaf has by its element array: keys begin where it ends, and follow each other in ascending
/// order. `None` if they do not.
fn elements(page: &Page<'_>) -> Option<u16> {
    let first = page
        .bytes
        .u32(ELEMENT_BYTES + 4, "leafPageElement.pos")
        .ok()? as usize;
    let count = first.checked_div(ELEMENT_BYTES)?;
    if count == 0 || !first.is_multiple_of(ELEMENT_BYTES) || count > page.capacity() {
        return None;
    }
    let mut next = page
        .bytes
        .offset()
        .saturating_add((ELEMENT_BYTES + first) as u64);
    let mut last: &[u8] = &[];
    for index in 0..count {
        let item = page.item(index).ok()?;
        if item.offset != next || item.key.is_empty() || item.key <= last || item.flags > 1 {
            return None;
        }
        last = item.key;
        next = item
            .offset
            .saturating_add((item.key.len() + item.value.len()) as u64);
    }
    u16::try_from(count).ok()
}

/// Writes the copy: every file of the evidence, with the corrections in it. Runs of zeros stay holes.
///
/// # Errors
/// [`OutError`]; nothing has the final name then.
pub fn write(
    member: &Member,
    corrections: &[Correction],
    out: &Out,
    progress: &dyn Progress,
) -> Result<(), OutError> {
    let directory = Unfinished::new(out)?;
    let io_error = |path: &Path| {
        let path = path.to_owned();
        move |source| OutError::Io { path, source }
    };
    for dir in member.evidence().dirs() {
        let path = directory.path.join(&dir.relative);
        fs::create_dir_all(&path).map_err(io_error(&path))?;
        super::platform::make_private(&path).map_err(io_error(&path))?;
    }
    for file in member.evidence().files() {
        if progress.cancelled() {
            return Err(OutError::Cancelled);
        }
        let path = directory.path.join(file.relative());
        let bytes = file.bytes().map_err(|error| OutError::Io {
            path: path.clone(),
            source: io::Error::other(error.to_string()),
        })?;
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(io_error(parent))?;
        }
        let own = corrections
            .iter()
            .filter(|correction| correction.file == file.relative());
        copy(bytes.as_slice(), own, &path).map_err(io_error(&path))?;
    }
    directory.keep(out)
}

fn copy<'c>(
    bytes: &[u8],
    corrections: impl Iterator<Item = &'c Correction>,
    path: &Path,
) -> io::Result<()> {
    let mut file = super::platform::set_mode(OpenOptions::new().write(true), super::backup::MODE)
        .create_new(true)
        .open(path)?;
    for (number, block) in bytes.chunks(BLOCK_BYTES).enumerate() {
        if block.iter().any(|byte| *byte != 0) {
            file.seek(SeekFrom::Start((number * BLOCK_BYTES) as u64))?;
            file.write_all(block)?;
        }
    }
    file.set_len(bytes.len() as u64)?;
    for correction in corrections {
        file.seek(SeekFrom::Start(correction.offset))?;
        file.write_all(&correction.new)?;
    }
    file.sync_all()
}

/// A directory beside the one that it becomes; removed unless it is kept.
struct Unfinished {
    path: PathBuf,
    kept: bool,
}

impl Unfinished {
    fn new(out: &Out) -> Result<Self, OutError> {
        let path = out.beside();
        fs::create_dir(&path).map_err(|source| OutError::Io {
            path: path.clone(),
            source,
        })?;
        let unfinished = Self { path, kept: false };
        super::platform::make_private(&unfinished.path).map_err(|source| OutError::Io {
            path: unfinished.path.clone(),
            source,
        })?;
        Ok(unfinished)
    }

    fn keep(mut self, out: &Out) -> Result<(), OutError> {
        out.take(&self.path)?;
        self.kept = true;
        Ok(())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.kept {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

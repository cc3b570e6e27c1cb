//! A copy of the data directory in which only proven bytes differ.
//!
//! | what is wrong | what proves the right bytes |
//! |---|---|
//! | length word of a WAL frame | the record says its own length, its checksum and the record after it agree |
//! | one bit of a WAL record or a `.snap` file | the stored checksum says which bit |
//! | stored checksum of a WAL record | the payload continues into the checksum of the records after it |
//! | type of a WAL record | the payload is intact, and is the entry that the log misses |
//! | one bit of the head of a WAL record | with it the record is as long as its frame and continues the checksum before it |
//! | one bit of a meta page | the checksum of the page |
//! | type, element count, overflow of a leaf | the element array ends where the first key begins, and every element follows the one before |
//! | page number, type or element count of a branch | each element names a page that begins with its key |
//! | page number in a page's header | the place of the page, and the branch that points to it |
//! | page that an element of a branch names | the only page that begins with the key of the element and that nothing else uses |
//! | a field of an element | with it every record of the page follows the one before it, and decodes |
//! | revision of a record's key | its message says the revision, and it is between its neighbours |
//! | key or message of a record | the entry of the log that wrote it |
//! | name or flags of a bucket | every db of etcd has it, and one byte of the name differs |
//! | consistent_index | the entries of the log that made the newest record of the db and the next one, which it has not |
//! | root page of bucket `key` | the only tree with all revisions up to the write of the entry that consistent_index names |

mod applied_index;
mod branch_heads;
mod branches;
mod buckets;
mod copy;
mod log;
mod meta_pages;
mod pages;
mod record_heads;
mod records;
mod snap_files;
mod stored_keys;

use std::path::PathBuf;

use crate::evidence::ByteChange;
use crate::member::Member;
use crate::progress::Progress;

pub use copy::write;

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

impl Correction {
    /// The file as it is shown: its path below the evidence, or its name if the evidence is this one file.
    pub fn shown_file(&self, member: &Member) -> String {
        match self.file.as_os_str().is_empty() {
            true => file_name(member.evidence().path()),
            false => self.file.display().to_string(),
        }
    }
}

/// The last part of a path.
fn file_name(path: &std::path::Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

/// Maximum number of times that the corrected files are looked at again: a db that cannot be opened shows its pages only when
/// its meta page is right.
const MAX_ROUNDS: usize = 4;

/// Everything that can be proven to be wrong, with what was there. No two of them overlap.
pub fn corrections(member: &Member, progress: &dyn Progress) -> Vec<Correction> {
    let (mut found, corrected) = proven(member, progress);
    let corrected = corrected.as_ref().unwrap_or(member);
    add(&mut found, of_records(corrected, progress));
    found.sort_by(|a, b| (&a.file, a.offset).cmp(&(&b.file, b.offset)));
    found
}

/// What the files prove by themselves, and the member with it; `None` if nothing is wrong.
pub(super) fn proven(
    member: &Member,
    progress: &dyn Progress,
) -> (Vec<Correction>, Option<Member>) {
    let mut found = Vec::new();
    let mut corrected = None;
    for _ in 0..MAX_ROUNDS {
        let before = found.len();
        add(
            &mut found,
            of_files(corrected.as_ref().unwrap_or(member), progress),
        );
        if found.len() == before || progress.cancelled() {
            break;
        }
        let Some(next) = applied(member, &found) else {
            break;
        };
        corrected = Some(next);
    }
    (found, corrected)
}

/// Adds corrections of bytes that no other one changes.
fn add(found: &mut Vec<Correction>, more: Vec<Correction>) {
    let end = |one: &Correction| one.offset.saturating_add(one.new.len() as u64);
    for one in more {
        let overlaps = |other: &Correction| {
            other.file == one.file && other.offset < end(&one) && one.offset < end(other)
        };
        if !found.iter().any(overlaps) {
            found.push(one);
        }
    }
}

/// The member with the corrections in its bytes.
fn applied(member: &Member, corrections: &[Correction]) -> Option<Member> {
    let change = |one: &Correction| ByteChange {
        file: one.file.clone(),
        offset: one.offset,
        bytes: one.new.clone(),
    };
    let changes: Vec<ByteChange> = corrections.iter().map(change).collect();
    let evidence = member.evidence().with_changes(&changes).ok()?;
    Some(Member::from_evidence(evidence, member.options().clone()))
}

fn of_files(member: &Member, progress: &dyn Progress) -> Vec<Correction> {
    let mut found = log::of_log(member, progress);
    found.extend(record_heads::of_log(member, progress));
    found.extend(snap_files::of_snaps(member));
    let Some(file) = member.evidence().db() else {
        return found;
    };
    found.extend(meta_pages::metas(member, file));
    if let Ok(db) = member.db() {
        found.extend(buckets::of_names(&db, file));
        found.extend(branches::of_branches(&db, file));
        found.extend(branch_heads::of_heads(&db, file, &pages::reached(&db)));
        found.extend(pages::of_pages(&db, file));
    }
    found
}

/// What the log proves about the db.
fn of_records(member: &Member, progress: &dyn Progress) -> Vec<Correction> {
    let (Some(file), Ok(db)) = (member.evidence().db(), member.db()) else {
        return Vec::new();
    };
    let mut found: Vec<Correction> = buckets::of_key_root(member, &db, file, progress)
        .into_iter()
        .collect();
    found.extend(records::of_records(member, &db, file, progress));
    found.extend(applied_index::of_applied_index(member, &db, file, progress));
    found
}

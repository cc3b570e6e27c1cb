//! A copy of the data directory in which only proven bytes differ.
//!
//! | what is wrong | what proves the right bytes |
//! |---|---|
//! | length word of a WAL frame | the record says its own length, its checksum and the record after it agree |
//! | one bit of a WAL record or a `.snap` file | the stored checksum says which bit |
//! | stored checksum of a WAL record | the payload continues into the checksum of the records after it |
//! | type of a WAL record | the payload is intact, and is the entry that the log misses |
//! | one bit of a meta page | the checksum of the page |
//! | type, element count, overflow of a leaf | the element array ends where the first key begins, and every element follows the one before |
//! | page number in a page's header | the place of the page, and the branch that points to it |
//! | a field of an element | with it every record of the page follows the one before it, and decodes |
//! | key or message of a record | the entry of the log that wrote it |
//! | name or flags of a bucket | every db of etcd has it, and one byte of the name differs |
//! | root page of bucket `key` | the only tree that ends with the write of the entry that consistent_index names |

mod buckets;
mod copy;
mod log;
mod meta_pages;
mod pages;
mod records;
mod snap_files;

use std::path::PathBuf;

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

/// Everything that can be proven to be wrong, with what was there. No two of them overlap.
pub fn corrections(member: &Member, progress: &dyn Progress) -> Vec<Correction> {
    let mut found = log::of_log(member, progress);
    found.extend(snap_files::of_snaps(member));
    found.extend(of_db(member, progress));
    found.sort_by(|a, b| (&a.file, a.offset).cmp(&(&b.file, b.offset)));
    found.dedup_by(|next, kept| {
        let end = kept.offset.saturating_add(kept.new.len() as u64);
        next.file == kept.file && next.offset < end
    });
    found
}

fn of_db(member: &Member, progress: &dyn Progress) -> Vec<Correction> {
    let Some(file) = member.evidence().db() else {
        return Vec::new();
    };
    let mut found = meta_pages::metas(member, file);
    let Ok(db) = member.db() else {
        return found;
    };
    found.extend(buckets::of_names(&db, file));
    found.extend(pages::of_pages(&db, file));
    found.extend(buckets::of_key_root(member, &db, file, progress));
    found.extend(records::of_records(member, &db, file, progress));
    found
}

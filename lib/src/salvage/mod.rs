//! Salvage: from damaged evidence to a backup that real etcd restores and serves.
//!
//! ```text
//! db ──┐
//! log ─┼─► records by revision ─► up to a point ─► compaction ─► gaps listed ─► backup file ─► etcdutl snapshot restore
//! peer ┘   (each with its label)
//! ```
//! [`Sources`] holds what is read once; [`Sources::salvage`] joins it up to a point; [`Salvage::write`] writes the backup.
//!
//! **Invariants.** Every record keeps the [`Provenance`] of what vouches for it, and its place. A gap is never papered over: what
//! is lost is listed, a key of which only an older version is left is `stale`, one that may have been deleted is
//! `maybe deleted`. Nothing is written but the file that was named.

pub mod backup;
mod buckets;
pub mod carve;
pub mod correct;
mod finish;
mod label;
mod member_records;
mod moment;
mod platform;
mod record;
pub mod restore;
mod single_bit;
mod stored;
mod timeline;

use std::collections::BTreeMap;

pub use label::Provenance;
pub use restore::{Restore, Tool};

use crate::Error;
use crate::Place;
use crate::member::Member;
use crate::progress::Progress;
use crate::recover::{self, State};
use member_records::{MemberRecords, member_records};
use record::RecordSet;
use single_bit::RepairedEntry;

/// Up to which write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Point {
    /// Everything that the evidence proves to have been acknowledged.
    #[default]
    Acknowledged,
    /// The state after this main revision, also below the compaction as far as the log reaches.
    Revision(i64),
}

/// What becomes of a key of which only an older version is left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stale {
    /// It is left out.
    #[default]
    Drop,
    /// The older version is written.
    Keep,
}

/// What is salvaged.
#[derive(Clone, Debug, Default)]
pub struct SalvageOptions {
    /// Up to which write.
    pub point: Point,
    /// What becomes of a key of which only an older version is left.
    pub stale: Stale,
    /// Whether records of pages that no tree reaches fill gaps.
    pub carved: bool,
}

/// Something that could not be recovered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// One sentence.
    pub what: String,
    /// Where, if it is about bytes.
    pub place: Option<Place>,
    /// The first and last revision.
    pub revisions: Option<(i64, i64)>,
    /// The first and last raft index.
    pub indexes: Option<(u64, u64)>,
    /// The key, if it is known.
    pub key: Option<Vec<u8>>,
}

/// A key whose newest version or whose deletion is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubtful {
    /// The user key.
    pub key: Vec<u8>,
    /// The revision of the version that is left.
    pub revision: i64,
    /// The revision of what is lost.
    pub lost_revision: i64,
    /// Where the trace of it is.
    pub place: Option<Place>,
}

/// Evidence that is read once for all that is asked about it.
#[derive(Debug)]
pub struct Sources<'m> {
    members: Vec<&'m Member>,
    mended: Vec<Vec<RepairedEntry>>,
    committed: u64,
}

/// What one file of evidence gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gave {
    /// Records by what vouches for them.
    pub records: BTreeMap<Provenance, u64>,
    /// Keys that are live at the end, by what vouches for their newest version.
    pub keys: BTreeMap<Provenance, u64>,
}

/// What a backup will hold.
#[derive(Debug)]
pub struct Salvage<'a> {
    set: RecordSet<'a>,
    state: State,
    page_size: u32,
    storage_version: Option<String>,
    applied: (u64, u64),
    damaged_writes: Vec<(Vec<u8>, i64, Option<Place>)>,
    /// The revision of the store.
    pub revision: i64,
    /// The compaction in force; `None` if nothing was compacted.
    pub compact_revision: Option<i64>,
    /// Live keys.
    pub keys: u64,
    /// Records and keys by what vouches for them.
    pub gave: Gave,
    /// Keys of which only an older version is left.
    pub stale: Vec<Doubtful>,
    /// Keys that may have been deleted.
    pub maybe_deleted: Vec<Doubtful>,
    /// All that could not be recovered.
    pub unrecoverable: Vec<Lost>,
    /// What was decided on the way, one sentence each.
    pub notes: Vec<String>,
    /// Keys that were left out because only a part was asked for.
    pub left_out: u64,
    /// Intact entries after the highest proven commit: they may have been acknowledged, and are left out.
    pub possibly_acknowledged: u64,
    /// How to restore the backup.
    pub restore: Restore,
}

impl<'m> Sources<'m> {
    /// Reads the logs of one member's copy, or of several members of one cluster.
    ///
    /// ```no_run
    /// use etcd_inspect::member::Member;
    /// use etcd_inspect::progress::Silent;
    /// use etcd_inspect::salvage::{SalvageOptions, Sources};
    /// let member = Member::open("/copy/m1")?;
    /// let sources = Sources::read([&member], &Silent);
    /// let salvage = sources.salvage(&SalvageOptions::default(), &Silent)?;
    /// println!("{} keys at revision {}", salvage.keys, salvage.revision);
    /// # Ok::<(), etcd_inspect::Error>(())
    /// ```
    pub fn read(members: impl IntoIterator<Item = &'m Member>, progress: &dyn Progress) -> Self {
        let members: Vec<&Member> = members.into_iter().collect();
        let mended = members
            .iter()
            .map(|member| {
                let wal = member.wal_with(progress);
                wal.map(|wal| single_bit::repaired(&wal))
                    .unwrap_or_default()
            })
            .collect();
        // What one member knows to be committed is committed for all of them.
        let commit = |member: &&Member| {
            let wal = member.wal_with(progress)?;
            let applied = member.meta().ok().and_then(|meta| meta.consistent_index);
            Some(recover::commit(&wal, applied.unwrap_or(0)))
        };
        let committed = match members.as_slice() {
            [_] => 0,
            several => several.iter().filter_map(commit).max().unwrap_or(0),
        };
        Self {
            members,
            mended,
            committed,
        }
    }

    /// Joins what the sources have, up to the point that is asked for.
    ///
    /// # Errors
    /// [`Error::Missing`] if there is neither a readable db nor a log that says which revisions it made;
    /// [`Error::Future`] if the point is newer than all that there is.
    pub fn salvage(
        &self,
        options: &SalvageOptions,
        progress: &dyn Progress,
    ) -> Result<Salvage<'_>, Error> {
        let mut salvage = self.joined(options.point, progress)?;
        let mut loose = Vec::new();
        if options.carved || !salvage.missing().is_empty() {
            for (number, member) in (0u16..).zip(&self.members) {
                if let Ok(db) = member.db() {
                    loose.append(&mut carve::Loose::read(&db, number, progress).records);
                }
            }
        }
        salvage.finish(options, loose);
        Ok(salvage)
    }

    /// Everything up to a point, nothing compacted or left out yet.
    fn joined(&self, point: Point, progress: &dyn Progress) -> Result<Salvage<'_>, Error> {
        let mut parts: Vec<MemberRecords<'_>> = Vec::new();
        for ((number, member), mended) in (0u16..).zip(&self.members).zip(&self.mended) {
            parts.push(member_records(
                member,
                mended,
                number,
                self.committed,
                point,
                progress,
            ));
        }
        finish::join(parts, point)
    }
}

impl Salvage<'_> {
    /// Leaves out the keys for which `keep` answers `false`, with all their versions. The backup is then a part of the store.
    pub fn retain_keys(&mut self, keep: &dyn Fn(&[u8]) -> bool) {
        self.settle(&|key| key.is_empty() || keep(key));
    }

    /// Every record in the order of the file: the stored key, the message, and what vouches for it.
    pub fn records(
        &self,
    ) -> impl Iterator<Item = (Vec<u8>, std::borrow::Cow<'_, [u8]>, Provenance)> {
        self.set.records.iter().map(|record| {
            (
                record.stored_key().to_bytes(),
                self.set.message(record),
                record.label,
            )
        })
    }
}

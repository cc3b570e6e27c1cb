//! Salvage: from damaged evidence to a backup that real etcd restores and serves.
//!
//! ```text
//! db ──┐
//! log ─┼─► records by revision ─► up to a point ─► compaction ─► gaps listed ─► backup file ─► etcdutl snapshot restore
//! peer ┘   (each with its label)
//! ```
//! [`Sources`] contains what is read once; [`Sources::salvage`] joins it up to a point; [`Salvage::write`] writes the backup.
//!
//! **Invariants.** Every record keeps the [`Provenance`] of what vouches for it, and its place. A gap is never papered over: what
//! is lost is listed, a key of which only an older version is left is `stale`, one that may have been deleted is
//! `maybe deleted`. Nothing is written but the file that was named.

pub mod backup;
mod best_copy;
mod buckets;
pub mod carve;
mod contradicted;
pub mod correct;
mod corrected;
mod demands;
mod doubt;
mod dropped;
mod extra;
mod finish;
mod forked;
mod label;
mod locked_out;
mod log_end;
mod loose;
mod member_records;
mod moment;
mod one_cluster;
mod platform;
mod proven_commit;
mod record;
pub mod redact;
pub mod restore;
mod settled;
mod single_bit;
mod sources;
mod stored;
mod synced;
mod timeline;
mod tree;
mod unfinished;

use std::collections::{BTreeMap, BTreeSet};

pub use dropped::Dropped;
pub(crate) use extra::held_by_majority;
pub use label::Provenance;
pub(crate) use log_end::end_losses;
pub(crate) use member_records::{HistorySide, may_be_restored, side_of_snap, two_histories};
pub use restore::Restore;
pub(crate) use restore::{knows_bump, revisions_to_skip};
pub use sources::{Sources, received_snapshots};
pub use unfinished::remove_unfinished;

use crate::Place;
use crate::member::Member;
use crate::recover::State;
use located::{RaftIndex, Term};
use record::RecordSet;

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
    pub indexes: Option<(RaftIndex, RaftIndex)>,
    /// The key, if it is known.
    pub key: Option<Vec<u8>>,
    /// Whether it is only a trace: nothing proves that anything was lost.
    pub possibly: bool,
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
    /// The member of which most is.
    member: &'a Member,
    set: RecordSet<'a>,
    state: State,
    page_size: u32,
    storage_version: Option<String>,
    /// Whether [`Salvage::state`] is newer than the point.
    state_is_newer: bool,
    applied: (RaftIndex, Term),
    damaged_writes: Vec<(Vec<u8>, i64, Option<Place>)>,
    /// Revisions of which writes may be lost without a gap that shows it.
    lost_ranges: Vec<(i64, i64)>,
    /// Ranges of revisions whose records were in pages that are lost.
    lost_pages: Vec<(i64, i64)>,
    /// Those of them of which the log does not say what they wrote either.
    unlogged_pages: Vec<(i64, i64)>,
    /// Lost revisions of which a trace says which key they wrote.
    traced: BTreeSet<i64>,
    /// The compaction that removed records of a point which is older.
    below: Option<i64>,
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
    /// The first revision of lost entries of which nothing says how many revisions they made: later ones of the log are counted on. `None`
    /// if all are known.
    pub uncounted_from: Option<i64>,
    /// Keys whose create revision and version, and after [`Salvage::uncounted_from`] their revision too, were counted on after a lost entry,
    /// which may have written them.
    pub uncertain_numbers: Vec<Doubtful>,
    /// All that could not be recovered.
    pub unrecoverable: Vec<Lost>,
    /// What was decided on the way, one sentence each.
    pub notes: Vec<String>,
    /// Keys that were left out because only a part was asked for.
    pub left_out: u64,
    /// The revision of the store of which the backup is only a part; `None` if it is all of it.
    pub part_of: Option<i64>,
    /// The copies that fail their SHA-256: they are not what was saved.
    pub sha256_failed: Vec<String>,
    /// What the evidence has and the backup has not, on purpose.
    pub dropped: Vec<Dropped>,
    /// Intact entries after the highest proven commit: they may have been acknowledged, and are left out.
    pub possibly_acknowledged: u64,
    /// Whether clients may have seen a later revision than that of the backup.
    pub goes_back: bool,
    /// How to restore the backup.
    pub restore: Restore,
}

impl Salvage<'_> {
    /// What the backup has besides keys.
    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// Whether nothing is lost and no key is in doubt.
    fn is_whole(&self) -> bool {
        self.unrecoverable.is_empty() && self.stale.is_empty() && self.maybe_deleted.is_empty()
    }

    /// Whether it has more of the same evidence than another: a later revision, or more records, or fewer losses.
    fn gives_more_than(&self, other: &Self) -> bool {
        let measure = |salvage: &Self| {
            let lost = std::cmp::Reverse(salvage.unrecoverable.len());
            (salvage.revision, salvage.set.records.len(), lost)
        };
        measure(self) > measure(other)
    }

    /// Leaves out the keys for which `keep` answers `false`, with all their versions. The backup is then a part of the store.
    pub fn retain_keys(&mut self, keep: &dyn Fn(&[u8]) -> bool) {
        let keeps = |key: &[u8]| key.is_empty() || keep(key);
        self.part_of.get_or_insert(self.revision);
        for list in [
            &mut self.stale,
            &mut self.maybe_deleted,
            &mut self.uncertain_numbers,
        ] {
            list.retain(|doubtful| keeps(&doubtful.key));
        }
        let may_be_kept = |lost: &Lost| lost.key.as_ref().is_none_or(|key| keeps(key));
        self.unrecoverable.retain(may_be_kept);
        self.settle(&keeps);
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

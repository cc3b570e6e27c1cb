//! The whole log: an index of records and entries without lifetimes. Payloads are read from the files again.

use std::collections::BTreeMap;

use super::damage::{Damage, Oddity, OddityKind};
use super::name::WalFile;
use super::record::RecordKind;
use super::segment::Segment;
use crate::raft::{ConfState, EntryType, HardState, TermEvent, TermSummary, terms};
use located::{Bytes, ClusterId, MemberId, Place, RaftIndex, Term};

/// Result of the rolling checksum for a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Crc {
    /// The payload continues the checksum of all records before it.
    Verified,
    /// The checksum before it is unknown; the next record is verified from its stored checksum.
    Unverified,
    /// Only the stored checksum is wrong: the next records continue from the checksum of the payload.
    CrcField,
    /// The payload is damaged.
    Mismatch,
    /// The payload is intact, and the record is not what was written there: see [`OddityKind::CopyOf`](super::OddityKind::CopyOf) and
    /// [`OddityKind::ImpossibleTerm`](super::OddityKind::ImpossibleTerm).
    Misplaced,
}

impl Crc {
    /// Returns whether the payload is used.
    pub fn is_trusted(self) -> bool {
        !matches!(self, Self::Mismatch | Self::Misplaced)
    }
}

/// One record of the log: its position and the result of its checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Offset of its frame in the segment.
    pub offset: u64,
    /// Offset of its payload in the segment.
    pub payload_at: u64,
    /// Length of its payload in bytes.
    pub payload_len: u32,
    /// The checksum in the record.
    pub crc_stored: u32,
    /// Position in [`Log::segments`].
    pub segment: u32,
    /// Its type.
    pub kind: RecordKind,
    /// Result of the checksum.
    pub crc: Crc,
}

/// One entry of the log; overwritten entries are included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// The raft index.
    pub index: RaftIndex,
    /// The term of the leader that created it.
    pub term: Term,
    /// Its type.
    pub kind: EntryType,
    /// Position in [`Log::records`].
    pub record: u32,
    /// Offset of its data in the payload of the record.
    pub data_at: u32,
    /// Length of its data in bytes.
    pub data_len: u32,
    /// The later entry that replaced it: position in [`Log::entries`].
    pub superseded_by: Option<u32>,
    /// Whether it is in the log after replay: neither overwritten nor damaged.
    pub survives: bool,
    /// Whether it is a put, the deletion of one key or a transaction of those, encoded as etcd encodes it. Such an entry does
    /// not change members, versions, users, leases or alarms.
    pub is_plain: bool,
}

/// A HardState in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogState {
    /// Position in [`Log::records`].
    pub record: usize,
    /// Term, vote and commit.
    pub state: HardState,
}

/// A snapshot record: walpb.Snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSnapshot {
    /// Position in [`Log::records`].
    pub record: usize,
    /// Index of the last entry that the snapshot contains.
    pub index: RaftIndex,
    /// The term of that entry.
    pub term: Term,
    /// The configuration at that index; etcd 3.4 does not write it.
    pub conf_state: Option<ConfState>,
}

/// The member that wrote the log: etcdserverpb.Metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogMetadata {
    /// Position in [`Log::records`].
    pub record: usize,
    /// The member's id.
    pub node_id: MemberId,
    /// The cluster's id.
    pub cluster_id: ClusterId,
}

/// Indexes that are missing between two entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The last index before the gap; 0 if there is none.
    pub after: RaftIndex,
    /// The first index after the gap.
    pub next: RaftIndex,
    /// The first entry after the gap: position in [`Log::entries`].
    pub entry: usize,
    /// Why the indexes are missing.
    pub cause: GapCause,
}

/// Why indexes are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GapCause {
    /// The leader sent a snapshot that contains them (normal).
    Snapshot,
    /// Their records are damaged: position in [`Log::damages`].
    Damage(usize),
    /// A segment between the two entries is missing.
    Segment,
    /// A record between the two entries has an unknown type, or a payload that does not fit its type.
    Record,
    /// No reason is known.
    Unexplained,
}

/// A file in the WAL directory that is not a segment.
#[derive(Clone, Debug)]
pub struct OtherFile {
    /// Position in the list of files.
    pub file: usize,
    /// Its kind, by its name.
    pub kind: WalFile,
    /// The content of a `.broken` file, read as a log of one segment.
    pub log: Option<Box<Log>>,
}

/// A WAL directory, indexed in one pass.
///
/// It stores offsets and no bytes: methods that return payloads take the files again.
///
/// ```
/// use etcd_inspect_raftlog::wal::Log;
/// use etcd_inspect_raftlog::located::{Bytes, FileName, Limits, progress::Silent};
/// let name = FileName::new("wal/0000000000000000-0000000000000000.wal");
/// let head = [4, 0, 0, 0, 0, 0, 0, 0x84, 8, 4, 0x10, 0, 0, 0, 0, 0];
/// let files = [Bytes::new(&name, 0, &head)];
/// let log = Log::read(&files, &Limits::default(), &Silent);
/// assert_eq!((log.records.len(), log.entries.len()), (1, 0));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// The segments in the order etcd reads them.
    pub segments: Vec<Segment>,
    /// All other files of the directory.
    pub others: Vec<OtherFile>,
    /// Every record with a known frame, damaged records included.
    pub records: Vec<Record>,
    /// Every entry that could be read, in the order written.
    pub entries: Vec<LogEntry>,
    /// The log after replay: positions in `entries`, by ascending index.
    pub surviving: Vec<u32>,
    /// Every trusted HardState, in the order written.
    pub states: Vec<LogState>,
    /// Every trusted snapshot record, in the order written.
    pub snapshots: Vec<LogSnapshot>,
    /// The metadata record of each segment.
    pub metadata: Vec<LogMetadata>,
    /// Missing indexes.
    pub gaps: Vec<Gap>,
    /// Damaged ranges.
    pub damages: Vec<Damage>,
    /// Unusual records.
    pub oddities: Vec<Oddity>,
    /// Whether reading was cancelled.
    pub cancelled: bool,
    /// Number of damaged ranges before the last surviving entry.
    pub(super) damages_at_last_entry: usize,
    /// Number of records with an unknown type or an unfitting payload.
    pub(super) strange_records: usize,
    /// Number of those records before the last surviving entry.
    pub(super) strange_at_last_entry: usize,
    /// Whether a segment does not continue the segment before it.
    pub(super) chain_is_broken: bool,
    /// The highest index of a snapshot record.
    pub(super) newest_snapshot: RaftIndex,
    /// The index before the first segment, by its name.
    pub(super) starts_after: Option<RaftIndex>,
    /// Records that are not what was written there, known from a first reading.
    pub(super) misplaced: BTreeMap<usize, OddityKind>,
}

/// Intact records after a damaged range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IntactAfter {
    /// Number of verified records after the range.
    pub records: u64,
    /// Number of entries among them.
    pub entries: u64,
    /// Lowest and highest index of those entries.
    pub indexes: Option<(RaftIndex, RaftIndex)>,
}

impl Log {
    /// Returns the last entry of the log.
    pub fn last(&self) -> Option<&LogEntry> {
        self.entries.get(*self.surviving.last()? as usize)
    }

    /// Returns the first entry of the log.
    pub fn first(&self) -> Option<&LogEntry> {
        self.entries.get(*self.surviving.first()? as usize)
    }

    /// Iterates over the entries of the log after replay, by ascending index.
    pub fn surviving(&self) -> impl DoubleEndedIterator<Item = &LogEntry> {
        self.surviving
            .iter()
            .filter_map(|&position| self.entries.get(position as usize))
    }

    /// Returns the surviving entry at an index.
    pub fn entry(&self, index: RaftIndex) -> Option<&LogEntry> {
        let index_of = |&position: &u32| self.entries.get(position as usize).map(|e| e.index);
        let found = self
            .surviving
            .binary_search_by_key(&Some(index), index_of)
            .ok()?;
        self.entries.get(*self.surviving.get(found)? as usize)
    }

    /// Returns the index of the last entry, or of the newest snapshot record if that is higher.
    /// `Open` in `server/wal/wal.go`, v3.5.30, starts at a snapshot record: without later entries its index is the last.
    pub fn last_index(&self) -> RaftIndex {
        let entry = self.last().map_or(RaftIndex(0), |last| last.index);
        let snapshot = self.snapshots.iter().map(|snapshot| snapshot.index).max();
        entry.max(snapshot.unwrap_or_default())
    }

    /// Returns the newest HardState.
    pub fn hard_state(&self) -> Option<HardState> {
        self.states.last().map(|state| state.state)
    }

    /// Iterates over the snapshot records that etcd may start from, in the order written: their index is at most
    /// HardState.commit. Source: ValidSnapshotEntries in `server/wal/wal.go`, v3.5.30.
    pub fn valid_snapshots(&self) -> impl DoubleEndedIterator<Item = &LogSnapshot> {
        let commit = self.hard_state().unwrap_or_default().commit;
        self.snapshots
            .iter()
            .filter(move |snapshot| commit >= snapshot.index)
    }

    /// Whether `snapshot restore` made this log: one ConfChange in term 1 for each member, then a record of the restored
    /// snapshot at the last of them. A member that was started writes its first snapshot after `--snapshot-count` entries.
    /// Source: saveWALAndSnap in `etcdutl/snapshot/v3_snapshot.go`, v3.5.30.
    pub fn is_restored(&self) -> bool {
        let members = self
            .surviving()
            .take_while(|entry| entry.kind == EntryType::ConfChange && entry.term == Term(1));
        let Some(last) = members.last() else {
            return false;
        };
        self.snapshots
            .iter()
            .any(|snapshot| snapshot.index == last.index && snapshot.term == Term(1))
    }

    /// Whether the entries up to `index` are the ConfChanges of the first members, and the log goes on after them. They write no
    /// key. `snapshot restore` sets consistent_index to their number.
    /// Source: saveWALAndSnap in `etcdutl/snapshot/v3_snapshot.go`, v3.5.30.
    pub fn has_only_first_members_to(&self, index: RaftIndex) -> bool {
        let members = self
            .surviving()
            .take_while(|entry| entry.kind == EntryType::ConfChange);
        let end = members.last().map_or(RaftIndex(0), |entry| entry.index);
        let from_first = self.first().is_some_and(|first| first.index == 1);
        from_first && index > 0 && index == end && self.last_index() > index
    }

    /// Whether the log has every entry since the store was empty: it begins at entry 1, and no snapshot stands for what came
    /// before. The store of a restored member came with the backup, that of a follower may have come from its leader.
    pub fn begins_with_empty_store(&self) -> bool {
        let received = self.gaps.iter().any(|gap| gap.cause == GapCause::Snapshot);
        self.first().is_some_and(|first| first.index == 1) && !received && !self.is_restored()
    }

    /// Summarizes the terms of the log: votes, entries, how each term ended.
    pub fn terms(&self) -> Vec<TermSummary> {
        let entries = self.entries.iter().filter_map(|entry| {
            let damaged = !entry.survives && entry.superseded_by.is_none();
            (!damaged).then_some(TermEvent::Entry {
                index: entry.index,
                term: entry.term,
                is_empty: entry.data_len == 0 && entry.kind == EntryType::Normal,
                survives: entry.survives,
            })
        });
        let states = self
            .states
            .iter()
            .map(|state| TermEvent::State(state.state));
        terms(entries.chain(states))
    }

    /// Returns the payload of a record.
    pub fn payload<'a>(&self, files: &[Bytes<'a>], record: &Record) -> Option<&'a [u8]> {
        let file = self.segments.get(record.segment as usize)?.file;
        let start = usize::try_from(record.payload_at).ok()?;
        let end = start.checked_add(record.payload_len as usize)?;
        files.get(file)?.as_slice().get(start..end)
    }

    /// Returns the data of an entry: a request or a membership change.
    pub fn data<'a>(&self, files: &[Bytes<'a>], entry: &LogEntry) -> Option<&'a [u8]> {
        let payload = self.payload(files, self.records.get(entry.record as usize)?)?;
        let start = entry.data_at as usize;
        payload.get(start..start.checked_add(entry.data_len as usize)?)
    }

    /// Returns the place of the frame of a record.
    pub fn place(&self, files: &[Bytes<'_>], record: usize) -> Option<Place> {
        let record = self.records.get(record)?;
        let file = self.segments.get(record.segment as usize)?.file;
        Some(Place::at(files.get(file)?.file(), record.offset))
    }

    /// Returns the place of an entry, with its index.
    pub fn entry_place(&self, files: &[Bytes<'_>], entry: &LogEntry) -> Option<Place> {
        let place = self.place(files, entry.record as usize)?;
        Some(place.with_index(entry.index))
    }

    /// Counts the intact records after each of [`Log::damages`], in its segment and in all later segments.
    ///
    /// No intact record after a damaged tail means a torn write; intact records mean that a repair would discard them
    /// (etcd#14114).
    pub fn intact_after_damages(&self) -> Vec<IntactAfter> {
        let mut intact = IntactAfter::default();
        let (mut records, mut entries) = (self.records.len(), self.entries.len());
        let mut all: Vec<_> = self
            .damages
            .iter()
            .rev()
            .map(|damage| {
                let segment = u32::try_from(damage.segment).unwrap_or(u32::MAX);
                let first = self
                    .records
                    .partition_point(|r| (r.segment, r.offset) < (segment, damage.to));
                for record in self.records.get(first..records).unwrap_or_default() {
                    let verified = u64::from(record.crc == Crc::Verified);
                    intact.records = intact.records.saturating_add(verified);
                }
                let entry = self
                    .entries
                    .partition_point(|e| (e.record as usize) < first);
                for entry in self.entries.get(entry..entries).unwrap_or_default() {
                    let record = self.records.get(entry.record as usize);
                    if record.is_some_and(|record| record.crc.is_trusted()) {
                        intact.entries = intact.entries.saturating_add(1);
                        let (low, high) = intact.indexes.unwrap_or((entry.index, entry.index));
                        intact.indexes = Some((low.min(entry.index), high.max(entry.index)));
                    }
                }
                (records, entries) = (first.min(records), entry.min(entries));
                intact
            })
            .collect();
        all.reverse();
        all
    }
}

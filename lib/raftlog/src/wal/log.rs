//! The whole log: an index of records and entries without lifetimes, and views that take the files' bytes again.

use super::damage::{Damage, Oddity};
use super::name::WalFile;
use super::record::RecordKind;
use super::segment::Segment;
use crate::raft::{ConfState, EntryType, HardState, TermEvent, TermSummary, terms};
use located::{Bytes, ClusterId, MemberId, Place, Term};

/// What the rolling checksum says about a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Crc {
    /// The payload continues the checksum of everything in front of it.
    Verified,
    /// Nothing in front of it could vouch; its successor continues from its stored checksum.
    Unverified,
    /// The payload is whole (its successors continue from it), only the stored checksum is wrong.
    CrcField,
    /// The payload is damaged.
    Mismatch,
}

impl Crc {
    /// Whether the payload may be believed.
    pub fn is_trusted(self) -> bool {
        self != Self::Mismatch
    }
}

/// One record of the log: where it stands and what its checksum says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Offset of its frame in the segment.
    pub offset: u64,
    /// Offset of its payload in the segment.
    pub payload_at: u64,
    /// Length of its payload in bytes.
    pub payload_len: u32,
    /// The checksum it carries.
    pub crc_stored: u32,
    /// Position in [`Log::segments`].
    pub segment: u32,
    /// What it carries.
    pub kind: RecordKind,
    /// Whether it may be believed.
    pub crc: Crc,
}

/// One entry as it stands in the log, overwritten ones included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// The raft index.
    pub index: u64,
    /// The term of the leader that wrote it.
    pub term: Term,
    /// What kind of change it carries.
    pub kind: EntryType,
    /// Position in [`Log::records`].
    pub record: u32,
    /// Where its data begins within the record's payload.
    pub data_at: u32,
    /// Length of its data in bytes.
    pub data_len: u32,
    /// The later entry that took its place: position in [`Log::entries`].
    pub superseded_by: Option<u32>,
    /// Whether it belongs to the log as it reads now: neither overwritten nor damaged.
    pub survives: bool,
    /// Whether it is a put, the deletion of one key or a transaction of those, just as etcd writes them: it then changes
    /// neither members nor versions, users, leases or alarms.
    pub is_plain: bool,
}

/// A HardState in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogState {
    /// Position in [`Log::records`].
    pub record: usize,
    /// What was promised.
    pub state: HardState,
}

/// A snapshot record: walpb.Snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSnapshot {
    /// Position in [`Log::records`].
    pub record: usize,
    /// The last entry the snapshot contains.
    pub index: u64,
    /// The term of that entry.
    pub term: Term,
    /// The configuration at that index; etcd 3.4 does not write it.
    pub conf_state: Option<ConfState>,
}

/// Who wrote the log: etcdserverpb.Metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogMetadata {
    /// Position in [`Log::records`].
    pub record: usize,
    /// The member's id.
    pub node_id: MemberId,
    /// The cluster's id.
    pub cluster_id: ClusterId,
}

/// Raft indexes that the log does not have although later ones are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The last index in front of it; 0 where there is none.
    pub after: u64,
    /// The first index behind it.
    pub next: u64,
    /// The entry behind it: position in [`Log::entries`].
    pub entry: usize,
    /// Why it is there.
    pub cause: GapCause,
}

/// Why indexes are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GapCause {
    /// A follower installed a snapshot that contains them: normal.
    Snapshot,
    /// Their records are damaged: position in [`Log::damages`].
    Damage(usize),
    /// A segment in between is missing.
    Segment,
    /// A record in between is not what its type says, or has no known type.
    Record,
    /// Nothing explains it.
    Unexplained,
}

/// A file beside the segments.
#[derive(Clone, Debug)]
pub struct OtherFile {
    /// Position among the files that were given.
    pub file: usize,
    /// What its name says it is.
    pub kind: WalFile,
    /// What a `.broken` file holds, read like a log of one segment.
    pub log: Option<Box<Log>>,
}

/// A WAL directory, indexed in one pass.
///
/// It keeps no bytes: whoever wants a payload gives the same files again.
///
/// ```
/// use etcd_inspect_raftlog::wal::Log;
/// use etcd_inspect::{Bytes, FileName, Limits, progress::Silent};
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
    /// Everything else in the directory.
    pub others: Vec<OtherFile>,
    /// Every record that could be framed, damaged ones included.
    pub records: Vec<Record>,
    /// Every entry that could be read, in the order written.
    pub entries: Vec<LogEntry>,
    /// The log as it reads now: positions in `entries`, by ascending index.
    pub surviving: Vec<u32>,
    /// Every trusted HardState, in the order written.
    pub states: Vec<LogState>,
    /// Every trusted snapshot record, in the order written.
    pub snapshots: Vec<LogSnapshot>,
    /// The metadata record of each segment.
    pub metadata: Vec<LogMetadata>,
    /// Missing indexes.
    pub gaps: Vec<Gap>,
    /// What could not be read.
    pub damages: Vec<Damage>,
    /// What was unusual.
    pub oddities: Vec<Oddity>,
    /// Whether reading was stopped by whoever watched.
    pub cancelled: bool,
    /// Damage seen when the last surviving entry was pushed.
    pub(super) damages_at_last_entry: usize,
    /// Records so far that are not what their type says.
    pub(super) strange_records: usize,
    /// The same when the last surviving entry was pushed.
    pub(super) strange_at_last_entry: usize,
    /// Whether a segment did not continue the one in front of it.
    pub(super) chain_is_broken: bool,
    /// The highest index of a snapshot record so far.
    pub(super) newest_snapshot: u64,
    /// The index in front of the first segment, by its name.
    pub(super) starts_after: Option<u64>,
}

/// What is intact behind a damaged stretch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Behind {
    /// Records behind it whose payloads are verified.
    pub records: u64,
    /// Entries among them.
    pub entries: u64,
    /// Lowest and highest raft index of those entries.
    pub indexes: Option<(u64, u64)>,
}

impl Log {
    /// The last entry of the log as it reads now.
    pub fn last(&self) -> Option<&LogEntry> {
        self.entries.get(*self.surviving.last()? as usize)
    }

    /// The first entry of the log as it reads now.
    pub fn first(&self) -> Option<&LogEntry> {
        self.entries.get(*self.surviving.first()? as usize)
    }

    /// The entries of the log as it reads now, by ascending index.
    pub fn surviving(&self) -> impl DoubleEndedIterator<Item = &LogEntry> {
        self.surviving
            .iter()
            .filter_map(|&position| self.entries.get(position as usize))
    }

    /// The surviving entry of that index.
    pub fn entry(&self, index: u64) -> Option<&LogEntry> {
        let index_of = |&position: &u32| self.entries.get(position as usize).map(|e| e.index);
        let found = self
            .surviving
            .binary_search_by_key(&Some(index), index_of)
            .ok()?;
        self.entries.get(*self.surviving.get(found)? as usize)
    }

    /// The highest index the log reaches: its last entry, or the newest snapshot record where that lies beyond.
    pub fn last_index(&self) -> u64 {
        let entry = self.last().map_or(0, |last| last.index);
        let snapshot = self.snapshots.iter().map(|snapshot| snapshot.index).max();
        entry.max(snapshot.unwrap_or(0))
    }

    /// The newest HardState.
    pub fn hard_state(&self) -> Option<HardState> {
        self.states.last().map(|state| state.state)
    }

    /// Snapshot records that etcd would start from: those the newest HardState has committed, in the order written.
    pub fn valid_snapshots(&self) -> impl DoubleEndedIterator<Item = &LogSnapshot> {
        let commit = self.hard_state().map_or(0, |state| state.commit);
        self.snapshots
            .iter()
            .filter(move |snapshot| snapshot.index <= commit)
    }

    /// The terms this log knows of: who was voted for, which entries each left, how it ended.
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

    /// The payload of a record.
    pub fn payload<'a>(&self, files: &[Bytes<'a>], record: &Record) -> Option<&'a [u8]> {
        let file = self.segments.get(record.segment as usize)?.file;
        let start = usize::try_from(record.payload_at).ok()?;
        let end = start.checked_add(record.payload_len as usize)?;
        files.get(file)?.as_slice().get(start..end)
    }

    /// The data of an entry: a request or a membership change.
    pub fn data<'a>(&self, files: &[Bytes<'a>], entry: &LogEntry) -> Option<&'a [u8]> {
        let payload = self.payload(files, self.records.get(entry.record as usize)?)?;
        let start = entry.data_at as usize;
        payload.get(start..start.checked_add(entry.data_len as usize)?)
    }

    /// The place of a record's frame.
    pub fn place(&self, files: &[Bytes<'_>], record: usize) -> Option<Place> {
        let record = self.records.get(record)?;
        let file = self.segments.get(record.segment as usize)?.file;
        Some(Place::at(files.get(file)?.file(), record.offset))
    }

    /// The place of an entry, with its raft index.
    pub fn entry_place(&self, files: &[Bytes<'_>], entry: &LogEntry) -> Option<Place> {
        let place = self.place(files, entry.record as usize)?;
        Some(place.with_index(entry.index))
    }

    /// What is intact behind each of [`Log::damages`], in its segment and in all later ones.
    pub fn behind(&self) -> Vec<Behind> {
        let mut behind = Behind::default();
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
                    behind.records = behind.records.saturating_add(verified);
                }
                let entry = self
                    .entries
                    .partition_point(|e| (e.record as usize) < first);
                for entry in self.entries.get(entry..entries).unwrap_or_default() {
                    let record = self.records.get(entry.record as usize);
                    if record.is_some_and(|record| record.crc.is_trusted()) {
                        behind.entries = behind.entries.saturating_add(1);
                        let (low, high) = behind.indexes.unwrap_or((entry.index, entry.index));
                        behind.indexes = Some((low.min(entry.index), high.max(entry.index)));
                    }
                }
                (records, entries) = (first.min(records), entry.min(entries));
                behind
            })
            .collect();
        all.reverse();
        all
    }
}

//! Entries that the log does not have any more, or never reads: in segments before the snapshot, in `.broken` files, after the
//! end of the log, in damaged ranges, in preallocated files.

use std::collections::HashSet;
use std::hash::{BuildHasher, Hasher};

use super::revisions::Revisions;
use super::{CarveOrigin, CarvedSource, Find};
use crate::check::applied::{LoggedWrite, writes_of};
use crate::evidence::Role;
use crate::member::{Member, Wal};
use crate::mvcc::Revision;
use crate::progress::Progress;
use crate::raft::{Entry, EntryType, Payload};
use crate::recover::{Change, Put};
use crate::salvage::record::RecordSource;
use crate::wal::{Log, LogEntry, Proof, remnants};
use located::{Bytes, RaftIndex, Term};

/// One entry outside of what etcd would read.
#[derive(Clone, Copy, Debug)]
pub(super) struct CarvedEntry<'a> {
    /// Position of its file among those that are carved.
    pub(super) file: usize,
    /// Offset of its frame.
    pub(super) offset: u64,
    pub(super) origin: CarveOrigin,
    pub(super) proof: Proof,
    pub(super) index: RaftIndex,
    pub(super) term: Term,
    pub(super) kind: EntryType,
    pub(super) data: &'a [u8],
}

impl CarvedEntry<'_> {
    pub(super) fn payload(&self) -> Payload {
        Payload::decode(self.kind, self.data)
    }
}

/// Files and entries that are collected.
#[derive(Default)]
struct Collection<'a> {
    files: Vec<Bytes<'a>>,
    entries: Vec<CarvedEntry<'a>>,
    /// What is known already: index, term and data of an entry, hashed.
    known: HashSet<u64>,
    hasher: foldhash::quality::FixedState,
    is_cut: bool,
}

/// Every write of an entry that etcd would not read, one source for each file; whether a search was given up.
pub(super) fn of_logs<'a>(
    member: &'a Member,
    progress: &dyn Progress,
) -> (Vec<CarvedSource<'a>>, bool) {
    let wal = member.wal_with(progress);
    let mut all = Collection::default();
    if let Some(wal) = &wal {
        all.files = wal.files().to_vec();
        all.of_log(wal);
        all.of_other_files(wal);
    } else {
        all.whole_files(member, Role::WalBroken, CarveOrigin::Broken);
    }
    all.whole_files(member, Role::WalTmp, CarveOrigin::TmpSegment);
    let is_cut = all.is_cut;
    (all.writes(member, wal.as_ref(), progress), is_cut)
}

/// The entries in a file of which nothing is known.
pub(super) fn of_piece<'a>(image: Bytes<'a>) -> (Vec<CarvedSource<'a>>, bool) {
    let mut all = Collection::default();
    all.files.push(image);
    all.range(0, 0, image.len(), CarveOrigin::LogPiece);
    let is_cut = all.is_cut;
    let sources = all.sources(&Revisions::default());
    (sources, is_cut)
}

impl<'a> Collection<'a> {
    /// Old segments, overwritten entries, and what is between and after the records of a segment.
    fn of_log(&mut self, wal: &Wal<'a>) {
        let log = wal.log();
        for entry in log.surviving() {
            let key = self.identity(entry.index, entry.term, wal.data(entry));
            self.known.insert(key);
        }
        let old = old_segments(log);
        for entry in &log.entries {
            let Some(record) = log.records.get(entry.record as usize) else {
                continue;
            };
            if !record.crc.is_trusted() {
                continue;
            }
            let origin = match (entry.survives, entry.superseded_by) {
                (true, _) if record.segment < old => CarveOrigin::OldSegment,
                (true, _) => continue,
                (false, Some(_)) => CarveOrigin::Overwritten,
                (false, None) => CarveOrigin::LogTail,
            };
            self.log_entry(log, entry, origin);
        }
        self.between_records(log, CarveOrigin::LogTail);
    }

    /// `.broken` files: what etcd copied before it cut the log.
    fn of_other_files(&mut self, wal: &Wal<'a>) {
        for log in wal.log().others.iter().filter_map(|o| o.log.as_deref()) {
            for entry in &log.entries {
                let record = log.records.get(entry.record as usize);
                if record.is_some_and(|record| record.crc.is_trusted()) {
                    self.log_entry(log, entry, CarveOrigin::Broken);
                }
            }
            self.between_records(log, CarveOrigin::Broken);
        }
    }

    fn whole_files(&mut self, member: &'a Member, role: Role, origin: CarveOrigin) {
        for file in member.evidence().with_role(role) {
            let Ok(bytes) = file.bytes() else { continue };
            let number = self.files.len();
            self.files.push(bytes);
            self.range(number, 0, bytes.len(), origin);
        }
    }

    fn log_entry(&mut self, log: &Log, entry: &LogEntry, origin: CarveOrigin) {
        let Some(record) = log.records.get(entry.record as usize) else {
            return;
        };
        let Some(file) = log.segments.get(record.segment as usize) else {
            return;
        };
        let proof = match record.crc {
            crate::wal::Crc::Verified | crate::wal::Crc::CrcField => Proof::Checksum,
            _ => Proof::Form,
        };
        let data = log.data(&self.files, entry).unwrap_or_default();
        self.add(CarvedEntry {
            file: file.file,
            offset: record.offset,
            origin,
            proof,
            index: entry.index,
            term: entry.term,
            kind: entry.kind,
            data,
        });
    }

    /// Searches the bytes of each segment that are in no record.
    fn between_records(&mut self, log: &Log, origin: CarveOrigin) {
        for segment in &log.segments {
            let records = log
                .records
                .get(segment.records.clone())
                .unwrap_or_default()
                .iter();
            let mut at = 0u64;
            for record in records {
                self.range(segment.file, at, record.offset, origin);
                let end = record.payload_at.saturating_add(record.payload_len.into());
                at = end.checked_next_multiple_of(8).unwrap_or(u64::MAX);
            }
            self.range(segment.file, at, segment.len_bytes, origin);
        }
    }

    fn range(
        &mut self,
        file: usize,
        from: impl TryInto<usize>,
        to: impl TryInto<usize>,
        origin: CarveOrigin,
    ) {
        let (Ok(from), Ok(to)) = (from.try_into(), to.try_into()) else {
            return;
        };
        let Some(bytes) = self.files.get(file).filter(|_| from < to) else {
            return;
        };
        let mut found: Vec<CarvedEntry<'a>> = Vec::new();
        let done = remnants(bytes.as_slice(), from, to, &mut |remnant| {
            let Entry {
                kind,
                term,
                index,
                data,
                ..
            } = remnant.entry;
            found.push(CarvedEntry {
                file,
                offset: (remnant.at as u64).saturating_sub(8),
                origin,
                proof: remnant.proof,
                index,
                term,
                kind,
                data,
            });
            true
        });
        self.is_cut |= !done;
        found.into_iter().for_each(|entry| self.add(entry));
    }

    /// Adds an entry, unless the log has the same one or it was found before. Old segments are part of the log.
    fn add(&mut self, entry: CarvedEntry<'a>) {
        let key = self.identity(entry.index, entry.term, entry.data);
        let new = self.known.insert(key);
        if new || entry.origin == CarveOrigin::OldSegment {
            self.entries.push(entry);
        }
    }

    fn identity(&self, index: RaftIndex, term: Term, data: &[u8]) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write_u64(index.get());
        hasher.write_u64(term.get());
        hasher.write(data);
        hasher.finish()
    }

    /// What the entries wrote, with the revisions that etcd gave them.
    fn writes(
        self,
        member: &'a Member,
        wal: Option<&Wal<'a>>,
        progress: &dyn Progress,
    ) -> Vec<CarvedSource<'a>> {
        let revisions = match wal {
            Some(wal) if !self.entries.is_empty() => {
                Revisions::compute(member, wal, &self.entries, progress)
            }
            _ => Revisions::default(),
        };
        self.sources(&revisions)
    }

    fn sources(self, revisions: &Revisions<'a>) -> Vec<CarvedSource<'a>> {
        let mut sources: Vec<CarvedSource<'a>> = self
            .files
            .iter()
            .map(|file| CarvedSource::new(RecordSource::new(&[], file.file().clone())))
            .collect();
        for (number, entry) in self.entries.iter().enumerate() {
            let Some(source) = sources.get_mut(entry.file) else {
                continue;
            };
            match revisions.changes(number) {
                Some(changes) => {
                    for change in changes {
                        source.push_change(
                            change.clone(),
                            Find::placed(entry.origin, entry.proof),
                            entry.offset,
                        );
                    }
                }
                None => unplaced(entry, source),
            }
        }
        sources.retain(|source| !source.finds.is_empty());
        sources
    }
}

/// The writes that an entry asks for if nothing says which revision it got.
fn unplaced(entry: &CarvedEntry<'_>, source: &mut CarvedSource<'_>) {
    let payload = entry.payload();
    let mut writes = Vec::new();
    let conditional = writes_of(&payload, &mut writes);
    for write in writes {
        let (key, put) = match write {
            // It keeps the value that the key had: the entry does not say which.
            LoggedWrite::Put(put) if put.ignore_value => continue,
            LoggedWrite::Put(put) => (
                put.key.clone(),
                Some(Put {
                    create_revision: 0,
                    version: 0,
                    value: put.value.clone().into(),
                    lease: put.lease,
                }),
            ),
            LoggedWrite::Delete(key) => (key.to_vec(), None),
        };
        let change = Change {
            revision: Revision::new(0, 0),
            index: entry.index,
            key: key.into(),
            put,
        };
        let find = Find::unplaced(entry.origin, entry.proof, conditional);
        source.push_change(change, find, entry.offset);
    }
}

/// How many segments are before the one that etcd begins to read: the last one whose name is not after the newest snapshot.
fn old_segments(log: &Log) -> u32 {
    let newest = log.valid_snapshots().map(|snapshot| snapshot.index).max();
    let Some(newest) = newest else { return 0 };
    let first = log
        .segments
        .iter()
        .rposition(|segment| segment.name.is_some_and(|name| name.index <= newest));
    first.and_then(|at| u32::try_from(at).ok()).unwrap_or(0)
}

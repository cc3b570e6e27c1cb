//! Builds the index of a [`Log`]: one pass over the files, one record after the other.

use std::collections::BTreeMap;

use prost::Message as _;
use rayon::prelude::*;

use super::damage::{Oddity, OddityKind};
use super::log::{
    Crc, Gap, GapCause, Log, LogEntry, LogMetadata, LogSnapshot, LogState, OtherFile, Record,
};
use super::misplaced::misplaced;
use super::name::{WalFile, base_name};
use super::record::RecordKind;
use super::resync::Resync;
use super::rolled;
use super::segment::{Chain, Ending, Link, Segment, SegmentReader};
use crate::raft::{ConfState, Entry, EntryType, HardState, Plain};
use located::progress::Progress;
use located::wire::{Fields, Value};
use located::{Bytes, ClusterId, Limits, MemberId, RaftIndex, Term};

/// Number of bytes between two progress reports.
const PROGRESS_BYTES: usize = 4 << 20;

impl Log {
    /// Reads all files of a WAL directory: segments in the order of their names, each `.broken` file as a log of its own.
    ///
    /// Damage is recorded and reading continues after it. A single file is read as a segment, whatever its name.
    pub fn read(files: &[Bytes<'_>], limits: &Limits, progress: &dyn Progress) -> Self {
        let total = files.iter().map(|file| file.len() as u64);
        progress.begin("reading the WAL", total.fold(0, u64::saturating_add));
        let mut log = Self::default();
        let mut segments = Vec::new();
        for (number, file) in files.iter().enumerate().take(limits.files) {
            match WalFile::from_path(file.file().as_str()) {
                WalFile::Segment(name) => segments.push((number, Some(name))),
                WalFile::Broken(_) | WalFile::Stray if files.len() == 1 => {
                    segments.push((number, None));
                }
                kind @ WalFile::Broken(_) => log.others.push(OtherFile {
                    file: number,
                    kind,
                    log: Some(Box::new(Self::read_segments(
                        files,
                        &[(number, None)],
                        progress,
                    ))),
                }),
                kind => log.others.push(OtherFile {
                    file: number,
                    kind,
                    log: None,
                }),
            }
        }
        segments.sort_by_key(|&(number, _)| {
            files
                .get(number)
                .map(|file| base_name(file.file().as_str()))
        });
        Self {
            others: log.others,
            ..Self::read_segments(files, &segments, progress)
        }
    }

    /// Reads segments, and again if records turn out not to be what was written there: without them.
    fn read_segments(
        files: &[Bytes<'_>],
        segments: &[(usize, Option<super::SegmentName>)],
        progress: &dyn Progress,
    ) -> Self {
        let log = Self::read_all(files, segments, BTreeMap::new(), progress);
        if log.cancelled {
            return log;
        }
        let misplaced = misplaced(&log, files);
        match misplaced.is_empty() {
            true => log,
            false => Self::read_all(files, segments, misplaced, progress),
        }
    }

    fn read_all(
        files: &[Bytes<'_>],
        segments: &[(usize, Option<super::SegmentName>)],
        misplaced: BTreeMap<usize, OddityKind>,
        progress: &dyn Progress,
    ) -> Self {
        let name = segments.first().and_then(|&(_, name)| name);
        let mut log = Self {
            starts_after: name.map(|name| name.index.previous()),
            misplaced,
            ..Self::default()
        };
        let mut chain = Chain::Start;
        let verified = verified(files, segments, progress);
        for (number, &(file, name)) in segments.iter().enumerate() {
            let Some(bytes) = files.get(file) else {
                continue;
            };
            let first = log.records.len();
            let mut reader = SegmentReader {
                data: bytes.as_slice(),
                extents: bytes.extents(),
                number,
                chain,
                link: None,
                resync: Resync::new(bytes.as_slice()),
                ending: Ending::Damage,
                end: 0,
                verified_to: verified.get(number).copied().unwrap_or(0),
                stored: None,
                unpadded: false,
                log: &mut log,
            };
            let cancelled = read_frames(&mut reader, progress);
            chain = reader.chain;
            let (ending, end, link) = (reader.ending, reader.end, reader.link);
            log.segments.push(Segment {
                file,
                name,
                len_bytes: bytes.len() as u64,
                end: end as u64,
                ending,
                records: first..log.records.len(),
                link: link.unwrap_or(Link::NoHead),
            });
            log.cancelled = cancelled;
            if cancelled {
                break;
            }
        }
        log.find_missing_segments();
        log
    }

    /// Sets the cause of gaps between entries if a segment is missing between them.
    /// `isValidSeq` in `server/wal/util.go`, v3.5.30; `ReleaseLockTo` in `server/wal/wal.go`, v3.5.30, lets only the oldest be
    /// purged.
    fn find_missing_segments(&mut self) {
        let seqs: Vec<_> = self
            .segments
            .iter()
            .map(|s| s.name.map(|n| n.seq))
            .collect();
        let missing_after = |segment: &u32| {
            let here = seqs.get(*segment as usize).copied().flatten();
            let next = seqs
                .get((*segment as usize).saturating_add(1))
                .copied()
                .flatten();
            matches!((here, next), (Some(here), Some(next)) if next != here.saturating_add(1))
        };
        for gap in &mut self.gaps {
            let segment_of = |entry: usize| {
                let record = self.entries.get(entry)?.record as usize;
                Some(self.records.get(record)?.segment)
            };
            let after = segment_of(gap.entry).unwrap_or_default();
            let before = gap.entry.checked_sub(1).and_then(segment_of);
            if gap.cause != GapCause::Snapshot
                && before.is_some_and(|before| (before..after).any(|s| missing_after(&s)))
            {
                gap.cause = GapCause::Segment;
            }
        }
    }

    /// Adds a record to the index.
    pub(super) fn push(&mut self, record: Record, payload: &[u8]) {
        let number = self.records.len();
        self.records.push(record);
        if !record.crc.is_trusted() {
            if record.kind == RecordKind::Entry
                && let Ok(entry) = Entry::parse(payload)
            {
                self.entries.push(log_entry(number, &entry, false));
            }
            return;
        }
        let parsed = match record.kind {
            RecordKind::Entry => self.entry_record(number, payload, record.crc),
            RecordKind::State => self.state_record(number, payload),
            RecordKind::Metadata => self.metadata_record(number, payload),
            RecordKind::Snapshot => self.snapshot_record(number, payload),
            RecordKind::Crc => Ok(()),
            RecordKind::Unknown => {
                self.strange_records = self.strange_records.saturating_add(1);
                Ok(())
            }
        };
        if let Err(why) = parsed {
            self.odd(number, OddityKind::Payload(why));
        }
    }

    fn odd(&mut self, record: usize, kind: OddityKind) {
        self.strange_records = self.strange_records.saturating_add(1);
        self.oddities.push(Oddity { record, kind });
    }

    /// Adds an entry. It replaces every entry with the same or a higher index, because a new leader overwrites the
    /// uncommitted tail of a follower: ReadAll in server/wal/wal.go, v3.5.30.
    /// An entry with an index that is there already replaces it and all after it: `ReadAll` in `server/wal/wal.go`, v3.5.30.
    fn entry_record(&mut self, number: usize, payload: &[u8], crc: Crc) -> Result<(), String> {
        let entry = Entry::parse(payload)?;
        if entry.foreign_fields {
            self.odd(number, OddityKind::ForeignFields);
            self.entries.push(log_entry(number, &entry, false));
            return Ok(());
        }
        let position = self.entries.len();
        let last = self.last().map(|last| (last.index, last.term));
        // An entry after damage is used only if it continues the log: it must not replace verified entries. After a broken
        // chain, a later leader may still have overwritten a tail.
        let continues = last.is_none_or(|(index, term)| entry.index > index && entry.term >= term);
        let overwrites = last.is_none_or(|(_, term)| entry.term > term);
        let survives = match (crc, self.chain_is_broken) {
            (Crc::Verified, false) => true,
            (Crc::Verified, true) => continues || overwrites,
            _ => continues,
        };
        self.entries.push(log_entry(number, &entry, survives));
        if !survives {
            return Ok(());
        }
        while let Some(&top) = self.surviving.last() {
            let Some(old) = self.entries.get_mut(top as usize) else {
                break;
            };
            if old.index < entry.index {
                break;
            }
            old.superseded_by = u32::try_from(position).ok();
            old.survives = false;
            self.surviving.pop();
        }
        let after = match (self.last(), last) {
            (Some(last), _) => last.index,
            (None, Some(_)) => entry.index.previous(),
            (None, None) => self.starts_after.unwrap_or(entry.index.previous()),
        };
        if entry.index > after.next() {
            self.gap(after, entry.index, position);
        }
        self.surviving
            .push(u32::try_from(position).unwrap_or(u32::MAX));
        self.damages_at_last_entry = self.damages.len();
        self.strange_at_last_entry = self.strange_records;
        Ok(())
    }

    /// A member that received a snapshot continues after it: `SaveSnapshot` in `server/wal/wal.go`, v3.5.30, raises the index
    /// (`enti`).
    fn gap(&mut self, after: RaftIndex, next: RaftIndex, entry: usize) {
        let cause = if self.newest_snapshot >= next.previous() {
            GapCause::Snapshot
        } else if self.damages.len() > self.damages_at_last_entry {
            GapCause::Damage(self.damages_at_last_entry)
        } else if self.strange_records > self.strange_at_last_entry {
            GapCause::Record
        } else {
            GapCause::Unexplained
        };
        self.gaps.push(Gap {
            after,
            next,
            entry,
            cause,
        });
    }

    /// `Save` in `server/wal/wal.go`, v3.5.30, writes the state after the entries; `cut` repeats it.
    fn state_record(&mut self, record: usize, payload: &[u8]) -> Result<(), String> {
        let state = HardState::parse(payload)?;
        if state.foreign_fields {
            self.odd(record, OddityKind::ForeignFields);
            return Ok(());
        }
        let goes_back = self
            .hard_state()
            .is_some_and(|last| state.term < last.term || state.commit < last.commit);
        if !(self.chain_is_broken && goes_back) {
            self.states.push(LogState { record, state });
        }
        Ok(())
    }

    /// `ReadAll` in `server/wal/wal.go`, v3.5.30, refuses metadata that differs from the first.
    fn metadata_record(&mut self, record: usize, payload: &[u8]) -> Result<(), String> {
        let mut metadata = LogMetadata {
            record,
            node_id: MemberId::default(),
            cluster_id: ClusterId::default(),
        };
        for field in Fields::new(payload) {
            let field = field?;
            match (field.number, field.value) {
                (1, Value::Varint(id)) => metadata.node_id = MemberId(id),
                (2, Value::Varint(id)) => metadata.cluster_id = ClusterId(id),
                (1 | 2, _) => return Err("a field of Metadata has the wrong wire type".into()),
                _ => {}
            }
        }
        self.metadata.push(metadata);
        Ok(())
    }

    /// 3.4 does not write the ConfState: `SaveSnap` in `etcdserver/storage.go`, v3.4.23.
    fn snapshot_record(&mut self, record: usize, payload: &[u8]) -> Result<(), String> {
        let mut snapshot = LogSnapshot {
            record,
            index: RaftIndex(0),
            term: Term(0),
            conf_state: None,
        };
        for field in Fields::new(payload) {
            let field = field?;
            match (field.number, field.value) {
                (1, Value::Varint(index)) => snapshot.index = RaftIndex(index),
                (2, Value::Varint(term)) => snapshot.term = Term(term),
                (3, Value::Bytes(bytes)) => {
                    let conf_state = ConfState::decode(bytes).map_err(|error| error.to_string())?;
                    snapshot.conf_state = Some(conf_state);
                }
                (1..=3, _) => {
                    return Err("a field of walpb.Snapshot has the wrong wire type".into());
                }
                _ => {}
            }
        }
        self.newest_snapshot = self.newest_snapshot.max(snapshot.index);
        self.snapshots.push(snapshot);
        Ok(())
    }
}

/// Reads all frames of a segment; returns whether that was cancelled.
fn read_frames(reader: &mut SegmentReader<'_, '_>, progress: &dyn Progress) -> bool {
    let (mut at, mut reported) = (0usize, 0usize);
    let mut cancelled = false;
    while !cancelled && let Some(next) = reader.read_frame(at) {
        at = next;
        if at.saturating_sub(reported) >= PROGRESS_BYTES {
            progress.advance(at.saturating_sub(reported) as u64);
            reported = at;
            cancelled = progress.cancelled();
        }
    }
    progress.advance(reader.data.len().saturating_sub(reported) as u64);
    cancelled
}

/// Returns for each segment the offset up to which its checksums were verified, on all cores.
fn verified(
    files: &[Bytes<'_>],
    segments: &[(usize, Option<super::SegmentName>)],
    progress: &dyn Progress,
) -> Vec<usize> {
    if progress.cancelled() {
        return Vec::new();
    }
    let segment = |&(file, _): &(usize, _)| {
        let file = files.get(file);
        file.map_or(0, |bytes| rolled::verified_to(bytes.as_slice()))
    };
    segments.par_iter().map(segment).collect()
}

fn log_entry(record: usize, entry: &Entry<'_>, survives: bool) -> LogEntry {
    LogEntry {
        index: entry.index,
        term: entry.term,
        kind: entry.kind,
        record: u32::try_from(record).unwrap_or(u32::MAX),
        data_at: u32::try_from(entry.data_at).unwrap_or(u32::MAX),
        data_len: u32::try_from(entry.data.len()).unwrap_or(u32::MAX),
        superseded_by: None,
        survives,
        is_plain: entry.kind == EntryType::Normal && Plain::parse(entry.data).is_some(),
    }
}

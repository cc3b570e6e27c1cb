//! The log as etcd itself would read it at start: where it stops, what it repairs, which entries it would lose.
//!
//! Follows `etcd/server/storage/wal/{wal,decoder,repair}.go` of each release, damage and all. [`Log`] reads more than etcd
//! does; the difference between the two is what a start would throw away.

mod apply;
mod decoder;
mod gogo;
mod release;

pub use apply::apply_stop;
pub use decoder::{Halt, Stage};
pub use release::Release;

use std::ops::Range;

use self::decoder::{Decoder, Stop};
use self::gogo::{GogoError, Value};
use super::{Log, RecordKind, SegmentName, resync};
use crate::raft::{Entry, EntryType, HardState};
use located::{Bytes, ClusterId, MemberId, RaftIndex, Term};

/// A snapshot record, as etcd takes one to start from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// The last entry the snapshot contains; 0: from the beginning.
    pub index: RaftIndex,
    /// The term of that entry.
    pub term: Term,
}

/// What etcd would read.
#[derive(Clone, Debug, Default)]
pub struct Reading<'a> {
    /// Member id; 0 where no metadata was read, then etcd panics.
    pub node_id: MemberId,
    /// Cluster id.
    pub cluster_id: ClusterId,
    /// The last HardState it reads.
    pub hard_state: HardState,
    /// The entries it keeps after the snapshot, as it reads them.
    pub entries: Vec<Entry<'a>>,
    /// The repair it makes before.
    pub repair: Option<Repair>,
    /// Bytes of the last segment that it silently overwrites with zeros: position, from, to.
    pub erases: Option<(usize, u64, u64)>,
    /// Entries that are whole in the log but not among those it keeps: positions in [`Log::entries`], by ascending index.
    pub lost: Vec<usize>,
}

impl Reading<'_> {
    /// The last index etcd would have; the snapshot's where it keeps no entry.
    pub fn last_index(&self, start: Start) -> RaftIndex {
        self.entries.last().map_or(start.index, |entry| entry.index)
    }
}

/// etcd's repair of the last segment: a copy beside it, then a cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repair {
    /// Position in [`Log::segments`].
    pub segment: usize,
    /// The length the file is cut to; `None`: the last file was in order, the damage is in another one.
    pub cut_to: Option<u64>,
    /// The error that etcd logs with `repaired WAL`.
    pub error: String,
}

/// The files of a log as etcd opens them.
struct Files<'a> {
    /// Bytes of each segment, cut where a repair cuts.
    data: Vec<&'a [u8]>,
    /// The ranges of the last segment that are not holes; empty if they are not known.
    last_extents: &'a [Range<u64>],
    names: Vec<SegmentName>,
    release: Release,
}

impl<'a> Files<'a> {
    fn new(log: &Log, files: &[Bytes<'a>], release: Release) -> Self {
        let data = |file: usize| files.get(file).map_or(&[][..], |bytes| bytes.as_slice());
        let last = log.segments.last().and_then(|last| files.get(last.file));
        Self {
            last_extents: last.map_or(&[][..], |bytes| bytes.extents()),
            data: log
                .segments
                .iter()
                .map(|segment| data(segment.file))
                .collect(),
            names: log
                .segments
                .iter()
                .filter_map(|segment| segment.name)
                .collect(),
            release,
        }
    }

    fn decoder(&self, first: usize) -> Decoder<'a, '_> {
        Decoder::new(&self.data, first, self.release)
    }

    /// Adds the name of the file that a halt is about, and the stage of the start at which it happens.
    fn with_file_name_and_stage(&self, mut halt: Halt, stage: Stage) -> Halt {
        let name = halt.segment.and_then(|segment| self.names.get(segment));
        let name = name.map_or_else(String::new, SegmentName::file_name);
        halt.message = halt.message.replace(decoder::FILE, &name);
        if halt.stage == Stage::Read {
            halt.stage = stage;
        }
        halt
    }
}

/// The snapshot records that etcd calls valid: those the last HardState of the whole log has committed.
///
/// # Errors
/// The message with which etcd stops when it scans all segments (`ValidSnapshotEntries`): a wrong checksum in any of them.
pub fn valid_snapshots(
    log: &Log,
    files: &[Bytes<'_>],
    release: Release,
) -> Result<Vec<Start>, Halt> {
    let files = Files::new(log, files, release);
    scan(&files).map_err(|halt| files.with_file_name_and_stage(halt, Stage::Scan))
}

fn scan(files: &Files<'_>) -> Result<Vec<Start>, Halt> {
    if files.names.is_empty() {
        return Err(Halt::message("wal: file not found"));
    }
    let mut decoder = files.decoder(0);
    let mut snapshots = Vec::new();
    let mut commit = RaftIndex(0);
    let stop = loop {
        let record = match decoder.next() {
            Ok(record) => record,
            Err(stop) => break stop,
        };
        match record.kind() {
            RecordKind::Snapshot => match snapshot(record.data, files.release) {
                Ok(snapshot) => snapshots.push(snapshot),
                Err(why) => return Err(decoder.panics(why.text())),
            },
            RecordKind::State => match hard_state(record.data) {
                Ok(state) => commit = state.commit,
                Err(why) => return Err(decoder.panics(why.text())),
            },
            RecordKind::Crc => decoder.continue_from(record.crc)?,
            _ => {}
        }
    };
    match stop {
        Stop::Eof | Stop::UnexpectedEof(_) => {}
        Stop::Fatal(halt) => return Err(halt),
    }
    snapshots.retain(|snapshot| commit >= snapshot.index);
    Ok(snapshots)
}

fn snapshot(payload: &[u8], release: Release) -> Result<Start, GogoError> {
    let message = match release.minor {
        ..=4 => &gogo::SNAPSHOT_3_4,
        _ => &gogo::SNAPSHOT,
    };
    let mut start = Start::default();
    gogo::read(message, payload, |number, value| match (number, value) {
        (1, Value::Number(index)) => start.index = RaftIndex(index),
        (2, Value::Number(term)) => start.term = Term(term),
        _ => {}
    })?;
    Ok(start)
}

fn hard_state(payload: &[u8]) -> Result<HardState, GogoError> {
    let mut state = HardState::default();
    gogo::read(&gogo::STATE, payload, |number, value| {
        match (number, value) {
            (1, Value::Number(term)) => state.term = Term(term),
            (2, Value::Number(vote)) => state.vote = MemberId(vote),
            (3, Value::Number(commit)) => state.commit = RaftIndex(commit),
            _ => {}
        }
    })?;
    Ok(state)
}

fn entry(payload: &[u8]) -> Result<Entry<'_>, GogoError> {
    let mut entry = Entry {
        kind: EntryType::Normal,
        term: Term(0),
        index: RaftIndex(0),
        data: &[],
        data_at: payload.len(),
        foreign_fields: false,
    };
    gogo::read(&gogo::ENTRY, payload, |number, value| {
        match (number, value) {
            (1, Value::Number(kind)) => entry.kind = EntryType::from_raw(kind),
            (2, Value::Number(term)) => entry.term = Term(term),
            (3, Value::Number(index)) => entry.index = RaftIndex(index),
            (4, Value::Bytes(data)) => entry.data = data,
            _ => {}
        }
    })?;
    Ok(entry)
}

/// Opens the log at a snapshot and reads everything after it. Repairs it once if etcd would.
///
/// ```
/// use etcd_inspect_raftlog::wal::{Log, boot};
/// let (log, files) = (Log::default(), []);
/// let release: boot::Release = "3.5.30".parse()?;
/// let halt = boot::read(&log, &files, release, boot::Start::default()).expect_err("there is no file");
/// assert_eq!(halt.message, "wal: file not found");
/// # Ok::<(), String>(())
/// ```
///
/// # Errors
/// The message with which etcd stops.
pub fn read<'a>(
    log: &Log,
    files: &[Bytes<'a>],
    release: Release,
    start: Start,
) -> Result<Reading<'a>, Halt> {
    let mut files = Files::new(log, files, release);
    let first =
        select(&files, start).map_err(|halt| files.with_file_name_and_stage(halt, Stage::Open))?;
    let mut repair = None;
    let mut outcome = attempt(&files, first, start);
    if let Err(Stop::UnexpectedEof(halt)) = outcome {
        repair = Some(repair_last_file(&mut files, halt)?);
        outcome = attempt(&files, first, start);
    }
    let mut reading = match outcome {
        Ok(reading) => reading,
        Err(Stop::UnexpectedEof(halt) | Stop::Fatal(halt)) => {
            return Err(files.with_file_name_and_stage(halt, Stage::Read));
        }
        Err(Stop::Eof) => return Err(Halt::message("EOF")),
    };
    reading.repair = repair;
    reading.lost = lost(log, &reading, start);
    Ok(reading)
}

/// Returns the last segment whose first index is not greater than the snapshot's. The sequence numbers of all later segments
/// must increase by one.
fn select(files: &Files<'_>, start: Start) -> Result<usize, Halt> {
    let new_texts = files.release.minor >= 6;
    let first = files
        .names
        .iter()
        .rposition(|name| name.index <= start.index);
    let Some(first) = first else {
        return Err(Halt::message(match new_texts && !files.names.is_empty() {
            true => format!(
                "wal: file not found which matches the snapshot index '{}'",
                start.index
            ),
            false => "wal: file not found".into(),
        }));
    };
    // A predecessor of 0 counts as none: a gap after segment 0 is not noticed.
    let holds = |pair: &[SegmentName]| match pair {
        [was, is] => was.seq == 0 || was.seq.saturating_add(1) == is.seq,
        _ => true,
    };
    let names = files.names.get(first..).unwrap_or_default();
    if !names.windows(2).all(holds) {
        return Err(Halt::message(match new_texts {
            true => format!(
                "wal: file sequence numbers (starting from {first}) do not increase continuously"
            ),
            false => "wal: file not found".into(),
        }));
    }
    Ok(first)
}

/// `WAL.ReadAll`.
fn attempt<'a>(files: &Files<'a>, first: usize, start: Start) -> Result<Reading<'a>, Stop> {
    let mut decoder = files.decoder(first);
    let mut reading = Reading::default();
    let mut metadata: Option<&[u8]> = None;
    let fatal = |halt: Halt| Err(Stop::Fatal(halt));
    let stop = loop {
        let record = match decoder.next() {
            Ok(record) => record,
            Err(stop) => break stop,
        };
        match record.kind() {
            RecordKind::Entry => {
                let entry = match entry(record.data) {
                    Ok(entry) => entry,
                    Err(why) => return fatal(decoder.panics(why.text())),
                };
                if let Err(kept) = keep(&mut reading.entries, start, entry) {
                    return fatal(decoder.halt(gap(files, start, &entry, kept)));
                }
            }
            RecordKind::State => match hard_state(record.data) {
                Ok(state) => reading.hard_state = state,
                Err(why) => return fatal(decoder.panics(why.text())),
            },
            RecordKind::Metadata => {
                if metadata.is_some_and(|known| known != record.data) {
                    return fatal(decoder.halt("wal: conflicting metadata found"));
                }
                metadata = Some(record.data);
            }
            RecordKind::Crc => decoder.continue_from(record.crc).map_err(Stop::Fatal)?,
            RecordKind::Snapshot => {
                let snapshot = match snapshot(record.data, files.release) {
                    Ok(snapshot) => snapshot,
                    Err(why) => return fatal(decoder.panics(why.text())),
                };
                if snapshot.index == start.index && snapshot.term != start.term {
                    return fatal(decoder.halt("wal: snapshot mismatch"));
                }
            }
            RecordKind::Unknown => {
                return fatal(decoder.halt(format!("unexpected block type {}", record.raw_kind)));
            }
        }
    };
    if stop != Stop::Eof {
        return Err(stop);
    }
    // That no record names the snapshot is no error for a log opened for writing: the code that opens the encoder overwrites
    // `ErrSnapshotNotFound` (`ReadAll` in `server/wal/wal.go`, v3.5.30).
    let ids = read_ids(metadata.unwrap_or_default(), &mut reading);
    if let Err(why) = ids {
        return fatal(decoder.panics(why.text()));
    }
    reading.erases = erased(files, decoder.end_of_last());
    Ok(reading)
}

/// The bytes after the end of the log in the last segment, which etcd overwrites with zeros: segment, from, to.
fn erased(files: &Files<'_>, end: usize) -> Option<(usize, u64, u64)> {
    let last = files.data.len().saturating_sub(1);
    let data = files.data.get(last).copied().unwrap_or_default();
    let from = resync::first_nonzero(data, files.last_extents, end)?;
    Some((
        last,
        from as u64,
        resync::last_nonzero(data, files.last_extents) as u64,
    ))
}

/// Puts an entry in its place; one of a lower index cuts off those that it overwrites. `Err`: indexes are missing before it; how many
/// entries there are.
fn keep<'a>(entries: &mut Vec<Entry<'a>>, start: Start, entry: Entry<'a>) -> Result<(), usize> {
    let above = entry.index.since(start.index);
    if above == 0 {
        return Ok(());
    }
    let keep = usize::try_from(above.saturating_sub(1)).unwrap_or(usize::MAX);
    if keep > entries.len() {
        return Err(entries.len());
    }
    entries.truncate(keep);
    entries.push(entry);
    Ok(())
}

/// The ids of member and cluster, from the metadata.
fn read_ids(metadata: &[u8], reading: &mut Reading<'_>) -> Result<(), GogoError> {
    gogo::read(&gogo::METADATA, metadata, |number, value| {
        match (number, value) {
            (1, Value::Number(id)) => reading.node_id = MemberId(id),
            (2, Value::Number(id)) => reading.cluster_id = ClusterId(id),
            _ => {}
        }
    })
}

fn gap(files: &Files<'_>, start: Start, entry: &Entry<'_>, kept: usize) -> String {
    let text = "wal: slice bounds out of range";
    if files.release.minor < 6 {
        return text.into();
    }
    format!(
        "{text}, snapshot[Index: {}, Term: {}], current entry[Index: {}, Term: {}], len(ents): {kept}",
        start.index, start.term, entry.index, entry.term
    )
}

/// `wal.Repair`: reads the last file on its own, copies it and truncates it after the last good record.
fn repair_last_file(files: &mut Files<'_>, why: Halt) -> Result<Repair, Halt> {
    let failed = || Halt {
        stage: Stage::Repair,
        ..Halt::message("failed to repair WAL")
    };
    let error = files.with_file_name_and_stage(why, Stage::Read).message;
    let last = files.data.len().saturating_sub(1);
    let data: Vec<&[u8]> = files.data.get(last..).unwrap_or_default().to_vec();
    let mut decoder = Decoder::new(&data, 0, files.release);
    let stop = loop {
        match decoder.next() {
            Ok(record) if record.kind() == RecordKind::Crc => {
                if decoder.continue_from(record.crc).is_err() {
                    return Err(failed());
                }
            }
            Ok(_) => {}
            Err(stop) => break stop,
        }
    };
    match stop {
        Stop::Eof => Ok(Repair {
            segment: last,
            cut_to: None,
            error,
        }),
        Stop::UnexpectedEof(_) => {
            let end = decoder.end_of_last();
            if let Some(data) = files.data.get_mut(last) {
                *data = data.get(..end).unwrap_or(data);
            }
            Ok(Repair {
                segment: last,
                cut_to: Some(end as u64),
                error,
            })
        }
        Stop::Fatal(_) => Err(failed()),
    }
}

/// What the log has and etcd would not.
fn lost(log: &Log, reading: &Reading<'_>, start: Start) -> Vec<usize> {
    log.surviving
        .iter()
        .map(|&position| position as usize)
        .filter(|&position| {
            log.entries.get(position).is_some_and(|entry| {
                let known = reading
                    .entries
                    .binary_search_by_key(&entry.index, |kept| kept.index);
                let same = known
                    .ok()
                    .and_then(|at| reading.entries.get(at))
                    .is_some_and(|kept| kept.term == entry.term);
                entry.index > start.index && !same
            })
        })
        .collect()
}

/// Returns the panic of raft's `loadState` if the HardState does not fit the log it was read with.
///
/// etcd prints the member's id before it.
pub fn commit_out_of_range(reading: &Reading<'_>, start: Start) -> Option<String> {
    let (commit, last) = (reading.hard_state.commit, reading.last_index(start));
    let empty = reading.hard_state == HardState::default();
    (!empty && (commit < start.index || commit > last)).then(|| {
        format!(
            "{:x} state.commit {commit} is out of range [{}, {last}]",
            reading.node_id, start.index
        )
    })
}

//! The first and the last index of a log, without reading the entries between them.

use super::frame::{self, Step};
use super::log::Log;
use super::record::{RawRecord, RecordKind};
use crate::raft::{Entry, HardState};
use located::wire::{Fields, Value};
use located::{Bytes, ClusterId, MemberId, RaftIndex};

/// The two ends of a log: the member that wrote it, and its first and last index.
///
/// [`Ends::read`] reads the first records of the first segment and the frames of the newest segments. It does not verify the
/// checksums of entries and does not read bytes after the end of the log; [`Log`] does both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    /// Member id and cluster id of the first metadata record; its checksum is verified.
    pub metadata: Option<(MemberId, ClusterId)>,
    /// The newest HardState.
    pub state: Option<HardState>,
    /// Index of the first entry.
    pub first_index: Option<RaftIndex>,
    /// Index of the last entry, or of a snapshot record if that is higher.
    pub last_index: RaftIndex,
    /// Number of segments.
    pub segments: usize,
    /// Number of segments that were read, from the newest back.
    pub segments_read: usize,
}

impl Ends {
    /// Reads as few segments as possible; `segment` returns the bytes of one by its position in the order of names.
    ///
    /// Returns `None` if a frame or a record cannot be read; use [`Log::read`] then.
    pub fn read<'a>(segments: usize, segment: impl Fn(usize) -> Bytes<'a>) -> Option<Self> {
        let mut ends = Self {
            segments,
            ..Self::default()
        };
        ends.read_start(segment(0).as_slice())?;
        let (mut entry, mut snapshot) = (None, RaftIndex(0));
        for number in (0..segments).rev() {
            let mut here = None;
            let mut state = None;
            for record in Records::new(segment(number).as_slice()) {
                let record = record?;
                match record.kind() {
                    RecordKind::Entry => here = Some(Entry::parse(record.data).ok()?.index),
                    RecordKind::State => state = Some(HardState::parse(record.data).ok()?),
                    RecordKind::Snapshot => {
                        snapshot = snapshot.max(RaftIndex(first_number(record.data)?))
                    }
                    RecordKind::Metadata | RecordKind::Crc => {}
                    RecordKind::Unknown => return None,
                }
            }
            ends.segments_read = ends.segments_read.saturating_add(1);
            // Each new segment starts with a copy of the HardState (cut in server/wal/wal.go, v3.5.30) and may have no entry.
            ends.state = ends.state.or(state);
            entry = entry.or(here);
            if entry.is_some() && ends.state.is_some() {
                break;
            }
        }
        ends.last_index = entry.unwrap_or_default().max(snapshot);
        Some(ends)
    }

    /// Returns the ends of a log that was read completely.
    pub fn from_log(log: &Log) -> Self {
        let ids = |metadata: &super::LogMetadata| (metadata.node_id, metadata.cluster_id);
        Self {
            metadata: log.metadata.first().map(ids),
            state: log.hard_state(),
            first_index: log.first().map(|entry| entry.index),
            last_index: log.last_index(),
            segments: log.segments.len(),
            segments_read: log.segments.len(),
        }
    }

    /// Reads the first segment up to its first entry.
    fn read_start(&mut self, data: &[u8]) -> Option<()> {
        let mut seed = None;
        for record in Records::new(data) {
            let record = record?;
            match record.kind() {
                RecordKind::Crc if seed.is_none() => seed = Some(record.crc),
                RecordKind::Entry => {
                    self.first_index = Some(Entry::parse(record.data).ok()?.index);
                    break;
                }
                kind => {
                    let rolled = record.roll(seed?);
                    if rolled != record.crc {
                        return None;
                    }
                    seed = Some(rolled);
                    if kind == RecordKind::Metadata && self.metadata.is_none() {
                        self.metadata = Some(ids(record.data)?);
                    }
                }
            }
        }
        Some(())
    }
}

/// Iterates over the records of a segment; yields `None` last if it does not end with zeros or with the file.
struct Records<'a> {
    data: &'a [u8],
    at: Option<usize>,
}

impl<'a> Records<'a> {
    fn new(data: &'a [u8]) -> Self {
        Self { data, at: Some(0) }
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Option<RawRecord<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        match frame::step(self.data, self.at.take()?) {
            Step::End | Step::Zero => None,
            Step::Stub(_) | Step::Overrun(_) => Some(None),
            Step::Frame(frame) if !frame.word.is_canonical() => Some(None),
            Step::Frame(frame) => {
                self.at = Some(frame.end());
                Some(RawRecord::parse(frame.record).ok())
            }
        }
    }
}

/// Parses etcdserverpb.Metadata: member id and cluster id.
fn ids(message: &[u8]) -> Option<(MemberId, ClusterId)> {
    let mut found = (MemberId::default(), ClusterId::default());
    for field in Fields::new(message) {
        match field.ok().map(|field| (field.number, field.value))? {
            (1, Value::Varint(id)) => found.0 = MemberId(id),
            (2, Value::Varint(id)) => found.1 = ClusterId(id),
            (1 | 2, _) => return None,
            _ => {}
        }
    }
    Some(found)
}

/// Parses the index of a walpb.Snapshot.
fn first_number(message: &[u8]) -> Option<u64> {
    let mut found = 0;
    for field in Fields::new(message) {
        match field.ok().map(|field| (field.number, field.value))? {
            (1, Value::Varint(number)) => found = number,
            (1, _) => return None,
            _ => {}
        }
    }
    Some(found)
}

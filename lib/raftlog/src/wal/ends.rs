//! Where a log begins and ends, without reading what lies between.

use super::frame::{self, Step};
use super::log::Log;
use super::record::{RawRecord, RecordKind};
use crate::raft::{Entry, HardState};
use located::wire::{Fields, Value};
use located::{Bytes, ClusterId, MemberId};

/// The two ends of a log: who wrote it, and how far it goes.
///
/// [`Ends::read`] takes them from the first records of the first segment and from the frames of the newest ones. Checksums of
/// entries are not verified, and nothing behind the end is looked at: [`Log`] does both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    /// The member's id and the cluster's, of the first metadata record; its checksum is verified.
    pub metadata: Option<(MemberId, ClusterId)>,
    /// The newest HardState.
    pub state: Option<HardState>,
    /// The raft index of the first entry.
    pub first_index: Option<u64>,
    /// The highest index the log reaches: its last entry, or a snapshot record beyond it.
    pub last_index: u64,
    /// How many segments there are.
    pub segments: usize,
    /// How many of them were walked, from the newest back.
    pub segments_read: usize,
}

impl Ends {
    /// Walks as few segments as it takes; `segment` gives the bytes of one, by its position in the order of names.
    ///
    /// `None` where a frame or a record does not read: then only [`Log::read`] can say what is there.
    pub fn read<'a>(segments: usize, segment: impl Fn(usize) -> Bytes<'a>) -> Option<Self> {
        let mut ends = Self {
            segments,
            ..Self::default()
        };
        ends.begin(segment(0).as_slice())?;
        let (mut entry, mut snapshot) = (None, 0);
        for number in (0..segments).rev() {
            let mut here = None;
            let mut state = None;
            for record in Records::of(segment(number).as_slice()) {
                let record = record?;
                match record.kind() {
                    RecordKind::Entry => here = Some(Entry::parse(record.data).ok()?.index),
                    RecordKind::State => state = Some(HardState::parse(record.data).ok()?),
                    RecordKind::Snapshot => snapshot = snapshot.max(first_number(record.data)?),
                    RecordKind::Metadata | RecordKind::Crc => {}
                    RecordKind::Unknown => return None,
                }
            }
            ends.segments_read = ends.segments_read.saturating_add(1);
            // Every segment repeats the HardState at its head; a fresh one may have no entry yet.
            ends.state = ends.state.or(state);
            entry = entry.or(here);
            if entry.is_some() && ends.state.is_some() {
                break;
            }
        }
        ends.last_index = entry.unwrap_or(0).max(snapshot);
        Some(ends)
    }

    /// The same of a log that was read as a whole.
    pub fn of(log: &Log) -> Self {
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

    /// The head of the first segment, up to its first entry.
    fn begin(&mut self, data: &[u8]) -> Option<()> {
        let mut seed = None;
        for record in Records::of(data) {
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

/// The records of a segment up to its end; the last item is `None` where it ends otherwise than with zeros or the file.
struct Records<'a> {
    data: &'a [u8],
    at: Option<usize>,
}

impl<'a> Records<'a> {
    fn of(data: &'a [u8]) -> Self {
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

/// etcdserverpb.Metadata: member and cluster.
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

/// Field 1 as a number: the index of walpb.Snapshot.
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

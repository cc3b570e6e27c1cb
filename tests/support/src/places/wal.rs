//! A healthy write-ahead log, walked: frames with their offsets, and edits that keep the rolling CRC valid.
//!
//! ```text
//! frame   length u64 (bits 0-55 record bytes, 56-58 padding, 63 padding present) · record · padding to 8
//! record  1 type varint · 2 crc varint · 3 data bytes
//! ```

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::proto;
use crate::sparse;

/// Record of the node and cluster id.
pub const METADATA: u64 = 1;
/// Record of a raft entry.
pub const ENTRY: u64 = 2;
/// Record of a `HardState`.
pub const STATE: u64 = 3;
/// Record that starts a segment and contains the CRC so far.
pub const CRC: u64 = 4;
/// Record of a raft snapshot taken.
pub const SNAPSHOT: u64 = 5;

/// One record with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Offset of the length word in its file.
    pub at: usize,
    /// Record type.
    pub kind: u64,
    /// Where the payload is in the file; empty when there is none.
    pub data: Range<usize>,
    /// Offset of the record's first byte (its type tag).
    pub record: usize,
    /// Offset after the padding: where the next frame starts.
    pub end: usize,
}

/// One segment file.
#[derive(Clone, Debug)]
pub struct Segment {
    /// The file.
    pub path: PathBuf,
    /// Its bytes, preallocated zeros included.
    pub bytes: Vec<u8>,
    /// Its records.
    pub frames: Vec<Frame>,
}

/// An entry, found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Which segment.
    pub segment: usize,
    /// Which frame of it.
    pub frame: usize,
    /// 0 normal, 1 configuration change.
    pub kind: u64,
    /// Term.
    pub term: u64,
    /// Raft index.
    pub index: u64,
    /// The request.
    pub data: Vec<u8>,
}

/// The log of a member.
#[derive(Clone, Debug)]
pub struct Log {
    /// Segments in order.
    pub segments: Vec<Segment>,
}

impl Segment {
    /// Reads a file and finds its frames up to the first zero length.
    #[must_use]
    pub fn read(path: &Path) -> Self {
        let bytes = sparse::read(path);
        let mut frames = Vec::new();
        let mut at = 0;
        while at + 8 <= bytes.len() {
            let word = u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
            if word == 0 {
                break;
            }
            let length = (word & 0x00FF_FFFF_FFFF_FFFF) as usize;
            let padding = if word >> 63 == 1 {
                (word >> 56 & 7) as usize
            } else {
                0
            };
            let record = &bytes[at + 8..at + 8 + length];
            let data = proto::field(record, 3).map_or(0..0, |field| {
                at + 8 + field.payload.start..at + 8 + field.payload.end
            });
            let end = at + 8 + length + padding;
            frames.push(Frame {
                at,
                kind: proto::number(record, 1),
                data,
                record: at + 8,
                end,
            });
            at = end;
        }
        Self {
            path: path.to_path_buf(),
            bytes,
            frames,
        }
    }

    /// Offset after the last record.
    #[must_use]
    pub fn end(&self) -> usize {
        self.frames.last().map_or(0, |frame| frame.end)
    }

    /// The payload of a frame.
    #[must_use]
    pub fn data(&self, frame: usize) -> &[u8] {
        &self.bytes[self.frames[frame].data.clone()]
    }

    /// The records as type and payload.
    #[must_use]
    pub fn records(&self) -> Vec<(u64, Vec<u8>)> {
        (0..self.frames.len())
            .map(|n| (self.frames[n].kind, self.data(n).to_vec()))
            .collect()
    }
}

impl Log {
    /// Reads the log of a data directory.
    #[must_use]
    pub fn read(data_dir: &Path) -> Self {
        Self {
            segments: segments(data_dir)
                .iter()
                .map(|path| Segment::read(path))
                .collect(),
        }
    }

    /// All entries in file order.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        for (segment, file) in self.segments.iter().enumerate() {
            for (frame, found) in file
                .frames
                .iter()
                .enumerate()
                .filter(|(_, found)| found.kind == ENTRY)
            {
                let message = &file.bytes[found.data.clone()];
                entries.push(Entry {
                    segment,
                    frame,
                    kind: proto::number(message, 1),
                    term: proto::number(message, 2),
                    index: proto::number(message, 3),
                    data: proto::bytes(message, 4),
                });
            }
        }
        entries
    }

    /// Index, term of the snapshot records.
    #[must_use]
    pub fn snapshots(&self) -> Vec<(u64, u64)> {
        self.payloads(SNAPSHOT)
            .map(|message| (proto::number(message, 1), proto::number(message, 2)))
            .collect()
    }

    /// Term, vote and commit of the last `HardState`.
    #[must_use]
    pub fn hard_state(&self) -> (u64, u64, u64) {
        let message = self.payloads(STATE).last().expect("a HardState");
        (
            proto::number(message, 1),
            proto::number(message, 2),
            proto::number(message, 3),
        )
    }

    /// Writes every segment again from records changed by `change(segment, records)`, with lengths, padding and the rolling CRC
    /// right; the last segment is filled up with zeros to its old length.
    pub fn rewrite(&self, mut change: impl FnMut(usize, &mut Vec<(u64, Vec<u8>)>)) {
        let mut crc = 0;
        for (number, segment) in self.segments.iter().enumerate() {
            let mut records = segment.records();
            change(number, &mut records);
            let (mut bytes, end) = encode(crc, &records);
            crc = end;
            if segment.bytes.len() > segment.end() {
                bytes.resize(bytes.len().max(segment.bytes.len()), 0);
            }
            sparse::replace(&segment.path, &bytes);
        }
    }

    fn payloads(&self, kind: u64) -> impl Iterator<Item = &[u8]> {
        self.segments.iter().flat_map(move |file| {
            file.frames
                .iter()
                .filter(move |frame| frame.kind == kind)
                .map(|frame| &file.bytes[frame.data.clone()])
        })
    }
}

/// The WAL files of a data directory in order.
#[must_use]
pub fn segments(data_dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(data_dir.join("member/wal"))
        .expect("a wal folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "wal"))
        .collect();
    paths.sort();
    paths
}

/// One frame around a record.
#[must_use]
pub fn frame(kind: u64, crc: u32, data: Option<&[u8]>) -> Vec<u8> {
    let mut record = Vec::new();
    proto::put_number(&mut record, 1, kind);
    proto::put_number(&mut record, 2, u64::from(crc));
    if let Some(data) = data {
        proto::put_bytes(&mut record, 3, data);
    }
    let padding = (8 - record.len() % 8) % 8;
    let word = record.len() as u64
        | if padding == 0 {
            0
        } else {
            (0x80 | padding as u64) << 56
        };
    let mut out = word.to_le_bytes().to_vec();
    out.extend(&record);
    out.resize(out.len() + padding, 0);
    out
}

/// The bytes of a segment from its records, whose CRC goes on from `crc`; a CRC record takes the value reached. Gives the
/// bytes and the CRC at their end.
#[must_use]
pub fn encode(mut crc: u32, records: &[(u64, Vec<u8>)]) -> (Vec<u8>, u32) {
    let mut bytes = Vec::new();
    for (kind, data) in records {
        if *kind == CRC {
            bytes.extend(frame(CRC, crc, None));
        } else {
            crc = crc32c::crc32c_append(crc, data);
            bytes.extend(frame(*kind, crc, Some(data)));
        }
    }
    (bytes, crc)
}

/// An entry as raft before 3.7 writes it.
#[must_use]
pub fn entry(kind: u64, term: u64, index: u64, data: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    proto::put_number(&mut message, 1, kind);
    proto::put_number(&mut message, 2, term);
    proto::put_number(&mut message, 3, index);
    if !data.is_empty() {
        proto::put_bytes(&mut message, 4, data);
    }
    message
}

/// A `HardState`.
#[must_use]
pub fn hard_state(term: u64, vote: u64, commit: u64) -> Vec<u8> {
    let mut message = Vec::new();
    proto::put_number(&mut message, 1, term);
    proto::put_number(&mut message, 2, vote);
    proto::put_number(&mut message, 3, commit);
    message
}

/// Cuts a log of one segment into several, before the entries of the given raft indexes, exactly as etcd cuts: each later
/// segment starts with the CRC, the metadata and the current `HardState`, and is named after its number and first index.
/// (etcd cuts at 64 MB; nothing in the format says that a segment must be that long.)
pub fn split(data_dir: &Path, before: &[u64]) {
    let log = Log::read(data_dir);
    assert_eq!(log.segments.len(), 1, "a log of one segment");
    let file = &log.segments[0];
    let metadata = file
        .records()
        .into_iter()
        .find(|(kind, _)| *kind == METADATA)
        .expect("metadata");
    let mut cuts: Vec<Vec<(u64, Vec<u8>)>> = vec![Vec::new()];
    let mut names = vec![0];
    let mut state = None;
    for (kind, data) in file.records() {
        let index = if kind == ENTRY {
            proto::number(&data, 3)
        } else {
            0
        };
        if let Some(cut) = before
            .iter()
            .find(|cut| **cut == index && !names.contains(*cut))
        {
            let mut head = vec![(CRC, Vec::new()), metadata.clone()];
            head.extend(state.clone());
            cuts.push(head);
            names.push(*cut);
        }
        if kind == STATE {
            state = Some((kind, data.clone()));
        }
        cuts.last_mut().expect("one segment").push((kind, data));
    }
    assert_eq!(
        names.len(),
        before.len() + 1,
        "every cut is an entry of the log"
    );
    let folder = data_dir.join("member/wal");
    let mode = fs::metadata(&file.path).expect("metadata").permissions();
    let mut crc = 0;
    for (number, records) in cuts.iter().enumerate() {
        let (mut bytes, end) = encode(crc, records);
        crc = end;
        if number + 1 == cuts.len() {
            bytes.resize(bytes.len().max(file.bytes.len()), 0);
        }
        let path = folder.join(format!("{number:016x}-{:016x}.wal", names[number]));
        sparse::replace(&path, &bytes);
        fs::set_permissions(&path, mode.clone()).expect("a mode");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{data_dir, fixture_copy};

    #[test]
    fn rewriting_a_real_log_unchanged_gives_the_same_bytes() {
        let copy = fixture_copy("etcd-3.5.30");
        Log::read(&copy.data_dir()).rewrite(|_, _| ());
        let name = "member/wal/0000000000000000-0000000000000000.wal";
        assert!(
            sparse::read(&copy.data_dir().join(name))
                == sparse::read(&data_dir("etcd-3.5.30").join(name))
        );
    }

    #[test]
    fn a_split_log_has_the_same_entries_and_an_unbroken_chain() {
        let copy = fixture_copy("etcd-3.5.30-killed");
        let whole = Log::read(&copy.data_dir());
        split(&copy.data_dir(), &[50, 150]);
        let parts = Log::read(&copy.data_dir());
        assert_eq!(parts.segments.len(), 3);
        let requests = |log: &Log| {
            log.entries()
                .into_iter()
                .map(|entry| (entry.index, entry.data))
                .collect::<Vec<_>>()
        };
        assert_eq!(requests(&whole), requests(&parts));
        assert_eq!(whole.hard_state(), parts.hard_state());
    }
}

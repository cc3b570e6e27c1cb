//! The cached index of the log beside the bytes it describes.

use crate::raft::Payload;
use crate::wal::{Log, LogEntry};
use located::Bytes;
use located::Place;

/// The write-ahead log of a member: the index, and the files to read payloads from.
#[derive(Clone, Debug)]
pub struct Wal<'a> {
    log: &'a Log,
    files: Vec<Bytes<'a>>,
}

impl<'a> Wal<'a> {
    pub(super) fn new(log: &'a Log, files: Vec<Bytes<'a>>) -> Self {
        Self { log, files }
    }

    /// The index.
    pub fn log(&self) -> &'a Log {
        self.log
    }

    /// The files in the order the index knows them.
    pub fn files(&self) -> &[Bytes<'a>] {
        &self.files
    }

    /// The data of an entry.
    pub fn data(&self, entry: &LogEntry) -> &'a [u8] {
        self.log.data(&self.files, entry).unwrap_or_default()
    }

    /// What an entry asks for.
    pub fn payload(&self, entry: &LogEntry) -> Payload {
        Payload::decode(entry.kind, self.data(entry))
    }

    /// Where an entry's record begins.
    pub fn place(&self, entry: &LogEntry) -> Option<Place> {
        self.log.entry_place(&self.files, entry)
    }
}

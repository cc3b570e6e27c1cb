//! etcd's decoder, with its blind spots: it reads nothing after a zero length or an impossible length.

use super::gogo::{self, GogoError, Value};
use super::release::{Guard, Release};
use crate::wal::frame::{self, HEAD_BYTES, LengthWord, Step};
use crate::wal::record::RecordKind;

/// A record as gogo reads it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct GogoRecord<'a> {
    pub raw_kind: u64,
    pub crc: u32,
    pub data: &'a [u8],
}

impl<'a> GogoRecord<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, GogoError> {
        let mut record = Self::default();
        gogo::read(&gogo::RECORD, bytes, |number, value| {
            match (number, value) {
                (1, Value::Number(kind)) => record.raw_kind = kind,
                (2, Value::Number(crc)) => {
                    record.crc = u32::try_from(crc & 0xffff_ffff).unwrap_or(0)
                }
                (3, Value::Bytes(data)) => record.data = data,
                _ => {}
            }
        })?;
        Ok(record)
    }

    pub fn kind(&self) -> RecordKind {
        RecordKind::from_raw(self.raw_kind)
    }
}

/// Placeholder in messages for the name of the file they are about.
pub(super) const FILE: &str = "{file}";

/// Where in the start etcd stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// All segments are scanned for snapshot records.
    Scan,
    /// The segments from the snapshot on are opened.
    Open,
    /// They are read.
    Read,
    /// The last one is repaired.
    Repair,
    /// A message cannot be parsed: a panic wherever it is met.
    Panic,
    /// A committed entry cannot be applied: a panic too.
    Apply,
}

/// Why etcd stops, in its own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Halt {
    /// The error or panic text.
    pub message: String,
    /// Where in the start.
    pub stage: Stage,
    /// Position of the segment in [`Log::segments`](crate::wal::Log::segments), where it is about one.
    pub segment: Option<usize>,
    /// Offset of the record in it.
    pub offset: Option<u64>,
}

impl Halt {
    /// The line that etcd of that release logs last.
    pub fn log_line(&self, release: Release) -> String {
        // Up to 3.4 the default logger writes lines, not structures.
        let old = release.minor <= 4;
        let outer = match self.stage {
            Stage::Scan if old => return format!("etcdmain: {}", self.message),
            Stage::Open if old => return format!("open wal error: {}", self.message),
            Stage::Read if old => {
                return format!("read wal error ({}) and cannot be repaired", self.message);
            }
            Stage::Scan if release.minor >= 6 => "bootstrap failed",
            Stage::Scan => "discovery failed",
            Stage::Open => "failed to open WAL",
            Stage::Read => "failed to read WAL, cannot be repaired",
            Stage::Repair => return self.message.clone(),
            Stage::Panic | Stage::Apply => return format!("panic: {}", self.message),
        };
        format!("{outer} {{\"error\": {:?}}}", self.message)
    }

    pub(super) fn message(text: impl Into<String>) -> Self {
        Self {
            message: text.into(),
            stage: Stage::Read,
            segment: None,
            offset: None,
        }
    }
}

/// How reading ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// At what etcd takes for the end of the log.
    Eof,
    /// At something it takes for a torn write.
    UnexpectedEof(Halt),
    /// At something it refuses.
    Fatal(Halt),
}

pub(super) struct Decoder<'a, 'f> {
    files: &'f [&'a [u8]],
    current: usize,
    /// Where the next record of the current file begins.
    at: usize,
    crc: u32,
    guard: Guard,
    release: Release,
}

impl<'a, 'f> Decoder<'a, 'f> {
    pub fn new(files: &'f [&'a [u8]], first: usize, release: Release) -> Self {
        Self {
            files,
            current: first,
            at: 0,
            crc: 0,
            guard: Guard::for_release(release),
            release,
        }
    }

    fn is_last(&self) -> bool {
        self.current.saturating_add(1) >= self.files.len()
    }

    /// Where the good records of the last file end.
    pub fn end_of_last(&self) -> usize {
        self.at
    }

    /// A type 4 record: its checksum must be the running one, unless nothing was read yet.
    pub fn continue_from(&mut self, crc: u32) -> Result<(), Halt> {
        if self.crc != 0 && self.crc != crc {
            return Err(self.halt("wal: crc mismatch"));
        }
        self.crc = crc;
        Ok(())
    }

    pub fn halt(&self, message: impl Into<String>) -> Halt {
        Halt {
            message: message.into(),
            stage: Stage::Read,
            segment: Some(self.current),
            offset: Some(self.at as u64),
        }
    }

    pub fn panics(&self, why: &str) -> Halt {
        Halt {
            stage: Stage::Panic,
            ..self.halt(format!("unmarshal should never fail ({why})"))
        }
    }

    fn torn(&self, message: impl Into<String>) -> Stop {
        Stop::UnexpectedEof(self.halt(message))
    }

    /// `decoder.decodeRecord`.
    pub fn next(&mut self) -> Result<GogoRecord<'a>, Stop> {
        loop {
            let Some(&data) = self.files.get(self.current) else {
                return Err(Stop::Eof);
            };
            match frame::step(data, self.at) {
                Step::End | Step::Zero => {
                    if self.is_last() {
                        return Err(Stop::Eof);
                    }
                    self.current = self.current.saturating_add(1);
                    self.at = 0;
                }
                Step::Stub(_) => return Err(self.torn("unexpected EOF")),
                Step::Overrun(word) => return Err(self.too_long(word, data.len())),
                Step::Frame(frame) => {
                    let n = frame.word.record_bytes();
                    let pad = frame.word.pad_bytes();
                    let left = (data.len() as u64)
                        .saturating_sub(self.at as u64)
                        .saturating_sub(pad);
                    let too_long = match self.guard {
                        Guard::None => false,
                        Guard::TenMebibytes => n >= (10 << 20) - pad,
                        Guard::FileSize { .. } => n > left,
                    };
                    if too_long {
                        return Err(self.too_long(frame.word, data.len()));
                    }
                    return self.frame(&frame, data);
                }
            }
        }
    }

    fn frame(&mut self, frame: &frame::Frame<'a>, data: &'a [u8]) -> Result<GogoRecord<'a>, Stop> {
        let body = self.at.saturating_add(HEAD_BYTES);
        let torn =
            self.is_last() && frame::is_torn(data.get(body..frame.end()).unwrap_or_default(), body);
        let raw = match GogoRecord::read(frame.record) {
            Ok(raw) => raw,
            Err(_) if torn => return Err(self.torn("unexpected EOF")),
            // From 3.7 on Google's reader reads, whose errors are all of one kind.
            Err(_) if self.release.minor >= 7 => {
                let text = "proto: cannot parse invalid wire-format data";
                return Err(Stop::Fatal(self.halt(text)));
            }
            Err(GogoError::UnexpectedEof) => return Err(self.torn("unexpected EOF")),
            Err(GogoError::Other(why)) => return Err(Stop::Fatal(self.halt(why))),
        };
        if raw.kind() != RecordKind::Crc {
            self.crc = crc32c::crc32c_append(self.crc, raw.data);
            if raw.crc != self.crc {
                if torn {
                    return Err(self.torn("unexpected EOF"));
                }
                let message = if self.release.minor < 6 {
                    "walpb: crc mismatch".to_string()
                } else {
                    format!(
                        "walpb: crc mismatch: expected: {:x} computed: {:x}: in file '{FILE}' at position: {}",
                        raw.crc, self.crc, self.at
                    )
                };
                return Err(Stop::Fatal(self.halt(message)));
            }
        }
        self.at = frame.end();
        Ok(raw)
    }

    fn too_long(&self, word: LengthWord, len: usize) -> Stop {
        let (n, pad) = (word.record_bytes(), word.pad_bytes());
        let (len, at) = (len as u64, self.at as u64);
        let left = len.saturating_sub(at).saturating_sub(pad);
        match self.guard {
            Guard::None if n > 1 << 40 => {
                Stop::Fatal(self.halt("runtime error: makeslice: len out of range"))
            }
            Guard::TenMebibytes if n >= (10 << 20) - pad => {
                Stop::Fatal(self.halt("wal: max entry size limit exceeded"))
            }
            Guard::FileSize { repairs } if n > left => {
                let detail = format!(
                    "[wal] max entry size limit exceeded when decoding \"{FILE}\", recBytes: {n}, fileSize({len}) - offset({at}) - padBytes({pad}) = entryLimit({left})"
                );
                if repairs {
                    self.torn(format!("unexpected EOF: {detail}"))
                } else {
                    Stop::Fatal(self.halt(detail))
                }
            }
            _ => self.torn("unexpected EOF"),
        }
    }
}

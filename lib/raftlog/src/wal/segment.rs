//! One segment: reads its frames, rolls the checksum, continues after damage.

use std::ops::Range;

use super::SegmentName;
use super::damage::{Damage, DamageKind, Oddity, OddityKind};
use super::frame::{self, Frame, HEAD_BYTES, Step};
use super::log::{Crc, Log, Record};
use super::record::{self, RawRecord, RecordKind};
use super::resync::{self, Resync};

/// One `….wal` file.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Position in the list of files.
    pub file: usize,
    /// Its name; `None` for a file with another name that was read on its own.
    pub name: Option<SegmentName>,
    /// Length of the file.
    pub len_bytes: u64,
    /// Offset after the last record.
    pub end: u64,
    /// The bytes after the last record.
    pub ending: Ending,
    /// Its records, as positions in [`Log::records`].
    pub records: Range<usize>,
    /// How it continues the segment before it.
    pub link: Link,
}

/// The bytes after the last record of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// None: the segment is finished, or its tail was repaired.
    Exact,
    /// Zeros to the end of the file: preallocated space, which is normal in the last segment.
    Zeros,
    /// Zeros, and among them bytes that are not records.
    Garbage {
        /// Offset of the first byte that is not zero.
        from: u64,
        /// Offset after the last byte that is not zero.
        to: u64,
    },
    /// A damaged range; no record after it could be read.
    Damage,
}

/// How the checksum record at the start of a segment fits the segment before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// No segment was read before it.
    First,
    /// It continues the segment before it.
    Continues,
    /// It continues another log, or records between the two segments are missing.
    Broken {
        /// The checksum at the end of the segment before it.
        running: u32,
        /// The checksum in the record, from which the records of the segment continue.
        stored: u32,
    },
    /// The checksum record is damaged: the records of the segment continue the segment before it.
    HeadDamaged {
        /// The checksum at the end of the segment before it.
        running: u32,
        /// The checksum in the record.
        stored: u32,
    },
    /// The end of the segment before it could not be read.
    Unknown,
    /// It does not start with a checksum record.
    NoHead,
}

/// The rolling checksum before the next record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chain {
    /// No record was read.
    Start,
    /// The checksum of all records so far.
    Known(u32),
    /// Unknown, because records were skipped.
    Lost,
}

/// Reads one segment into the index of the log.
pub(super) struct SegmentReader<'d, 'l> {
    pub data: &'d [u8],
    /// As [`Bytes::extents`](located::Bytes::extents).
    pub extents: &'d [Range<u64>],
    pub number: usize,
    pub chain: Chain,
    pub log: &'l mut Log,
    pub link: Option<Link>,
    pub resync: Resync<'d>,
    pub ending: Ending,
    pub end: usize,
    /// Offset up to which [`rolled`](super::rolled) verified the checksums.
    pub verified_to: usize,
    /// The stored checksum of the previous record of the segment.
    pub stored: Option<u32>,
    /// Whether frames without padding were found: etcd 2.x wrote none. A frame with padding says so in bit 63.
    pub unpadded: bool,
}

impl<'d> SegmentReader<'d, '_> {
    /// Reads the frame at offset `at` and returns the offset of the next one; `None` at the end.
    pub fn read_frame(&mut self, at: usize) -> Option<usize> {
        match frame::step(self.data, at) {
            Step::End => self.finish(at, Ending::Exact),
            Step::Zero => self.zero(at),
            Step::Stub(rest) => {
                self.damage(at, self.data.len(), DamageKind::Stub, None);
                if let Some(damage) = self.log.damages.last_mut() {
                    damage.torn = rest.iter().all(|&byte| byte == 0);
                }
                self.finish(at, Ending::Damage)
            }
            Step::Overrun(word) => {
                let record_bytes = word.record_bytes();
                self.misframed(at, DamageKind::Overrun { record_bytes }, None)
            }
            Step::Frame(frame) => match RawRecord::parse(frame.record) {
                Ok(raw) => {
                    let next = self.record(&frame, &raw);
                    self.stored = Some(raw.crc);
                    next
                }
                Err(why) => self.misframed(at, DamageKind::Unparsable(why), Some(&frame)),
            },
        }
    }

    fn finish(&mut self, at: usize, ending: Ending) -> Option<usize> {
        self.end = at;
        self.ending = ending;
        None
    }

    /// Returns the offset of the next frame, computed from the length of the record.
    fn next_frame(&self, at: usize, record_bytes: usize) -> usize {
        // Relative to the frame: frames without padding before it may have moved it.
        let padded = record_bytes.checked_next_multiple_of(8);
        padded
            .and_then(|padded| at.checked_add(HEAD_BYTES)?.checked_add(padded))
            .unwrap_or(usize::MAX)
            .min(self.data.len())
    }

    /// Returns whether a frame is followed by the next one without padding, as etcd 2.x wrote it. Source: `wal/encoder.go`,
    /// v2.3.8; decodeFrameSize in `server/wal/decoder.go`, v3.5.30, reads both.
    fn is_unpadded(&mut self, frame: &Frame<'d>, raw: &RawRecord<'d>) -> bool {
        let n = frame.record.len();
        if frame.word.0 != n as u64 || n.is_multiple_of(8) {
            return false;
        }
        // Without bit 63 the frame may also be one with padding whose length word is damaged: what follows decides.
        if self.resync.continues(frame.end(), raw.crc) {
            self.unpadded = true;
            return true;
        }
        self.unpadded && !self.resync.continues(self.next_frame(frame.at, n), raw.crc)
    }

    fn record(&mut self, frame: &Frame<'d>, raw: &RawRecord<'d>) -> Option<usize> {
        let next = match self.is_unpadded(frame, raw) {
            true => frame.end(),
            false => self.next_frame(frame.at, frame.record.len()),
        };
        if raw.kind() == RecordKind::Crc {
            self.crc_record(frame, raw, next);
            return Some(next);
        }
        self.link.get_or_insert(Link::NoHead);
        let seed = match self.chain {
            Chain::Known(seed) => seed,
            Chain::Start if raw.roll(0) == raw.crc => 0,
            Chain::Start | Chain::Lost => {
                self.push(frame, raw, Crc::Unverified);
                self.chain = Chain::Known(raw.crc);
                return Some(next);
            }
        };
        let verified = frame.at < self.verified_to && self.stored == Some(seed);
        let computed = if verified { raw.crc } else { raw.roll(seed) };
        if computed != raw.crc {
            return self.mismatch(frame, raw, seed, computed, next);
        }
        self.chain = Chain::Known(computed);
        self.push(frame, raw, Crc::Verified);
        let end = raw.data_at.saturating_add(raw.data.len());
        if end != frame.record.len()
            && let Some(own) = record::own_length(frame.record)
            && self
                .resync
                .continues(self.next_frame(frame.at, own), computed)
        {
            let record_bytes = own as u64;
            let word = frame.word.0;
            let next = self.next_frame(frame.at, own);
            let record = self.log.records.len().checked_sub(1);
            self.damage(
                frame.at,
                next,
                DamageKind::Length { word, record_bytes },
                record,
            );
            return Some(next);
        }
        Some(next)
    }

    /// Reads a record of type 4: the checksum so far, which etcd writes at the start of a segment.
    /// The first record of a segment repeats the checksum of the one before: `cut` in `server/wal/wal.go`, v3.5.30.
    fn crc_record(&mut self, frame: &Frame<'d>, raw: &RawRecord<'d>, next: usize) {
        let stored = raw.crc;
        let (link, crc) = match self.chain {
            Chain::Start => (Link::First, Crc::Unverified),
            Chain::Lost => (Link::Unknown, Crc::Unverified),
            Chain::Known(running) if running == stored => (Link::Continues, Crc::Verified),
            Chain::Known(running) => {
                let damaged =
                    self.resync.continues(next, running) && !self.resync.continues(next, stored);
                if damaged {
                    (Link::HeadDamaged { running, stored }, Crc::CrcField)
                } else {
                    self.log.chain_is_broken = true;
                    (Link::Broken { running, stored }, Crc::Unverified)
                }
            }
        };
        if crc != Crc::CrcField {
            self.chain = Chain::Known(stored);
        }
        if self.link.is_some() && crc == Crc::CrcField {
            let computed = self.known().unwrap_or(stored);
            let record = self.log.records.len();
            let kind = DamageKind::CrcField { stored, computed };
            self.damage(frame.at, next, kind, Some(record));
        }
        self.link.get_or_insert(link);
        self.push(frame, raw, crc);
    }

    fn known(&self) -> Option<u32> {
        match self.chain {
            Chain::Known(crc) => Some(crc),
            Chain::Start | Chain::Lost => None,
        }
    }

    /// Decides which of payload, checksum and length is wrong if the payload does not have the stored checksum.
    fn mismatch(
        &mut self,
        frame: &Frame<'d>,
        raw: &RawRecord<'d>,
        seed: u32,
        computed: u32,
        next: usize,
    ) -> Option<usize> {
        let stored = raw.crc;
        let at = frame.at;
        let kind = DamageKind::Crc { stored, computed };
        let body = self.data.get(at.saturating_add(HEAD_BYTES)..frame.end());
        let torn = frame::is_torn(body.unwrap_or_default(), at.saturating_add(HEAD_BYTES));
        let confined = self.resync.continues(next, stored);
        if !confined && self.resync.continues(next, computed) {
            let kind = DamageKind::CrcField { stored, computed };
            self.damage(at, next, kind, Some(self.log.records.len()));
            self.push(frame, raw, Crc::CrcField);
            self.chain = Chain::Known(computed);
            return Some(next);
        }
        if !confined && let Some(next) = self.wrong_length(at, seed) {
            return Some(next);
        }
        let last = matches!(
            frame::step(self.data, next),
            Step::End | Step::Zero | Step::Stub(_)
        );
        let mut go_on = next;
        let mut framed = confined || last || self.resync.is_pair(next);
        self.chain = Chain::Known(stored);
        if !framed {
            match self.resync.find(at.saturating_add(HEAD_BYTES)) {
                Some(found) => {
                    framed = found >= next;
                    go_on = found;
                    if found != next {
                        self.chain = Chain::Lost;
                    }
                }
                None if frame.word.is_canonical() => framed = true,
                None => {
                    self.damage(at, self.data.len(), kind, None);
                    self.chain = Chain::Lost;
                    return self.finish(at, Ending::Damage);
                }
            }
        }
        let record = framed.then_some(self.log.records.len());
        self.damage(at, go_on, kind, record);
        if let Some(damage) = self.log.damages.last_mut() {
            damage.torn |= torn;
        }
        if framed {
            self.push(frame, raw, Crc::Mismatch);
        }
        Some(go_on)
    }

    /// Reads a record whose length word is wrong, but whose own fields determine its length and whose checksum is right.
    /// `decodeRecord` in `server/wal/decoder.go`, v3.5.30, stops at an impossible length; the bytes after it may be sound.
    fn wrong_length(&mut self, at: usize, seed: u32) -> Option<usize> {
        let body = self.data.get(at.checked_add(HEAD_BYTES)?..)?;
        let own = record::own_length(body)?;
        let raw = RawRecord::parse(body.get(..own)?).ok()?;
        if raw.kind() == RecordKind::Crc || raw.roll(seed) != raw.crc {
            return None;
        }
        let word = self.data.get(at..)?.first_chunk()?;
        let word = u64::from_le_bytes(*word);
        let record_bytes = own as u64;
        let next = self.next_frame(at, own);
        let correct = frame::LengthWord::encode(record_bytes);
        // The length word is right if only the padding is beyond the end of the file.
        let kind = if word == correct.0 {
            DamageKind::Overrun { record_bytes }
        } else {
            DamageKind::Length { word, record_bytes }
        };
        self.damage(at, next, kind, Some(self.log.records.len()));
        let frame = Frame {
            word: correct,
            at,
            record: body.get(..own)?,
            padding: &[],
        };
        self.push(&frame, &raw, Crc::Verified);
        self.chain = Chain::Known(raw.crc);
        Some(next)
    }

    fn misframed(
        &mut self,
        at: usize,
        kind: DamageKind,
        frame: Option<&Frame<'d>>,
    ) -> Option<usize> {
        if let Some(next) = self.known().and_then(|seed| self.wrong_length(at, seed)) {
            return Some(next);
        }
        let next = frame.map(|frame| self.next_frame(at, frame.record.len()));
        let found = match next.filter(|&next| self.resync.is_pair(next)) {
            Some(next) => Some(next),
            None => self.resync.find(at.saturating_add(HEAD_BYTES)),
        };
        self.damage(at, found.unwrap_or(self.data.len()), kind, None);
        let body = self.data.get(at.saturating_add(HEAD_BYTES)..);
        if let (Some(damage), Some(frame)) = (self.log.damages.last_mut(), frame) {
            let body = body.and_then(|body| {
                body.get(..frame.record.len().saturating_add(frame.padding.len()))
            });
            damage.torn |= frame::is_torn(body.unwrap_or_default(), at.saturating_add(HEAD_BYTES));
        }
        self.chain = Chain::Lost;
        match found {
            Some(found) => Some(found),
            None => self.finish(at, Ending::Damage),
        }
    }

    /// Reads a zero length word: the end of the log, or damage that etcd takes for the end.
    /// Space that `cut` in `server/wal/wal.go`, v3.5.30, preallocated is zero: a length of 0 is the end of the log.
    fn zero(&mut self, at: usize) -> Option<usize> {
        let Some(nonzero) = resync::first_nonzero(self.data, self.extents, at) else {
            return self.finish(at, Ending::Zeros);
        };
        if let Some(next) = self.known().and_then(|seed| self.wrong_length(at, seed)) {
            return Some(next);
        }
        if let Some(found) = self.resync.find(nonzero & !7) {
            self.damage(at, found, DamageKind::ZeroLength, None);
            self.chain = Chain::Lost;
            return Some(found);
        }
        let from = nonzero as u64;
        let to = resync::last_nonzero(self.data, self.extents) as u64;
        self.finish(at, Ending::Garbage { from, to })
    }

    fn damage(&mut self, from: usize, to: usize, kind: DamageKind, record: Option<usize>) {
        let (from, to) = (from as u64, to as u64);
        let lone_record = self.resync.lone_record.take().map(|at| at as u64);
        let gave_up = self.resync.gave_up;
        let joins = |last: &&mut Damage| {
            last.segment == self.number
                && last.to == from
                && last.records_before.saturating_add(1) >= self.log.records.len()
                && !matches!(
                    last.kind,
                    DamageKind::Length { .. } | DamageKind::CrcField { .. }
                )
                && !matches!(
                    kind,
                    DamageKind::Length { .. } | DamageKind::CrcField { .. }
                )
                && !matches!(
                    (last.kind, kind),
                    (DamageKind::Crc { .. }, DamageKind::Crc { .. })
                )
        };
        if let Some(last) = self.log.damages.last_mut().filter(joins) {
            last.to = to;
            last.lone_record = lone_record;
            last.gave_up |= gave_up;
            return;
        }
        self.log.damages.push(Damage {
            segment: self.number,
            from,
            to,
            kind,
            record,
            records_before: self.log.records.len(),
            torn: false,
            lone_record,
            gave_up,
        });
    }

    fn push(&mut self, frame: &Frame<'d>, raw: &RawRecord<'d>, crc: Crc) {
        let number = self.log.records.len();
        let misplaced = self.log.misplaced.get(&number).cloned();
        let crc = match misplaced {
            Some(_) => Crc::Misplaced,
            None => crc,
        };
        let mut odd = |kind| {
            self.log.oddities.push(Oddity {
                record: number,
                kind,
            });
        };
        let unpadded = self.unpadded && frame.word.0 == frame.record.len() as u64;
        if !frame.word.is_canonical() && !unpadded {
            odd(OddityKind::LengthBits(frame.word.0));
        }
        if frame.padding.iter().any(|&byte| byte != 0) {
            odd(OddityKind::Padding);
        }
        if let Some(kind) = misplaced {
            odd(kind);
        }
        let payload_at = frame
            .at
            .saturating_add(HEAD_BYTES)
            .saturating_add(raw.data_at);
        self.log.push(
            Record {
                offset: frame.at as u64,
                payload_at: payload_at as u64,
                payload_len: u32::try_from(raw.data.len()).unwrap_or(u32::MAX),
                crc_stored: raw.crc,
                segment: u32::try_from(self.number).unwrap_or(u32::MAX),
                kind: raw.kind(),
                crc,
            },
            raw.data,
        );
    }
}

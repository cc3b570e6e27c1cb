//! Checksums on all cores, before the log is read in order.
//!
//! The checksum rolls through the whole log, but each record stores it. So a segment can be verified by itself, each record
//! on top of what the one before it stores; reading in order then only has to see that the segments continue each other.

use super::frame::{self, Step};
use super::record::{RawRecord, RecordKind};

/// How far into a segment every record continues what the record before it in the segment stores.
///
/// From there on, and where the record before stores something else than what was rolled, the checksum must be computed.
pub(super) fn verified_to(data: &[u8]) -> usize {
    let (mut at, mut seed) = (0usize, None);
    while let Step::Frame(frame) = frame::step(data, at) {
        let Ok(raw) = RawRecord::parse(frame.record) else {
            break;
        };
        let continues = match (raw.kind(), seed) {
            (RecordKind::Crc, _) => true,
            (_, Some(seed)) => raw.roll(seed) == raw.crc,
            (_, None) => false,
        };
        // What is framed otherwise than etcd frames it is left to the reader, who may go on elsewhere.
        if !continues || !frame.word.is_canonical() || frame.end() <= at {
            break;
        }
        seed = Some(raw.crc);
        at = frame.end();
    }
    at
}

//! Checksums verified on all cores, before the log is read in order.
//!
//! The checksum rolls through the whole log, but each record stores it. So each segment can be verified on its own, every
//! record with the stored checksum of the record before it. Reading in order then only compares the checksums between
//! segments.

use super::frame::{self, Step};
use super::record::{RawRecord, RecordKind};

/// Returns the offset up to which every record of a segment continues the stored checksum of the record before it.
///
/// After that offset the checksum must be computed again.
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
        // The reader may continue at another offset after a frame that etcd did not write.
        if !continues || !frame.word.is_canonical() || frame.end() <= at {
            break;
        }
        seed = Some(raw.crc);
        at = frame.end();
    }
    at
}

//! Search for the next record after damage.
//!
//! etcd stops at the first damaged record and never looks after it. But each record stores the rolling checksum, so the
//! stored checksum of any record verifies the next record: two chained records are no coincidence. Frames start at multiples
//! of eight.

use std::ops::Range;

use super::frame::{self, Frame, HEAD_BYTES, LengthWord, Step};
use super::record::{self, RawRecord, RecordKind};

/// Searches records in one segment. Its total work is bounded by the length of the segment.
#[derive(Debug)]
pub(super) struct Resync<'d> {
    data: &'d [u8],
    /// Bytes that may still be checksummed for candidates.
    budget: usize,
    /// No record is at or after this offset.
    exhausted_from: usize,
    pub gave_up: bool,
    pub lone_record: Option<usize>,
}

impl<'d> Resync<'d> {
    pub fn new(data: &'d [u8]) -> Self {
        Self {
            data,
            budget: data.len().saturating_mul(4).saturating_add(1 << 20),
            exhausted_from: usize::MAX,
            gave_up: false,
            lone_record: None,
        }
    }

    /// Returns the frame at `at` if etcd can have written it.
    fn well_formed(&self, at: usize) -> Option<(Frame<'d>, RawRecord<'d>)> {
        self.readable(at)
            .filter(|(frame, _)| frame.word.is_canonical())
    }

    /// As [`well_formed`](Self::well_formed), with or without padding: only together with a checksum this means anything.
    fn readable(&self, at: usize) -> Option<(Frame<'d>, RawRecord<'d>)> {
        let rest = self.data.get(at..)?;
        let word = LengthWord(u64::from_le_bytes(*rest.first_chunk::<HEAD_BYTES>()?));
        let n = usize::try_from(word.record_bytes()).ok()?;
        let has_known_form = word.is_canonical() || word.0 == n as u64;
        if !has_known_form || *rest.get(HEAD_BYTES)? != 0x08 || n > rest.len() {
            return None;
        }
        let Step::Frame(frame) = frame::step(self.data, at) else {
            return None;
        };
        let raw = RawRecord::parse(frame.record).ok()?;
        let canonical = record::own_length(frame.record) == Some(frame.record.len());
        (canonical && raw.kind() != RecordKind::Unknown).then_some((frame, raw))
    }

    /// Returns whether the record at `at` continues the checksum `seed`.
    pub fn continues(&self, at: usize, seed: u32) -> bool {
        self.readable(at).is_some_and(|(_, raw)| match raw.kind() {
            RecordKind::Crc => raw.crc == seed,
            _ => raw.roll(seed) == raw.crc,
        })
    }

    /// Returns whether the record at `at` verifies the record after it.
    pub fn is_pair(&mut self, at: usize) -> bool {
        let Some((frame, raw)) = self.well_formed(at) else {
            return false;
        };
        let Some((_, next)) = self.well_formed(frame.end()) else {
            let last = matches!(frame::step(self.data, frame.end()), Step::End | Step::Zero);
            if last && raw.kind() == RecordKind::Entry {
                self.lone_record = self.lone_record.or(Some(at));
            }
            return false;
        };
        let Some(budget) = self.budget.checked_sub(next.data.len()) else {
            self.gave_up = true;
            return false;
        };
        self.budget = budget;
        self.continues(frame.end(), raw.crc)
    }

    /// Returns the first record at or after `from` that verifies the record after it.
    pub fn find(&mut self, from: usize) -> Option<usize> {
        self.lone_record = None;
        if from >= self.exhausted_from {
            return None;
        }
        let mut at = from.checked_next_multiple_of(8)?;
        while at.saturating_add(2 * HEAD_BYTES) <= self.data.len() && !self.gave_up {
            if self.is_pair(at) {
                return Some(at);
            }
            at = at.saturating_add(8);
        }
        self.exhausted_from = from;
        None
    }
}

/// Chunks are compared with it as a whole: that is a memcmp, also in unoptimised builds.
static ZEROS: [u8; 4096] = [0; 4096];

fn is_zero(chunk: &[u8]) -> bool {
    ZEROS.get(..chunk.len()) == Some(chunk)
}

/// The parts of a file that are not holes, from offset `from` on. `extents`: empty if they are not known.
fn parts(
    len: usize,
    extents: &[Range<u64>],
    from: usize,
) -> impl DoubleEndedIterator<Item = Range<usize>> {
    let whole = extents.is_empty().then_some(from..len);
    let offset = move |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(len);
    let known = extents
        .iter()
        .map(move |extent| offset(extent.start).max(from)..offset(extent.end));
    whole
        .into_iter()
        .chain(known)
        .filter(|part| !part.is_empty())
}

/// Returns the offset of the first byte from `from` on that is not zero.
pub(super) fn first_nonzero(data: &[u8], extents: &[Range<u64>], from: usize) -> Option<usize> {
    let mut parts = parts(data.len(), extents, from);
    parts.find_map(|part| first_nonzero_in(data.get(..part.end)?, part.start))
}

fn first_nonzero_in(data: &[u8], from: usize) -> Option<usize> {
    let rest = data.get(from..)?;
    let chunk = rest.chunks(ZEROS.len()).position(|chunk| !is_zero(chunk))?;
    let skipped = chunk.saturating_mul(ZEROS.len());
    let within = rest.get(skipped..)?.iter().position(|&byte| byte != 0)?;
    Some(from.saturating_add(skipped).saturating_add(within))
}

/// Returns the offset after the last byte that is not zero.
pub(super) fn last_nonzero(data: &[u8], extents: &[Range<u64>]) -> usize {
    let parts = parts(data.len(), extents, 0).rev();
    let mut ends = parts.map(
        |part| match data.get(part.clone()).map_or(0, last_nonzero_in) {
            0 => 0,
            end => part.start.saturating_add(end),
        },
    );
    ends.find(|end| *end > 0).unwrap_or(0)
}

fn last_nonzero_in(data: &[u8]) -> usize {
    let zeros = data.rchunks(ZEROS.len()).take_while(|chunk| is_zero(chunk));
    let zeros = zeros.fold(0usize, |sum, chunk| sum.saturating_add(chunk.len()));
    let rest = data
        .get(..data.len().saturating_sub(zeros))
        .unwrap_or_default();
    let last = rest.iter().rposition(|&byte| byte != 0);
    last.map_or(0, |at| at.saturating_add(1))
}

#[cfg(test)]
#[allow(
    clippy::single_range_in_vec_init,
    reason = "a list of extents may have one"
)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_a_run_of_zeros_are_found_across_chunks() {
        let mut data = vec![0u8; 10_000];
        assert_eq!(first_nonzero(&data, &[], 0), None);
        assert_eq!(last_nonzero(&data, &[]), 0);
        data[5000] = 1;
        data[9001] = 1;
        assert_eq!(
            (first_nonzero(&data, &[], 17), last_nonzero(&data, &[])),
            (Some(5000), 9002)
        );
        assert_eq!(first_nonzero(&data, &[], 5001), Some(9001));
        // Bytes outside of the extents are not looked at.
        for (extents, first, last) in [
            (vec![0..4096, 8192..10_000], Some(9001), 9002),
            (vec![0..4096, 4096..8192], Some(5000), 5001),
            (vec![0..4096], None, 0),
        ] {
            assert_eq!(first_nonzero(&data, &extents, 17), first);
            assert_eq!(last_nonzero(&data, &extents), last);
        }
        assert_eq!(first_nonzero(&data, &[4096..8192], 5001), None);
    }
}

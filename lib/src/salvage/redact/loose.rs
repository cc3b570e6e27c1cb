//! Records of a damaged db that no element leads to: found by their own form, and filled like others, so that what can be carved of
//! the original can be carved of the copy.

use std::ops::Range;

use super::record::Redactor;
use crate::salvage::carve;

/// Where a record is that was found by its own form.
#[derive(Clone, Debug)]
pub(super) struct LooseRecord {
    /// Its stored key, which stays.
    key: Range<usize>,
    /// Its message.
    message: Range<usize>,
}

impl LooseRecord {
    fn bytes(&self) -> Range<usize> {
        self.key.start..self.message.end
    }
}

/// Every record of the file, in the order of the file. They do not overlap.
pub(super) fn records(image: &[u8], page_size: u64) -> Vec<LooseRecord> {
    let mut found = Vec::new();
    carve::records(image, page_size, &mut |key, message| {
        found.push(LooseRecord { key, message });
    });
    found
}

impl Redactor {
    /// Fills the parts of records that are in the piece `out` of the copy, which begins at `start`.
    pub(super) fn put_loose(
        &self,
        records: &[LooseRecord],
        image: &[u8],
        start: usize,
        out: &mut [u8],
    ) {
        let end = start.saturating_add(out.len());
        let first = records.partition_point(|record| record.message.end <= start);
        let records = records.get(first..).unwrap_or_default().iter();
        for record in records.take_while(|record| record.key.start < end) {
            let (Some(key), Some(message)) = (
                image.get(record.key.clone()),
                image.get(record.message.clone()),
            ) else {
                continue;
            };
            let filled = [key, &self.key_value(message)].concat();
            let bytes = record.bytes();
            let (from, to) = (bytes.start.max(start), bytes.end.min(end));
            let into = out.get_mut(from.saturating_sub(start)..to.saturating_sub(start));
            let part = filled.get(from.saturating_sub(bytes.start)..to.saturating_sub(bytes.start));
            if let (Some(into), Some(part)) = (into, part) {
                into.copy_from_slice(part);
            }
        }
    }
}

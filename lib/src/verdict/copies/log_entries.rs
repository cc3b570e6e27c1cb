//! The entries of a log, to be compared with those of other logs.

use rayon::prelude::*;

use crate::member::Wal;
use crate::wal::LogEntry;

/// The entries of a log, each summed once however many logs it is compared with.
pub(in crate::verdict) struct Entries<'a> {
    pub(in crate::verdict) wal: Wal<'a>,
    /// Of each surviving entry the CRC-32C of its data.
    sums: Vec<u32>,
}

impl<'a> Entries<'a> {
    pub(in crate::verdict) fn from_wal(wal: Wal<'a>) -> Self {
        let log = wal.log();
        let sum = |&position: &u32| {
            let entry = log.entries.get(position as usize);
            entry.map_or(0, |entry| crc32c::crc32c(wal.data(entry)))
        };
        let sums = log.surviving.par_iter().map(sum).collect();
        Self { wal, sums }
    }

    /// The entries that both have, and that are not the same, each with the other's. Both ascend by index.
    pub(in crate::verdict) fn different<'l>(
        &'l self,
        other: &'l Self,
    ) -> impl Iterator<Item = (&'a LogEntry, &'a LogEntry)> + 'l {
        let entries = |of: &'l Self| of.wal.log().surviving().zip(&of.sums);
        let mut theirs = entries(other).peekable();
        entries(self).filter_map(move |(entry, sum)| {
            while theirs
                .next_if(|(their, _)| their.index < entry.index)
                .is_some()
            {}
            let (their, their_sum) = theirs.next_if(|(their, _)| their.index == entry.index)?;
            let same =
                their.term == entry.term && their.data_len == entry.data_len && their_sum == sum;
            (!same).then_some((entry, their))
        })
    }
}

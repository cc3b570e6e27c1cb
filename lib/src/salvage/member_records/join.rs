//! Records of the db and of the log at one revision become one record.

use super::super::label::Provenance;
use super::super::record::{Body, KeyRecord, RecordSource, within};
use super::super::stored::StoredRecords;
use super::super::timeline::LogReplay;
use super::MemberRecords;
use super::stored_side::StoredSide;
use crate::mvcc::KeyValue;
use crate::recover::Change;

/// What joins records of db and log.
pub(super) struct Joined {
    pub(super) records: Vec<KeyRecord>,
    pub(super) confirmed: u64,
    pub(super) contradicted: u64,
    pub(super) missing: u64,
}

/// The revisions of which the log says what they wrote.
pub(super) struct LoggedRevisions {
    /// After the first, up to and with the second.
    ranges: Vec<(i64, i64)>,
    /// Within them those whose entries are lost.
    lost: Vec<(i64, i64)>,
}

impl LoggedRevisions {
    pub(super) fn new(lines: &[&LogReplay<'_>]) -> Self {
        let lost = lines.iter().flat_map(|line| &line.lost);
        let mut lost: Vec<_> = lost.map(|lost| lost.revisions).collect();
        lost.sort_unstable();
        Self {
            ranges: lines.iter().map(|line| (line.from, line.to)).collect(),
            lost,
        }
    }

    pub(super) fn contains(&self, main: i64) -> bool {
        self.ranges
            .iter()
            .any(|(from, to)| main > *from && main <= *to)
            && !within(&self.lost, main)
    }
}

/// Joins what the log wrote with what the db has. Where both have a revision, the log decides: it has a checksum.
pub(super) fn join(
    told: &LoggedRevisions,
    changes: &[Change<'_>],
    side: &StoredSide<'_>,
    source: &RecordSource<'_>,
    number: u16,
) -> Joined {
    let stored = &side.stored.records;
    let mut joined = Joined {
        records: Vec::with_capacity(stored.len()),
        confirmed: 0,
        contradicted: 0,
        missing: 0,
    };
    let newest = stored.last().map_or(0, |record| record.revision.main);
    let kept = side.compacted();
    joined.records.extend(
        stored
            .iter()
            .filter(|record| !told.contains(record.revision.main)),
    );
    for (change, at) in changes.iter().zip(0u32..) {
        let found = stored
            .binary_search_by_key(&change.revision, |record| record.revision)
            .ok()
            .and_then(|at| stored.get(at));
        let made = KeyRecord {
            revision: change.revision,
            tombstone: change.put.is_none(),
            body: Body::Made(at),
            source: number,
            label: Provenance::Log,
        };
        match found {
            Some(record) if is_stored_as(change, record, source) => {
                joined.confirmed = joined.confirmed.saturating_add(1);
                joined.records.push(KeyRecord {
                    label: Provenance::DbLog,
                    source: number,
                    ..*record
                });
            }
            Some(_) => {
                joined.contradicted = joined.contradicted.saturating_add(1);
                joined.records.push(made);
            }
            None => {
                let missing =
                    u64::from(change.revision.main <= newest && change.revision.main > kept);
                joined.missing = joined.missing.saturating_add(missing);
                joined.records.push(made);
            }
        }
    }
    joined
}

/// Whether there is a record at each revision of a range.
pub(in crate::salvage) fn has_all(records: &[KeyRecord], (first, last): (i64, i64)) -> bool {
    let from = records.partition_point(|record| record.revision.main < first);
    let mut next = first;
    for record in records.get(from..).unwrap_or_default() {
        if record.revision.main > next {
            break;
        }
        next = record.revision.main.saturating_add(1);
        if next > last {
            return true;
        }
    }
    false
}

fn is_stored_as(change: &Change<'_>, record: &KeyRecord, source: &RecordSource<'_>) -> bool {
    let Body::Stored { at, len } = record.body else {
        return false;
    };
    let stored = usize::try_from(at)
        .ok()
        .and_then(|at| source.image.get(at..at.checked_add(len as usize)?))
        .and_then(|message| KeyValue::parse(message).ok());
    let made = change.key_value();
    record.tombstone == change.put.is_none()
        && stored.is_some_and(|stored| {
            stored
                == KeyValue {
                    canonical: stored.canonical,
                    ..made
                }
        })
}

impl<'a> MemberRecords<'a> {
    /// What the join found out about the db.
    pub(super) fn tell(&mut self, joined: &Joined, stored: &StoredRecords) {
        let records = |count: u64| if count == 1 { "record" } else { "records" };
        if joined.contradicted > 0 {
            self.notes.push(format!(
                "{} {} of the db differ from what the log wrote: the log's are used",
                joined.contradicted,
                records(joined.contradicted)
            ));
        }
        if joined.missing > 0 {
            self.notes.push(format!(
                "{} {} that the db has lost are in the log",
                joined.missing,
                records(joined.missing)
            ));
        }
        // What the log has is not lost, wherever the db is damaged.
        if self.whole && !stored.lost.is_empty() {
            self.notes.push(format!(
                "the db has {}: the log has all that was there",
                crate::start::counted(stored.lost.len() as u64, "damaged place", "damaged places")
            ));
        } else {
            self.lost.extend(stored.lost.iter().cloned());
        }
    }
}

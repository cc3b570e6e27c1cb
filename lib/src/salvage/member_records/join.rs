//! Records of the db and of the log at one revision become one record.

use super::super::label::Provenance;
use super::super::record::{Body, KeyRecord, within};
use super::super::settled::ConfirmedRecords;
use super::super::stored::StoredRecords;
use super::super::timeline::LogReplay;
use super::MemberRecords;
use super::stored_side::StoredSide;
use crate::recover::Change;

/// How the changes of a log fit the records of a db.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Agreement {
    /// Records of which the log says the same.
    pub(super) confirmed: u64,
    /// Records of which the log says something else.
    pub(super) contradicted: u64,
    /// Changes that the db should have and has not.
    pub(super) missing: u64,
}

impl Agreement {
    pub(super) fn new(line: &LogReplay<'_>, side: &StoredSide<'_>) -> Self {
        let stored = &side.stored.records;
        let newest = stored.last().map_or(0, |record| record.revision.main);
        let kept = side.compacted();
        let mut agreement = Self {
            confirmed: line.confirmed.len(),
            ..Self::default()
        };
        for change in &line.changes {
            let main = change.revision.main;
            let found = stored.binary_search_by_key(&change.revision, |record| record.revision);
            match found {
                Ok(_) => agreement.contradicted = agreement.contradicted.saturating_add(1),
                Err(_) if main <= newest && main > kept => {
                    agreement.missing = agreement.missing.saturating_add(1);
                }
                Err(_) => {}
            }
        }
        agreement
    }
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
        let of_db = lines.iter().flat_map(|line| &line.of_db);
        lost.extend(of_db.map(|main| (*main, *main)));
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

/// Joins what the log wrote with what the db has. Where both have a revision, the log decides: it has a checksum. The records
/// are changed in place: a second list of them would need as much memory again.
pub(super) fn join(
    mut stored: Vec<KeyRecord>,
    told: &LoggedRevisions,
    confirmed: &ConfirmedRecords,
    changes: &[Change<'_>],
    number: u16,
) -> Vec<KeyRecord> {
    let mut at = 0;
    stored.retain_mut(|record| {
        let is_confirmed = confirmed.contains(at);
        at += 1;
        if is_confirmed {
            record.label = Provenance::DbLog;
            record.source = number;
        }
        is_confirmed || !told.contains(record.revision.main)
    });
    stored.extend(made(changes, number));
    let order = |record: &KeyRecord| (record.revision, record.tombstone);
    if !stored.is_sorted_by_key(order) {
        stored.sort_unstable_by_key(order);
    }
    stored
}

/// What the log alone says, with the records of the db that say the same.
pub(super) fn of_log_alone(
    mut stored: Vec<KeyRecord>,
    confirmed: &ConfirmedRecords,
    changes: &[Change<'_>],
    number: u16,
) -> Vec<KeyRecord> {
    let mut at = 0;
    stored.retain_mut(|record| {
        let is_confirmed = confirmed.contains(at);
        at += 1;
        record.label = Provenance::Log;
        is_confirmed
    });
    stored.extend(made(changes, number));
    stored.sort_unstable_by_key(|record| record.revision);
    stored
}

fn made(changes: &[Change<'_>], number: u16) -> impl Iterator<Item = KeyRecord> {
    let record = move |(change, at): (&Change<'_>, u32)| KeyRecord {
        revision: change.revision,
        tombstone: change.put.is_none(),
        body: Body::Made(at),
        source: number,
        label: Provenance::Log,
    };
    changes.iter().zip(0u32..).map(record)
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

impl<'a> MemberRecords<'a> {
    /// What the join found out about the db. `has_all`: the log has all that the db has lost.
    pub(super) fn tell(&mut self, joined: Agreement, stored: &StoredRecords, has_all: bool) {
        let records = |count: u64| if count == 1 { "record" } else { "records" };
        if joined.contradicted > 0 {
            self.notes.push(format!(
                "{} {} of the db {} from what the log wrote: the log's are used",
                joined.contradicted,
                records(joined.contradicted),
                if joined.contradicted == 1 {
                    "differs"
                } else {
                    "differ"
                }
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
        if has_all && !stored.lost.is_empty() {
            self.notes.push(format!(
                "the db has {}: the log has all that was there",
                crate::start::counted(stored.lost.len() as u64, "damaged place", "damaged places")
            ));
        } else {
            self.lost.extend(stored.lost.iter().cloned());
        }
    }
}

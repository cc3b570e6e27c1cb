//! What the log itself shows to be lost: damage, a cut end, entries that do not decode.

use super::super::extra::{Extra, ExtraEntry};
use super::super::log_end::{before_db, damaged_end, missing_segment, no_log};
use super::super::timeline::{LogReplay, LostEntries};
use super::super::{Lost, Point};
use super::shown::only_key;
use super::{Input, MemberRecords};
use crate::member::Wal;
use crate::mvcc::Keyspace;
use located::RaftIndex;
use located::text::escape;

impl<'a> MemberRecords<'a> {
    /// Entries that something says were there, and that the log does not reach.
    pub(super) fn note_cut(
        &mut self,
        input: &Input<'_>,
        wal: &Wal<'_>,
        db_applied: RaftIndex,
        point: Point,
    ) {
        if point != Point::Acknowledged {
            return;
        }
        let last = input.last_index(wal).max(self.applied.0);
        let commit = wal.log().hard_state().unwrap_or_default().commit;
        let snap = self.member.newest_snap();
        let in_db = db_applied;
        // What the db has applied is lost only if it has a revision that was not read.
        let has_more = |keyspace: Keyspace<'_>| keyspace.revision() > self.revision;
        let (db_applied, read) = match self.member.readable_keyspace().map(has_more) {
            Ok(false) => (RaftIndex(0), db_applied),
            _ => (db_applied, RaftIndex(0)),
        };
        // What follows in another copy's log is known: then the damage is no end.
        if input.last_index(wal) <= wal.log().last_index() {
            self.lost.extend(damaged_end(wal, read));
        }
        let traces = [
            (commit, "HardState of the log", false),
            (input.committed, "the copy of another member", false),
            (snap, "the newest .snap file", false),
            (db_applied, "consistent_index of the db", true),
        ];
        let newest = traces.into_iter().filter(|(index, ..)| *index > last);
        if let Some((index, trace, possibly)) = newest.max_by_key(|(index, ..)| *index) {
            self.lost.push(Lost {
                what: format!(
                    "entries {}–{index} were committed by {trace}, but the log ends at entry {last}",
                    last.next()
                ),
                indexes: Some((last.next(), index)),
                possibly,
                ..Lost::default()
            });
        } else if wal.log().first().is_none() {
            self.note_no_log(point);
        } else if let Some(lost) = before_db(wal, input.last_index(wal), in_db)
            .filter(|_| std::ptr::eq(input.log_of, self.member))
        {
            self.lost.push(lost);
        } else if last == wal.log().last_index() {
            self.lost.extend(missing_segment(wal));
        }
    }

    /// A data directory without a log: nothing says what was written after the last commit of the db.
    pub(super) fn note_no_log(&mut self, point: Point) {
        if point != Point::Acknowledged {
            return;
        }
        let (applied, snap) = (self.applied.0, self.member.newest_snap());
        if snap > applied {
            self.lost.push(Lost {
                what: format!(
                    "entries {}–{snap} were committed by the newest .snap file, but there is no log, and the db ends at entry {applied}",
                    applied.next()
                ),
                indexes: Some((applied.next(), snap)),
                ..Lost::default()
            });
            return;
        }
        self.lost
            .extend(no_log(self.member, applied, self.revision));
    }

    /// Keys of writes whose entries are damaged and still name them.
    pub(super) fn note_damaged_writes(
        &mut self,
        wal: &Wal<'_>,
        lost: &[LostEntries],
        extra: &Extra<'_>,
    ) {
        let log = wal.log();
        let last = log.last_index();
        for entry in &log.entries {
            let Some(record) = log.records.get(entry.record as usize) else {
                continue;
            };
            // The log of another member, or a corrected bit, says what the entry was.
            let index = |added: &ExtraEntry<'_>| added.index;
            if extra
                .entries
                .binary_search_by_key(&entry.index, index)
                .is_ok()
            {
                continue;
            }
            if entry.survives || entry.superseded_by.is_some() || record.crc.is_trusted() {
                continue;
            }
            let run = lost
                .iter()
                .find(|run| (run.first..=run.last).contains(&entry.index));
            let after = |first: RaftIndex, revision: i64| {
                let more = i64::try_from(entry.index.since(first)).unwrap_or(i64::MAX);
                revision.saturating_add(more)
            };
            let revision = match run {
                Some(run) => after(run.first, run.revisions.0),
                None if entry.index > last => after(last, self.revision),
                None => continue,
            };
            let place = wal.place(entry);
            for put in wal.payload(entry).puts() {
                self.damaged_writes
                    .push((put.key.clone(), revision, place.clone()));
            }
        }
    }

    /// Entries that are lost: damaged ones, and those that were written as something that no release decodes.
    pub(super) fn lost_entries(line: &LogReplay<'_>, lost: &LostEntries) -> Lost {
        let mut entries = lost.lost();
        let undecodable = line
            .undecodable
            .iter()
            .find(|(index, _)| (lost.first, lost.last) == (*index, *index));
        if let Some((index, why)) = undecodable {
            entries.what = format!(
                "entry {index} of the log has an intact checksum, but: {why}; it is taken to be the write of revision {}",
                lost.revisions.0
            );
        } else if let Some(key) = only_key(line, lost) {
            let shown = escape::bytes(key, escape::Charset::default());
            entries.what = format!("{}, of the key {shown}", entries.what);
            entries.key = Some(key.to_vec());
        }
        entries
    }

    pub(super) fn note_undecodable(&mut self, line: &LogReplay<'_>) {
        let is_listed = |index: RaftIndex| {
            let lost = line.lost.iter();
            lost.into_iter()
                .any(|lost| (lost.first, lost.last) == (index, index))
        };
        for (index, why) in line
            .undecodable
            .iter()
            .filter(|(index, _)| !is_listed(*index))
        {
            self.lost.push(Lost {
                what: format!("entry {index} of the log has an intact checksum, but: {why}"),
                indexes: Some((*index, *index)),
                ..Lost::default()
            });
        }
    }
}

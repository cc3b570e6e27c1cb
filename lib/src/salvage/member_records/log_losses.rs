//! What the log itself shows to be lost: damage, a cut end, entries that do not decode.

use super::super::timeline::{LogReplay, LostEntries};
use super::super::{Lost, Point};
use super::{Input, MemberRecords};
use crate::Place;
use crate::evidence::Kind;
use crate::member::Wal;
use crate::wal::{Damage, Ending, WalFile};

impl<'a> MemberRecords<'a> {
    /// Entries that something says were there, and that the log does not reach.
    pub(super) fn note_cut(
        &mut self,
        input: &Input<'_>,
        wal: &Wal<'_>,
        db_applied: u64,
        point: Point,
    ) {
        if point != Point::Acknowledged {
            return;
        }
        // What follows in another copy's log is known: then the damage is no end.
        if input.last_index(wal) <= wal.log().last_index() {
            self.note_tail(wal);
        }
        let last = input.last_index(wal).max(self.applied.0);
        let commit = wal.log().hard_state().unwrap_or_default().commit.get();
        let snap = self.member.newest_snap();
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
                    last.saturating_add(1)
                ),
                indexes: Some((last.saturating_add(1), index)),
                possibly,
                ..Lost::default()
            });
        } else if wal.log().first().is_none() {
            self.note_no_log(point);
        } else if last == wal.log().last_index() {
            self.note_missing_segment(wal);
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
                    applied.saturating_add(1)
                ),
                indexes: Some((applied.saturating_add(1), snap)),
                ..Lost::default()
            });
            return;
        }
        let evidence = self.member.evidence();
        let had_log = matches!(evidence.kind(), Kind::DataDir | Kind::MemberDir);
        if had_log && evidence.db().is_some() {
            self.lost.push(Lost {
                what: format!(
                    "the data directory has no entry of a log: writes after the end of the db (entry {applied}, revision {}) are unknown",
                    self.revision
                ),
                possibly: true,
                ..Lost::default()
            });
        }
    }

    /// The last segment ends as finished ones do. etcd truncates a segment when it begins the next one; the one that is written
    /// to has zeros up to 64,000,000 bytes, unless `Repair` truncated it. `cut` in `server/wal/wal.go`, v3.5.30.
    fn note_missing_segment(&mut self, wal: &Wal<'_>) {
        let log = wal.log();
        // A last segment without a record is listed on its own.
        if log
            .segments
            .last()
            .is_none_or(|last| last.records.is_empty())
        {
            return;
        }
        let last = log
            .last()
            .and_then(|last| log.records.get(last.record as usize));
        let segment = last.and_then(|last| log.segments.get(last.segment as usize));
        let Some(segment) = segment else {
            return;
        };
        let repaired = log
            .others
            .iter()
            .any(|other| matches!(other.kind, WalFile::Broken(_)));
        if repaired || segment.ending != Ending::Exact || segment.records.is_empty() {
            return;
        }
        self.lost.push(Lost {
            what: format!(
                "the last segment ends exactly after entry {}, as etcd leaves a segment when it begins the next one: entries of a missing segment may be lost (or the file was copied without its zeros)",
                log.last_index()
            ),
            place: wal
                .files()
                .get(segment.file)
                .map(|file| Place::at(file.file(), segment.end)),
            possibly: true,
            ..Lost::default()
        });
    }

    /// Damage after the last entry that can be read, and a segment that has a name and no record.
    pub(super) fn note_tail(&mut self, wal: &Wal<'_>) {
        let log = wal.log();
        let last = log.last_index();
        let end = log
            .last()
            .and_then(|entry| log.records.get(entry.record as usize))
            .map_or((0, 0), |record| (record.segment as usize, record.offset));
        let after = |damage: &&Damage| (damage.segment, damage.from) > end;
        let places = log.damages.iter().filter(after).filter_map(|damage| {
            let file = log.segments.get(damage.segment)?.file;
            Some(Place::at(wal.files().get(file)?.file(), damage.from))
        });
        let lost: Vec<Lost> = places
            .map(|place| Lost {
                what: format!(
                    "the log is damaged after entry {last}: what was written there is lost"
                ),
                place: Some(place),
                ..Lost::default()
            })
            .collect();
        self.lost.extend(lost);
        let empty = log
            .segments
            .iter()
            .filter(|segment| segment.records.is_empty());
        for segment in empty {
            let Some(name) = segment.name.filter(|name| name.index > 0) else {
                continue;
            };
            self.lost.push(Lost {
                what: format!(
                    "the segment that begins with entry {} has no record: its entries are lost",
                    name.index
                ),
                place: wal
                    .files()
                    .get(segment.file)
                    .map(|file| Place::file(file.file())),
                ..Lost::default()
            });
        }
    }

    /// Keys of writes whose entries are damaged and still name them.
    pub(super) fn note_damaged_writes(&mut self, wal: &Wal<'_>, lost: &[LostEntries]) {
        let log = wal.log();
        let last = log.last_index();
        for entry in &log.entries {
            let Some(record) = log.records.get(entry.record as usize) else {
                continue;
            };
            if entry.survives || entry.superseded_by.is_some() || record.crc.is_trusted() {
                continue;
            }
            let run = lost
                .iter()
                .find(|run| (run.first..=run.last).contains(&entry.index));
            let after = |first: u64, revision: i64| {
                let more = i64::try_from(entry.index.saturating_sub(first)).unwrap_or(i64::MAX);
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
        }
        entries
    }

    pub(super) fn note_undecodable(&mut self, line: &LogReplay<'_>) {
        let is_listed = |index: u64| {
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

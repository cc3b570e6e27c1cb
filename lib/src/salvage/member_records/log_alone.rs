//! A log that begins with an empty store: it says everything, and the db confirms it.

use super::super::extra::Extra;
use super::super::record::KeyRecord;
use super::super::timeline::{LogReplay, LostEntries};
use super::super::{Lost, Point};
use super::MemberRecords;
use super::history::{HistorySide, ONE_HISTORY, may_be_restored};
use super::holes::{a_forced_start_dropped_writes, are_in_db};
use super::join::{Agreement, LoggedRevisions, has_all, join, of_log_alone};
use super::stored_side::StoredSide;
use crate::backend::AuthUser;
use crate::bolt::Db;
use crate::member::Wal;
use crate::recover::State;
use located::{Command, FileName, Place, RaftIndex, Term, reported_by};

/// Whether a log that begins with an empty store says everything.
pub(super) enum LogAlone {
    /// It does, and the db confirms it.
    Used,
    /// It does, and the db is of another history.
    OfAnotherHistory,
    /// It does not: entries are lost, and only the db says where it goes on.
    NeedsDb,
    /// The db was restored from a backup and put beside its old log: the old log is what the restore took back.
    Restored,
}

impl<'a> MemberRecords<'a> {
    /// From a log that begins with an empty store: it says everything, and the db confirms it.
    pub(super) fn of_log(
        &mut self,
        (wal, extra): (&Wal<'a>, &Extra<'a>),
        line: LogReplay<'a>,
        side: &mut StoredSide<'a>,
        point: Point,
        source: u16,
    ) -> LogAlone {
        let told = LoggedRevisions::new(&[&line]);
        let joined = Agreement::new(&line, side);
        if is_restored(joined, &line, wal, side) {
            return LogAlone::Restored;
        }
        let both = joined.confirmed.saturating_add(joined.contradicted);
        let one = !side.is_foreign
            && joined.confirmed.saturating_mul(100) >= both.saturating_mul(ONE_HISTORY);
        if needs_db(&line, joined, one, side, point)
            || joined.contradicted > 0 && one && a_forced_start_dropped_writes(wal)
        {
            return LogAlone::NeedsDb;
        }
        let ahead = one && joined.confirmed > 0;
        self.revision = line.to;
        self.compacted = line.compacted;
        self.applied = line.last.unwrap_or((RaftIndex(0), Term(0)));
        self.state = line.state.clone();
        let known: &[KeyRecord] = if one { &side.stored.records } else { &[] };
        let has_not = |lost: &&LostEntries| !has_all(known, lost.revisions);
        let lost: Vec<LostEntries> = line.lost.iter().filter(has_not).copied().collect();
        self.take_lost(&line, &lost);
        self.note_damaged_writes(wal, &line.lost, extra);
        self.whole = lost.is_empty();
        if !one {
            self.note_other_history(joined.contradicted, both, side.is_foreign);
            let stored = std::mem::take(&mut side.stored.records);
            self.records = of_log_alone(stored, &line.confirmed, &line.changes, source);
        } else {
            self.tell(joined, &side.stored, lost.is_empty());
            side.db.iter().for_each(|db| passwords(&mut self.state, db));
        }
        let is_compacted_later = ahead && self.ahead(side, point);
        if one {
            let mut stored = std::mem::take(&mut side.stored.records);
            stored.retain(|record| record.revision.main <= self.revision);
            self.records = join(stored, &told, &line.confirmed, &line.changes, source);
        }
        if is_compacted_later {
            self.leave_compacted(line.to, side);
        }
        self.source.changes = line.changes;
        self.source.written = line.written;
        match one {
            true => LogAlone::Used,
            false => LogAlone::OfAnotherHistory,
        }
    }

    fn note_other_history(&mut self, contradicted: u64, both: u64, is_foreign: bool) {
        let why = match is_foreign {
            true => "its bucket \"members\" has the members of another cluster".to_owned(),
            false => format!(
                "{contradicted} of {both} records differ from what the log wrote at their revisions"
            ),
        };
        self.notes.push(format!(
            "the db is of another history: {why}; only the log is used. The db alone: {}",
            Command::inspect("salvage").path(self.source.file.as_str().as_ref())
        ));
    }

    /// Only one of two histories is in the backup: which of them this member had, nothing but a `.snap` file can say.
    pub(super) fn note_left_out(&mut self, of_snap: Option<HistorySide>) {
        if of_snap.is_none() {
            self.lost.push(two_histories(&self.source.file));
        }
    }

    /// The db has later revisions than its log: it is the newer of both. Returns whether the compaction of the db is in force then,
    /// so that what it took is to be left out of what the log has.
    pub(super) fn ahead(&mut self, side: &StoredSide<'a>, point: Point) -> bool {
        let from = self.revision;
        let newest = self.newest_after(side, from);
        let to = match point {
            Point::Acknowledged => newest,
            Point::Revision(revision) => newest.min(revision),
        };
        if to <= from {
            return false;
        }
        self.notes.push(format!(
            "the log ends at revision {from}: revisions {}–{to} are from the db",
            from.saturating_add(1)
        ));
        self.revision = to;
        let is_compacted = to >= side.compacted();
        if !is_compacted {
            // Between the end of the log and the point the db has only what its later compaction left.
            self.below = Some(side.compacted());
        } else {
            self.compacted = self.compacted.max(side.compacted());
        }
        self.applied = side.applied().max(self.applied);
        self.whole = false;
        if let Some(db) = &side.db {
            self.state = State::read(db);
            self.state_is_newer = to < side.newest();
        }
        self.lost.extend(side.stored.lost.iter().cloned());
        let ranges = side.stored.lost_ranges(from.max(self.compacted));
        self.lost_ranges.extend(ranges);
        is_compacted
    }

    /// The newest revision of the db that continues a log that ends at `from`: all of it if the db has entries that the log
    /// has not, else as far as no revision is missing. A flipped bit makes a revision of any size.
    pub(super) fn newest_after(&self, side: &StoredSide<'a>, from: i64) -> i64 {
        if side.applied().0 > self.applied.0 {
            return side.newest();
        }
        let mut newest = from;
        for record in &side.stored.records {
            let main = record.revision.main;
            if main == newest.saturating_add(1) {
                newest = main;
            }
        }
        newest
    }
}

/// Whether only the db says what the log leaves open: the effect of lost entries that it has, how many revisions they made, or, of
/// a log that ends before everything that the db still has, all.
fn needs_db(
    line: &LogReplay<'_>,
    joined: Agreement,
    one: bool,
    side: &StoredSide<'_>,
    point: Point,
) -> bool {
    if side.stored.records.is_empty() || side.is_foreign {
        return false;
    }
    let both = joined.confirmed.saturating_add(joined.contradicted);
    let is_counted_wrong = !line.lost.is_empty() && joined.contradicted > 0;
    let is_reached = matches!(point, Point::Revision(asked) if line.to >= asked);
    let ends_before = both == 0 && side.newest() > line.to && !is_reached;
    is_counted_wrong || ends_before || one && both > 0 && are_in_db(line, side)
}

/// Db and log are of two histories, and nothing says which of them this member had: the records of the db are left out.
pub(crate) fn two_histories(db: &FileName) -> Lost {
    Lost {
        what: "db and log are of two histories, and nothing else here says which of them this member had: what the db has is left out".to_owned(),
        place: Some(Place::file(db)),
        possibly: true,
        ..Lost::default()
    }
}

/// Whether the db was restored, and the log is the one that the restore took back.
fn is_restored(
    joined: Agreement,
    line: &LogReplay<'_>,
    wal: &Wal<'_>,
    side: &StoredSide<'_>,
) -> bool {
    joined.contradicted == 0
        && joined.confirmed > 0
        && may_be_restored(wal, side.applied().0)
        && goes_on(line, wal, side)
}

/// Whether the log goes on after what the db has.
fn goes_on(line: &LogReplay<'_>, wal: &Wal<'_>, side: &StoredSide<'_>) -> bool {
    let last = line.last.map_or(RaftIndex(0), |(index, _)| index);
    side.newest() < line.to || last < wal.log().last_index()
}

/// The log of etcd 3.4 has passwords in clear and no hashes: the hash is that of the db.
fn passwords(state: &mut State, db: &Db<'_>) {
    let stored = crate::backend::Auth::read(db, &mut reported_by("backend::check"));
    for (name, user) in &mut state.users.users {
        if user.password.is_empty() && !user.no_password {
            let known = stored.users.iter().find(|stored| stored.name == *name);
            user.password = known
                .map(AuthUser::password_hash)
                .unwrap_or_default()
                .to_vec();
        }
    }
}

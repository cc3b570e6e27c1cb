//! What one member's copy gives: its db and its log, joined where they are of one history.
//!
//! ```text
//! log from an empty store ─► log_alone ─┐
//! log after it, no db     ─► log_tail ──┤
//! db, and a log after it  ─► confirm ───┼─► join ─► records by revision
//! db                      ──────────────┘           log_losses: what the log shows to be lost
//! ```

mod confirm;
mod history;
mod hole_sizes;
mod holes;
mod join;
mod joined_base;
mod log_alone;
mod log_losses;
mod log_tail;
mod shown;
mod stored_side;

pub(crate) use history::{HistorySide, may_be_restored, side_of_snap};
pub(super) use hole_sizes::HoleSizes;
pub(super) use join::has_all;
pub(crate) use log_alone::two_histories;

use super::extra::Extra;
use super::label::Provenance;
use super::record::{KeyRecord, RecordSource};
use super::timeline::{ReplayFrom, ReplayUntil, timeline};
use super::{Lost, Point};
use crate::Place;
use crate::check::applied::beginning;
use crate::check::db_is_of_another_cluster;
use crate::member::{Member, Wal};
use crate::progress::Progress;
use crate::raft::{Operation, Payload, Request};
use crate::recover::{self, Nothing, State};
use located::{Command, RaftIndex, Term};
use log_alone::LogAlone;
use shown::timeline_by_later_entries;
use stored_side::StoredSide;

/// One member's copy, joined.
#[derive(Debug)]
pub(super) struct MemberRecords<'a> {
    pub(super) member: &'a Member,
    pub(super) source: RecordSource<'a>,
    /// By ascending revision, up to the point that was asked for.
    pub(super) records: Vec<KeyRecord>,
    /// The revision of the store.
    pub(super) revision: i64,
    /// The compaction in force; -1 for none.
    pub(super) compacted: i64,
    /// Everything beside keys.
    pub(super) state: State,
    /// Whether [`MemberRecords::state`] is newer than the point: nothing says what it was then.
    pub(super) state_is_newer: bool,
    /// The last entry whose effect is in it, and its term.
    pub(super) applied: (RaftIndex, Term),
    pub(super) lost: Vec<Lost>,
    /// Revisions of which writes may be lost without a gap that shows it.
    pub(super) lost_ranges: Vec<(i64, i64)>,
    /// The first revision from which on nothing says how many revisions lost entries made.
    pub(super) uncounted_from: Option<i64>,
    /// Ranges of revisions whose records were in pages of the db that are lost, also before the compaction.
    pub(super) lost_pages: Vec<(i64, i64)>,
    /// Those of them of which the log does not say what they wrote either: it was applied without them.
    pub(super) unlogged_pages: Vec<(i64, i64)>,
    /// Keys that damaged entries of the log wrote, each with its revision.
    pub(super) damaged_writes: Vec<(Vec<u8>, i64, Option<Place>)>,
    pub(super) notes: Vec<String>,
    /// Intact entries that may have been acknowledged: no commit index proves it. They are left out.
    pub(super) possible: u64,
    /// The compaction that removed records of the point, which is older than it, and that no log wrote.
    pub(super) below: Option<i64>,
    /// Whether the log says what every revision up to [`MemberRecords::revision`] wrote.
    pub(super) whole: bool,
    /// Whether it is the end of a history whose beginning is lost: nothing is known of the keys before it.
    pub(super) is_tail: bool,
}

/// One member's copy, and what is known beside it.
pub(super) struct Input<'a> {
    pub(super) member: &'a Member,
    /// The member whose log is used: its own, or that of another copy of the cluster if it has none.
    pub(super) log_of: &'a Member,
    /// What other copies and checksums add to the log.
    pub(super) extra: &'a Extra<'a>,
    /// The number of the source.
    pub(super) number: u16,
    /// The last entry that any copy proves to be committed; 0 if there is only one.
    pub(super) committed: RaftIndex,
}

impl Input<'_> {
    /// The last entry of the log with what is added to it.
    fn last_index(&self, wal: &Wal<'_>) -> RaftIndex {
        let own = wal.log().last_index();
        let own = self
            .extra
            .stale_from
            .map_or(own, |from| own.min(from.previous()));
        let added = self
            .extra
            .entries
            .last()
            .map_or(RaftIndex(0), |entry| entry.index);
        own.max(added)
    }
}

/// Reads one member's copy up to a point.
pub(super) fn member_records<'a>(
    input: &Input<'a>,
    point: Point,
    progress: &dyn Progress,
) -> MemberRecords<'a> {
    let (member, source) = (input.member, input.number);
    let mut lost = Vec::new();
    let mut side = StoredSide::read(member, source, &mut lost);
    let unopened = lost.len();
    let mut part = MemberRecords::nothing(member, &side, lost);
    part.notes.extend(input.extra.notes.iter().cloned());
    let Some(wal) = input.log_of.wal_with(progress) else {
        part.of_db(side, point);
        part.note_no_log(point);
        return part;
    };
    let db_applied = side.applied().0;
    let end = part.end(input, &wal, db_applied, point);
    let from_entry_1 = wal.log().begins_with_empty_store();
    let own_db = side.db.filter(|_| std::ptr::eq(input.log_of, member));
    side.is_foreign = own_db.is_some_and(|db| db_is_of_another_cluster(member, &db, &wal));
    let of_snap = own_db.and_then(|db| side_of_snap(member, &wal, &db));
    let is_of_db = of_snap == Some(HistorySide::Db);
    if from_entry_1 && is_of_db || side.is_foreign && !from_entry_1 {
        part.only_db(&wal, of_snap, side, point);
        return part;
    }
    let compacted = side.compacted();
    let wanted = Wanted { end, point, source };
    if from_entry_1 {
        let (known, holes) = (side.known(), HoleSizes::default());
        let span = (ReplayFrom::EMPTY_STORE, wanted.end);
        let extra = input.extra;
        let mut line = timeline(&wal, extra, &Nothing, beginning(), span, known, &holes);
        if !line.lost.is_empty() && (side.stored.records.is_empty() || side.is_foreign) {
            line = timeline_by_later_entries(&wal, extra, &Nothing, &beginning(), span, holes);
        }
        match part.of_log((&wal, extra), line, &mut side, point, source) {
            LogAlone::Used => part.note_unopened(unopened),
            LogAlone::OfAnotherHistory => {
                part.note_unopened(unopened);
                // What the db has applied says nothing about this log.
                part.note_ends(input, &wal, (RaftIndex(0), -1), point);
                part.note_left_out(of_snap);
                return part;
            }
            LogAlone::Restored => {
                part.only_restored_db(&wal, side, point);
                return part;
            }
            LogAlone::NeedsDb => part.of_both(&wal, extra, side, &wanted, progress),
        }
    } else {
        part.of_both(&wal, input.extra, side, &wanted, progress);
    }
    part.note_ends(input, &wal, (db_applied, compacted), point);
    part
}

/// How far the records are wanted, and the number of the source they come from.
struct Wanted {
    end: ReplayUntil,
    point: Point,
    source: u16,
}

impl<'a> MemberRecords<'a> {
    /// What the log does not reach, and what was compacted later. `applied`, `compacted`: the last entry and the compaction of the db.
    fn note_ends(
        &mut self,
        input: &Input<'_>,
        wal: &Wal<'_>,
        (applied, compacted): (RaftIndex, i64),
        point: Point,
    ) {
        self.note_cut(input, wal, applied, point);
        self.compact_later(wal, point, compacted);
    }

    /// The db alone: the log is of another history, and the `.snap` file is not of it, or it continues a store that is not here.
    fn only_db(
        &mut self,
        wal: &Wal<'_>,
        of_snap: Option<HistorySide>,
        side: StoredSide<'a>,
        point: Point,
    ) {
        self.of_db(side, point);
        if of_snap == Some(HistorySide::Db) {
            self.notes.push(format!(
                "log and db are of two members: the .snap file is of the db's cluster, so only the db is used. The log alone: {}",
                salvage_of_log(wal)
            ));
            return;
        }
        let log = wal.log();
        let first = log.first().map_or(RaftIndex(0), |entry| entry.index);
        self.lost.push(Lost {
            what: format!(
                "entries {first}–{} of the log are of another history than the db, and continue a store that is not here: what they wrote is left out",
                log.last_index()
            ),
            // How many of them are writes of clients is not counted.
            place: Some(Place::file(self.member.evidence().name())),
            possibly: of_snap.is_none(),
            ..Lost::default()
        });
    }

    fn nothing(member: &'a Member, side: &StoredSide<'a>, lost: Vec<Lost>) -> Self {
        let file = member.evidence().db().map(crate::evidence::File::name);
        Self {
            member,
            source: RecordSource::new(
                side.db.map_or(&[], |db| db.file().as_slice()),
                file.unwrap_or(member.evidence().name()).clone(),
            ),
            records: Vec::new(),
            revision: 1,
            compacted: -1,
            state: State::default(),
            state_is_newer: false,
            applied: (RaftIndex(0), Term(0)),
            lost,
            lost_ranges: Vec::new(),
            uncounted_from: None,
            lost_pages: side.stored.lost_ranges(-1),
            unlogged_pages: Vec::new(),
            damaged_writes: Vec::new(),
            notes: Vec::new(),
            possible: 0,
            below: None,
            whole: false,
            is_tail: false,
        }
    }

    /// How far entries are applied: all that a member which votes alone has, else those that are known to be committed. A
    /// revision that is asked for by its number may be newer.
    fn end(
        &mut self,
        input: &Input<'_>,
        wal: &Wal<'_>,
        applied: RaftIndex,
        point: Point,
    ) -> ReplayUntil {
        let last = input.last_index(wal);
        let commit = recover::commit(wal, applied)
            .max(input.committed)
            .min(last.max(applied));
        let alone = recover::voters(input.log_of, wal, commit).voters.len() <= 1;
        let proven = if alone { last } else { commit };
        match point {
            Point::Acknowledged => {
                let later =
                    |entry: &&crate::wal::LogEntry| entry.index > proven && entry.index <= last;
                self.possible = wal.log().surviving().filter(later).count() as u64;
                ReplayUntil {
                    index: proven,
                    revision: i64::MAX,
                }
            }
            Point::Revision(revision) => ReplayUntil {
                index: last,
                revision,
            },
        }
    }

    /// The db alone, for it was restored beside a log that the restore took back.
    fn only_restored_db(&mut self, wal: &Wal<'_>, side: StoredSide<'a>, point: Point) {
        let log = wal.log();
        self.notes.push(format!(
            "the db was restored from a backup and put beside its old log: only the db is used, up to revision {}. The old log goes on to entry {}; its state is: {}",
            side.newest(),
            log.last_index(),
            salvage_of_log(wal)
        ));
        self.of_db(side, point);
        self.whole = true;
    }

    /// A point in the past is compacted as the store is now, as long as the compaction is not newer: reads below it were
    /// refused already, and hashes are those that the original gives.
    fn compact_later(&mut self, wal: &Wal<'_>, point: Point, stored: i64) {
        let Point::Revision(point) = point else {
            return;
        };
        let (after, last) = (self.applied.0, wal.log().last_index());
        let asked = |entry: &&crate::wal::LogEntry| {
            entry.index > after && entry.index <= last && !entry.is_plain
        };
        let revision = |entry: &crate::wal::LogEntry| match wal.payload(entry) {
            Payload::Request(Request::Internal(request)) => match request.operation() {
                Some(Operation::Compaction(compaction)) => Some(compaction.revision),
                _ => None,
            },
            _ => None,
        };
        let later = wal.log().surviving().filter(asked).filter_map(revision);
        let newest = later.chain([stored]).filter(|at| *at <= point).max();
        self.compacted = self.compacted.max(newest.unwrap_or(-1));
    }

    /// From the db alone.
    fn of_db(&mut self, side: StoredSide<'a>, point: Point) {
        self.revision = side.newest();
        self.compacted = side.compacted();
        self.applied = side.applied();
        self.state = side.db.as_ref().map(State::read).unwrap_or_default();
        self.note_readable(side.stored.readable);
        self.lost_ranges = side.stored.lost_ranges(self.compacted);
        self.records = side.stored.records;
        self.lost.extend(side.stored.lost);
        self.cut(point);
    }

    /// The log ends before the compaction of the db: what it wrote, and the db has not any more, was replaced or deleted since.
    /// In a db that has lost pages it may be one of those records: then it stays, in doubt.
    fn leave_compacted(&mut self, until: i64, side: &StoredSide<'a>) {
        let compacted = side.compacted();
        if until >= compacted {
            return;
        }
        if side.stored.lost.is_empty() {
            self.records
                .retain(|record| record.label != Provenance::Log || record.revision.main > until);
        } else {
            self.lost_ranges.push((until.saturating_add(1), compacted));
        }
    }

    /// The db could not be opened, in so many places, and a whole log has all that was in it.
    fn note_unopened(&mut self, unopened: usize) {
        if self.whole && self.lost.len() == unopened {
            let known = std::mem::take(&mut self.lost).into_iter();
            let note = |lost: Lost| format!("{}; the log has all that was there", lost.what);
            self.notes.extend(known.map(note));
        }
    }

    /// Damage that costs nothing.
    fn note_readable(&mut self, places: u64) {
        if places > 0 {
            self.notes.push(format!(
                "the db has {} in pages whose records could be read all the same",
                crate::start::counted(places, "damaged place", "damaged places")
            ));
        }
    }

    /// Leaves out what was written after the point.
    fn cut(&mut self, point: Point) {
        let Point::Revision(revision) = point else {
            return;
        };
        if revision < self.revision {
            self.state_is_newer = true;
            self.records
                .retain(|record| record.revision.main <= revision);
            self.revision = revision;
        }
        if revision < self.compacted {
            self.below = Some(self.compacted);
            self.compacted = -1;
        }
    }
}

/// The command that salvages the directory of the log alone.
fn salvage_of_log(wal: &Wal<'_>) -> Command {
    let first = wal.files().first().map_or("", |file| file.file().as_str());
    let directory = first
        .rsplit_once('/')
        .map_or(".", |(directory, _)| directory);
    Command::inspect("salvage").path(directory.as_ref())
}

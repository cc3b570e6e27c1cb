//! A db, and a log that begins somewhere in its history: the entries that the db has are applied again and confirm it, those
//! after it continue it.

use super::super::extra::Extra;
use super::super::timeline::{LogReplay, ReplayFrom, ReplayUntil, timeline};
use super::super::{Lost, Point};
use super::history::ONE_HISTORY;
use super::hole_sizes::HoleSizes;
use super::holes;
use super::join::{Agreement, LoggedRevisions, has_all, join};
use super::joined_base::JoinedBase;
use super::shown::timeline_by_later_entries;
use super::stored_side::StoredSide;
use super::{MemberRecords, Wanted};
use crate::check::applied::{Anchor, RunEntry, beginning, presumed, runs};
use crate::member::Wal;
use crate::mvcc::Keyspace;
use crate::progress::Progress;
use crate::recover::{self, Base, Nothing, State};
use crate::wal::{Log, LogEntry};
use located::{RaftIndex, Term};

impl<'a> MemberRecords<'a> {
    /// From a db, and a log that begins somewhere in its history.
    pub(super) fn of_both(
        &mut self,
        wal: &Wal<'a>,
        extra: &'a Extra<'a>,
        mut side: StoredSide<'a>,
        wanted: &Wanted,
        progress: &dyn Progress,
    ) {
        let Wanted { end, point, source } = *wanted;
        if side.stored.records.is_empty()
            && (side.db.is_none() || !side.stored.lost.is_empty())
            && self.of_log_tail(wal, extra, wanted)
        {
            self.lost.append(&mut side.stored.lost);
            return;
        }
        let Some(keyspace) = side.keyspace() else {
            self.note_no_base(wal);
            self.of_db(side, point);
            return;
        };
        let confirmed = confirm(wal, extra, &keyspace, &side, end, progress);
        let applied = self.applied_in_db(confirmed.as_ref(), &side);
        let logged = confirmed.as_ref().map(|confirmed| &confirmed.line);
        let base = JoinedBase::new(keyspace, logged.map_or(&[], |line| &line.changes));
        let mut line = continued(wal, extra, &base, &side, (applied.0, end));
        self.take_end(wal, extra, &mut line, applied);
        let newest = keyspace.revision();
        let nothing = || LogReplay::nothing_at(newest);
        let mut both = confirmed.map_or_else(nothing, |confirmed| confirmed.line);
        let told = LoggedRevisions::new(&[&both, &line]);
        // What was written before the log begins is only in the db, whatever was compacted since.
        self.whole = (both.from <= 1 || side.stored.lost.is_empty())
            && both.from <= self.compacted.max(1)
            && both.to >= line.from
            && both.lost.is_empty()
            && line.lost.is_empty();
        self.take_lost_before_end(&both, &side);
        both.changes.append(&mut line.changes);
        both.written.append(&mut line.written);
        let has_all = self.whole || self.is_all_logged(&side, &told);
        self.tell(Agreement::new(&both, &side), &side.stored, has_all);
        self.take_lost_ranges(&side, &told);
        let stored = std::mem::take(&mut side.stored.records);
        self.records = join(stored, &told, &both.confirmed, &both.changes, source);
        if !both.written.is_empty() {
            self.leave_compacted(both.to, &side);
        }
        self.source.changes = std::mem::take(&mut both.changes);
        self.source.written = std::mem::take(&mut both.written);
        self.cut(point);
        self.compacted_at(point, &both, side.compacted());
    }

    fn note_no_base(&mut self, wal: &Wal<'_>) {
        self.lost.push(Lost {
            what: format!(
                "entries {}–{} of the log: nothing says which revisions they made, for the db that they continue is not readable",
                wal.log().first().map_or(RaftIndex(0), |first| first.index),
                wal.log().last_index()
            ),
            ..Lost::default()
        });
    }

    /// The last entry whose effect the db has, with its term: what the log proves, or else consistent_index.
    fn applied_in_db(
        &mut self,
        confirmed: Option<&Confirmed<'_>>,
        side: &StoredSide<'_>,
    ) -> (RaftIndex, Term) {
        let (stated, term) = side.applied();
        let proven = confirmed.and_then(|line| line.applied_in_db);
        let applied = proven.unwrap_or((stated, term));
        if applied.0 != stated {
            self.notes.push(format!(
                "consistent_index of the db is {stated}, but the log proves that it holds the effect of entry {}: the log continues there",
                applied.0
            ));
        }
        applied
    }

    /// Entries that the log lost within what the db holds, if the db does not have their records.
    fn take_lost_before_end(&mut self, both: &LogReplay<'_>, side: &StoredSide<'_>) {
        let kept = side.compacted();
        let is_there = |(first, last): (i64, i64)| {
            let first = first.max(kept.saturating_add(1));
            first > last || has_all(&side.stored.records, (first, last))
        };
        let gone = both.lost.iter().filter(|lost| !is_there(lost.revisions));
        let gone: Vec<Lost> = gone.map(|lost| Self::lost_entries(both, lost)).collect();
        self.lost.extend(gone);
    }

    /// What is true after the last entry, and what is lost before it.
    fn take_end(
        &mut self,
        wal: &Wal<'_>,
        extra: &Extra<'_>,
        line: &mut LogReplay<'_>,
        applied: (RaftIndex, Term),
    ) {
        let lost = line.lost.clone();
        self.take_lost(line, &lost);
        self.note_damaged_writes(wal, &line.lost, extra);
        self.applied = line.last.unwrap_or(applied);
        self.revision = line.to;
        self.compacted = line.compacted;
        self.state = std::mem::take(&mut line.state);
    }

    /// Whether all that the db has lost is pages of revisions of which the log says what they wrote.
    fn is_all_logged(&self, side: &StoredSide<'_>, told: &LoggedRevisions) -> bool {
        let ranges = side.stored.lost_ranges(-1);
        ranges.len() == side.stored.lost.len()
            && ranges.iter().all(|(first, last)| {
                told.contains(*first) && told.contains((*last).min(self.revision))
            })
    }

    /// Ranges of revisions in pages of the db that are lost, unless the log says what they wrote.
    fn take_lost_ranges(&mut self, side: &StoredSide<'_>, told: &LoggedRevisions) {
        let is_told = |(first, last): &(i64, i64)| {
            told.contains(*first) && told.contains((*last).min(self.revision))
        };
        let pages = side.stored.lost_ranges(-1).into_iter();
        self.unlogged_pages = pages.filter(|range| !is_told(range)).collect();
        let mut ranges = side.stored.lost_ranges(side.compacted());
        ranges.retain(|range| !is_told(range));
        self.lost_ranges.append(&mut ranges);
    }

    /// The compaction that was in force at a point before that of the db.
    fn compacted_at(&mut self, point: Point, confirmed: &LogReplay<'_>, compacted: i64) {
        let Point::Revision(revision) = point else {
            return;
        };
        if revision >= compacted {
            return;
        }
        let earlier = confirmed.compactions.iter();
        let earlier = earlier.filter(|(_, at)| *at <= revision);
        self.compacted = earlier.map(|(compacted, _)| *compacted).max().unwrap_or(-1);
        // The log that confirms it begins before the point, and says what each revision since then wrote.
        self.below = self.below.filter(|_| confirmed.from > 1);
    }
}

/// What the entries after those that the db has write, if any of them are wanted.
fn continued<'a>(
    wal: &Wal<'a>,
    extra: &'a Extra<'a>,
    base: &JoinedBase<'_, '_>,
    side: &StoredSide<'a>,
    (applied, end): (RaftIndex, ReplayUntil),
) -> LogReplay<'a> {
    let newest = base.revision();
    let state = side.db.as_ref().map(State::read).unwrap_or_default();
    let follows = |entry: &LogEntry| entry.index > applied && entry.index <= end.index;
    let start = ReplayFrom {
        index: applied,
        revision: newest,
        compacted: side.compacted(),
    };
    if end.revision >= newest && wal.log().surviving().any(follows) {
        let span = (start, end);
        return timeline_by_later_entries(wal, extra, base, &state, span, HoleSizes::default());
    }
    LogReplay {
        state,
        compacted: start.compacted,
        ..LogReplay::nothing_at(newest)
    }
}

/// Entries applied once more up to what the db holds.
struct Confirmed<'a> {
    line: LogReplay<'a>,
    /// The last entry whose effect the db has, with its term, if that can be proven.
    applied_in_db: Option<(RaftIndex, Term)>,
}

/// Applies the entries that the db has, from where one of them can be found in it.
fn confirm<'a>(
    wal: &Wal<'a>,
    extra: &'a Extra<'a>,
    keyspace: &Keyspace<'a>,
    side: &StoredSide<'a>,
    end: ReplayUntil,
    progress: &dyn Progress,
) -> Option<Confirmed<'a>> {
    let index = side.applied().0;
    let log = wal.log();
    let whole = log.gaps.is_empty() && log.damages.is_empty();
    let runs = runs(wal);
    let by_end = |entries: &[RunEntry<'a>]| {
        Anchor::find_or_beginning(keyspace, entries, index, whole, progress)
    };
    let by_left = |entries: &[RunEntry<'a>]| {
        // Each entry makes one revision at most: in a store that was empty before entry 1 no other place is right.
        let is_first = log.begins_with_empty_store()
            && entries.first().is_some_and(|first| first.entry.index == 1);
        (!is_first).then(|| Anchor::find_below_compaction(keyspace, entries, index, progress))?
    };
    let confirmed = |entries: &[RunEntry<'a>], anchor| {
        confirm_from(wal, extra, keyspace, side, end, (entries, anchor))
    };
    // What is left of the db may be too little to find a place, and still confirm the beginning.
    let by_beginning = || {
        let beginning = log.begins_with_empty_store().then(|| runs.first())??;
        confirmed(beginning, Anchor::Beginning)
            .filter(|confirmed| confirmed.line.confirmed.len() > 0)
    };
    runs.iter()
        .find_map(|entries| confirmed(entries, by_end(entries)?))
        .or_else(by_beginning)
        .or_else(|| {
            runs.iter()
                .find_map(|entries| confirmed(entries, by_left(entries)?))
        })
}

/// Applies the entries from an anchor on; `None` if they are not what the db has.
fn confirm_from<'a>(
    wal: &Wal<'a>,
    extra: &'a Extra<'a>,
    keyspace: &Keyspace<'a>,
    side: &StoredSide<'a>,
    end: ReplayUntil,
    (entries, anchor): (&[RunEntry<'a>], Anchor),
) -> Option<Confirmed<'a>> {
    let index = side.applied().0;
    let rest = entries.get(anchor.at()..).unwrap_or_default();
    let first = rest.first()?.entry.index;
    let from = match anchor {
        Anchor::Beginning => 1,
        Anchor::At { revision, .. } => revision,
    };
    let stored = recover::Stored::new(*keyspace, from);
    let (base, state): (&dyn Base, State) = match anchor {
        Anchor::Beginning => (&Nothing, beginning()),
        Anchor::At { .. } => (&stored, presumed(rest)),
    };
    let start = ReplayFrom {
        index: first.previous(),
        revision: from,
        compacted: -1,
    };
    let to = ReplayUntil {
        index: end.index,
        // Also if less is asked for: what follows lost entries says how many revisions they made.
        revision: keyspace.revision(),
    };
    let mut holes = HoleSizes::default();
    let mut line;
    let joined = loop {
        let (span, known) = ((start, to), side.known());
        line = timeline(wal, extra, base, state.clone(), span, known, &holes);
        let joined = Agreement::new(&line, side);
        if joined.contradicted == 0 || !holes.correct(&line, side) {
            break joined;
        }
    };
    if joined.contradicted > 0 && holes::a_forced_start_dropped_writes(wal) {
        return None;
    }
    let joined = holes::settle(&mut line, wal, side, joined);
    let both = joined.confirmed.saturating_add(joined.contradicted);
    let fits = joined.confirmed.saturating_mul(100) >= both.saturating_mul(ONE_HISTORY.max(80));
    fits.then(|| Confirmed {
        applied_in_db: applied_in_db(&line, wal.log(), (start.index, index), keyspace.revision())
            .filter(|_| holes::is_newest_confirmed(&line, side)),
        line,
    })
}

/// The last entry whose effect a db at revision `newest` has, with its term; `None` if the entries do not reach it.
///
/// The newest revision of the db was made by the last entry that fits; those after it without a write count too as long as
/// consistent_index says so. How many revisions lost entries made is a guess, unless the db has what follows them at its revisions.
fn applied_in_db(
    line: &LogReplay<'_>,
    log: &Log,
    (before, consistent_index): (RaftIndex, RaftIndex),
    newest: i64,
) -> Option<(RaftIndex, Term)> {
    // Without a write after the anchor the db ends there.
    let last = line.written.last().map_or(before, |(_, last)| *last);
    if line.to != newest || last == RaftIndex(0) {
        return None;
    }
    let through = line.last.map_or(last, |(last, _)| last);
    let index = match (last..=through).contains(&consistent_index) {
        true => consistent_index,
        false => last,
    };
    Some((index, log.entry(index).map_or(Term(0), |entry| entry.term)))
}

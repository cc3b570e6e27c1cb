//! A db, and a log that begins somewhere in its history: the entries that the db has are applied again and confirm it, those
//! after it continue it.

use super::super::extra::Extra;
use super::super::settled::KnownRecords;
use super::super::timeline::{LogReplay, ReplayFrom, ReplayUntil, timeline};
use super::super::{Lost, Point};
use super::history::ONE_HISTORY;
use super::join::{Agreement, LoggedRevisions, join};
use super::stored_side::StoredSide;
use super::{MemberRecords, Wanted};
use crate::check::applied::{Anchor, beginning, presumed, runs};
use crate::member::Wal;
use crate::mvcc::Keyspace;
use crate::progress::Progress;
use crate::recover::{self, Base, Nothing, State};

impl<'a> MemberRecords<'a> {
    /// From a db, and a log that begins somewhere in its history.
    pub(super) fn of_both(
        &mut self,
        wal: &Wal<'a>,
        extra: &'a Extra<'a>,
        mut side: StoredSide<'a>,
        wanted: Wanted,
        progress: &dyn Progress,
    ) {
        let Wanted { end, point, source } = wanted;
        let Some(keyspace) = side.keyspace() else {
            self.lost.push(Lost {
                what: format!(
                    "entries {}–{} of the log: nothing says which revisions they made, for the db that they continue is not readable",
                    wal.log().first().map_or(0, |first| first.index),
                    wal.log().last_index()
                ),
                ..Lost::default()
            });
            self.of_db(side, point);
            return;
        };
        let confirmed = confirm(wal, extra, &keyspace, &side, end, progress);
        let applied = confirmed
            .as_ref()
            .and_then(|line| line.applied_in_db)
            .unwrap_or(side.applied());
        if applied.0 != side.applied().0 {
            self.notes.push(format!(
                "consistent_index of the db is {}, but the log proves that it holds the effect of entry {}: the log continues there",
                side.applied().0, applied.0
            ));
        }
        let newest = keyspace.revision();
        let state = side.db.as_ref().map(State::read).unwrap_or_default();
        let start = ReplayFrom {
            index: applied.0,
            revision: newest,
            compacted: side.compacted(),
        };
        let stored = recover::Stored::new(keyspace, newest);
        let base: &dyn Base = &stored;
        let reaches = end.revision >= newest
            && wal
                .log()
                .surviving()
                .any(|entry| entry.index > applied.0 && entry.index <= end.index);
        let mut line = if reaches {
            let known = KnownRecords::default();
            timeline(wal, extra, base, state, (start, end), known)
        } else {
            LogReplay {
                from: newest,
                to: newest,
                state,
                compacted: start.compacted,
                ..LogReplay::default()
            }
        };
        self.note_undecodable(&line);
        self.note_damaged_writes(wal, &line.lost);
        self.lost
            .extend(line.lost.iter().map(|lost| Self::lost_entries(&line, lost)));
        self.applied = line.last.unwrap_or(applied);
        self.revision = line.to;
        self.compacted = line.compacted;
        self.state = std::mem::take(&mut line.state);
        let mut both = confirmed
            .map(|confirmed| confirmed.line)
            .unwrap_or_else(|| LogReplay {
                from: newest,
                to: newest,
                ..LogReplay::default()
            });
        let told = LoggedRevisions::new(&[&both, &line]);
        self.whole = both.from <= self.compacted.max(1)
            && both.to >= line.from
            && both.lost.is_empty()
            && line.lost.is_empty();
        both.changes.append(&mut line.changes);
        both.written.append(&mut line.written);
        self.tell(Agreement::new(&both, &side), &side.stored);
        let compacted = side.compacted();
        let is_told = |(first, last): &(i64, i64)| {
            told.contains(*first) && told.contains((*last).min(self.revision))
        };
        let mut ranges = side.stored.lost_ranges(compacted);
        ranges.retain(|range| !is_told(range));
        self.lost_ranges.append(&mut ranges);
        let stored = std::mem::take(&mut side.stored.records);
        self.records = join(stored, &told, &both.confirmed, &both.changes, source);
        if !both.written.is_empty() {
            self.leave_compacted(both.to, &side);
        }
        self.source.changes = both.changes;
        self.source.written = both.written;
        self.cut(point);
        if let Point::Revision(revision) = point
            && revision < compacted
        {
            let earlier = both
                .compactions
                .iter()
                .filter(|(_, at)| *at <= revision)
                .map(|(compacted, _)| *compacted)
                .max();
            self.compacted = earlier.unwrap_or(-1);
            // The log that confirms it begins before the point, and says what each revision since then wrote.
            self.below = self.below.filter(|_| both.from > 1);
        }
    }
}

/// Entries applied once more up to what the db holds.
struct Confirmed<'a> {
    line: LogReplay<'a>,
    /// The last entry whose effect the db has, with its term, if that can be proven.
    applied_in_db: Option<(u64, u64)>,
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
    let newest = keyspace.revision();
    for entries in runs(wal) {
        let Some(anchor) = Anchor::find(keyspace, &entries, index, whole, progress) else {
            continue;
        };
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
            index: first.saturating_sub(1),
            revision: from,
            compacted: -1,
        };
        let to = ReplayUntil {
            index: end.index,
            revision: newest.min(end.revision),
        };
        let mut line = timeline(wal, extra, base, state, (start, to), side.known());
        let mut joined = Agreement::new(&line, side);
        // Revisions after lost entries are counted wrong: the db says what they wrote.
        if joined.contradicted > 0 && line.end_before_lost(&side.stored.records) {
            joined = Agreement::new(&line, side);
        }
        let both = joined.confirmed.saturating_add(joined.contradicted);
        if joined.confirmed.saturating_mul(100) < both.saturating_mul(ONE_HISTORY.max(80)) {
            continue;
        }
        // The newest revision of the db was made by the last entry that fits; those after it without a write count too as
        // long as consistent_index says so.
        // How many revisions lost entries made is a guess: it proves nothing against consistent_index.
        let reached = line.to == newest && !line.written.is_empty() && line.lost.is_empty();
        let last_write = line.written.last().map(|(_, index)| *index);
        let applied_in_db = last_write.filter(|_| reached).map(|last| {
            let through = line.last.map_or(last, |(last, _)| last);
            let index = if (last..=through).contains(&index) {
                index
            } else {
                last
            };
            (index, log.entry(index).map_or(0, |entry| entry.term.get()))
        });
        return Some(Confirmed {
            line,
            applied_in_db,
        });
    }
    None
}

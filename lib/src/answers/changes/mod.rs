//! `changes`: what was written and deleted last, by whom, without what is written all the time.
//!
//! Writes are read from the newest backwards, of the db and of the log, until enough are found: nothing older is decoded.

mod cause;
mod known;
mod lately;
mod row;
mod sums;

use cause::Causes;
pub use cause::DeletionCause;
use known::VersionsOfKeys;
pub use lately::{LatelyKind, LatelyRow, lately};
pub use row::ChangeRow;
pub(super) use row::SAME_VALUE;
pub use sums::{ChangesBy, ChangesSum, sum_changes};

use jiff::{SignedDuration, Timestamp};

use super::Table;
use super::audit::Audited;
use super::clocks::{clock_near, whole_clock};
use super::history::is_placed;
use crate::check::Logged;
use crate::clock::Clock;
use crate::kubernetes::mask::Mask;
use crate::member::{Member, Objects, Origin, describe_versions};
use crate::mvcc::Version;
use located::RaftIndex;
use located::text::time::whole_millisecond;
use row::Noise;

/// What an operation is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeOp {
    /// The key did not exist.
    Create,
    /// The key existed.
    Update,
    /// Whether the key existed is not known: only the log has the write, and no revision of it.
    Put,
    /// The key was deleted.
    Delete,
}

impl ChangeOp {
    /// As the table has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Put => "put",
            Self::Delete => "delete",
        }
    }
}

/// Which changes are asked for.
#[derive(Clone, Debug, Default)]
pub struct ChangesQuery {
    /// Maximum number of rows, the newest; `None` for all.
    pub last: Option<usize>,
    /// Only writes that are not known to be older.
    pub since: Option<Timestamp>,
    /// Only writes that are not known to be newer.
    pub until: Option<Timestamp>,
    /// Only these operations, and deletions of these causes; both empty for all.
    pub ops: Vec<ChangeOp>,
    /// Also deletions by a lease that expired or was revoked.
    pub by_lease: bool,
    /// Also deletions of a range of keys.
    pub by_range: bool,
    /// Only objects of this namespace.
    pub namespace: Option<String>,
    /// Also renewed Leases, repeated Events and changes of nothing but status or managedFields.
    pub all: bool,
}

/// Writes that were left out because they are made all the time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FoldedChanges {
    /// Renewed Leases.
    pub leases: u64,
    /// Events that were seen again.
    pub events: u64,
    /// Changes of nothing but status.
    pub status: u64,
    /// Changes of nothing but managedFields or resourceVersion.
    pub unshown: u64,
    /// Writes of the log without a known revision that a list of the newest has no room for.
    pub undated: u64,
}

impl ChangesQuery {
    /// Whether no put can be a row.
    fn wants_only_deletions(&self) -> bool {
        let is_any = self.ops.is_empty() && !self.by_lease && !self.by_range;
        !is_any && self.ops.iter().all(|op| *op == ChangeOp::Delete)
    }
}

impl FoldedChanges {
    /// The rows that are to be shown: without the noise, which is counted, unless the query asks for all.
    fn leave_out<'a>(
        &mut self,
        made: Vec<ChangeRow<'a>>,
        query: &ChangesQuery,
    ) -> std::vec::IntoIter<ChangeRow<'a>> {
        let mut shown = made;
        if !query.all {
            shown.retain(|row| row.noise.inspect(|noise| self.count(*noise)).is_none());
        }
        shown.into_iter()
    }

    fn count(&mut self, noise: Noise) {
        let count = match noise {
            Noise::Lease => &mut self.leases,
            Noise::Event => &mut self.events,
            Noise::Status => &mut self.status,
            Noise::Unshown => &mut self.unshown,
        };
        *count = count.saturating_add(1);
    }

    /// How many.
    pub fn total(&self) -> u64 {
        self.leases
            .saturating_add(self.events)
            .saturating_add(self.status)
            .saturating_add(self.unshown)
    }
}

/// The changes of a member, oldest first, and what was left out between them. `logged`: what only the log has; `audited`: the users.
pub fn changes<'a>(
    member: &'a Member,
    objects: &Objects<'a>,
    logged: Option<&'a Logged>,
    query: &ChangesQuery,
    mask: Option<&Mask>,
    audited: Option<&Audited>,
) -> (Table<ChangeRow<'a>>, FoldedChanges) {
    let causes = Causes::new(member);
    let known = VersionsOfKeys::new(objects.keyspace(), logged);
    let span = Span::new(objects, logged, query, audited);
    let mut folded = FoldedChanges::default();
    let mut rows: Vec<ChangeRow<'a>> = Vec::new();
    let unplaced = logged.filter(|_| query.since.is_none() && query.until.is_none());
    let open_end = unplaced.filter(|logged| logged.has_open_end());
    let is_after = |(origin, _): &(Origin, Version<'_>)| is_after_the_store(*origin, logged);
    let after = unplaced_first(&known, open_end).filter(is_after);
    let before = unplaced_first(&known, unplaced).filter(|write| !is_after(write));
    let mut newest = after
        .chain(newest_first(objects, logged, &span))
        .chain(before)
        .peekable();
    while let Some((origin, version)) = newest.next() {
        if query.last.is_some_and(|last| rows.len() >= last) {
            break;
        }
        let main = version.revision.main;
        let mut same = vec![(origin, version)];
        let is_same = |other: &(Origin, Version<'_>)| {
            other.1.revision.main == main && is_placed(other.0) == is_placed(origin)
        };
        while let Some(more) = newest.next_if(is_same) {
            same.push(more);
        }
        same.reverse();
        let index = match origin {
            Origin::Unplaced { index, .. } => Some(index),
            _ => logged.and_then(|logged| logged.index_of(main)),
        };
        let cause = index.and_then(|index| causes.request_of(index));
        if query.wants_only_deletions() && !same.iter().any(|(_, version)| version.tombstone) {
            continue;
        }
        let mut row = |one: (Origin, Version<'a>)| {
            let before = known.before(one);
            row_of(objects, before, one, index, cause.as_ref(), mask)
        };
        let mut made = rows_of(objects, &same, index, cause.as_ref(), &mut row);
        made.retain(|row| row.is_wanted(query, objects));
        rows.extend(folded.leave_out(made, query).rev());
    }
    if let Some(last) = query.last {
        rows.truncate(last);
        let shown = rows.iter().filter(|row| !row.is_placed()).count();
        let all = unplaced_first(&known, open_end).count();
        folded.undated = all.saturating_sub(shown) as u64;
    }
    rows.reverse();
    (dated(rows, folded, objects, logged, audited), folded)
}

/// The rows with their times and users, as a table.
fn dated<'a>(
    mut rows: Vec<ChangeRow<'a>>,
    folded: FoldedChanges,
    objects: &Objects<'a>,
    logged: Option<&'a Logged>,
    audited: Option<&Audited>,
) -> Table<ChangeRow<'a>> {
    let placed = rows.iter().filter(|row| row.is_placed());
    let clock = clock_near(objects, logged, placed.map(ChangeRow::revision), audited);
    for row in rows.iter_mut().filter(|row| row.is_placed()) {
        row.time = clock.time_of(row.revision());
        row.ask(audited);
    }
    let newest = rows
        .iter()
        .filter_map(|row| row.time)
        .map(|write| write.time)
        .max();
    rows.iter_mut().for_each(|row| row.newest = newest);
    let table = Table::new(&row::COLUMNS, rows).tail("folded", folded.total());
    let keyspace = objects.keyspace();
    match keyspace.newest_revision() {
        Some(_) => table.head("revision", keyspace.revision()),
        None => table,
    }
}

/// The revisions that a query can mean.
struct Span {
    /// Those of which the time is in it.
    within: std::ops::RangeInclusive<i64>,
    /// As far as it is looked: writes at the ends of the data, of which one bound is known, may be in it too.
    looked_at: std::ops::RangeInclusive<i64>,
    clock: Clock,
}

impl Span {
    fn new(
        objects: &Objects<'_>,
        logged: Option<&Logged>,
        query: &ChangesQuery,
        audited: Option<&Audited>,
    ) -> Self {
        if query.since.is_none() && query.until.is_none() {
            return Self {
                within: 0..=i64::MAX,
                looked_at: 0..=i64::MAX,
                clock: Clock::default(),
            };
        }
        let others: Vec<_> = audited
            .into_iter()
            .flat_map(Audited::measurements)
            .collect();
        let clock = whole_clock(objects, logged, &others, &crate::progress::Silent);
        let before = |time: Timestamp| clock.at(time, i64::MAX).map_or(0, |found| found.revision);
        // A time without a fraction means all of its second: what begins with it is after the nanosecond before.
        let first = query.since.map_or(0, |since| {
            let since = whole_millisecond(since);
            let just_before = since.checked_sub(SignedDuration::from_nanos(1));
            before(just_before.unwrap_or(since)).saturating_add(1)
        });
        let last = query.until.map_or(i64::MAX, before);
        let may_reach = |revision: i64| {
            let time = clock.time_of(revision);
            let time = time.filter(|time| time.bound().is_some());
            time.is_some_and(|time| time.may_be_within(query.since, query.until))
        };
        let from = if may_reach(1) { 0 } else { first };
        let to = if may_reach(i64::MAX) { i64::MAX } else { last };
        Self {
            within: first..=last,
            looked_at: from..=to,
            clock,
        }
    }

    fn has(&self, revision: i64) -> bool {
        let is_bound = || {
            let time = self.clock.time_of(revision);
            time.is_some_and(|time| time.bound().is_some())
        };
        self.within.contains(&revision) || is_bound()
    }
}

/// Every version of db and log in a span, the newest first.
fn newest_first<'a, 's>(
    objects: &Objects<'a>,
    logged: Option<&'a Logged>,
    span: &'s Span,
) -> impl Iterator<Item = (Origin, Version<'a>)> + use<'a, 's> {
    let (first, last) = (*span.looked_at.start(), *span.looked_at.end());
    let range = first..=last.max(first.saturating_sub(1));
    let mut db = objects.keyspace().between(range.clone()).rev().peekable();
    let log = logged.map(|logged| logged.keyspace().between(range));
    let mut log = log.into_iter().flatten().rev().peekable();
    let all = std::iter::from_fn(move || {
        let of_log = |version: Version<'a>| {
            let index = logged.and_then(|logged| logged.index_of(version.revision.main));
            (Origin::Wal(index), version)
        };
        let newer = match (db.peek(), log.peek()) {
            (Some(of_db), Some(of_log)) => of_log.revision > of_db.revision,
            (of_db, _) => of_db.is_none(),
        };
        if newer {
            return log.next().map(of_log);
        }
        let version = db.next()?;
        // A replayed state has some of the log's versions, and the log alone all of them.
        log.next_if(|same| same.revision == version.revision);
        match version.offset {
            Some(_) => Some((Origin::Db, version)),
            None => Some(of_log(version)),
        }
    });
    all.filter(|(_, version)| span.has(version.revision.main))
}

/// Writes that only the log has and of which no revision is known, the newest first. Those of entries that the db has not applied come
/// before all others; the rest after them, because they displace no write that has a time.
fn unplaced_first<'v, 'a: 'v>(
    known: &'v VersionsOfKeys<'a>,
    logged: Option<&'a Logged>,
) -> impl Iterator<Item = (Origin, Version<'a>)> + 'v {
    let of_log = logged.map(|logged| logged.unplaced().between(0..=i64::MAX));
    // Those that the db has with their revision are none.
    let unplaced = of_log.into_iter().flatten().rev();
    unplaced.filter_map(|version| known.unplaced(&version))
}

fn is_after_the_store(origin: Origin, logged: Option<&Logged>) -> bool {
    match (origin, logged) {
        (Origin::Unplaced { index, .. }, Some(logged)) => logged.is_after_the_store(index),
        _ => false,
    }
}

/// The rows of one revision: one for each key, but several deletions of one request are one row.
fn rows_of<'a>(
    objects: &Objects<'a>,
    same: &[(Origin, Version<'a>)],
    index: Option<RaftIndex>,
    cause: Option<&DeletionCause>,
    row: &mut dyn FnMut((Origin, Version<'a>)) -> ChangeRow<'a>,
) -> Vec<ChangeRow<'a>> {
    let deletions = same.iter().filter(|(_, version)| version.tombstone);
    if deletions.clone().count() > 1 {
        let keys: Vec<&[u8]> = deletions.map(|(_, version)| version.key).collect();
        let first = same.iter().find(|(_, version)| version.tombstone);
        let puts = same.iter().filter(|(_, version)| !version.tombstone);
        let mut rows: Vec<ChangeRow<'a>> = puts.map(|one| row(*one)).collect();
        rows.extend(
            first.map(|first| ChangeRow::of_deletions(objects, *first, &keys, index, cause)),
        );
        return rows;
    }
    same.iter().map(|one| row(*one)).collect()
}

fn row_of<'a>(
    objects: &Objects<'a>,
    before: Option<(Origin, Version<'a>)>,
    (origin, version): (Origin, Version<'a>),
    index: Option<RaftIndex>,
    cause: Option<&DeletionCause>,
    mask: Option<&Mask>,
) -> ChangeRow<'a> {
    let pair = before.into_iter().chain([(origin, version)]);
    let mut described = describe_versions(objects, pair, &Clock::default(), mask, None);
    let one = described.pop();
    let before = described.pop().map(|described| described.version);
    ChangeRow::of_version(objects, (origin, version), one, before, index, cause)
}

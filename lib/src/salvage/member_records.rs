//! What one member's copy gives: its db and its log, joined where they are of one history.

use super::label::Provenance;
use super::record::{Body, KeyRecord, RecordSource, within};
use super::single_bit::RepairedEntry;
use super::stored::StoredRecords;
use super::timeline::{LogReplay, LostEntries, ReplayFrom, ReplayUntil, timeline};
use super::{Lost, Point};
use crate::Place;
use crate::backend::{AuthUser, Meta};
use crate::bolt::Db;
use crate::check::applied::{Anchor, beginning, presumed, runs};
use crate::member::{Member, Wal};
use crate::mvcc::{KeyValue, Keyspace};
use crate::progress::Progress;
use crate::raft::{EntryType, Operation, Payload, Request};
use crate::recover::{self, Base, Change, Nothing, State};
use crate::wal::{Damage, GapCause};
use located::Command;

/// Of a hundred records at revisions that both have, so many must agree for db and log to be of one history.
const ONE_HISTORY: u64 = 50;

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
    pub(super) applied: (u64, u64),
    pub(super) lost: Vec<Lost>,
    /// Keys that damaged entries of the log wrote, each with its revision.
    pub(super) damaged_writes: Vec<(Vec<u8>, i64, Option<Place>)>,
    pub(super) notes: Vec<String>,
    /// Intact entries that may have been acknowledged: no commit index proves it. They are left out.
    pub(super) possible: u64,
    /// Whether the log says what every revision up to [`MemberRecords::revision`] wrote.
    pub(super) whole: bool,
}

/// What joins records of db and log.
struct Joined {
    records: Vec<KeyRecord>,
    confirmed: u64,
    contradicted: u64,
    missing: u64,
}

/// One side of a member's copy.
struct StoredSide<'a> {
    db: Option<Db<'a>>,
    keyspace: Option<Keyspace<'a>>,
    meta: Meta,
    stored: StoredRecords,
}

impl<'a> StoredSide<'a> {
    fn read(member: &'a Member, source: u16, lost: &mut Vec<Lost>) -> Self {
        let mut side = Self {
            db: None,
            keyspace: None,
            meta: Meta::default(),
            stored: StoredRecords::default(),
        };
        if member.evidence().db().is_none() {
            return side;
        }
        match member.db() {
            Ok(db) => {
                side.meta = Meta::read(&db, &mut |_| {});
                side.stored = StoredRecords::read(&db, source);
                side.keyspace = member.readable_keyspace().ok();
                side.db = Some(db);
            }
            Err(error) => lost.push(Lost {
                what: format!("the db cannot be opened: {error}"),
                place: error.place().cloned(),
                ..Lost::default()
            }),
        }
        side
    }

    fn newest(&self) -> i64 {
        self.keyspace.map_or(1, |keyspace| keyspace.revision())
    }

    fn applied(&self) -> (u64, u64) {
        (
            self.meta.consistent_index.unwrap_or(0),
            self.meta.term.map_or(0, crate::Term::get),
        )
    }

    fn compacted(&self) -> i64 {
        self.meta.compaction.revision().unwrap_or(-1)
    }
}

/// Reads one member's copy up to a point.
pub(super) fn member_records<'a>(
    member: &'a Member,
    mended: &'a [RepairedEntry],
    source: u16,
    committed: u64,
    point: Point,
    progress: &dyn Progress,
) -> MemberRecords<'a> {
    let mut lost = Vec::new();
    let side = StoredSide::read(member, source, &mut lost);
    let wal = member.wal_with(progress);
    let mut part = MemberRecords {
        member,
        source: RecordSource {
            image: side.db.map_or(&[], |db| db.file().as_slice()),
            file: member
                .evidence()
                .db()
                .map_or(member.evidence().name(), crate::evidence::File::name)
                .clone(),
            changes: Vec::new(),
        },
        records: Vec::new(),
        revision: 1,
        compacted: -1,
        state: State::default(),
        state_is_newer: false,
        applied: (0, 0),
        lost,
        damaged_writes: Vec::new(),
        notes: Vec::new(),
        possible: 0,
        whole: false,
    };
    part.note_mended(mended);
    let Some(wal) = wal else {
        part.of_db(side, point);
        return part;
    };
    let end = part.end(&wal, committed, side.applied().0, point);
    let from_entry_1 = starts_empty(&wal);
    if from_entry_1 && snap_is_of_db(member, &wal, &side) {
        part.notes.push(format!(
            "log and db are of two members: the .snap file is of the db's cluster, so only the db is used. The log alone: {}",
            Command::inspect("salvage").path(wal.files().first().map_or("", |file| file.file().as_str()).as_ref())
        ));
        part.of_db(side, point);
        return part;
    }
    if from_entry_1 {
        let state = beginning();
        let start = ReplayFrom {
            index: 0,
            revision: 1,
            compacted: -1,
        };
        let line = timeline(&wal, mended, &Nothing, state, start, end);
        if part.of_log(&wal, line, &side, point, source) {
            part.note_cut(&wal, point);
            part.compact_later(&wal, point, side.compacted());
            return part;
        }
    }
    let compacted = side.compacted();
    let wanted = Wanted { end, point, source };
    part.of_both(&wal, mended, side, wanted, progress);
    part.note_cut(&wal, point);
    part.compact_later(&wal, point, compacted);
    part
}

/// Whether the db is of another cluster than the log, and the newest `.snap` file names the members of the db.
fn snap_is_of_db(member: &Member, wal: &Wal<'_>, side: &StoredSide<'_>) -> bool {
    let (Some(own), Some(db)) = (wal.log().metadata.first(), &side.db) else {
        return false;
    };
    let cluster = crate::backend::Cluster::read(db, &mut |_| {});
    let of_db = |id| cluster.member(id).is_some() || cluster.is_removed(id);
    if cluster.members.is_empty() || of_db(own.node_id) {
        return false;
    }
    let snaps = member.snaps(&mut |_| {});
    let store = snaps
        .usable()
        .next()
        .and_then(|snap| crate::snap::Store::parse(&snap.store_json).ok());
    store.is_some_and(|store| {
        let named = |id| store.members.iter().any(|member| member.id == id);
        !named(own.node_id) && store.members.iter().any(|member| of_db(member.id))
    })
}

/// Whether the log begins with an empty store: from the first entry, without a snapshot that stands for what came before it.
fn starts_empty(wal: &Wal<'_>) -> bool {
    let log = wal.log();
    if log.first().is_none_or(|first| first.index != 1)
        || log.gaps.iter().any(|gap| gap.cause == GapCause::Snapshot)
    {
        return false;
    }
    // `snapshot restore` writes the entries that add the members, then a snapshot record: the store came with the backup.
    let membership = log
        .surviving()
        .take_while(|entry| entry.kind == EntryType::ConfChange && entry.term.get() == 1)
        .last();
    let restored = membership.is_some_and(|last| {
        log.snapshots
            .iter()
            .any(|snapshot| snapshot.index == last.index && snapshot.term.get() == 1)
    });
    !restored
}

/// How far the records are wanted, and the number of the source they come from.
struct Wanted {
    end: ReplayUntil,
    point: Point,
    source: u16,
}

impl<'a> MemberRecords<'a> {
    fn note_mended(&mut self, mended: &[RepairedEntry]) {
        for entry in mended {
            self.notes.push(format!(
                "entry {}: bit {} of byte {} of its record is flipped; its checksum proves which, and the entry is used",
                entry.index, entry.bit, entry.byte
            ));
        }
    }

    /// How far entries are applied: all that a member which votes alone has, else those that are known to be committed. A
    /// revision that is asked for by its number may be newer.
    fn end(&mut self, wal: &Wal<'_>, committed: u64, applied: u64, point: Point) -> ReplayUntil {
        let last = wal.log().last_index();
        let commit = recover::commit(wal, applied).max(committed.min(last));
        let alone = recover::voters(self.member, wal, commit).voters.len() <= 1;
        let proven = if alone { last } else { commit };
        match point {
            Point::Acknowledged => {
                self.possible = wal
                    .log()
                    .surviving()
                    .filter(|entry| entry.index > proven)
                    .count() as u64;
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

    /// Entries that a HardState says are committed, and that the log does not reach.
    fn note_cut(&mut self, wal: &Wal<'_>, point: Point) {
        if point != Point::Acknowledged {
            return;
        }
        self.note_tail(wal);
        let last = wal.log().last_index().max(self.applied.0);
        let committed = wal.log().hard_state().map_or(0, |state| state.commit);
        if committed > last {
            self.lost.push(Lost {
                what: format!(
                    "entries {}–{committed} were committed, but the log ends at entry {last}",
                    last.saturating_add(1)
                ),
                indexes: Some((last.saturating_add(1), committed)),
                ..Lost::default()
            });
        }
    }

    /// Damage after the last entry that can be read, and a segment that has a name and no record.
    fn note_tail(&mut self, wal: &Wal<'_>) {
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
        self.records = side.stored.records;
        self.lost.extend(side.stored.lost);
        self.cut(point);
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
    }

    /// From a log that begins with an empty store: it says everything, and the db confirms it. `false` if that is not so.
    fn of_log(
        &mut self,
        wal: &Wal<'a>,
        line: LogReplay<'a>,
        side: &StoredSide<'a>,
        point: Point,
        source: u16,
    ) -> bool {
        let told = LoggedRevisions::new(&[&line]);
        let mut joined = join(&told, &line.changes, side, &self.source, source);
        joined
            .records
            .retain(|record| record.revision.main <= line.to);
        let both = joined.confirmed.saturating_add(joined.contradicted);
        if !line.lost.is_empty() && joined.contradicted > 0 && side.keyspace.is_some() {
            // Entries are lost, and how many revisions they made was taken wrong: the db says where the log goes on.
            return false;
        }
        let one = joined.confirmed.saturating_mul(100) >= both.saturating_mul(ONE_HISTORY);
        let ahead = one && joined.confirmed > 0;
        self.revision = line.to;
        self.compacted = line.compacted;
        self.applied = line.last.unwrap_or((0, 0));
        self.state = line.state.clone();
        self.lost.extend(
            line.lost
                .iter()
                .filter(|lost| !(one && has_all(&side.stored.records, lost.revisions)))
                .map(|lost| lost.lost()),
        );
        self.note_undecodable(&line);
        self.note_damaged_writes(wal, &line.lost);
        self.whole = true;
        if !one {
            self.notes.push(format!(
                "the db is of another history: {} of {both} records differ from what the log wrote at their revisions; only the log is used. The db alone: {}",
                joined.contradicted,
                Command::inspect("salvage").path(self.source.file.as_str().as_ref())
            ));
            self.records = of_changes(&line.changes, source);
        } else {
            self.tell(&joined, &side.stored);
            self.records = joined.records;
            if let Some(db) = &side.db {
                passwords(&mut self.state, db);
            }
        }
        if ahead {
            self.ahead(side, point);
        }
        self.records.sort_by_key(|record| record.revision);
        self.source.changes = line.changes;
        true
    }

    /// The db has later revisions than its log: it is the newer of both.
    fn ahead(&mut self, side: &StoredSide<'a>, point: Point) {
        let from = self.revision;
        let newest = self.newest_after(side, from);
        let to = match point {
            Point::Acknowledged => newest,
            Point::Revision(revision) => newest.min(revision),
        };
        if to <= from {
            return;
        }
        self.notes.push(format!(
            "the log ends at revision {from}: revisions {}–{to} are from the db",
            from.saturating_add(1)
        ));
        let newer = |record: &&KeyRecord| {
            (from..=to).contains(&record.revision.main) && record.revision.main > from
        };
        self.records
            .extend(side.stored.records.iter().filter(newer).copied());
        self.revision = to;
        self.compacted = self.compacted.max(side.compacted());
        self.applied = side.applied().max(self.applied);
        self.whole = false;
        if let Some(db) = &side.db {
            self.state = State::read(db);
            self.state_is_newer = to < side.newest();
        }
        self.lost.extend(side.stored.lost.iter().cloned());
    }

    /// The newest revision of the db that continues a log that ends at `from`: all of it if the db has entries that the log
    /// has not, else as far as no revision is missing. A flipped bit makes a revision of any size.
    fn newest_after(&self, side: &StoredSide<'a>, from: i64) -> i64 {
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

    /// Keys of writes whose entries are damaged and still name them.
    fn note_damaged_writes(&mut self, wal: &Wal<'_>, lost: &[LostEntries]) {
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

    /// From a db, and a log that begins somewhere in its history.
    fn of_both(
        &mut self,
        wal: &Wal<'a>,
        mended: &'a [RepairedEntry],
        side: StoredSide<'a>,
        wanted: Wanted,
        progress: &dyn Progress,
    ) {
        let Wanted { end, point, source } = wanted;
        let Some(keyspace) = side.keyspace else {
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
        let confirmed = confirm(wal, mended, &keyspace, &side, end, progress);
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
        let newest = side.newest();
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
            timeline(wal, mended, base, state, start, end)
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
        self.lost.extend(line.lost.iter().map(|lost| lost.lost()));
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
        let joined = join(&told, &both.changes, &side, &self.source, source);
        self.tell(&joined, &side.stored);
        self.records = joined.records;
        self.records.sort_by_key(|record| record.revision);
        self.source.changes = both.changes;
        self.cut(point);
        if let Point::Revision(revision) = point
            && revision < side.compacted()
        {
            let earlier = both
                .compactions
                .iter()
                .filter(|(_, at)| *at <= revision)
                .map(|(compacted, _)| *compacted)
                .max();
            self.compacted = earlier.unwrap_or(-1);
        }
    }

    fn note_undecodable(&mut self, line: &LogReplay<'_>) {
        for (index, why) in &line.undecodable {
            self.lost.push(Lost {
                what: format!("entry {index} of the log has an intact checksum, but: {why}"),
                indexes: Some((*index, *index)),
                ..Lost::default()
            });
        }
    }

    /// What the join found out about the db.
    fn tell(&mut self, joined: &Joined, stored: &StoredRecords) {
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

/// Entries applied once more up to what the db holds.
struct Confirmed<'a> {
    line: LogReplay<'a>,
    /// The last entry whose effect the db has, with its term, if that can be proven.
    applied_in_db: Option<(u64, u64)>,
}

/// Applies the entries that the db has, from where one of them can be found in it.
fn confirm<'a>(
    wal: &Wal<'a>,
    mended: &'a [RepairedEntry],
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
        let line = timeline(wal, mended, base, state, start, to);
        let image = side.db?.file();
        let source = RecordSource {
            image: image.as_slice(),
            file: image.file().clone(),
            changes: Vec::new(),
        };
        let joined = join(
            &LoggedRevisions::new(&[&line]),
            &line.changes,
            side,
            &source,
            0,
        );
        let both = joined.confirmed.saturating_add(joined.contradicted);
        if joined.confirmed.saturating_mul(100) < both.saturating_mul(ONE_HISTORY.max(80)) {
            continue;
        }
        // The newest revision of the db was made by the last entry that fits; those after it without a write count too as
        // long as consistent_index says so.
        let reached = line.to == newest && !line.changes.is_empty();
        let last_write = line.changes.last().map(|change| change.index);
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

/// The revisions of which the log says what they wrote.
struct LoggedRevisions {
    /// After the first, up to and with the second.
    ranges: Vec<(i64, i64)>,
    /// Within them those whose entries are lost.
    lost: Vec<(i64, i64)>,
}

impl LoggedRevisions {
    fn new(lines: &[&LogReplay<'_>]) -> Self {
        let lost = lines.iter().flat_map(|line| &line.lost);
        let mut lost: Vec<_> = lost.map(|lost| lost.revisions).collect();
        lost.sort_unstable();
        Self {
            ranges: lines.iter().map(|line| (line.from, line.to)).collect(),
            lost,
        }
    }

    fn contains(&self, main: i64) -> bool {
        self.ranges
            .iter()
            .any(|(from, to)| main > *from && main <= *to)
            && !within(&self.lost, main)
    }
}

/// Joins what the log wrote with what the db has. Where both have a revision, the log decides: it has a checksum.
fn join(
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
pub(super) fn has_all(records: &[KeyRecord], (first, last): (i64, i64)) -> bool {
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

fn of_changes(changes: &[Change<'_>], source: u16) -> Vec<KeyRecord> {
    changes
        .iter()
        .zip(0u32..)
        .map(|(change, at)| KeyRecord {
            revision: change.revision,
            tombstone: change.put.is_none(),
            body: Body::Made(at),
            source,
            label: Provenance::Log,
        })
        .collect()
}

/// The log of etcd 3.4 has passwords in clear and no hashes: the hash is that of the db.
fn passwords(state: &mut State, db: &Db<'_>) {
    let stored = crate::backend::Auth::read(db, &mut |_| {});
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

//! The state etcd would have after it started: the db, with the WAL entries after consistent_index applied.

use super::appliers::ApplyRules;
use super::apply::{Applied, Replay, State};
use super::base::Stored;
use super::layer::Nothing;
use crate::backend::Meta;
use crate::member::{Buckets, Member, Wal};
use crate::mvcc::{Detached, Keyspace, Overlay, Rules};
use crate::raft::{ConfState, Entry, EntryType, Payload};
use located::progress::Progress;
use located::{Error, RaftIndex, reported_by};

/// Why the replay ends where it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// The member votes alone: when it starts it elects itself and commits every entry it has.
    SoleVoter,
    /// Entries after the commit index may never have been acknowledged; other members decide about them.
    Commit,
}

/// How far a replay went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayedRange {
    /// `consistent_index`: the last entry the db has.
    pub from: RaftIndex,
    /// The last entry that was applied.
    pub to: RaftIndex,
    /// Why not further.
    pub bound: Bound,
    /// The last entry of the log.
    pub last: RaftIndex,
    /// Entries applied.
    pub entries: u64,
    /// Of them, those etcd answers with an error.
    pub refused: u64,
    /// The entry at which etcd panics, and how; nothing after it was applied.
    pub stops: Option<(RaftIndex, String)>,
    /// Why it is not known whether etcd goes on to serve this state; `None` if it does.
    pub doubt: Option<String>,
}

/// A member's state after replay.
///
/// ```
/// use etcd_inspect::member::Member;
/// use etcd_inspect::progress::Silent;
/// use etcd_inspect::recover::replay;
/// let member = Member::open("../fixtures/etcd-3.5.30.tar.zst")?;
/// let replayed = replay(&member, &Silent)?;
/// println!("revision {} after {} entries", replayed.keyspace().revision(), replayed.reach.entries);
/// # Ok::<(), etcd_inspect::Error>(())
/// ```
#[derive(Debug)]
pub struct Replayed<'a> {
    overlay: Overlay<'a>,
    /// Leases, alarms, users, members.
    pub state: State,
    /// How far it went.
    pub reach: ReplayedRange,
}

/// A member's state after replay, without a borrow of the member: what a [`Dataset`](crate::dataset::Dataset) keeps.
#[derive(Debug)]
pub struct ReplayedState {
    appended: Detached,
    /// Leases, alarms, users, members.
    pub state: State,
    /// How far it went.
    pub reach: ReplayedRange,
}

impl ReplayedState {
    /// The keyspace after replay; `stored` is the keyspace of the same member.
    pub fn keyspace<'a>(&'a self, stored: &Keyspace<'a>) -> Keyspace<'a> {
        self.appended.keyspace(stored)
    }

    /// Members, leases, alarms, users and roles after the replay. They are in no file, so none has a place.
    pub fn buckets(&self) -> Buckets {
        self.state.buckets()
    }
}

impl Replayed<'_> {
    /// The same without the borrow of the member.
    pub fn into_state(self) -> ReplayedState {
        ReplayedState {
            appended: self.overlay.detach(),
            state: self.state,
            reach: self.reach,
        }
    }

    /// Members, leases, alarms, users and roles after the replay. They are in no file, so none has a place.
    pub fn buckets(&self) -> Buckets {
        self.state.buckets()
    }

    /// The keyspace after replay, with the same questions as the db's.
    pub fn keyspace(&self) -> Keyspace<'_> {
        self.overlay.keyspace()
    }
}

/// Applies the entries that etcd would apply when it starts.
///
/// # Errors
/// As [`Member::keyspace`]. A member without a WAL is as its db says.
pub fn replay<'a>(member: &'a Member, progress: &dyn Progress) -> Result<Replayed<'a>, Error> {
    apply(
        member,
        RaftIndex::MAX,
        false,
        ApplyRules::default(),
        progress,
    )
}

/// As [`replay`], but to the end of the log, whether known to be committed or not: the most that this log can give.
///
/// # Errors
/// As [`replay`].
pub fn replay_to_the_end<'a>(
    member: &'a Member,
    progress: &dyn Progress,
) -> Result<Replayed<'a>, Error> {
    apply(
        member,
        RaftIndex::MAX,
        true,
        ApplyRules::default(),
        progress,
    )
}

/// As [`replay`], but without entries whose index is greater than `through`: the result of a start that truncates the log there.
///
/// # Errors
/// As [`replay`].
pub fn replay_through<'a>(
    member: &'a Member,
    through: RaftIndex,
    progress: &dyn Progress,
) -> Result<Replayed<'a>, Error> {
    apply(member, through, false, ApplyRules::default(), progress)
}

fn apply<'a>(
    member: &'a Member,
    through: RaftIndex,
    uncommitted: bool,
    rules: ApplyRules,
    progress: &dyn Progress,
) -> Result<Replayed<'a>, Error> {
    let from = Meta::read(&member.db()?, &mut reported_by("backend::check"))
        .consistent_index
        .unwrap_or_default();
    let Some(wal) = member.wal_with(progress) else {
        return replay_entries(member, from, &[], (Bound::Commit, from), rules);
    };
    let log = wal.log();
    let commit = commit(&wal, from);
    let bound = match voters(member, &wal, commit).voters.len() {
        ..=1 => Bound::SoleVoter,
        _ => Bound::Commit,
    };
    let to = match bound {
        Bound::Commit if !uncommitted => commit,
        _ => log.last_index(),
    }
    .min(through);
    let entries: Vec<Entry<'a>> = log
        .surviving()
        .filter(|entry| entry.index > from && entry.index <= to)
        .map(|entry| Entry {
            kind: entry.kind,
            term: entry.term,
            index: entry.index,
            data: wal.data(entry),
            data_at: 0,
            foreign_fields: false,
        })
        .collect();
    replay_entries(member, from, &entries, (bound, log.last_index()), rules)
}

/// Applies these entries to the db, which has those up to `from`; `last` is the last entry of the log.
pub(crate) fn replay_entries<'a>(
    member: &'a Member,
    from: RaftIndex,
    entries: &[Entry<'a>],
    (bound, last): (Bound, RaftIndex),
    rules: ApplyRules,
) -> Result<Replayed<'a>, Error> {
    let db = member.db()?;
    let keyspace = member.readable_keyspace()?;
    let stored = Stored::new(keyspace, keyspace.revision());
    let compacted = keyspace.compact_revision().unwrap_or(-1);
    let replay = Replay::new(&stored, State::read(&db), keyspace.revision(), compacted);
    let overlay = Overlay::new(&keyspace);
    let replay = replay.with_rules(rules);
    Ok(applied_to(overlay, replay, from, entries, (bound, last)))
}

/// Applies these entries to an empty store: there is no db, or nothing was ever in it. `state`: what is in its other buckets.
pub(crate) fn replay_on_nothing<'a>(
    state: State,
    entries: &[Entry<'a>],
    until: (Bound, RaftIndex),
    rules: ApplyRules,
) -> Replayed<'a> {
    let replay = Replay::new(&Nothing, state, 1, -1).with_rules(rules);
    applied_to(
        Overlay::empty(Rules::NEWEST),
        replay,
        RaftIndex(0),
        entries,
        until,
    )
}

fn applied_to<'a>(
    mut overlay: Overlay<'a>,
    mut replay: Replay<'a, '_>,
    from: RaftIndex,
    entries: &[Entry<'a>],
    (bound, last): (Bound, RaftIndex),
) -> Replayed<'a> {
    let mut reach = ReplayedRange {
        from,
        to: from,
        bound,
        last,
        entries: 0,
        refused: 0,
        stops: None,
        doubt: None,
    };
    for entry in entries {
        // After missing entries nothing can be applied: etcd does not start, or stops there.
        // "unexpected committed entry index": `applyEntries` in `server/etcdserver/server.go`, v3.5.30.
        if entry.index != reach.to.next() {
            break;
        }
        if let Applied::Stops(why) = replay.apply_data(entry.index, entry.kind, entry.data) {
            reach.stops = Some((entry.index, why));
            break;
        }
        reach.to = entry.index;
    }
    (reach.entries, reach.refused) = replay.counts();
    for change in replay.changes() {
        match change.put {
            Some(_) => overlay.put(change.revision, &change.key_value()),
            None => overlay.delete(change.revision, &change.key),
        };
    }
    if let Some(&(revision, _)) = replay.compactions().last() {
        overlay.compact(revision);
    }
    overlay_finish(&mut overlay);
    let (_, state) = replay.into_parts();
    Replayed {
        overlay,
        state,
        reach,
    }
}

/// etcd resumes an interrupted compaction when it starts: `restore` in `server/mvcc/kvstore.go`, v3.5.30.
fn overlay_finish(overlay: &mut Overlay<'_>) {
    if overlay.keyspace().compaction().is_interrupted() {
        overlay.finish_compaction();
    }
}

/// The lower bound of what is committed: HardState, `consistent_index`, the newest valid snapshot.
pub fn commit(wal: &Wal<'_>, consistent_index: RaftIndex) -> RaftIndex {
    // HardState may lag: `MustSync` in `raft/node.go`, v3.5.30, does not sync for a commit alone.
    let state = wal.log().hard_state().unwrap_or_default().commit;
    let snapshot = wal
        .log()
        .valid_snapshots()
        .map(|snapshot| snapshot.index)
        .max();
    state
        .max(consistent_index)
        .max(snapshot.unwrap_or_default())
        .min(wal.log().last_index().max(consistent_index))
}

/// Returns who votes at index `at`: the newest snapshot's voters, with the membership changes after the snapshot applied.
pub fn voters(member: &Member, wal: &Wal<'_>, at: RaftIndex) -> ConfState {
    let log = wal.log();
    let newest = log
        .valid_snapshots()
        .filter(|snapshot| snapshot.index <= at)
        .max_by_key(|snapshot| snapshot.index);
    // 3.4 writes no ConfState into the snapshot record: it is only in the `.snap` file (`SaveSnap` in `etcdserver/storage.go`,
    // v3.4.23).
    let mut conf = newest.and_then(|snapshot| snapshot.conf_state.clone());
    let from = newest.map_or(RaftIndex(0), |snapshot| snapshot.index);
    if conf.is_none() && from > 0 {
        let snaps = member.snaps(&mut reported_by("snap::check"));
        conf = snaps
            .usable()
            .find(|snap| snap.index == from)
            .map(|snap| snap.conf_state.clone());
    }
    let mut conf = conf.unwrap_or_default();
    for entry in log
        .surviving()
        .filter(|entry| entry.kind == EntryType::ConfChange)
        .filter(|entry| entry.index > from && entry.index <= at)
    {
        if let Payload::ConfChange(change) = wal.payload(entry) {
            conf.apply(&change);
        }
    }
    conf
}

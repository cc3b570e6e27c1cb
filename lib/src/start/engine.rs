//! The steps of a start, one after the other.

use std::rc::Rc;

use super::lines::{Level, Line, counted, skipped, without_log};
use super::live::Live;
use super::repeated::repeated;
use super::store::{Backend, ServedStore, generation, stopped};
use super::{
    AlreadyRead, AppliedEntries, Erased, StartMode, StartOutcome, Stopped, WritesAfterStart,
};
use crate::backend::{AlarmType, EtcdVersion};
use crate::bolt::open::{Hazard, Heap, Opened};
use crate::member::{Member, Wal};
use crate::progress::Progress;
use crate::raft::ConfState;
use crate::recover::{ApplyRules, Bound, Replayed, State, replay_entries, replay_on_nothing};
use crate::wal::boot::{self, Reading, Release};
use located::{MemberId, RaftIndex};

/// Entries that a restarted member writes itself: the no-op of its term, and its own attributes.
const OWN_ENTRIES: u64 = 2;
/// Entries of a new member: its configuration, the no-op, its attributes, the cluster version.
const FIRST_ENTRIES: u64 = 4;

/// What a start has found out so far.
pub(super) struct Engine<'m, 'p> {
    pub member: &'m Member,
    pub release: Release,
    pub mode: StartMode,
    pub progress: &'p dyn Progress,
    pub outcome: StartOutcome<'m>,
    /// Voters and learners of the snapshot, then of the entries after it.
    pub conf: ConfState,
    /// The voters of the snapshot.
    pub snapshot_voters: Vec<u64>,
    /// Index and term of the `.snap` that is used.
    pub chosen: Option<boot::Start>,
    /// The version of the cluster that the entries agree on.
    pub cluster_version: Option<EtcdVersion>,
    /// The member with the db that was received with the snapshot, if that takes the place of the db.
    pub received: Option<&'m Member>,
    /// Whether there is a file of the db before the start.
    pub has_db_file: bool,
    /// What keys in Go's heap are taken for.
    pub heap: Rc<Heap>,
    /// With `--force-new-cluster`: how many entries are appended to the log.
    pub appended: u64,
    /// One of them adds the member itself, which no entry knew.
    pub added_self: bool,
    /// What need not be read again.
    pub known: AlreadyRead<'m>,
}

impl<'m> Engine<'m, '_> {
    pub(super) fn say(&mut self, level: Level, code: &str, text: impl Into<String>) {
        self.outcome.steps.push(Line::new(level, code, text));
    }

    /// The text of 3.5 and later, or of 3.4, which logs lines.
    pub(super) fn text(&self, new: &str, old: &str) -> String {
        match self.release.minor {
            ..=4 => old.to_owned(),
            _ => new.to_owned(),
        }
    }

    pub(super) fn run(&mut self) -> Result<(), Stopped> {
        let member = self.member;
        let backend = self.stored_db()?;
        let Some(wal) = member.wal_with(self.progress) else {
            return self.without_log(backend.as_ref());
        };
        let valid = boot::valid_snapshots(wal.log(), wal.files(), self.release)
            .map_err(|halt| Stopped::Refuses(halt.log_line(self.release)))?;
        let from = self.snapshot(&valid, backend.as_ref())?;
        self.outcome.snapshot_index = from.index;
        let backend = match self.received {
            Some(received) => Some(self.received_db(received, from.index)?),
            None => backend,
        };
        let reading = self.read_log(&wal, from, backend.as_ref())?;
        let restored = self.served_store(backend.as_ref())?;
        if self.release.minor >= 6 {
            self.schema(reading.node_id.get())?;
        }
        self.follow(&reading, from);
        if self.mode == StartMode::ForceNewCluster {
            let known = self.known_members(&reading, from);
            self.alone(reading.node_id.get(), &known)?;
        }
        let (bound, to) = self.applied_to(&reading, from);
        self.db_file_missing()?;
        self.entries(&reading, from, to, restored.consistent_index)?;
        self.identity(&reading, from)?;
        self.applied(&reading, from, restored, (bound, to), backend.as_ref())?;
        self.alarms();
        match &backend {
            Some(backend) => self.commits(backend, reading.node_id.get()),
            None => Ok(()),
        }
    }

    /// Opens the db that is there; since 3.5 the first thing that etcd does is to make sure that it has the bucket `meta`.
    fn stored_db(&mut self) -> Result<Option<Backend<'m>>, Stopped> {
        let member = self.member;
        if let Some(why) = super::unread::unread(member) {
            return Err(Stopped::Unknown(why));
        }
        let file = match member.evidence().db() {
            Some(_) => match member.db_bytes() {
                Ok(bytes) => Some(bytes.as_slice()),
                Err(error) => return Err(Stopped::Unknown(error.to_string())),
            },
            None => None,
        };
        let backend = self.backend(file)?;
        if self.release.minor >= 5
            && let Some(backend) = &backend
        {
            backend.create("meta")?;
        }
        if backend.is_some() {
            self.say(
                Level::Pass,
                "DB",
                "the db opens and its pages can be walked",
            );
        }
        Ok(backend)
    }

    /// Opens the db that was received with the snapshot; from here on it is the db of the member.
    fn received_db(
        &mut self,
        received: &'m Member,
        index: RaftIndex,
    ) -> Result<Backend<'m>, Stopped> {
        self.member = received;
        self.outcome.received_index = Some(index);
        let bytes = received.db_bytes();
        let bytes = bytes.map_err(|error| Stopped::Unknown(error.to_string()))?;
        let empty = || Stopped::Unknown("the received db is empty".to_owned());
        self.backend(Some(bytes.as_slice()))?.ok_or_else(empty)
    }

    /// Reads the log as etcd reads it, and cuts it with `--force-new-cluster`.
    fn read_log(
        &mut self,
        wal: &Wal<'m>,
        from: boot::Start,
        backend: Option<&Backend<'_>>,
    ) -> Result<Reading<'m>, Stopped> {
        let mut reading = boot::read(wal.log(), wal.files(), self.release, from)
            .map_err(|halt| Stopped::Refuses(halt.log_line(self.release)))?;
        self.tail(wal, &reading, from);
        if self.mode == StartMode::ForceNewCluster {
            self.force_new_cluster(&mut reading, from, backend)?;
        }
        if reading.node_id == MemberId(0) {
            return Err(Stopped::Refuses("panic: cannot use none as id".to_owned()));
        }
        let range = boot::commit_out_of_range(&reading, from);
        if let Some(message) = range.filter(|_| self.mode == StartMode::AsItIs) {
            return Err(Stopped::Refuses(format!("panic: {message}")));
        }
        self.outcome.last_index = Some(reading.last_index(from));
        self.say(
            Level::Pass,
            "WAL",
            format!("the WAL is read to entry {}", reading.last_index(from)),
        );
        Ok(reading)
    }

    /// Opens the store; an empty one without a db.
    fn served_store(&mut self, backend: Option<&Backend<'_>>) -> Result<ServedStore, Stopped> {
        let Some(backend) = backend else {
            return Ok(ServedStore {
                revision: 1,
                ..ServedStore::default()
            });
        };
        let store = self.open_store(backend)?;
        self.outcome.store = Some(store).filter(|_| self.received.is_none());
        Ok(store)
    }

    /// The last entry that is applied: a member that votes alone commits all that it has.
    fn applied_to(&self, reading: &Reading<'_>, from: boot::Start) -> (Bound, RaftIndex) {
        let last = reading.last_index(from);
        match self.conf.voters.as_slice() {
            [own] if *own == reading.node_id.get() => (Bound::SoleVoter, last),
            _ => (Bound::Commit, reading.hard_state.commit.min(last)),
        }
    }

    /// What the first commits write.
    fn commits(&mut self, backend: &Backend<'_>, own: u64) -> Result<(), Stopped> {
        backend.first_commits(own)?;
        self.cluster_version_is_set(backend)?;
        self.first_write(backend)?;
        self.hazard(backend, own)?;
        Ok(())
    }

    /// A leader of a cluster without a version, or with an older one, sets that of its own release: the bucket is written, and
    /// all of its elements are read for it (`monitorVersions` in `server/etcdserver/server.go`, v3.5.30).
    fn cluster_version_is_set(&self, backend: &Backend<'_>) -> Result<(), Stopped> {
        let own = u64::from(self.release.minor);
        let is_set = self
            .cluster_version
            .is_some_and(|version| version.minor >= own);
        if is_set || self.release.minor > 5 || self.outcome.quorum > 1 {
            return Ok(());
        }
        backend.rewrite("cluster", b"clusterVersion")
    }

    fn is_restored_by_etcdutl(&self) -> bool {
        self.mode == StartMode::Restored && self.release.minor >= 5
    }

    /// The writes that are applied on the way, or the first one after it.
    fn first_write(&mut self, backend: &Backend<'_>) -> Result<(), Stopped> {
        if self.outcome.later_writes != WritesAfterStart::Kept || self.outcome.quorum > 1 {
            return Ok(());
        }
        match backend.first_write() {
            Err(stop) if self.writes_on_the_way() => Err(stop),
            Err(_) => {
                self.outcome.dies_at_first_question = true;
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Whether the start applies entries that write keys.
    fn writes_on_the_way(&self) -> bool {
        let read = self.outcome.store.map(|store| store.revision);
        self.outcome.applied.is_some() && self.outcome.revision != read
    }

    /// A free list that is wrong: what the first commits do with it, or that a later one may overwrite what is in use.
    pub(super) fn hazard(&mut self, backend: &Backend<'_>, own: u64) -> Result<(), Stopped> {
        let member = format!("{own:x}");
        // Since 3.5 every commit writes consistent_index, also those that only make sure that a bucket is there
        // (`server/etcdserver/backend.go`, `OnPreCommitUnsafe`).
        let commits = if self.release.minor >= 5 { 3 } else { 0 };
        let index: (&str, &[u8]) = ("meta", b"consistent_index");
        let write: (&str, &[u8]) = ("key", &[0xff]);
        let mut rewritten = vec![index; commits];
        // Entries that are applied take a commit, and what follows from them takes others: a lease that ended meanwhile, the
        // version of the cluster.
        if self.writes_on_the_way() {
            rewritten.extend([write; 8]);
        }
        rewritten.extend([("members", member.as_bytes()), write]);
        if let Some(hazard) = backend.bolt.hazard(&rewritten).map_err(stopped)? {
            let (Hazard::Overwritten(why) | Hazard::Chance(why)) = &hazard;
            let text = format!("etcd starts, and a commit may overwrite pages in use: {why}");
            self.say(Level::Fail, "BOLT-015", text);
            match hazard {
                // The tool closes the db after a few commits, and whoever opens it next walks the trees for what is free.
                Hazard::Overwritten(_) if self.is_restored_by_etcdutl() => {
                    self.outcome.left_to_chance = true;
                }
                Hazard::Overwritten(_) => self.outcome.dies_at_first_question = true,
                Hazard::Chance(_) => self.outcome.left_to_chance = true,
            }
        }
        Ok(())
    }

    /// Writes that an alarm refuses, of whatever member it is. Source: `server/etcdserver/apply.go` (`applierV3Capped`,
    /// `applierV3Corrupt`), v3.5.30.
    pub(super) fn alarms(&mut self) {
        let raised = match (&self.outcome.state, self.member.buckets()) {
            (Some(state), _) => state.buckets().alarms,
            (None, Ok(buckets)) => buckets.alarms,
            (None, Err(_)) => return,
        };
        let has = |kind| raised.iter().any(|alarm| alarm.alarm == kind);
        let (code, what, refusal) = if has(AlarmType::Corrupt) {
            let what = "the CORRUPT alarm is on: writes are refused until it is disarmed (etcdctl alarm disarm), reads are answered, and the data of the members differ";
            ("ALARM-002", what, "etcdserver: corrupt cluster")
        } else if has(AlarmType::NoSpace) {
            let what = "the NOSPACE alarm is on: writes are refused until space is freed and it is disarmed (etcdctl alarm disarm)";
            (
                "ALARM-001",
                what,
                "etcdserver: mvcc: database space exceeded",
            )
        } else {
            return;
        };
        self.say(Level::Warn, code, what);
        // Entries that are skipped are not refused: their writes time out.
        if self.outcome.later_writes == WritesAfterStart::Kept {
            self.outcome.later_writes = WritesAfterStart::Refused(refusal.to_owned());
        }
    }

    /// Opens the db; `None` if there is none, or an empty file: etcd then makes one.
    pub(super) fn backend<'a>(
        &self,
        file: Option<&'a [u8]>,
    ) -> Result<Option<Backend<'a>>, Stopped> {
        let Some(file) = file.filter(|file| !file.is_empty()) else {
            return Ok(None);
        };
        let bolt = Opened::open(file, generation(self.release), Rc::clone(&self.heap));
        let bolt = bolt.map_err(|death| match (self.release.minor, stopped(death)) {
            (..=4, Stopped::Refuses(text)) => Stopped::Refuses(text.replace(
                "panic: failed to open database",
                "panic: cannot open database",
            )),
            (_, stop) => stop,
        })?;
        Ok(Some(Backend {
            bolt,
            release: self.release,
        }))
    }

    /// The store, in the order of the release.
    pub(super) fn open_store(&self, backend: &Backend<'_>) -> Result<ServedStore, Stopped> {
        backend.membership(self.mode == StartMode::Restored)?;
        if let Some(known) = self.known.store {
            return Ok(known);
        }
        backend.leases()?;
        if self.release.minor <= 4 {
            backend.auth()?;
        }
        let restored = match &self.known.swept {
            Some(swept) if self.received.is_none() => backend.restore_swept(swept)?,
            _ => backend.restore()?,
        };
        if self.release.minor >= 5 {
            backend.auth()?;
        }
        backend.alarms()?;
        Ok(restored)
    }

    /// No WAL: etcd starts as a new member, whatever the db holds.
    fn without_log(&mut self, backend: Option<&Backend<'_>>) -> Result<(), Stopped> {
        let Some(backend) = backend else {
            self.say(
                Level::Fail,
                "DIR-003",
                "neither WAL nor db: etcd starts a new, empty cluster",
            );
            self.outcome.revision = Some(1);
            self.outcome.keys = Some(0);
            return Ok(());
        };
        let restored = self.open_store(backend)?;
        let is_empty = restored.keys == 0 && restored.revision <= 1;
        let (level, text) = without_log(restored.consistent_index, is_empty);
        self.say(level, "DIR-003", text);
        self.outcome.revision = Some(restored.revision);
        self.outcome.keys = Some(restored.keys);
        self.outcome.dies_at_first_question = restored.dies_at_first_question;
        self.swallows(RaftIndex(0), restored.consistent_index, FIRST_ENTRIES);
        self.outcome.state = crate::recover::replay(self.member, self.progress).ok();
        self.alarms();
        Ok(())
    }

    /// `own`: how many entries etcd writes itself before the first one of a client.
    fn swallows(&mut self, last: RaftIndex, consistent_index: RaftIndex, own: u64) {
        let swallowed = consistent_index.since(last);
        if swallowed == 0 {
            return;
        }
        if swallowed > own {
            self.outcome.later_writes = WritesAfterStart::Swallowed(swallowed.saturating_sub(own));
        }
        if last > 0 {
            self.say(Level::Fail, "META-003", skipped(swallowed, own));
        }
    }

    /// What etcd cuts off, erases, or never sees.
    fn tail(&mut self, wal: &Wal<'_>, reading: &Reading<'_>, from: boot::Start) {
        if let Some(repair) = &reading.repair {
            self.say(
                Level::Warn,
                "WAL-007",
                format!("the last segment would be repaired: {}", repair.error),
            );
        }
        if reading.erases.is_some() && !reading.lost.is_empty() {
            self.say(
                Level::Fail,
                "WAL-034",
                "bytes after the end of the log would be erased, and no message says so",
            );
        }
        let lost: Vec<_> = reading
            .lost
            .iter()
            .filter_map(|&position| wal.log().entries.get(position))
            .collect();
        let (Some(first), Some(last)) = (lost.first(), lost.last()) else {
            return;
        };
        let mut erased = Erased {
            entries: lost.len() as u64,
            first_index: first.index,
            last_index: last.index,
            ..Erased::default()
        };
        let mut seen = std::collections::HashSet::new();
        for entry in &lost {
            for key in wal.payload(entry).user_keys() {
                if seen.insert(key.to_vec()) {
                    erased.keys.push(key.to_vec());
                }
            }
        }
        let text = format!(
            "{} ({}–{}) would be lost by the start",
            counted(erased.entries, "intact entry", "intact entries"),
            first.index,
            last.index
        );
        if self
            .made_revisions(&mut erased, reading.last_index(from))
            .is_none()
        {
            erased.revisions = None;
        }
        self.outcome.erased = Some(erased);
        self.say(Level::Fail, "WAL-033", text);
    }

    /// The revisions that the erased entries made: the difference between the whole log and the log that is kept.
    fn made_revisions(&self, erased: &mut Erased, kept: RaftIndex) -> Option<()> {
        let whole =
            crate::recover::replay_through(self.member, erased.last_index, self.progress).ok()?;
        let part = crate::recover::replay_through(self.member, kept, self.progress).ok()?;
        if whole.reach.to < erased.last_index || whole.reach.from > kept {
            return None;
        }
        let (before, after) = (part.keyspace().revision(), whole.keyspace().revision());
        erased.writes = u64::try_from(after.saturating_sub(before)).ok()?;
        erased.revisions = (after > before).then(|| before.saturating_add(1)..=after);
        Some(())
    }

    /// The entries that the db does not have yet.
    fn applied(
        &mut self,
        reading: &Reading<'m>,
        from: boot::Start,
        restored: ServedStore,
        (bound, to): (Bound, RaftIndex),
        backend: Option<&Backend<'_>>,
    ) -> Result<(), Stopped> {
        let member = self.member;
        let last = reading.last_index(from);
        let index = restored.consistent_index;
        self.swallows(last.saturating_add(self.appended), index, OWN_ENTRIES);
        let rules = ApplyRules::of_release(self.release);
        let mut entries = reading.entries.clone();
        entries.retain(|entry| entry.index > index && entry.index <= to);
        self.outcome.revision = Some(restored.revision);
        self.outcome.keys = Some(restored.keys);
        self.outcome.dies_at_first_question = restored.dies_at_first_question;
        if let Some(repeated) = repeated(member, index, &entries, self.progress) {
            self.outcome.duplicated = repeated.writes;
            self.outcome.undone = repeated.undone;
        }
        let buckets = match (backend, member.db()) {
            (Some(_), Ok(db)) => State::read(&db),
            _ => State::of_new_member(),
        };
        if backend.is_none() || restored.is_empty() {
            let replayed = replay_on_nothing(buckets, &entries, (bound, last), rules);
            return self.replayed(replayed, true);
        }
        match replay_entries(member, index, &entries, (bound, last), rules) {
            Ok(replayed) => {
                // What we read from a damaged db may be more than etcd reads: then its own way through the db counts.
                let base = member.readable_keyspace().ok();
                let same = base.is_some_and(|base| {
                    (base.revision(), base.live_count()) == (restored.revision, restored.keys)
                });
                self.replayed(replayed, same)?;
            }
            Err(_) => self.outcome.state = None,
        }
        if self.outcome.state.is_some() {
            return Ok(());
        }
        // A db that only etcd reads so.
        let live = match backend {
            Some(backend) => backend.live(&restored)?,
            None => Live::default(),
        };
        let at = (restored.revision, restored.compacted);
        let after = live.after(buckets, at, &entries, rules);
        self.outcome.revision = after.map(|(revision, _)| revision);
        self.outcome.keys = after.map(|(_, keys)| keys);
        Ok(())
    }

    /// `same`: whether the entries were applied to what etcd applies them to.
    fn replayed(&mut self, replayed: Replayed<'m>, same: bool) -> Result<(), Stopped> {
        if let Some((index, why)) = &replayed.reach.stops {
            return Err(Stopped::Refuses(format!(
                "panic: unmarshal should never fail ({why}) at entry {index}"
            )));
        }
        if replayed.reach.entries > 0 {
            let applied = AppliedEntries {
                entries: replayed.reach.entries,
                first_index: replayed.reach.from.saturating_add(1),
                last_index: replayed.reach.to,
            };
            self.outcome.applied = Some(applied);
            self.say(
                Level::Pass,
                "REPLAY",
                format!(
                    "{} {} applied to {}, which then is at revision {}",
                    counted(applied.entries, "entry", "entries"),
                    match applied.entries {
                        1 => format!("({}) is", applied.first_index),
                        _ => format!("({}–{}) are", applied.first_index, applied.last_index),
                    },
                    match self.has_db_file {
                        true => "the db",
                        false => "a new db",
                    },
                    replayed.keyspace().revision()
                ),
            );
        }
        if same {
            self.outcome.revision = Some(replayed.keyspace().revision());
            self.outcome.keys = Some(replayed.keyspace().live_count());
            self.outcome.members = Some(replayed.state.members.clone());
            self.outcome.state = Some(replayed);
        }
        Ok(())
    }

    /// The member, its cluster, and who votes.
    fn identity(&mut self, reading: &Reading<'_>, from: boot::Start) -> Result<(), Stopped> {
        let own = reading.node_id.get();
        let voters = self.conf.voters.clone();
        self.outcome.quorum = (voters.len() / 2).saturating_add(1);
        let nobody = "failed to publish local member to cluster through raft";
        if voters.is_empty() {
            return Err(Stopped::NeverServes(format!("no voter: {nobody}")));
        }
        if !voters.contains(&own) {
            let why = match self.conf.contains(MemberId(own)) {
                true => format!("the member is a learner and the only one that runs: {nobody}"),
                false => format!("the member does not vote: {nobody}"),
            };
            return Err(Stopped::NeverServes(why));
        }
        let mut known = self.known_members(reading, from);
        known.extend(self.added_self.then_some(own));
        let ghosts = voters.iter().filter(|id| !known.contains(id)).count();
        if voters.len().saturating_sub(ghosts) < self.outcome.quorum {
            return Err(Stopped::NeverServes(format!(
                "{} of {} voters are no members: no leader is elected; {nobody}",
                ghosts,
                voters.len()
            )));
        }
        self.say(
            Level::Pass,
            "MEMBER",
            format!(
                "member {} of {}",
                MemberId(own),
                counted(voters.len() as u64, "voter", "voters")
            ),
        );
        if voters.len() > 1 {
            self.say(
                Level::Warn,
                "QUORUM",
                "the member serves only together with a majority of its cluster",
            );
        }
        Ok(())
    }
}

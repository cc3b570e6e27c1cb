//! Everything that the actions are judged by, gathered once from one member's copy.

use std::cell::OnceCell;

use super::acknowledged::Acknowledged;
use super::copies::CopyStanding;
use super::difference::Difference;
use super::outcome::{Count, Loss};
use super::restored::{self, Restored};
use super::soundness::Soundness;
use super::source::Source;
use super::two_histories::Counted;
use crate::backend::Meta;
use crate::check::Report;
use crate::evidence::Kind;
use crate::member::{Member, Wal};
use crate::mvcc::Keyspace;
use crate::progress::Progress;
use crate::raft::ConfState;
use crate::recover::{ApplyRules, voters};
use crate::salvage::{Lost, end_losses};
use crate::start::{Ending, StartMode, StartOutcome, counted, simulate_after, simulate_start};
use crate::text::number::thousands;
use crate::wal::boot::Release;
use located::{MemberId, RaftIndex, reported_by};

/// What is known of one member's copy.
pub(super) struct Facts<'a> {
    pub(super) member: &'a Member,
    pub(super) sound: Soundness<'a>,
    pub(super) release: Release,
    /// What a start as it is ends in; `None` for evidence on which etcd cannot be started: a backup, a log alone.
    pub(super) start: Option<StartOutcome<'a>>,
    /// What a start with `--force-new-cluster` ends in, if it was asked.
    forced_start: OnceCell<StartOutcome<'a>>,
    /// What a start ends in on what a restore of its db makes.
    pub(super) restored_start: StartOutcome<'a>,
    pub(super) acknowledged: Acknowledged<'a>,
    pub(super) source: Source,
    /// The id of the member; 0 if no log says it.
    pub(super) own: MemberId,
    /// Who votes and who learns, at the newest entry that is committed.
    pub(super) conf: ConfState,
    /// Set if the db was restored and put beside its old log.
    pub(super) restored: Option<Restored>,
    /// Set if db and log are of two histories, and it was not restored.
    pub(super) histories: Option<Counted>,
    /// Whether the acknowledged state is built on a damaged db because the log lacks entries that it has applied.
    fills_log: bool,
    /// consistent_index; 0 if the db does not say it.
    pub(super) applied: RaftIndex,
    /// What the end of the log shows to be lost.
    end: Vec<Lost>,
    /// The newest revision that any of the copies has reached, acknowledged or not: clients may have seen it.
    pub(super) reached: i64,
    /// What other copies say of its member, or its own files.
    pub(super) standing: CopyStanding,
    /// Whether a start waits for voters that the db knows to be removed.
    pub(super) has_no_others: bool,
    /// Whether the logs of a majority of its voters are here.
    pub(super) has_majority: bool,
    /// The minor version that an upgrade was asked for.
    pub(super) upgrade_to: Option<u64>,
    pub(super) progress: &'a dyn Progress,
}

fn own_id(wal: Option<&Wal<'_>>) -> MemberId {
    let metadata = wal.and_then(|wal| wal.log().metadata.first());
    metadata.map_or(MemberId(0), |metadata| metadata.node_id)
}

/// consistent_index; 0 if the db does not say it.
fn applied(member: &Member) -> RaftIndex {
    let db = member.db().ok();
    let meta = db.map(|db| Meta::read(&db, &mut reported_by("backend::check")));
    meta.and_then(|meta| meta.consistent_index)
        .unwrap_or_default()
}

fn can_be_started_on(member: &Member) -> bool {
    matches!(
        member.evidence().kind(),
        Kind::DataDir | Kind::MemberDir | Kind::SnapDir
    )
}

fn restored(member: &Member, applied: RaftIndex, progress: &dyn Progress) -> Option<Restored> {
    if !restored::may_be(member, applied, progress) {
        return None;
    }
    let of_log = Acknowledged::build(
        member,
        false,
        0,
        RaftIndex(0),
        ApplyRules::default(),
        progress,
    );
    restored::compare(&member.readable_keyspace().ok()?, &of_log)
}

/// Which of two histories counts. A restored db names the same members as the log, or none yet.
fn histories(
    member: &Member,
    sound: Soundness<'_>,
    applied: RaftIndex,
    progress: &dyn Progress,
) -> Option<Counted> {
    let counted = Counted::read(member, sound, progress)?;
    let is_certain = sound.db_is_foreign() || !restored::may_be(member, applied, progress);
    is_certain.then_some(counted)
}

/// The acknowledged state if it is that of the db, whatever the log has.
fn known_state<'a>(
    member: &'a Member,
    applied: RaftIndex,
    restored: Option<&Restored>,
    histories: Option<Counted>,
) -> Option<Acknowledged<'a>> {
    let Some(restored) = restored else {
        return histories?.acknowledged(member, applied);
    };
    // Whoever restored it wanted this state; what the old log has more is somebody's else to decide.
    let keyspace = member.readable_keyspace().ok()?;
    let mut acknowledged = Acknowledged::of_db(&keyspace, applied);
    acknowledged.possibly = restored.undone.clone();
    Some(acknowledged)
}

/// Whether entries that the db has applied are damaged or missing in a log that begins with the empty store.
fn lacks_entries(member: &Member, applied: RaftIndex, progress: &dyn Progress) -> bool {
    let wal = member.wal_with(progress);
    let Some(wal) = wal.filter(|wal| wal.log().begins_with_empty_store()) else {
        return false;
    };
    let mut last = RaftIndex(0);
    for entry in wal.log().surviving().filter(|entry| entry.index <= applied) {
        if entry.index.since(last) > 1 {
            return true;
        }
        last = entry.index;
    }
    last < applied
}

/// Who votes by the db, if it has applied entries after the end of the log: changes of membership may be among them. Since 3.5 the
/// bucket `meta` says it.
pub(super) fn conf_of_db(
    member: &Member,
    wal: Option<&Wal<'_>>,
    applied: RaftIndex,
    sound: Soundness<'_>,
) -> Option<ConfState> {
    if applied <= wal?.log().last_index() || sound.two_histories() {
        return None;
    }
    let conf = member.meta().ok()?.conf_state?;
    let conf = ConfState {
        voters: conf.voters,
        learners: conf.learners,
        ..ConfState::default()
    };
    // What a restore leaves there is of the old cluster.
    conf.contains(own_id(wal)).then_some(conf)
}

/// The newest revision that clients may have seen.
fn newest_seen(
    acknowledged: &Acknowledged<'_>,
    histories: Option<Counted>,
    member: &Member,
) -> i64 {
    let possibly = acknowledged.possibly.last_revision.unwrap_or(0);
    let other = histories.map_or(0, |all| all.other_revision(member));
    acknowledged.keyspace().revision().max(possibly).max(other)
}

/// Whether a start waits for other voters of its log, and the db has only its own member left.
fn waits_for_removed(
    start: &StartOutcome<'_>,
    own: MemberId,
    conf_of_db: Option<&ConfState>,
) -> bool {
    let is_alone = conf_of_db.is_some_and(|conf| conf.voters == [own.get()]);
    is_alone && start.serves() && start.quorum > 1
}

/// What the end of the log shows to be lost; where nothing was ever stored it is nothing.
fn lost_at_end(
    member: &Member,
    sound: Soundness<'_>,
    histories: Option<Counted>,
    (applied, progress): (RaftIndex, &dyn Progress),
) -> Vec<Lost> {
    if sound.is_never_used() {
        return Vec::new();
    }
    let Some(histories) = histories else {
        return end_losses(member, applied, progress);
    };
    // What the db has applied says nothing about a log of another history, and the end of the log nothing about the db.
    let of_log = match histories {
        Counted::Log { .. } => end_losses(member, RaftIndex(0), progress),
        Counted::Db | Counted::Neither { .. } => Vec::new(),
    };
    histories
        .left_out(member)
        .into_iter()
        .chain(of_log)
        .collect()
}

/// The member with the db that the start puts in the place of the older one: it has what was acknowledged up to its index.
fn received<'a>(member: &'a Member, started: &StartOutcome<'_>) -> Option<&'a Member> {
    let index = started.received_index.filter(|_| started.serves())?;
    member.with_received_db(index)
}

impl<'a> Facts<'a> {
    /// Gathers them. `committed`: as for [`Acknowledged::build`].
    pub(super) fn gather(
        member: &'a Member,
        report: &'a Report,
        release: Option<Release>,
        committed: RaftIndex,
        progress: &'a dyn Progress,
    ) -> Self {
        let sound = Soundness::from_report(report);
        let started = simulate_start(member, StartMode::AsItIs, release, progress);
        let (asked, release) = (release, started.release);
        let restored_start = simulate_after(&started, member, StartMode::Restored, progress);
        let received = received(member, &started);
        let applied = applied(member);
        // Entries that the log lacks and the db has applied are in the db: only there.
        let is_damaged = sound.db_is_damaged();
        let fills_log = is_damaged && lacks_entries(member, applied, progress);
        let on_db = (!is_damaged || fills_log) && !sound.two_histories() && sound.twice() == 0;
        let (of, on_db, twice) = match received {
            Some(received) => (received, true, 0),
            None => (member, on_db, sound.twice()),
        };
        let restored = restored(member, applied, progress);
        let histories = histories(member, sound, applied, progress).filter(|_| restored.is_none());
        let known = known_state(member, applied, restored.as_ref(), histories);
        let rules = ApplyRules::of_release(release);
        let build = || Acknowledged::build(of, on_db, twice, committed, rules, progress);
        let mut acknowledged = known.unwrap_or_else(build);
        let wal = member.wal_with(progress);
        let end = lost_at_end(member, sound, histories, (applied, progress));
        acknowledged.possibly.writes.at_least |= end.iter().any(|lost| lost.possibly);
        let own = own_id(wal.as_ref());
        let later = conf_of_db(member, wal.as_ref(), applied, sound);
        let has_no_others = waits_for_removed(&started, own, later.as_ref());
        let of_log = || Some(voters(member, wal.as_ref()?, acknowledged.through));
        let conf = later.or_else(of_log).unwrap_or_default();
        let reached = newest_seen(&acknowledged, histories, member);
        Self {
            reached,
            end,
            member,
            sound,
            release,
            start: can_be_started_on(member).then_some(started),
            forced_start: OnceCell::new(),
            restored_start,
            acknowledged,
            source: Source::new(member.evidence()),
            own,
            standing: CopyStanding::default(),
            has_no_others,
            has_majority: false,
            conf,
            applied,
            restored,
            histories,
            fills_log: fills_log && on_db,
            upgrade_to: asked.map(|release| u64::from(release.minor)),
            progress,
        }
    }

    /// What a start with `--force-new-cluster` ends in.
    pub(super) fn forced_start(&self) -> &StartOutcome<'a> {
        let mode = StartMode::ForceNewCluster;
        self.forced_start.get_or_init(|| match &self.start {
            Some(start) => simulate_after(start, self.member, mode, self.progress),
            None => simulate_start(self.member, mode, Some(self.release), self.progress),
        })
    }

    /// Whether other members have the data too.
    pub(super) fn has_peers(&self) -> bool {
        self.conf.voters.len() > 1
    }

    /// Whether it is a db or a backup without its log.
    pub(super) fn is_file_alone(&self) -> bool {
        matches!(self.member.evidence().kind(), Kind::Db | Kind::Snapshot)
    }

    /// Whether these files show everything that was acknowledged: the log of the one voter, or those of a majority of them.
    pub(super) fn shows_all(&self) -> bool {
        !self.is_file_alone() && (self.has_majority || !self.has_peers())
    }

    /// Whether it receives the log and does not vote: it serves only together with voters.
    pub(super) fn is_learner(&self) -> bool {
        self.conf.learners.contains(&self.own.get()) && !self.conf.voters.is_empty()
    }

    /// Whether the copy says that its member cannot serve. A torn copy, and what this user may not read, say nothing of the member.
    pub(super) fn certainly_fails(&self) -> bool {
        let Some(start) = self.start.as_ref().filter(|_| self.says_of_member()) else {
            return false;
        };
        match start.ending {
            Ending::Serves => start.dies_at_first_question,
            Ending::Refuses(_) | Ending::NeverServes(_) => true,
            Ending::Unknown(_) => false,
        }
    }

    /// Whether the copy says that its member is damaged, or has another history.
    pub(super) fn is_damaged(&self) -> bool {
        let is_wrong = self.sound.errors() > 0 || self.standing.parted.is_some();
        self.certainly_fails() || is_wrong && self.says_of_member()
    }

    fn says_of_member(&self) -> bool {
        self.sound.torn_copy().is_none() && self.sound.not_read().is_none()
    }

    /// Whether the db can be read, in whole or in part.
    pub(super) fn db(&self) -> Option<Keyspace<'a>> {
        self.member.readable_keyspace().ok()
    }

    /// What a store costs against the acknowledged state: lost, wrong, and applied twice.
    pub(super) fn against(&self, held: &Keyspace<'_>) -> Difference {
        let acknowledged = self.acknowledged.keyspace();
        // Both go on from the same records of the db: only what comes after it can differ.
        let received = self.start.as_ref().and_then(|start| start.received_index);
        let same_base = self.acknowledged.is_on_db() && received.is_none();
        let db = self.db().filter(|_| same_base);
        let from = db.map_or(0, |db| db.revision().saturating_add(1));
        let mut difference = match self.histories {
            Some(Counted::Log { .. }) => Difference::of_another_history(&acknowledged, held),
            _ => Difference::between(&acknowledged, held, from),
        };
        if self.is_undecided() {
            // What the log wrote is in no store.
            difference.lost.writes.at_least = true;
        }
        if same_base {
            let missing = self.sound.missing();
            let (wrong, keys) = self.sound.wrong();
            if missing > 0 {
                difference.lost.writes = difference.lost.writes.plus(Count::at_least(missing));
            }
            if self.hides_records() || (self.fills_log && self.sound.pages_are_damaged()) {
                difference.lost.writes.at_least = true;
                difference.wrong.at_least = true;
            }
            if wrong > 0 {
                difference.wrong = difference.wrong.plus(Count::at_least(wrong));
                difference.wrong_keys.extend(keys);
            }
        }
        // Of two histories, and of a restored db, the log says nothing about the buckets.
        if received.is_none() && self.restored.is_none() && !self.sound.two_histories() {
            let wrong = self.sound.wrong_in_own_buckets(|_| true);
            difference.wrong = difference.wrong.plus(wrong);
        }
        let gone = self.acknowledged.unreadable();
        let gone = gone.plus(self.before_newest_snap());
        let gone = gone.plus(self.after_end(true).writes);
        difference.lost.writes = difference.lost.writes.plus(gone);
        if difference.extra == 0 {
            difference.extra = self.sound.twice().min(self.twice_in(held));
        }
        difference
    }

    /// Whether damage of the tree of keys may hide records: how many is not known.
    fn hides_records(&self) -> bool {
        let bucket = self
            .member
            .db()
            .and_then(|db| db.bucket(b"key", &mut reported_by("bbolt::check")));
        bucket.is_ok_and(|bucket| self.sound.hides_records_below(bucket.root().0))
    }

    /// Whether nothing says which of two histories is that of this member, and only the db has a state.
    pub(super) fn is_undecided(&self) -> bool {
        matches!(self.histories, Some(Counted::Neither { .. }))
    }

    /// Writes after the end of the log, whose number is not known: those that are certainly lost, or those that may be.
    pub(super) fn after_end(&self, certain: bool) -> Loss {
        let found = self.end.iter().filter(|lost| lost.possibly != certain);
        found.fold(Loss::default(), |sum, lost| sum.with(lost))
    }

    /// Why more may be lost than is counted.
    pub(super) fn why_more_may_be_lost(&self) -> Option<String> {
        if let Some(restored) = &self.restored {
            let undone = &restored.undone;
            return Some(format!(
                "{} of the old log (revisions {}–{}) came after the state that was restored: lost if the restore was not meant",
                counted(undone.writes.value, "write", "writes"),
                thousands(undone.first_revision.unwrap_or(0).into()),
                thousands(undone.last_revision.unwrap_or(0).into())
            ));
        }
        let mut found = self.end.iter();
        found
            .find(|lost| lost.possibly)
            .map(|lost| lost.what.clone())
    }

    /// Entries that the newest `.snap` file proves and neither log nor db has.
    fn before_newest_snap(&self) -> Count {
        if !self.sound.snap_is_after_end() {
            return Count::default();
        }
        let wal = self.member.wal();
        let last = wal.map_or(RaftIndex(0), |wal| wal.log().last_index());
        let end = last.max(self.applied);
        Count::at_least(self.member.newest_snap().since(end))
    }

    /// How many revisions a store is after the acknowledged state: entries that were applied twice made them.
    fn twice_in(&self, held: &Keyspace<'_>) -> u64 {
        let newest = self.acknowledged.keyspace().revision();
        held.revision().saturating_sub(newest).max(0).unsigned_abs()
    }

    /// Records that the db must have and has not, if the acknowledged state is built on it.
    pub(super) fn missing_in_db(&self) -> Loss {
        let missing = match self.acknowledged.is_on_db() {
            true => self.sound.missing(),
            false => 0,
        };
        let hides = self.acknowledged.is_on_db() && self.hides_records();
        let writes = match missing {
            0 if !hides => Count::default(),
            missing => Count::at_least(missing),
        };
        Loss {
            writes,
            ..Loss::default()
        }
    }
}

//! Start etcd with `--force-new-cluster`: which copy to use, and what each choice loses.
//!
//! etcd drops the entries that it does not know to be committed, appends a RemoveNode for every other member, and goes on alone.
//! Source: `restartAsStandaloneNode` in
//! `server/etcdserver/raft.go`, v3.5.30; `bootstrapRaftFromWAL` in `server/etcdserver/bootstrap.go`, v3.6.14.

use crate::Severity;
use crate::backend::{Alarm, AlarmType, Meta};
use crate::member::Member;
use crate::raft::ConfState;
use crate::recover::replay_through;
use crate::start::{Level, Line, counted};
use crate::verdict::action::Action;
use crate::verdict::facts::Facts;
use crate::verdict::outcome::{LaterWrites, Outcome};
use crate::verdict::step::Step;
use crate::wal::boot::Release;
use located::{MemberId, reported_by};

/// One copy as the origin of a new cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forced {
    /// The last entry that is kept.
    pub commit: u64,
    /// The last entry of the log that a start reads.
    pub last_index: u64,
    /// Entries of its own log after `commit`: etcd drops them.
    pub discarded_entries: u64,
    /// Members that would be removed by appended ConfChanges, ascending.
    pub removed_members: Vec<MemberId>,
    /// The revision that is served; `None` if it does not start.
    pub revision: Option<i64>,
    /// Live keys that are served.
    pub live_keys: Option<usize>,
    /// The last message of an etcd that does not start.
    pub refuses: Option<String>,
}

pub(super) fn step(facts: &Facts<'_>) -> Option<Step> {
    // For a member that is alone this is a plain start: no other member is removed.
    if !facts.has_peers() && facts.conf.learners.is_empty() {
        return None;
    }
    forced_step(facts)
}

/// The same, also for a cluster of one member: for whoever asks for it.
pub(in crate::verdict) fn forced_step(facts: &Facts<'_>) -> Option<Step> {
    facts.start.as_ref()?;
    let forced = forced(facts);
    let mut step = Step::new(Action::ForceNewCluster, facts.release);
    if let Some(crate::start::Ending::Unknown(why)) =
        facts.start.as_ref().map(|start| &start.ending)
    {
        step.outcome.message = Some(why.clone());
        step.effect = format!("--force-new-cluster: unknown what happens: {why}");
        return Some(step);
    }
    if let Some(message) = forced.refuses {
        step.outcome = Outcome::refuses(&*message);
        step.effect = format!("--force-new-cluster: does not start: {message}");
        return Some(step);
    }
    step.outcome = Outcome {
        starts: Some(true),
        revision: forced.revision,
        keys: forced.live_keys,
        later_writes: later_writes(facts, &forced),
        message: None,
    };
    if let Ok(state) = replay_through(facts.member, forced.commit, facts.progress) {
        let difference = facts.against(&state.keyspace());
        step.lost = difference.lost;
        step.wrong = difference.wrong;
    }
    step.possibly_lost = facts.acknowledged.possibly.clone();
    step.commands = facts.source.unpacked();
    let on = match step.commands.is_empty() {
        true => String::new(),
        false => format!(" on {}", facts.source.path().display()),
    };
    step.effect = format!(
        "start etcd {}{on} with --force-new-cluster, and no other member any more: removes {}, drops {}",
        facts.release,
        counted(forced.removed_members.len() as u64, "member", "members"),
        counted(
            forced.discarded_entries,
            "uncommitted entry",
            "uncommitted entries"
        ),
    );
    Some(step)
}

/// Entries that etcd writes itself after a forced start, beside the ConfChanges: a no-op, and its attributes.
const OWN_ENTRIES: u64 = 2;

fn later_writes(facts: &Facts<'_>, forced: &Forced) -> LaterWrites {
    // What is dropped after the commit index is written again at the same indexes, and those the db has applied are skipped.
    let removed = forced.removed_members.len() as u64;
    let next = forced
        .commit
        .saturating_add(removed)
        .saturating_add(OWN_ENTRIES);
    let skipped = facts.applied.saturating_sub(next);
    if skipped > 0 && forced.last_index > 0 {
        return LaterWrites::Vanish(skipped);
    }
    match facts.start.as_ref().map(super::start::outcome) {
        Some(outcome) => match outcome.later_writes {
            LaterWrites::None | LaterWrites::Unknown => LaterWrites::Kept,
            other => other,
        },
        None => LaterWrites::Unknown,
    }
}

/// What `--force-new-cluster` makes of a copy.
pub(in crate::verdict) fn forced(facts: &Facts<'_>) -> Forced {
    let mut forced = Forced::default();
    let Some(start) = &facts.start else {
        forced.refuses = Some("etcd cannot be started on it".to_owned());
        return forced;
    };
    let Some(wal) = facts.member.wal_with(facts.progress) else {
        // Without a WAL etcd starts as a new member, and does not look at the flag. Source: `server/etcdserver/server.go`
        // (`NewServer`, `haveWAL`), v3.5.30.
        forced.refuses = start.message().map(str::to_owned);
        forced.revision = start.revision;
        forced.live_keys = start.keys;
        return forced;
    };
    // A member that has lost its majority never serves alone: that is what it is forced for.
    if let crate::start::Ending::Refuses(message) | crate::start::Ending::Unknown(message) =
        &start.ending
    {
        forced.refuses = Some(message.clone());
        return forced;
    }
    // Without a voter no leader is elected, whatever is removed or added later.
    if let crate::start::Ending::NeverServes(message) = &start.ending
        && has_no_voter(facts)
    {
        forced.refuses = Some(message.clone());
        return forced;
    }
    let log = wal.log();
    forced.last_index = start.last_index.unwrap_or_else(|| log.last_index());
    let hard = log.hard_state().unwrap_or_default().commit.get();
    let kept = kept(facts.release, hard, facts.applied);
    forced.commit = kept.min(forced.last_index.max(facts.applied));
    let after = log
        .surviving()
        .rev()
        .take_while(|entry| entry.index > forced.commit);
    forced.discarded_entries = after
        .filter(|entry| entry.index <= forced.last_index)
        .count() as u64;
    forced.removed_members = others(&facts.conf, facts.own.get());
    if facts.conf.learners.contains(&facts.own.get()) {
        // The voters are removed before it may vote. `remove` in
        // `raft/confchange/confchange.go`, v3.5.30.
        forced.refuses = Some("panic: removed all voters".to_owned());
        return forced;
    }
    let removed = forced.removed_members.len() as u64;
    if kept > forced.last_index && removed > 0 {
        // The storage of raft begins at the snapshot. It takes the appended ConfChanges as the entries after its last one, although
        // their indexes follow consistent_index. `loadState` in `raft/raft.go`, v3.5.30;
        // `Append` in `raft/storage.go`, v3.5.30.
        forced.refuses = Some(format!(
            "panic: {:x} state.commit {} is out of range [{}, {}]",
            facts.own,
            kept.saturating_add(removed),
            start.snapshot_index,
            forced.last_index.saturating_add(removed)
        ));
        return forced;
    }
    if let Ok(replayed) = replay_through(facts.member, forced.commit, facts.progress) {
        forced.revision = Some(replayed.keyspace().revision());
        forced.live_keys = Some(replayed.keyspace().live_count());
    }
    forced
}

/// Whether the newest `.snap` names no voter.
fn has_no_voter(facts: &Facts<'_>) -> bool {
    let snaps = facts.member.snaps(&mut reported_by("snap::check"));
    let newest = snaps.usable().next();
    newest.is_some_and(|snap| snap.conf_state.voters.is_empty())
}

/// The last entry that is kept: since 3.5.22 and 3.6.1 also what the db has applied (etcd#20055), before only what the HardState
/// says is committed.
fn kept(release: Release, committed: u64, applied: u64) -> u64 {
    let counts_applied = match release.minor {
        ..=4 => false,
        5 => release.patch >= 22,
        6 => release.patch >= 1,
        _ => true,
    };
    match counts_applied {
        true => committed.max(applied),
        false => committed,
    }
}

fn others(conf: &ConfState, own: u64) -> Vec<MemberId> {
    let all = conf.voters.iter().chain(&conf.learners);
    let others = all.filter(|id| **id != own);
    let mut others: Vec<MemberId> = others.map(|id| MemberId(*id)).collect();
    others.sort_unstable();
    others
}

/// What a preflight says of it, line by line.
pub(in crate::verdict) fn lines(facts: &Facts<'_>, forced: &Forced) -> Vec<Line> {
    let mut lines = Vec::new();
    if let Some(message) = &forced.refuses {
        let text = format!("etcd does not start on it: {message}");
        lines.push(Line::new(Level::Fail, "START", text));
    }
    for finding in facts.sound.above_notes() {
        let level = match finding.severity {
            Severity::Error => Level::Fail,
            _ => Level::Warn,
        };
        lines.push(Line::new(level, finding.code.id, finding.message.clone()));
    }
    if forced.discarded_entries > 0 {
        let text = format!(
            "{} of its own log after the commit index {} would be dropped",
            counted(forced.discarded_entries, "entry", "entries"),
            forced.commit
        );
        lines.push(Line::new(Level::Warn, "DISCARD", text));
    }
    for id in &forced.removed_members {
        let text = format!("a RemoveNode of member {id:016x} would be appended");
        lines.push(Line::new(Level::Pass, "CONF", text));
    }
    stays(facts.member, &mut lines);
    lines
}

/// What a forced start leaves as it is: alarms, an interrupted compaction.
fn stays(member: &Member, lines: &mut Vec<Line>) {
    let Ok(db) = member.db() else { return };
    for alarm in Alarm::read_all(&db, &mut reported_by("backend::check")) {
        let (code, text) = match alarm.alarm {
            AlarmType::NoSpace => (
                "ALARM-001",
                "the NOSPACE alarm would stay: writes are refused until it is disarmed",
            ),
            AlarmType::Corrupt => (
                "ALARM-002",
                "the CORRUPT alarm would stay: everything is refused until it is disarmed",
            ),
            AlarmType::Other(_) => continue,
        };
        if !lines.iter().any(|line| line.code == code) {
            lines.push(Line::new(Level::Warn, code, text));
        }
    }
    if Meta::read(&db, &mut reported_by("backend::check"))
        .compaction
        .is_interrupted()
    {
        let text = "an interrupted compaction would be resumed";
        lines.push(Line::new(Level::Pass, "META-011", text));
    }
}

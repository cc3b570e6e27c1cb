//! Start etcd with `--force-new-cluster`: which copy to use, and what each choice loses.
//!
//! etcd drops the entries that it does not know to be committed, appends a RemoveNode for every other member, and goes on alone.
//! Source: `restartAsStandaloneNode` in
//! `server/etcdserver/raft.go`, v3.5.30; `bootstrapRaftFromWAL` in `server/etcdserver/bootstrap.go`, v3.6.14.

use crate::backend::{Alarm, AlarmType, Meta};
use crate::member::Member;
use crate::start::{Ending, Level, Line, counted};
use crate::verdict::action::Action;
use crate::verdict::facts::Facts;
use crate::verdict::outcome::LaterWrites;
use crate::verdict::step::Step;
use located::{Command, MemberId, RaftIndex, reported_by};

/// One copy as the origin of a new cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forced {
    /// The last entry that is kept.
    pub commit: RaftIndex,
    /// The last entry of the log that a start reads.
    pub last_index: RaftIndex,
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
    let forced = facts.forced_start();
    let mut step = Step::new(Action::ForceNewCluster, facts.release);
    step.outcome = super::start::outcome(forced);
    match (&forced.ending, step.outcome.message.as_deref()) {
        (Ending::Unknown(why), _) => {
            step.effect = format!("--force-new-cluster: unknown what happens: {why}");
            return Some(step);
        }
        (Ending::Refuses(message) | Ending::NeverServes(message), _) => {
            step.effect = format!("--force-new-cluster: does not start: {message}");
            return Some(step);
        }
        (Ending::Serves, Some(message)) => {
            step.effect = format!("--force-new-cluster: {message}");
            return Some(step);
        }
        (Ending::Serves, None) => {}
    }
    super::start::cost(facts, forced, &mut step);
    // What a restore had taken back is in the old log, and comes back.
    if facts.restored.is_none() {
        step.possibly_lost = facts.acknowledged.possibly.clone();
    }
    // It cannot be taken back: never on the evidence.
    let (mut commands, copy) = facts.source.writable("forced");
    let force = Command::new("etcd").arg("--force-new-cluster");
    commands.push(force.arg("--data-dir").path(&copy));
    step.commands = commands;
    let log = forced.forced.clone().unwrap_or_default();
    step.effect = format!(
        "start etcd {} on a copy with --force-new-cluster, and no other member any more: removes {}, drops {}",
        facts.release,
        counted(log.removed.len() as u64, "member", "members"),
        counted(log.discarded, "uncommitted entry", "uncommitted entries"),
    );
    if step.outcome.later_writes == LaterWrites::Refused {
        step.effect.push_str("; writes are refused (alarm)");
    }
    Some(step)
}

/// What `--force-new-cluster` makes of a copy.
pub(in crate::verdict) fn forced(facts: &Facts<'_>) -> Forced {
    if facts.start.is_none() {
        return Forced {
            refuses: Some("etcd cannot be started on it".to_owned()),
            ..Forced::default()
        };
    }
    let start = facts.forced_start();
    // Without a WAL etcd starts as a new member, and does not look at the flag. Source: `server/etcdserver/server.go`
    // (`NewServer`, `haveWAL`), v3.5.30.
    let log = start.forced.clone().unwrap_or_default();
    Forced {
        commit: log.kept,
        last_index: log.last_index,
        discarded_entries: log.discarded,
        removed_members: log.removed,
        revision: start.revision,
        live_keys: start.keys,
        refuses: start.message().map(str::to_owned),
    }
}

/// What a preflight says of it, line by line.
pub(in crate::verdict) fn lines(facts: &Facts<'_>) -> Vec<Line> {
    let forced = forced(facts);
    let mut lines = Vec::new();
    if facts.has_peers() && facts.standing.quorum.refutes_start().is_none() {
        let text = format!(
            "if a majority of the {} voters still has its data, start those instead: nothing is lost then",
            facts.conf.voters.len()
        );
        lines.push(Line::new(Level::Warn, "QUORUM", text));
    }
    if let Some(message) = &forced.refuses {
        let text = format!("etcd does not start on it: {message}");
        lines.push(Line::new(Level::Fail, "START", text));
    }
    let simulated = facts.forced_start().steps.iter();
    let stays_on = |line: &Line| line.code.starts_with("ALARM-");
    let shown = simulated.filter(|line| line.level == Level::Fail || stays_on(line));
    lines.extend(shown.cloned());
    super::lines::findings(facts, forced.refuses.is_none(), &mut lines);
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
                "the CORRUPT alarm would stay: writes are refused until it is disarmed",
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

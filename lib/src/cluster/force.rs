//! `--force-new-cluster`: which copy to use, and what each choice loses.

use std::borrow::Borrow;
use std::collections::BTreeSet;

use super::{Level, Line, counted, start};
use crate::backend::{AlarmType, Meta};
use crate::check::{Depth, check};
use crate::member::Member;
use crate::recover::{Replayed, commit, replay_through, replay_to_the_end, voters};
use located::progress::Progress;
use located::{MemberId, Severity};

/// Keys that one candidate names.
const KEYS: usize = 10_000;

/// One copy, as the origin of a new cluster.
#[derive(Clone, Debug, Default)]
pub struct Candidate {
    /// As the user gave it.
    pub path: String,
    /// 1 is the one to use.
    pub rank: usize,
    /// The last entry that is kept: max(HardState.commit, consistent_index), as since 3.5.22 and 3.6.1.
    pub commit: u64,
    /// The last entry of its log.
    pub last_index: u64,
    /// The revision after the start.
    pub revision: i64,
    /// Live keys after the start.
    pub live_keys: usize,
    /// Entries of its own log behind its commit: etcd drops them.
    pub discarded_entries: u64,
    /// Entries that the best log among all copies has behind this one's commit.
    pub lost_entries: u64,
    /// Revisions that the best copy reaches and this one does not.
    pub lost_revisions: i64,
    /// User keys written or deleted in between, ascending.
    pub lost_keys: Vec<Vec<u8>>,
    /// Members that would be removed by appended ConfChanges.
    pub removed_members: Vec<MemberId>,
    /// Errors that `check` finds in it.
    pub errors: usize,
    /// What to know before.
    pub lines: Vec<Line>,
}

impl Candidate {
    /// Whether etcd is said not to start on it.
    fn refuses(&self) -> bool {
        let fails = |line: &Line| line.level == Level::Fail && line.code == "START";
        self.lines.iter().any(fails)
    }
}

/// Ranks copies as origins of a new cluster.
pub fn force_new_cluster<M: Borrow<Member>>(
    members: &[M],
    progress: &dyn Progress,
) -> Vec<Candidate> {
    let members: Vec<&Member> = members.iter().map(Borrow::borrow).collect();
    let mut candidates: Vec<Candidate> = members
        .iter()
        .map(|member| candidate(member, progress))
        .collect();
    let newest = |member: &Member| {
        member
            .wal()
            .and_then(|wal| wal.log().last().map(|last| (last.term, last.index)))
    };
    let best_log = members.iter().copied().max_by_key(|member| newest(member));
    let best_path = best_log.map(|member| member.evidence().name().to_string());
    let of_best = best_log.and_then(|member| replay_to_the_end(member, progress).ok());
    let best_revision = of_best
        .as_ref()
        .map_or(0, |replayed| replayed.keyspace().revision());
    let reached = candidates.iter().map(|candidate| candidate.revision);
    let reached = reached.max().unwrap_or(0).max(best_revision);
    for candidate in &mut candidates {
        candidate.lost_revisions = reached.saturating_sub(candidate.revision);
        let Some(wal) = best_log.and_then(Member::wal) else {
            continue;
        };
        let lost = || {
            let surviving = wal.log().surviving();
            surviving.filter(|entry| entry.index > candidate.commit)
        };
        candidate.lost_entries = lost().count() as u64;
        let keyspace = of_best.as_ref().map(Replayed::keyspace);
        let is_whole = keyspace
            .and_then(|best| best.compact_revision())
            .is_none_or(|compacted| compacted <= candidate.revision);
        let mut keys = BTreeSet::new();
        if candidate.lost_entries > 0
            && let Some(best) = keyspace
        {
            let written = best.between(candidate.revision.saturating_add(1)..=i64::MAX);
            keys.extend(written.map(|version| version.key.to_vec()));
        }
        if keyspace.is_none() || !is_whole {
            // What was compacted is known by the requests alone.
            for entry in lost() {
                let payload = wal.payload(entry);
                keys.extend(payload.user_keys().into_iter().map(<[u8]>::to_vec));
            }
        }
        candidate.lost_keys = keys.into_iter().take(KEYS).collect();
        if candidate.lost_entries > 0 {
            let text = format!(
                "{} behind index {} of the best log{} would be lost: {}, {}",
                counted(candidate.lost_entries, "entry", "entries"),
                candidate.commit,
                match &best_path {
                    Some(path) if *path != candidate.path => format!(" ({path})"),
                    _ => String::new(),
                },
                counted(candidate.lost_keys.len() as u64, "key", "keys"),
                counted(
                    candidate.lost_revisions.unsigned_abs(),
                    "revision",
                    "revisions"
                ),
            );
            candidate.lines.push(Line::new(Level::Warn, "LOST", text));
        }
    }
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    order.sort_by_key(|&at| {
        candidates.get(at).map(|c| {
            (
                c.errors > 0,
                std::cmp::Reverse(c.commit),
                std::cmp::Reverse(c.revision),
            )
        })
    });
    for (rank, at) in order.into_iter().enumerate() {
        if let Some(candidate) = candidates.get_mut(at) {
            candidate.rank = rank.saturating_add(1);
        }
    }
    candidates.sort_by_key(|candidate| candidate.rank);
    candidates
}

fn candidate(member: &Member, progress: &dyn Progress) -> Candidate {
    let path = member.evidence().name().to_string();
    let mut candidate = Candidate {
        path,
        ..Candidate::default()
    };
    let start = start(member, None, progress);
    let report = start
        .report
        .unwrap_or_else(|| check(member, Depth::Default, progress));
    // An alarm is on in all members, and says nothing about this copy.
    let is_damage = |finding: &&located::Finding| {
        finding.severity == Severity::Error && !finding.code.id.starts_with("ALARM-")
    };
    candidate.errors = report.findings.iter().filter(is_damage).count();
    if let Some(message) = start.message {
        let text = format!("etcd does not start on it: {message}");
        candidate.lines.push(Line::new(Level::Fail, "START", text));
        candidate.errors = candidate.errors.max(1);
    }
    for finding in report
        .findings
        .iter()
        .filter(|finding| finding.severity > Severity::Note)
    {
        let level = if finding.severity == Severity::Error {
            Level::Fail
        } else {
            Level::Warn
        };
        candidate
            .lines
            .push(Line::new(level, finding.code.id, finding.message.clone()));
    }
    let Some(wal) = member.wal_with(progress) else {
        candidate.lines.push(Line::new(
            Level::Fail,
            "DIR-003",
            "no WAL: this copy cannot be the origin of a new cluster",
        ));
        candidate.errors = candidate.errors.saturating_add(1);
        return candidate;
    };
    let log = wal.log();
    let Ok(db) = member.db() else {
        return candidate;
    };
    let meta = Meta::read(&db, &mut |_| {});
    candidate.last_index = start.last_index.unwrap_or_else(|| log.last_index());
    candidate.commit = commit(&wal, meta.consistent_index.unwrap_or(0));
    // What the start cuts off does not come back.
    if start.lost_entries > 0 {
        candidate.commit = candidate.commit.min(candidate.last_index);
    }
    candidate.discarded_entries = log
        .surviving()
        .filter(|entry| entry.index > candidate.commit)
        .count() as u64;
    if candidate.discarded_entries > 0 {
        let text = format!(
            "{} of its own log behind the commit index {} would be dropped",
            counted(candidate.discarded_entries, "entry", "entries"),
            candidate.commit
        );
        candidate
            .lines
            .push(Line::new(Level::Warn, "DISCARD", text));
    }
    let own = log
        .metadata
        .first()
        .map_or(MemberId(0), |metadata| metadata.node_id);
    let conf = voters(member, &wal, candidate.commit);
    if conf.learners.contains(&own.get()) {
        let text = "etcd does not start on it: panic: removed all voters (this member only learns; the voters would be removed before it may vote)";
        candidate
            .lines
            .push(Line::new(Level::Fail, "LEARNER", text));
        candidate.errors = candidate.errors.saturating_add(1);
    }
    candidate.removed_members = conf
        .voters
        .iter()
        .chain(&conf.learners)
        .map(|&id| MemberId(id))
        .filter(|id| *id != own)
        .collect();
    candidate.removed_members.sort_unstable();
    // Since 3.5.22 the changes are appended behind consistent_index, not behind the end of the log.
    let applied = meta.consistent_index.unwrap_or(0);
    if applied > candidate.last_index && !candidate.refuses() {
        let commit = applied.saturating_add(candidate.removed_members.len() as u64);
        let text = format!(
            "etcd does not start on it: panic: {own:x} state.commit {commit} is out of range (consistent_index is {applied}, the log ends at {})",
            candidate.last_index
        );
        candidate.lines.push(Line::new(Level::Fail, "START", text));
        candidate.errors = candidate.errors.max(1);
    }
    for id in &candidate.removed_members {
        candidate.lines.push(Line::new(
            Level::Pass,
            "CONF",
            format!("a RemoveNode of member {id:016x} would be appended"),
        ));
    }
    // A sole voter's uncommitted tail is dropped too.
    if let Ok(replayed) = replay_through(member, candidate.commit, progress) {
        candidate.revision = replayed.keyspace().revision();
        candidate.live_keys = replayed.keyspace().live_count();
    }
    for alarm in crate::backend::Alarm::read_all(&db, &mut |_| {}) {
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
        if !candidate.lines.iter().any(|line| line.code == code) {
            candidate.lines.push(Line::new(Level::Warn, code, text));
        }
    }
    if meta.compaction.is_interrupted() {
        candidate.lines.push(Line::new(
            Level::Pass,
            "META-011",
            "an interrupted compaction would be resumed",
        ));
    }
    candidate
}

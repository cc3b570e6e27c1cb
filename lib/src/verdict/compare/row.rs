//! What one member's files say about it, and which member is the best.

use super::MemberRow;
use crate::backend::Meta;
use crate::check::{Depth, Report, check};
use crate::codes::backend;
use crate::member::Member;
use crate::mvcc::Noted;
use crate::recover::commit;
use crate::start::StartOutcome;
use crate::verdict::facts::Facts;
use located::progress::Progress;
use located::{Finding, Severity, reported_by};

/// What a check finds in one copy.
pub(super) fn report(member: &Member, progress: &dyn Progress) -> Report {
    // What cannot be indexed is reported by the check.
    let _ = member.noted_keyspace(Noted::ALL);
    check(member, Depth::Default, progress)
}

/// Returns the row of one copy, from its own files.
pub(super) fn row(facts: &Facts<'_>) -> MemberRow {
    let (member, report) = (facts.member, facts.sound.report());
    let is_alarm = |finding: &Finding| {
        [&backend::ALARM_NOSPACE, &backend::ALARM_CORRUPT]
            .into_iter()
            .any(|code| std::ptr::eq(code, finding.code))
    };
    let count = |severity| {
        let of_it = |finding: &&Finding| finding.severity == severity && !is_alarm(finding);
        report.findings.iter().filter(of_it).count()
    };
    // What this user may not read says nothing about what a start serves.
    let is_unread = facts.sound.not_read().is_some();
    let start = facts.start.as_ref().filter(|_| !is_unread);
    let (served_revision, served_keys) = start.map_or((None, None), |start| served(facts, start));
    let mut row = MemberRow {
        path: member.evidence().name().to_string(),
        member_id: None,
        cluster_id: None,
        revision: None,
        is_unread,
        served_revision,
        served_keys,
        compact_revision: None,
        term: None,
        applied: None,
        commit: None,
        last_index: None,
        keys: None,
        hashkv: None,
        hashkv_at_compaction: None,
        is_partial: !member.keyspace_loss().is_empty(),
        is_minority: false,
        alarms: report
            .findings
            .iter()
            .filter(|finding| is_alarm(finding))
            .count(),
        db_bytes: member.evidence().db().map(crate::evidence::File::size),
        errors: count(Severity::Error),
        warnings: count(Severity::Warning),
        verdict: report.verdict,
        removed_by: removed_by(facts),
        parts_at: facts.standing.parted.as_ref().map(|parted| parted.index),
        is_never_used: facts.sound.is_never_used(),
        older_than: facts.standing.older_than.clone(),
    };
    if let Ok(db) = member.db() {
        row.applied = Meta::read(&db, &mut reported_by("backend::check")).consistent_index;
    }
    take_keys(&mut row, member);
    of_log(facts, &mut row);
    row
}

/// What a start serves: with the others of its cluster also what they prove to be committed.
fn served(facts: &Facts<'_>, start: &StartOutcome<'_>) -> (Option<i64>, Option<usize>) {
    let state = facts.acknowledged.keyspace();
    let is_sound = start.serves() && facts.sound.errors() == 0 && facts.restored.is_none();
    let has_all = start.erased.is_none() && facts.acknowledged.unreadable().is_zero();
    let proves_more = start.revision < Some(state.revision());
    match facts.has_peers() && is_sound && has_all && proves_more {
        true => (Some(state.revision()), Some(state.live_count())),
        false => (start.revision, start.keys),
    }
}

/// What the log says.
fn of_log(facts: &Facts<'_>, row: &mut MemberRow) {
    if let Some(wal) = facts.member.wal_with(facts.progress) {
        let log = wal.log();
        row.member_id = log.metadata.first().map(|metadata| metadata.node_id);
        row.cluster_id = log.metadata.first().map(|metadata| metadata.cluster_id);
        row.term = log.hard_state().map(|state| state.term);
        row.commit = Some(commit(&wal, row.applied.unwrap_or_default()));
        row.last_index = Some(log.last_index());
    }
}

fn removed_by(facts: &Facts<'_>) -> Option<String> {
    let removed = facts.standing.removed.as_ref()?;
    let own = || facts.member.evidence().name().to_string();
    Some(removed.by.clone().unwrap_or_else(own))
}

/// Revisions and number of keys, as far as they are known.
fn take_keys(row: &mut MemberRow, member: &Member) {
    if let Ok(keyspace) = member.readable_keyspace() {
        let is_reached = member.unreachable().is_none();
        row.revision = is_reached.then(|| keyspace.revision());
        let is_known = member
            .meta()
            .is_ok_and(|meta| !meta.is_compaction_unknown());
        row.compact_revision = keyspace.compact_revision().filter(|_| is_known);
        row.keys = (!row.is_partial).then(|| keyspace.live_count());
    }
}

/// The newest of the copies that hold what most hold and have no errors; where all have some, the newest of those.
pub(super) fn best(rows: &[MemberRow]) -> Option<usize> {
    // Of two clusters none is the better copy of the other.
    let mut clusters: Vec<_> = rows.iter().filter_map(|row| row.cluster_id).collect();
    clusters.dedup();
    if clusters.len() > 1 {
        return None;
    }
    let value = |row: &MemberRow| {
        (
            !row.is_minority,
            row.removed_by.is_none() && row.older_than.is_none(),
            row.errors == 0,
            row.reach(),
            row.commit,
            row.revision,
            row.last_index,
        )
    };
    let readable = rows
        .iter()
        .enumerate()
        .filter(|(_, row)| row.revision.is_some() && row.parts_at.is_none());
    readable
        .max_by(|(i, a), (j, b)| value(a).cmp(&value(b)).then(j.cmp(i)))
        .map(|(at, _)| at)
}

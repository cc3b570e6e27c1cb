//! `snapshot restore`: from which file, with which revision, and what it drops.

use std::path::PathBuf;

use crate::codes::{Code, bolt, mvcc};
use crate::recover::State;
use crate::salvage::{Restore, knows_bump, revisions_to_skip};
use crate::start::{Level, Line, counted};
use crate::text::number::thousands;
use crate::verdict::action::Action;
use crate::verdict::facts::Facts;
use crate::verdict::outcome::LaterWrites;
use crate::verdict::step::Step;
use crate::verdict::two_histories::Counted;
use crate::{Finding, Severity};

pub(super) fn step(facts: &Facts<'_>) -> Option<Step> {
    let keyspace = facts.db()?;
    let db = facts.source.db();
    let mut step = Step::new(Action::Restore, facts.release);
    let has_hash = facts.member.trailer_matches() == Some(true);
    let bump = bump_of_db(facts);
    step.commands = facts.source.unpacked();
    let mut restore = of_db(facts, bump);
    restore.has_hash = has_hash;
    step.commands
        .extend(restore.commands_into(&db, &target(facts)));
    let start = &facts.restored_start;
    step.outcome = super::start::outcome(start);
    match step.outcome.starts {
        Some(true) => {}
        Some(false) => {
            let said = step.outcome.message.as_deref();
            let message = said.unwrap_or("it does not serve");
            step.effect = format!("the restored etcd does not start: {message}");
            return Some(step);
        }
        None => {
            step.effect = match step.outcome.message.as_deref() {
                Some(message) => format!("the restored etcd: {message}"),
                None => "unknown whether the restored etcd starts".to_owned(),
            };
            return Some(step);
        }
    }
    let difference = facts.against(&keyspace);
    step.lost = difference.lost;
    step.wrong = difference.wrong;
    step.possibly_lost = facts.acknowledged.possibly.clone();
    // A page in use may be written over: what is on it is not known.
    step.lost.writes.at_least |= start.left_to_chance;
    // The one proof that it is what was saved failed: any record may be wrong.
    step.wrong.at_least |= start.left_to_chance || facts.member.fails_sha256();
    let raised = bump.unwrap_or(0);
    step.outcome.revision = start.revision.map(|own| own.saturating_add(raised));
    step.effect = effect(facts, &step);
    Some(step)
}

/// What a restore that serves leads to, by what it loses.
pub(in crate::verdict) fn effect(facts: &Facts<'_>, step: &Step) -> String {
    let revision = facts.db().map_or(0, |keyspace| keyspace.revision());
    let restores = step
        .commands
        .len()
        .saturating_sub(facts.source.unpacked().len());
    let members = of_members(restores);
    let start = &facts.restored_start;
    let mut effect = match step.lost.writes.value {
        0 if start.left_to_chance => {
            "the tool may write over pages in use: the free list of the db is wrong".to_owned()
        }
        0 if facts.member.fails_sha256() => format!(
            "the file is not what was saved, and --skip-hash-check switches off the proof that failed: only if there is no other backup, and no member to take one of{members}"
        ),
        0 => format!(
            "a new cluster with the state of revision {}{members}",
            thousands(revision.into())
        ),
        _ if facts.reached <= revision => {
            format!("the lost writes are missing in the db{members}")
        }
        _ => format!(
            "the db ends at revision {}{members}",
            thousands(revision.into())
        ),
    };
    // The bucket of alarms is restored with the others.
    if step.outcome.later_writes == LaterWrites::Refused {
        effect.push_str("; writes are refused until etcdctl alarm disarm");
    }
    effect
}

/// What is to know of a restore into several directories: none of them serves before a majority of them does.
pub(super) fn of_members(commands: usize) -> String {
    match commands {
        0 | 1 => String::new(),
        members => format!(
            ": a directory for each of its {members} members, which serve as soon as a majority of them runs"
        ),
    }
}

/// The data directory that is restored into, in the working directory.
pub(super) fn target(facts: &Facts<'_>) -> PathBuf {
    PathBuf::from(format!("{}-restored", facts.source.name()))
}

/// By how much the revision of a db or a backup is raised, so that no client sees one twice.
///
/// `revision`: at which it ends; `unknown`: whether it may lack writes whose number is not known.
pub(super) fn bump(facts: &Facts<'_>, revision: i64, unknown: bool) -> Option<i64> {
    let behind = facts.reached.saturating_sub(revision);
    let alone = facts.is_file_alone();
    let keyspace = facts.acknowledged.keyspace();
    revisions_to_skip(facts.release, behind, alone || unknown, &keyspace)
}

/// The same of the db.
fn bump_of_db(facts: &Facts<'_>) -> Option<i64> {
    let revision = facts.db()?.revision();
    let unknown = facts.after_end(true).writes.at_least || facts.after_end(false).writes.at_least;
    bump(facts, revision, unknown)
}

/// How the db is restored, or a backup built of it: as the member that it was.
pub(super) fn of_db(facts: &Facts<'_>, bump: Option<i64>) -> Restore {
    let state = facts.member.db().map(|db| State::read(&db));
    let revision = facts.db().map_or(0, |keyspace| keyspace.revision());
    Restore::new(
        facts.member,
        &state.unwrap_or_default(),
        facts.release,
        revision,
    )
    .bumped(bump)
}

/// What a preflight says of it, line by line.
pub(in crate::verdict) fn lines(facts: &Facts<'_>, step: Option<&Step>) -> Vec<Line> {
    let mut lines = Vec::new();
    let Some(keyspace) = facts.db() else {
        lines.push(Line::new(Level::Fail, "DB", "the db cannot be read"));
        return lines;
    };
    if let Some(step) = step.filter(|step| step.outcome.starts == Some(true)) {
        let text = format!(
            "the db holds {} up to revision {}",
            counted(keyspace.index().len() as u64, "record", "records"),
            thousands(keyspace.revision().into())
        );
        lines.push(Line::new(Level::Pass, "DB", text));
        if step.lost.is_none() && step.wrong.is_zero() {
            let is_all = step.possibly_lost.is_none() && facts.shows_all();
            let text = match is_all {
                true => "everything that was acknowledged is in it",
                false => "everything that is known to have been acknowledged is in it",
            };
            lines.push(Line::new(Level::Pass, "COMPLETE", text));
        }
        lines.extend(elsewhere(facts));
    } else if let Some(message) = step.and_then(|step| step.outcome.message.as_deref()) {
        lines.push(Line::new(Level::Fail, "DB", message));
    }
    lines.extend(of_another_history(facts));
    let simulated = facts.restored_start.steps.iter();
    let stays_on = |line: &Line| line.code.starts_with("ALARM-");
    lines.extend(
        simulated
            .filter(|line| line.level == Level::Fail || stays_on(line))
            .cloned(),
    );
    lines.extend(super::lines::by_cause(facts, |finding| {
        level(facts, finding)
    }));
    if bump_of_db(facts).is_some() {
        let text = format!(
            "clients have seen revision {}, perhaps more: the revision is raised and marked compacted, or watchers miss events",
            thousands(facts.reached.into())
        );
        lines.push(Line::new(Level::Warn, "REVISION", text));
    } else if !knows_bump(facts.release) {
        let text = format!(
            "etcd {} cannot raise the revision (etcdutl 3.5.10 and newer can): clients that watched must list again",
            facts.release
        );
        lines.push(Line::new(Level::Warn, "REVISION", text));
    }
    lines
}

/// Who may have acknowledged writes that these files do not show.
fn elsewhere(facts: &Facts<'_>) -> Option<Line> {
    if facts.shows_all() {
        return None;
    }
    let (code, text) = match facts.is_file_alone() {
        true => (
            "LOG",
            "a file alone does not show what was acknowledged after it was saved: the data directory of a member does".to_owned(),
        ),
        false => (
            "QUORUM",
            format!(
                "no majority of the {} voters is here: the others may have acknowledged more. Their copies, as further paths, show it",
                facts.conf.voters.len()
            ),
        ),
    };
    Some(Line::new(Level::Warn, code, text))
}

/// What to know of a db that is of another history than the log beside it.
fn of_another_history(facts: &Facts<'_>) -> Option<Line> {
    let (level, text) = match facts.histories? {
        Counted::Db => return None,
        Counted::Log { .. } => (
            Level::Fail,
            "the db is of another history than the log: nothing that the log wrote is in it",
        ),
        Counted::Neither {
            is_db_foreign: true,
        } => (
            Level::Fail,
            "log and .snap file are of another cluster than the db: nothing that this member wrote is in it",
        ),
        Counted::Neither { .. } => (
            Level::Fail,
            "db and log are of two histories, and nothing here says which of them this member had: if it is that of the log, nothing that it wrote is in the db",
        ),
    };
    Some(Line::new(level, "HISTORY", text))
}

/// A restore takes neither WAL nor `.snap` files along: only damage of the store counts against it.
fn level(facts: &Facts<'_>, finding: &Finding) -> Level {
    let in_store = is_format(finding.code) || facts.sound.says_of_store(finding.code);
    // Against a log of another history every record differs.
    let of_other = facts.sound.two_histories() && !is_format(finding.code);
    match finding.severity {
        Severity::Error if in_store && !of_other => Level::Fail,
        _ => Level::Warn,
    }
}

fn is_format(code: &Code) -> bool {
    let mut all = bolt::ALL.iter().chain(mvcc::ALL);
    all.any(|other| std::ptr::eq(*other, code))
}

//! `preflight`: may this be done with these copies, and what does each lose.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use super::plan::StepRow;
use super::{Column, key_json};
use crate::verdict::{Action, Judged, Line, Step};
use located::RaftIndex;

/// Columns of lines.
pub static LINES: [Column; 3] = [
    Column::left("LEVEL", "level"),
    Column::left("CODE", "code"),
    Column::left("TEXT", "text"),
];

/// Columns of candidates.
pub static CANDIDATES: [Column; 7] = [
    Column::right("RANK", "rank"),
    Column::left("PATH", "path"),
    Column::right("COMMIT", "commit"),
    Column::right("LAST", "last_index"),
    Column::right("REV", "revision"),
    Column::right("DISCARDED", "discarded_entries"),
    Column::right("LOST-REVS", "lost_revisions"),
];

/// What `preflight` answers: the fields of the copy to use, and all copies in `candidates`.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct PreflightAnswer {
    /// What is to be done.
    #[serde(rename = "for")]
    pub purpose: Action,
    /// Whether to do it.
    pub go: bool,
    /// The copy to use.
    #[serde(flatten)]
    pub first: Option<FirstCopy>,
}

/// The copy to use, and the others.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct FirstCopy {
    /// What to know before.
    pub lines: Vec<Line>,
    /// The action with its outcome.
    #[serde(flatten)]
    pub step: Option<FirstStep>,
    /// An action that loses less.
    pub better: Option<StepRow>,
    /// The start of all clean copies of a majority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub together: Option<StepRow>,
    /// Every copy, the best first.
    pub candidates: Vec<CandidateRow>,
}

/// The action on the copy to use.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct FirstStep {
    /// The release that does it.
    pub etcd: String,
    /// Whether it comes up; `null` if that is not known, or depends on other members.
    pub starts: Option<bool>,
    /// The last thing that it logs if it does not.
    pub message: Option<String>,
    /// What is gone then.
    pub loses: LostKeys,
    /// Entries after it that are skipped.
    pub swallows: u64,
    /// The revision afterwards; of a restore that of the db.
    pub revision: Option<i64>,
    /// Live keys afterwards.
    pub keys: Option<usize>,
    /// The same in the fields of a plan.
    pub step: StepRow,
    /// What is known of a restore.
    #[serde(flatten)]
    pub restore: Option<RestoreFields>,
}

/// Writes that are gone, with their keys.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct LostKeys {
    /// How many writes.
    pub entries: u64,
    /// Their keys.
    pub keys: Vec<Value>,
}

/// What only a restore has.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct RestoreFields {
    /// The commands as one line.
    pub command: String,
    /// By how much the command raises the revision.
    pub bump_revision: Option<i64>,
    /// The newest revision that any copy reached.
    pub reached_revision: Option<i64>,
    /// Writes that are dropped.
    pub dropped_entries: u64,
}

/// One copy.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct CandidateRow {
    /// As the user gave it.
    pub path: String,
    /// 1 is the copy to use.
    pub rank: usize,
    /// Whether nothing prevents the action.
    pub go: bool,
    /// Errors that a check finds in it.
    pub errors: usize,
    /// What to know before.
    pub lines: Vec<Line>,
    /// An action that loses less.
    pub better: Option<StepRow>,
    /// The action with its outcome.
    pub step: Option<StepRow>,
    /// What is gone then.
    #[serde(flatten)]
    pub lost: Option<CandidateLoss>,
    /// What `--force-new-cluster` makes of it.
    #[serde(flatten)]
    pub forced: Option<ForcedFields>,
}

/// What is gone with a copy.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct CandidateLoss {
    /// The revision afterwards.
    pub revision: Option<i64>,
    /// Writes that are gone, or may be.
    pub lost_revisions: u64,
    /// Their keys.
    pub lost_keys: Vec<Value>,
}

/// What `--force-new-cluster` makes of a copy.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ForcedFields {
    /// The last entry that is kept.
    pub commit: RaftIndex,
    /// The last entry of the log that a start reads.
    pub last_index: RaftIndex,
    /// Entries after `commit`.
    pub discarded_entries: u64,
    /// Members that would be removed.
    pub removed_members: Vec<String>,
}

/// Whether to do it: a directory that is to be started must be fit itself, that of a removed member apart, which is never started; of
/// copies to choose from the best is chosen.
pub fn is_go(action: Action, judged: &[Judged]) -> bool {
    match chooses(action) {
        true => judged.first().is_some_and(|best| best.go),
        false => {
            let mut asked = judged.iter().filter(|one| !one.is_left_out).peekable();
            asked.peek().is_some() && asked.all(|one| one.go)
        }
    }
}

/// The copy that decides: the one to use, or the first that must not be used.
pub fn decisive(action: Action, judged: &[Judged]) -> Option<&Judged> {
    match chooses(action) {
        true => judged.first(),
        false => {
            let mut asked = judged.iter().filter(|one| !one.is_left_out);
            asked.find(|one| !one.go).or(judged.first())
        }
    }
}

fn chooses(action: Action) -> bool {
    matches!(action, Action::ForceNewCluster | Action::Restore)
}

impl PreflightAnswer {
    /// Of judged copies.
    pub fn new(action: Action, judged: &[Judged]) -> Self {
        let first = judged.first().map(|first| FirstCopy {
            lines: first.lines.clone(),
            step: first
                .step
                .as_ref()
                .map(|step| FirstStep::new(action, first, step)),
            better: first.better.as_ref().map(StepRow::from),
            together: first.together.as_ref().map(StepRow::from),
            candidates: judged.iter().map(CandidateRow::from).collect(),
        });
        Self {
            purpose: action,
            go: is_go(action, judged),
            first,
        }
    }
}

impl FirstStep {
    fn new(action: Action, first: &Judged, step: &Step) -> Self {
        let outcome = &step.outcome;
        let restore = (action == Action::Restore).then(|| RestoreFields {
            command: step.command_line(),
            bump_revision: bump(step),
            reached_revision: first.reached,
            dropped_entries: step.lost.writes.value,
        });
        let raised = restore.as_ref().and_then(|restore| restore.bump_revision);
        let revision = outcome.revision;
        Self {
            etcd: step.release.to_string(),
            starts: outcome.starts_alone(),
            message: outcome.reason(),
            loses: LostKeys {
                entries: step.lost.writes.value,
                keys: step.lost.keys.iter().map(|key| key_json(key)).collect(),
            },
            swallows: outcome.later_writes.vanish(),
            revision: revision.map(|own| own.saturating_sub(raised.unwrap_or(0))),
            keys: outcome.keys,
            step: step.into(),
            restore,
        }
    }
}

/// By how much the command raises the revision.
fn bump(step: &Step) -> Option<i64> {
    let words = step.commands.last()?.words();
    let at = words.iter().position(|word| word == "--bump-revision")?;
    words.get(at.saturating_add(1))?.parse().ok()
}

impl From<&Judged> for CandidateRow {
    fn from(one: &Judged) -> Self {
        let lost = one.step.as_ref().map(|step| {
            let keys = step.lost.keys.iter().chain(&step.possibly_lost.keys);
            let keys: BTreeSet<_> = keys.collect();
            CandidateLoss {
                revision: step.outcome.revision,
                lost_revisions: step.lost.writes.plus(step.possibly_lost.writes).value,
                lost_keys: keys.into_iter().map(|key| key_json(key)).collect(),
            }
        });
        let forced = one.forced.as_ref().map(|forced| {
            let removed = forced.removed_members.iter();
            ForcedFields {
                commit: forced.commit,
                last_index: forced.last_index,
                discarded_entries: forced.discarded_entries,
                removed_members: removed.map(|id| format!("{id:016x}")).collect(),
            }
        });
        Self {
            path: one.path.clone(),
            rank: one.rank,
            go: one.go,
            errors: one.errors,
            lines: one.lines.clone(),
            better: one.better.as_ref().map(StepRow::from),
            step: one.step.as_ref().map(StepRow::from),
            lost,
            forced,
        }
    }
}

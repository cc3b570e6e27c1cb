//! Causes and plans as programs read them: the same fields in every verb.

use serde::Serialize;
use serde_json::Value;

use super::{PlaceRow, key_json};
use crate::check::Report;
use crate::verdict::{Action, Cause, Loss, Outcome, Step, Verdict};
use located::{Command, Severity};

/// A cause, with what it explains.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct CauseRow {
    /// Its code.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// One sentence.
    pub message: String,
    /// The first place where it shows.
    pub place: PlaceRow,
    /// The findings that it consists of: `F-01`.
    pub findings: Vec<String>,
    /// The findings that it explains.
    pub explains: Vec<ExplainedRow>,
}

/// A finding that a cause explains.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ExplainedRow {
    /// `F-02`.
    pub id: String,
    /// Its code.
    pub code: &'static str,
    /// One sentence.
    pub message: String,
    /// Number of occurrences.
    pub count: u64,
}

impl CauseRow {
    /// A cause of a report.
    pub fn new(cause: &Cause, report: &Report) -> Self {
        let explained = |&at: &usize| {
            let finding = report.findings.get(at)?;
            Some(ExplainedRow {
                id: Report::id(at),
                code: finding.code.id,
                message: finding.message.clone(),
                count: finding.count,
            })
        };
        Self {
            code: cause.code.id,
            severity: cause.severity,
            message: cause.message.clone(),
            place: (&cause.place).into(),
            findings: cause.findings.iter().map(|&at| Report::id(at)).collect(),
            explains: cause.explains.iter().filter_map(explained).collect(),
        }
    }
}

/// A step of a plan.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct StepRow {
    /// What is done.
    pub action: Action,
    /// The release of etcd that does it.
    pub release: String,
    /// The commands, in order.
    pub command: Vec<Command>,
    /// The effect in one line.
    pub effect: String,
    /// What etcd does and holds then.
    pub outcome: OutcomeRow,
    /// Acknowledged writes that are gone then.
    pub lost: LossRow,
    /// Records that are served with another content than was acknowledged.
    pub wrong: u64,
    /// Writes that are applied a second time.
    pub duplicated: u64,
    /// Writes that a restore had taken back and that come back.
    pub undone: u64,
    /// Writes that may have been acknowledged, and are gone then.
    pub possibly_lost: LossRow,
    /// Whether all these counts are exact.
    pub exact: bool,
    /// The copy that the step is for, if there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

impl StepRow {
    /// The same for one of several copies.
    #[must_use]
    pub fn of_copy(mut self, path: Option<String>) -> Self {
        self.path = path;
        self
    }
}

impl From<&Step> for StepRow {
    fn from(step: &Step) -> Self {
        let counts = [step.lost.writes, step.wrong, step.duplicated, step.undone];
        // What is not known to start may lose everything: none is the least that it loses.
        let is_known = step.outcome.starts.is_some();
        Self {
            action: step.action,
            release: step.release.to_string(),
            command: step.commands.clone(),
            effect: step.effect.clone(),
            outcome: (&step.outcome).into(),
            lost: LossRow {
                at_least: step.lost.writes.at_least || !is_known,
                ..(&step.lost).into()
            },
            wrong: step.wrong.value,
            duplicated: step.duplicated.value,
            undone: step.undone.value,
            possibly_lost: (&step.possibly_lost).into(),
            exact: is_known && !counts.iter().any(|count| count.at_least),
            path: None,
        }
    }
}

/// What etcd does and holds after a step.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct OutcomeRow {
    /// `true`, `false`, or `"unknown"`: also if it serves only together with other members, as `message` then has it.
    pub starts: Value,
    /// The last thing that it logs if it does not.
    pub message: Option<String>,
    /// The revision afterwards, if known.
    pub revision: Option<i64>,
    /// The number of live keys afterwards, if known.
    pub keys: Option<usize>,
    /// How many other voters must run until it serves.
    pub other_voters: usize,
    /// What becomes of later writes.
    pub later_writes: &'static str,
}

impl From<&Outcome> for OutcomeRow {
    fn from(outcome: &Outcome) -> Self {
        Self {
            starts: outcome.starts_alone().map_or("unknown".into(), Value::from),
            message: outcome.reason(),
            other_voters: outcome.needs_others,
            revision: outcome.revision,
            keys: outcome.keys,
            later_writes: outcome.later_writes.as_str(),
        }
    }
}

/// Writes that are gone.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct LossRow {
    /// How many writes.
    pub writes: u64,
    /// Whether there may be more.
    pub at_least: bool,
    /// How many keys.
    pub keys: usize,
    /// The first of their revisions.
    pub first_revision: Option<i64>,
    /// The last of their revisions.
    pub last_revision: Option<i64>,
    /// Their keys.
    pub key_names: Vec<Value>,
}

impl From<&Loss> for LossRow {
    fn from(loss: &Loss) -> Self {
        Self {
            writes: loss.writes.value,
            at_least: loss.writes.at_least,
            keys: loss.keys.len(),
            first_revision: loss.first_revision,
            last_revision: loss.last_revision,
            key_names: loss.keys.iter().map(|key| key_json(key)).collect(),
        }
    }
}

/// Causes and plan of one copy.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct PlanAnswer {
    /// Causes, worst first.
    pub cause: Vec<CauseRow>,
    /// What can be done, the best first.
    pub plan: Vec<StepRow>,
    /// The newest revision that was acknowledged; `None` if nothing says it.
    pub acknowledged_revision: Option<i64>,
}

impl PlanAnswer {
    /// The verdict about a report.
    pub fn new(verdict: &Verdict, report: &Report) -> Self {
        let causes = verdict.causes.iter();
        Self {
            cause: causes.map(|cause| CauseRow::new(cause, report)).collect(),
            plan: verdict.plan.iter().map(StepRow::from).collect(),
            acknowledged_revision: verdict.acknowledged_revision,
        }
    }
}

//! The verdict on one member's copy.

use super::acknowledged::Foundation;
use super::action::Action;
use super::actions;
use super::cause::{Cause, causes};
use super::copies::note_standing;
use super::facts::Facts;
use super::outcome::Loss;
use super::plan;
use super::source::Source;
use super::step::Step;
use crate::check::{Health, Report};
use crate::codes::cross;
use crate::evidence::Kind;
use crate::member::Member;
use crate::progress::Progress;
use crate::start::counted;
use crate::text::number::thousands;
use crate::wal::boot::Release;
use located::{Command, RaftIndex};

/// What is wrong, what can be done about it, and what next.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The release of etcd that outcomes are of.
    pub release: Release,
    /// What is wrong, worst first; findings that others explain are folded into them.
    pub causes: Vec<Cause>,
    /// What fits, best first.
    pub plan: Vec<Step>,
    /// The newest revision that was acknowledged; `None` if nothing readable says it.
    pub acknowledged_revision: Option<i64>,
    /// What the acknowledged state is built on.
    pub foundation: Foundation,
    /// Acknowledged writes of the log that are not in the db yet.
    pub not_in_db: Loss,
    /// Why more may be lost than the plan counts.
    pub more_may_be_lost: Option<String>,
    /// The safest next command.
    pub next: Command,
}

impl Verdict {
    /// The first cause, or that there is none.
    pub fn headline(&self) -> String {
        match self.causes.first() {
            Some(cause) => cause.message.clone(),
            None => match self.acknowledged_revision {
                Some(revision) => format!(
                    "nothing wrong, up to revision {}",
                    thousands(revision.into())
                ),
                None => "nothing wrong".to_owned(),
            },
        }
    }

    /// The first step of that action.
    pub fn step(&self, action: Action) -> Option<&Step> {
        self.plan.iter().find(|step| step.action == action)
    }

    /// A step that costs less than that action, if there is one.
    pub fn better_than(&self, action: Action) -> Option<&Step> {
        let first = self.plan.first().filter(|first| first.action != action)?;
        match self.step(action) {
            Some(own) if own.badness() <= first.badness() => None,
            _ => Some(first),
        }
    }
}

/// Judges one member's copy by what a check found in it. `release`: the etcd that will do it; the newest of the minor version
/// that wrote the db if `None`.
pub fn judge(
    member: &Member,
    report: &Report,
    release: Option<Release>,
    progress: &dyn Progress,
) -> Verdict {
    let mut facts = [Facts::gather(
        member,
        report,
        release,
        RaftIndex(0),
        progress,
    )];
    note_standing(&mut facts);
    let [facts] = facts;
    let mut plan = actions::all(&facts);
    plan::rank(&mut plan);
    plan::drop_losses(&mut plan, report);
    let acknowledged = &facts.acknowledged;
    let known = acknowledged.foundation != Foundation::Nothing;
    Verdict {
        release: facts.release,
        causes: all_causes(&facts, report),
        acknowledged_revision: known.then(|| acknowledged.keyspace().revision()),
        foundation: acknowledged.foundation,
        not_in_db: match acknowledged.foundation {
            Foundation::Db => acknowledged.after(RaftIndex(0)),
            _ => acknowledged.after(facts.applied),
        },
        more_may_be_lost: facts.why_more_may_be_lost(),
        next: match report.unread_objects && report.verdict <= Health::Notes {
            // Nothing speaks against the first step yet, and the objects have not been looked into.
            true => Command::inspect("check")
                .arg("--deep")
                .on_evidence(facts.source.given()),
            false => next(&plan, &facts.source, member),
        },
        plan,
    }
}

/// What the findings say, and what only the outcome of a start shows.
fn all_causes(facts: &Facts<'_>, report: &Report) -> Vec<Cause> {
    let mut causes = causes(report);
    let Some(restored) = &facts.restored else {
        return causes;
    };
    let message = format!(
        "the db was restored and put beside its old log: a start applies {} twice and brings {} back that the restore had taken back",
        counted(restored.duplicated, "write", "writes"),
        counted(restored.undone.writes.value, "write", "writes"),
    );
    let known = causes.iter_mut().find(|cause| {
        let own = cause.findings.iter();
        let mut codes = own.filter_map(|at| report.findings.get(*at));
        codes.any(|finding| std::ptr::eq(finding.code, &cross::DISAGREE))
    });
    // The check compares no records: only here the numbers are known.
    if let Some(cause) = known {
        cause.message = message;
    }
    causes
}

/// The command that leads to the first step, and changes nothing.
pub(super) fn next(plan: &[Step], source: &Source, member: &Member) -> Command {
    let path = source.given();
    let preflight = |action: Action| {
        let command = Command::inspect("preflight").on_evidence(path);
        command.arg("--for").arg(action.as_str())
    };
    let is_directory = matches!(
        member.evidence().kind(),
        Kind::DataDir | Kind::MemberDir | Kind::SnapDir
    );
    let known = |step: &Step| step.action.asks_others() || step.outcome.starts.is_some();
    match plan.first().map(|step| step.action) {
        // Nothing is known of it: there is nothing to prepare.
        Some(Action::Start) if !plan.first().is_some_and(known) => {
            Command::inspect("check").arg("-v").on_evidence(path)
        }
        Some(Action::Salvage) => {
            let mut salvage = Command::inspect("salvage").on_evidence(path);
            if plan.first().is_some_and(Step::is_carved) {
                salvage = salvage.arg("--include").arg("carved");
            }
            salvage.arg("--dry-run")
        }
        Some(Action::Correct) => {
            let salvage = Command::inspect("salvage").on_evidence(path);
            salvage.arg("--correct").arg("--dry-run")
        }
        Some(action @ (Action::Start | Action::Restore | Action::ForceNewCluster)) => {
            preflight(action)
        }
        // Who the other members are: whose copies decide, or which are started together with a learner.
        Some(Action::None) if member.evidence().holders().is_empty() => {
            Command::inspect("meta").on_evidence(path)
        }
        Some(Action::Rejoin) => Command::inspect("meta").on_evidence(path),
        // What there is of it elsewhere is for people to find; this says what to look for.
        Some(Action::CopyAgain | Action::Reunite) => {
            Command::inspect("check").arg("-v").on_evidence(path)
        }
        _ if is_directory => preflight(Action::Start),
        _ if member.db().is_ok() => preflight(Action::Restore),
        _ => Command::inspect("check").arg("-v").on_evidence(path),
    }
}

//! Start etcd on the directory as it is.

use crate::Severity;
use crate::mvcc::{Overlay, Rules};
use crate::recover::Replayed;
use crate::start as simulated;
use crate::start::{Level, Line};
use crate::text::number::thousands;
use crate::verdict::action::Action;
use crate::verdict::facts::Facts;
use crate::verdict::outcome::{Count, LaterWrites, Outcome};
use crate::verdict::step::Step;

/// Of a start that serves for a moment.
const DIES: &str =
    "it ends when all keys are read or the first one is written: pages of the db are damaged";

pub(super) fn step(facts: &Facts<'_>) -> Option<Step> {
    let start = facts.start.as_ref()?;
    let mut step = Step::new(Action::Start, facts.release);
    step.commands = facts.source.unpacked();
    step.outcome = outcome(start);
    if start.serves() && !start.dies_at_first_question {
        // A store without the bucket of keys is served as an empty one.
        let nothing = Overlay::empty(Rules::NEWEST);
        let held = start.state.as_ref().map(Replayed::keyspace);
        let difference = facts.against(&held.unwrap_or_else(|| nothing.keyspace()));
        step.lost = match facts.has_peers() && start.erased.is_none() {
            // What is in its log is applied as soon as there is a majority.
            true => facts.missing_in_db(),
            false => difference.lost,
        };
        step.wrong = difference.wrong;
        step.duplicated = Count::exactly(difference.extra.max(start.duplicated));
        if let Some(restored) = &facts.restored {
            step.duplicated = Count::exactly(restored.duplicated);
            step.undone = restored.undone.writes;
        }
    }
    step.effect = effect(&step, facts);
    Some(step)
}

/// What a simulated start ends in, as the outcome of an action.
pub(super) fn outcome(start: &simulated::StartOutcome<'_>) -> Outcome {
    if start.serves() && start.dies_at_first_question {
        return Outcome {
            message: Some(
                "it starts, and the first request that reads every key ends the process".to_owned(),
            ),
            ..Outcome::unknown()
        };
    }
    let starts = match &start.ending {
        simulated::Ending::Serves if start.dies_at_first_question => Some(false),
        simulated::Ending::Serves => Some(true),
        simulated::Ending::Refuses(_) | simulated::Ending::NeverServes(_) => Some(false),
        simulated::Ending::Unknown(_) => None,
    };
    let later_writes = match (starts, &start.later_writes) {
        (Some(false), _) => LaterWrites::None,
        _ if start.left_to_chance => LaterWrites::Unknown,
        (None, _) => LaterWrites::Unknown,
        (_, simulated::WritesAfterStart::Kept) => LaterWrites::Kept,
        (_, simulated::WritesAfterStart::Swallowed(entries)) => LaterWrites::Vanish(*entries),
        (_, simulated::WritesAfterStart::Refused(_)) => LaterWrites::Refused,
    };
    Outcome {
        starts,
        message: match start.dies_at_first_question {
            true => Some(DIES.to_owned()),
            false => start.message().map(str::to_owned),
        },
        revision: start.revision,
        keys: start.keys,
        later_writes,
    }
}

fn effect(step: &Step, facts: &Facts<'_>) -> String {
    let what = match facts.source.unpacked().is_empty() {
        true => format!("start etcd {} on it as it is", facts.release),
        false => format!(
            "start etcd {} on {} as it is",
            facts.release,
            facts.source.path().display()
        ),
    };
    let serves = step.outcome.revision.map_or_else(String::new, |revision| {
        format!(": serves revision {}", thousands(revision.into()))
    });
    match (step.outcome.starts, step.outcome.later_writes) {
        (Some(false), _) => {
            let message = step
                .outcome
                .message
                .as_deref()
                .unwrap_or("it does not serve");
            format!("{what}: does not serve: {message}")
        }
        (None, _) => format!("{what}: unknown what happens"),
        (_, LaterWrites::Vanish(entries)) => format!(
            "{what}{serves}; the next {} writes time out and vanish",
            thousands(entries.into())
        ),
        (_, LaterWrites::Refused) => format!("{what}{serves}; writes are refused (alarm)"),
        _ if step.undone.value > 0 => format!("{what}{serves}; the restore is undone"),
        _ if step.lost.writes.value > 0 => format!("{what}{serves}, erases the rest"),
        _ if step.duplicated.value > 0 => {
            format!("{what}{serves}; applies {} writes twice", step.duplicated)
        }
        _ => format!("{what}{serves}"),
    }
}

/// What a preflight says of it, line by line: the steps of the start, then damage that it does not notice.
pub(in crate::verdict) fn lines(
    facts: &Facts<'_>,
    start: &simulated::StartOutcome<'_>,
) -> Vec<Line> {
    let mut lines = start.steps.clone();
    let said = |code: &str, lines: &[Line]| lines.iter().any(|line| line.code == code);
    for finding in facts.sound.above_notes() {
        if said(finding.code.id, &lines) {
            continue;
        }
        let text = format!("{}: {}", finding.code.title, finding.message);
        lines.push(match finding.severity {
            Severity::Error if start.serves() => {
                let text = format!("etcd starts and does not notice: {text}");
                Line::new(Level::Fail, finding.code.id, text)
            }
            Severity::Error => Line::new(Level::Fail, finding.code.id, text),
            _ => Line::new(Level::Warn, finding.code.id, text),
        });
    }
    lines
}

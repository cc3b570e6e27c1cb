//! Start etcd on the directory as it is.

use crate::mvcc::{Overlay, Rules};
use crate::recover::Replayed;
use crate::start as simulated;
use crate::start::{ENDS_LATER, Level, Line, counted};
use crate::text::number::thousands;
use crate::verdict::acknowledged::Foundation;
use crate::verdict::action::Action;
use crate::verdict::facts::Facts;
use crate::verdict::outcome::{Count, LaterWrites, Outcome};
use crate::verdict::step::Step;

/// Of a start that serves for a moment.
const DIES: &str =
    "it ends when all keys are read or the first one is written: pages of the db are damaged";

/// The last message of a member whose cluster has removed it: `handleErrorsAsync` and `rafthttp` in `server/etcdserver/server.go`,
/// v3.5.30.
const REMOVED: &str = "the member has been permanently removed from the cluster";

pub(super) fn step(facts: &Facts<'_>) -> Option<Step> {
    let start = facts.start.as_ref()?;
    let mut step = Step::new(Action::Start, facts.release);
    step.commands = facts.source.unpacked();
    step.outcome = outcome(start);
    cost(facts, start, &mut step);
    if facts.has_peers() && start.erased.is_none() && costs(start) {
        // What is in its log is applied as soon as there is a majority.
        step.lost = facts.missing_in_db();
    }
    let removed = facts.standing.removed.as_ref();
    if removed.is_some_and(|removed| removed.by.is_some()) && start.serves() {
        step.outcome = Outcome::refuses(REMOVED);
    }
    if let Some(why) = facts.standing.quorum.refutes_start()
        && start.serves()
    {
        step.outcome = Outcome::refuses(why);
    }
    if facts.has_no_others {
        step.outcome = Outcome::refuses(no_others(step.outcome.needs_others));
    }
    step.effect = effect(&step, start, facts);
    Some(step)
}

/// The sentence about a log that ends before the changes which made its member the only one: a start elects among those of the log.
pub(in crate::verdict) fn no_others(needed: usize) -> String {
    let others = counted(needed as u64, "other voter", "other voters");
    format!(
        "it never serves: its log waits for at least {others}, and its db says that all others were removed"
    )
}

/// Whether it serves, so that what it serves can be compared.
fn costs(start: &simulated::StartOutcome<'_>) -> bool {
    start.serves() && !start.dies_at_first_question
}

/// What a simulated start serves, against what was acknowledged.
pub(super) fn cost(facts: &Facts<'_>, start: &simulated::StartOutcome<'_>, step: &mut Step) {
    if !costs(start) {
        return;
    }
    if start.state.is_none() && start.keys != Some(0) {
        // Which records etcd finds in a damaged db is not known here, only how many keys.
        step.lost.writes = Count::at_least(0);
        step.wrong = Count::at_least(0);
        return;
    }
    if facts.is_undecided() {
        // Entries of one history are applied to the store of another.
        step.lost.writes = Count::at_least(0);
        step.wrong = Count::at_least(0);
        return;
    }
    // A store without the bucket of keys is served as an empty one.
    let nothing = Overlay::empty(Rules::NEWEST);
    let held = start.state.as_ref().map(Replayed::keyspace);
    let difference = facts.against(&held.unwrap_or_else(|| nothing.keyspace()));
    step.lost = difference.lost;
    step.wrong = difference.wrong;
    step.possibly_lost = facts.after_end(false);
    if facts.acknowledged.foundation == Foundation::Nothing && facts.own.get() != 0 {
        // A log that continues a store which is not here: nothing says what was in it.
        step.lost.writes = step.lost.writes.plus(Count::at_least(0));
    }
    if start.left_to_chance {
        // A page in use may be written over: what is on it is not known.
        step.lost.writes.at_least = true;
        step.wrong.at_least = true;
    }
    step.duplicated = Count::exactly(difference.extra.max(start.duplicated));
    if let Some(restored) = &facts.restored {
        step.duplicated = Count::exactly(restored.duplicated);
        step.undone = restored.undone.writes;
    }
}

/// What a simulated start ends in, as the outcome of an action.
pub(super) fn outcome(start: &simulated::StartOutcome<'_>) -> Outcome {
    if start.serves() && start.dies_at_first_question {
        return Outcome {
            message: Some(ENDS_LATER.replacen("it ends", "it starts, and ends", 1)),
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
        needs_others: match starts {
            Some(true) => start.quorum.saturating_sub(1),
            _ => 0,
        },
    }
}

/// What is started, and on what.
fn what(step: &Step, facts: &Facts<'_>) -> String {
    let release = facts.release;
    let mut what = match facts.source.unpacked().is_empty() {
        true => format!("start etcd {release} on it as it is"),
        false => format!(
            "start etcd {release} on {} as it is",
            facts.source.path().display()
        ),
    };
    let wal_dir = facts.source.given().wal_dir();
    if let Some(wal_dir) = wal_dir.filter(|_| facts.source.unpacked().is_empty()) {
        what.push_str(&format!(", with --wal-dir {}", wal_dir.display()));
    }
    if step.outcome.needs_others > 0 {
        let others = step.outcome.needs_others as u64;
        let others = counted(others, "other voter", "other voters");
        what.push_str(&format!(", with at least {others} of its cluster"));
    }
    what
}

fn effect(step: &Step, start: &simulated::StartOutcome<'_>, facts: &Facts<'_>) -> String {
    if facts.sound.is_never_used() {
        return format!(
            "nothing was ever stored here: a member that shall join its cluster needs an empty directory in place of this one; etcd {} starts on it as a new member, without a key",
            facts.release
        );
    }
    let what = what(step, facts);
    let serves = step.outcome.revision.map_or_else(String::new, |revision| {
        let revision = thousands(revision.into());
        match step.outcome.needs_others {
            0 => format!(": serves revision {revision}"),
            // Entries that it does not know to be committed may be.
            _ => format!(": serves from revision {revision} on"),
        }
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
        (None, _) => match step.outcome.message.as_deref() {
            Some(message) => format!("{what}: {message}"),
            None => format!("{what}: unknown what happens"),
        },
        (_, LaterWrites::Unknown) if start.left_to_chance => {
            format!("{what}{serves}; a later commit may write over pages in use")
        }
        (_, LaterWrites::Vanish(entries)) => format!(
            "{what}{serves}; the next {} writes time out and vanish",
            thousands(entries.into())
        ),
        (_, LaterWrites::Refused) => format!("{what}{serves}; writes are refused (alarm)"),
        _ if step.undone.value > 0 => format!("{what}{serves}; the restore is undone"),
        _ if step.lost.writes.value > 0 && start.erased.is_some() => {
            format!("{what}{serves}, erases the rest")
        }
        _ if step.lost.writes.value > 0 => {
            format!("{what}{serves}; the lost writes are missing in the db")
        }
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
    if let simulated::Ending::NeverServes(why) = &start.ending {
        lines.push(Line::new(
            Level::Fail,
            "LEADER",
            format!("etcd starts and never serves: {why}"),
        ));
    }
    if let Some(why) = facts.standing.quorum.refutes_start()
        && start.serves()
    {
        let text = format!("etcd starts and never serves: {why}");
        lines.push(Line::new(Level::Fail, "LEADER", text));
    }
    super::lines::findings(facts, start.serves(), &mut lines);
    lines
}

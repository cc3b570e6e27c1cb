//! Remove this member from its cluster, and add it again with an empty directory: its peers have the data.

use super::etcdctl::{etcdctl, voter_urls};
use crate::verdict::action::Action;
use crate::verdict::copies::Removal;
use crate::verdict::facts::Facts;
use crate::verdict::outcome::{LaterWrites, Outcome};
use crate::verdict::step::Step;
use located::{Command, MemberId};

pub(super) fn step(facts: &Facts<'_>) -> Option<Step> {
    // No step if there is nothing to repair, if no majority is left that could remove it, or if the copy is at fault and not the
    // member.
    let start = facts.start.as_ref()?;
    if facts.standing.removed.is_some() {
        return Some(rejoined(facts));
    }
    // That a learner never serves alone is no damage.
    let serves = start.serves() || facts.is_learner();
    let damaged = facts.sound.worst() == Some(crate::Severity::Error) || !serves;
    let is_known = facts.own.get() != 0;
    let may_be_removed = facts.has_peers() && facts.standing.quorum.others_go_on();
    if !may_be_removed || !damaged || !is_known || facts.sound.torn_copy().is_some() {
        return None;
    }
    Some(rejoined(facts))
}

/// The step, whether it is needed or not.
pub(in crate::verdict) fn rejoined(facts: &Facts<'_>) -> Step {
    let mut step = Step::new(Action::Rejoin, facts.release);
    // Only copies of the others could say what they hold.
    step.outcome = Outcome {
        later_writes: LaterWrites::Kept,
        ..Outcome::unknown()
    };
    if let Some(removal) = &facts.standing.removed {
        of_removed(facts, removal, &mut step);
        return step;
    }
    if facts.own.get() == 0 {
        "which member this is no file here says: remove it from its cluster, and add it again with an empty directory"
            .clone_into(&mut step.effect);
        return step;
    }
    let others = etcdctl(&voter_urls(facts.member, facts.own.get()));
    let known = facts.member.identity();
    let me = known.own().map(|me| (&*me.name, &*me.peer_urls));
    step.commands = remove_and_add(&others, facts.own, me);
    step.effect = format!(
        "{}: remove this one, add it again with an empty directory",
        facts.standing.quorum.condition()
    );
    step
}

/// `member remove`, and `member add` if name and addresses are known.
pub(in crate::verdict) fn remove_and_add(
    others: &Command,
    own: MemberId,
    known: Option<(&str, &[String])>,
) -> Vec<Command> {
    let remove = others.clone().args(["member", "remove"]);
    let mut commands = vec![remove.arg(format!("{own:x}"))];
    commands.extend(add(others, known));
    commands
}

fn add(others: &Command, known: Option<(&str, &[String])>) -> Option<Command> {
    let (name, urls) = known.filter(|(name, urls)| !name.is_empty() && !urls.is_empty())?;
    let add = others.clone().args(["member", "add"]).arg(name);
    Some(add.arg(format!("--peer-urls={}", urls.join(","))))
}

/// Of a member that is removed already: `member remove` would fail, and so would `member add` if it was added again.
fn of_removed(facts: &Facts<'_>, removal: &Removal, step: &mut Step) {
    let others = etcdctl(&removal.urls);
    let known = facts.member.identity();
    let me = known.own().map(|me| (&*me.name, &*me.peer_urls));
    let add = add(&others, me);
    step.effect = match (&removal.by, removal.again) {
        (Some(by), Some(again)) => format!(
            "never start this copy: {by} knows that its member was removed from the cluster, and was added again as member {again}; remove this directory"
        ),
        (Some(by), None) => {
            // Its name may be in no file any more.
            let how = if add.is_some() { " as here" } else { "" };
            step.commands.extend(add);
            format!(
                "never start this copy: {by} knows that its member was removed from the cluster; if it shall come back, add it again{how}, with an empty directory in place of this one"
            )
        }
        (None, _) => {
            let add = add.map_or_else(String::new, |add| format!(" ({add})"));
            step.commands.push(others.args(["member", "list"]));
            format!(
                "never start this copy: its own files say that its member was removed from the cluster; if it shall come back and is not in the list again, add it{add}, with an empty directory in place of this one"
            )
        }
    };
}

//! Copy again: what is wrong is wrong with the copy.

use crate::verdict::action::Action;
use crate::verdict::facts::Facts;
use crate::verdict::outcome::{LaterWrites, Outcome};
use crate::verdict::step::Step;

pub(super) fn step(facts: &Facts<'_>) -> Option<Step> {
    let sign = facts.sound.torn_copy()?;
    let mut step = Step::new(Action::CopyAgain, facts.release);
    step.asks_first = facts.sound.is_live_copy();
    let save = super::etcdctl::of_own(facts).args(["snapshot", "save"]);
    step.commands = vec![save.path(&facts.source.saved())];
    step.outcome = Outcome {
        later_writes: LaterWrites::Kept,
        ..Outcome::unknown()
    };
    step.effect = format!(
        "if the original still exists: stop etcd and copy the directory again, or take a backup from the running member ({}: {})",
        sign.code.id, sign.code.title
    );
    Some(step)
}

//! Correct proven bytes in a copy, and start etcd on the copy.

use std::path::PathBuf;

use crate::salvage::correct::corrections;
use crate::text::number::thousands;
use crate::verdict::action::Action;
use crate::verdict::facts::Facts;
use crate::verdict::outcome::{LaterWrites, Outcome};
use crate::verdict::step::Step;
use located::Command;

pub(super) fn step(facts: &Facts<'_>) -> Option<Step> {
    facts.start.as_ref()?;
    if facts.sound.is_whole(facts) {
        return None;
    }
    let found = corrections(facts.member, facts.progress);
    if found.is_empty() {
        return None;
    }
    let copy = PathBuf::from(format!("{}-corrected", facts.source.name()));
    let command = Command::inspect("salvage")
        .path(facts.source.given())
        .arg("--correct")
        .arg("--out-dir")
        .path(&copy);
    let mut step = Step::new(Action::Correct, facts.release);
    step.commands = vec![command];
    let in_log = |file: &std::path::Path| file.extension().is_some_and(|end| end == "wal");
    let of_log = found.iter().filter(|one| in_log(&one.file)).count();
    let wal = facts.member.wal_with(facts.progress);
    let damages = wal.map_or(0, |wal| wal.log().damages.len());
    // A corrected page may still hide what its wrong bytes made unreadable: what etcd then does is not known from here.
    let is_known = !facts.sound.db_is_damaged() && of_log == found.len() && of_log >= damages;
    let mut serves = String::new();
    if is_known {
        let acknowledged = facts.acknowledged.keyspace();
        step.outcome = Outcome {
            starts: Some(true),
            revision: Some(acknowledged.revision()),
            keys: Some(acknowledged.live_count()),
            later_writes: LaterWrites::Kept,
            message: None,
        };
        step.lost = facts.irrecoverable();
        serves = format!(": revision {}", thousands(acknowledged.revision().into()));
    }
    let bytes: usize = found.iter().map(|one| one.new.len()).sum();
    step.effect = format!(
        "{bytes} bytes corrected in a copy, members kept; then start etcd {} on {}{serves}",
        facts.release,
        copy.display()
    );
    Some(step)
}

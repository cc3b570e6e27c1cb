//! Correct proven bytes in a copy, and start etcd on the copy.

use std::path::PathBuf;

use crate::check::{Depth, check};
use crate::evidence::{ByteChange, File};
use crate::member::Member;
use crate::salvage::correct::{Correction, corrections};
use crate::start::counted;
use crate::text::number::thousands;
use crate::verdict::action::Action;
use crate::verdict::facts::Facts;
use crate::verdict::step::Step;
use located::Command;

/// Maximum size of the files that are corrected in memory to see what a start would make of them.
const MAX_BYTES_IN_MEMORY: u64 = 256 << 20;

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
        .on_evidence(facts.source.given())
        .arg("--correct")
        .arg("--out-dir")
        .path(&copy);
    let mut step = Step::new(Action::Correct, facts.release);
    step.commands = vec![command];
    let serves = started(facts, &found, &mut step);
    let bytes: usize = found.iter().map(|one| one.new.len()).sum();
    let bytes = counted(bytes as u64, "byte", "bytes");
    step.effect = format!(
        "{bytes} corrected in a copy, members kept; then start etcd {} on {}{serves}",
        facts.release,
        copy.display()
    );
    Some(step)
}

/// A start on the corrected copy, which is made in memory and checked like any other evidence.
fn started(facts: &Facts<'_>, found: &[Correction], step: &mut Step) -> String {
    let changes: Vec<ByteChange> = found
        .iter()
        .map(|one| ByteChange {
            file: one.file.clone(),
            offset: one.offset,
            bytes: one.new.clone(),
        })
        .collect();
    let evidence = facts.member.evidence();
    let size = |file: &File| found.iter().any(|one| one.file == file.relative());
    let files = evidence.db().into_iter().chain(evidence.wal());
    let bytes: u64 = files.filter(|file| size(file)).map(File::size).sum();
    if bytes > MAX_BYTES_IN_MEMORY {
        return String::new();
    }
    let Ok(changed) = evidence.with_changes(&changes) else {
        return String::new();
    };
    let corrected = Member::from_evidence(changed, facts.member.options().clone());
    let report = check(&corrected, Depth::Default, facts.progress);
    let release = Some(facts.release);
    let committed = facts.acknowledged.through;
    let after = Facts::gather(&corrected, &report, release, committed, facts.progress);
    let Some(start) = super::start::step(&after) else {
        return String::new();
    };
    step.lost = start.lost;
    step.outcome = start.outcome;
    step.wrong = start.wrong;
    step.duplicated = start.duplicated;
    step.undone = start.undone;
    step.possibly_lost = start.possibly_lost;
    // A copy that is sound may be so because what proved the loss was corrected away.
    let state = after.start.as_ref().and_then(|start| start.state.as_ref());
    if let Some(state) = state.filter(|_| !facts.acknowledged.is_on_db()) {
        let own = facts.against(&state.keyspace());
        if own.lost.writes > step.lost.writes {
            step.lost = own.lost;
        }
        step.wrong = step.wrong.max(own.wrong);
    }
    match (step.outcome.starts, step.outcome.revision) {
        (Some(false), _) => ", which does not start either".to_owned(),
        (_, Some(revision)) if step.outcome.needs_others > 0 => format!(
            ": with a majority of its cluster, from revision {} on",
            thousands(revision.into())
        ),
        (_, Some(revision)) => format!(": revision {}", thousands(revision.into())),
        _ => String::new(),
    }
}

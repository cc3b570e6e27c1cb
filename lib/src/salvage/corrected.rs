//! A member as its own proofs correct it: read in place of the damaged one if it gives more.

use super::correct::{Correction, proven};
use crate::member::Member;
use crate::progress::Progress;
use located::Command;

/// Maximum number of corrections that are noted one by one.
const MAX_NOTES: usize = 20;

/// The member with every byte corrected that its files prove to be wrong, and what was corrected; `None` if nothing was. The
/// proofs are those of `salvage --correct`; the work is done once.
pub(super) fn corrected<'m>(
    member: &'m Member,
    progress: &dyn Progress,
) -> Option<(&'m Member, &'m [String])> {
    member.changed_by(|| {
        let (found, corrected) = proven(member, progress);
        Some((corrected?, notes(member, &found)))
    })
}

fn notes(member: &Member, found: &[Correction]) -> Vec<String> {
    let note = |one: &Correction| {
        format!(
            "{} @ {:#x}: {} is read as {}: {}",
            one.shown_file(member),
            one.offset,
            hex(&one.old),
            hex(&one.new),
            one.proof
        )
    };
    let mut notes: Vec<String> = found.iter().take(MAX_NOTES).map(note).collect();
    if found.len() > MAX_NOTES {
        let all = Command::inspect("salvage")
            .on_evidence(member.evidence().operand())
            .args(["--correct", "--dry-run"]);
        notes.push(format!(
            "{MAX_NOTES} of {} corrected places are named; all: {all}",
            found.len()
        ));
    }
    notes
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

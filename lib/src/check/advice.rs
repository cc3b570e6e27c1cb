//! The advice of a finding, with everything filled in that this evidence decides.
//!
//! The text of a code speaks of any key, any range of the log and any cluster. A finding has the key and the index, and the
//! log says whether there are other members to compare with.

use located::{Advice, Finding, key_word};

/// Number of entries shown before and after the index of a finding.
const ENTRIES_AROUND: u64 = 5;

/// Longest key that a command names; a longer one is in the list of keys.
const MAX_KEY_BYTES_IN_COMMAND: usize = 4096;

/// Fills placeholders of the advice, and leaves out what asks for other members if there are none.
pub(super) fn fill(finding: &mut Finding, has_other_members: bool) {
    let own = finding.advice();
    let filled: Vec<Advice> = own
        .iter()
        .map(|advice| filled(advice.clone(), finding, has_other_members))
        .collect();
    if filled != own {
        finding.next = filled;
    }
}

fn filled(advice: Advice, finding: &Finding, has_other_members: bool) -> Advice {
    let mut advice = match has_other_members {
        true => advice,
        false => alone(advice),
    };
    if let Some(key) = finding.keys.first()
        && key.len() <= MAX_KEY_BYTES_IN_COMMAND
    {
        advice = advice.fill("KEY", key_word(key));
    }
    if let Some(index) = finding.place.index.map(u64::from) {
        let first = index.saturating_sub(ENTRIES_AROUND).max(1);
        let last = index.saturating_add(ENTRIES_AROUND);
        advice = advice.fill("a..b", format!("{first}..{last}"));
    }
    advice
}

/// Advice for a member that is alone: without the clauses that ask for others.
fn alone(advice: Advice) -> Advice {
    let asks = |clause: &str| {
        ["other member", "another member", "OTHER", "each copy"]
            .iter()
            .any(|words| clause.contains(words))
    };
    let kept = advice.retain(|clause| !asks(clause));
    match kept.is_empty() {
        true => Advice::from("Compare with a backup, if there is one: etcd-inspect compare"),
        false => kept,
    }
}

#[cfg(test)]
mod tests {
    use located::{FileName, Place};

    use super::*;
    use crate::codes;

    fn advice(code: &'static codes::Code, has_other_members: bool) -> Vec<String> {
        let place = Place::file(&FileName::new("db")).with_index(7);
        let mut finding = Finding::new(code, place, "message").key(*b"/registry/pods/a b");
        fill(&mut finding, has_other_members);
        finding.advice().iter().map(Advice::to_string).collect()
    }

    #[test]
    fn the_key_and_the_index_are_filled_in() {
        for code in codes::all() {
            let text = advice(code, true).join("\n");
            assert!(
                !text.contains("KEY ") && !text.contains("a..b"),
                "{} {text}",
                code.id
            );
        }
        let text = advice(&codes::wal::SNAPSHOT_TERM, true).join("\n");
        assert!(text.contains("--index 2..12"), "{text}");
    }

    #[test]
    fn a_member_that_is_alone_is_not_told_to_compare_with_others() {
        for code in codes::all().filter(|code| code.id.starts_with("MVCC-")) {
            let text = advice(code, false).join("\n");
            assert!(
                !text.contains("OTHER") && !text.is_empty(),
                "{} {text}",
                code.id
            );
        }
    }
}

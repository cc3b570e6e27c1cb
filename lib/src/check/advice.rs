//! The advice of a finding, with everything filled in that this evidence decides.
//!
//! The text of a code speaks of any key, any range of the log and any cluster. A finding has the key and the index, and the
//! log says whether there are other members to compare with.

use located::Finding;

/// Number of entries shown before and after the index of a finding.
const ENTRIES_AROUND: u64 = 5;

/// Fills placeholders of the advice, and leaves out what asks for other members if there are none.
pub(super) fn fill(finding: &mut Finding, has_other_members: bool) {
    let own = [finding.code.next.to_owned()];
    let texts = if finding.next.is_empty() {
        &own[..]
    } else {
        &finding.next
    };
    let filled: Vec<String> = texts
        .iter()
        .map(|text| filled(text, finding, has_other_members))
        .collect();
    if filled != own {
        finding.next = filled;
    }
}

fn filled(text: &str, finding: &Finding, has_other_members: bool) -> String {
    let mut text = text.to_owned();
    if let Some(key) = finding.keys.first() {
        text = with_word(&text, "KEY", &quoted(key));
    }
    if let Some(index) = finding.place.index.map(u64::from) {
        let first = index.saturating_sub(ENTRIES_AROUND).max(1);
        let last = index.saturating_add(ENTRIES_AROUND);
        text = with_word(&text, "a..b", &format!("{first}..{last}"));
    }
    if has_other_members {
        return text;
    }
    let asks = |clause: &str| {
        ["other member", "another member", "OTHER", "each copy"]
            .iter()
            .any(|words| clause.contains(words))
    };
    let clauses: Vec<&str> = text.split_inclusive("; ").collect();
    let kept: String = clauses.into_iter().filter(|clause| !asks(clause)).collect();
    let kept = kept.trim_end_matches([' ', ';']);
    match kept.is_empty() {
        true if asks(&text) => {
            "Compare with a backup, if there is one: etcd-inspect compare".to_owned()
        }
        _ => kept.to_owned(),
    }
}

/// Replaces a placeholder where it is a word of its own.
fn with_word(text: &str, word: &str, value: &str) -> String {
    let words: Vec<&str> = text.split(' ').collect();
    let replace = |found: &str| match found.strip_prefix(word) {
        Some(rest) if rest.chars().all(|c| matches!(c, '.' | ';' | ',' | ')')) => {
            format!("{value}{rest}")
        }
        _ => found.to_owned(),
    };
    let words: Vec<String> = words.into_iter().map(replace).collect();
    words.join(" ")
}

/// Longest key that a command names; a longer one is in the list of keys.
const MAX_KEY_BYTES_IN_COMMAND: usize = 4096;

/// A key as one word of a command line; a key that is no text needs the escapes of `--key`.
pub(super) fn quoted(key: &[u8]) -> String {
    if key.len() > MAX_KEY_BYTES_IN_COMMAND {
        return "KEY".to_owned();
    }
    let key = crate::raft::key_text(key);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/-_.:".contains(c);
    if !key.is_empty() && key.chars().all(is_plain) {
        return key;
    }
    format!("'{}'", key.replace('\'', "'\\''"))
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
        if finding.next.is_empty() {
            return vec![code.next.to_owned()];
        }
        finding.next
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

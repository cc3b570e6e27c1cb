//! Names of objects as names of files: evidence may contain any name.

use std::collections::HashSet;

/// Longest part of a path in bytes; file systems take 255.
const MAX_PART_BYTES: usize = 200;

/// A part of a path: letters, digits and `.-_:` stay, all else becomes `_`. It never begins with a dot, so it is no `..`.
pub(super) fn safe(name: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || ".-_:".contains(letter);
    let mut safe: String = name
        .chars()
        .take(MAX_PART_BYTES)
        .map(|letter| if is_plain(letter) { letter } else { '_' })
        .collect();
    if safe.is_empty() || safe.starts_with('.') {
        safe.insert(0, '_');
    }
    safe
}

/// Appends a number to every path that an earlier one has, letter case ignored as some file systems do.
pub(super) fn make_unique<'p>(paths: impl Iterator<Item = &'p mut String>) {
    let mut taken = HashSet::new();
    for path in paths {
        let mut number = 1usize;
        let mut free = path.clone();
        while !taken.insert(free.to_lowercase()) {
            number += 1;
            free = format!("{path}-{number}");
        }
        *path = free;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out_of_the_directory() {
        for name in [
            "..",
            ".",
            "",
            "../../etc/passwd",
            "a/b",
            "\0",
            "a\nb",
            ".hidden",
        ] {
            let safe = safe(name);
            assert!(
                !safe.is_empty() && !safe.starts_with('.') && !safe.contains(['/', '\0', '\n']),
                "{safe:?}"
            );
        }
        assert_eq!(safe("system:node-1.example"), "system:node-1.example");
        assert!(safe(&"x".repeat(1000)).len() <= MAX_PART_BYTES + 1);
    }

    #[test]
    fn two_objects_never_have_one_path() {
        let mut paths = ["a", "A", "a", "a-2"].map(str::to_owned);
        make_unique(paths.iter_mut());
        assert_eq!(paths, ["a", "A-2", "a-3", "a-2-2"]);
    }
}

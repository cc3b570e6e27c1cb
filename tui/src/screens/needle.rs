//! What `/` looks for in the rows of a screen: text or regex in smart case, `!` for rows that do not match.

use regex::{Regex, RegexBuilder};

/// A filter over lines of text.
#[derive(Clone, Debug)]
pub(super) struct Needle {
    regex: Regex,
    inverse: bool,
}

/// Largest automaton that is built for what was typed.
const REGEX_BYTES: usize = 1 << 20;

impl Needle {
    /// `None`: nothing is filtered. What is no regex is looked for as it stands.
    pub(super) fn new(text: &str) -> Option<Self> {
        let (inverse, text) = match text.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        if text.is_empty() {
            return None;
        }
        let small = !text.chars().any(char::is_uppercase);
        let build = |pattern: &str| {
            RegexBuilder::new(pattern)
                .case_insensitive(small)
                .size_limit(REGEX_BYTES)
                .build()
        };
        let regex = build(text).or_else(|_| build(&regex::escape(text))).ok()?;
        Some(Self { regex, inverse })
    }

    /// Whether a line is shown.
    pub(super) fn keeps(&self, line: &str) -> bool {
        self.regex.is_match(line) != self.inverse
    }
}

#[cfg(test)]
mod tests {
    use super::Needle;

    #[test]
    fn small_letters_match_both_cases_and_what_is_no_regex_is_text() {
        let keeps = |needle: &str, line: &str| Needle::new(needle).unwrap().keeps(line);
        assert!(keeps("put", "PUT k") && !keeps("Put", "put k"));
        assert!(keeps("^a.c$", "abc") && keeps("a[", "a[b"));
        assert!(keeps("!put", "delete") && !keeps("!put", "put"));
        assert!(Needle::new("").is_none() && Needle::new("!").is_none());
    }
}

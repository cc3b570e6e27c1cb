//! What `/` looks for: text or regex in smart case, `!` for lines that do not match, `~` for those with its letters in order.

use std::ops::Range;

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use regex::bytes::{Regex, RegexBuilder};

/// A filter over lines.
#[derive(Clone, Debug)]
pub(crate) enum Needle {
    /// Lines that match, or with `inverse` those that do not.
    Regex {
        /// What is looked for.
        regex: Regex,
        /// Whether what does not match is shown.
        inverse: bool,
    },
    /// Lines that have the letters in this order.
    Fuzzy(Box<Fuzzy>),
}

/// A pattern with the room that matching needs.
#[derive(Clone, Debug)]
pub(crate) struct Fuzzy {
    pattern: Pattern,
    matcher: Matcher,
    room: Vec<char>,
}

/// Largest automaton that is built for what was typed.
const REGEX_BYTES: usize = 1 << 20;

/// Most places of a line that are marked.
const RANGES: usize = 64;

impl Needle {
    /// `None`: nothing is filtered. What is no regex, as a text half typed often is, is looked for literally.
    pub(crate) fn new(text: &str) -> Option<Self> {
        if let Some(letters) = text.strip_prefix('~') {
            return (!letters.is_empty()).then(|| Self::fuzzy(letters));
        }
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
        let regex = build(text).or_else(|_| build(&regex::escape(text)));
        Some(match regex {
            Ok(regex) => Self::Regex { regex, inverse },
            // Too long for an automaton.
            Err(_) => Self::fuzzy(text),
        })
    }

    /// Where a line that is shown has it, in bytes: at most so many places.
    pub(crate) fn ranges(&self, line: &str) -> Vec<Range<usize>> {
        match self {
            Self::Regex {
                regex,
                inverse: false,
            } => {
                let found = regex.find_iter(line.as_bytes()).map(|found| found.range());
                found
                    .filter(|range| !range.is_empty())
                    .take(RANGES)
                    .collect()
            }
            Self::Regex { .. } | Self::Fuzzy(_) => Vec::new(),
        }
    }

    fn fuzzy(letters: &str) -> Self {
        Self::Fuzzy(Box::new(Fuzzy {
            pattern: Pattern::parse(letters, CaseMatching::Smart, Normalization::Smart),
            matcher: Matcher::new(Config::DEFAULT.match_paths()),
            room: Vec::new(),
        }))
    }

    /// Whether a line is shown.
    pub(crate) fn keeps(&mut self, line: &[u8]) -> bool {
        match self {
            Self::Regex { regex, inverse } => regex.is_match(line) != *inverse,
            Self::Fuzzy(fuzzy) => {
                let text = String::from_utf8_lossy(line);
                let text = Utf32Str::new(&text, &mut fuzzy.room);
                fuzzy.pattern.score(text, &mut fuzzy.matcher).is_some()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Needle;

    #[test]
    fn small_letters_match_both_cases_and_what_is_no_regex_is_text() {
        for (needle, line, want) in [
            ("put", "PUT k", true),
            ("Put", "put k", false),
            ("^a.c$", "abc", true),
            ("a[", "a[b", true),
            ("web-[", "web-1", false),
            ("!put", "delete", true),
            ("!put", "put", false),
            ("~dplwb", "/registry/deployments/shop/Web-1", true),
            ("~bwl", "/registry/deployments/shop/Web-1", false),
        ] {
            let mut needle_of = Needle::new(needle).unwrap();
            assert_eq!(needle_of.keeps(line.as_bytes()), want, "{needle} {line}");
        }
        for nothing in ["", "!", "~"] {
            assert!(Needle::new(nothing).is_none());
        }
    }
}

//! What is looked for, and what must be among stored bytes for it to be found in what is printed of them.

use std::sync::Arc;

use regex::bytes::{Match, Regex, RegexBuilder};
use regex_automata::meta;
use regex_automata::nfa::thompson::{self, NFA, State, Transition};
use regex_automata::util::primitives::StateID;
use regex_automata::util::syntax;
use regex_syntax::hir::{Class, Hir, HirKind, Literal, Repetition};

use super::sieve::Sieve;

/// Maximum number of pairs of states that are compared to find out whether a pattern matches within some form of text.
const MAX_PAIRS: usize = 1 << 22;

/// Characters that JSON text may have as a backslash and a letter, and that letter.
const ESCAPED: [(u8, u8); 8] = [
    (b'"', b'"'),
    (b'\\', b'\\'),
    (b'/', b'/'),
    (0x08, b'b'),
    (0x0c, b'f'),
    (b'\n', b'n'),
    (b'\r', b'r'),
    (b'\t', b't'),
];

/// A pattern to search for.
#[derive(Clone, Debug)]
pub struct Pattern {
    regex: Regex,
    sieve: Option<Arc<Sieve>>,
    /// Matches the line of JSON of every object in which the pattern is found.
    printed: Option<meta::Regex>,
}

impl Pattern {
    /// Reads a regular expression of the crate `regex`; with `ignore_case`, letters match in either case.
    ///
    /// # Errors
    /// No regular expression, or one that is larger than `size_limit` bytes when it is compiled (10 MB if not given).
    pub fn new(
        text: &str,
        ignore_case: bool,
        size_limit: Option<usize>,
    ) -> Result<Self, regex::Error> {
        let mut builder = RegexBuilder::new(text);
        builder.case_insensitive(ignore_case);
        if let Some(limit) = size_limit {
            builder.size_limit(limit);
        }
        let regex = builder.build()?;
        let config = syntax::Config::new()
            .utf8(false)
            .case_insensitive(ignore_case);
        let parsed = syntax::parse_with(text, &config).ok();
        let sieve = parsed
            .as_ref()
            .and_then(|hir| Sieve::new(&regex, hir))
            .map(Arc::new);
        let printed = parsed
            .and_then(|hir| relaxed(&hir, true))
            .filter(|hir| hir.properties().minimum_len().is_some_and(|len| len > 0))
            .and_then(|hir| compiled(&hir));
        Ok(Self {
            regex,
            sieve,
            printed,
        })
    }

    /// The same pattern, for a search that decodes everything.
    #[must_use]
    pub fn without_sieve(&self) -> Self {
        Self {
            regex: self.regex.clone(),
            sieve: None,
            printed: None,
        }
    }

    /// Whether stored bytes can say that it is not found in an object.
    pub fn is_sieved(&self) -> bool {
        self.sieve.is_some()
    }

    /// Whether it is found in a text.
    pub fn is_match(&self, text: &[u8]) -> bool {
        self.regex.is_match(text)
    }

    /// Where it is found first.
    pub fn find<'t>(&self, text: &'t [u8]) -> Option<Match<'t>> {
        self.regex.find(text)
    }

    /// The regular expression.
    pub fn regex(&self) -> &Regex {
        &self.regex
    }

    /// Whether the line of JSON of an object shows that the pattern is not found in it.
    pub(super) fn is_not_in_line(&self, line: &[u8]) -> bool {
        self.printed.as_ref().is_some_and(|printed| {
            !printed.is_match(line)
                && memchr::memmem::find(line, b"\\u").is_none()
                // The data of Secrets is looked at in clear text.
                && memchr::memmem::find(line, b"Secret").is_none()
        })
    }

    /// Whether a line of JSON can show that.
    pub(super) fn is_told_by_lines(&self) -> bool {
        self.printed.is_some()
    }

    pub(super) fn sieve(&self) -> Option<&Sieve> {
        self.sieve.as_deref()
    }
}

pub(super) fn compiled(pattern: &Hir) -> Option<meta::Regex> {
    let config = meta::Config::new().utf8_empty(false);
    meta::Builder::new()
        .configure(config)
        .build_from_hir(pattern)
        .ok()
}

/// A pattern that matches among the bytes around and of every match of `pattern`: without assertions about what is beside it,
/// and with bytes that are no UTF-8 where U+FFFD would be printed. With `json`, a character may be a backslash and a letter.
pub(super) fn relaxed(pattern: &Hir, json: bool) -> Option<Hir> {
    let each = |parts: &[Hir]| -> Option<Vec<Hir>> {
        parts.iter().map(|part| relaxed(part, json)).collect()
    };
    Some(match pattern.kind() {
        HirKind::Empty | HirKind::Look(_) => Hir::empty(),
        HirKind::Literal(Literal(bytes)) => {
            // Bytes that are no text may be a part of U+FFFD.
            let text = std::str::from_utf8(bytes).ok()?;
            if text.contains(char::REPLACEMENT_CHARACTER) {
                return None;
            }
            match json {
                true => Hir::concat(bytes.iter().map(|byte| escaped(*byte)).collect()),
                false => Hir::literal(bytes.clone()),
            }
        }
        HirKind::Class(class) => relaxed_class(class, json)?,
        HirKind::Repetition(repetition) => {
            Hir::repetition(repetition.with(relaxed(&repetition.sub, json)?))
        }
        HirKind::Capture(capture) => relaxed(&capture.sub, json)?,
        HirKind::Concat(parts) => Hir::concat(each(parts)?),
        HirKind::Alternation(parts) => Hir::alternation(each(parts)?),
    })
}

/// One byte of JSON text, or its escape.
fn escaped(byte: u8) -> Hir {
    let plain = Hir::literal([byte]);
    let escape = ESCAPED.iter().find(|(character, _)| *character == byte);
    match escape {
        Some((_, letter)) => Hir::alternation(vec![plain, Hir::literal([b'\\', *letter])]),
        None => plain,
    }
}

fn relaxed_class(class: &Class, json: bool) -> Option<Hir> {
    let mut choices = vec![Hir::class(class.clone())];
    let has = |character: char| match class {
        Class::Unicode(class) => {
            let mut ranges = class.iter();
            ranges.any(|range| (range.start()..=range.end()).contains(&character))
        }
        Class::Bytes(class) => u8::try_from(character).is_ok_and(|byte| {
            let mut ranges = class.iter();
            ranges.any(|range| (range.start()..=range.end()).contains(&byte))
        }),
    };
    match class {
        Class::Bytes(class) if !class.is_ascii() => return None,
        Class::Unicode(_) if has(char::REPLACEMENT_CHARACTER) => {
            let range = regex_syntax::hir::ClassBytesRange::new(0x80, 0xff);
            let invalid = Class::Bytes(regex_syntax::hir::ClassBytes::new([range]));
            choices.push(Hir::repetition(Repetition {
                min: 1,
                max: Some(3),
                greedy: true,
                sub: Box::new(Hir::class(invalid)),
            }));
        }
        _ => {}
    }
    if json {
        let escapes = ESCAPED
            .iter()
            .filter(|(character, _)| has(char::from(*character)));
        choices.extend(escapes.map(|(_, letter)| Hir::literal([b'\\', *letter])));
    }
    Some(Hir::alternation(choices))
}

/// Whether a pattern matches within some text that is wholly matched by the other, `texts`.
pub(super) fn may_match_within(pattern: &NFA, texts: &str) -> bool {
    let Ok(texts) = thompson::NFA::new(texts) else {
        return true;
    };
    let (states, others) = (pattern.states().len(), texts.states().len());
    if states.saturating_mul(others) > MAX_PAIRS {
        return true;
    }
    let mut seen = vec![false; states * others];
    // The match may begin anywhere within the text: all states of the other pattern are on a way to its end.
    let first = pattern.start_anchored();
    let starts = reachable(&texts).into_iter();
    let mut open: Vec<(StateID, StateID)> = starts.map(|other| (first, other)).collect();
    while let Some((at, other)) = open.pop() {
        match seen.get_mut(at.as_usize() * others + other.as_usize()) {
            Some(seen) if !*seen => *seen = true,
            _ => continue,
        }
        if matches!(pattern.state(at), State::Match { .. }) {
            return true;
        }
        let (here, there) = (
            Moves::from_state(pattern.state(at)),
            Moves::from_state(texts.state(other)),
        );
        match (here, there) {
            (Moves::Free(next), _) => open.extend(next.into_iter().map(|next| (next, other))),
            (_, Moves::Free(next)) => open.extend(next.into_iter().map(|next| (at, next))),
            (Moves::Bytes(here), Moves::Bytes(there)) => {
                for (one, two) in here
                    .iter()
                    .flat_map(|one| there.iter().map(move |two| (one, two)))
                {
                    if one.start.max(two.start) <= one.end.min(two.end) {
                        open.push((one.next, two.next));
                    }
                }
            }
        }
    }
    false
}

/// States that a match which begins at the beginning of a text can come to.
fn reachable(nfa: &NFA) -> Vec<StateID> {
    let mut seen = vec![false; nfa.states().len()];
    let (mut open, mut found) = (vec![nfa.start_anchored()], Vec::new());
    while let Some(at) = open.pop() {
        match seen.get_mut(at.as_usize()) {
            Some(seen) if !*seen => *seen = true,
            _ => continue,
        }
        found.push(at);
        match Moves::from_state(nfa.state(at)) {
            Moves::Free(next) => open.extend(next),
            Moves::Bytes(bytes) => open.extend(bytes.iter().map(|bytes| bytes.next)),
        }
    }
    found
}

/// Where a state leads.
enum Moves {
    /// Without a byte.
    Free(Vec<StateID>),
    /// With a byte of these ranges.
    Bytes(Vec<Transition>),
}

impl Moves {
    fn from_state(state: &State) -> Self {
        match state {
            State::ByteRange { trans } => Self::Bytes(vec![*trans]),
            State::Sparse(sparse) => Self::Bytes(sparse.transitions.to_vec()),
            State::Dense(dense) => {
                let leads = |byte| {
                    let next = dense.matches_byte(byte)?;
                    Some(Transition {
                        start: byte,
                        end: byte,
                        next,
                    })
                };
                Self::Bytes((0..=u8::MAX).filter_map(leads).collect())
            }
            State::Look { next, .. } | State::Capture { next, .. } => Self::Free(vec![*next]),
            State::Union { alternates } => Self::Free(alternates.to_vec()),
            State::BinaryUnion { alt1, alt2 } => Self::Free(vec![*alt1, *alt2]),
            State::Fail | State::Match { .. } => Self::Bytes(Vec::new()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sieve(text: &str) -> Option<Arc<Sieve>> {
        Pattern::new(text, false, None).unwrap().sieve
    }

    #[test]
    fn what_may_be_part_of_a_number_or_a_time_is_looked_for_by_decoding() {
        for text in [
            "8080",
            "5",
            "2026-11",
            ":17",
            "true",
            "T0",
            "128Mi",
            "a*",
            "",
            "^",
            "1.5",
            "[0-9a-f]{8}",
            r"\w",
            "al",
        ] {
            assert!(sieve(text).is_none(), "{text}");
        }
        for text in [
            "hunter2",
            r"10\.96\.0\.10",
            "web-1",
            "image.*:latest",
            r"\bnode\b",
            "sha256:[0-9a-f]{8}",
            "[0-9]+/tcp",
        ] {
            assert!(sieve(text).is_some(), "{text}");
        }
    }

    #[test]
    fn only_what_is_made_of_its_letters_may_be_in_base64() {
        assert!(sieve("hunter2").unwrap().in_base64);
        assert!(!sieve("web-1x").unwrap().in_base64 && !sieve(r"10\.96\.0\.10").unwrap().in_base64);
    }

    #[test]
    fn assertions_escapes_and_replaced_bytes_lose_nothing() {
        let bounded = sieve(r"^\bhunter\b$").unwrap();
        assert!(bounded.passes(b"\x0a\x08xhunterx"));
        assert!(sieve("hun.er").unwrap().passes(b"hun\xf0\x90er"));
        assert!(sieve("\u{fffd}x").is_none());
        let quoted = sieve("say \"hunter\"").unwrap();
        assert!(!quoted.passes(br#"say \"hunter\""#) && quoted.passes_json(br#"say \"hunter\""#));
        assert!(sieve("a[^x]web").unwrap().passes_json(br"a\nweb"));
        assert!(sieve("hunter").unwrap().passes_json(br"hunt\u0065r"));
        assert!(!sieve("hunter").unwrap().passes_json(br#"{\"a\""#));
    }
}

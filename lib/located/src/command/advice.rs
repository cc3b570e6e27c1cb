//! A sentence that contains commands.

use std::ffi::OsStr;
use std::fmt::{self, Write as _};

use super::{Command, EvidenceOperand, Word};

/// The evidence in a text of ours.
pub(super) const EVIDENCE: &str = "{path}";

/// What to do next: a text of ours, in which `{path}` is the evidence, with words of the evidence in it.
///
/// Text is always `'static`: what comes from the evidence can only be a word, and is quoted.
///
/// ```
/// use etcd_inspect_located::{Advice, Command};
/// let advice = Advice::from("etcd-inspect history KEY -d {path}; compare it with another member").fill("KEY", "a b");
/// let text = advice.on(Some("/copy/m1".as_ref()));
/// assert_eq!(text, "etcd-inspect history 'a b' -d /copy/m1; compare it with another member");
/// let advice = Advice::from(Command::inspect("status").evidence()).then("     what it is");
/// assert_eq!(advice.to_string(), "etcd-inspect status PATH     what it is");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Advice {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Part {
    Text(&'static str),
    Word(Word),
}

impl Advice {
    /// With more text.
    #[must_use]
    pub fn then(mut self, text: &'static str) -> Self {
        self.parts.push(Part::Text(text));
        self
    }

    /// With a word of the evidence in place of `name`, which is a word of its own in the text.
    #[must_use]
    pub fn fill(self, name: &str, word: impl AsRef<OsStr>) -> Self {
        let word = Word::Given(word.as_ref().to_owned());
        let mut parts = Vec::new();
        for part in self.parts {
            match part {
                Part::Text(text) => split(text, name, &word, &mut parts),
                part => parts.push(part),
            }
        }
        Self { parts }
    }

    /// Without the clauses of the text (they are separated by `; `) that are not wanted. Empty if none is left.
    #[must_use]
    pub fn retain(self, wanted: impl Fn(&str) -> bool) -> Self {
        let mut parts = Vec::new();
        for part in self.parts {
            match part {
                Part::Text(text) => {
                    let clauses = text.split_inclusive("; ");
                    let clauses = clauses.filter(|clause| wanted(clause));
                    parts.extend(clauses.map(Part::Text));
                }
                part => parts.push(part),
            }
        }
        if let Some(Part::Text(last)) = parts.last_mut() {
            *last = last.trim_end_matches([' ', ';']);
        }
        Self { parts }
    }

    /// Whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The sentence, its words quoted for a shell, with the path of the evidence.
    pub fn on<'e>(&self, evidence: impl Into<EvidenceOperand<'e>>) -> String {
        let mut out = String::new();
        let _ = self.write(&mut out, evidence.into()); // writing to a string cannot fail
        out
    }

    pub(super) fn pieces(&self) -> &[Part] {
        &self.parts
    }

    fn write(&self, f: &mut String, evidence: EvidenceOperand<'_>) -> fmt::Result {
        for part in &self.parts {
            match part {
                Part::Word(word) => word.write(f, evidence)?,
                Part::Text(text) => {
                    let mut pieces = text.split(EVIDENCE);
                    let mut before = pieces.next().unwrap_or_default();
                    f.write_str(before)?;
                    for piece in pieces {
                        // Only our own verbs know the flag, and below the path there is one file.
                        let clause = before.rsplit("; ").next().unwrap_or(before);
                        let is_ours = clause.contains("etcd-inspect ");
                        let evidence = match is_ours && !piece.starts_with('/') {
                            true => evidence,
                            false => evidence.without_flags(),
                        };
                        Word::Evidence.write(f, evidence)?;
                        f.write_str(piece)?;
                        before = piece;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Cuts a text at each `name` that is a word of its own, and puts the word there.
fn split(text: &'static str, name: &str, word: &Word, parts: &mut Vec<Part>) {
    let mut start = 0;
    for (at, _) in text.match_indices(name) {
        let (before, after) = (text.get(..at), text.get(at.saturating_add(name.len())..));
        let (Some(before), Some(after)) = (before, after) else {
            continue;
        };
        let is_word = (before.is_empty() || before.ends_with(' '))
            && !after.starts_with(|c: char| !matches!(c, ' ' | '.' | ';' | ',' | ')'));
        if is_word {
            parts.extend(
                text.get(start..at)
                    .filter(|text| !text.is_empty())
                    .map(Part::Text),
            );
            parts.push(Part::Word(word.clone()));
            start = at.saturating_add(name.len());
        }
    }
    parts.extend(
        text.get(start..)
            .filter(|text| !text.is_empty())
            .map(Part::Text),
    );
}

impl From<&'static str> for Advice {
    fn from(text: &'static str) -> Self {
        Self {
            parts: vec![Part::Text(text)],
        }
    }
}

impl From<Command> for Advice {
    fn from(command: Command) -> Self {
        let mut parts = Vec::new();
        for word in command.all() {
            if !parts.is_empty() {
                parts.push(Part::Text(" "));
            }
            parts.push(Part::Word(word));
        }
        Self { parts }
    }
}

/// Quoted for a shell; the evidence as `PATH`.
impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.on(EvidenceOperand::default()))
    }
}

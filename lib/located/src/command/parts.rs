//! A sentence taken apart: which words of it are a command that runs when it is pasted, and which are for the reader.

use super::advice::Part;
use super::{Advice, EvidenceOperand, Word, shell};

/// What is shown of a sentence in one piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdvicePart {
    /// Words for the reader.
    Prose(String),
    /// A command.
    Command {
        /// Quoted for a shell.
        text: String,
        /// Whether it runs as it is: nothing in it has to be chosen first.
        is_complete: bool,
    },
}

/// The program whose name is always a command.
const OWN_PROGRAM: &str = "etcd-inspect";
/// Other programs in sentences of ours: a command only at the start of a clause.
const PROGRAMS: [&str; 9] = [
    "etcdctl", "etcdutl", "bbolt", "ls", "stat", "head", "7z", "tar", "openssl",
];
/// Flags in sentences of ours whose value is the next word.
const FLAGS_WITH_VALUE: [&str; 13] = [
    "--for",
    "--top",
    "--meta",
    "--type",
    "--index",
    "--encryption-config",
    "--rev",
    "--etcd",
    "--prefix",
    "--key",
    "--out",
    "-o",
    "-n",
];
/// Words that follow a command without an operand.
const PROSE_WORDS: [&str; 7] = ["on", "of", "for", "with", "in", "and", "looks"];

/// What ends a command within a sentence.
const PUNCTUATION: [char; 6] = ['.', ';', ',', ')', '`', ':'];

/// One word of a sentence.
struct Token {
    /// What is between it and the word before it.
    gap: String,
    text: String,
    kind: TokenKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum TokenKind {
    /// Of our own text.
    Ours,
    /// Of the evidence or of a command that was built word by word.
    Given,
    /// The path of the evidence.
    Evidence,
    /// What the reader has to choose.
    Choice,
}

impl Advice {
    /// The sentence with the path of the evidence, taken apart into commands and the words around them.
    ///
    /// ```
    /// use etcd_inspect_located::{Advice, AdvicePart};
    /// let advice = Advice::from("etcd-inspect history KEY -d {path} shows when; etcd-inspect compare {path} OTHER").fill("KEY", "a b");
    /// let parts = advice.parts(Some("/copy/m1".as_ref()));
    /// let commands = parts.iter().filter_map(|part| match part {
    ///     AdvicePart::Command { text, is_complete } => Some((text.as_str(), *is_complete)),
    ///     AdvicePart::Prose(_) => None,
    /// });
    /// let commands: Vec<_> = commands.collect();
    /// assert_eq!(commands, [("etcd-inspect history 'a b' -d /copy/m1", true), ("etcd-inspect compare /copy/m1 OTHER", false)]);
    /// ```
    pub fn parts<'e>(&self, evidence: impl Into<EvidenceOperand<'e>>) -> Vec<AdvicePart> {
        let tokens = self.tokens(evidence.into());
        let mut parts: Vec<AdvicePart> = Vec::new();
        let mut rest = tokens.as_slice();
        let mut before: Option<&Token> = None;
        while let Some((first, after)) = rest.split_first() {
            match command(rest, before) {
                Some((taken, part, punctuation)) => {
                    prose(&mut parts, &first.gap);
                    parts.push(part);
                    prose(&mut parts, &punctuation);
                    let (command, after) = rest.split_at(taken.min(rest.len()));
                    before = command.last();
                    rest = after;
                }
                None => {
                    prose(&mut parts, &first.gap);
                    prose(&mut parts, &first.text);
                    before = Some(first);
                    rest = after;
                }
            }
        }
        parts
    }

    fn tokens(&self, evidence: EvidenceOperand<'_>) -> Vec<Token> {
        let mut tokens: Vec<Token> = Vec::new();
        let mut gap = String::new();
        // What is written of the sentence, for the flags that a command lacks.
        let mut before = String::new();
        let mut push = |gap: &mut String, before: &mut String, text: String, kind: TokenKind| {
            before.push_str(gap);
            before.push_str(&text);
            tokens.push(Token {
                gap: std::mem::take(gap),
                text,
                kind,
            });
        };
        for part in self.pieces() {
            match part {
                Part::Word(Word::Given(word)) => {
                    push(&mut gap, &mut before, shell::quoted(word), TokenKind::Given);
                }
                Part::Word(word @ (Word::Evidence | Word::Choice(_))) => {
                    let text = match word {
                        Word::Evidence => evidence.text(&format!("{before}{gap}")),
                        word => word.text(),
                    };
                    let kind = match evidence.path().filter(|_| *word == Word::Evidence) {
                        Some(_) => TokenKind::Evidence,
                        None => TokenKind::Choice,
                    };
                    push(&mut gap, &mut before, text, kind);
                }
                Part::Text(text) => {
                    let mut rest = *text;
                    while !rest.is_empty() {
                        let spaces = rest
                            .len()
                            .saturating_sub(rest.trim_start_matches(' ').len());
                        let (space, after) = rest.split_at(spaces);
                        gap.push_str(space);
                        let end = after.find(' ').unwrap_or(after.len());
                        let (word, after) = after.split_at(end);
                        // What ends the sentence is no part of the path.
                        let (word, mark) = match word.contains(super::advice::EVIDENCE) {
                            true => word.split_at(word.trim_end_matches(PUNCTUATION).len()),
                            false => (word, ""),
                        };
                        for word in [word, mark].into_iter().filter(|word| !word.is_empty()) {
                            let (text, kind) = own_word(word, evidence, &format!("{before}{gap}"));
                            push(&mut gap, &mut before, text, kind);
                        }
                        rest = after;
                    }
                }
            }
        }
        if !gap.is_empty() {
            push(&mut gap, &mut before, String::new(), TokenKind::Ours);
        }
        tokens
    }
}

/// A word of our text, with the path of the evidence in its place.
fn own_word(word: &str, evidence: EvidenceOperand<'_>, before: &str) -> (String, TokenKind) {
    if !word.contains(super::advice::EVIDENCE) {
        return (word.to_owned(), TokenKind::Ours);
    }
    // Below the path there is one file: its log is not asked for.
    let operand = match word.contains("{path}/") {
        true => evidence.without_flags(),
        false => evidence,
    };
    let path = operand.text(before);
    // `{path}/member/wal/NAME.wal.broken`
    let is_open = is_placeholder(&word.replace(super::advice::EVIDENCE, ""));
    let kind = match evidence.path().filter(|_| !is_open) {
        Some(_) => TokenKind::Evidence,
        None => TokenKind::Choice,
    };
    (word.replace(super::advice::EVIDENCE, &path), kind)
}

fn prose(parts: &mut Vec<AdvicePart>, text: &str) {
    match parts.last_mut() {
        _ if text.is_empty() => {}
        Some(AdvicePart::Prose(last)) => last.push_str(text),
        _ => parts.push(AdvicePart::Prose(text.to_owned())),
    }
}

/// The command that begins here, with the number of its words and what follows its last one; `None` if these words are for the reader.
fn command(tokens: &[Token], before: Option<&Token>) -> Option<(usize, AdvicePart, String)> {
    let first = tokens.first()?;
    let name = first.text.trim_start_matches(['`', '(']);
    let opens = first.text.len() != name.len();
    let is_clause =
        || opens || before.is_none_or(|token| token.text.ends_with([';', ':', '.', ',']));
    let is_program = match first.kind {
        TokenKind::Ours => name == OWN_PROGRAM || PROGRAMS.contains(&name) && is_clause(),
        // A command that was built word by word. Within a sentence of ours such a word is of the evidence.
        TokenKind::Given => before.is_none(),
        TokenKind::Evidence | TokenKind::Choice => false,
    };
    if !is_program {
        return None;
    }
    let mut words = vec![name.to_owned()];
    let (mut taken, mut punctuation) = (1usize, String::new());
    let (mut has_operand, mut is_complete, mut is_value) = (false, true, false);
    let is_ours = name == OWN_PROGRAM;
    for (at, token) in tokens.iter().enumerate().skip(1) {
        // Two spaces and more are before a remark.
        let is_joined = token.gap.is_empty() && !token.text.starts_with(PUNCTUATION);
        let is_remark = token.gap.len() > 1 || token.gap.is_empty() && !is_joined;
        let word = token.text.trim_end_matches(PUNCTUATION);
        let is_flag = word.starts_with('-');
        let is_choice = token.kind == TokenKind::Choice
            || token.kind == TokenKind::Ours && is_placeholder(word);
        let is_plain = token.kind == TokenKind::Ours && !is_flag && !is_choice && !is_value;
        let ends = is_plain && (has_operand || PROSE_WORDS.contains(&word) || word.is_empty());
        if is_remark || ends {
            break;
        }
        let kept = match token.kind {
            TokenKind::Ours | TokenKind::Choice => word,
            TokenKind::Given | TokenKind::Evidence => token.text.as_str(),
        };
        words.push(kept.to_owned());
        taken = at.saturating_add(1);
        has_operand |= !is_flag && !is_value && token.kind != TokenKind::Ours || is_choice;
        is_complete &= !is_choice;
        is_value = is_flag && FLAGS_WITH_VALUE.contains(&word);
        punctuation = token.text.get(kept.len()..).unwrap_or_default().to_owned();
        if !punctuation.is_empty() {
            break;
        }
    }
    // A verb alone is a name, not a command: `etcd-inspect compare` of both.
    let is_name = words.len() < 2 || is_ours && !has_operand && first.kind == TokenKind::Ours;
    (!is_name).then(|| {
        let text = words.join(" ");
        (
            taken,
            AdvicePart::Command { text, is_complete },
            punctuation,
        )
    })
}

/// `KEY`, `OTHER`, `FILE.snap.db`, `namespaces/NAME`, `a..b`: what the reader replaces.
fn is_placeholder(word: &str) -> bool {
    let mut names = word.split(['/', '.', '=']);
    let is_name = |name: &str| {
        let is_upper = name.chars().all(|c| c.is_ascii_uppercase());
        name == "N" || name.len() > 2 && is_upper
    };
    word == "a..b" || names.any(is_name)
}

//! The commands in a sentence, split into words as a shell reads them.

use std::iter::Peekable;
use std::str::CharIndices;

/// The program whose commands are found.
const PROGRAM: &str = "etcd-inspect ";

/// A sentence around a command of ours.
#[derive(Debug, PartialEq, Eq)]
pub struct Sentence<'t> {
    /// What is before the command.
    pub before: &'t str,
    /// The command as it is written.
    pub command: &'t str,
    /// Its words without the program; `None`: no words that a tool can take, such as bytes that are no UTF-8.
    pub words: Option<Vec<String>>,
    /// What is after the command.
    pub after: &'t str,
}

impl<'t> Sentence<'t> {
    /// The first command in a text; `None` if there is none.
    pub fn parse(text: &'t str) -> Option<Self> {
        let start = text.match_indices(PROGRAM).map(|(at, _)| at).find(|at| {
            let before = text.get(..*at).unwrap_or_default();
            before.is_empty() || before.ends_with([' ', '`', '(', '\n'])
        })?;
        let (before, rest) = text.split_at_checked(start)?;
        let mut reader = Reader {
            text: rest,
            letters: rest.char_indices().peekable(),
            is_readable: true,
        };
        let words: Vec<String> = std::iter::from_fn(|| reader.word()).collect();
        let end = reader.letters.peek().map_or(rest.len(), |(at, _)| *at);
        let (command, after) = rest.split_at_checked(end)?;
        let is_readable = reader.is_readable;
        Some(Self {
            before,
            command: command.trim_end(),
            words: is_readable.then(|| words.into_iter().skip(1).collect()),
            after,
        })
    }
}

struct Reader<'t> {
    text: &'t str,
    letters: Peekable<CharIndices<'t>>,
    is_readable: bool,
}

impl Reader<'_> {
    /// The next word; `None` at the end of the command: what explains it is after several spaces, or after a mark.
    fn word(&mut self) -> Option<String> {
        self.letters.next_if(|(_, letter)| *letter == ' ');
        let mut word = String::new();
        let mut is_begun = false;
        while let Some((at, letter)) = self.letters.peek().copied() {
            match letter {
                ' ' | ';' | '`' | '(' | ')' | '\n' => break,
                '\'' => self.quoted(&mut word),
                '\\' => {
                    self.letters.next();
                    word.extend(self.letters.next().map(|(_, letter)| letter));
                }
                '"' | '$' => {
                    self.is_readable &= self.printed(at, &mut word).is_some();
                }
                letter => {
                    self.letters.next();
                    word.push(letter);
                }
            }
            is_begun = true;
        }
        is_begun.then_some(word)
    }

    fn quoted(&mut self, word: &mut String) {
        self.letters.next();
        for (_, letter) in self.letters.by_ref() {
            if letter == '\'' {
                return;
            }
            word.push(letter);
        }
    }

    /// `"$(printf '…')"` and `$'…'`, with bytes in octal: `located::Command` writes words so that no terminal shows as they are.
    fn printed(&mut self, at: usize, word: &mut String) -> Option<()> {
        let rest = self.text.get(at..)?;
        let forms = [("\"$(printf '", "')\""), ("$'", "'")];
        let found = forms.iter().find_map(|(open, close)| {
            let inner = rest.strip_prefix(open)?;
            let (inner, _) = inner.split_once(close)?;
            let len = open
                .len()
                .saturating_add(inner.len())
                .saturating_add(close.len());
            Some((inner, at.saturating_add(len)))
        });
        let Some((inner, end)) = found else {
            self.letters.next();
            return None;
        };
        while self.letters.next_if(|(at, _)| *at < end).is_some() {}
        word.push_str(&String::from_utf8(bytes(inner)?).ok()?);
        Some(())
    }
}

/// Bytes of a text with `\ooo` in it.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((plain, escaped)) = rest.split_once('\\') {
        bytes.extend_from_slice(plain.as_bytes());
        let (octal, after) = escaped.split_at_checked(3)?;
        bytes.push(u8::from_str_radix(octal, 8).ok()?);
        rest = after;
    }
    bytes.extend_from_slice(rest.as_bytes());
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use etcd_inspect::Command;

    #[test]
    fn a_command_in_a_sentence_is_read_as_a_shell_reads_it() {
        let text = "what is damaged: etcd-inspect get 'a b' -d /copy/m1     the object";
        let found = Sentence::parse(text).unwrap();
        assert_eq!(found.before, "what is damaged: ");
        assert_eq!(found.words.unwrap(), ["get", "a b", "-d", "/copy/m1"]);
        assert_eq!(found.after.trim(), "the object");
        let found = Sentence::parse("`etcd-inspect check --deep` lists all").unwrap();
        assert_eq!(found.words.unwrap(), ["check", "--deep"]);
        assert_eq!(found.after, "` lists all");
        assert_eq!(Sentence::parse("etcdutl snapshot restore a.db"), None);
    }

    #[test]
    fn words_that_our_commands_quote_come_back_as_they_were() {
        for word in [
            "plain",
            "it's",
            "a;b|c$(d)",
            "line\nbreak",
            "esc\u{1b}[0m",
            "\u{202e}x",
            "",
            "a\n",
        ] {
            let text = Command::inspect("history").arg(word).on(None);
            let found = Sentence::parse(&text).unwrap();
            assert_eq!(found.words.unwrap(), ["history", word], "{text}");
        }
        let unreadable = Command::inspect("history").arg("\u{fffd}").on(None);
        assert!(Sentence::parse(&unreadable).unwrap().words.is_some());
        assert_eq!(
            Sentence::parse("etcd-inspect get \"$(printf '\\377')\"")
                .unwrap()
                .words,
            None
        );
    }
}

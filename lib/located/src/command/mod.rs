//! The one builder of commands that are shown: `try`, `next`, hints and plans.
//!
//! Evidence is hostile: names of files, members, keys and objects may contain spaces, quotes, newlines, backticks, `$()` and
//! whatever else a shell expands. A [`Command`] is a list of words, an [`Advice`] a sentence of ours with words of the evidence in
//! it; both are quoted when they are printed, and nothing else in this project quotes for a shell.

mod advice;
mod flags;
mod operand;
mod parts;
mod shell;

use std::ffi::{OsStr, OsString};
use std::fmt::{self, Write as _};
use std::path::Path;

pub use advice::Advice;
pub use flags::{ReadBy, ReadingFlag, VERBS_WITH_KEYS};
pub use operand::EvidenceOperand;
pub use parts::AdvicePart;
use serde::{Serialize, Serializer};

/// One word of a command.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Word {
    /// A word as the program shall be given it.
    Given(OsString),
    /// The evidence that is asked about: who prints the command knows its path.
    Evidence,
    /// What the reader has to choose: `OTHER`. Printed as it is.
    Choice(&'static str),
}

impl Word {
    fn text(&self) -> String {
        let mut text = String::new();
        let _ = self.write(&mut text, EvidenceOperand::default()); // writing to a string cannot fail
        text
    }

    /// Adds it to a text that is written.
    fn write(&self, f: &mut String, evidence: EvidenceOperand<'_>) -> fmt::Result {
        match self {
            Self::Given(word) => f.write_str(&shell::quoted(word)),
            Self::Evidence => {
                f.push_str(&evidence.text(f));
                Ok(())
            }
            Self::Choice(name) => f.write_str(name),
        }
    }
}

/// A path as an operand: a leading dash would be read as a flag.
fn operand(path: &Path) -> OsString {
    match path.as_os_str().as_encoded_bytes().starts_with(b"-") {
        true => Path::new(".").join(path).into_os_string(),
        false => path.as_os_str().to_owned(),
    }
}

/// One command, word by word.
///
/// ```
/// use etcd_inspect_located::Command;
/// let command = Command::inspect("check").path("/copy/$(id)".as_ref());
/// assert_eq!(command.to_string(), "etcd-inspect check '/copy/$(id)'");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Command {
    words: Vec<Word>,
    /// Operands that begin with a dash.
    last: Vec<OsString>,
}

impl Command {
    /// A command without arguments.
    pub fn new(program: &str) -> Self {
        Self {
            words: vec![Word::Given(program.into())],
            last: Vec::new(),
        }
    }

    /// `etcd-inspect VERB`.
    pub fn inspect(verb: &str) -> Self {
        Self::new("etcd-inspect").arg(verb)
    }

    /// With one more word: a flag, or a word that no program reads as a flag.
    #[must_use]
    pub fn arg(mut self, word: impl AsRef<OsStr>) -> Self {
        self.words.push(Word::Given(word.as_ref().to_owned()));
        self
    }

    /// With an operand, which may begin with a dash: it is then the last word, after `--`.
    ///
    /// ```
    /// use etcd_inspect_located::Command;
    /// let search = |pattern| Command::inspect("search").operand(pattern).arg("-F").to_string();
    /// assert_eq!(search("web"), "etcd-inspect search web -F");
    /// assert_eq!(search("-x"), "etcd-inspect search -F -- -x");
    /// ```
    #[must_use]
    pub fn operand(mut self, word: impl AsRef<OsStr>) -> Self {
        let word = word.as_ref();
        if !word.as_encoded_bytes().starts_with(b"-") {
            return self.arg(word);
        }
        self.last.push(word.to_owned());
        self
    }

    /// With several words.
    #[must_use]
    pub fn args<'w>(self, words: impl IntoIterator<Item = &'w str>) -> Self {
        words.into_iter().fold(self, Self::arg)
    }

    /// With a flag and its value, which may begin with a dash.
    ///
    /// ```
    /// use etcd_inspect_located::Command;
    /// let get = Command::inspect("get").arg("pods");
    /// assert_eq!(get.clone().flag("--namespace", "shop").to_string(), "etcd-inspect get pods --namespace shop");
    /// assert_eq!(get.flag("--namespace", "-x").to_string(), "etcd-inspect get pods --namespace=-x");
    /// ```
    #[must_use]
    pub fn flag(self, name: &str, value: impl AsRef<OsStr>) -> Self {
        let value = value.as_ref();
        if !value.as_encoded_bytes().starts_with(b"-") {
            return self.arg(name).arg(value);
        }
        let mut both = OsString::from(name);
        both.push(if name.starts_with("--") { "=" } else { "" });
        both.push(value);
        self.arg(both)
    }

    /// With a path.
    #[must_use]
    pub fn path(self, path: &Path) -> Self {
        self.arg(operand(path))
    }

    /// With the path of the evidence that is asked about, which whoever prints the command fills in.
    #[must_use]
    pub fn evidence(mut self) -> Self {
        self.words.push(Word::Evidence);
        self
    }

    /// With evidence whose path is known: a path, and `--wal-dir` if its WAL is in a directory of its own.
    #[must_use]
    pub fn on_evidence(self, evidence: EvidenceOperand<'_>) -> Self {
        let command = match evidence.path() {
            Some(path) => self.path(path),
            None => self.evidence(),
        };
        match evidence.wal_dir() {
            Some(wal_dir) => command.flag(operand::WAL_DIR, wal_dir),
            None => command,
        }
    }

    /// With the flags with which the evidence was opened, if the verb reads them and they are not there: for a command of ours in
    /// which the path is a word already.
    #[must_use]
    pub fn opened_with(self, evidence: EvidenceOperand<'_>) -> Self {
        let words = self.words();
        let is_ours = words
            .first()
            .is_some_and(|program| program == "etcd-inspect");
        let verb = words.get(1).filter(|_| is_ours).cloned();
        let lacking = evidence.flags().iter().filter(|flag| {
            let has = |name: &str| words.iter().any(|word| word == name);
            flag.is_lacking(verb.as_deref().unwrap_or_default(), has)
        });
        lacking.fold(self, |command, flag| command.flag(flag.name, flag.value()))
    }

    /// With a word that the reader has to choose: `OTHER`, `FILE`.
    #[must_use]
    pub fn choice(mut self, name: &'static str) -> Self {
        self.words.push(Word::Choice(name));
        self
    }

    /// With a user key as `get`, `history` and `--key` read it.
    #[must_use]
    pub fn key(self, key: &[u8]) -> Self {
        self.arg(key_word(key))
    }

    /// The words, unquoted; the evidence as `PATH`.
    pub fn words(&self) -> Vec<String> {
        let text = |word: &Word| match word {
            Word::Given(word) => word.to_string_lossy().into_owned(),
            Word::Evidence => "PATH".to_owned(),
            Word::Choice(name) => (*name).to_owned(),
        };
        self.all().iter().map(text).collect()
    }

    fn all(&self) -> Vec<Word> {
        let mut words = self.words.clone();
        if !self.last.is_empty() {
            words.push(Word::Given("--".into()));
            words.extend(self.last.iter().cloned().map(Word::Given));
        }
        words
    }

    /// The words, each quoted for a shell.
    pub fn quoted_words(&self) -> Vec<String> {
        self.all().iter().map(Word::text).collect()
    }

    /// Quoted for a shell, with the path of the evidence.
    pub fn on<'e>(&self, evidence: impl Into<EvidenceOperand<'e>>) -> String {
        let mut text = String::new();
        let _ = self.write(&mut text, evidence.into()); // writing to a string cannot fail
        text
    }

    fn write(&self, f: &mut String, evidence: EvidenceOperand<'_>) -> fmt::Result {
        for (at, word) in self.all().iter().enumerate() {
            if at > 0 {
                f.write_str(" ")?;
            }
            word.write(f, evidence)?;
        }
        Ok(())
    }
}

/// Quoted for a shell; the evidence as `PATH`.
impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.on(EvidenceOperand::default()))
    }
}

/// As it is printed.
impl Serialize for Command {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A user key as a word that means only this key: escaped, or in base64 if the words of a command would read it as a pattern, a
/// flag, a revision or another prefix.
pub fn key_word(key: &[u8]) -> String {
    use base64::Engine as _;
    let text = crate::text::escape::bytes(key, crate::text::escape::Charset::default());
    if key.is_empty() {
        return String::new();
    }
    let is_path = text.starts_with('/');
    let is_name = text.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && text
            .chars()
            .all(|c| c.is_alphanumeric() || "._-/".contains(c));
    if (is_path || is_name) && !text.contains(['*', '?']) && !is_finding(&text) {
        return text.into_owned();
    }
    let encoded = base64::engine::general_purpose::STANDARD.encode(key);
    format!("b64:{encoded}")
}

/// `F-01`: the number of a finding.
fn is_finding(text: &str) -> bool {
    text.strip_prefix("F-")
        .is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    /// Names as an attacker, or a careless script, gives them.
    const HOSTILE: [&[u8]; 28] = [
        b"a b",
        b"`id`",
        b"$(id)",
        b"it's",
        b"\"",
        b"a\nb",
        b"*",
        b"",
        b"~",
        b";",
        b"\\",
        b"-rf",
        b"!!",
        b"a!b",
        b"web`id`",
        b"{path}",
        b"'{path}'",
        b"#x",
        b"a\tb",
        b"\x1b[2J",
        b"\xff\xfe",
        "\u{202e}x".as_bytes(),
        b"?[a]",
        b"&& id",
        b"%s%n",
        b"'\"'!'",
        b"$'\\x41'",
        b"\r",
    ];

    fn given(shell: &str, line: &str) -> Vec<u8> {
        let output = std::process::Command::new(shell)
            .arg("-c")
            .arg(line)
            .output();
        output.unwrap().stdout
    }

    #[test]
    fn every_word_is_that_word_for_a_shell_whatever_the_evidence_is_called() {
        for shell in ["sh", "bash"] {
            for word in HOSTILE {
                let command = Command::new("printf")
                    .arg(r"%s\0")
                    .arg(OsStr::from_bytes(word));
                let command = command.evidence();
                let line = command.on(Some(Path::new(OsStr::from_bytes(b"/copy/it's {path}"))));
                let want = [word, b"\0/copy/it's {path}\0"].concat();
                assert_eq!(given(shell, &line), want, "{shell}: {line}");
                assert!(!line.contains(crate::text::escape::is_hostile), "{line:?}");
            }
        }
    }

    #[test]
    fn a_sentence_with_hostile_words_is_quoted_and_never_filled_twice() {
        for shell in ["sh", "bash"] {
            for word in HOSTILE {
                let advice =
                    Advice::from(r"printf '%s\0' KEY {path}").fill("KEY", OsStr::from_bytes(word));
                let line = advice.on(Some(Path::new("/copy/a b")));
                let want = [word, b"\0/copy/a b\0"].concat();
                assert_eq!(given(shell, &line), want, "{shell}: {line}");
            }
        }
    }

    #[test]
    fn a_word_that_ends_with_a_newline_is_exact_in_bash_and_harmless_in_sh() {
        let line = Command::new("printf")
            .arg(r"%s\0")
            .arg("a'$(id)\n")
            .to_string();
        assert_eq!(given("bash", &line), b"a'$(id)\n\0", "{line}");
        assert!(!String::from_utf8_lossy(&given("sh", &line)).contains("uid="));
    }

    #[test]
    fn paths_that_begin_with_a_dash_are_no_flags() {
        let command = Command::inspect("check").path(Path::new("-rf"));
        assert_eq!(command.to_string(), "etcd-inspect check ./-rf");
        let command = Command::inspect("check").evidence();
        assert_eq!(
            command.on(Some(Path::new("-rf"))),
            "etcd-inspect check ./-rf"
        );
        assert_eq!(command.to_string(), "etcd-inspect check PATH");
    }

    #[test]
    fn a_key_that_a_verb_would_read_as_something_else_is_given_in_base64() {
        for plain in ["/registry/pods/shop/web", "compact_rev_key", "foo"] {
            assert_eq!(key_word(plain.as_bytes()), plain);
        }
        assert_eq!(key_word(b"/a\n"), "/a\\n");
        assert_eq!(key_word(b""), "");
        for other in [
            "-x", "7", "rev:7", "a*", "/a?", "F-01", "b64:AA==", "pods a",
        ] {
            assert!(key_word(other.as_bytes()).starts_with("b64:"), "{other}");
        }
    }
}

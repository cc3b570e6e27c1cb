//! The one builder of commands that are shown: every word is quoted for a shell.
//!
//! Evidence is hostile: names of files, members and keys may contain spaces, quotes, backticks and `$()`. No other code
//! builds a command line from words.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::evidence::{Evidence, Kind};
use crate::text::shell;

/// One command, word by word.
///
/// ```
/// use etcd_inspect::verdict::Command;
/// let command = Command::new("etcd-inspect").arg("check").arg("/copy/$(id)");
/// assert_eq!(command.to_string(), "etcd-inspect check '/copy/$(id)'");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Command {
    words: Vec<String>,
}

impl Command {
    /// A command without arguments.
    pub fn new(program: &str) -> Self {
        Self {
            words: vec![program.to_owned()],
        }
    }

    /// `etcd-inspect VERB`.
    pub fn inspect(verb: &str) -> Self {
        Self::new("etcd-inspect").arg(verb)
    }

    /// With one more word.
    #[must_use]
    pub fn arg(mut self, word: impl AsRef<str>) -> Self {
        self.words.push(word.as_ref().to_owned());
        self
    }

    /// With a path; control characters in it stay as they are, and are quoted.
    #[must_use]
    pub fn path(self, path: &Path) -> Self {
        let text = path.to_string_lossy();
        // A leading dash would be read as a flag.
        match text.starts_with('-') {
            true => self.arg(format!("./{text}")),
            false => self.arg(text),
        }
    }

    /// With several words.
    #[must_use]
    pub fn args<'w>(mut self, words: impl IntoIterator<Item = &'w str>) -> Self {
        self.words.extend(words.into_iter().map(str::to_owned));
        self
    }

    /// The words, unquoted.
    pub fn words(&self) -> &[String] {
        &self.words
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, word) in self.words.iter().enumerate() {
            if at > 0 {
                f.write_str(" ")?;
            }
            f.write_str(&shell::word(word))?;
        }
        Ok(())
    }
}

/// Evidence as other programs can be given it: a path, and the commands that first unpack it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The path as the user gave it.
    given: PathBuf,
    /// The path of the data directory or file for another program.
    path: PathBuf,
    /// What has to be run before, if it is inside an archive.
    unpack: Vec<Command>,
    kind: Kind,
}

impl Source {
    /// Of evidence; what is in an archive is unpacked into a folder beside the working directory first.
    pub fn new(evidence: &Evidence) -> Self {
        let given = evidence.path().to_owned();
        let mut source = Self {
            path: given.clone(),
            given,
            unpack: Vec::new(),
            kind: evidence.kind(),
        };
        if evidence.is_archived() {
            source.unpack(evidence);
        }
        source
    }

    fn unpack(&mut self, evidence: &Evidence) {
        let text = self.given.to_string_lossy().into_owned();
        let (archive, inner) = text
            .split_once("!/")
            .map_or((text.clone(), None), |(archive, inner)| {
                (archive.to_owned(), Some(inner.to_owned()))
            });
        let name = evidence.name().as_str();
        let inner = inner.or_else(|| name.split_once("!/").map(|(_, inner)| inner.to_owned()));
        let lower = archive.to_ascii_lowercase();
        let folder = PathBuf::from(format!("{}-unpacked", stem(Path::new(&archive))));
        let (single, command) = if lower.ends_with(".zip") {
            let zip = Command::new("unzip").arg("-q").path(Path::new(&archive));
            (false, zip.arg("-d").path(&folder))
        } else if lower.contains(".tar") || lower.ends_with(".tgz") || lower.ends_with(".tzst") {
            let tar = Command::new("tar").arg("-xf").path(Path::new(&archive));
            (false, tar.arg("-C").path(&folder))
        } else if lower.ends_with(".zst") {
            let target = folder.join("db");
            let zstd = Command::new("zstd").arg("-d").path(Path::new(&archive));
            (true, zstd.arg("-o").path(&target))
        } else {
            // gzip has no flag that names its output: it writes beside a copy.
            (
                true,
                Command::new("gzip").arg("-d").path(&folder.join("db.gz")),
            )
        };
        self.unpack.push(Command::new("mkdir").path(&folder));
        if command
            .words
            .first()
            .is_some_and(|program| program == "gzip")
        {
            let copy = Command::new("cp").path(Path::new(&archive));
            self.unpack.push(copy.path(&folder.join("db.gz")));
        }
        self.unpack.push(command);
        self.path = match (single, inner) {
            (true, _) => folder.join("db"),
            (false, Some(inner)) => folder.join(inner.trim_start_matches('/')),
            (false, None) => folder,
        };
    }

    /// The path as the user gave it: our own verbs read archives.
    pub fn given(&self) -> &Path {
        &self.given
    }

    /// What has to be run before another program is given [`path`](Self::path).
    pub fn unpacked(&self) -> Vec<Command> {
        self.unpack.clone()
    }

    /// The path for another program.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The db file for another program.
    pub fn db(&self) -> PathBuf {
        match self.kind {
            Kind::DataDir => self.path.join("member/snap/db"),
            Kind::MemberDir => self.path.join("snap/db"),
            Kind::SnapDir => self.path.join("db"),
            _ => self.path.clone(),
        }
    }

    /// A name for what is built from it, in the working directory: `m1` of `/copy/m1`.
    pub fn name(&self) -> String {
        stem(self.given.as_path())
    }
}

/// The last part of a path without the ends of archives, as a plain word.
fn stem(path: &Path) -> String {
    let base = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let base = base.unwrap_or_else(|| "etcd".to_owned());
    let mut base = base.as_str();
    for end in [".gz", ".zst", ".tgz", ".zip", ".tar", ".db"] {
        base = base.strip_suffix(end).unwrap_or(base);
    }
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || "._-".contains(c) {
            c
        } else {
            '_'
        }
    };
    let name: String = base.chars().map(plain).collect();
    let name = name.trim_start_matches(['-', '.']);
    match name.is_empty() {
        true => "etcd".to_owned(),
        false => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_one_word_for_a_shell_whatever_the_evidence_is_called() {
        for word in [
            "a b", "`id`", "$(id)", "it's", "\"", "a\nb", "*", "", "~", ";", "\\",
        ] {
            let line = Command::new("printf").arg("%s").arg(word).to_string();
            let said = std::process::Command::new("sh")
                .arg("-c")
                .arg(&line)
                .output()
                .unwrap();
            assert_eq!(String::from_utf8(said.stdout).unwrap(), word, "{line}");
        }
    }

    #[test]
    fn a_name_for_new_files_is_plain() {
        assert_eq!(stem(Path::new("/copy/m1")), "m1");
        assert_eq!(stem(Path::new("/copy/a b.tar.zst")), "a_b");
        assert_eq!(stem(Path::new("/")), "etcd");
        assert_eq!(stem(Path::new("--out")), "out");
    }
}

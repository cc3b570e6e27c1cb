//! Evidence as commands name it.

use std::path::{Path, PathBuf};

use located::{Command, EvidenceOperand};

use super::unpacking;
use crate::evidence::{Evidence, Kind};

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
    is_file: bool,
    /// The WAL, if it is in a directory of its own.
    wal: Option<Box<Source>>,
}

impl Source {
    /// Of evidence; what is in an archive is unpacked into a folder beside the working directory first.
    pub fn new(evidence: &Evidence) -> Self {
        let given = evidence.lasting_path().to_owned();
        let (unpack, path) = unpacking::commands(evidence.outermost_file(), evidence.layers());
        Self {
            path,
            given,
            unpack,
            kind: evidence.kind(),
            is_file: evidence.is_file(),
            wal: (evidence.wal_evidence()).map(|wal| Box::new(Self::new(wal))),
        }
    }

    /// The evidence as the user gave it: our own verbs read archives.
    pub fn given(&self) -> EvidenceOperand<'_> {
        let wal_dir = self.wal.as_deref().map(|wal| wal.given.as_path());
        EvidenceOperand::from(self.given.as_path()).with_wal_dir(wal_dir)
    }

    /// A command of ours on several copies: `--wal-dir` is given once for each, in their order, or not at all.
    pub(crate) fn all_of<'s>(
        sources: impl Iterator<Item = &'s Self> + Clone,
        command: Command,
    ) -> Command {
        let command =
            (sources.clone()).fold(command, |command, source| command.path(&source.given));
        if sources.clone().all(|source| source.wal.is_none()) {
            return command;
        }
        sources.fold(command, |command, source| {
            let own = || match source.kind {
                Kind::DataDir => source.given.join("member/wal"),
                Kind::MemberDir => source.given.join("wal"),
                _ => source.given.clone(),
            };
            let elsewhere = source.wal.as_deref().map(|wal| wal.given.clone());
            command.flag("--wal-dir", elsewhere.unwrap_or_else(own))
        })
    }

    /// What has to be run before another program is given [`path`](Self::path).
    pub fn unpacked(&self) -> Vec<Command> {
        match self.unpack.is_empty() {
            true => Vec::new(),
            false => self.writable("unpacked").0,
        }
    }

    /// The path for another program.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A data directory on which etcd may write, and what has to be run to have it: what was unpacked, or a copy in the working
    /// directory with this end of its name.
    pub fn writable(&self, end: &str) -> (Vec<Command>, PathBuf) {
        let (mut commands, copy) = self.writable_without_wal(end);
        if let Some(wal) = &self.wal {
            let inside = match self.kind {
                _ if self.is_file => return (commands, copy),
                Kind::MemberDir if !self.unpack.is_empty() => copy.join("wal"),
                _ => copy.join("member/wal"),
            };
            // The same archive is unpacked once.
            let unpacked = wal.unpack.iter();
            let unpacked = unpacked.filter(|command| !commands.contains(command));
            let unpacked: Vec<Command> = unpacked.cloned().collect();
            commands.extend(unpacked);
            commands.push(Command::new("rm").arg("-rf").path(&inside));
            commands.push(Command::new("cp").arg("-a").path(&wal.path).path(&inside));
        }
        (commands, copy)
    }

    fn writable_without_wal(&self, end: &str) -> (Vec<Command>, PathBuf) {
        if !self.unpack.is_empty() {
            return (self.unpack.clone(), self.path.clone());
        }
        let copy = PathBuf::from(format!("{}-{end}", self.name()));
        let copied = |to: &Path| Command::new("cp").arg("-a").path(&self.path).path(to);
        let commands = match self.kind {
            Kind::MemberDir => vec![
                Command::new("mkdir").path(&copy),
                copied(&copy.join("member")),
            ],
            _ => vec![copied(&copy)],
        };
        (commands, copy)
    }

    /// The db file for another program.
    pub fn db(&self) -> PathBuf {
        match self.kind {
            _ if self.is_file => self.path.clone(),
            Kind::DataDir => self.path.join("member/snap/db"),
            Kind::MemberDir => self.path.join("snap/db"),
            Kind::SnapDir => self.path.join("db"),
            _ => self.path.clone(),
        }
    }

    /// The backup that is built from it, in the working directory: never the file itself.
    pub fn backup(&self) -> PathBuf {
        self.other_than_itself(&self.name(), "salvaged")
    }

    /// The backup that a running member is asked for, in the working directory: never the file itself.
    pub fn saved(&self) -> PathBuf {
        self.other_than_itself("backup", "again")
    }

    fn other_than_itself(&self, stem: &str, end: &str) -> PathBuf {
        let file = PathBuf::from(format!("{stem}.db"));
        match self.given.file_name() == Some(file.as_os_str()) {
            true => PathBuf::from(format!("{stem}-{end}.db")),
            false => file,
        }
    }

    /// A name for what is built from it, in the working directory: `m1` of `/copy/m1`.
    pub fn name(&self) -> String {
        stem(self.given.as_path())
    }
}

/// Ends of the names of archives and databases.
const ENDS: [&str; 14] = [
    ".gz", ".zst", ".zstd", ".xz", ".bz2", ".lz4", ".tgz", ".tzst", ".txz", ".tbz2", ".tlz4",
    ".zip", ".tar", ".db",
];

/// The last part of a path without the ends of archives, as a plain word.
pub(super) fn stem(path: &Path) -> String {
    let base = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let base = base.unwrap_or_else(|| "etcd".to_owned());
    let mut base = base.as_str();
    while let Some(shorter) = ENDS.iter().find_map(|end| base.strip_suffix(end)) {
        base = shorter;
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
    fn a_name_for_new_files_is_plain() {
        assert_eq!(stem(Path::new("/copy/m1")), "m1");
        assert_eq!(stem(Path::new("/copy/a b.tar.zst")), "a_b");
        assert_eq!(stem(Path::new("s.db.gz.lz4")), "s");
        assert_eq!(stem(Path::new("/")), "etcd");
        assert_eq!(stem(Path::new("--out")), "out");
    }
}

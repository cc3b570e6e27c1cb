//! Which files are there: finds the data directory, folder or file that a path means.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::Kind;
use super::file::{File, Role};
use super::magic::{HEAD, Magic};
use super::name::{is_snap_name, is_wal_name, role_anywhere, role_in_snap, role_in_wal, shown};
use super::tree::{Shape, Tree, TreeEntry};
use crate::codes::dir;
use located::Limits;
use located::{FileName, Place};
use located::{Finding, Severity};

/// A folder of the evidence.
#[derive(Clone, Debug)]
pub struct Dir {
    /// The name for messages.
    pub name: FileName,
    /// The path below the evidence; empty for the evidence itself.
    pub relative: PathBuf,
    /// Permission bits (`0o700`), if known.
    pub mode: Option<u32>,
    /// Whether it is reached through a symbolic link, as `wal` often is.
    pub link: bool,
}

/// Everything in the located folder.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    pub(super) files: Vec<File>,
    pub(super) dirs: Vec<Dir>,
    /// Data directories inside the data directory.
    pub(super) nested: Vec<PathBuf>,
    pub(super) findings: Vec<Finding>,
    /// Whether this user may not read a folder or a segment.
    pub(super) is_denied: bool,
}

/// What a folder is, by the names in it.
pub(super) fn kind_of(tree: &dyn Tree, dir: &Path, limit: usize) -> Option<Kind> {
    let entries = tree.names(dir, limit).ok()?;
    let is_dir = |name: &str| {
        entries
            .iter()
            .any(|entry| entry.name == name && entry.shape == Shape::Dir)
    };
    let inside = |parent: &Path| {
        let has = |name: &str, role: fn(&[u8]) -> Role| {
            tree.names(&parent.join(name), limit).is_ok_and(|entries| {
                entries.iter().any(|entry| {
                    entry.shape == Shape::File && role(entry.name.as_encoded_bytes()) != Role::Stray
                })
            })
        };
        has("snap", role_in_snap) || has("wal", role_in_wal)
    };
    let called = |name: &str| dir.file_name().is_some_and(|last| last == name);
    if is_dir("member") && inside(&dir.join("member")) {
        return Some(Kind::DataDir);
    }
    if inside(dir) || (called("member") && (is_dir("snap") || is_dir("wal"))) {
        return Some(Kind::MemberDir);
    }
    let mut wal = false;
    for entry in entries.iter().filter(|entry| entry.shape == Shape::File) {
        let name = entry.name.as_encoded_bytes();
        if name == b"db" || is_snap_name(name) || role_in_snap(name) == Role::SnapDb {
            return Some(Kind::SnapDir);
        }
        wal |= is_wal_name(name);
    }
    // A data directory with an empty `member` comes last: `member` is a common word.
    wal.then_some(Kind::WalDir).or_else(|| {
        let empty = || {
            tree.names(&dir.join("member"), limit).is_ok_and(|entries| {
                entries
                    .iter()
                    .all(|entry| entry.name == "snap" || entry.name == "wal")
            })
        };
        (is_dir("member") && empty()).then_some(Kind::DataDir)
    })
}

/// Lists the files of a folder of that kind. `base` is its name for messages.
pub(super) fn inventory(
    tree: &dyn Tree,
    dir: &Path,
    kind: Kind,
    base: &str,
    limits: &Limits,
) -> Inventory {
    let mut lister = Lister {
        tree,
        root: dir,
        base,
        left: limits.files,
        limits,
        found: Inventory::default(),
    };
    match kind {
        Kind::DataDir => lister.data_dir(),
        Kind::MemberDir => lister.member(Path::new("")),
        _ => {
            lister.folder(Path::new(""), role_anywhere);
        }
    }
    lister.forget_refused_log();
    lister
        .found
        .files
        .sort_by(|a, b| (a.role(), a.relative()).cmp(&(b.role(), b.relative())));
    lister.found
}

struct Lister<'t> {
    tree: &'t dyn Tree,
    root: &'t Path,
    base: &'t str,
    left: usize,
    limits: &'t Limits,
    found: Inventory,
}

impl Lister<'_> {
    fn data_dir(&mut self) {
        for (path, entry) in self.folder(Path::new(""), |_| Role::Stray) {
            if entry.name == "member" {
                self.member(&path);
            } else if entry.name != "proxy" {
                self.nested(&path);
            }
        }
    }

    fn member(&mut self, at: &Path) {
        for (path, entry) in self.folder(at, |_| Role::Stray) {
            let name = entry.name.as_encoded_bytes();
            if name == b"snap" {
                self.folder(&path, role_in_snap);
            } else if name == b"wal" {
                self.folder(&path, role_in_wal);
            } else if name == b"wal.tmp" {
                self.folder(&path, |_| Role::WalTmp);
            } else if name.starts_with(b"wal.broken") {
                self.folder(&path, |_| Role::WalBroken);
            } else {
                self.nested(&path);
            }
        }
    }

    /// A data directory inside the data directory: etcd never looks there.
    fn nested(&mut self, path: &Path) {
        let data = |path: &Path| kind_of(self.tree, &self.root.join(path), 1000);
        if self.found.nested.len() < 100 && data(path) == Some(Kind::DataDir) {
            self.found.nested.push(path.to_owned());
        }
    }

    /// Notes the files of one folder and returns the folders in it.
    fn folder(&mut self, at: &Path, role: fn(&[u8]) -> Role) -> Vec<(PathBuf, TreeEntry)> {
        let (entries, more) = match self.tree.list(&self.root.join(at), self.left) {
            Ok(listed) => listed,
            Err(error) => {
                self.found.is_denied |= error.kind() == ErrorKind::PermissionDenied;
                let message = format!("the folder could not be listed: {error}");
                self.note(Finding::new(&dir::UNREADABLE, self.place(at), message));
                return Vec::new();
            }
        };
        self.left = self.left.saturating_sub(entries.len());
        if more {
            let message =
                "the folder contains more files than the limit; the others are part of no answer";
            self.note(Finding::new(&dir::TOO_MANY_FILES, self.place(at), message));
        }
        let mut folders = Vec::new();
        for entry in entries {
            let path = at.join(&entry.name);
            match entry.shape {
                Shape::File => {
                    let role = role(entry.name.as_encoded_bytes());
                    let source = self.tree.source(&self.root.join(&path));
                    let name = self.name(&path);
                    let file = File::new(name, path, role, entry.meta, source);
                    self.found.files.push(file);
                }
                Shape::Dir => {
                    self.found.dirs.push(Dir {
                        name: self.name(&path),
                        relative: path.clone(),
                        mode: entry.meta.mode,
                        link: entry.link,
                    });
                    folders.push((path, entry));
                }
                Shape::Other => {
                    // Under a name that etcd opens this stops etcd; under any other it is a stray.
                    let wanted = role(entry.name.as_encoded_bytes()) != Role::Stray
                        || [&b"member"[..], b"snap", b"wal"]
                            .contains(&entry.name.as_encoded_bytes());
                    let finding = Finding::new(
                        &dir::NOT_REGULAR,
                        self.place(&path),
                        if entry.link {
                            "the target of the symbolic link does not exist, or is neither a file nor a folder; it was not opened"
                        } else {
                            "this is a FIFO, socket or device and was not opened"
                        },
                    );
                    self.note(if wanted {
                        finding
                    } else {
                        finding.severity(Severity::Note)
                    });
                }
            }
        }
        folders
    }

    /// Takes the log out if this user may not read a segment of it: a log that is not known is neither empty nor cut.
    fn forget_refused_log(&mut self) {
        let segments = self.found.files.iter();
        let segments = segments.filter(|file| file.role() == Role::Wal);
        let refused = segments.filter_map(|file| {
            let path = self.root.join(file.relative());
            Some((file.name().clone(), self.tree.refusal(&path)?))
        });
        let refused: Vec<_> = refused.collect();
        let Some((name, error)) = refused.first() else {
            return;
        };
        let message = format!("the file could not be read: {error}");
        let finding = Finding::new(&dir::UNREADABLE, Place::file(name), message);
        self.note(finding.count(refused.len() as u64));
        self.found.files.retain(|file| file.role() != Role::Wal);
        self.found.is_denied = true;
    }

    fn note(&mut self, finding: Finding) {
        noted(&mut self.found.findings, finding, self.limits);
    }

    fn name(&self, at: &Path) -> FileName {
        FileName::new(joined(self.base, at))
    }

    fn place(&self, at: &Path) -> Place {
        Place::file(&self.name(at))
    }
}

/// Keeps a finding with its place, or only counts it if there are many of its code.
pub(super) fn noted(findings: &mut Vec<Finding>, finding: Finding, limits: &Limits) {
    let has_same_code = |other: &&mut Finding| other.code.id == finding.code.id;
    let known = findings.iter_mut().filter(has_same_code).count();
    match findings.iter_mut().rfind(has_same_code) {
        Some(last) if known >= limits.findings_per_code => {
            last.count = last.count.saturating_add(1);
        }
        _ => findings.push(finding),
    }
}

/// Returns the name in messages of the path `at` below `base`.
pub(super) fn joined(base: &str, at: &Path) -> String {
    let at = shown(at);
    if at.is_empty() {
        base.to_owned()
    } else if base.ends_with('/') {
        format!("{base}{at}")
    } else {
        format!("{base}/{at}")
    }
}

/// How far a search for evidence goes.
#[derive(Clone, Copy)]
pub(super) struct SearchBounds {
    /// Folders below folders.
    pub(super) depth: usize,
    /// Entries looked at, all folders together.
    pub(super) entries: usize,
    /// Files whose first bytes are looked at.
    pub(super) heads: usize,
}

/// One thing that a search found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Suggestion {
    pub(super) kind: Candidacy,
    pub(super) path: PathBuf,
}

/// What was found, the best match first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Candidacy {
    Folder(Kind),
    File(Kind),
    Archive,
}

/// Searches below a folder, breadth first; what is evidence is not searched further.
pub(super) fn search(tree: &dyn Tree, root: &Path, reach: SearchBounds) -> Vec<Suggestion> {
    let mut found = Vec::new();
    let (mut entries_left, mut heads_left) = (reach.entries, reach.heads);
    let mut level = vec![root.to_owned()];
    for _ in 0..=reach.depth {
        let mut next = Vec::new();
        for folder in level {
            if let Some(kind) = kind_of(tree, &folder, entries_left) {
                found.push(Suggestion {
                    kind: Candidacy::Folder(kind),
                    path: folder,
                });
                continue;
            }
            let Ok((entries, _)) = tree.list(&folder, entries_left) else {
                continue;
            };
            entries_left = entries_left.saturating_sub(entries.len());
            for entry in entries {
                let path = folder.join(&entry.name);
                match entry.shape {
                    Shape::Dir if !entry.link => next.push(path),
                    Shape::File if heads_left > 0 => {
                        heads_left -= 1;
                        if let Ok(head) = tree.head(&path, HEAD)
                            && let Some(kind) = file_candidacy(&head, entry.meta.size)
                        {
                            found.push(Suggestion { kind, path });
                        }
                    }
                    _ => {}
                }
            }
        }
        level = next;
    }
    found.sort();
    found
}

fn file_candidacy(head: &[u8], size: u64) -> Option<Candidacy> {
    match Magic::detect(head, size) {
        Magic::Bolt => Some(Candidacy::File(Kind::of_db(size))),
        Magic::Wal => Some(Candidacy::File(Kind::WalFile)),
        Magic::Snap => Some(Candidacy::File(Kind::SnapFile)),
        magic if magic.is_archive() => Some(Candidacy::Archive),
        _ => None,
    }
}

/// Returns what a single file is: by its content, and if that is damaged beyond recognition, by its name.
pub(super) fn file_kind(name: &[u8], magic: Magic, size: u64) -> Option<Kind> {
    match magic {
        Magic::Bolt => return Some(Kind::of_db(size)),
        Magic::Wal => return Some(Kind::WalFile),
        Magic::Snap => return Some(Kind::SnapFile),
        Magic::Sqlite => return None,
        _ => {}
    }
    let name = name.strip_suffix(b".broken").unwrap_or(name);
    match role_anywhere(name) {
        Role::Db | Role::SnapDb | Role::DbTmp => Some(Kind::of_db(size)),
        Role::Snap | Role::SnapBroken => Some(Kind::SnapFile),
        Role::Wal | Role::WalBroken => Some(Kind::WalFile),
        _ if name.ends_with(b".db") => Some(Kind::of_db(size)),
        _ if name.ends_with(b".wal") => Some(Kind::WalFile),
        _ => None,
    }
}

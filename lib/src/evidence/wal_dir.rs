//! A WAL in a directory of its own: etcd's `--wal-dir`.
//!
//! etcd with that flag reads and writes segments there and never looks at `member/wal`. Source: `WALDir` in
//! `server/config/config.go`, v3.5.30.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::file::{File, Role};
use super::locate::{Dir, Inventory, inventory};
use super::tree::Tree;
use super::{Evidence, Kind, OpenOptions, name};
use located::progress::Progress;
use located::{Error, Limits};

/// Roles of the files that are in a WAL directory.
const ROLES: [Role; 3] = [Role::Wal, Role::WalBroken, Role::WalTmp];

/// The WAL directory that was taken.
#[derive(Clone, Debug)]
pub(super) struct WalElsewhere {
    wal: Evidence,
    /// Segments of `member/wal`, which are not read.
    unread_segments: usize,
    /// Whether the evidence beside it is one file.
    beside_file: bool,
}

impl Evidence {
    /// The directory in which the WAL is, if it is not `member/wal`: the one that was given, or the only one of the same archive.
    pub fn wal_dir(&self) -> Option<&Path> {
        self.wal_evidence().map(Evidence::path)
    }

    /// The WAL directory as evidence of its own.
    pub(crate) fn wal_evidence(&self) -> Option<&Evidence> {
        Some(&self.wal_dir.as_deref()?.wal)
    }

    /// As [`Evidence::wal_evidence`], to be changed.
    pub(super) fn wal_evidence_mut(&mut self) -> Option<&mut Evidence> {
        Some(&mut self.wal_dir.as_deref_mut()?.wal)
    }

    /// Whether the path is that of one file, even if a WAL directory was given too.
    pub fn is_file(&self) -> bool {
        match &self.wal_dir {
            Some(elsewhere) => elsewhere.beside_file,
            None => is_file(self.kind),
        }
    }

    /// Segments of `member/wal` that are not read because another WAL directory was given.
    pub fn unread_segments(&self) -> usize {
        (self.wal_dir.as_ref()).map_or(0, |elsewhere| elsewhere.unread_segments)
    }

    /// The path and the WAL directory, for commands that read the same evidence again.
    pub fn operand(&self) -> located::EvidenceOperand<'_> {
        let wal_dir = self.wal_evidence().map(Evidence::lasting_path);
        located::EvidenceOperand::from(self.lasting_path()).with_wal_dir(wal_dir)
    }

    /// The same evidence with the WAL of that directory instead of its own.
    pub(super) fn with_wal_of(mut self, wal: Evidence) -> Self {
        // There is no other handle yet; else the files are copied without what was read of them.
        let mut own = match Arc::try_unwrap(std::mem::take(&mut self.found)) {
            Ok(found) => found,
            Err(shared) => Inventory {
                files: (shared.files.iter())
                    .map(|file| file.with_source(file.source().clone()))
                    .collect(),
                dirs: shared.dirs.clone(),
                nested: shared.nested.clone(),
                findings: shared.findings.clone(),
                is_denied: shared.is_denied,
            },
        };
        let is_segment = |file: &&File| file.role() == Role::Wal;
        let unread_segments = match is_own_wal(self.kind, self.path(), wal.path()) {
            true => 0,
            false => own.files.iter().filter(is_segment).count(),
        };
        own.files.retain(|file| !ROLES.contains(&file.role()));
        own.dirs.retain(|dir| !dir.relative.ends_with("wal"));
        let beside_file = is_file(self.kind);
        if beside_file {
            // One file and a log: as a folder with both in it.
            own.files = (own.files.iter())
                .map(|file| file.moved(name_of(file)))
                .collect();
            self.kind = Kind::SnapDir;
        }
        let folder = match self.kind {
            Kind::DataDir => PathBuf::from("member/wal"),
            Kind::MemberDir => PathBuf::from("wal"),
            _ => PathBuf::new(),
        };
        let files = wal
            .files()
            .iter()
            .filter(|file| ROLES.contains(&file.role()));
        let moved = |file: &File| file.moved(folder.join(name_of(file)));
        own.files.extend(files.map(moved));
        own.files
            .sort_by(|a, b| (a.role(), a.relative()).cmp(&(b.role(), b.relative())));
        if !folder.as_os_str().is_empty() {
            own.dirs.push(Dir {
                name: wal.name().clone(),
                relative: folder,
                mode: None,
                link: true,
            });
        }
        own.findings.extend(wal.found.findings.iter().cloned());
        own.is_denied |= wal.found.is_denied;
        self.found = Arc::new(own);
        self.wal_dir = Some(Box::new(WalElsewhere {
            wal,
            unread_segments,
            beside_file,
        }));
        self
    }
}

/// Whether the directory that was named is the one in which etcd keeps the log by default.
fn is_own_wal(kind: Kind, path: &Path, named: &Path) -> bool {
    let own = match kind {
        Kind::DataDir => path.join("member/wal"),
        Kind::MemberDir => path.join("wal"),
        _ => return false,
    };
    let same = own.canonicalize().ok().zip(named.canonicalize().ok());
    same.is_some_and(|(own, named)| own == named)
}

/// The data directory without a WAL in a folder of which only `wal/` is a member's: the two volumes of one member, side by side.
pub(super) fn parted(
    tree: &dyn Tree,
    dir: &Path,
    kind: Kind,
    found: &Inventory,
    limits: &Limits,
) -> Option<PathBuf> {
    let is_wal_alone = |file: &File| {
        [ROLES.as_slice(), &[Role::Stray]]
            .concat()
            .contains(&file.role())
    };
    let [nested] = found.nested.as_slice() else {
        return None;
    };
    if kind != Kind::MemberDir || !found.files.iter().all(is_wal_alone) {
        return None;
    }
    let nested = dir.join(nested);
    let inside = inventory(tree, &nested, Kind::DataDir, "", limits);
    let has_log = inside.files.iter().any(|file| file.role() == Role::Wal);
    (!has_log).then_some(nested)
}

fn is_file(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Db | Kind::Snapshot | Kind::SnapFile | Kind::WalFile
    )
}

/// The name of a file in its folder; of a single file, that of its path.
fn name_of(file: &File) -> PathBuf {
    PathBuf::from(file.base().into_owned())
}

/// Opens the directory that was given as the WAL directory; it may be empty.
///
/// # Errors
/// As [`Evidence::open`]; [`Error::NotEvidence`] if there is something else than a WAL.
pub(super) fn open(
    path: &Path,
    options: &OpenOptions,
    progress: &dyn Progress,
) -> Result<Evidence, Error> {
    let alone = OpenOptions {
        wal_dir: None,
        ..options.clone()
    };
    match Evidence::open_with(path, &alone, progress) {
        Ok(wal)
            if (!wal.wal().is_empty() || wal.unseen_log().is_some())
                && !matches!(wal.kind, Kind::DataDir | Kind::MemberDir) =>
        {
            Ok(wal)
        }
        Ok(other) => Err(Error::NotEvidence {
            path: path.to_owned(),
            why: format!(
                "it is a {}, and --wal-dir is the folder in which the .wal files are",
                other.kind.as_str()
            ),
            near: (other.wal().first())
                .and_then(|segment| Some(path.join(segment.relative().parent()?)))
                .into_iter()
                .collect(),
        }),
        Err(Error::NotEvidence { .. }) if is_empty(path) => Ok(Evidence {
            path: path.to_owned(),
            name: located::FileName::new(name::shown(path)),
            kind: Kind::WalDir,
            archived: false,
            holders: Vec::new(),
            found: Arc::default(),
            wal_dir: None,
            layers: Vec::new(),
            lasting: None,
            saved: None,
        }),
        Err(error) => Err(error),
    }
}

fn is_empty(path: &Path) -> bool {
    fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none())
}

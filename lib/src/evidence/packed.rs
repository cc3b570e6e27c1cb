//! Evidence inside archives: which of the things in it is meant.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::archive::{Budget, Unpacked, stored, unpack};
use super::file::{ByteSource, File, FileFacts, Role};
use super::layer::Packaging;
use super::locate::{
    Candidacy, Inventory, SearchBounds, Suggestion, file_kind, inventory, kind_of, search,
};
use super::magic::{HEAD, Magic};
use super::name::shown;
use super::pipe;
use super::platform::os_str;
use super::store::SparseBuffer;
use super::tree::{Shape, Tree};
use super::wal_dir;
use super::{Evidence, Kind, OpenOptions, is_own_pipe};
use crate::codes::dir;
use located::Error;
use located::FileName;
use located::Finding;
use located::progress::Progress;

/// Archives in archives.
const DEPTH: usize = 4;
const REACH: SearchBounds = SearchBounds {
    depth: 41,
    entries: usize::MAX,
    heads: usize::MAX,
};
const MAX_SUGGESTIONS: usize = 20;

/// Returns the archive and the path in it, if a path is `archive!/path` and the first part is a file.
pub(super) fn split(path: &Path) -> Option<(PathBuf, Vec<u8>)> {
    let bytes = path.as_os_str().as_encoded_bytes();
    let marks = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'!');
    marks.map(|(at, _)| at).find_map(|at| {
        let (left, rest) = bytes.split_at_checked(at)?;
        let inner = rest
            .get(1..)
            .filter(|inner| inner.is_empty() || inner.starts_with(b"/"))?;
        let archive = PathBuf::from(&*os_str(left));
        let is_pipe = || fs::metadata(&archive).is_ok_and(|meta| is_own_pipe(&archive, &meta));
        (archive.is_file() || is_pipe()).then(|| (archive, inner.to_vec()))
    })
}

/// Opens evidence in an archive.
///
/// # Errors
/// As [`Evidence::open`].
pub(super) fn open(
    archive: &Path,
    inner: &[u8],
    options: &OpenOptions,
    progress: &dyn Progress,
) -> Result<Evidence, Error> {
    if fs::metadata(archive).is_ok_and(|meta| is_own_pipe(archive, &meta)) {
        return open_stream(archive, inner, options, progress);
    }
    let file = super::platform::open(archive).map_err(|source| Error::Io {
        path: archive.to_owned(),
        source,
    })?;
    progress.begin("unpacking", 0);
    let opening = Opening {
        options,
        budget: &Budget::new(&options.limits, progress),
    };
    opening.layer(
        ArchiveSource::File(file),
        archive.to_owned(),
        inner,
        DEPTH,
        Packing::default(),
    )
}

/// Opens what a pipe gives, which can be read once: a db, a snapshot or an archive.
///
/// # Errors
/// As [`Evidence::open`].
pub(super) fn open_stream(
    path: &Path,
    inner: &[u8],
    options: &OpenOptions,
    progress: &dyn Progress,
) -> Result<Evidence, Error> {
    progress.begin("reading", 0);
    let reading = Budget::new(&options.limits, progress);
    let read = pipe::content(path, |pipe| stored(pipe, &reading));
    if reading.is_exceeded() {
        return Err(Error::Limit {
            file: FileName::new(shown(path)),
            what: "the size of what the pipe gives",
            limit: options.limits.unpacked_bytes,
            option: "--max-unpacked",
        });
    }
    let store = read.map_err(|source| Error::Io {
        path: path.to_owned(),
        source,
    })?;
    let bytes = store.as_slice();
    let (head, size) = (bytes.get(..HEAD).unwrap_or(bytes), bytes.len() as u64);
    let magic = Magic::detect(head, size);
    if magic.is_archive() {
        let opening = Opening {
            options,
            budget: &Budget::new(&options.limits, progress),
        };
        let layer = ArchiveSource::Entry(Arc::clone(&store));
        let opened = opening.layer(layer, path.to_owned(), inner, DEPTH, Packing::default());
        if matches!(opened, Err(Error::NotEvidence { .. })) {
            pipe::keep(path, store);
        }
        return opened;
    }
    let Some(kind) = file_kind(b"", magic, size) else {
        return Err(Error::NotEvidence {
            path: path.to_owned(),
            why: super::why_not(magic, size),
            near: Vec::new(),
        });
    };
    let facts = FileFacts {
        size,
        ..FileFacts::default()
    };
    Ok(Evidence::single(
        path,
        kind,
        facts,
        ByteSource::Stored(store),
    ))
}

struct Opening<'o> {
    options: &'o OpenOptions,
    budget: &'o Budget<'o>,
}

/// The bytes of one archive: the file that was given, or an entry of another archive.
enum ArchiveSource {
    File(fs::File),
    Entry(Arc<SparseBuffer>),
}

/// What was chosen in an archive.
enum Target {
    Folder(PathBuf, Kind),
    File(PathBuf, Kind),
    Archive(PathBuf, Arc<SparseBuffer>),
}

impl Opening<'_> {
    /// `path` names the archive, `inner` the path in it that is wanted (empty: whatever is in it).
    fn layer(
        &self,
        layer: ArchiveSource,
        path: PathBuf,
        inner: &[u8],
        depth: usize,
        mut packing: Packing,
    ) -> Result<Evidence, Error> {
        let (here, further) = outermost(inner);
        let name = FileName::new(shown(&path));
        let (tree, mut found) = self.unpack(layer, &name, &here)?;
        packing.findings.append(&mut found);
        packing.layers.extend(tree.layers.iter().cloned());
        let target = match here.as_os_str().is_empty() {
            true => choose(&tree),
            false => resolve(&tree, &here),
        };
        let at = |place: &Path| inside(&path, place);
        let target =
            target.map_err(|unchosen| unchosen.into_error(&path, &here, &packing.findings))?;
        let (place, kind, mut found) = match target {
            Target::Archive(place, _) if depth == 0 => {
                return Err(Error::NotEvidence {
                    path: at(&place),
                    why: "archives are nested in archives too deep".to_owned(),
                    near: Vec::new(),
                });
            }
            Target::Archive(place, store) => {
                packing.choose(&place);
                return self.layer(
                    ArchiveSource::Entry(store),
                    at(&place),
                    further,
                    depth - 1,
                    packing,
                );
            }
            Target::Folder(place, kind) => {
                let base = shown(&at(&place));
                let found = inventory(&tree, &place, kind, &base, &self.options.limits);
                (place, kind, found)
            }
            Target::File(place, kind) => {
                let found = single_file(&tree, &place, kind, &at(&place));
                (place, kind, found)
            }
        };
        packing.findings.append(&mut found.findings);
        found.findings = packing.findings;
        can_be_read(&found, &at(&place))?;
        let packed = PackedIn {
            tree: &tree,
            archive: &path,
            layers: &packing.layers,
        };
        Ok(self.with_wal(&packed, (place, kind), found))
    }

    /// What was chosen in an archive, with the WAL of the same archive if that is in a folder of its own.
    fn with_wal(
        &self,
        packed: &PackedIn<'_>,
        (place, kind): (PathBuf, Kind),
        found: Inventory,
    ) -> Evidence {
        let tree = packed.tree;
        // A WAL directory that is given is taken instead.
        if self.options.wal_dir.is_some() || !matches!(kind, Kind::DataDir | Kind::MemberDir) {
            return packed.evidence(&place, kind, found);
        }
        if let Some(nested) = wal_dir::parted(tree, &place, kind, &found, &self.options.limits) {
            let member = self.folder(packed, &nested, Kind::DataDir);
            let wal = place.join("wal");
            return member.with_wal_of(self.folder(packed, &wal, Kind::WalDir));
        }
        let elsewhere = only_wal_dir(tree).filter(|_| !has_log(&found));
        let evidence = packed.evidence(&place, kind, found);
        match elsewhere {
            Some(wal) => evidence.with_wal_of(self.folder(packed, &wal, Kind::WalDir)),
            None => evidence,
        }
    }

    /// A folder of the archive.
    fn folder(&self, packed: &PackedIn<'_>, place: &Path, kind: Kind) -> Evidence {
        let name = shown(&inside(packed.archive, place));
        let found = inventory(packed.tree, place, kind, &name, &self.options.limits);
        packed.evidence(place, kind, found)
    }

    fn unpack(
        &self,
        source: ArchiveSource,
        name: &FileName,
        only: &Path,
    ) -> Result<(Unpacked, Vec<Finding>), Error> {
        let limits = &self.options.limits;
        match source {
            ArchiveSource::File(file) => unpack(file, name, only, limits, self.budget),
            ArchiveSource::Entry(store) => {
                let stored = io::Cursor::new(store.as_slice());
                unpack(stored, name, only, limits, self.budget)
            }
        }
    }
}

fn has_log(found: &Inventory) -> bool {
    found.files.iter().any(|file| file.role() == Role::Wal)
}

/// What was entered on the way to an archive, and what is damaged there.
#[derive(Default)]
struct Packing {
    layers: Vec<Packaging>,
    findings: Vec<Finding>,
}

impl Packing {
    fn choose(&mut self, place: &Path) {
        if let Some(last) = self.layers.last_mut() {
            last.choose(place);
        }
    }
}

/// The archive in which evidence is.
struct PackedIn<'a> {
    tree: &'a Unpacked,
    archive: &'a Path,
    layers: &'a [Packaging],
}

impl PackedIn<'_> {
    fn evidence(&self, place: &Path, kind: Kind, found: Inventory) -> Evidence {
        let path = inside(self.archive, place);
        let mut packing = Packing {
            layers: self.layers.to_vec(),
            findings: Vec::new(),
        };
        packing.choose(place);
        Evidence {
            name: FileName::new(shown(&path)),
            path,
            kind,
            archived: true,
            holders: Vec::new(),
            found: Arc::new(found),
            wal_dir: None,
            layers: packing.layers,
            lasting: None,
            saved: None,
        }
    }
}

/// The only folder of WAL segments in an archive with one data directory: the WAL of that directory, if it has none itself.
fn only_wal_dir(tree: &Unpacked) -> Option<PathBuf> {
    let found = search(tree, Path::new(""), REACH);
    let of_kind = |wanted: fn(Kind) -> bool| {
        let found = found.iter();
        found.filter(move |one| matches!(one.kind, Candidacy::Folder(kind) if wanted(kind)))
    };
    let members = of_kind(|kind| matches!(kind, Kind::DataDir | Kind::MemberDir)).count();
    let mut logs = of_kind(|kind| kind == Kind::WalDir);
    match (members, logs.next(), logs.next()) {
        (1, Some(only), None) => Some(only.path.clone()),
        _ => None,
    }
}

/// Refuses evidence whose files are all encrypted.
fn can_be_read(found: &Inventory, path: &Path) -> Result<(), Error> {
    let is_encrypted = |finding: &&Finding| finding.code.id == dir::ARCHIVE_ENCRYPTED.id;
    let is_of_etcd = |file: &File| file.role() != Role::Stray;
    match found.findings.iter().find(is_encrypted) {
        Some(finding) if !found.files.iter().any(is_of_etcd) => Err(Error::NotEvidence {
            path: path.to_owned(),
            why: format!("nothing in it can be read: {}", finding.message),
            near: Vec::new(),
        }),
        _ => Ok(()),
    }
}

/// Splits a path at the first archive that it names: `b.zip!/c` in `a.tar!/b.zip!/c`.
fn outermost(inner: &[u8]) -> (PathBuf, &[u8]) {
    let here = inner.split(|byte| *byte == b'!').next().unwrap_or_default();
    let further = inner.get(here.len()..).unwrap_or_default();
    match further.strip_prefix(b"!") {
        Some(rest) if rest.is_empty() || rest.starts_with(b"/") => (normal(here), rest),
        _ => (normal(inner), &b""[..]),
    }
}

/// One file of an archive as all that was given.
fn single_file(tree: &Unpacked, place: &Path, kind: Kind, path: &Path) -> Inventory {
    let file = File::new(
        FileName::new(shown(path)),
        PathBuf::new(),
        kind.role(),
        tree.meta(place),
        tree.source(place),
    );
    Inventory {
        files: vec![file],
        ..Inventory::default()
    }
}

/// Nothing was chosen: why, and what can be.
struct Unchosen {
    why: String,
    near: Vec<PathBuf>,
}

impl Unchosen {
    /// `archive`: the archive in which `here` was looked for; `findings`: what is damaged in it.
    fn into_error(self, archive: &Path, here: &Path, findings: &[Finding]) -> Error {
        let damage = findings
            .first()
            .map(|first| format!("; {}: {}", first.code.title, first.message));
        Error::NotEvidence {
            path: match here.as_os_str().is_empty() {
                true => archive.to_owned(),
                false => inside(archive, here),
            },
            why: format!("{}{}", self.why, damage.unwrap_or_default()),
            near: self
                .near
                .iter()
                .map(|place| inside(archive, place))
                .collect(),
        }
    }
}

/// The one thing in an archive: the only data directory, else the only folder or file of the best match.
fn choose(tree: &Unpacked) -> Result<Target, Unchosen> {
    let only = tree.only_file();
    // A compressed file, or a db alone in an archive: the file itself, not a folder with a db in it.
    if let Some(path) = only.as_ref().filter(|path| path.iter().count() == 1)
        && let Some(kind) = by_name(tree, path)
    {
        return Ok(Target::File(path.clone(), kind));
    }
    let found = search(tree, Path::new(""), REACH);
    let Some(first) = found.first() else {
        // A db without meta pages is recognised by its name alone.
        return only
            .and_then(|path| {
                let kind = by_name(tree, &path)?;
                Some(Target::File(path, kind))
            })
            .ok_or_else(|| Unchosen {
                why: "nothing in the archive is a data directory, db, snapshot, WAL or .snap file"
                    .to_owned(),
                near: Vec::new(),
            });
    };
    let mut alike: Vec<&Suggestion> = found
        .iter()
        .take_while(|other| rank(other) == rank(first))
        .collect();
    // A second name of a file is not a second file, if its first name is there to choose.
    if alike.iter().any(|other| !tree.is_link(&other.path)) {
        alike.retain(|other| !tree.is_link(&other.path));
    }
    let first = alike.first().copied().unwrap_or(first);
    if alike.len() > 1 {
        return Err(Unchosen {
            why: format!(
                "the archive holds {} of the same kind; choose one with archive!/path",
                alike.len()
            ),
            near: alike
                .iter()
                .take(MAX_SUGGESTIONS)
                .map(|other| other.path.clone())
                .collect(),
        });
    }
    let path = first.path.clone();
    match first.kind {
        Candidacy::Folder(kind) => Ok(Target::Folder(path, kind)),
        Candidacy::File(kind) => Ok(Target::File(path, kind)),
        Candidacy::Archive => nested(tree, path),
    }
}

/// Snapshots and raw db files are equally good.
fn rank(candidate: &Suggestion) -> Candidacy {
    match candidate.kind {
        Candidacy::File(Kind::Snapshot) => Candidacy::File(Kind::Db),
        kind => kind,
    }
}

/// Finds what a path that the user named is.
fn resolve(tree: &Unpacked, path: &Path) -> Result<Target, Unchosen> {
    match tree.shape(path) {
        Some(Shape::Dir) => match kind_of(tree, path, usize::MAX) {
            Some(kind) => Ok(Target::Folder(path.to_owned(), kind)),
            None => Err(Unchosen {
                why: "there is no member/, snap/ or wal/ folder, no db, .snap or .wal file in it"
                    .to_owned(),
                near: below(tree, path),
            }),
        },
        Some(_) => {
            let magic = magic(tree, path);
            if magic.is_archive() {
                return nested(tree, path.to_owned());
            }
            match by_name(tree, path) {
                Some(kind) => Ok(Target::File(path.to_owned(), kind)),
                None => Err(Unchosen {
                    why: super::why_not(magic, tree.meta(path).size),
                    near: below(tree, Path::new("")),
                }),
            }
        }
        None => Err(Unchosen {
            why: "there is no such entry in the archive".to_owned(),
            near: below(tree, Path::new("")),
        }),
    }
}

fn nested(tree: &Unpacked, path: PathBuf) -> Result<Target, Unchosen> {
    match tree.store(&path) {
        Some(store) => Ok(Target::Archive(path, store)),
        None => Err(Unchosen {
            why: "this entry was not kept".to_owned(),
            near: Vec::new(),
        }),
    }
}

fn magic(tree: &Unpacked, path: &Path) -> Magic {
    let head = tree.head(path, HEAD).unwrap_or_default();
    Magic::detect(&head, tree.meta(path).size)
}

fn by_name(tree: &Unpacked, path: &Path) -> Option<Kind> {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    file_kind(name, magic(tree, path), tree.meta(path).size)
}

fn below(tree: &Unpacked, path: &Path) -> Vec<PathBuf> {
    let found = search(tree, path, REACH).into_iter();
    found
        .map(|candidate| candidate.path)
        .take(MAX_SUGGESTIONS)
        .collect()
}

/// `archive!/place`.
fn inside(archive: &Path, place: &Path) -> PathBuf {
    let mut path = OsString::from(archive);
    path.push("!");
    if !place.as_os_str().is_empty() {
        path.push("/");
        path.push(place);
    }
    PathBuf::from(path)
}

/// A path in an archive as its entries are named: no leading, double or trailing slash, no dot.
fn normal(path: &[u8]) -> PathBuf {
    path.split(|byte| *byte == b'/')
        .filter(|part| !part.is_empty() && *part != b".")
        .map(os_str)
        .collect()
}

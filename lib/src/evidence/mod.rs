//! Which files are there, and their bytes.
//!
//! [`Evidence::open`] takes a path and finds what it means: a data directory, one of its folders, a single db, snapshot,
//! WAL or `.snap` file, or an archive of any of these. Files are listed with their [`Role`]; a file is opened, mapped or
//! read only when [`File::bytes`] is called.
//!
//! **Invariants.** Evidence is opened `O_RDONLY`, with `O_NOATIME` if the system allows it. No lock is taken. Nothing is
//! created anywhere. FIFOs, sockets and terminals are not opened. Archives are unpacked into memory only.

#[cfg(feature = "archives")]
mod archive;
mod changed;
mod check;
pub mod custody;
mod file;
mod layer;
mod live;
mod locate;
mod magic;
mod map;
mod name;
#[cfg(feature = "archives")]
mod packed;
#[cfg(not(feature = "archives"))]
#[path = "no_archives.rs"]
mod packed;
#[cfg(feature = "archives")]
mod pipe;
mod platform;
mod read;
mod room;
mod store;
mod suggest;
mod trailer;
mod tree;
mod unseen;
mod wal_dir;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use changed::ByteChange;
pub use file::{File, Role};
pub use layer::{Compression, Packaging};
pub use live::Holder;
pub use locate::Dir;
pub use read::Reader;
pub use trailer::{Trailer, has_trailer};

use file::{ByteSource, FileFacts};
use locate::Inventory;
use located::Error;
use located::FileName;
use located::Limits;
use located::progress::{Progress, Silent};
use magic::{HEAD, Magic};
use tree::{Disk, Tree};

/// How files are brought into memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Io {
    /// Mapped; small files, and files that a server holds, are read instead. The first mapping installs a handler for
    /// `SIGBUS` that replaces a mapped page that cannot be read by zeros and leaves every other `SIGBUS` to the handler
    /// installed before. On systems without such a handler files are read.
    #[default]
    Map,
    /// Read with plain reads. Unreadable ranges become zeros and are reported; the rest is read.
    Read,
}

/// How evidence is opened.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// Mapping or plain reads.
    pub io: Io,
    /// Bounds on files and unpacked bytes.
    pub limits: Limits,
    /// Where the WAL is, if it is in a directory of its own: etcd's `--wal-dir`.
    pub wal_dir: Option<PathBuf>,
}

/// What a path was found to mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// etcd's `--data-dir`: has `member/`.
    DataDir,
    /// `member/`, or any folder with `snap/` or `wal/` in it.
    MemberDir,
    /// `member/snap/`, or any folder with a `db` or `.snap` files (a WAL beside them is taken too).
    SnapDir,
    /// `member/wal/`, or any folder with WAL segments.
    WalDir,
    /// A bbolt file.
    Db,
    /// A bbolt file with a SHA-256 trailer: `etcdctl snapshot save`.
    Snapshot,
    /// One WAL segment.
    WalFile,
    /// One `.snap` file.
    SnapFile,
}

impl Kind {
    fn of_db(size: u64) -> Self {
        if has_trailer(size) {
            Self::Snapshot
        } else {
            Self::Db
        }
    }

    /// Its name in messages.
    ///
    /// ```
    /// assert_eq!(etcd_inspect::evidence::Kind::DataDir.as_str(), "data directory");
    /// ```
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DataDir => "data directory",
            Self::MemberDir => "member directory",
            Self::SnapDir => "snap directory",
            Self::WalDir => "wal directory",
            Self::Db => "bbolt db",
            Self::Snapshot => "snapshot file",
            Self::WalFile => "WAL segment",
            Self::SnapFile => ".snap file",
        }
    }

    fn role(self) -> Role {
        match self {
            Self::Db | Self::Snapshot => Role::Db,
            Self::WalFile => Role::Wal,
            Self::SnapFile => Role::Snap,
            _ => Role::Stray,
        }
    }
}

/// A located directory, file or archive: its files with their roles.
///
/// ```
/// use etcd_inspect::evidence::{Evidence, OpenOptions};
///
/// let evidence = Evidence::open("../fixtures/etcd-3.5.30.tar.zst", &OpenOptions::default())?;
/// println!("{}: {}", evidence.name(), evidence.kind().as_str());
/// if let Some(db) = evidence.db() {
///     println!("{} has {} bytes", db.name(), db.bytes()?.len());
/// }
/// for segment in evidence.wal() {
///     println!("{} {}", segment.name(), segment.size());
/// }
/// # Ok::<(), etcd_inspect::Error>(())
/// ```
///
/// Cloning is cheap and gives a second handle on the same files: what one of them has read, the other has.
#[derive(Clone, Debug)]
pub struct Evidence {
    path: PathBuf,
    name: FileName,
    kind: Kind,
    archived: bool,
    holders: Vec<Holder>,
    found: Arc<Inventory>,
    wal_dir: Option<Box<wal_dir::WalElsewhere>>,
    layers: Vec<Packaging>,
    /// The path for later commands, if `path` is a descriptor of this process.
    lasting: Option<PathBuf>,
    /// The file to which a pipe has to be saved.
    saved: Option<PathBuf>,
}

impl Evidence {
    /// Finds what a path names. Reads nothing but names and the first bytes of single files.
    ///
    /// Inside an archive a path may go on after `!/`: `backup.tar.zst!/data/m1`. Without it an archive must hold exactly
    /// one data directory, or failing that one file.
    ///
    /// # Errors
    /// [`Error::Io`] if the path cannot be read; [`Error::NotEvidence`] if it contains nothing of etcd's, or several
    /// things of which one must be chosen (both list what was found nearby); [`Error::Limit`] if an archive unpacks to more
    /// than [`Limits::unpacked_bytes`].
    pub fn open(path: impl AsRef<Path>, options: &OpenOptions) -> Result<Self, Error> {
        Self::open_with(path, options, &Silent)
    }

    /// Like [`Evidence::open`]; reports the progress of large archives, and stops if the listener asks.
    ///
    /// # Errors
    /// As [`Evidence::open`].
    pub fn open_with(
        path: impl AsRef<Path>,
        options: &OpenOptions,
        progress: &dyn Progress,
    ) -> Result<Self, Error> {
        let path = path.as_ref();
        room::has_handles(path)?;
        let mut evidence = match fs::metadata(path) {
            Ok(meta) if meta.is_dir() => Self::of_folder(path, options)?,
            Ok(meta) if is_own_pipe(path, &meta) => {
                packed::open_stream(path, b"", options, progress)?
            }
            Ok(meta) => Self::of_file(path, &meta, options, progress)?,
            Err(source) => match packed::split(path) {
                Some((archive, inner)) => packed::open(&archive, &inner, options, progress)?,
                None => {
                    let path = path.to_owned();
                    return Err(Error::Io { path, source });
                }
            },
        };
        if let Some(path) = &options.wal_dir {
            evidence = evidence.with_wal_of(wal_dir::open(path, options, progress)?);
        }
        evidence.fits_address_space()?;
        evidence.outlast(path);
        evidence.holders = platform::holders(evidence.files());
        if options.io == Io::Read || !evidence.holders.is_empty() {
            // There is no other handle yet.
            if let Some(found) = Arc::get_mut(&mut evidence.found) {
                found.files.iter_mut().for_each(File::read_plainly);
            }
        }
        evidence.keep_address_space()?;
        Ok(evidence)
    }

    /// Returns a regular file as evidence of a kind that its bytes do not show: a piece of a db or of a disk.
    ///
    /// # Errors
    /// [`Error::Io`] if the path cannot be read, or is neither a regular file nor a block device.
    pub fn open_piece(
        path: impl AsRef<Path>,
        kind: Kind,
        options: &OpenOptions,
    ) -> Result<Self, Error> {
        let path = path.as_ref();
        let io = |source| Error::Io {
            path: path.to_owned(),
            source,
        };
        let meta = fs::metadata(path).map_err(io)?;
        let mut facts = tree::meta_of(&meta);
        if platform::is_block_device(meta.file_type()) {
            facts.size = Reader::size(&platform::open(path).map_err(io)?).map_err(io)?;
        } else if !meta.is_file() {
            let source = std::io::Error::new(std::io::ErrorKind::Unsupported, "not a regular file");
            return Err(io(source));
        }
        let mut evidence = Self::single(path, kind, facts, ByteSource::Disk(path.to_owned()));
        if options.io == Io::Read
            && let Some(found) = Arc::get_mut(&mut evidence.found)
        {
            found.files.iter_mut().for_each(File::read_plainly);
        }
        Ok(evidence)
    }

    /// Returns evidence whose files the caller provides, for tests and for fuzzing: `member/snap/db` and so on, as below a data
    /// directory.
    ///
    /// ```
    /// use etcd_inspect::evidence::{Evidence, Kind};
    /// let evidence = Evidence::of_readers("made up", Kind::DataDir, [("member/snap/db", vec![0u8; 4096])]);
    /// assert_eq!(evidence.db().map(|db| db.size()), Some(4096));
    /// ```
    pub fn of_readers<P: AsRef<Path>, R: Reader + 'static>(
        name: &str,
        kind: Kind,
        files: impl IntoIterator<Item = (P, R)>,
    ) -> Self {
        let mut files: Vec<_> = files
            .into_iter()
            .map(|(path, reader)| {
                let path = path.as_ref();
                let last = path.file_name().unwrap_or_default().as_encoded_bytes();
                let role = match path.parent().and_then(Path::file_name) {
                    Some(folder) if folder == "snap" => name::role_in_snap(last),
                    Some(folder) if folder == "wal" => name::role_in_wal(last),
                    _ => name::role_anywhere(last),
                };
                let meta = FileFacts {
                    size: reader.size().unwrap_or(0),
                    ..FileFacts::default()
                };
                File::new(
                    FileName::new(locate::joined(name, path)),
                    path.to_owned(),
                    role,
                    meta,
                    ByteSource::Reader(Arc::new(reader)),
                )
            })
            .collect();
        files.sort_by(|a, b| (a.role(), a.relative()).cmp(&(b.role(), b.relative())));
        Self {
            path: PathBuf::from(name),
            name: FileName::new(name),
            kind,
            archived: false,
            holders: Vec::new(),
            found: Arc::new(Inventory {
                files,
                ..Inventory::default()
            }),
            wal_dir: None,
            layers: Vec::new(),
            lasting: None,
            saved: None,
        }
    }

    fn of_folder(path: &Path, options: &OpenOptions) -> Result<Self, Error> {
        let tree = Disk {
            root: path.to_owned(),
        };
        let top = Path::new("");
        tree.list(top, 1).map_err(|source| Error::Io {
            path: path.to_owned(),
            source,
        })?;
        // The name of the folder itself counts too: an empty `member/snap` in a folder called `member`.
        let kind = locate::kind_of(&tree, top, options.limits.files)
            .or_else(|| suggest::kind_by_name(path))
            .ok_or_else(|| nothing_in(path))?;
        let inventory = |path: &Path, below: &Path, kind| {
            let found = locate::inventory(&tree, below, kind, &name::shown(path), &options.limits);
            Self {
                path: path.to_owned(),
                name: FileName::new(name::shown(path)),
                kind,
                archived: false,
                holders: Vec::new(),
                found: Arc::new(found),
                wal_dir: None,
                layers: Vec::new(),
                lasting: None,
                saved: None,
            }
        };
        let whole = inventory(path, top, kind);
        match wal_dir::parted(&tree, top, kind, &whole.found, &options.limits) {
            Some(nested) if options.wal_dir.is_none() => {
                let member = inventory(&path.join(&nested), &nested, Kind::DataDir);
                let log = inventory(&path.join("wal"), Path::new("wal"), Kind::WalDir);
                Ok(member.with_wal_of(log))
            }
            _ => Ok(whole),
        }
    }

    fn of_file(
        path: &Path,
        meta: &fs::Metadata,
        options: &OpenOptions,
        progress: &dyn Progress,
    ) -> Result<Self, Error> {
        let io = |source| Error::Io {
            path: path.to_owned(),
            source,
        };
        let tree = Disk {
            root: path.to_owned(),
        };
        let mut facts = tree::meta_of(meta);
        if platform::is_block_device(meta.file_type()) {
            facts.size = Reader::size(&platform::open(path).map_err(io)?).map_err(io)?;
        }
        let head = tree.head(Path::new(""), HEAD).map_err(io)?;
        let magic = Magic::detect(&head, facts.size);
        if magic.is_archive() {
            return packed::open(path, b"", options, progress);
        }
        let base = path.file_name().unwrap_or_default().as_encoded_bytes();
        let Some(kind) = locate::file_kind(base, magic, facts.size) else {
            return Err(Error::NotEvidence {
                path: path.to_owned(),
                why: why_not(magic, facts.size),
                near: suggest::around_file(path),
            });
        };
        Ok(Self::single(
            path,
            kind,
            facts,
            ByteSource::Disk(path.to_owned()),
        ))
    }

    fn single(path: &Path, kind: Kind, meta: FileFacts, source: ByteSource) -> Self {
        let name = FileName::new(name::shown(path));
        let file = File::new(name.clone(), PathBuf::new(), kind.role(), meta, source);
        Self {
            path: path.to_owned(),
            name,
            kind,
            archived: false,
            holders: Vec::new(),
            found: Arc::new(Inventory {
                files: vec![file],
                ..Inventory::default()
            }),
            wal_dir: None,
            layers: Vec::new(),
            lasting: None,
            saved: None,
        }
    }

    /// The path that was opened; inside an archive `backup.tar!/data`.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path in messages, control characters escaped.
    pub fn name(&self) -> &FileName {
        &self.name
    }

    /// What the path was found to mean.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether it is in an archive.
    pub fn is_archived(&self) -> bool {
        self.archived
    }

    /// The processes that held files of it when it was opened, if the system shows them. Its files are then read instead
    /// of mapped, because a server may truncate them meanwhile.
    pub fn holders(&self) -> &[Holder] {
        &self.holders
    }

    /// All files, sorted by role and name.
    pub fn files(&self) -> &[File] {
        &self.found.files
    }

    /// The folders below the evidence.
    pub fn dirs(&self) -> &[Dir] {
        &self.found.dirs
    }

    /// Returns the files of a role, in name order.
    pub fn with_role(&self, role: Role) -> &[File] {
        let files = self.files();
        let from = files.partition_point(|file| file.role() < role);
        let to = files.partition_point(|file| file.role() <= role);
        files.get(from..to).unwrap_or_default()
    }

    /// The db, or the snapshot file.
    pub fn db(&self) -> Option<&File> {
        self.with_role(Role::Db).first()
    }

    /// The WAL segments in name order, which is the order of their sequence numbers.
    pub fn wal(&self) -> &[File] {
        self.with_role(Role::Wal)
    }

    /// The `.snap` files in name order: the newest (highest term, then index) is the last.
    pub fn snaps(&self) -> &[File] {
        self.with_role(Role::Snap)
    }
}

/// Opens a file beside the evidence, such as a list of keys or a log of another program, without changing its access time if the
/// system allows that. Unlike evidence it may be a pipe.
///
/// # Errors
/// Returns the error of the system.
pub fn open_beside(path: &Path) -> std::io::Result<fs::File> {
    match platform::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::InvalidInput => fs::File::open(path),
        opened => opened,
    }
}

/// Whether a path names a pipe that this process was started with: its standard input, or `<(…)` of a shell. Other pipes are
/// not read: opening one may wait for ever, and takes what another program was to get.
fn is_own_pipe(path: &Path, meta: &fs::Metadata) -> bool {
    layer::is_descriptor(path) && platform::is_pipe(meta.file_type())
}

fn why_not(magic: Magic, size: u64) -> String {
    match magic {
        Magic::Sqlite => "it is an SQLite database: k3s without embedded etcd (kine) keeps its data in one".to_owned(),
        _ if size == 0 => "the file is empty".to_owned(),
        _ => "it begins neither with a bbolt meta page nor with a WAL record, .snap envelope or archive header".to_owned(),
    }
}

/// A folder in which nothing is etcd's. What is one level deeper is not what etcd reads: it starts a new member beside it.
fn nothing_in(path: &Path) -> Error {
    let near = suggest::below_folder(path);
    let mut why =
        "there is no member/, snap/ or wal/ folder, no db, .snap or .wal file in it".to_owned();
    let deeper = |found: &&PathBuf| found.parent() == Some(path) && found.join("member").is_dir();
    if let Some(deeper) = near.iter().find(deeper) {
        why = format!(
            "{why}; etcd started with this --data-dir serves a new, empty store: the member is one level deeper, in {}",
            name::shown(deeper)
        );
    }
    Error::NotEvidence {
        path: path.to_owned(),
        why,
        near,
    }
}

//! One file of the evidence: its role, and its bytes, which are read on demand.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use super::changed::{ByteChange, Changed};
use super::map::Mapping;
use super::platform;
use super::read::{self, Loaded, Reader};
use super::store::SparseBuffer;
use located::Bytes;
use located::Error;
use located::FileName;

/// What a file is for etcd, by its name and folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Role {
    /// `snap/db`, a bare bbolt file, or what `etcdctl snapshot save` wrote.
    Db,
    /// `wal/%016x-%016x.wal`.
    Wal,
    /// `snap/*.snap`.
    Snap,
    /// `snap/%016x.snap.db`: a db received from the leader that did not replace `db` yet
    /// (`server/etcdserver/api/snap/db.go, v3.5.30`).
    SnapDb,
    /// `*.wal.broken`, or a file in a `wal.broken.*` folder: the copy that etcd makes before it repairs
    /// (`server/wal/repair.go`, v3.5.30, `server/wal/wal.go`, v3.5.30).
    WalBroken,
    /// `*.snap.broken`: a `.snap` that etcd could not read (`server/etcdserver/api/snap/snapshotter.go, v3.5.30`).
    SnapBroken,
    /// `wal/N.tmp`, or a file in `wal.tmp/`: a preallocated segment (`server/wal/file_pipeline.go, v3.5.30`).
    WalTmp,
    /// `snap/db.tmp*`: an unfinished defragmentation (`server/mvcc/backend/backend.go, v3.5.30`).
    DbTmp,
    /// `snap/tmp*`: a db that the leader sent and that did not arrive whole (`server/etcdserver/api/snap/db.go, v3.5.30`).
    SnapTmp,
    /// Anything else; etcd ignores it.
    Stray,
}

impl Role {
    /// Its name in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Db => "db",
            Self::Wal => "WAL segment",
            Self::Snap => ".snap",
            Self::SnapDb => ".snap.db",
            Self::WalBroken => ".wal.broken",
            Self::SnapBroken => ".snap.broken",
            Self::WalTmp => "preallocated WAL segment",
            Self::DbTmp => "unfinished defragmentation",
            Self::SnapTmp => "unfinished snapshot receipt",
            Self::Stray => "not etcd's",
        }
    }
}

/// Where the bytes of a file come from.
#[derive(Clone)]
pub(super) enum ByteSource {
    Disk(PathBuf),
    /// A file with other bytes in some places.
    Changed(PathBuf, Arc<[ByteChange]>),
    Reader(Arc<dyn Reader>),
    #[cfg(feature = "archives")]
    Stored(Arc<SparseBuffer>),
    /// An archive's entry that is nothing of etcd's; only its name and size were kept.
    #[cfg(feature = "archives")]
    NotKept,
}

/// What is known of a file without opening it.
#[derive(Clone, Debug, Default)]
pub(super) struct FileFacts {
    pub(super) size: u64,
    pub(super) modified: Option<SystemTime>,
    pub(super) mode: Option<u32>,
    /// Device and inode.
    pub(super) id: Option<(u64, u64)>,
}

/// One file of the evidence. Nothing is opened or mapped before [`File::bytes`] is called.
pub struct File {
    name: FileName,
    relative: PathBuf,
    role: Role,
    meta: FileFacts,
    source: ByteSource,
    plain: bool,
    content: OnceLock<Result<FileContent, RepeatableError>>,
    trailer_matches: OnceLock<Option<bool>>,
}

enum Bulk {
    Mapped(Mapping, Option<std::fs::File>),
    Stored(Arc<SparseBuffer>),
}

struct FileContent {
    bulk: Bulk,
    unreadable: Vec<Range<u64>>,
    shrank_from: Option<u64>,
    /// The ranges that are not holes, of a file that is mostly a hole; empty otherwise.
    extents: Vec<Range<u64>>,
}

/// An `io::Error` that can be returned several times.
struct RepeatableError {
    kind: io::ErrorKind,
    code: Option<i32>,
    text: String,
}

impl From<io::Error> for RepeatableError {
    fn from(error: io::Error) -> Self {
        Self {
            kind: error.kind(),
            code: error.raw_os_error(),
            text: error.to_string(),
        }
    }
}

/// Files up to this size, in bytes, are read rather than mapped: cheaper, and they cannot be shortened while they are used.
const SMALL: u64 = 64 << 10;

/// Bytes of a segment up to which its holes may take memory: twice what etcd preallocates.
const MAX_MAPPED_HOLES: u64 = 128_000_000;

impl File {
    pub(super) fn new(
        name: FileName,
        relative: PathBuf,
        role: Role,
        meta: FileFacts,
        source: ByteSource,
    ) -> Self {
        Self {
            name,
            relative,
            role,
            meta,
            source,
            plain: false,
            content: OnceLock::new(),
            trailer_matches: OnceLock::new(),
        }
    }

    /// Where the comparison of the SHA-256 trailer is kept.
    pub(super) fn known_trailer(&self) -> &OnceLock<Option<bool>> {
        &self.trailer_matches
    }

    pub(super) fn source(&self) -> &ByteSource {
        &self.source
    }

    /// The same file with its bytes from elsewhere.
    pub(super) fn with_source(&self, source: ByteSource) -> Self {
        Self {
            plain: self.plain,
            ..Self::new(
                self.name.clone(),
                self.relative.clone(),
                self.role,
                self.meta.clone(),
                source,
            )
        }
    }

    /// The same file as if it were there; what was read of it is not kept.
    pub(super) fn moved(&self, relative: PathBuf) -> Self {
        Self {
            relative,
            ..self.with_source(self.source.clone())
        }
    }

    /// The same file in the place of the db.
    pub(super) fn as_db(&self, relative: PathBuf) -> Self {
        Self {
            plain: self.plain,
            ..Self::new(
                self.name.clone(),
                relative,
                Role::Db,
                self.meta.clone(),
                self.source.clone(),
            )
        }
    }

    /// Reads instead of mapping from now on.
    pub(super) fn read_plainly(&mut self) {
        self.plain = true;
    }

    /// Device and inode, by which `/proc/locks` names a file.
    #[cfg_attr(
        any(portable, not(target_os = "linux")),
        expect(dead_code, reason = "only Linux lists locks")
    )]
    pub(super) fn id(&self) -> Option<(u64, u64)> {
        self.meta.id
    }

    /// The name for messages: the path as the user gave it, down to this file, with control characters escaped.
    pub fn name(&self) -> &FileName {
        &self.name
    }

    /// The path below the evidence, exactly: `member/snap/db`. Empty if the evidence is this one file.
    pub fn relative(&self) -> &Path {
        &self.relative
    }

    /// The last part of the name, as etcd reads it: `0000000000000000-0000000000000000.wal`. Bytes that are no UTF-8 become
    /// U+FFFD.
    pub fn base(&self) -> std::borrow::Cow<'_, str> {
        self.relative
            .file_name()
            .map(std::ffi::OsStr::to_string_lossy)
            .unwrap_or_else(|| {
                let text = self.name.as_str();
                text.rsplit('/').next().unwrap_or(text).into()
            })
    }

    /// What it is for etcd.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The size in bytes that the directory or archive stated. What [`File::bytes`] returns is shorter or longer if the
    /// file changed since.
    pub fn size(&self) -> u64 {
        self.meta.size
    }

    /// When it was last written.
    pub fn modified(&self) -> Option<SystemTime> {
        self.meta.modified
    }

    /// Permission bits (`0o600`).
    pub fn mode(&self) -> Option<u32> {
        self.meta.mode
    }

    /// Returns the file's bytes: mapped, or read into memory if [`Io::Read`](super::Io::Read) is set, a server holds the file,
    /// it is in an archive, or it is small. The first call does the work.
    ///
    /// # Errors
    /// [`Error::Io`] if the system refuses. An unreadable *range* is no error: it is read as zeros and
    /// [`File::unreadable`] names it.
    pub fn bytes(&self) -> Result<Bytes<'_>, Error> {
        match self.content.get_or_init(|| Ok(self.load()?)) {
            Ok(content) => {
                let bytes = Bytes::new(&self.name, 0, content.as_slice());
                Ok(bytes.with_extents(&content.extents))
            }
            Err(refused) => Err(Error::Io {
                path: PathBuf::from(self.name.as_str()),
                source: refused.code.map_or_else(
                    || io::Error::new(refused.kind, refused.text.clone()),
                    io::Error::from_raw_os_error,
                ),
            }),
        }
    }

    /// Returns a reader of the bytes that [`File::bytes`] mapped; `None` if they are in memory already.
    ///
    /// For callers that look at most of a db at once: reading it in large pieces is quicker than touching a mapping of it.
    pub fn reader(&self) -> Option<&dyn Reader> {
        match &self.content()?.bulk {
            Bulk::Mapped(_, file) => Some(file.as_ref()?),
            Bulk::Stored(_) => None,
        }
    }

    /// The few files that are read as a whole: one of them may stay open.
    fn is_large_tree(&self) -> bool {
        matches!(self.role, Role::Db | Role::SnapDb | Role::DbTmp)
    }

    /// Returns the ranges that could not be read, among those touched until now; they are read as zeros.
    pub fn unreadable(&self) -> Vec<Range<u64>> {
        match self.content() {
            Some(FileContent {
                bulk: Bulk::Mapped(map, _),
                ..
            }) => map.lost(),
            Some(content) => content.unreadable.clone(),
            None => Vec::new(),
        }
    }

    /// Returns the length that the file had when it was opened, if it ended earlier when it was read.
    pub fn shrank_from(&self) -> Option<u64> {
        let content = self.content()?;
        match (&content.bulk, &self.source) {
            (Bulk::Mapped(map, _), ByteSource::Disk(path)) if !map.lost().is_empty() => {
                let was = map.as_slice().len() as u64;
                let now = path.metadata().map_or(0, |meta| meta.len());
                (now < was).then_some(was)
            }
            _ => content.shrank_from,
        }
    }

    fn content(&self) -> Option<&FileContent> {
        self.content.get()?.as_ref().ok()
    }

    fn load(&self) -> io::Result<FileContent> {
        let path = match &self.source {
            ByteSource::Disk(path) => path,
            ByteSource::Changed(path, changes) => return self.load_changed(path, changes),
            ByteSource::Reader(reader) => return Ok(read::load(reader.as_ref())?.into()),
            #[cfg(feature = "archives")]
            ByteSource::Stored(store) => return Ok(FileContent::stored(Arc::clone(store))),
            #[cfg(feature = "archives")]
            ByteSource::NotKept => {
                return Err(io::Error::new(
                    io::ErrorKind::Unsupported,
                    "not kept when the archive was read: etcd did not write it",
                ));
            }
        };
        let file = platform::open(path)?;
        let size = Reader::size(&file)?;
        let extents = self.extents_of_holes(&file, size);
        if !self.plain
            && size > SMALL
            && extents.is_empty()
            && let Ok(len) = usize::try_from(size)
            && let Ok(map) = Mapping::new(&file, len)
        {
            return Ok(FileContent {
                bulk: Bulk::Mapped(map, self.is_large_tree().then_some(file)),
                unreadable: Vec::new(),
                shrank_from: None,
                extents: Vec::new(),
            });
        }
        Ok(FileContent {
            extents,
            ..read::load(&file)?.into()
        })
    }

    /// The ranges of the file that are not holes; all of it if the file system does not tell. Bytes in a hole are zeros, and
    /// looking at each of them takes time and memory.
    pub(crate) fn data_extents(&self) -> Vec<Range<u64>> {
        let size = self.size();
        let path = match &self.source {
            ByteSource::Disk(path) | ByteSource::Changed(path, _) => path,
            _ => return std::iter::once(0..size).collect(),
        };
        let file = platform::open(path).ok();
        let extents = file.and_then(|file| platform::data_extents(&file, size));
        extents.unwrap_or_else(|| std::iter::once(0..size).collect())
    }

    /// The holes of the file, also the one that it ends with.
    pub(crate) fn holes(&self) -> Vec<Range<u64>> {
        let extents = self.data_extents();
        let ends = std::iter::once(0).chain(extents.iter().map(|data| data.end));
        let starts = extents.iter().map(|data| data.start).chain([self.size()]);
        let between = ends.zip(starts).map(|(end, start)| end..start);
        between.filter(|hole| hole.start < hole.end).collect()
    }

    /// The ranges that are not holes of a segment that is so large that etcd did not preallocate it, and mostly a hole: mapped, each
    /// page of the hole would take a page of memory once it is looked at. Read around its holes, they take none. Empty: it is none.
    fn extents_of_holes(&self, file: &std::fs::File, size: u64) -> Vec<Range<u64>> {
        let is_log = matches!(self.role, Role::Wal | Role::WalTmp | Role::WalBroken);
        if !is_log || size <= MAX_MAPPED_HOLES {
            return Vec::new();
        }
        let extents = platform::data_extents(file, size).unwrap_or_default();
        let data: u64 = extents.iter().map(|data| data.end - data.start).sum();
        match data < size / 2 {
            true => extents,
            false => Vec::new(),
        }
    }

    /// Maps a file with its changes: only the pages that are changed take memory.
    fn load_changed(&self, path: &Path, changes: &Arc<[ByteChange]>) -> io::Result<FileContent> {
        let file = platform::open(path)?;
        let size = Reader::size(&file)?;
        if !self.plain
            && size > SMALL
            && let Ok(len) = usize::try_from(size)
            && let Ok(map) = Mapping::changed(&file, len, changes)
        {
            return Ok(FileContent {
                bulk: Bulk::Mapped(map, None),
                unreadable: Vec::new(),
                shrank_from: None,
                extents: Vec::new(),
            });
        }
        Ok(read::load(&Changed::new(Arc::new(file), changes))?.into())
    }
}

impl FileContent {
    fn stored(store: Arc<SparseBuffer>) -> Self {
        Self {
            bulk: Bulk::Stored(store),
            unreadable: Vec::new(),
            shrank_from: None,
            extents: Vec::new(),
        }
    }

    fn as_slice(&self) -> &[u8] {
        match &self.bulk {
            Bulk::Mapped(map, _) => map.as_slice(),
            Bulk::Stored(store) => store.as_slice(),
        }
    }
}

impl From<Loaded> for FileContent {
    fn from(loaded: Loaded) -> Self {
        Self {
            unreadable: loaded.unreadable,
            shrank_from: loaded.shrank_from,
            ..Self::stored(Arc::new(loaded.store))
        }
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File")
            .field("name", &self.name)
            .field("role", &self.role)
            .field("size", &self.meta.size)
            .finish_non_exhaustive()
    }
}

//! Archives, read as streams into memory: nothing is ever unpacked to disk.
//!
//! Entries are refused, and reported, if their name climbs with `..`, if they are devices, or links out of the archive:
//! an archive can come from anyone. The unpacked bytes are counted while they are read, so that a bomb ends at the limit
//! whatever its headers claim. Of a damaged or truncated archive everything before the damage is kept.

mod compressed;
mod links;
mod sparse;
mod tar;
mod zip;
mod zstd;

use std::cell::Cell;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::links::Links;
use super::file::{ByteSource, FileFacts};
use super::layer::Packaging;
use super::locate::{joined, noted};
use super::magic::{HEAD, Magic};
use super::platform::os_str;
use super::store::SparseBuffer;
use super::tree::{Shape, Tree, TreeEntry};
use crate::codes::{Code, dir};
use located::Error;
use located::Finding;
use located::Limits;
use located::progress::Progress;
use located::{FileName, Place};

/// An archive's content as a tree.
#[derive(Default)]
pub(super) struct Unpacked {
    folders: BTreeMap<PathBuf, BTreeMap<OsString, Item>>,
    files: usize,
    /// What it was packed in.
    pub(super) layers: Vec<Packaging>,
}

struct Item {
    shape: Shape,
    meta: FileFacts,
    content: Option<Arc<SparseBuffer>>,
    /// Where the bytes are in the archive, if this is a second name.
    first_name: Option<PathBuf>,
}

/// How much may still be unpacked; shared by all layers of one archive.
pub(super) struct Budget<'p> {
    left: Cell<u64>,
    exceeded: Cell<bool>,
    progress: &'p dyn Progress,
}

impl<'p> Budget<'p> {
    pub(super) fn new(limits: &Limits, progress: &'p dyn Progress) -> Self {
        Self {
            left: Cell::new(limits.unpacked_bytes),
            exceeded: Cell::new(false),
            progress,
        }
    }

    /// Whether more was there than may be read.
    pub(super) fn is_exceeded(&self) -> bool {
        self.exceeded.get()
    }

    fn take(&self, bytes: u64) -> io::Result<()> {
        let Some(left) = self.left.get().checked_sub(bytes) else {
            self.exceeded.set(true);
            return Err(io::Error::other("it unpacks to more than the limit"));
        };
        self.left.set(left);
        self.progress.advance(bytes);
        if self.progress.cancelled() {
            return Err(io::Error::other("cancelled"));
        }
        Ok(())
    }
}

/// A stream whose bytes are counted.
struct Metered<'b, R> {
    inner: R,
    budget: &'b Budget<'b>,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.inner.read(buffer)?;
        self.budget.take(got as u64)?;
        Ok(got)
    }
}

/// Reads an archive: compressed, tar, zip, or one in the other.
///
/// `name` is what messages call it; `only` the path in it that the caller wants, empty for all.
///
/// # Errors
/// [`Error::Limit`]. Damage is no error: the findings report it.
pub(super) fn unpack<R: Read + Seek>(
    mut source: R,
    name: &FileName,
    only: &Path,
    limits: &Limits,
    budget: &Budget<'_>,
) -> Result<(Unpacked, Vec<Finding>), Error> {
    let before = budget.left.get();
    let first = unpack_once(&mut source, name, (only, BTreeSet::new()), limits, budget)?;
    if first.also.is_empty() {
        return Ok((first.tree, first.findings));
    }
    // Links lead to files that were not kept. This is known at the end only, so the archive is read a second time.
    budget.left.set(before);
    let also = first.also;
    let second = unpack_once(&mut source, name, (only, also), limits, budget)?;
    Ok((second.tree, second.findings))
}

fn unpack_once<'a, R: Read + Seek>(
    mut source: R,
    name: &'a FileName,
    (only, also): (&'a Path, BTreeSet<PathBuf>),
    limits: &'a Limits,
    budget: &'a Budget<'_>,
) -> Result<Unpacking<'a>, Error> {
    let mut into = Unpacking {
        tree: Unpacked::default(),
        name,
        only,
        also,
        links: Links::default(),
        limits,
        budget,
        findings: Vec::new(),
    };
    let mut head = Vec::new();
    let read = source
        .rewind()
        .and_then(|()| (&mut source).take(HEAD as u64).read_to_end(&mut head))
        .and_then(|_| source.rewind())
        .and_then(|()| match Magic::detect(&head, 0) {
            Magic::Zip => {
                into.enter(Packaging::Zip(PathBuf::new()));
                zip::read(&mut source, &mut into)
            }
            Magic::Tar => {
                into.enter(Packaging::Tar(PathBuf::new()));
                let inner = io::BufReader::with_capacity(128 << 10, source);
                tar::read(&mut Metered { inner, budget }, &mut into)
            }
            _ => {
                let label = Path::new(name.as_str()).file_name().unwrap_or_default();
                let source = io::BufReader::with_capacity(128 << 10, source);
                into.stream(Box::new(source), label.as_encoded_bytes(), 4)
            }
        });
    if budget.exceeded.get() {
        return Err(Error::Limit {
            file: name.clone(),
            what: "the size of the unpacked archive",
            limit: limits.unpacked_bytes,
            option: "--max-unpacked",
        });
    }
    let said = into
        .findings
        .iter()
        .any(|finding| finding.code.id == dir::ARCHIVE_DAMAGED.id);
    if let Err(error) = read
        && !said
    {
        into.damaged(format!("the archive could not be read to its end: {error}"));
    }
    into.follow_links();
    Ok(into)
}

/// What is being unpacked.
struct Unpacking<'a> {
    tree: Unpacked,
    name: &'a FileName,
    only: &'a Path,
    /// Files that are kept because links lead to them.
    also: BTreeSet<PathBuf>,
    links: Links,
    limits: &'a Limits,
    budget: &'a Budget<'a>,
    findings: Vec<Finding>,
}

/// Entries up to this size are always kept, whatever they are.
const SMALL: u64 = 1 << 20;

impl Unpacking<'_> {
    /// Reads a stream of unknown kind; `label` is its name without the compression's ending.
    fn stream<'s>(
        &mut self,
        mut stream: Box<dyn Read + 's>,
        label: &[u8],
        layers: usize,
    ) -> io::Result<()>
    where
        Self: 's,
    {
        let mut head = Vec::new();
        let begun = (&mut stream).take(HEAD as u64).read_to_end(&mut head);
        let magic = Magic::detect(&head, 0);
        let budget = self.budget;
        let mut stream = io::Cursor::new(head).chain(Failed(begun.err()).chain(stream));
        match magic {
            _ if magic.is_compressed() && layers == 0 => {
                self.refused(label, "it is compressed too many times over");
                Ok(())
            }
            _ if magic.is_compressed() => {
                let inner = compressed::content(magic, Box::new(stream), budget.left.get());
                let codec = compressed::codec(magic);
                self.tree.layers.extend(codec.map(Packaging::Compressed));
                let label = compressed::without_ending(magic, label);
                self.stream(Box::new(Metered { inner, budget }), label, layers - 1)
            }
            Magic::Tar => {
                self.enter(Packaging::Tar(PathBuf::new()));
                tar::read(&mut stream, self)
            }
            Magic::Zip => {
                self.enter(Packaging::Zip(PathBuf::new()));
                let mut store = SparseBuffer::default();
                let copied = copy(&mut stream, &mut store);
                zip::read(io::Cursor::new(store.as_slice()), self)?;
                copied
            }
            _ => {
                let path = PathBuf::from(&*os_str(label));
                self.file(&path, FileFacts::default(), &mut stream)
            }
        }
    }

    fn enter(&mut self, layer: Packaging) {
        self.tree.layers.push(layer);
    }

    fn is_asked_for(&self, path: &Path) -> bool {
        path.starts_with(self.only) || self.only.starts_with(path)
    }

    /// Returns whether an entry is kept in memory.
    fn keeps(&self, path: &Path, head: &[u8], size: u64) -> bool {
        if self.also.contains(path) {
            return true;
        }
        if !self.is_asked_for(path) {
            return false;
        }
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        size <= SMALL
            || path
                .iter()
                .any(|part| part == "member" || part == "snap" || part == "wal")
            || Magic::detect(head, size) != Magic::Unknown
            || [&b".db"[..], b".wal", b".snap"]
                .iter()
                .any(|end| name.ends_with(end))
            || name == b"db"
    }

    /// Takes one file; `stream` ends where the file does.
    fn file(&mut self, path: &Path, meta: FileFacts, stream: &mut dyn Read) -> io::Result<()> {
        let mut head = Vec::new();
        let begun = stream.take(HEAD as u64).read_to_end(&mut head);
        // A length that is not known yet counts as large.
        let claimed = if meta.size == 0 && head.len() >= HEAD {
            u64::MAX
        } else {
            meta.size
        };
        let mut store = SparseBuffer::default();
        let copied = begun.and_then(|_| {
            if self.keeps(path, &head, claimed) {
                store.push(&head)?;
                copy(stream, &mut store)?;
                Ok(true)
            } else {
                io::copy(stream, &mut io::sink())?;
                Ok(false)
            }
        });
        let kept = match &copied {
            Ok(kept) => *kept,
            Err(_) => {
                if store.len() == 0 {
                    store.push(&head)?;
                }
                true
            }
        };
        if let Err(error) = &copied {
            let (here, all) = (store.len(), meta.size);
            let of = if all > here {
                format!(" of {all}")
            } else {
                String::new()
            };
            self.damaged_at(
                path,
                format!("only {here}{of} bytes of this entry could be read: {error}"),
            );
        }
        let size = if kept { store.len() } else { meta.size };
        let item = Item {
            shape: Shape::File,
            meta: FileFacts { size, ..meta },
            content: kept.then(|| Arc::new(store)),
            first_name: None,
        };
        self.insert(path, item);
        copied.map(drop)
    }

    /// Takes a folder.
    fn folder(&mut self, path: &Path, meta: FileFacts) {
        self.insert(path, Item::folder(meta, None));
    }

    fn insert(&mut self, path: &Path, item: Item) {
        if self.tree.files >= self.limits.files {
            self.too_many();
            return;
        }
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return; // the root itself
        };
        if !self.add_parents(path, parent) {
            return;
        }
        let shape = item.shape;
        if shape == Shape::File {
            self.links.remove(path);
        }
        let items = self.tree.folders.entry(parent.to_owned()).or_default();
        let refused = match items.get_mut(name) {
            None => {
                self.tree.files = self.tree.files.saturating_add(1);
                items.insert(name.to_owned(), item);
                return;
            }
            Some(known) if known.shape != shape => {
                "a file and a folder of the same name are in the archive"
            }
            Some(known) if shape == Shape::File => {
                *known = item;
                "the archive holds an earlier entry of the same name; the later one is used"
            }
            Some(known) => {
                known.meta = item.meta;
                return;
            }
        };
        self.refused(path.as_os_str().as_encoded_bytes(), refused);
    }

    fn too_many(&mut self) {
        let known = |finding: &Finding| finding.code.id == dir::TOO_MANY_FILES.id;
        if !self.findings.iter().any(known) {
            self.findings.push(Finding::new(
                &dir::TOO_MANY_FILES,
                Place::file(self.name),
                "the archive holds more entries than are looked at; the rest is part of no answer",
            ));
        }
    }

    /// Folders need no entry of their own; each is put into its parent once. `false`: one of them is a file.
    fn add_parents(&mut self, path: &Path, parent: &Path) -> bool {
        let mut child = parent;
        while let (Some(parent), Some(name)) = (child.parent(), child.file_name()) {
            let folder = self.tree.folders.entry(parent.to_owned()).or_default();
            match folder.entry(name.to_owned()) {
                Entry::Occupied(item) if item.get().shape == Shape::Dir => return true,
                Entry::Occupied(_) => {
                    self.refused(
                        path.as_os_str().as_encoded_bytes(),
                        "its folder is a file in the same archive",
                    );
                    return false;
                }
                Entry::Vacant(item) => {
                    item.insert(Item::folder(FileFacts::default(), None));
                    self.tree.files = self.tree.files.saturating_add(1);
                }
            }
            child = parent;
        }
        true
    }

    fn note(&mut self, finding: Finding) {
        noted(&mut self.findings, finding, self.limits);
    }

    fn entry_place(&self, path: &Path) -> Place {
        Place::file(&FileName::new(joined(&format!("{}!", self.name), path)))
    }

    fn refused(&mut self, path: &[u8], why: &str) {
        let place = self.entry_place(Path::new(&*os_str(path)));
        self.note(Finding::new(&dir::ARCHIVE_REFUSED, place, why));
    }

    /// Reports entries that need a password.
    fn encrypted(&mut self, count: usize, first: &str) {
        let first = first.escape_default();
        let message = match count {
            1 => format!("1 entry is encrypted, {first}: a password is needed to read it"),
            _ => format!(
                "{count} entries are encrypted, the first is {first}: a password is needed to read them"
            ),
        };
        let place = Place::file(self.name);
        self.findings
            .push(Finding::new(&dir::ARCHIVE_ENCRYPTED, place, message));
    }

    fn damaged(&mut self, message: String) {
        let code: &'static Code = &dir::ARCHIVE_DAMAGED;
        self.note(Finding::new(code, Place::file(self.name), message));
    }

    fn damaged_at(&mut self, path: &Path, message: String) {
        let place = self.entry_place(path);
        self.note(Finding::new(&dir::ARCHIVE_DAMAGED, place, message));
    }

    /// Returns the path of an entry below the archive's root; `None`, and a finding, if it is outside of it.
    fn path_of(&mut self, name: &[u8]) -> Option<PathBuf> {
        let why = if name.split(|byte| *byte == b'/').any(|part| part == b"..") {
            "its name climbs out with .."
        } else if name.len() > 4096 || name.split(|byte| *byte == b'/').count() > 40 {
            "its name is too long"
        } else {
            if name.starts_with(b"/") {
                self.note_absolute(name);
            }
            let parts = name.split(|byte| *byte == b'/');
            return Some(
                parts
                    .filter(|part| !part.is_empty() && *part != b".")
                    .map(os_str)
                    .collect(),
            );
        };
        let shown = name.get(..200).unwrap_or(name).to_vec();
        self.refused(&shown, why);
        None
    }

    /// Notes the first absolute name: the slash is left out, as tar(1) does when it extracts.
    fn note_absolute(&mut self, name: &[u8]) {
        let known = |finding: &Finding| finding.code.id == dir::ABSOLUTE_NAMES.id;
        if !self.findings.iter().any(known) {
            let name = String::from_utf8_lossy(name.get(..200).unwrap_or(name));
            let message = format!(
                "names in the archive are absolute, the first is {}: they are read without the slash before them",
                name.escape_default()
            );
            let place = Place::file(self.name);
            self.findings
                .push(Finding::new(&dir::ABSOLUTE_NAMES, place, message));
        }
    }
}

/// Returns an error once, then ends.
struct Failed(Option<io::Error>);

impl Read for Failed {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

/// Reads a stream to its end, into memory.
///
/// # Errors
/// The system refuses, or there is more than may be read.
pub(super) fn stored(stream: impl Read, budget: &Budget<'_>) -> io::Result<Arc<SparseBuffer>> {
    let mut store = SparseBuffer::default();
    copy(
        &mut Metered {
            inner: stream,
            budget,
        },
        &mut store,
    )?;
    Ok(Arc::new(store))
}

fn copy(from: &mut dyn Read, to: &mut SparseBuffer) -> io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(got) => to.push(buffer.get(..got).unwrap_or_default())?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

impl Unpacked {
    fn item(&self, path: &Path) -> Option<&Item> {
        self.folders.get(path.parent()?)?.get(path.file_name()?)
    }

    /// Returns what a path names.
    pub(super) fn shape(&self, path: &Path) -> Option<Shape> {
        if path.as_os_str().is_empty() {
            return Some(Shape::Dir);
        }
        self.item(path).map(|item| item.shape)
    }

    /// A file's facts.
    pub(super) fn meta(&self, path: &Path) -> FileFacts {
        self.item(path)
            .map(|item| item.meta.clone())
            .unwrap_or_default()
    }

    /// The only file, if there is only one.
    pub(super) fn only_file(&self) -> Option<PathBuf> {
        let mut files = self.folders.iter().flat_map(|(folder, items)| {
            items
                .iter()
                .filter(|(_, item)| item.shape == Shape::File && item.first_name.is_none())
                .map(move |(name, _)| folder.join(name))
        });
        files.next().filter(|_| files.next().is_none())
    }

    /// Whether a path is a second name of something in the archive.
    pub(super) fn is_link(&self, path: &Path) -> bool {
        self.item(path)
            .is_some_and(|item| item.first_name.is_some())
    }

    /// A file's bytes, if they were kept.
    pub(super) fn store(&self, path: &Path) -> Option<Arc<SparseBuffer>> {
        self.item(path)?.content.clone()
    }
}

impl Tree for Unpacked {
    fn list(&self, dir: &Path, limit: usize) -> io::Result<(Vec<TreeEntry>, bool)> {
        let Some(items) = self.folders.get(dir) else {
            return match self.shape(dir) {
                Some(Shape::Dir) => Ok((Vec::new(), false)),
                _ => Err(io::ErrorKind::NotFound.into()),
            };
        };
        let entries = items.iter().take(limit).map(|(name, item)| TreeEntry {
            name: name.clone(),
            shape: item.shape,
            meta: item.meta.clone(),
            link: item.first_name.is_some(),
        });
        Ok((entries.collect(), items.len() > limit))
    }

    fn head(&self, file: &Path, len: usize) -> io::Result<Vec<u8>> {
        let store = self.store(file).ok_or(io::ErrorKind::NotFound)?;
        let bytes = store.as_slice();
        Ok(bytes.get(..len).unwrap_or(bytes).to_vec())
    }

    fn source(&self, file: &Path) -> ByteSource {
        self.store(file)
            .map_or(ByteSource::NotKept, ByteSource::Stored)
    }
}

//! Writes a new bbolt file from sorted entries, in one pass and in bounded memory.
//!
//! [`Writer`] takes buckets and entries in key order and fills pages from the left: a leaf, branch or overflow run is written
//! once, at the next page id, and never touched again. Only the two meta pages are written last, over the room that was
//! left for them. The same entries give the same bytes.
//!
//! **Invariants.** At most one unfinished page of each tree level and bucket depth is in memory. The file has no free page.
//! Nothing here knows what etcd stores.

mod encode;
mod tree;

use std::io::{self, Seek, SeekFrom, Write};

use self::encode::{BucketHeader, meta_page};
use self::tree::{Done, Tree};
use super::page::Pgid;
use located::AlignedBuffer;

/// Maximum length of a key in bytes: `MaxKeySize` of bbolt.
pub const MAX_KEY_BYTES: usize = 32_768;
/// Maximum length of a value in bytes: `MaxValueSize` of bbolt.
pub const MAX_VALUE_BYTES: usize = (1 << 31) - 2;
/// Bytes that are collected before the system is asked to write them.
const BUFFER_BYTES: usize = 1 << 20;
/// What fills the end of a page: as many as the largest page has.
static ZEROS: [u8; 65_536] = [0; 65_536];
/// First page id after both meta pages.
const FIRST_PAGE: u64 = 2;

/// Whether the new file stores its free list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FreelistStorage {
    /// No free list: bbolt rebuilds it when it opens the file. So does etcd on Linux (`NoFreelistSync`).
    #[default]
    Rebuilt,
    /// A page with the empty free list, as `bbolt compact` writes it.
    Stored,
}

/// The form of a new file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// Bytes of a page: a power of two from 512 to 65,536.
    pub page_size: u32,
    /// Whether the free list is stored.
    pub freelist: FreelistStorage,
}

impl Default for Form {
    fn default() -> Self {
        Self {
            page_size: 4096,
            freelist: FreelistStorage::default(),
        }
    }
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// High-water mark: all pages of the file.
    pub pages: u64,
    /// Bytes of the file.
    pub size_bytes: u64,
    /// Entries that are not buckets, of all buckets together.
    pub entries: u64,
}

/// Why a file cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The operating system refused.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Keys of a bucket must ascend.
    #[error("key {0} is not greater than the key before it")]
    Order(String),
    /// A key of 1 to 32,768 bytes is allowed.
    #[error("a key has {0} bytes; 1 to {MAX_KEY_BYTES} are allowed")]
    KeyBytes(usize),
    /// A value of at most 2 GiB − 2 is allowed.
    #[error("a value has {0} bytes; at most {MAX_VALUE_BYTES} are allowed")]
    ValueBytes(usize),
    /// The page size is not a power of two from 512 to 65,536.
    #[error("page size {0} is not a power of two from 512 to 65536")]
    PageSize(u32),
    /// Entries directly in the root, or a bucket that was not begun or not ended.
    #[error("{0}")]
    Nesting(&'static str),
}

/// A bbolt file that is being written.
///
/// ```
/// use etcd_inspect_bbolt::write::{Form, Writer};
/// let mut file = std::io::Cursor::new(Vec::new());
/// let mut writer = Writer::new(&mut file, Form::default())?;
/// writer.begin_bucket(b"key")?;
/// writer.put(b"a", b"1")?;
/// writer.put(b"b", b"2")?;
/// writer.end_bucket()?;
/// let written = writer.finish()?;
/// assert_eq!((written.entries, written.size_bytes), (2, 3 * 4096));
/// # Ok::<(), etcd_inspect_bbolt::write::WriteError>(())
/// ```
#[derive(Debug)]
pub struct Writer<W: Write + Seek> {
    pages: Pages<W>,
    freelist: FreelistStorage,
    /// The bucket of buckets, then the buckets that were begun and not ended, each with its name.
    open: Vec<(Vec<u8>, Tree)>,
    root: Tree,
    entries: u64,
}

/// Pages that are written one after the other.
#[derive(Debug)]
pub(super) struct Pages<W: Write> {
    out: W,
    buffer: AlignedBuffer,
    /// Bytes in the buffer that are not written yet.
    filled: usize,
    page_size: usize,
    next: Pgid,
}

impl<W: Write> Pages<W> {
    /// Writes the pieces of one page and zeros up to the end of its last page; returns where it is.
    fn write(&mut self, header: &[u8], pieces: &[u8]) -> Result<Pgid, WriteError> {
        let bytes = header.len().saturating_add(pieces.len());
        let pages = bytes.div_ceil(self.page_size);
        let pgid = self.next;
        let whole = pages.saturating_mul(self.page_size);
        if self.filled.saturating_add(whole) > BUFFER_BYTES {
            self.flush()?;
        }
        // Less than a page, and the largest page that is allowed is one buffer of zeros.
        let zeros = whole.saturating_sub(bytes);
        let zeros = ZEROS.get(..zeros).unwrap_or(&ZEROS);
        let room = self.buffer.room(BUFFER_BYTES);
        let room = room.get_mut(self.filled..self.filled.saturating_add(whole));
        match room {
            Some(room) => {
                let (head, rest) = room.split_at_mut(header.len());
                let (data, end) = rest.split_at_mut(pieces.len());
                head.copy_from_slice(header);
                data.copy_from_slice(pieces);
                end.copy_from_slice(zeros);
                self.filled = self.filled.saturating_add(whole);
            }
            None => {
                self.out.write_all(header)?;
                self.out.write_all(pieces)?;
                self.out.write_all(zeros)?;
            }
        }
        self.next = Pgid(pgid.0.saturating_add(pages as u64));
        Ok(pgid)
    }

    /// Writes what is in the buffer.
    fn flush(&mut self) -> io::Result<()> {
        let filled = std::mem::take(&mut self.filled);
        self.out.write_all(self.buffer.filled(filled))
    }

    /// The id that the next page will have: a page's header holds its own.
    fn next(&self) -> Pgid {
        self.next
    }

    fn page_size(&self) -> usize {
        self.page_size
    }
}

impl<W: Write + Seek> Writer<W> {
    /// Begins a file at the start of `out`.
    ///
    /// # Errors
    /// [`WriteError::PageSize`]; [`WriteError::Io`].
    pub fn new(mut out: W, form: Form) -> Result<Self, WriteError> {
        if !form.page_size.is_power_of_two() || !(512..=65_536).contains(&form.page_size) {
            return Err(WriteError::PageSize(form.page_size));
        }
        let page_size = form.page_size as usize;
        out.seek(SeekFrom::Start(0))?;
        let mut pages = Pages {
            out,
            buffer: AlignedBuffer::with_room(BUFFER_BYTES),
            filled: 0,
            page_size,
            next: Pgid(0),
        };
        // Room for the metas. Whoever finds an unfinished file finds no valid meta page in it.
        for _ in 0..FIRST_PAGE {
            pages.write(&[0], &[])?;
        }
        if form.freelist == FreelistStorage::Stored {
            let header = encode::header(pages.next(), encode::FREELIST, 0, 0);
            pages.write(&header, &[])?;
        }
        Ok(Self {
            pages,
            freelist: form.freelist,
            open: Vec::new(),
            root: Tree::new(page_size),
            entries: 0,
        })
    }

    /// Begins a bucket within the one that is open, or a top-level one.
    ///
    /// # Errors
    /// [`WriteError::KeyBytes`] if the name has no or too many bytes.
    pub fn begin_bucket(&mut self, name: &[u8]) -> Result<(), WriteError> {
        check_key(name)?;
        let tree = Tree::new(self.pages.page_size());
        self.open.push((name.to_vec(), tree));
        Ok(())
    }

    /// Adds an entry to the open bucket.
    ///
    /// # Errors
    /// [`WriteError::Order`] if the key does not ascend; [`WriteError::Nesting`] if no bucket is open; lengths; the disk.
    pub fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), WriteError> {
        check_key(key)?;
        if value.len() > MAX_VALUE_BYTES {
            return Err(WriteError::ValueBytes(value.len()));
        }
        let (_, tree) = self
            .open
            .last_mut()
            .ok_or(WriteError::Nesting("an entry outside of all buckets"))?;
        tree.add(&mut self.pages, 0, key, value)?;
        self.entries = self.entries.saturating_add(1);
        Ok(())
    }

    /// Ends the open bucket. It becomes inline if bbolt would make it so: one leaf of at most a quarter of a page, without
    /// buckets in it.
    ///
    /// # Errors
    /// [`WriteError::Order`] if its name does not ascend among its neighbours; [`WriteError::Nesting`]; the disk.
    /// `inlineable` in `bucket.go`, v1.3.11: a bucket of one small leaf is in the value of its name.
    pub fn end_bucket(&mut self) -> Result<(), WriteError> {
        let (name, tree) = self
            .open
            .pop()
            .ok_or(WriteError::Nesting("no bucket is open"))?;
        let value = match tree.finish(&mut self.pages)? {
            Done::Inline(page) => BucketHeader { root: Pgid(0) }.with_page(&page),
            Done::Root(root) => BucketHeader { root }.with_page(&[]),
        };
        let parent = match self.open.last_mut() {
            Some((_, parent)) => parent,
            None => &mut self.root,
        };
        parent.add(&mut self.pages, encode::BUCKET, &name, &value)
    }

    /// Writes what is left, then both meta pages, and syncs nothing: that is up to the owner of the file.
    ///
    /// # Errors
    /// [`WriteError::Nesting`] if a bucket is open; the disk.
    pub fn finish(mut self) -> Result<Written, WriteError> {
        if !self.open.is_empty() {
            return Err(WriteError::Nesting("a bucket is still open"));
        }
        let root = self.root.finish_as_pages(&mut self.pages)?;
        let pages = self.pages.next();
        let page_size = u32::try_from(self.pages.page_size()).unwrap_or(4096);
        let freelist = match self.freelist {
            FreelistStorage::Rebuilt => super::meta::NO_FREELIST,
            FreelistStorage::Stored => Pgid(FIRST_PAGE),
        };
        self.pages.flush()?;
        self.pages.out.seek(SeekFrom::Start(0))?;
        // As in a file of `snapshot save`: both metas show one tree, so that losing either loses nothing.
        for (slot, txid) in [(0, 2), (1, 1)] {
            let page = meta_page(slot, page_size, root, freelist, pages, txid);
            self.pages.out.write_all(&page)?;
        }
        self.pages.out.flush()?;
        self.pages.out.seek(SeekFrom::End(0))?;
        Ok(Written {
            pages: pages.0,
            size_bytes: pages.0.saturating_mul(u64::from(page_size)),
            entries: self.entries,
        })
    }
}

/// `MaxKeySize` in `bucket.go`, v1.3.11; `Put` refuses empty keys there too.
fn check_key(key: &[u8]) -> Result<(), WriteError> {
    if key.is_empty() || key.len() > MAX_KEY_BYTES {
        return Err(WriteError::KeyBytes(key.len()));
    }
    Ok(())
}

//! A bbolt file: page size, choice of the meta, pages by id.

use super::bucket::Bucket;
use super::meta::{Meta, MetaChoice, MetaInvalid};
use super::page::{HEADER_BYTES, Page, Pgid};
use located::Error;
use located::Limits;
use located::Reader;
use located::Sink;
use located::{AlignedBuffer, Bytes, warm};

/// A bbolt file as one of its metas describes it. `Copy`, because it only borrows the bytes of the file.
///
/// ```
/// use etcd_inspect_bbolt::{Db, MetaChoice};
/// use etcd_inspect_bbolt::located::{Bytes, FileName, Limits};
///
/// # let mut written = std::io::Cursor::new(Vec::new());
/// # let mut writer = etcd_inspect_bbolt::write::Writer::new(&mut written, Default::default())?;
/// # writer.begin_bucket(b"key")?;
/// # writer.put(b"a", b"1")?;
/// # writer.end_bucket()?;
/// # writer.finish()?;
/// # let read = |_path| Ok::<_, std::io::Error>(written.get_ref().clone());
/// let file = read("member/snap/db")?;
/// let name = FileName::new("member/snap/db");
/// let db = Db::open(Bytes::new(&name, 0, &file), MetaChoice::Newest, &Limits::default())?;
/// for (name, bucket) in db.buckets(&mut |damage| eprintln!("{}", damage.message)) {
///     println!("{} at page {}", String::from_utf8_lossy(name), bucket.root());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Db<'a> {
    file: Bytes<'a>,
    page_size: u64,
    metas: [Option<Meta>; 2],
    meta: Meta,
    tree_depth: usize,
    source: Option<FileSource<'a>>,
}

/// Reads the bytes of a mapped file without the mapping.
#[derive(Clone, Copy)]
pub struct FileSource<'a>(&'a dyn Reader);

impl<'a> FileSource<'a> {
    /// Returns the source that asks a reader.
    pub fn new(reader: &'a dyn Reader) -> Self {
        Self(reader)
    }

    /// Fills the buffer with the bytes at an offset; returns `None` if not all of them can be read.
    pub fn fill(self, buffer: &mut [u8], offset: u64) -> Option<()> {
        let mut done = 0;
        while done < buffer.len() {
            match self
                .0
                .read_at(buffer.get_mut(done..)?, offset.checked_add(done as u64)?)
            {
                Ok(0) => return None,
                Ok(got) => done = done.checked_add(got)?,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        }
        Some(())
    }
}

impl std::fmt::Debug for FileSource<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a file")
    }
}

/// Maximum number of pages whose headers are looked at to find the page size.
const MAX_SCANNED_PAGES: u64 = 1 << 16;

impl<'a> Db<'a> {
    /// Reads both metas and uses one of them.
    ///
    /// The page size is that of meta 0 if it is valid. Otherwise meta 1 is searched at 1 KiB, 2 KiB … 16 MiB, as bbolt does:
    /// getPageSizeFromSecondMeta in `db.go`, v1.3.11.
    ///
    /// # Errors
    /// [`Error::Truncated`] if the file is shorter than a meta page; [`Error::Malformed`] if no meta of that choice is valid,
    /// with the message of bbolt, or if the file was written on a big-endian machine.
    pub fn open(file: Bytes<'a>, choice: MetaChoice, limits: &Limits) -> Result<Self, Error> {
        let first = Meta::parse(&file, 0)?;
        let (page_size, second) = match first.validate() {
            Ok(()) if sane_page_size(first.page_size) => (
                u64::from(first.page_size),
                meta_at(&file, u64::from(first.page_size)),
            ),
            _ => match find_second_meta(&file) {
                Some((size, meta)) => (size, Some(meta)),
                None => (4096, meta_at(&file, 4096)),
            },
        };
        let metas = [Some(first), second];
        let meta = choose(&metas, choice).map_err(|invalid| {
            // bbolt writes integers in the byte order of the machine.
            if first.magic == super::meta::MAGIC.swap_bytes() {
                return file.malformed(
                    16,
                    "meta.magic",
                    "written on a big-endian machine (s390x); this version reads little-endian files only",
                );
            }
            let at = match choice {
                MetaChoice::Slot(1) => usize::try_from(page_size).unwrap_or(0) + 16,
                _ => 16,
            };
            file.malformed(at, "meta", format!("{invalid} (no valid meta page of that choice)"))
        })?;
        Ok(Self {
            file,
            page_size,
            metas,
            meta,
            tree_depth: limits.tree_depth,
            source: None,
        })
    }

    /// A file of which no meta page is valid, for the headers of its pages: no tree and no freelist of it is known. The page size is
    /// the one at which most pages have their own id. `None` if no page has.
    pub fn without_meta(file: Bytes<'a>, limits: &Limits) -> Option<Self> {
        let own = |size: u64| {
            let pages = (file.len() as u64 / size).min(MAX_SCANNED_PAGES);
            let is_own = |pgid: &u64| {
                let at = usize::try_from(pgid.saturating_mul(size)).unwrap_or(usize::MAX);
                let id = file.as_slice().get(at..at.saturating_add(8));
                id.and_then(|id| id.try_into().ok().map(u64::from_le_bytes)) == Some(*pgid)
            };
            (2..pages).filter(is_own).count()
        };
        let sizes = (10..=16).map(|bits| 1u64 << bits);
        let found = sizes.map(|size| (own(size), size));
        let (_, page_size) = found
            .filter(|(count, _)| *count > 0)
            .max_by_key(|(count, size)| (*count, std::cmp::Reverse(*size)))?;
        let parsed = Meta::parse(&file, 0).ok()?;
        let pages = Pgid((file.len() as u64).div_ceil(page_size));
        let meta = Meta {
            page_size: u32::try_from(page_size).ok()?,
            root: pages,
            freelist: super::meta::NO_FREELIST,
            high_water_mark: pages,
            ..parsed
        };
        Some(Self {
            file,
            page_size,
            metas: [Some(parsed), None],
            meta,
            tree_depth: limits.tree_depth,
            source: None,
        })
    }

    /// Sets a reader for the file whose mapping the bytes are. Ranges of pages are then read instead of mapped.
    #[must_use]
    pub fn with_reader(mut self, reader: &'a dyn Reader) -> Self {
        self.source = Some(FileSource(reader));
        self
    }

    /// Returns the bytes of the whole file, including the checksum after a backup.
    pub fn file(&self) -> Bytes<'a> {
        self.file
    }

    /// Returns the page size in bytes.
    pub fn page_size(&self) -> u64 {
        self.page_size
    }

    /// Returns the reader that [`Db::with_reader`] set.
    pub fn source(&self) -> Option<FileSource<'a>> {
        self.source
    }

    /// Returns the meta that is used.
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// Returns both metas; `None` if the file ends before the second.
    pub fn metas(&self) -> &[Option<Meta>; 2] {
        &self.metas
    }

    /// Counts the pages of the file; the last one may be incomplete.
    pub fn file_pages(&self) -> u64 {
        (self.file.len() as u64).div_ceil(self.page_size)
    }

    /// Counts the pages below the high-water mark that are in the file.
    /// The high-water mark; `allocate` in `db.go`, v1.3.11, raises it when the freelist has no room.
    pub fn pages(&self) -> u64 {
        self.meta.high_water_mark.0.min(self.file_pages())
    }

    /// Returns the maximum depth of a tree.
    pub fn tree_depth(&self) -> usize {
        self.tree_depth
    }

    /// Returns the page at a position with its overflow. The header is not checked.
    ///
    /// # Errors
    /// [`Error::Truncated`] if the file ends before the end of the header.
    pub fn page(&self, pgid: Pgid) -> Result<Page<'a>, Error> {
        let at = pgid
            .0
            .checked_mul(self.page_size)
            .and_then(|at| usize::try_from(at).ok())
            .unwrap_or(usize::MAX);
        let rest = self.file.from(at, "page").map_err(|_| {
            self.file.truncated(
                self.file.len(),
                HEADER_BYTES,
                "page header beyond the end of the file",
            )
        })?;
        Page::parse(pgid, rest, self.page_size)
    }

    /// Returns `bytes` bytes at `offset`, read into the buffer or borrowed from the mapping; `None` if not all can be read.
    pub fn read_into<'b>(
        &self,
        buffer: &'b mut AlignedBuffer,
        offset: u64,
        bytes: u64,
    ) -> Option<&'b [u8]>
    where
        'a: 'b,
    {
        let (start, len) = (usize::try_from(offset).ok()?, usize::try_from(bytes).ok()?);
        let Some(source) = self.source else {
            return self.file.as_slice().get(start..start.checked_add(len)?);
        };
        let room = buffer.room(len);
        source.fill(room, offset)?;
        Some(room)
    }

    /// Loads the first three cache lines of pages into the cache: header, elements and keys of a page with few elements.
    pub fn warm_heads(&self, pages: impl Iterator<Item = Pgid>) {
        let places =
            pages.filter_map(|pgid| usize::try_from(pgid.0.checked_mul(self.page_size)?).ok());
        warm(
            self.file.as_slice(),
            places.flat_map(|at| [at, at + 64, at + 128]),
        );
    }

    /// Returns the root bucket, whose elements are the top-level buckets.
    /// The bucket of buckets is stored in the meta page: `init` in `tx.go`, v1.3.11.
    pub fn root(&self) -> Bucket<'a> {
        Bucket::with_root(*self, self.meta.root, self.meta.sequence)
    }

    /// Returns a top-level bucket by name.
    ///
    /// # Errors
    /// [`Error::Missing`] if there is no such bucket; [`Error::Malformed`] or [`Error::Truncated`] if its header cannot be read.
    pub fn bucket(&self, name: &[u8], sink: &mut Sink<'_>) -> Result<Bucket<'a>, Error> {
        let mut found = None;
        self.root().for_each(sink, &mut |item| {
            if item.key == name && found.is_none() {
                found = Some(Bucket::from_item(*self, &item));
            }
        });
        found.unwrap_or(Err(Error::Missing {
            file: self.file.file().clone(),
            what: "bucket of that name",
        }))
    }

    /// Returns all top-level buckets whose headers can be read, in key order.
    pub fn buckets(&self, sink: &mut Sink<'_>) -> Vec<(&'a [u8], Bucket<'a>)> {
        let mut buckets = Vec::new();
        self.root().for_each(sink, &mut |item| {
            if item.is_bucket()
                && let Ok(bucket) = Bucket::from_item(*self, &item)
            {
                buckets.push((item.key, bucket));
            }
        });
        buckets
    }
}

fn sane_page_size(size: u32) -> bool {
    size.is_power_of_two() && (512..=1 << 26).contains(&size)
}

fn meta_at(file: &Bytes<'_>, at: u64) -> Option<Meta> {
    let page = file.from(usize::try_from(at).ok()?, "meta 1").ok()?;
    Meta::parse(&page, 1).ok()
}

fn find_second_meta(file: &Bytes<'_>) -> Option<(u64, Meta)> {
    (0..15).map(|power| 1024u64 << power).find_map(|at| {
        let meta = meta_at(file, at)?;
        (meta.validate().is_ok() && u64::from(meta.page_size) == at).then_some((at, meta))
    })
}

/// Returns the meta that bbolt uses, or the one that the caller chose. The error is that of meta 0, as bbolt returns it.
///
/// Source: meta and mmap in `db.go`, v1.3.11.
fn choose(metas: &[Option<Meta>; 2], choice: MetaChoice) -> Result<Meta, MetaInvalid> {
    let judged = metas.map(|meta| {
        meta.ok_or(MetaInvalid::Magic)
            .and_then(|m| m.validate().map(|()| m))
    });
    let [first, second] = judged;
    match (choice, first, second) {
        (MetaChoice::Slot(0), first, _) => first,
        (MetaChoice::Slot(_), _, second) => second,
        (MetaChoice::Newest, Ok(a), Ok(b)) => Ok(if b.txid > a.txid { b } else { a }),
        (MetaChoice::Newest, Ok(one), Err(_)) | (MetaChoice::Newest, Err(_), Ok(one)) => Ok(one),
        (MetaChoice::Older, Ok(a), Ok(b)) => Ok(if b.txid > a.txid { a } else { b }),
        (MetaChoice::Older, Ok(_), Err(invalid)) | (_, Err(invalid), _) => Err(invalid),
    }
}

//! Buckets by name, and the entries in them, as a transaction reads them.

use std::borrow::Cow;
use std::ops::ControlFlow;

use super::cursor::Cursor;
use super::memory::{Copied, Pointer, Span};
use super::page::{LeafElement, RawPage};
use super::{Death, Opened, Slot};

/// The longest number or revision in a bucket of etcd.
const FRONT_BYTES: u64 = 17;
/// Bytes of a bucket's header, before an inline page.
const BUCKET_HEADER_BYTES: u64 = 16;

/// A bucket that a lookup found.
#[derive(Clone, Copy, Debug)]
pub struct OpenBucket {
    /// Its root page; 0 if it is inline.
    pub root: u64,
    inline: Option<RawPage>,
}

/// What `CreateBucketIfNotExists` finds under a name.
#[derive(Clone, Copy, Debug)]
pub enum Found {
    /// The bucket.
    Bucket(OpenBucket),
    /// Nothing: it is created.
    Missing,
    /// A bucket that was created since the file was opened: it is empty.
    Created,
    /// A key that is no bucket: `incompatible value`.
    Incompatible,
}

impl<'a> Opened<'a> {
    /// Looks for a bucket of the root bucket.
    ///
    /// # Errors
    /// How the process ends when it does.
    pub fn bucket(&self, name: &[u8]) -> Result<Found, Death> {
        if let Some((slots, at)) = self.slot(name)? {
            return self.in_slot(slots.get(at), name);
        }
        let cursor = self.seek(self.meta.root, None, name)?;
        match self.at(&cursor, name)? {
            None => Ok(Found::Missing),
            Some(element) if element.flags & 1 == 0 => Ok(Found::Incompatible),
            Some(element) => self.open_bucket(element.value).map(Found::Bucket),
        }
    }

    /// Where a name belongs in the leaf of the root bucket, if that was changed in memory.
    pub(super) fn slot(&self, name: &[u8]) -> Result<Option<(Vec<Slot>, usize)>, Death> {
        let Some(slots) = self.root_leaf.borrow().clone() else {
            return Ok(None);
        };
        let page = self.page(self.meta.root)?;
        let at = self.search(slots.len() as u64, |at| {
            let slot = usize::try_from(at).ok().and_then(|at| slots.get(at));
            Ok(match slot {
                Some(Slot::Created(created)) => created.as_slice() >= name,
                Some(Slot::Stored(index)) => {
                    let key = self.leaf_key(&page, *index)?.1;
                    self.memory.compare(key, name)?.is_ge()
                }
                None => true,
            })
        })?;
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        Ok(Some((slots, at)))
    }

    fn in_slot(&self, slot: Option<&Slot>, name: &[u8]) -> Result<Found, Death> {
        let index = match slot {
            Some(Slot::Created(created)) if created == name => return Ok(Found::Created),
            Some(Slot::Stored(index)) => *index,
            _ => return Ok(Found::Missing),
        };
        let page = self.page(self.meta.root)?;
        let element = self.leaf_element(&page, index)?;
        if self.memory.compare(element.key, name)?.is_ne() {
            return Ok(Found::Missing);
        }
        match element.flags & 1 {
            0 => Ok(Found::Incompatible),
            _ => self.open_bucket(element.value).map(Found::Bucket),
        }
    }

    /// `Bucket(name)`: `None` also for a key that is no bucket.
    pub(super) fn lookup(&self, root: u64, name: &[u8]) -> Result<Option<OpenBucket>, Death> {
        let cursor = self.seek(root, None, name)?;
        match self.at(&cursor, name)? {
            Some(element) if element.flags & 1 != 0 => self.open_bucket(element.value).map(Some),
            _ => Ok(None),
        }
    }

    fn at(&self, cursor: &Cursor, key: &[u8]) -> Result<Option<LeafElement>, Death> {
        let Some(element) = self.current(cursor)? else {
            return Ok(None);
        };
        let same = match self.memory.compare(element.key, key) {
            Err(Death::Heap { .. }) => false,
            order => order?.is_eq(),
        };
        Ok(same.then_some(element))
    }

    /// `openBucket`: the header is believed to be there, whatever the length of the value.
    /// `openBucket` in `bucket.go`, v1.3.11.
    fn open_bucket(&self, value: Span) -> Result<OpenBucket, Death> {
        if value.len == 0 {
            return Err(Death::Panic(
                "runtime error: index out of range [0] with length 0".to_owned(),
            ));
        }
        // A value that is not aligned is copied, and what is read after its end comes from the heap.
        let aligned = value.from.at.is_multiple_of(8);
        if !aligned {
            self.memory.touch(value)?;
        }
        let from = Pointer {
            at: value.from.at,
            copy: (!aligned).then(|| Copied::from_span(value)),
        };
        let root = self.memory.u64(from)?;
        if root != 0 {
            return Ok(OpenBucket { root, inline: None });
        }
        if value.len <= BUCKET_HEADER_BYTES {
            return Err(Death::Panic(format!(
                "runtime error: index out of range [{BUCKET_HEADER_BYTES}] with length {}",
                value.len
            )));
        }
        let inline = self.raw(from.plus(BUCKET_HEADER_BYTES))?;
        Ok(OpenBucket {
            root,
            inline: Some(inline),
        })
    }

    /// Visits the entries of a bucket in the order in which a cursor meets them: all of them, or those from a key on. A nested
    /// bucket has no value. The third argument is how many bytes of the value are after the end of the file.
    ///
    /// # Errors
    /// How the process ends on the way.
    pub fn scan(
        &self,
        bucket: &OpenBucket,
        from: Option<&[u8]>,
        mut visit: impl FnMut(Cow<'a, [u8]>, Cow<'a, [u8]>, u64) -> ControlFlow<()>,
    ) -> Result<(), Death> {
        let mut cursor = match from {
            None => self.first(bucket.root, bucket.inline)?,
            Some(key) => self.seek(bucket.root, bucket.inline, key)?,
        };
        let past = |cursor: &Cursor| {
            let last = cursor.stack.last();
            last.is_none_or(|(page, index)| *index >= u64::from(page.count))
        };
        if past(&cursor) && !self.advance(&mut cursor)? {
            return Ok(());
        }
        while let Some(element) = self.current(&cursor)? {
            let key = self.memory.bytes(element.key)?;
            let (value, missing) = match element.flags & 1 {
                0 => self.memory.prefix(element.value)?,
                _ => (Cow::Borrowed(&[][..]), 0),
            };
            if visit(key, value, missing).is_break() || !self.advance(&mut cursor)? {
                break;
            }
        }
        Ok(())
    }

    /// The value of a key.
    ///
    /// # Errors
    /// How the process ends when it looks.
    pub fn get(&self, bucket: &OpenBucket, key: &[u8]) -> Result<Option<Cow<'a, [u8]>>, Death> {
        let mut cursor = self.seek(bucket.root, bucket.inline, key)?;
        let last = cursor.stack.last();
        let past = last.is_none_or(|(page, index)| *index >= u64::from(page.count));
        if past && !self.advance(&mut cursor)? {
            return Ok(None);
        }
        match self.at(&cursor, key)? {
            None => Ok(None),
            Some(element) if element.flags & 1 != 0 => Ok(Some(Cow::Borrowed(&[]))),
            // Numbers and revisions are read from the front of a value, however long it claims to be.
            Some(element) => match self.memory.prefix(element.value) {
                Err(Death::Heap { .. }) if element.value.len > FRONT_BYTES => {
                    let front = Span {
                        len: FRONT_BYTES,
                        ..element.value
                    };
                    self.memory.bytes(front).map(Some)
                }
                value => value.map(|(bytes, _)| Some(bytes)),
            },
        }
    }

    /// The cursor of a key, for a write.
    pub(super) fn position(&self, bucket: &OpenBucket, key: &[u8]) -> Result<Cursor, Death> {
        self.seek(bucket.root, bucket.inline, key)
    }
}

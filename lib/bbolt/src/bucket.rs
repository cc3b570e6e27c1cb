//! Buckets: a named tree, or an inline page in the value of an element.

use super::db::Db;
use super::descent::{Descent, PlacedLeaf, descend, is_sound_leaf};
use super::page::{Item, Page, PageHeader, PageType, Pgid};
use super::sweep::sweep;
use super::walk::{Visit, last_leaves, walk};
use located::Bytes;
use located::Error;
use located::progress::Progress;
use located::{Sink, reported_by};
use rayon::prelude::*;

const BUCKET_HEADER_BYTES: usize = 16;

/// A bucket: the value of a leaf element with flag 1.
///
/// The value contains the `u64` id of the root page and a `u64` sequence. Root 0 means *inline*: a page follows, without
/// alignment. bbolt inlines a bucket that fits into a quarter of a page. Source: inlineable in `bucket.go`, v1.3.11.
#[derive(Clone, Copy, Debug)]
pub struct Bucket<'a> {
    db: Db<'a>,
    root: Pgid,
    sequence: u64,
    inline: Option<Page<'a>>,
}

impl<'a> Bucket<'a> {
    /// Returns the bucket with a root page.
    pub fn with_root(db: Db<'a>, root: Pgid, sequence: u64) -> Self {
        Self {
            db,
            root,
            sequence,
            inline: None,
        }
    }

    /// Returns the bucket in an element of another bucket.
    ///
    /// # Errors
    /// [`Error::Malformed`] if the element is not a bucket; [`Error::Truncated`] if its value is too short.
    /// An inline bucket has root 0, and its page follows the header in the value: `openBucket` in `bucket.go`, v1.3.11.
    pub fn from_item(db: Db<'a>, item: &Item<'a>) -> Result<Self, Error> {
        let at = item.offset + item.key.len() as u64;
        let value = Bytes::new(db.file().file(), at, item.value);
        if !item.is_bucket() {
            return Err(value.malformed(
                0,
                "leafPageElement.flags",
                "the element is a value, not a bucket",
            ));
        }
        let root = Pgid(value.u64(0, "bucket.root")?);
        let sequence = value.u64(8, "bucket.sequence")?;
        if root != Pgid(0) {
            return Ok(Self::with_root(db, root, sequence));
        }
        let bytes = value.from(BUCKET_HEADER_BYTES, "inline bucket")?;
        let header = PageHeader::parse(&bytes)?;
        let inline = Some(Page {
            pgid: item.page,
            header,
            bytes,
            missing_bytes: 0,
        });
        Ok(Self {
            db,
            root,
            sequence,
            inline,
        })
    }

    /// Returns the root page; 0 for an inline bucket.
    pub fn root(&self) -> Pgid {
        self.root
    }

    /// Returns the sequence of the bucket; etcd leaves it 0.
    /// etcd never calls `NextSequence` in `bucket.go`, v1.3.11: it is 0.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Returns the page of an inline bucket.
    pub fn inline(&self) -> Option<Page<'a>> {
        self.inline
    }

    /// Returns the db of the bucket.
    pub fn db(&self) -> Db<'a> {
        self.db
    }

    /// Visits every page of the tree in key order, branches before their children. Damage is reported to `sink`.
    pub fn walk(&self, sink: &mut Sink<'_>, visit: &mut dyn FnMut(&Visit<'a, '_>)) {
        match self.inline {
            Some(page) => visit(&Visit {
                page,
                stack: &[],
                lower: None,
                upper: None,
            }),
            None => walk(&self.db, self.root, sink, visit),
        }
    }

    /// Returns the leaf pages in key order. Reads branch pages, and only the headers of leaf pages.
    pub fn leaves(&self, sink: &mut Sink<'_>) -> Leaves<'a> {
        if let Some(sound) = self.sound_leaves() {
            return sound;
        }
        let (mut leaves, mut branches) = (Vec::new(), Vec::new());
        if self.inline.is_none() {
            self.walk(sink, &mut |visit| {
                let page = &visit.page;
                match page.header.page_type() {
                    Some(PageType::Leaf) => leaves.push(Run::from_page(page)),
                    _ => branches.push(Run::from_page(page)),
                }
            });
        }
        Leaves {
            db: self.db,
            inline: self.inline,
            leaves,
            branches,
        }
    }

    /// Reports pages of the tree that have more elements than their header counts: no reader finds what these lead to.
    pub fn report_hidden(&self, sink: &mut Sink<'_>) {
        if self.inline.is_some() {
            return;
        }
        let mut hidden = Vec::new();
        self.walk(&mut reported_by("Bucket::leaves"), &mut |visit| {
            hidden.extend(super::check::elements_hidden(&visit.page));
        });
        hidden.into_iter().for_each(sink);
    }

    /// Returns about `count` of the last leaf pages in key order.
    ///
    /// Reads only the pages on the paths to them, and does not report damage; [`Bucket::walk`] does.
    pub fn last_leaves(&self, count: usize) -> Leaves<'a> {
        let leaves = match self.inline {
            Some(_) => Vec::new(),
            None => last_leaves(&self.db, self.root, count),
        };
        Leaves {
            db: self.db,
            inline: self.inline,
            leaves,
            branches: Vec::new(),
        }
    }

    /// Visits every leaf page of a sound tree in the order of the file, on all cores: the fast path to read a whole bucket.
    ///
    /// Every thread has its own state, created by `start`. `visit` receives the position of the leaf in key order; the page is
    /// in a buffer that is reused after the visit. Returns `None` if the tree has damage, the bucket is inline, a visit
    /// returned `false`, or the sweep was cancelled.
    pub fn sweep<S: Send>(
        &self,
        start: impl Fn() -> S + Sync,
        visit: impl Fn(&mut S, usize, &Page<'_>) -> bool + Sync,
        progress: &dyn Progress,
    ) -> Option<(SweptLeaves<'a>, Vec<S>)> {
        if self.inline.is_some() {
            return None;
        }
        let descent = descend(&self.db, self.root, false)?;
        let order = descent.in_page_order()?;
        let seen = |(runs, state): &mut (Vec<(u32, Run)>, S), at: PlacedLeaf, page: &Page<'_>| {
            runs.push((at.position, Run::from_page(page)));
            is_sound_leaf(page) && visit(state, at.position as usize, page)
        };
        let (runs, states): (Vec<_>, Vec<S>) =
            sweep(&self.db, &order, || (Vec::new(), start()), seen, progress)?
                .into_iter()
                .unzip();
        Some((
            SweptLeaves {
                db: self.db,
                descent,
                runs,
            },
            states,
        ))
    }

    /// Returns the pages of a tree in which [`check`](super::check::check) finds nothing except shared pages: leaves and
    /// branches, each with its overflow. Reads every byte of them, in the order of the file.
    pub fn sound_pages(&self, progress: &dyn Progress) -> Option<Vec<Run>> {
        if self.inline.is_some() {
            return None;
        }
        let descent = descend(&self.db, self.root, true)?;
        let order = descent.in_page_order()?;
        let is_root = descent.branches.is_empty();
        let judge = |runs: &mut Vec<Run>, at: PlacedLeaf, page: &Page<'_>| {
            let bounds = descent.separators.bounds(at.position as usize);
            let full = page.header.count > 0 || is_root;
            runs.push(Run::from_page(page));
            is_sound_leaf(page) && full && super::check::is_sound(page, bounds)
        };
        let runs = sweep(&self.db, &order, Vec::new, judge, progress)?;
        let leaves = runs.into_iter().flatten();
        Some(leaves.chain(descent.branches).collect())
    }

    /// Returns the leaf pages of a tree without damage.
    fn sound_leaves(&self) -> Option<Leaves<'a>> {
        if self.inline.is_some() {
            return None;
        }
        let descent = descend(&self.db, self.root, false)?;
        let order = descent.in_page_order()?;
        let run = |placed: &PlacedLeaf| {
            let page = self.db.page(placed.pgid()).ok()?;
            is_sound_leaf(&page).then(|| (placed.position, Run::from_page(&page)))
        };
        let runs: Option<Vec<(u32, Run)>> = order.par_iter().map(run).collect();
        Some(
            SweptLeaves {
                db: self.db,
                descent,
                runs: vec![runs?],
            }
            .in_key_order(),
        )
    }

    /// Calls `each` for every element in key order. An element that cannot be read is reported to `sink` and skipped.
    pub fn for_each(&self, sink: &mut Sink<'_>, each: &mut dyn FnMut(Item<'a>)) {
        for page in self.leaves(sink).iter() {
            for item in page.items() {
                match item {
                    Ok(item) => each(item),
                    Err(error) => sink(super::check::element_unreadable(&page, &error)),
                }
            }
        }
    }

    /// Returns the last element. Reads only the pages on the path to it.
    pub fn last(&self) -> Option<Item<'a>> {
        let mut page = match self.inline {
            Some(page) => page,
            None => self.db.page(self.root).ok()?,
        };
        for _ in 0..self.db.tree_depth() {
            let last = page.count().checked_sub(1)?;
            match page.header.page_type() {
                Some(PageType::Leaf) => return page.item(last).ok(),
                Some(PageType::Branch) => {
                    page = self.db.page(page.child(last).ok()?.pgid).ok()?;
                }
                _ => return None,
            }
        }
        None
    }

    /// Returns the element with a key. Searches as bbolt does: by binary search down the tree (`cursor.go`, v1.3.11).
    pub fn get(&self, key: &[u8]) -> Option<Item<'a>> {
        let mut page = match self.inline {
            Some(page) => page,
            None => self.db.page(self.root).ok()?,
        };
        for _ in 0..self.db.tree_depth() {
            match page.header.page_type() {
                Some(PageType::Leaf) => {
                    let index = search(
                        page.count(),
                        |i| page.item(i).ok().map(|item| item.key),
                        key,
                    )?;
                    return page.item(index).ok().filter(|item| item.key == key);
                }
                Some(PageType::Branch) => {
                    let index = search(
                        page.count(),
                        |i| page.child(i).ok().map(|child| child.key),
                        key,
                    );
                    page = self
                        .db
                        .page(page.child(index.unwrap_or(0)).ok()?.pgid)
                        .ok()?;
                }
                _ => return None,
            }
        }
        None
    }
}

/// Returns the index of the last of `count` ascending keys that is not greater than `key`; an unreadable key counts as greater.
fn search<'k>(count: usize, at: impl Fn(usize) -> Option<&'k [u8]>, key: &[u8]) -> Option<usize> {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low + (high - low) / 2;
        if at(middle).is_some_and(|found| found <= key) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low.checked_sub(1)
}

/// A page with its overflow and the number of its elements.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// The page.
    pub pgid: Pgid,
    /// Number of pages that follow and belong to it.
    pub overflow: u32,
    /// Number of elements, as [`Page::count`].
    pub count: u16,
}

impl Run {
    /// Returns the run of a page.
    pub fn from_page(page: &Page<'_>) -> Self {
        Self {
            pgid: page.pgid,
            overflow: page.header.overflow,
            count: u16::try_from(page.count()).unwrap_or(u16::MAX),
        }
    }
}

/// The leaf pages of a sweep, in the order in which they were read.
#[derive(Debug)]
pub struct SweptLeaves<'a> {
    db: Db<'a>,
    descent: Descent,
    /// Each leaf with its position in key order.
    runs: Vec<Vec<(u32, Run)>>,
}

impl<'a> SweptLeaves<'a> {
    /// Counts the leaves.
    pub fn len(&self) -> usize {
        self.descent.leaves.len()
    }

    /// Sorts the leaves by key.
    pub fn in_key_order(self) -> Leaves<'a> {
        let unknown = |pgid| Run {
            pgid,
            overflow: 0,
            count: 0,
        };
        let mut leaves: Vec<Run> = self.descent.leaves.into_iter().map(unknown).collect();
        for (position, run) in self.runs.into_iter().flatten() {
            if let Some(leaf) = leaves.get_mut(position as usize) {
                *leaf = run;
            }
        }
        Leaves {
            db: self.db,
            inline: None,
            leaves,
            branches: self.descent.branches,
        }
    }
}

/// The leaf pages of a bucket, in key order. Each takes 16 bytes, so that a db of millions of pages can be split over threads.
#[derive(Clone, Debug)]
pub struct Leaves<'a> {
    db: Db<'a>,
    inline: Option<Page<'a>>,
    leaves: Vec<Run>,
    branches: Vec<Run>,
}

impl<'a> Leaves<'a> {
    /// Counts the leaves.
    pub fn len(&self) -> usize {
        self.leaves.len() + usize::from(self.inline.is_some())
    }

    /// Returns whether there are no leaves.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the leaf at `index`; `None` beyond the last.
    pub fn get(&self, index: usize) -> Option<Page<'a>> {
        match self.inline {
            Some(page) => (index == 0).then_some(page),
            None => self
                .leaves
                .get(index)
                .and_then(|leaf| self.db.page(leaf.pgid).ok()),
        }
    }

    /// Returns the page id, the number of elements and the length of the leaf at `index`, without reading the page.
    pub fn extent(&self, index: usize) -> Option<(Pgid, usize, usize)> {
        if let Some(page) = self.inline {
            return (index == 0).then(|| (page.pgid, page.count(), page.bytes.len()));
        }
        let leaf = self.leaves.get(index)?;
        let size = self.db.page_size();
        let claimed = (u64::from(leaf.overflow) + 1).saturating_mul(size);
        let rest = (self.db.file().len() as u64).saturating_sub(leaf.pgid.0.saturating_mul(size));
        let bytes = usize::try_from(claimed.min(rest)).unwrap_or(usize::MAX);
        Some((leaf.pgid, usize::from(leaf.count), bytes))
    }

    /// Iterates over the pages of the tree: branches and leaves, each with its overflow.
    pub fn runs(&self) -> impl Iterator<Item = Run> + '_ {
        self.branches.iter().chain(&self.leaves).copied()
    }

    /// Iterates over the branch pages of the tree.
    pub fn branches(&self) -> impl Iterator<Item = Page<'a>> + '_ {
        let pages = self.branches.iter();
        pages.filter_map(|branch| self.db.page(branch.pgid).ok())
    }

    /// Loads the headers and first elements of leaves that will be read next into the cache.
    pub fn warm(&self, indexes: impl Iterator<Item = usize>) {
        let pgids = indexes.filter_map(|index| Some(self.leaves.get(index)?.pgid));
        self.db.warm_heads(pgids);
    }

    /// Iterates over the leaves in key order.
    pub fn iter(&self) -> impl Iterator<Item = Page<'a>> + '_ {
        (0..self.len()).filter_map(|index| self.get(index))
    }
}

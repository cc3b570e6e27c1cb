//! Buckets: a named tree, or a page image inside the value that names it.

use super::db::Db;
use super::descent::{Descent, Placed, descend, is_sound_leaf};
use super::page::{Item, Page, PageHeader, PageType, Pgid};
use super::sweep::sweep;
use super::walk::{Visit, last_leaves, walk};
use located::Bytes;
use located::Error;
use located::Sink;
use located::progress::Progress;
use rayon::prelude::*;

const BUCKET_HEADER_BYTES: usize = 16;

/// A bucket: the value of a leaf element with flag 1.
///
/// `u64` root page id and `u64` sequence; root 0 means *inline*: a page image follows, aligned to nothing. Any of etcd's
/// buckets may be inline as long as it is small. Source: bbolt `internal/common/inode.go`, `bucket.go`.
#[derive(Clone, Copy, Debug)]
pub struct Bucket<'a> {
    db: Db<'a>,
    root: Pgid,
    sequence: u64,
    inline: Option<Page<'a>>,
}

impl<'a> Bucket<'a> {
    /// A bucket with a known root page.
    pub fn at(db: Db<'a>, root: Pgid, sequence: u64) -> Self {
        Self {
            db,
            root,
            sequence,
            inline: None,
        }
    }

    /// The bucket that an element of another bucket holds.
    ///
    /// # Errors
    /// [`Error::Malformed`] where the element is no bucket; [`Error::Truncated`] where its value is too short.
    pub fn of_item(db: Db<'a>, item: &Item<'a>) -> Result<Self, Error> {
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
            return Ok(Self::at(db, root, sequence));
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

    /// The root page; 0 for an inline bucket.
    pub fn root(&self) -> Pgid {
        self.root
    }

    /// The bucket's sequence; etcd leaves it 0.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The page image of an inline bucket.
    pub fn inline(&self) -> Option<Page<'a>> {
        self.inline
    }

    /// The db it belongs to.
    pub fn db(&self) -> Db<'a> {
        self.db
    }

    /// Every page of the tree in key order, branches before their children, with damage told to `sink`.
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

    /// The leaf pages in key order. Branch pages are read, leaf pages only their headers.
    pub fn leaves(&self, sink: &mut Sink<'_>) -> Leaves<'a> {
        if let Some(sound) = self.sound_leaves() {
            return sound;
        }
        let (mut leaves, mut branches) = (Vec::new(), Vec::new());
        if self.inline.is_none() {
            self.walk(sink, &mut |visit| {
                let page = &visit.page;
                match page.header.page_type() {
                    Some(PageType::Leaf) => leaves.push(Run::of(page)),
                    _ => branches.push(Run::of(page)),
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

    /// The last leaf pages in key order, some `count` of them: those of the newest revisions, where the keys are revisions.
    /// Pages beside the ways to them are not read, and damage is not judged: [`Bucket::walk`] does.
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

    /// Visits every leaf page of a sound tree in the order of the file, on all cores: the way to look at most of its bytes.
    ///
    /// Every thread has a state of its own, made by `start`. `visit` is given the leaf's position in key order; the page lies
    /// in a buffer and is gone after the visit. `None`: a walk down the tree would have something to tell, the bucket is
    /// inline, a visit answered `false`, or nobody waits any more.
    pub fn sweep<S: Send>(
        &self,
        start: impl Fn() -> S + Sync,
        visit: impl Fn(&mut S, usize, &Page<'_>) -> bool + Sync,
        progress: &dyn Progress,
    ) -> Option<(Unsorted<'a>, Vec<S>)> {
        if self.inline.is_some() {
            return None;
        }
        let descent = descend(&self.db, self.root, false)?;
        let order = descent.in_page_order()?;
        let seen = |(runs, state): &mut (Vec<(u32, Run)>, S), at: Placed, page: &Page<'_>| {
            runs.push((at.position, Run::of(page)));
            is_sound_leaf(page) && visit(state, at.position as usize, page)
        };
        let (runs, states): (Vec<_>, Vec<S>) =
            sweep(&self.db, &order, || (Vec::new(), start()), seen, progress)?
                .into_iter()
                .unzip();
        Some((
            Unsorted {
                db: self.db,
                descent,
                runs,
            },
            states,
        ))
    }

    /// The pages of a tree of which [`check`](super::check::check) has nothing to tell but who owns them: leaves and branches,
    /// each with its overflow. Reads every byte of them, in the order of the file.
    pub fn sound_pages(&self, progress: &dyn Progress) -> Option<Vec<Run>> {
        if self.inline.is_some() {
            return None;
        }
        let descent = descend(&self.db, self.root, true)?;
        let order = descent.in_page_order()?;
        let is_root = descent.branches.is_empty();
        let judge = |runs: &mut Vec<Run>, at: Placed, page: &Page<'_>| {
            let bounds = descent.separators.bounds(at.position as usize);
            let full = page.header.count > 0 || is_root;
            runs.push(Run::of(page));
            is_sound_leaf(page) && full && super::check::is_sound(page, bounds)
        };
        let runs = sweep(&self.db, &order, Vec::new, judge, progress)?;
        let leaves = runs.into_iter().flatten();
        Some(leaves.chain(descent.branches).collect())
    }

    /// The leaf pages of a sound tree, whose walk would have nothing to tell.
    fn sound_leaves(&self) -> Option<Leaves<'a>> {
        if self.inline.is_some() {
            return None;
        }
        let descent = descend(&self.db, self.root, false)?;
        let order = descent.in_page_order()?;
        let run = |placed: &Placed| {
            let page = self.db.page(placed.pgid()).ok()?;
            is_sound_leaf(&page).then(|| (placed.position, Run::of(&page)))
        };
        let runs: Option<Vec<(u32, Run)>> = order.par_iter().map(run).collect();
        Some(
            Unsorted {
                db: self.db,
                descent,
                runs: vec![runs?],
            }
            .in_key_order(),
        )
    }

    /// Every element in key order; one that cannot be read is told to `sink` and the next follows.
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

    /// The last element, found without reading any page beside the way to it.
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

    /// The element with that key, found as bbolt does: by binary search down the tree. Only pages on the way are read.
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

/// The last of `count` ascending keys that is not greater than `key`; an unreadable key counts as greater.
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

/// A page and what its header says of its extent.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    pub pgid: Pgid,
    pub overflow: u32,
    /// Elements, as [`Page::count`] has it.
    pub count: u16,
}

impl Run {
    pub fn of(page: &Page<'_>) -> Self {
        Self {
            pgid: page.pgid,
            overflow: page.header.overflow,
            count: u16::try_from(page.count()).unwrap_or(u16::MAX),
        }
    }
}

/// The leaf pages of a sound tree as they were read.
#[derive(Debug)]
pub struct Unsorted<'a> {
    db: Db<'a>,
    descent: Descent,
    /// Each with its leaf's position in key order.
    runs: Vec<Vec<(u32, Run)>>,
}

impl<'a> Unsorted<'a> {
    /// How many leaves.
    pub fn len(&self) -> usize {
        self.descent.leaves.len()
    }

    /// The same, in key order.
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

/// The leaf pages of a bucket, in key order: sixteen bytes each, so that a db of millions of pages can be split over threads.
#[derive(Clone, Debug)]
pub struct Leaves<'a> {
    db: Db<'a>,
    inline: Option<Page<'a>>,
    leaves: Vec<Run>,
    branches: Vec<Run>,
}

impl<'a> Leaves<'a> {
    /// How many.
    pub fn len(&self) -> usize {
        self.leaves.len() + usize::from(self.inline.is_some())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The leaf at `index`; `None` beyond the last.
    pub fn get(&self, index: usize) -> Option<Page<'a>> {
        match self.inline {
            Some(page) => (index == 0).then_some(page),
            None => self
                .leaves
                .get(index)
                .and_then(|leaf| self.db.page(leaf.pgid).ok()),
        }
    }

    /// Page, elements and bytes of the leaf at `index`, without a look at the page.
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

    /// The pages of the tree: leaves and branches, each with its overflow.
    pub fn runs(&self) -> impl Iterator<Item = Run> + '_ {
        self.branches.iter().chain(&self.leaves).copied()
    }

    /// Asks for the heads of leaves that are about to be read, each with its first elements.
    pub fn warm(&self, indexes: impl Iterator<Item = usize>) {
        let pgids = indexes.filter_map(|index| Some(self.leaves.get(index)?.pgid));
        self.db.warm_heads(pgids);
    }

    /// All, in key order.
    pub fn iter(&self) -> impl Iterator<Item = Page<'a>> + '_ {
        (0..self.len()).filter_map(|index| self.get(index))
    }
}

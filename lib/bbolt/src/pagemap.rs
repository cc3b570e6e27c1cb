//! The use of each page of the file.

use super::bucket::Leaves;
use super::db::Db;
use super::page::{PageType, Pgid};
use super::walk::PageSet;
use located::{Sink, reported_by};

/// The use of a page, according to the chosen meta.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PageUse {
    /// No tree reaches it, and all trees can be read; or the stored freelist has it.
    Free,
    /// No tree reaches it as far as the trees can be read, and no stored freelist has it: it may be in use.
    Unknown,
    /// Page 0 or 1.
    Meta,
    /// A page of the stored freelist.
    Freelist,
    /// The first page of a branch.
    Branch,
    /// The first page of a leaf.
    Leaf,
    /// An overflow page of the page before it.
    Overflow,
    /// At or above the high-water mark: allocated in advance, never used.
    Outside,
}

/// The use and the bucket of every page of the file.
///
/// Memory is that of the pages below the high-water mark, and of those that a tree claims above it: a file may have been
/// allocated to any size in advance.
#[derive(Clone, Debug)]
pub struct PageMap<'a> {
    /// Of the first pages of the file; all later ones are [`PageUse::Outside`].
    uses: Vec<(PageUse, u8)>,
    /// Number of pages of the file.
    pages: u64,
    buckets: Vec<&'a [u8]>,
    page_size: u64,
    /// Number of overflow pages that may still be claimed: twice the file. In a healthy file no two pages share an overflow
    /// page; without the bound, pages that all claim the whole file would cost its square.
    budget: usize,
}

/// Number of pages of each use; the sum is the size of the file in pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct PageCounts {
    /// Free pages below the high-water mark.
    pub free_pages: u64,
    /// Meta, freelist, branch, leaf and overflow pages.
    pub used_pages: u64,
    /// Pages of which nothing says whether they are used or free, because a tree has pages that cannot be read.
    #[serde(skip_serializing_if = "is_zero")]
    pub unknown_pages: u64,
    /// Pages at or above the high-water mark.
    pub outside_pages: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the form that serde calls"
)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl PageCounts {
    /// Counts as [`PageMap::counts`] does, without building the map if no tree has damage. The leaves of the bucket `known` were read
    /// already, and all of them.
    pub fn with_known_bucket(db: &Db<'_>, known: &str, leaves: &Leaves<'_>) -> Self {
        let pages = db.file_pages();
        let mut is_torn = false;
        let (mut used, mut used_below) = (PageSet::new(pages), 0u64);
        // In a healthy file no two pages share an overflow page. Twice the file bounds the work on a damaged one.
        let mut budget = pages.saturating_mul(2);
        let mut claim = |start: u64, overflow: u32| {
            let end = start
                .saturating_add(u64::from(overflow).min(budget))
                .saturating_add(1);
            budget = budget.saturating_sub(u64::from(overflow));
            for pgid in start..end.min(pages) {
                used_below += u64::from(used.insert(Pgid(pgid)) && pgid < db.pages());
            }
        };
        claim(0, 1);
        leaves
            .runs()
            .for_each(|run| claim(run.pgid.0, run.overflow));
        let freelist = db
            .meta()
            .has_freelist()
            .then(|| db.page(db.meta().freelist));
        if let Some(Ok(page)) = freelist {
            claim(page.pgid.0, page.header.overflow);
        }
        let others = db.buckets(&mut |_| is_torn = true).into_iter();
        let others = others
            .filter(|(name, _)| *name != known.as_bytes())
            .map(|(_, bucket)| bucket);
        for bucket in others
            .chain([db.root()])
            .filter(|bucket| bucket.inline().is_none())
        {
            bucket.walk(&mut |_| is_torn = true, &mut |visit| {
                claim(visit.page.pgid.0, visit.page.header.overflow);
            });
        }
        if is_torn {
            return PageMap::build(db, &mut reported_by("check::tree")).counts();
        }
        let used = used.len();
        Self {
            free_pages: db.pages() - used_below,
            used_pages: used,
            unknown_pages: 0,
            outside_pages: (pages - db.pages()) - (used - used_below),
        }
    }
}

const ROOT_BUCKET: u8 = u8::MAX;

impl<'a> PageMap<'a> {
    /// Walks every tree of the db. Reads branch pages, and only the headers of leaf pages. If a tree cannot be read as a whole, only the
    /// stored freelist says what is free.
    pub fn build(db: &Db<'a>, sink: &mut Sink<'_>) -> Self {
        let mut is_torn = false;
        let sink = &mut |finding| {
            is_torn = true;
            sink(finding);
        };
        let mut map = Self::reached(db, sink);
        if is_torn {
            map.forget_free(db);
        }
        map
    }

    /// The pages that the trees and the freelist take; all others are [`PageUse::Free`].
    fn reached(db: &Db<'a>, sink: &mut Sink<'_>) -> Self {
        let pages = usize::try_from(db.file_pages()).unwrap_or(0);
        let below = usize::try_from(db.pages()).unwrap_or(0);
        let mut uses = vec![(PageUse::Free, ROOT_BUCKET); below.max(pages.min(2))];
        uses.iter_mut()
            .take(2)
            .for_each(|page| page.0 = PageUse::Meta);
        let mut map = Self {
            uses,
            pages: db.file_pages(),
            buckets: Vec::new(),
            page_size: db.page_size(),
            budget: pages.saturating_mul(2),
        };
        if let Some(page) = db
            .meta()
            .has_freelist()
            .then(|| db.page(db.meta().freelist))
            .and_then(Result::ok)
        {
            map.claim(
                page.pgid,
                page.header.overflow,
                PageUse::Freelist,
                ROOT_BUCKET,
            );
        }
        let mut of_root = 0u64;
        db.root().walk(
            &mut |finding| {
                of_root += 1;
                sink(finding);
            },
            &mut |visit| map.claim_page(&visit.page, ROOT_BUCKET),
        );
        // An element of the root that cannot be read may be a bucket; its page was reported by the walk.
        let mut again = |finding| match of_root {
            0 => sink(finding),
            _ => drop(finding),
        };
        for (name, bucket) in db.buckets(&mut again) {
            let id = u8::try_from(map.buckets.len()).unwrap_or(ROOT_BUCKET);
            map.buckets.push(name);
            if bucket.inline().is_none() {
                bucket.walk(sink, &mut |visit| map.claim_page(&visit.page, id));
            }
        }
        map
    }

    /// What a damaged tree does not reach may be a part of it that cannot be found: free is what the stored freelist has.
    fn forget_free(&mut self, db: &Db<'a>) {
        let listed = super::freelist::stored(db).ok().flatten();
        let mut free = PageSet::new(self.uses.len() as u64);
        for pgid in listed.into_iter().flatten() {
            free.insert(pgid);
        }
        for (id, page) in (0u64..).zip(&mut self.uses) {
            if page.0 == PageUse::Free && !free.contains(Pgid(id)) {
                page.0 = PageUse::Unknown;
            }
        }
    }

    /// `checkBucket` in `tx_check.go`, v1.3.11, counts pages in the same way.
    fn claim_page(&mut self, page: &super::page::Page<'_>, bucket: u8) {
        let usage = match page.header.page_type() {
            Some(PageType::Branch) => PageUse::Branch,
            _ => PageUse::Leaf,
        };
        self.claim(page.pgid, page.header.overflow, usage, bucket);
    }

    fn claim(&mut self, pgid: Pgid, overflow: u32, usage: PageUse, bucket: u8) {
        let head = usize::try_from(pgid.0).unwrap_or(usize::MAX);
        let pages = usize::try_from(self.pages).unwrap_or(usize::MAX);
        let overflow = (overflow as usize)
            .min(self.budget)
            .min(pages.saturating_sub(head));
        self.budget -= overflow;
        let end = head.saturating_add(overflow).saturating_add(1).min(pages);
        if end > self.uses.len() {
            self.uses.resize(end, (PageUse::Outside, ROOT_BUCKET));
        }
        let run = self.uses.iter_mut().skip(head).take(overflow + 1);
        for (distance, page) in run.enumerate() {
            let head_of_another = matches!(page.0, PageUse::Meta | PageUse::Branch | PageUse::Leaf);
            if distance == 0 {
                *page = (usage, bucket);
            } else if !head_of_another {
                *page = (PageUse::Overflow, bucket);
            }
        }
    }

    /// Returns the use of a page, and the name of its bucket if it belongs to a named bucket.
    pub fn get(&self, pgid: Pgid) -> Option<(PageUse, Option<&'a [u8]>)> {
        if pgid.0 >= self.pages {
            return None;
        }
        let known = usize::try_from(pgid.0)
            .ok()
            .and_then(|at| self.uses.get(at));
        let (usage, bucket) = *known.unwrap_or(&(PageUse::Outside, ROOT_BUCKET));
        Some((usage, self.buckets.get(usize::from(bucket)).copied()))
    }

    /// Iterates in order over the pages up to the last that is used or below the high-water mark; all later ones are
    /// [`PageUse::Outside`], and [`PageMap::pages`] counts them too.
    pub fn iter(&self) -> impl Iterator<Item = (Pgid, PageUse, Option<&'a [u8]>)> + '_ {
        (0..self.uses.len() as u64).filter_map(|id| {
            let (usage, bucket) = self.get(Pgid(id))?;
            Some((Pgid(id), usage, bucket))
        })
    }

    /// Returns the number of pages of the file.
    pub fn pages(&self) -> u64 {
        self.pages
    }

    /// Counts the pages of each use.
    pub fn counts(&self) -> PageCounts {
        let mut counts = PageCounts {
            outside_pages: self.pages.saturating_sub(self.uses.len() as u64),
            ..PageCounts::default()
        };
        for (usage, _) in &self.uses {
            *match usage {
                PageUse::Free => &mut counts.free_pages,
                PageUse::Unknown => &mut counts.unknown_pages,
                PageUse::Outside => &mut counts.outside_pages,
                _ => &mut counts.used_pages,
            } += 1;
        }
        counts
    }

    /// Returns the page size in bytes.
    pub fn page_size(&self) -> u64 {
        self.page_size
    }
}

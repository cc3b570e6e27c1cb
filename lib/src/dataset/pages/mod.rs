//! The pages of a db: what each is used for, and one of them taken apart. Owned, for a front end that keeps it.

mod page_view;

use super::{Dataset, IndexedKeyspace};
use crate::bolt::{Db, PageCounts, PageMap, PageType, PageUse, Pgid};
use crate::member::Member;
use crate::mvcc::{KeyRange, KeyValue, StoredKey};
use located::progress::Progress;
use located::reported_by;

pub use page_view::{PageField, PageRecord, PageValue, PageView};

/// Where the user's keys are.
const KEY_BUCKET: &[u8] = b"key";

/// One row of a list of pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageEntry {
    /// A page, so deep in its tree.
    Page {
        /// Its id.
        id: u64,
        /// Pages between it and the root.
        depth: u8,
    },
    /// A bucket: position in [`PageList::buckets`].
    Bucket(u8),
}

/// The pages of a db.
#[derive(Clone, Debug)]
pub struct PageList {
    /// Whose db it is.
    pub dataset: Dataset,
    /// Names of the buckets, and whether each is inside the page of the root.
    pub buckets: Vec<(Vec<u8>, bool)>,
    /// Pages that begin something, in the order of the file.
    pub file: Vec<PageEntry>,
    /// The trees of all buckets.
    pub tree: Vec<PageEntry>,
    /// How many pages are used, free, and outside.
    pub counts: PageCounts,
    /// Pages of the file.
    pub file_pages: u64,
    uses: Vec<(PageUse, u8)>,
    names: Vec<Vec<u8>>,
    /// Pages below the high-water mark.
    used_pages: u64,
    /// Pages that contain the current version of some key; nothing if the keyspace cannot be read.
    live: Vec<bool>,
    /// Why the trees are not known, and pages are those of the headers alone; `None` if a meta page is valid.
    pub lost: Option<String>,
}

/// The db, also if no meta page of it is valid.
fn db_or_headers(member: &Member) -> Result<(Db<'_>, Option<String>), located::Error> {
    let error = match member.db() {
        Ok(db) => return Ok((db, None)),
        Err(error) => error,
    };
    let limits = &member.options().evidence.limits;
    let headers = member
        .db_bytes()
        .ok()
        .and_then(|file| Db::without_meta(file, limits));
    headers.map(|db| (db, Some(error.to_string()))).ok_or(error)
}

/// A page as a row shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageSummary {
    /// Whether nothing reaches it.
    pub is_free: bool,
    /// Whether nothing reaches it, and nothing says that it is free.
    pub is_unreached: bool,
    /// `leaf`, `branch`; `None` if its flags name no type.
    pub kind: Option<&'static str>,
    /// Whether its header has its own number.
    pub is_own: bool,
    /// Elements.
    pub count: u16,
    /// Overflow pages.
    pub overflow: u32,
    /// Bytes that are used.
    pub used_bytes: u64,
    /// Bytes of the page and its overflow.
    pub size_bytes: u64,
    /// The bucket it belongs to.
    pub bucket: Option<Vec<u8>>,
    /// The revision of the first element, if its key is one: main and sub.
    pub revision: Option<(i64, i64)>,
    /// The key of the first element: that of the user if it is a record.
    pub key: Vec<u8>,
}

impl Dataset {
    /// Walks every tree of the db. `indexed`: to tell which pages contain what is current. If no meta page is valid, the pages are those
    /// whose headers have their own id, and no tree is known.
    ///
    /// # Errors
    /// Why the db cannot be opened.
    pub fn pages(
        &self,
        indexed: Option<&IndexedKeyspace>,
        progress: &dyn Progress,
    ) -> Result<PageList, located::Error> {
        let (db, lost) = db_or_headers(self.member())?;
        progress.begin("walking the trees", 0);
        let map = PageMap::build(&db, &mut reported_by("bbolt::check"));
        let mut pages = PageList {
            dataset: self.clone(),
            buckets: Vec::new(),
            file: Vec::new(),
            tree: Vec::new(),
            counts: map.counts(),
            file_pages: db.file_pages(),
            uses: Vec::new(),
            names: Vec::new(),
            used_pages: db.pages(),
            live: Vec::new(),
            lost,
        };
        pages.take_map(&map);
        if pages.lost.is_none() {
            pages.add_trees(&db, progress);
        }
        if let Some(indexed) = indexed {
            pages.mark_live(&db, indexed);
        }
        Ok(pages)
    }
}

impl PageList {
    /// Whether no tree reaches a page, and nothing says that it is free.
    pub fn is_unreached(&self, id: u64) -> bool {
        let usage = self.usage(id).map(|(usage, _)| usage);
        usage == Some(PageUse::Unknown)
    }

    fn take_map(&mut self, map: &PageMap<'_>) {
        for (id, usage, bucket) in map.iter() {
            let name = bucket.map(|bucket| self.names.iter().position(|name| name == bucket));
            let number = match (name, bucket) {
                (Some(Some(known)), _) => known,
                (Some(None), Some(bucket)) => {
                    self.names.push(bucket.to_vec());
                    self.names.len() - 1
                }
                _ => usize::MAX,
            };
            self.uses
                .push((usage, u8::try_from(number).unwrap_or(u8::MAX)));
            if !matches!(usage, PageUse::Overflow | PageUse::Outside) {
                self.file.push(PageEntry::Page { id: id.0, depth: 0 });
            }
        }
    }

    fn add_trees(&mut self, db: &Db<'_>, progress: &dyn Progress) {
        let depth = |stack: &[Pgid], more: usize| {
            u8::try_from(stack.len().saturating_add(more)).unwrap_or(u8::MAX)
        };
        let tree = &mut self.tree;
        db.root()
            .walk(&mut reported_by("bbolt::check"), &mut |seen| {
                tree.push(PageEntry::Page {
                    id: seen.page.pgid.0,
                    depth: depth(seen.stack, 0),
                });
            });
        for (name, bucket) in db.buckets(&mut reported_by("bbolt::check")) {
            let number = u8::try_from(self.buckets.len()).unwrap_or(u8::MAX);
            let is_inline = bucket.inline().is_some();
            self.buckets.push((name.to_vec(), is_inline));
            tree.push(PageEntry::Bucket(number));
            if !is_inline && !progress.cancelled() {
                bucket.walk(&mut reported_by("bbolt::check"), &mut |seen| {
                    tree.push(PageEntry::Page {
                        id: seen.page.pgid.0,
                        depth: depth(seen.stack, 1),
                    });
                });
            }
        }
    }

    fn mark_live(&mut self, db: &Db<'_>, indexed: &IndexedKeyspace) {
        let keyspace = indexed.keyspace();
        let Ok(current) = keyspace.live(&KeyRange::all(), None) else {
            return;
        };
        self.live = vec![false; usize::try_from(db.file_pages()).unwrap_or(0)];
        for version in current.iter() {
            let page = version
                .offset
                .and_then(|offset| offset.checked_div(db.page_size()));
            let page = page.and_then(|page| usize::try_from(page).ok());
            if let Some(live) = page.and_then(|page| self.live.get_mut(page)) {
                *live = true;
            }
        }
    }

    fn usage(&self, id: u64) -> Option<(PageUse, Option<&[u8]>)> {
        if id >= self.file_pages {
            return None;
        }
        let known = self.uses.get(usize::try_from(id).ok()?);
        let (usage, bucket) = *known.unwrap_or(&(PageUse::Outside, u8::MAX));
        let name = self.names.get(usize::from(bucket)).map(Vec::as_slice);
        Some((usage, name))
    }

    /// The page whose run a page belongs to, itself if it is a head.
    pub fn head_of(&self, id: u64) -> u64 {
        let is_overflow = |page: &u64| matches!(self.usage(*page), Some((PageUse::Overflow, _)));
        (0..=id).rev().find(|page| !is_overflow(page)).unwrap_or(id)
    }

    /// The letter of a page: that of the command line, `H` for leaves of which every record is an older version, and `?` if no tree
    /// reaches it and nothing says that it is free.
    pub fn letter(&self, id: u64) -> char {
        let Some((usage, bucket)) = self.usage(id) else {
            return ' ';
        };
        match usage {
            PageUse::Unknown => '?',
            PageUse::Free => '.',
            PageUse::Meta => 'M',
            PageUse::Freelist => 'F',
            PageUse::Branch => 'B',
            PageUse::Leaf if bucket == Some(KEY_BUCKET) && self.is_history(id) => 'H',
            PageUse::Leaf => 'L',
            PageUse::Overflow => 'o',
            PageUse::Outside => ' ',
        }
    }

    /// Whether no current version is on the page or its overflow run.
    fn is_history(&self, id: u64) -> bool {
        // The map has the run that the tree gives to the page, whatever its header claims.
        let is_overflow = |page: &u64| matches!(self.usage(*page), Some((PageUse::Overflow, _)));
        let run = (id.saturating_add(1)..self.file_pages)
            .take_while(is_overflow)
            .count();
        let from = usize::try_from(id).unwrap_or(usize::MAX);
        let to = from
            .saturating_add(run)
            .min(self.live.len().saturating_sub(1));
        self.live
            .get(from..=to)
            .is_some_and(|pages| !pages.contains(&true))
    }

    /// One line of text about a row, to search in: page, what it is used for, bucket.
    pub fn line(&self, entry: Option<&PageEntry>) -> String {
        match entry {
            Some(PageEntry::Page { id, .. }) => {
                let (usage, bucket) = self.usage(*id).unwrap_or((PageUse::Free, None));
                let word = match (self.letter(*id), usage) {
                    ('H', _) => "history leaf",
                    (_, PageUse::Unknown) => "unreached",
                    (_, PageUse::Free) => "free",
                    (_, PageUse::Meta) => "meta",
                    (_, PageUse::Freelist) => "freelist",
                    (_, PageUse::Branch) => "branch",
                    (_, PageUse::Leaf) => "leaf",
                    (_, PageUse::Overflow) => "overflow",
                    (_, PageUse::Outside) => "unused",
                };
                let bucket = String::from_utf8_lossy(bucket.unwrap_or_default());
                format!("{id} {word} {bucket}")
            }
            Some(PageEntry::Bucket(at)) => {
                let bucket = self.buckets.get(usize::from(*at));
                let name = bucket.map(|(name, _)| name.as_slice()).unwrap_or_default();
                format!("bucket {}", String::from_utf8_lossy(name))
            }
            None => String::new(),
        }
    }

    /// The file as letters, so many cells, each the commonest letter of its pages; pages a cell.
    pub fn picture(&self, cells: usize) -> (Vec<char>, u64) {
        let used = self.used_pages.max(2);
        let each = used.div_ceil(cells.max(1) as u64).max(1);
        let count = usize::try_from(used.div_ceil(each)).unwrap_or(0).min(cells);
        let mut picture = Vec::with_capacity(count);
        for cell in 0..count as u64 {
            let from = cell.saturating_mul(each);
            let mut seen: Vec<(char, u64)> = Vec::new();
            for id in from..from.saturating_add(each).min(used) {
                let letter = self.letter(id);
                match seen.iter_mut().find(|(known, _)| *known == letter) {
                    Some((_, count)) => *count += 1,
                    None => seen.push((letter, 1)),
                }
            }
            let most = seen.iter().max_by_key(|(_, count)| *count);
            picture.push(most.map_or(' ', |(letter, _)| *letter));
        }
        (picture, each)
    }

    /// A page in a few words; `None` if the file ends before it.
    pub fn summary(&self, id: u64) -> Option<PageSummary> {
        let (db, _) = db_or_headers(self.dataset.member()).ok()?;
        let page = db.page(Pgid(id)).ok()?;
        let (usage, bucket) = self.usage(id).unwrap_or((PageUse::Free, None));
        let kind = page.header.page_type();
        let mut summary = PageSummary {
            is_free: matches!(usage, PageUse::Free | PageUse::Unknown),
            is_unreached: self.is_unreached(id),
            kind: kind.map(PageType::as_str),
            is_own: page.header.id == Pgid(id),
            count: page.header.count,
            overflow: page.header.overflow,
            used_bytes: page.used_bytes(),
            size_bytes: page.bytes.len() as u64,
            bucket: bucket.map(<[u8]>::to_vec),
            ..PageSummary::default()
        };
        let (key, value) = match kind {
            Some(PageType::Leaf) => match page.item(0) {
                Ok(item) => (item.key, Some(item.value)),
                Err(_) => return Some(summary),
            },
            Some(PageType::Branch) => match page.child(0) {
                Ok(child) => (child.key, None),
                Err(_) => return Some(summary),
            },
            _ => return Some(summary),
        };
        let of_records = bucket.is_none_or(|bucket| bucket == KEY_BUCKET);
        match StoredKey::parse(key) {
            Ok(stored) if of_records || value.is_none() => {
                summary.revision = Some((stored.revision.main, stored.revision.sub));
                let kv = value.and_then(|value| KeyValue::parse(value).ok());
                summary.key = kv.map(|kv| kv.key.to_vec()).unwrap_or_default();
            }
            _ => summary.key = key.to_vec(),
        }
        Some(summary)
    }
}

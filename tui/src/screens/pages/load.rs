//! What each page of the file is used for, found out once beside the loop.

use std::sync::Arc;

use etcd_inspect::bolt::{Db, PageMap, PageUse, Pgid};
use etcd_inspect::member::Member;
use etcd_inspect::mvcc::KeyRange;
use etcd_inspect::progress::Progress as _;

use crate::job::Monitor;
use crate::session::Data;

/// Where the user's keys are.
pub(super) const KEY_BUCKET: &[u8] = b"key";

/// One row of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Row {
    /// A page, so deep in its tree.
    Page { id: u64, depth: u8 },
    /// A bucket: position in [`Loaded::buckets`].
    Bucket(u8),
}

/// The pages of a db.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) member: &'static Member,
    pub(super) db: Result<Db<'static>, String>,
    pub(super) map: Option<PageMap<'static>>,
    pub(super) buckets: Vec<(&'static [u8], bool)>,
    /// Heads of pages in the order of the file.
    pub(super) file: Vec<Row>,
    /// The trees of all buckets.
    pub(super) tree: Vec<Row>,
    /// Pages that contain the current version of some key; nothing if the keyspace cannot be read.
    live: Vec<bool>,
}

/// Walks every tree of the db.
pub(super) fn load(member: &'static Member, data: Option<Arc<Data>>, monitor: &Monitor) -> Loaded {
    let mut loaded = Loaded {
        member,
        db: member.db().map_err(|error| error.to_string()),
        map: None,
        buckets: Vec::new(),
        file: Vec::new(),
        tree: Vec::new(),
        live: Vec::new(),
    };
    let Ok(db) = loaded.db else { return loaded };
    monitor.begin("walking the trees", 0);
    let map = PageMap::build(&db, &mut |_| {});
    for (id, usage, _) in map.iter() {
        if !matches!(usage, PageUse::Overflow | PageUse::Outside) {
            loaded.file.push(Row::Page { id: id.0, depth: 0 });
        }
    }
    let depth = |stack: &[Pgid], more: usize| u8::try_from(stack.len() + more).unwrap_or(u8::MAX);
    let tree = &mut loaded.tree;
    db.root().walk(&mut |_| {}, &mut |seen| {
        tree.push(Row::Page {
            id: seen.page.pgid.0,
            depth: depth(seen.stack, 0),
        });
    });
    for (name, bucket) in db.buckets(&mut |_| {}) {
        let number = u8::try_from(loaded.buckets.len()).unwrap_or(u8::MAX);
        loaded.buckets.push((name, bucket.inline().is_some()));
        tree.push(Row::Bucket(number));
        if bucket.inline().is_none() && !monitor.is_cancelled() {
            bucket.walk(&mut |_| {}, &mut |seen| {
                tree.push(Row::Page {
                    id: seen.page.pgid.0,
                    depth: depth(seen.stack, 1),
                });
            });
        }
    }
    if let Some(data) = data
        && let Ok(current) = data.objects.keyspace().live(&KeyRange::all(), None)
    {
        loaded.live = vec![false; usize::try_from(db.file_pages()).unwrap_or(0)];
        for version in current.iter() {
            let page = version
                .offset
                .and_then(|offset| offset.checked_div(db.page_size()));
            let page = page.and_then(|page| usize::try_from(page).ok());
            if let Some(live) = page.and_then(|page| loaded.live.get_mut(page)) {
                *live = true;
            }
        }
    }
    loaded.map = Some(map);
    loaded
}

impl Loaded {
    /// The page whose run a page belongs to, itself where it is a head.
    pub(super) fn head_of(&self, id: u64) -> u64 {
        let Some(map) = &self.map else { return id };
        let is_overflow = |page: &u64| matches!(map.get(Pgid(*page)), Some((PageUse::Overflow, _)));
        (0..=id).rev().find(|page| !is_overflow(page)).unwrap_or(id)
    }

    /// The letter of a page: the command line's own, and `H` for leaves of which every record is an older version.
    pub(super) fn letter(&self, id: u64) -> char {
        let Some((usage, bucket)) = self.map.as_ref().and_then(|map| map.get(Pgid(id))) else {
            return ' ';
        };
        match usage {
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
        let overflow = self
            .db
            .as_ref()
            .ok()
            .and_then(|db| db.page(Pgid(id)).ok())
            .map_or(0, |page| u64::from(page.header.overflow));
        let from = usize::try_from(id).unwrap_or(usize::MAX);
        let to = usize::try_from(id.saturating_add(overflow)).unwrap_or(usize::MAX);
        let to = to.min(self.live.len().saturating_sub(1));
        self.live
            .get(from..=to)
            .is_some_and(|pages| !pages.contains(&true))
    }

    /// What the filter looks at in a row: page, letter and what it stands for, bucket.
    pub(super) fn line(&self, row: usize, tree: bool) -> String {
        let rows = if tree { &self.tree } else { &self.file };
        match rows.get(row) {
            Some(Row::Page { id, .. }) => {
                let usage = self.map.as_ref().and_then(|map| map.get(Pgid(*id)));
                let (usage, bucket) = usage.unwrap_or((PageUse::Free, None));
                let word = match (self.letter(*id), usage) {
                    ('H', _) => "history leaf",
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
            Some(Row::Bucket(at)) => {
                let (name, _) = self
                    .buckets
                    .get(usize::from(*at))
                    .copied()
                    .unwrap_or_default();
                format!("bucket {}", String::from_utf8_lossy(name))
            }
            None => String::new(),
        }
    }

    /// Pages of the file.
    pub(super) fn pages(&self) -> u64 {
        self.db.as_ref().map_or(0, Db::file_pages)
    }

    /// The file as letters, so many cells, each the commonest letter of its pages; pages a cell.
    pub(super) fn picture(&self, cells: usize) -> (Vec<char>, u64) {
        let used = self.db.as_ref().map_or(0, Db::pages).max(2);
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
}

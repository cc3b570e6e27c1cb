//! What a first commit demands: the pages it rewrites are read whole, the pages it frees must not be free.

use super::page::RawPage;
use super::{Death, Generation, OpenBucket, Opened, Slot};

impl Opened<'_> {
    /// A commit that changes nothing: the meta is written, a stored free list's page is freed.
    ///
    /// # Errors
    /// How the process ends.
    /// `Commit` in `tx.go`, v1.3.11: rebalance, spill, freelist, pages, meta.
    pub fn commit(&self) -> Result<(), Death> {
        if let Some(list) = self.free.list_page {
            let page = self.unchecked(list)?;
            self.freed(&page)?;
        }
        // The transaction after the last number has the number 0: its meta is older than the one it follows, and what it freed
        // is freed again.
        if self.generation != Generation::V1_3_6 && self.meta.txid >= u64::MAX.saturating_sub(1) {
            return Err(match self.meta.txid {
                u64::MAX => Death::Chance("transaction ids start again at 0".to_owned()),
                _ => Death::Panic(format!("page {} already freed", self.meta.root)),
            });
        }
        if self.meta.root >= self.meta.high_water_mark {
            return Err(Death::Panic(format!(
                "root bucket pgid ({}) above high water mark ({})",
                self.meta.root, self.meta.high_water_mark
            )));
        }
        Ok(())
    }

    /// Creates a bucket: the page of the root bucket where its name belongs is read whole.
    ///
    /// # Errors
    /// How the process ends.
    pub fn create(&self, name: &[u8]) -> Result<(), Death> {
        let cursor = self.seek(self.meta.root, None, name)?;
        for (page, _) in &cursor.stack {
            self.materialize(page, true)?;
        }
        self.insert(name)
    }

    /// `node.put`: the leaf in memory has one more element, where a binary search puts it. If the names of the others are not in
    /// order, later searches take another way than before.
    fn insert(&self, name: &[u8]) -> Result<(), Death> {
        let root = self.page(self.meta.root)?;
        if !root.is_leaf(self.generation) {
            return Ok(());
        }
        let stored = (0..u64::from(root.count)).map(Slot::Stored).collect();
        self.root_leaf.borrow_mut().get_or_insert(stored);
        if let Some((mut slots, at)) = self.slot(name)? {
            slots.insert(at.min(slots.len()), Slot::Created(name.to_vec()));
            *self.root_leaf.borrow_mut() = Some(slots);
        }
        Ok(())
    }

    /// A commit that writes a key of a bucket: its leaf and the pages above it, then the root bucket's.
    ///
    /// # Errors
    /// How the process ends.
    pub fn rewrite(&self, name: &[u8], bucket: &OpenBucket, key: &[u8]) -> Result<(), Death> {
        let cursor = self.position(bucket, key)?;
        for (page, _) in &cursor.stack {
            self.materialize(page, bucket.root != 0)?;
        }
        let cursor = self.seek(self.meta.root, None, name)?;
        for (page, _) in &cursor.stack {
            self.materialize(page, true)?;
        }
        Ok(())
    }

    /// `node.read` and, with the commit, `node.write`: every key and value is copied.
    /// `read` in `node.go`, v1.3.11.
    fn materialize(&self, page: &RawPage, has_page: bool) -> Result<(), Death> {
        if self.generation == Generation::V1_3_6 && has_page {
            let named = self.unchecked(page.id)?;
            if named.from != page.from
                && page.is_leaf(self.generation)
                && !named.is_leaf(self.generation)
            {
                return Err(Death::Panic(
                    "assertion failed: expected leaf node".to_owned(),
                ));
            }
            if named.from != page.from {
                return Err(Death::Chance(format!(
                    "bbolt rewrites the page at offset {:#x} with the content of page {}, which its header names",
                    page.from.at, page.id
                )));
            }
        }
        // What a copy holds after its end is copied again, whatever it is.
        let copied = |span| match self.memory.touch(span) {
            Err(Death::Heap { near: true }) => Ok(()),
            touched => touched,
        };
        for index in 0..u64::from(page.count) {
            let key = match page.is_leaf(self.generation) {
                true => {
                    let element = self.leaf_element(page, index)?;
                    copied(element.value)?;
                    element.key
                }
                false => self.branch_key(page, index)?,
            };
            if key.len == 0 {
                return Err(Death::Panic(
                    "assertion failed: read: zero-length inode key".to_owned(),
                ));
            }
            copied(key)?;
        }
        match has_page {
            true => self.freed(page),
            false => Ok(()),
        }
    }

    /// `freelist.free`.
    fn freed(&self, page: &RawPage) -> Result<(), Death> {
        if page.id <= 1 {
            return Err(Death::Panic(format!(
                "cannot free page 0 or 1: {}",
                page.id
            )));
        }
        let last = page.id.saturating_add(u64::from(page.overflow));
        let Some(list) = &self.free.stored else {
            return Ok(());
        };
        match list.range(page.id..=last).next() {
            Some(twice) => Err(Death::Panic(format!("page {twice} already freed"))),
            None => Ok(()),
        }
    }
}

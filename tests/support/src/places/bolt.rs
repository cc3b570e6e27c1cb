//! A healthy bbolt file, walked: pages, elements and buckets with their byte offsets, and edits that know the layout.

use std::ops::Range;
use std::path::Path;

use crate::sparse;
use crate::synth::bolt::{BRANCH, LEAF, LeafElement, Meta, bucket_header, fnv, leaf};

/// A bbolt file in memory.
#[derive(Clone, Debug)]
pub struct Db {
    /// The whole file.
    pub bytes: Vec<u8>,
    /// Bytes per page.
    pub page_size: usize,
}

/// One page of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Page id.
    pub page: u64,
    /// Leaf or branch.
    pub leaf: bool,
    /// Pages that follow it.
    pub overflow: u32,
    /// Distance from the bucket's root.
    pub depth: usize,
}

/// One element of a leaf, by offsets into the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    /// Page that holds it; `None` in an inline bucket.
    pub page: Option<u64>,
    /// Position in its page.
    pub index: usize,
    /// Offset of its 16-byte element header.
    pub at: usize,
    /// Where the key is.
    pub key: Range<usize>,
    /// Where the value is.
    pub value: Range<usize>,
}

impl Db {
    /// Reads a file.
    #[must_use]
    pub fn read(path: &Path) -> Self {
        Self::from_bytes(sparse::read(path))
    }

    /// Takes the bytes of a file.
    #[must_use]
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        let page_size = u32::from_le_bytes(bytes[24..28].try_into().expect("four bytes")) as usize;
        Self { bytes, page_size }
    }

    /// Writes the file, zero runs as holes.
    pub fn write(&self, path: &Path) {
        sparse::replace(path, &self.bytes);
    }

    /// Two bytes, little endian.
    #[must_use]
    pub fn u16(&self, at: usize) -> u16 {
        u16::from_le_bytes(self.bytes[at..at + 2].try_into().expect("two bytes"))
    }

    /// Four bytes, little endian.
    #[must_use]
    pub fn u32(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.bytes[at..at + 4].try_into().expect("four bytes"))
    }

    /// Eight bytes, little endian.
    #[must_use]
    pub fn u64(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.bytes[at..at + 8].try_into().expect("eight bytes"))
    }

    /// Overwrites bytes at an offset.
    pub fn put(&mut self, at: usize, bytes: &[u8]) {
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// Offset of a page.
    #[must_use]
    pub fn at(&self, page: u64) -> usize {
        page as usize * self.page_size
    }

    /// The meta page (0 or 1) that bbolt would use in this healthy file.
    #[must_use]
    pub fn newest_meta(&self) -> usize {
        usize::from(self.meta(1).txid > self.meta(0).txid)
    }

    /// What a meta page says.
    #[must_use]
    pub fn meta(&self, slot: usize) -> Meta {
        let at = slot * self.page_size;
        Meta {
            magic: self.u32(at + 16),
            version: self.u32(at + 20),
            page_size: self.u32(at + 24),
            root: self.u64(at + 32),
            freelist: self.u64(at + 48),
            high_water_mark: self.u64(at + 56),
            txid: self.u64(at + 64),
        }
    }

    /// Writes a meta page with a fresh checksum.
    pub fn set_meta(&mut self, slot: usize, meta: &Meta) {
        self.put(slot * self.page_size + 16, &meta.encode());
        debug_assert_eq!(fnv(&meta.encode()[..56]).to_le_bytes(), meta.encode()[56..]);
    }

    /// First page id never allocated.
    #[must_use]
    pub fn high_water_mark(&self) -> u64 {
        self.meta(self.newest_meta()).high_water_mark
    }

    /// Page of the root bucket.
    #[must_use]
    pub fn root(&self) -> u64 {
        self.meta(self.newest_meta()).root
    }

    /// The elements of a leaf page.
    #[must_use]
    pub fn leaf(&self, page: u64) -> Vec<Element> {
        self.leaf_at(self.at(page), Some(page))
    }

    /// The children of a branch page: offset of the element, child.
    #[must_use]
    pub fn children(&self, page: u64) -> Vec<(usize, u64)> {
        let at = self.at(page);
        (0..usize::from(self.u16(at + 10)))
            .map(|n| at + 16 + 16 * n)
            .map(|at| (at, self.u64(at + 8)))
            .collect()
    }

    /// Bytes of a range.
    #[must_use]
    pub fn slice(&self, range: &Range<usize>) -> Vec<u8> {
        self.bytes[range.clone()].to_vec()
    }

    /// The root element of a top-level bucket.
    #[must_use]
    pub fn bucket(&self, name: &str) -> Option<Element> {
        self.nodes_from(self.root())
            .iter()
            .filter(|node| node.leaf)
            .flat_map(|node| self.leaf(node.page))
            .find(|entry| self.bytes[entry.key.clone()] == *name.as_bytes())
    }

    /// The pages of a bucket's tree in key order, parents before children; none when it is inline.
    #[must_use]
    pub fn nodes(&self, bucket: &str) -> Vec<Node> {
        let root = self
            .bucket(bucket)
            .map_or(0, |entry| self.u64(entry.value.start));
        if root == 0 {
            Vec::new()
        } else {
            self.nodes_from(root)
        }
    }

    /// The pages of the tree below a page.
    #[must_use]
    pub fn nodes_from(&self, root: u64) -> Vec<Node> {
        let mut nodes = Vec::new();
        let mut open = vec![(root, 0)];
        while let Some((page, depth)) = open.pop() {
            let at = self.at(page);
            let leaf = self.u16(at + 8) == LEAF;
            assert!(
                leaf || self.u16(at + 8) == BRANCH,
                "page {page} of a healthy tree has flags {:#x}",
                self.u16(at + 8)
            );
            nodes.push(Node {
                page,
                leaf,
                overflow: self.u32(at + 12),
                depth,
            });
            if !leaf {
                open.extend(
                    self.children(page)
                        .into_iter()
                        .rev()
                        .map(|(_, child)| (child, depth + 1)),
                );
            }
        }
        nodes
    }

    /// The leaf pages of a bucket, in key order.
    #[must_use]
    pub fn leaves(&self, bucket: &str) -> Vec<u64> {
        self.nodes(bucket)
            .iter()
            .filter(|node| node.leaf)
            .map(|node| node.page)
            .collect()
    }

    /// The entries of a bucket, in key order; inline ones too.
    #[must_use]
    pub fn entries(&self, bucket: &str) -> Vec<Element> {
        let Some(entry) = self.bucket(bucket) else {
            return Vec::new();
        };
        if self.u64(entry.value.start) == 0 {
            return self.leaf_at(entry.value.start + 16, None);
        }
        self.leaves(bucket)
            .into_iter()
            .flat_map(|page| self.leaf(page))
            .collect()
    }

    /// One entry of a bucket.
    #[must_use]
    pub fn entry(&self, bucket: &str, key: &[u8]) -> Option<Element> {
        self.entries(bucket)
            .into_iter()
            .find(|entry| &self.bytes[entry.key.clone()] == key)
    }

    /// Pages below the high-water mark that no tree of the newest meta reaches.
    #[must_use]
    pub fn free_pages(&self) -> Vec<u64> {
        let mut used = vec![false; self.high_water_mark() as usize];
        let root = self.nodes_from(self.root());
        let mut nodes = root.clone();
        for leaf in root.iter().filter(|node| node.leaf) {
            for entry in self.leaf(leaf.page) {
                if self.u32(entry.at) == 1 && self.u64(entry.value.start) != 0 {
                    nodes.extend(self.nodes_from(self.u64(entry.value.start)));
                }
            }
        }
        for node in nodes {
            (node.page..=node.page + u64::from(node.overflow))
                .for_each(|page| used[page as usize] = true);
        }
        (2..self.high_water_mark())
            .filter(|page| !used[*page as usize])
            .collect()
    }

    /// Lays a leaf page out again from elements that still fit it, as bbolt would have written it.
    ///
    /// # Panics
    /// When they do not fit.
    pub fn rewrite_leaf(&mut self, page: u64, change: impl FnOnce(&mut Vec<LeafElement>)) {
        let at = self.at(page);
        let overflow = self.u32(at + 12);
        let room = self.page_size * (overflow as usize + 1);
        let mut elements: Vec<LeafElement> = self
            .leaf(page)
            .iter()
            .map(|entry| {
                (
                    self.u32(entry.at),
                    self.slice(&entry.key),
                    self.slice(&entry.value),
                )
            })
            .collect();
        change(&mut elements);
        let image = leaf(page, overflow, &elements);
        assert!(
            image.len() <= room,
            "page {page} has room for {room} bytes, not {}",
            image.len()
        );
        self.bytes[at..at + room].fill(0);
        self.put(at, &image);
    }

    /// Changes the elements of a bucket that has one leaf, inline or not; an inline bucket is laid out again in the root leaf.
    ///
    /// # Panics
    /// When the bucket is missing, has several leaves, or does not fit any more.
    pub fn rewrite_bucket(&mut self, bucket: &str, change: impl FnOnce(&mut Vec<LeafElement>)) {
        let entry = self.bucket(bucket).expect("the bucket exists");
        if self.u64(entry.value.start) != 0 {
            let leaves = self.leaves(bucket);
            assert_eq!(leaves.len(), 1, "bucket {bucket} has one leaf");
            return self.rewrite_leaf(leaves[0], change);
        }
        let mut elements: Vec<LeafElement> = self
            .entries(bucket)
            .iter()
            .map(|entry| {
                (
                    self.u32(entry.at),
                    self.slice(&entry.key),
                    self.slice(&entry.value),
                )
            })
            .collect();
        change(&mut elements);
        let value = [bucket_header(0, 0), leaf(0, 0, &elements)].concat();
        let page = entry.page.expect("root elements are in pages");
        self.rewrite_leaf(page, |root| root[entry.index].2 = value);
    }

    fn leaf_at(&self, at: usize, page: Option<u64>) -> Vec<Element> {
        (0..usize::from(self.u16(at + 10)))
            .map(|index| {
                let element = at + 16 + 16 * index;
                let key = element + self.u32(element + 4) as usize;
                let value = key + self.u32(element + 8) as usize;
                Element {
                    page,
                    index,
                    at: element,
                    key: key..value,
                    value: value..value + self.u32(element + 12) as usize,
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interrupted_compaction_is_one() {
        let db = Db::read(&crate::data_dir("mid-compaction-3.5.30").join("member/snap/db"));
        let revision = |key: &[u8]| {
            u64::from_be_bytes(
                db.slice(&db.entry("meta", key).unwrap().value)[..8]
                    .try_into()
                    .unwrap(),
            )
        };
        let (scheduled, finished) = (
            revision(b"scheduledCompactRev"),
            revision(b"finishedCompactRev"),
        );
        assert!(scheduled > finished, "{scheduled} {finished}");
        let first = db
            .entries("key")
            .iter()
            .filter(|entry| {
                u64::from_be_bytes(db.slice(&entry.key)[..8].try_into().unwrap()) <= scheduled
            })
            .count();
        assert!(
            first > 100,
            "{first} records at or below the scheduled revision are left"
        );
    }
}

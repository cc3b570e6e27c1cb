//! bbolt files built page by page: whole databases from buckets, or single pages written exactly as asked, damage included.
//!
//! ```text
//! page    id u64 · flags u16 · count u16 · overflow u32 · elements … · data …
//! meta    magic u32 @16 · version u32 · page size u32 · flags u32 · root u64 · sequence u64 · freelist u64 · hwm u64 · txid u64 · fnv u64 @72
//! ```

/// Page flag of a branch.
pub const BRANCH: u16 = 0x01;
/// Page flag of a leaf.
pub const LEAF: u16 = 0x02;
/// Page flag of a meta page.
pub const META: u16 = 0x04;
/// Page flag of a freelist.
pub const FREELIST: u16 = 0x10;
/// Freelist page id that says "not stored".
pub const NO_FREELIST: u64 = u64::MAX;

const MAGIC: u32 = 0xED0C_DAED;
const HEADER: usize = 16;
const ELEMENT: usize = 16;

/// What a meta page says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// `0xED0CDAED` in a healthy file.
    pub magic: u32,
    /// 2 in every etcd.
    pub version: u32,
    /// Bytes per page.
    pub page_size: u32,
    /// Page of the root bucket.
    pub root: u64,
    /// Page of the freelist, all ones for "not stored".
    pub freelist: u64,
    /// First page id never allocated.
    pub high_water_mark: u64,
    /// Transaction that wrote it.
    pub txid: u64,
}

impl Meta {
    /// The 64 bytes at offset 16 of the page, checksum included.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        for word in [self.magic, self.version, self.page_size, 0] {
            out.extend(word.to_le_bytes());
        }
        for word in [self.root, 0, self.freelist, self.high_water_mark, self.txid] {
            out.extend(word.to_le_bytes());
        }
        let sum = fnv(&out);
        out.extend(sum.to_le_bytes());
        out
    }
}

/// FNV-1a, 64 bits.
#[must_use]
pub fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// A page header.
#[must_use]
pub fn header(id: u64, flags: u16, count: u16, overflow: u32) -> Vec<u8> {
    let mut out = id.to_le_bytes().to_vec();
    out.extend(flags.to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend(overflow.to_le_bytes());
    out
}

/// One element of a leaf: flags (1 = bucket), key, value.
pub type LeafElement = (u32, Vec<u8>, Vec<u8>);

/// A leaf page image, packed as bbolt packs it, without padding at the end.
#[must_use]
pub fn leaf(id: u64, overflow: u32, elements: &[LeafElement]) -> Vec<u8> {
    let mut page = header(id, LEAF, elements.len() as u16, overflow);
    let mut data = HEADER + ELEMENT * elements.len();
    for (index, (flags, key, value)) in elements.iter().enumerate() {
        for word in [
            *flags,
            (data - HEADER - ELEMENT * index) as u32,
            key.len() as u32,
            value.len() as u32,
        ] {
            page.extend(word.to_le_bytes());
        }
        data += key.len() + value.len();
    }
    for (_, key, value) in elements {
        page.extend(key);
        page.extend(value);
    }
    page
}

/// A branch page image: first key of each child, and the child.
#[must_use]
pub fn branch(id: u64, overflow: u32, children: &[(Vec<u8>, u64)]) -> Vec<u8> {
    let mut page = header(id, BRANCH, children.len() as u16, overflow);
    let mut data = HEADER + ELEMENT * children.len();
    for (index, (key, child)) in children.iter().enumerate() {
        page.extend(((data - HEADER - ELEMENT * index) as u32).to_le_bytes());
        page.extend((key.len() as u32).to_le_bytes());
        page.extend(child.to_le_bytes());
        data += key.len();
    }
    for (key, _) in children {
        page.extend(key);
    }
    page
}

/// A freelist page image; 65,535 ids and more take the long form, whose first id is the count.
#[must_use]
pub fn freelist(id: u64, overflow: u32, ids: &[u64]) -> Vec<u8> {
    let long = ids.len() >= 0xFFFF;
    let mut page = header(
        id,
        FREELIST,
        if long { 0xFFFF } else { ids.len() as u16 },
        overflow,
    );
    if long {
        page.extend((ids.len() as u64).to_le_bytes());
    }
    for free in ids {
        page.extend(free.to_le_bytes());
    }
    page
}

/// A bucket's value in the root leaf: root page and sequence.
#[must_use]
pub fn bucket_header(root: u64, sequence: u64) -> Vec<u8> {
    let mut out = root.to_le_bytes().to_vec();
    out.extend(sequence.to_le_bytes());
    out
}

/// How the free pages are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freelist {
    /// Not stored: what etcd writes on Linux.
    Unsynced,
    /// Stored in pages of its own.
    Stored,
}

/// A database to be built: buckets of sorted entries, laid out as bbolt would.
#[derive(Clone, Debug)]
pub struct DbBuilder {
    page_size: usize,
    txid: u64,
    inline: bool,
    freelist: Freelist,
    spare: u64,
    tail: usize,
    per_leaf: usize,
    buckets: Vec<(Vec<u8>, Vec<LeafElement>)>,
}

impl Default for DbBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl DbBuilder {
    /// No buckets, pages of 4096 bytes, freelist not stored, no spare pages.
    #[must_use]
    pub fn new() -> Self {
        Self {
            page_size: 4096,
            txid: 10,
            inline: true,
            freelist: Freelist::Unsynced,
            spare: 0,
            tail: 0,
            per_leaf: usize::MAX,
            buckets: Vec::new(),
        }
    }

    /// The ten buckets that every etcd makes at its first start, empty.
    #[must_use]
    pub fn etcd() -> Self {
        [
            "alarm",
            "auth",
            "authRoles",
            "authUsers",
            "cluster",
            "key",
            "lease",
            "members",
            "members_removed",
            "meta",
        ]
        .iter()
        .fold(Self::new(), |db, name| db.bucket(name, Vec::new()))
    }

    /// Bytes per page.
    #[must_use]
    pub fn page_size(mut self, bytes: usize) -> Self {
        self.page_size = bytes;
        self
    }

    /// Transaction id of the newer meta page.
    #[must_use]
    pub fn txid(mut self, txid: u64) -> Self {
        self.txid = txid;
        self
    }

    /// Give every bucket a page of its own, however small.
    #[must_use]
    pub fn never_inline(mut self) -> Self {
        self.inline = false;
        self
    }

    /// Store the freelist.
    #[must_use]
    pub fn freelist(mut self, freelist: Freelist) -> Self {
        self.freelist = freelist;
        self
    }

    /// Leave this many pages free below the high-water mark.
    #[must_use]
    pub fn spare_pages(mut self, pages: u64) -> Self {
        self.spare = pages;
        self
    }

    /// Zero bytes after the high-water mark.
    #[must_use]
    pub fn tail(mut self, bytes: usize) -> Self {
        self.tail = bytes;
        self
    }

    /// At most this many elements per leaf: small trees that are nevertheless deep.
    #[must_use]
    pub fn per_leaf(mut self, elements: usize) -> Self {
        self.per_leaf = elements;
        self
    }

    /// Adds a bucket, or replaces the one of that name.
    #[must_use]
    pub fn bucket(
        mut self,
        name: &str,
        entries: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>,
    ) -> Self {
        let mut elements: Vec<LeafElement> = entries
            .into_iter()
            .map(|(key, value)| (0, key, value))
            .collect();
        elements.sort_by(|a, b| a.1.cmp(&b.1));
        self.buckets.retain(|(other, _)| other != name.as_bytes());
        self.buckets.push((name.as_bytes().to_vec(), elements));
        self.buckets.sort();
        self
    }

    /// The file.
    #[must_use]
    pub fn build(&self) -> Vec<u8> {
        let mut pages = Pages {
            page_size: self.page_size,
            bytes: vec![0; 2 * self.page_size],
        };
        let mut root = Vec::new();
        for (name, elements) in &self.buckets {
            let image = leaf(0, 0, elements);
            let value = if self.inline && image.len() <= self.page_size / 4 {
                [bucket_header(0, 0), image].concat()
            } else {
                bucket_header(self.tree(&mut pages, elements), 0)
            };
            root.push((1, name.clone(), value));
        }
        let root = self.tree(&mut pages, &root);
        let mut free = Vec::new();
        for _ in 0..self.spare {
            free.push(pages.add(|_, _| Vec::new()));
        }
        let freelist = match self.freelist {
            Freelist::Unsynced => NO_FREELIST,
            Freelist::Stored => pages.add(|id, overflow| freelist(id, overflow, &free)),
        };
        let high_water_mark = (pages.bytes.len() / self.page_size) as u64;
        for age in 0..2 {
            let txid = self.txid - age;
            let meta = Meta {
                magic: MAGIC,
                version: 2,
                page_size: self.page_size as u32,
                root,
                freelist,
                high_water_mark,
                txid,
            };
            let page = [header(txid % 2, META, 0, 0), meta.encode()].concat();
            let at = (txid % 2) as usize * self.page_size;
            pages.bytes[at..at + page.len()].copy_from_slice(&page);
        }
        pages.bytes.resize(pages.bytes.len() + self.tail, 0);
        pages.bytes
    }

    /// Lays out one B+tree bottom up and returns its root page.
    fn tree(&self, pages: &mut Pages, elements: &[LeafElement]) -> u64 {
        let mut level: Vec<(Vec<u8>, u64)> = Vec::new();
        let sizes = elements
            .iter()
            .map(|(_, key, value)| key.len() + value.len());
        for range in split(sizes, self.page_size, self.per_leaf) {
            let part = &elements[range];
            let first = part
                .first()
                .map(|element| element.1.clone())
                .unwrap_or_default();
            level.push((first, pages.add(|id, overflow| leaf(id, overflow, part))));
        }
        while level.len() > 1 {
            let sizes: Vec<usize> = level.iter().map(|(key, _)| key.len()).collect();
            let ranges = split(sizes.into_iter(), self.page_size, self.per_leaf.max(2));
            level = ranges
                .into_iter()
                .map(|range| {
                    (
                        level[range.start].0.clone(),
                        pages.add(|id, overflow| branch(id, overflow, &level[range.clone()])),
                    )
                })
                .collect();
        }
        level[0].1
    }
}

/// Cuts elements of the given data sizes into runs that fit a page; a run always takes at least one.
fn split(
    sizes: impl Iterator<Item = usize>,
    page_size: usize,
    most: usize,
) -> Vec<std::ops::Range<usize>> {
    let mut ranges = Vec::new();
    let (mut start, mut filled, mut next) = (0, HEADER, 0);
    for size in sizes {
        if next > start && (filled + ELEMENT + size > page_size || next - start >= most) {
            ranges.push(start..next);
            (start, filled) = (next, HEADER);
        }
        filled += ELEMENT + size;
        next += 1;
    }
    if next > start || ranges.is_empty() {
        ranges.push(start..next);
    }
    ranges
}

struct Pages {
    page_size: usize,
    bytes: Vec<u8>,
}

impl Pages {
    /// Appends a page (with as many overflow pages as it needs) and returns its id.
    fn add(&mut self, image: impl Fn(u64, u32) -> Vec<u8>) -> u64 {
        let id = (self.bytes.len() / self.page_size) as u64;
        let need = image(id, 0).len().div_ceil(self.page_size).max(1);
        let page = image(id, need as u32 - 1);
        self.bytes.extend(&page);
        self.bytes.resize((id as usize + need) * self.page_size, 0);
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::places::bolt::Db as Walked;

    #[test]
    fn a_built_file_walks_back_to_the_entries_it_was_built_from() {
        let entries: Vec<(Vec<u8>, Vec<u8>)> = (0..500u64)
            .map(|n| (n.to_be_bytes().to_vec(), vec![n as u8; (n % 90) as usize]))
            .collect();
        for db in [
            DbBuilder::etcd(),
            DbBuilder::etcd().never_inline().per_leaf(3),
            DbBuilder::etcd()
                .page_size(1024)
                .freelist(Freelist::Stored)
                .spare_pages(5),
        ] {
            let bytes = db
                .bucket("key", entries.clone())
                .bucket("meta", [(b"term".to_vec(), vec![0; 9000])])
                .build();
            let walked = Walked::from_bytes(bytes);
            let seen: Vec<_> = walked
                .entries("key")
                .iter()
                .map(|entry| (walked.slice(&entry.key), walked.slice(&entry.value)))
                .collect();
            assert_eq!(seen, entries);
            assert_eq!(
                walked
                    .slice(&walked.entry("meta", b"term").unwrap().value)
                    .len(),
                9000
            );
        }
    }
}

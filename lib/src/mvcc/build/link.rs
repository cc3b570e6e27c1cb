//! Links between records: the one before each of the same key, the keys, and the folders of the keys.

use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicU32, Ordering};

use hashbrown::HashTable;
use rayon::prelude::*;

use crate::mvcc::folder::folder_of;
use crate::mvcc::index::{NONE, PARTS, Shard, fold, hash_of, part_of};

/// Maximum number of folders that get a number; keys of other folders are read one by one.
const MOST_FOLDERS: usize = 1 << 16;

/// The record before each one of its key, the keys, and the number of folders.
pub(super) fn link(hashes: &[Hashes]) -> (Vec<u32>, Vec<Shard>, u32) {
    let prevs: Vec<AtomicU32> = (0..hashes.len()).map(|_| AtomicU32::new(NONE)).collect();
    let numbers: Vec<u8> = hashes.par_iter().map(Hashes::part).collect();
    let parts = (0..PARTS).into_par_iter().map(|number| {
        let (mut part, mut folders) = (Shard::default(), Folders::default());
        let number = u8::try_from(number).unwrap_or_default();
        for id in memchr::memchr_iter(number, &numbers) {
            let Some((hash, name)) = hashes.get(id).zip(u32::try_from(id).ok()) else {
                continue;
            };
            let same = |newest: u32| {
                hashes
                    .get(newest as usize)
                    .is_some_and(|other| other.key == hash.key)
            };
            let prev = part.enter(hash.folded(), name, same, || folders.enter(hash.folder()));
            if let Some(place) = prevs.get(id).filter(|_| prev != NONE) {
                place.store(prev, Ordering::Relaxed);
            }
        }
        part.shrink();
        (part, folders)
    });
    let parts: Vec<(Shard, Folders)> = parts.collect();
    let mut all = Folders::default();
    let mut linked = Vec::with_capacity(parts.len());
    for (mut part, folders) in parts {
        let known: Vec<u32> = folders.hashes.iter().map(|hash| all.enter(*hash)).collect();
        for key in &mut part.keys {
            key.folder = known.get(key.folder as usize).copied().unwrap_or(NONE);
        }
        linked.push(part);
    }
    let folders = u32::try_from(all.hashes.len()).unwrap_or_default();
    (
        prevs.into_iter().map(AtomicU32::into_inner).collect(),
        linked,
        folders,
    )
}

/// Numbers for folders, by 64 bits of hash with a seed of this process.
#[derive(Default)]
struct Folders {
    hashes: Vec<u64>,
    table: HashTable<u32>,
    last: Option<(u64, u32)>,
}

impl Folders {
    /// The number of a folder; [`NONE`] if there are too many.
    fn enter(&mut self, hash: u64) -> u32 {
        if let Some((_, number)) = self.last.filter(|(last, _)| *last == hash) {
            return number;
        }
        let hashes = &self.hashes;
        let same = |number: &u32| hashes.get(*number as usize) == Some(&hash);
        let number = match (self.table.find(hash, same), u32::try_from(hashes.len())) {
            (Some(number), _) => *number,
            (None, Ok(number)) if hashes.len() < MOST_FOLDERS => {
                self.hashes.push(hash);
                let hashes = &self.hashes;
                let rehash =
                    |number: &u32| hashes.get(*number as usize).copied().unwrap_or_default();
                self.table.insert_unique(hash, number, rehash);
                number
            }
            _ => return NONE,
        };
        self.last = Some((hash, number));
        number
    }
}

/// The hashes of a user key while the index is built: 96 bits of the key, the first 32 of them kept in the index, and 64 of
/// its folder. In parts of 32 bits, so that there is no gap: every record has one.
#[derive(Clone, Copy, Default)]
pub(super) struct Hashes {
    key: [u32; 3],
    folder: [u32; 2],
}

/// The halves of a hash.
fn halves(hash: u64) -> [u32; 2] {
    let upper = u32::try_from(hash >> 32).unwrap_or_default();
    let lower = u32::try_from(hash & u64::from(u32::MAX)).unwrap_or_default();
    [upper, lower]
}

impl Hashes {
    fn folded(&self) -> u32 {
        let [folded, ..] = self.key;
        folded
    }

    fn folder(&self) -> u64 {
        let [upper, lower] = self.folder;
        u64::from(upper) << 32 | u64::from(lower)
    }

    fn part(&self) -> u8 {
        u8::try_from(part_of(self.folded())).unwrap_or_default()
    }
}

#[derive(Default)]
pub(super) struct KeyHasher {
    pub(super) first: foldhash::fast::RandomState,
    second: foldhash::fast::RandomState,
}

impl KeyHasher {
    pub(super) fn hashes(&self, user_key: &[u8]) -> Hashes {
        let mut folder = self.second.build_hasher();
        folder.write(folder_of(user_key));
        let [upper, lower] = halves(hash_of(&self.second, user_key));
        Hashes {
            key: [fold(hash_of(&self.first, user_key)), upper, lower],
            folder: halves(folder.finish()),
        }
    }
}

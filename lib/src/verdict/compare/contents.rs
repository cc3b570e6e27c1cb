//! What keyspaces hold at the newest revision that all have, and where they part.
//!
//! Each keyspace is hashed once, and where the hashes are equal nothing else is read. Where they are not, each is summed
//! once more in blocks of records; the first block that differs holds the first revision that does.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::DifferingKey;
use crate::mvcc::{KeyRange, Keyspace, Version};

/// Keys that differ and are named.
const KEYS: usize = 10_000;
/// Records of one block.
const BLOCK: usize = 1024;

/// What a comparison of keyspaces reports for one member.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct MemberContents {
    pub(super) hashkv: Option<u32>,
    pub(super) hashkv_at_compaction: Option<u32>,
    pub(super) is_minority: bool,
}

/// What a comparison of keyspaces found.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) members: Vec<MemberContents>,
    /// The newest revision that all have.
    pub(super) common: Option<i64>,
    pub(super) same: Option<bool>,
    /// The first revision that differs.
    pub(super) first: Option<i64>,
    pub(super) differing: Vec<DifferingKey>,
}

impl Contents {
    /// Compares keyspaces if all of them were read as a whole; of some, only the hashes are known.
    pub(super) fn compare_whole(keyspaces: &[Option<Keyspace<'_>>], with_keys: bool) -> Self {
        let whole: Vec<Keyspace<'_>> = keyspaces.iter().flatten().copied().collect();
        if whole.len() == keyspaces.len() {
            return Self::compare(&whole, with_keys);
        }
        let Some(common) = whole.iter().map(Keyspace::revision).min() else {
            return Self::default();
        };
        let mut hashes = hashed(&whole, common, None).into_iter();
        let of = |keyspace: &Option<Keyspace<'_>>| match keyspace {
            Some(_) => hashes.next().unwrap_or_default(),
            None => MemberContents::default(),
        };
        Self {
            members: keyspaces.iter().map(of).collect(),
            common: Some(common),
            ..Self::default()
        }
    }

    fn compare(keyspaces: &[Keyspace<'_>], with_keys: bool) -> Self {
        let Some(common) = keyspaces.iter().map(Keyspace::revision).min() else {
            return Self::default();
        };
        let compactions: Vec<_> = keyspaces.iter().map(Keyspace::compact_revision).collect();
        let compacted = compactions.iter().flatten().copied().max().unwrap_or(1);
        let alike = all_equal(&compactions);
        let at_compaction = compactions.first().copied().flatten().filter(|_| alike);
        let mut members = hashed(keyspaces, common, at_compaction);
        let hashes: Vec<_> = members.iter().map(|member| member.hashkv).collect();
        // HashKV depends on the compaction revision too: where that differs, the records themselves are compared.
        let equal_hashes = alike && all_equal(&hashes) && hashes.iter().all(Option::is_some);
        let reaches = common >= compacted;
        if equal_hashes && reaches {
            return Self {
                members,
                common: Some(common),
                same: Some(true),
                ..Self::default()
            };
        }
        let blocks: Vec<Blocks<'_>> = match reaches {
            true => keyspaces
                .iter()
                .map(|keyspace| Blocks::from_keyspace(keyspace, compacted, common))
                .collect(),
            false => Vec::new(),
        };
        let mut first = first_divergent(&blocks);
        let differing = match first {
            None if !with_keys && !reaches => Vec::new(),
            _ => {
                let history = differing_records(keyspaces, compacted, common);
                differing(keyspaces, common.max(compacted), &history)
            }
        };
        let same = reaches.then(|| first.is_none() && differing.is_empty());
        if same == Some(false) {
            let mod_revisions = || differing.iter().flat_map(|key| &key.mod_revisions);
            first = first.or_else(|| mod_revisions().flatten().copied().min());
            let contents: Vec<u64> = match alike && hashes.iter().all(Option::is_some) {
                true => hashes.iter().flatten().copied().map(u64::from).collect(),
                false => record_sums(keyspaces, &blocks, common),
            };
            mark_minority(&mut members, &contents);
        }
        Self {
            members,
            common: Some(common),
            same,
            first,
            differing,
        }
    }
}

/// The hashes of each keyspace.
fn hashed(
    keyspaces: &[Keyspace<'_>],
    common: i64,
    at_compaction: Option<i64>,
) -> Vec<MemberContents> {
    let hash =
        |keyspace: &Keyspace<'_>, at: i64| keyspace.hash_kv(Some(at)).ok().map(|hash| hash.hash);
    keyspaces
        .iter()
        .map(|keyspace| MemberContents {
            hashkv: hash(keyspace, common),
            hashkv_at_compaction: at_compaction.and_then(|at| hash(keyspace, at)),
            is_minority: false,
        })
        .collect()
}

/// A sum of the records of each keyspace, where its hash cannot be compared.
fn record_sums(keyspaces: &[Keyspace<'_>], blocks: &[Blocks<'_>], common: i64) -> Vec<u64> {
    keyspaces
        .iter()
        .zip(blocks)
        .map(|(keyspace, blocks)| blocks.sum() << 32 | live(keyspace, common))
        .collect()
}

/// Marks the members whose content fewer than half of them have, if more than half have another one.
fn mark_minority(members: &mut [MemberContents], contents: &[u64]) {
    let like = |wanted: &u64| contents.iter().filter(|other| *other == wanted).count();
    let majority = contents
        .iter()
        .any(|other| like(other) * 2 > contents.len());
    for (member, mine) in members.iter_mut().zip(contents) {
        member.is_minority = majority && like(mine) * 2 <= contents.len();
    }
}

fn all_equal<T: PartialEq>(values: &[T]) -> bool {
    values
        .windows(2)
        .all(|pair| matches!(pair, [a, b] if a == b))
}

/// The records above the compaction, summed in blocks.
struct Blocks<'a> {
    keyspace: Keyspace<'a>,
    /// Position of the first record in the index, and the position after the last one.
    first: usize,
    end: usize,
    sums: Vec<u32>,
}

impl<'a> Blocks<'a> {
    fn from_keyspace(keyspace: &Keyspace<'a>, compacted: i64, common: i64) -> Self {
        let first = keyspace.index().first_at(compacted.saturating_add(1));
        let end = keyspace.index().first_at(common.saturating_add(1));
        Self {
            keyspace: *keyspace,
            first,
            end,
            sums: keyspace.block_sums(first, end, BLOCK),
        }
    }

    /// The record of that number.
    fn record(&self, number: usize) -> Option<Version<'a>> {
        let at = self.first.checked_add(number).filter(|at| *at < self.end)?;
        self.keyspace.version(u32::try_from(at).ok()?)
    }

    /// One sum over all.
    fn sum(&self) -> u64 {
        let bytes = self.sums.iter().map(|sum| sum.to_be_bytes());
        u64::from(bytes.fold(0, |crc, sum| crc32c::crc32c_append(crc, &sum)))
    }
}

/// The first main revision above the compaction whose records differ.
fn first_divergent(members: &[Blocks<'_>]) -> Option<i64> {
    let (one, others) = members.split_first()?;
    let same = |block: usize| {
        others
            .iter()
            .all(|other| other.sums.get(block) == one.sums.get(block))
    };
    let blocks = members.iter().map(|blocks| blocks.sums.len()).max()?;
    let block = (0..blocks).find(|&block| !same(block))?;
    let from = block.saturating_mul(BLOCK);
    (from..from.saturating_add(BLOCK)).find_map(|number| {
        let records: Vec<_> = members.iter().map(|member| member.record(number)).collect();
        let parts = records
            .iter()
            .map(|record| record.map(|record| (record.revision, record.tombstone, record.message)));
        let same = all_equal(&parts.collect::<Vec<_>>());
        let mains = records.iter().flatten().map(|record| record.revision.main);
        mains.min().filter(|_| !same)
    })
}

/// A sum over what is live at a revision, comparable between members whose compaction differs.
fn live(keyspace: &Keyspace<'_>, at: i64) -> u64 {
    let Ok(live) = keyspace.live(&KeyRange::all(), Some(at)) else {
        return 0;
    };
    let sum = live.iter().fold(0, |crc, version| {
        let crc = crc32c::crc32c_append(crc, version.key);
        crc32c::crc32c_append(crc, version.message)
    });
    u64::from(sum)
}

/// The keys of records that not all have alike in a range of revisions, each with the first such revision.
///
/// All keyspaces are walked once, side by side in the order of revisions.
fn differing_records(
    keyspaces: &[Keyspace<'_>],
    compacted: i64,
    common: i64,
) -> BTreeMap<Vec<u8>, i64> {
    let range = || compacted.saturating_add(1)..=common;
    let mut walks: Vec<_> = keyspaces
        .iter()
        .map(|keyspace| keyspace.between(range()).peekable())
        .collect();
    let mut found = BTreeMap::new();
    loop {
        let heads = walks.iter_mut().filter_map(|walk| walk.peek());
        let Some(revision) = heads.map(|version| version.revision).min() else {
            return found;
        };
        let records: Vec<Option<Version<'_>>> = walks
            .iter_mut()
            .map(|walk| walk.next_if(|version| version.revision == revision))
            .collect();
        let content = |record: &Option<Version<'_>>| {
            record
                .as_ref()
                .map(|one| (one.tombstone, one.message.to_vec()))
        };
        let contents: Vec<_> = records.iter().map(content).collect();
        if !all_equal(&contents) && found.len() < KEYS {
            for record in records.iter().flatten() {
                found.entry(record.key.to_vec()).or_insert(revision.main);
            }
        }
    }
}

/// Keys whose live version differs at a revision, and those of a history that differs, ascending.
fn differing(
    keyspaces: &[Keyspace<'_>],
    at: i64,
    history: &BTreeMap<Vec<u8>, i64>,
) -> Vec<DifferingKey> {
    let held = |key: &[u8]| {
        keyspaces
            .iter()
            .map(move |other| other.get(key, Some(at)).ok().flatten())
            .collect::<Vec<_>>()
    };
    let mut differing: Vec<DifferingKey> = Vec::new();
    for keyspace in keyspaces {
        let Ok(live) = keyspace.live(&KeyRange::all(), Some(at)) else {
            continue;
        };
        let differs = |number: &usize| {
            live.get(*number).is_some_and(|version| {
                !held(version.key)
                    .iter()
                    .all(|other| other.is_some_and(|other| other.message == version.message))
            })
        };
        let numbers: Vec<usize> = (0..live.len()).into_par_iter().filter(differs).collect();
        let room = KEYS.saturating_sub(differing.len());
        let versions = numbers.iter().filter_map(|number| live.get(*number));
        differing.extend(versions.take(room).map(|version| {
            DifferingKey {
                key: version.key.to_vec(),
                mod_revisions: held(version.key)
                    .iter()
                    .map(|other| other.map(|other| other.revision.main))
                    .collect(),
                first_revision: history.get(version.key).copied(),
            }
        }));
    }
    let of_history = history.iter().map(|(key, first)| DifferingKey {
        key: key.clone(),
        mod_revisions: held(key)
            .iter()
            .map(|other| other.map(|other| other.revision.main))
            .collect(),
        first_revision: Some(*first),
    });
    differing.extend(of_history);
    differing.sort_by(|a, b| a.key.cmp(&b.key));
    differing.dedup_by(|a, b| a.key == b.key);
    differing
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mvcc::{KeyValue, Overlay, Revision, Rules};

    /// Keys of which every version differs.
    const ALWAYS: i64 = 10;
    /// Keys of which an old version differs, and the newest is the same.
    const ONCE: i64 = 15;

    /// Each key twice, then some writes that only this store has.
    fn store(own: &str, later: i64) -> Overlay<'static> {
        let mut overlay = Overlay::empty(Rules::NEWEST);
        let keys = ALWAYS + ONCE;
        for number in 0..2 * keys + later {
            let (round, key) = (number / keys, number % keys);
            let name = match round {
                0 | 1 => format!("k{key:02}"),
                _ => format!("later{key:02}"),
            };
            let differs = round == 0 || (round == 1 && key < ALWAYS);
            let value = if differs { own } else { "same" };
            let revision = number + 2;
            let create = if round == 1 {
                revision - keys
            } else {
                revision
            };
            let kv = KeyValue {
                key: name.as_bytes(),
                value: value.as_bytes(),
                create_revision: create,
                mod_revision: revision,
                version: round.min(1) + 1,
                ..KeyValue::default()
            };
            assert!(overlay.put(Revision::new(revision, 0), &kv));
        }
        overlay
    }

    #[test]
    fn every_key_that_differs_in_some_version_is_named_and_none_that_came_later() {
        let stores = [store("one", 0), store("two", 20)];
        let keyspaces: Vec<Keyspace<'_>> = stores.iter().map(Overlay::keyspace).collect();
        let found = Contents::compare(&keyspaces, true);
        assert_eq!((found.same, found.first), (Some(false), Some(2)));
        let named: Vec<&[u8]> = found.differing.iter().map(|key| &key.key[..]).collect();
        let all: Vec<String> = (0..ALWAYS + ONCE).map(|key| format!("k{key:02}")).collect();
        let all: Vec<&[u8]> = all.iter().map(String::as_bytes).collect();
        assert_eq!(named, all);
    }
}

//! Where the store has something else than entries made: lost and unexplained records, and what was never applied.

use std::collections::HashMap;

use super::Entry;
use super::same::{same, same_but_one};
use super::told::Told;
use super::walk::{Broken, Walk};
use crate::codes::cross;
use crate::mvcc::Version;
use crate::recover::{Change, Replay};
use located::Finding;

/// Entries looked ahead for the one that made a revision.
const LOOK_AHEAD: usize = 4096;
/// Records in a row that fit nothing before WAL and store are called strangers.
const STRANGERS: u64 = 8;

impl<'a> Walk<'_, 'a> {
    /// Above the compaction the store has something else than the entry made.
    pub(super) fn differs(
        &mut self,
        position: usize,
        made: &[Change<'_>],
        stored: &[Version<'_>],
        beyond: bool,
        told: &mut Told,
    ) -> Option<Broken> {
        let entry = self.entries.get(position)?;
        let main = made.first().map_or(0, |change| change.revision.main);
        let pairs = || {
            made.iter().filter_map(|change| {
                Some((
                    change,
                    stored.iter().find(|v| v.revision == change.revision)?,
                ))
            })
        };
        let alike = pairs().all(|(change, version)| same_but_one(change, version))
            && stored.len() <= made.len();
        if stored.is_empty() || alike {
            if beyond {
                return Some(Broken::Done);
            }
            self.strangers = 0;
            for change in made {
                match stored
                    .iter()
                    .find(|version| version.revision == change.revision)
                {
                    Some(version) if same(change, version) => {}
                    Some(version) => self.one_differs(entry, change, version, told),
                    None => self.one_missing(entry, change, told),
                }
            }
            return None;
        }
        if beyond {
            return Some(Broken::Done);
        }
        if !self.whole {
            self.lost = true;
            return Some(Broken::Done);
        }
        let skipped = self.made_by_later(position, stored);
        let extra = self.made_later(made, main);
        match (skipped, extra) {
            (Some(later), extra)
                if extra.is_none_or(|extra| extra >= i64::try_from(later).unwrap_or(i64::MAX)) =>
            {
                let lost = self
                    .entries
                    .get(position..position.saturating_add(later))
                    .unwrap_or_default();
                let last = lost
                    .last()
                    .map_or(entry.entry.index, |last| last.entry.index);
                let message = format!(
                    "raft entries {} to {last} count as applied, but the store has nothing of them at revision {main}",
                    entry.entry.index
                );
                let place = self.place_near(main, told);
                let mut finding = Finding::new(&cross::SKIPPED, place, message)
                    .seen("nothing of them", self.written(entry))
                    .count(later as u64);
                finding.keys = keys_of(lost);
                told.add(finding);
                Some(Broken::Again {
                    position: position.saturating_add(later),
                    revision: main.saturating_sub(1),
                })
            }
            (_, Some(extra)) => {
                let last = main.saturating_add(extra).saturating_sub(1);
                let message = format!("no raft entry made the revisions {main} to {last}");
                let place = self.place_near(main, told);
                let mut finding =
                    Finding::new(&cross::UNEXPLAINED, place, message).count(extra.unsigned_abs());
                finding.keys = self
                    .keyspace
                    .between(main..=last)
                    .take(100)
                    .map(|version| version.key.to_vec())
                    .collect();
                told.add(finding);
                Some(Broken::Again {
                    position,
                    revision: last,
                })
            }
            _ => {
                self.strangers = self.strangers.saturating_add(1);
                if self.strangers >= STRANGERS {
                    let message = format!(
                        "from raft entry {} (revision {main}) on the store's records are not those of the WAL",
                        entry.entry.index
                    );
                    let place = self.place_near(main, told);
                    let finding = Finding::new(&cross::DISAGREE, place, message);
                    told.add(finding.seen("other records", self.written(entry)));
                    return Some(Broken::Done);
                }
                pairs()
                    .for_each(|(change, version)| self.one_differs(entry, change, version, told));
                None
            }
        }
    }

    /// How many entries further one is that writes what the store has here.
    fn made_by_later(&self, position: usize, stored: &[Version<'_>]) -> Option<usize> {
        let wanted = stored.iter().find(|version| !version.tombstone)?;
        let value = wanted.key_value().ok()?.value;
        let later = self.entries.iter().skip(position).take(LOOK_AHEAD);
        let found =
            later.enumerate().skip(1).find(|(_, entry)| {
                entry.entry.index <= self.consistent_index
                    && entry.payload().puts().iter().any(|put| {
                        put.key == wanted.key && (put.value == value || put.ignore_value)
                    })
            })?;
        Some(found.0)
    }

    /// How many revisions later the store has what the entry made.
    fn made_later(&self, made: &[Change<'_>], main: i64) -> Option<i64> {
        let change = made.iter().find(|change| change.put.is_some())?;
        let put = change.put.as_ref()?;
        let records = self.keyspace.records_of(&change.key);
        let later = records.iter().find(|version| {
            version.revision.main > main
                && version
                    .key_value()
                    .is_ok_and(|kv| kv.value == &*put.value && !version.tombstone)
        })?;
        Some(later.revision.main.saturating_sub(main))
    }

    /// Of each key the newest put at or below the compaction must have been kept.
    pub(super) fn kept(&self, replay: &Replay<'_, '_>, told: &mut Told) {
        let mut newest: HashMap<&[u8], &Change<'_>> = HashMap::new();
        for change in replay
            .changes()
            .iter()
            .filter(|change| change.revision.main <= self.compacted)
        {
            newest.insert(&change.key, change);
        }
        let mut missing: Vec<&Change<'_>> = newest
            .into_values()
            .filter(|change| change.put.is_some() && change.index <= self.consistent_index)
            .filter(|change| {
                !self
                    .keyspace
                    .records_of(&change.key)
                    .iter()
                    .any(|v| v.revision == change.revision)
            })
            .filter(|change| {
                self.keyspace
                    .between(change.revision.main..=change.revision.main)
                    .next()
                    .is_none()
            })
            .collect();
        missing.sort_by_key(|change| change.revision);
        for change in missing {
            let entry = self
                .entries
                .iter()
                .find(|entry| entry.entry.index == change.index);
            if let Some(entry) = entry {
                self.one_missing(entry, change, told);
            }
        }
    }

    /// What consistent_index says against what the store has.
    pub(super) fn ends(&mut self, told: &mut Told) {
        if !self.whole && !self.unapplied.is_empty() {
            self.lost = true;
            return;
        }
        if let Some(first) = self
            .unapplied
            .first()
            .and_then(|&position| self.entries.get(position))
        {
            let lost: Vec<&Entry<'_>> = self
                .unapplied
                .iter()
                .filter_map(|&position| self.entries.get(position))
                .collect();
            let last = lost
                .last()
                .map_or(first.entry.index, |last| last.entry.index);
            let message = format!(
                "{} raft entries from {} to {last} count as applied (consistent_index {}), but the store ends before them, at revision {}",
                lost.len(),
                first.entry.index,
                self.consistent_index,
                self.newest
            );
            let mut finding = Finding::new(&cross::SKIPPED, told.db_place(), message)
                .seen("nothing of them", self.written(first))
                .count(lost.len() as u64);
            finding.keys = lost
                .iter()
                .flat_map(|entry| user_keys(entry))
                .take(100)
                .collect();
            told.add(finding);
        }
        if let Some(last) = self
            .applied_beyond
            .and_then(|position| self.entries.get(position))
        {
            let count = last.entry.index.saturating_sub(self.consistent_index);
            let message = format!(
                "the store has the effect of raft entries up to {}, but consistent_index is {}",
                last.entry.index, self.consistent_index
            );
            let finding = Finding::new(&cross::TWICE, told.db_place(), message)
                .seen(
                    self.consistent_index.to_string(),
                    format!("{} or more", last.entry.index),
                )
                .count(count);
            told.add(finding);
        }
    }
}

fn keys_of(entries: &[Entry<'_>]) -> Vec<Vec<u8>> {
    entries.iter().flat_map(user_keys).take(100).collect()
}

fn user_keys(entry: &Entry<'_>) -> Vec<Vec<u8>> {
    let payload = entry.payload();
    payload
        .user_keys()
        .into_iter()
        .map(<[u8]>::to_vec)
        .collect()
}

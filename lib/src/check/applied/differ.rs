//! Differences between the store and what entries made: missing and unexplained records, and entries that were never applied.

use std::collections::HashMap;

use super::RunEntry;
use super::finding_set::FindingSet;
use super::positions::{KeptRecords, LoggedPuts, StoredPuts};
use super::record_match::{key_or_value_matches, record_matches};
use super::walk::{Broken, CarefulPath};
use crate::codes::cross;
use crate::mvcc::Version;
use crate::recover::{Change, Replay};
use located::{Advice, Command, Finding, RaftIndex};

/// Maximum distance of the entry that made a revision from the one that should have.
const MAX_ENTRIES_AHEAD: usize = 4096;
/// Number of consecutive records that fit nothing, after which WAL and store have different histories.
const MAX_STRANGERS: u64 = 8;

/// The stored record of a change. Both are in order of revision; a revoked lease may have deleted very many keys at once.
fn stored_at<'v, 's>(stored: &'v [Version<'s>], change: &Change<'_>) -> Option<&'v Version<'s>> {
    let at = stored.binary_search_by_key(&change.revision, |version| version.revision);
    at.ok().and_then(|at| stored.get(at))
}

impl<'a> CarefulPath<'_, 'a> {
    /// Above the compaction the store has something else than the entry made.
    pub(super) fn differs(
        &mut self,
        position: usize,
        made: &[Change<'_>],
        stored: &[Version<'_>],
        beyond: bool,
        findings: &mut FindingSet,
    ) -> Option<Broken> {
        let entry = self.entries.get(position)?;
        let main = made.first().map_or(0, |change| change.revision.main);
        let pairs = || {
            made.iter()
                .filter_map(|change| Some((change, stored_at(stored, change)?)))
        };
        let alike = pairs().all(|(change, version)| key_or_value_matches(change, version))
            && stored.len() <= made.len();
        if stored.is_empty() || alike {
            if beyond {
                return Some(Broken::Done);
            }
            self.strangers = 0;
            for change in made {
                match stored_at(stored, change) {
                    Some(version) if record_matches(change, version) => {}
                    Some(version) => self.one_differs(entry, change, version, findings),
                    None => self.one_missing(entry, change, findings),
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
                Some(self.skipped(position, later, main, findings))
            }
            (_, Some(extra)) => Some(self.unexplained(position, extra, main, findings)),
            _ => {
                self.strangers = self.strangers.saturating_add(1);
                if self.strangers >= MAX_STRANGERS {
                    self.disagree(entry, main, findings);
                    return Some(Broken::Done);
                }
                pairs().for_each(|(change, version)| {
                    self.one_differs(entry, change, version, findings)
                });
                None
            }
        }
    }

    /// Records of too many entries in a row fit nothing: the rest is not compared.
    fn disagree(&self, entry: &RunEntry<'_>, main: i64, findings: &mut FindingSet) {
        let message = format!(
            "from raft entry {} on (revision {main}) the store has other records than the WAL wrote",
            entry.entry.index
        );
        let place = self.place_near(main, findings);
        let finding = Finding::new(&cross::DISAGREE, place, message);
        let finding = finding.seen("other records", self.written(entry));
        findings.add(finding, (main, self.newest));
    }

    /// `later` entries from a position on count as applied, but are not in the store: reports them, and continues after them.
    fn skipped(
        &self,
        position: usize,
        later: usize,
        main: i64,
        findings: &mut FindingSet,
    ) -> Broken {
        let after = position.saturating_add(later);
        let lost = self.entries.get(position..after).unwrap_or_default();
        if let (Some(first), Some(last)) = (lost.first(), lost.last()) {
            let (from, to) = (first.entry.index, last.entry.index);
            let message = format!(
                "raft entries {from}–{to} count as applied (consistent_index {}), but their writes are missing in the store at revision {main}",
                self.consistent_index
            );
            let place = self.place_near(main, findings);
            let mut finding = Finding::new(&cross::SKIPPED, place, message)
                .seen("none of their records", self.written(first))
                .count(later as u64);
            finding.keys = keys_of(lost);
            finding.next = entries_command(from, to);
            findings.add(finding, (main, main));
        }
        Broken::Again {
            position: after,
            revision: main.saturating_sub(1),
        }
    }

    /// `extra` revisions of the store are of no entry: reports them, and continues after them.
    fn unexplained(
        &self,
        position: usize,
        extra: i64,
        main: i64,
        findings: &mut FindingSet,
    ) -> Broken {
        let last = main.saturating_add(extra).saturating_sub(1);
        if let Some(entry) = self.entries.get(position) {
            let message = format!(
                "no raft entry made the revisions {main}–{last} of the store; raft entry {} follows after them",
                entry.entry.index
            );
            let place = self.place_near(main, findings);
            let mut finding =
                Finding::new(&cross::UNEXPLAINED, place, message).count(extra.unsigned_abs());
            finding.keys = self
                .keyspace
                .between(main..=last)
                .map(|version| version.key.to_vec())
                .collect();
            findings.add(finding, (main, last));
        }
        Broken::Again {
            position,
            revision: last,
        }
    }

    /// Returns how many entries later the next one is that writes what the store has here.
    fn made_by_later(&self, position: usize, stored: &[Version<'_>]) -> Option<usize> {
        let wanted = stored.iter().find(|version| !version.tombstone)?;
        let value = wanted.key_value().ok()?.value;
        let puts = self
            .logged_puts
            .get_or_init(|| LoggedPuts::new(self.entries));
        let found = puts.next_after(position, wanted.key, value)?;
        let entry = self.entries.get(found)?;
        let later = found.saturating_sub(position);
        (entry.entry.index <= self.consistent_index && later < MAX_ENTRIES_AHEAD).then_some(later)
    }

    /// Returns how many revisions later the store has what the entry made.
    fn made_later(&self, made: &[Change<'_>], main: i64) -> Option<i64> {
        let change = made.iter().find(|change| change.put.is_some())?;
        let put = change.put.as_ref()?;
        let puts = self.stored_puts.get_or_init(|| {
            StoredPuts::of_keys_in(self.keyspace, self.entries, KeptRecords::AboveCompaction)
        });
        let later = puts.revisions(&change.key, &put.value, main).next()?;
        Some(later.saturating_sub(main))
    }

    /// Of each key the newest put at or below the compaction must have been kept.
    pub(super) fn kept(&self, replay: &Replay<'_, '_>, findings: &mut FindingSet) {
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
                .binary_search_by_key(&change.index, |entry| entry.entry.index);
            if let Some(entry) = entry.ok().and_then(|at| self.entries.get(at)) {
                self.one_missing(entry, change, findings);
            }
        }
    }

    /// What consistent_index says against what the store has.
    pub(super) fn ends(&mut self, findings: &mut FindingSet) {
        if !self.whole && !self.unapplied.is_empty() {
            self.lost = true;
            return;
        }
        if let Some(first) = self
            .unapplied
            .first()
            .and_then(|&position| self.entries.get(position))
        {
            let lost: Vec<&RunEntry<'_>> = self
                .unapplied
                .iter()
                .filter_map(|&position| self.entries.get(position))
                .collect();
            let last = lost
                .last()
                .map_or(first.entry.index, |last| last.entry.index);
            let message = format!(
                "raft entries {}–{last} count as applied (consistent_index {}), but the store ends before them, at revision {}",
                first.entry.index, self.consistent_index, self.newest
            );
            let mut finding = Finding::new(&cross::SKIPPED, findings.db_place(), message)
                .seen("none of their records", self.written(first))
                .count(lost.len() as u64);
            finding.keys = lost.iter().flat_map(|entry| user_keys(entry)).collect();
            finding.next = entries_command(first.entry.index, last);
            findings.add(finding, (self.newest, self.newest));
        }
        if let Some(last) = self
            .applied_beyond
            .and_then(|position| self.entries.get(position))
        {
            let count = last.entry.index.since(self.consistent_index);
            let message = format!(
                "the store has the records of raft entries up to {}, but consistent_index is {}: a start applies entries {}–{} again",
                last.entry.index,
                self.consistent_index,
                self.consistent_index.saturating_add(1),
                last.entry.index
            );
            let finding = Finding::new(&cross::TWICE, findings.db_place(), message)
                .seen(
                    self.consistent_index.to_string(),
                    format!("{} or more", last.entry.index),
                )
                .count(count);
            findings.add(finding, (self.newest, self.newest));
        }
    }
}

/// The command that shows entries, and what else to do.
fn entries_command(first: RaftIndex, last: RaftIndex) -> Vec<Advice> {
    let entries = Command::inspect("wal").flag("--index", format!("{first}..{last}"));
    vec![entries.evidence().into(), cross::SKIPPED.next.into()]
}

fn keys_of(entries: &[RunEntry<'_>]) -> Vec<Vec<u8>> {
    entries.iter().flat_map(user_keys).collect()
}

fn user_keys(entry: &RunEntry<'_>) -> Vec<Vec<u8>> {
    let payload = entry.payload();
    payload
        .user_keys()
        .into_iter()
        .map(<[u8]>::to_vec)
        .collect()
}

//! Applying entries once more and holding what they write against the store.

use std::collections::HashMap;

use super::anchor::{Anchor, beginning, presumed, puts};
use super::{Entry, Reach, Told};
use crate::codes::cross;
use crate::finding::Finding;
use crate::member::Wal;
use crate::mvcc::{KeyValue, Keyspace, Version};
use crate::place::Place;
use crate::recover::{Applied, Base, Change, Nothing, Replay, State, Stored};

/// How often the thread may be lost and found again.
const MAX_BREAKS: usize = 16;
/// Entries looked ahead for the one that made a revision.
const LOOK_AHEAD: usize = 4096;
/// Records in a row that fit nothing before WAL and store are called strangers.
const STRANGERS: u64 = 8;

/// Why a walk ended before the last entry.
enum Broken {
    /// Nothing more to compare.
    Done,
    /// Goes on at this entry, the store being at this revision.
    Again { position: usize, revision: i64 },
}

pub(super) struct Walk<'w, 'a> {
    pub(super) keyspace: &'w Keyspace<'a>,
    pub(super) wal: &'w Wal<'a>,
    pub(super) entries: &'w [Entry<'a>],
    pub(super) consistent_index: u64,
    compacted: i64,
    newest: i64,
    reach: Reach,
    /// Whether no entry is missing or damaged in the log.
    whole: bool,
    lost: bool,
    /// Everything beside keys after the entry at consistent_index.
    state: Option<State>,
    /// Entries up to consistent_index whose effect the store lacks because it ends before.
    unapplied: Vec<usize>,
    /// The last entry behind consistent_index whose effect the store has.
    applied_beyond: Option<usize>,
    strangers: u64,
}

/// What a walk came to.
pub(super) struct Walked {
    /// How far it went.
    pub(super) reach: Reach,
    /// Everything beside keys after the entry at consistent_index, where nothing of it had to be guessed.
    pub(super) state: Option<State>,
    /// Whether WAL and store went apart on the way.
    pub(super) lost: bool,
}

/// Compares from the anchor on. Where the log is not whole it ends where the two go apart.
pub(super) fn walk<'a>(
    keyspace: &Keyspace<'a>,
    wal: &Wal<'a>,
    entries: &[Entry<'a>],
    anchor: Anchor,
    consistent_index: u64,
    whole: bool,
    told: &mut Told,
) -> Walked {
    let mut walk = Walk {
        whole,
        lost: false,
        state: None,
        keyspace,
        wal,
        entries,
        consistent_index,
        compacted: keyspace.compact_revision().unwrap_or(-1),
        newest: keyspace
            .between(0..=i64::MAX)
            .next_back()
            .map_or(1, |version| version.revision.main),
        reach: Reach::default(),
        unapplied: Vec::new(),
        applied_beyond: None,
        strangers: 0,
    };
    let (mut position, mut revision) = match anchor {
        Anchor::Beginning => (0, 1),
        Anchor::At { position, revision } => (position, revision),
    };
    walk.reach.from_revision = revision;
    let mut first = anchor == Anchor::Beginning;
    let mut broken = false;
    for _ in 0..MAX_BREAKS {
        let stored = Stored::new(*keyspace, revision);
        let (base, state): (&dyn Base, State) = if first {
            (&Nothing, beginning())
        } else {
            (
                &stored,
                presumed(entries.get(position..).unwrap_or_default()),
            )
        };
        first = false;
        match walk.run(base, state, position, revision, told) {
            Broken::Done => break,
            Broken::Again {
                position: at,
                revision: from,
            } => {
                broken = true;
                (position, revision) = (at, from);
            }
        }
    }
    walk.ends(told);
    Walked {
        reach: walk.reach,
        state: walk
            .state
            .filter(|_| anchor == Anchor::Beginning && !broken),
        lost: walk.lost,
    }
}

impl<'a> Walk<'_, 'a> {
    fn run(
        &mut self,
        base: &dyn Base,
        state: State,
        from: usize,
        revision: i64,
        told: &mut Told,
    ) -> Broken {
        let mut replay = Replay::new(base, state, revision, -1);
        for (position, entry) in self.entries.iter().enumerate().skip(from) {
            let index = entry.entry.index;
            let beyond = index > self.consistent_index;
            if beyond && self.state.is_none() {
                self.state = Some(replay.state().clone());
            }
            if beyond && replay.revision() >= self.newest {
                break;
            }
            let before = replay.changes().len();
            if let Applied::Stops(_) = replay.apply(index, entry.data, &entry.payload) {
                break;
            }
            let made = replay.changes().get(before..).unwrap_or_default();
            let Some(main) = made.first().map(|change| change.revision.main) else {
                self.reached(index, beyond, 0);
                continue;
            };
            let stored: Vec<Version<'_>> = self.keyspace.between(main..=main).collect();
            if main > self.newest {
                if beyond {
                    break;
                }
                self.unapplied.push(position);
                continue;
            }
            if main <= self.compacted {
                self.compare_left(entry, made, &stored, told);
                self.reached(index, beyond, stored.len());
                continue;
            }
            if fits(made, &stored) {
                self.strangers = 0;
                if beyond {
                    self.applied_beyond = Some(position);
                }
                self.reached(index, beyond, stored.len());
                continue;
            }
            if let Some(broken) = self.differs(position, made, &stored, beyond, told) {
                self.kept(&replay, told);
                return broken;
            }
            self.reached(index, beyond, stored.len());
        }
        if self.state.is_none() {
            self.state = Some(replay.state().clone());
        }
        self.kept(&replay, told);
        Broken::Done
    }

    fn reached(&mut self, index: u64, beyond: bool, records: usize) {
        if beyond {
            return;
        }
        let first = self.reach.indexes.map_or(index, |(first, _)| first);
        self.reach.indexes = Some((first, index));
        self.reach.records = self.reach.records.saturating_add(records as u64);
    }

    fn entry_place(&self, entry: &Entry<'_>) -> Place {
        let place = self.wal.place(entry.entry);
        place.unwrap_or_else(|| {
            Place::file(&crate::place::FileName::new("wal")).with_index(entry.entry.index)
        })
    }

    /// Where in the db a revision stands, or would stand: at the record before it.
    fn place_near(&self, main: i64, told: &Told) -> Place {
        let before = self.keyspace.between(0..=main).next_back();
        before.map_or_else(|| told.db_place(), |version| told.place_of(&version))
    }

    /// What the WAL has, and where.
    fn written(&self, entry: &Entry<'_>) -> String {
        let place = self.entry_place(entry);
        format!("what raft entry {} wrote: {place}", entry.entry.index)
    }

    /// Below the compaction only part of the records is left; each must be what was written.
    fn compare_left(
        &self,
        entry: &Entry<'_>,
        made: &[Change<'_>],
        stored: &[Version<'_>],
        told: &mut Told,
    ) {
        for version in stored {
            let written = made
                .iter()
                .find(|change| change.revision == version.revision);
            match written {
                Some(change) if same(change, version) => {}
                Some(change) => self.one_differs(entry, change, version, told),
                None => self.not_made(entry, version, told),
            }
        }
    }

    /// A record under the revision of an entry that the entry did not make: its number is what was damaged.
    fn not_made(&self, entry: &Entry<'_>, version: &Version<'_>, told: &mut Told) {
        let message = format!(
            "raft entry {} made no record {}",
            entry.entry.index, version.revision
        );
        let finding = Finding::new(&cross::DIFFERS, told.place_of(version), message);
        let seen = crate::raft::key_text(version.key);
        told.add(finding.key(version.key).seen(seen, self.written(entry)));
    }

    /// Above the compaction the store has something else than the entry made.
    fn differs(
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
        let found = later.enumerate().skip(1).find(|(_, entry)| {
            entry.entry.index <= self.consistent_index
                && puts(&entry.payload)
                    .iter()
                    .any(|put| put.key == wanted.key && (put.value == value || put.ignore_value))
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

    fn one_differs(
        &self,
        entry: &Entry<'_>,
        change: &Change<'_>,
        version: &Version<'_>,
        told: &mut Told,
    ) {
        let index = entry.entry.index;
        let place = told.place_of(version);
        let (what, seen, wanted) = difference(change, version);
        let message = format!(
            "{what} at revision {} is not what raft entry {index} wrote",
            change.revision
        );
        let finding = Finding::new(&cross::DIFFERS, place, message)
            .seen(seen, wanted)
            .key(&*change.key);
        told.add(finding);
    }

    fn one_missing(&self, entry: &Entry<'_>, change: &Change<'_>, told: &mut Told) {
        let what = if change.put.is_some() {
            "write"
        } else {
            "deletion"
        };
        let message = format!(
            "the {what} of raft entry {} (revision {}) is not in the store",
            entry.entry.index, change.revision
        );
        let place = self.place_near(change.revision.main, told);
        let finding = Finding::new(&cross::MISSING, place, message).key(&*change.key);
        told.add(finding.seen("no record", self.written(entry)));
    }

    /// Of each key the newest put at or below the compaction must have been kept.
    fn kept(&self, replay: &Replay<'_, '_>, told: &mut Told) {
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
    fn ends(&mut self, told: &mut Told) {
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
                .flat_map(|entry| entry.payload.user_keys())
                .take(100)
                .map(<[u8]>::to_vec)
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
    entries
        .iter()
        .flat_map(|entry| entry.payload.user_keys())
        .take(100)
        .map(<[u8]>::to_vec)
        .collect()
}

pub(super) fn fits(made: &[Change<'_>], stored: &[Version<'_>]) -> bool {
    made.len() == stored.len()
        && made
            .iter()
            .zip(stored)
            .all(|(change, version)| same(change, version))
}

fn same(change: &Change<'_>, version: &Version<'_>) -> bool {
    change.revision == version.revision
        && change.put.is_none() == version.tombstone
        && version
            .key_value()
            .is_ok_and(|stored| equal(&change.key_value(), &stored))
}

fn equal(a: &KeyValue<'_>, b: &KeyValue<'_>) -> bool {
    (
        a.key,
        a.create_revision,
        a.mod_revision,
        a.version,
        a.lease,
        a.value,
    ) == (
        b.key,
        b.create_revision,
        b.mod_revision,
        b.version,
        b.lease,
        b.value,
    )
}

/// The same write, but for what a few flipped bits change: the key or the value is that of the entry.
fn same_but_one(change: &Change<'_>, version: &Version<'_>) -> bool {
    if change.put.is_none() != version.tombstone {
        return version.key == &*change.key;
    }
    let value = version.key_value().map(|kv| kv.value);
    let same_value = change
        .put
        .as_ref()
        .is_some_and(|put| value.is_ok_and(|value| value == &*put.value));
    version.key == &*change.key || same_value
}

fn difference(change: &Change<'_>, version: &Version<'_>) -> (&'static str, String, String) {
    let text = |bytes: &[u8]| crate::raft::key_text(bytes);
    let written = change.key_value();
    let Ok(stored) = version.key_value() else {
        return (
            "the record",
            "bytes that are no KeyValue".to_owned(),
            text(&change.key),
        );
    };
    if version.tombstone != change.put.is_none() {
        let name = |tombstone| {
            if tombstone {
                "a deletion".to_owned()
            } else {
                "a value".to_owned()
            }
        };
        return (
            "the record",
            name(version.tombstone),
            name(change.put.is_none()),
        );
    }
    if stored.key != written.key {
        return ("the key", text(stored.key), text(written.key));
    }
    if stored.value != written.value {
        let at = stored
            .value
            .iter()
            .zip(written.value)
            .position(|(a, b)| a != b);
        let at = at.unwrap_or(stored.value.len().min(written.value.len()));
        let show = |value: &[u8]| {
            let byte = value
                .get(at)
                .map_or("end".to_owned(), |byte| format!("{byte:#04x}"));
            format!("{byte} at byte {at} of {}", value.len())
        };
        return ("the value", show(stored.value), show(written.value));
    }
    let numbers = |kv: &KeyValue<'_>| {
        format!(
            "create {} mod {} version {} lease {:x}",
            kv.create_revision, kv.mod_revision, kv.version, kv.lease
        )
    };
    ("the record", numbers(&stored), numbers(&written))
}

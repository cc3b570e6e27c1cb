//! The past below the compaction, as far as any source still has it: db, log and carved records in one keyspace.
//!
//! Below the compaction no source is complete. So every answer says whether it is certain: if every revision between the version
//! and the moment is known, or if the next version of the key counts on from this one.

use std::collections::{BTreeMap, HashMap};

use super::{CarveOrigin, Carved, Carvings};
use crate::Place;
use crate::check::Logged;
use crate::mvcc::{Detached, KeyRange, Keyspace, Overlay, Revision, Version};
use located::RaftIndex;

/// Main revision of the first write; 1 is the empty store.
const FIRST_MAIN: i64 = 2;

/// Every version that any source has, by revision.
#[derive(Debug)]
pub struct Past<'a> {
    overlay: Overlay<'a>,
    carved: HashMap<Revision, (CarveOrigin, Place)>,
    logged: BTreeMap<i64, Option<RaftIndex>>,
    /// Runs of main revisions of which every change is known.
    complete: Vec<(i64, i64)>,
    compacted: i64,
    /// Carved writes of which no revision is known: they are left out.
    pub unplaced: usize,
    /// Whether writes after the newest revision may be lost.
    lacks_newest: bool,
}

/// The source of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PastSource<'p> {
    /// The db.
    Db,
    /// The log, by the entry of that index if it is known.
    Wal(Option<RaftIndex>),
    /// Carved.
    Carved(CarveOrigin, &'p Place),
}

impl PastSource<'_> {
    /// As the table has it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Db => "db",
            Self::Wal(_) => "wal",
            Self::Carved(origin, _) => origin.as_str(),
        }
    }
}

impl<'a> Past<'a> {
    /// Joins the sources. If two have a revision, the db counts before the log, and the log before what was carved.
    pub fn new(keyspace: &Keyspace<'a>, logged: Option<&Logged>, carvings: &Carvings<'_>) -> Self {
        let mut past = Self {
            overlay: Overlay::empty_over(keyspace),
            carved: HashMap::new(),
            logged: BTreeMap::new(),
            complete: Vec::new(),
            compacted: keyspace.compact_revision().unwrap_or(-1),
            unplaced: carvings.iter().filter(|c| c.revision.is_none()).count(),
            lacks_newest: false,
        };
        let is_logged = |main: i64| logged.is_some_and(|logged| logged.index_of(main).is_some());
        let log = logged.map(Logged::keyspace);
        let all = 0..=i64::MAX;
        let mut db = keyspace.between(all.clone()).peekable();
        let mut wal = log
            .iter()
            .flat_map(|log| log.between(all.clone()))
            .peekable();
        let mut rest = carvings.iter().filter(|c| c.revision.is_some()).peekable();
        let mut last: Option<Revision> = None;
        loop {
            let next = [
                db.peek().map(|version| version.revision),
                wal.peek().map(|version| version.revision),
                rest.peek().and_then(|carved| carved.revision),
            ];
            let Some(revision) = next.iter().flatten().min().copied() else {
                break;
            };
            let is_new = last.is_none_or(|last| last < revision);
            last = Some(revision);
            if let Some(version) = db.next_if(|version| version.revision == revision) {
                let kept = is_new && past.overlay.push_version(&version);
                if kept && (revision.main > past.compacted || is_logged(revision.main)) {
                    past.is_complete(revision.main);
                }
            } else if let Some(version) = wal.next_if(|version| version.revision == revision) {
                if is_new && past.overlay.push_version(&version) {
                    let index = logged.and_then(|logged| logged.index_of(revision.main));
                    past.logged.insert(revision.main, index);
                    past.is_complete(revision.main);
                }
            } else if let Some(carved) = rest.next() {
                let kept = is_new && past.overlay.push_version(&version_of(&carved, revision));
                if kept {
                    past.carved.insert(revision, (carved.origin, carved.place));
                }
            }
        }
        past
    }

    /// The same, of sources that lack writes after the newest revision that is known: the newest state of no key is certain.
    #[must_use]
    pub fn without_newest(mut self) -> Self {
        self.lacks_newest = true;
        self
    }

    /// Whether writes after the newest revision that is known may be lost.
    pub fn lacks_newest(&self) -> bool {
        self.lacks_newest
    }

    /// What was carved alone, without the revisions that are known from elsewhere.
    pub(crate) fn of_carved(
        nothing: &Keyspace<'a>,
        carvings: &Carvings<'_>,
        is_known: impl Fn(Revision) -> bool,
    ) -> Self {
        let mut past = Self::new(nothing, None, &Carvings::default());
        past.unplaced = carvings.iter().filter(|c| c.revision.is_none()).count();
        for carved in carvings.iter() {
            let Some(revision) = carved.revision.filter(|revision| !is_known(*revision)) else {
                continue;
            };
            if past.overlay.push_version(&version_of(&carved, revision)) {
                past.carved.insert(revision, (carved.origin, carved.place));
            }
        }
        past
    }

    fn is_complete(&mut self, main: i64) {
        match self.complete.last_mut() {
            Some((_, last)) if *last >= main => {}
            Some((_, last)) if last.checked_add(1) == Some(main) => *last = main,
            _ => self.complete.push((main, main)),
        }
    }

    /// Every version as one keyspace; nothing is compacted in it.
    pub fn keyspace(&self) -> Keyspace<'_> {
        self.overlay.keyspace()
    }

    /// Every version, without the bytes of the db.
    pub(crate) fn into_versions(self) -> Detached {
        self.overlay.detach()
    }

    /// Number of versions that only carved records have.
    pub fn carved(&self) -> usize {
        self.carved.len()
    }

    /// First and last revision that only the log has.
    pub fn logged(&self) -> Option<(i64, i64)> {
        let (first, _) = self.logged.first_key_value()?;
        let (last, _) = self.logged.last_key_value()?;
        Some((*first, *last))
    }

    /// Where a version is from.
    pub fn source(&self, revision: Revision) -> PastSource<'_> {
        match (self.carved.get(&revision), self.logged.get(&revision.main)) {
            (Some((origin, place)), _) => PastSource::Carved(*origin, place),
            (None, Some(index)) => PastSource::Wal(*index),
            (None, None) => PastSource::Db,
        }
    }

    /// Whether what is known of a key at a revision is certain: no write of it between its version and then can be lost.
    pub fn is_certain(&self, key: &[u8], at: i64) -> bool {
        let keyspace = self.keyspace();
        let records = keyspace.records_of(key);
        let before = records.iter().rfind(|version| version.revision.main <= at);
        let from = before.as_ref().map_or(1, |version| version.revision.main);
        // Of each key that lives, compaction keeps the newest version before it.
        let from = match self.compacted <= at {
            true => from.max(self.compacted),
            false => from,
        };
        if self.has_all(from.saturating_add(1), at) {
            return true;
        }
        let after = records.iter().find(|version| version.revision.main > at);
        let (Some(before), Some(after)) = (before, after) else {
            return false;
        };
        match (before.key_value(), after.key_value()) {
            (Ok(old), Ok(new)) if !before.tombstone && !after.tombstone => {
                old.create_revision == new.create_revision
                    && old.version.checked_add(1) == Some(new.version)
            }
            _ => false,
        }
    }

    /// Whether every change of a range of revisions is known.
    pub(crate) fn has_all(&self, first: i64, last: i64) -> bool {
        if first > last {
            return true;
        }
        let at = self.complete.partition_point(|(_, end)| *end < first);
        let run = self.complete.get(at);
        run.is_some_and(|(start, end)| *start <= first && *end >= last)
    }

    /// The first and the last revision after one up to the compaction of which no source has what was written: a key that lived then, and
    /// was written last and deleted there, left nothing. `None` if the list of the keys at that revision is complete.
    pub fn unknown_after(&self, at: i64) -> Option<(i64, i64)> {
        let first = at.saturating_add(1);
        if at >= self.compacted || self.has_all(FIRST_MAIN, at) {
            return None;
        }
        if self.has_all(first, self.compacted) {
            return None;
        }
        let run_of = |main: i64| {
            let mut runs = self.complete.iter();
            runs.find(|(start, end)| *start <= main && main <= *end)
        };
        let from = run_of(first).map_or(first, |(_, end)| end.saturating_add(1));
        let to =
            run_of(self.compacted).map_or(self.compacted, |(start, _)| start.saturating_sub(1));
        Some((from, to.max(from)))
    }

    /// Keys that certainly existed at a revision, but whose version then is lost: a later version counts on from it.
    pub fn lost_at(&self, range: &KeyRange, at: i64) -> Vec<Vec<u8>> {
        let keyspace = self.keyspace();
        let lost = |version: &Version<'_>| {
            let records = keyspace.records_of(version.key);
            let Some(after) = records.iter().find(|version| version.revision.main > at) else {
                return false;
            };
            let before = records.iter().rfind(|version| version.revision.main <= at);
            if after.tombstone {
                // No write is between: what was deleted is older.
                let lived = before.is_none_or(|before| before.tombstone);
                return lived && self.has_all(at.saturating_add(1), after.revision.main);
            }
            let Ok(new) = after.key_value() else {
                return false;
            };
            let is_known = before.is_some_and(|before| {
                before.key_value().is_ok_and(|old| {
                    !before.tombstone && old.create_revision == new.create_revision
                })
            });
            (1..=at).contains(&new.create_revision) && !is_known
        };
        let all = keyspace.all(range);
        all.iter()
            .filter(|version| lost(version))
            .map(|version| version.key.to_vec())
            .collect()
    }
}

fn version_of<'c>(carved: &Carved<'c>, revision: Revision) -> Version<'c> {
    Version {
        key: carved.key,
        revision,
        tombstone: carved.tombstone,
        offset: None,
        stored_bytes: carved.message.len() as u64,
        message: carved.message,
    }
}

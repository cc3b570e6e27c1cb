//! Applies entries once more and compares what they write with the store.

use std::cell::OnceCell;

use super::anchor::{Anchor, beginning, presumed};
use super::fast_path::FastPath;
use super::positions::{LoggedPuts, StoredPuts};
use super::record_match::records_match;
use super::{ComparedRange, FindingSet, LogComparison, RunEntry};
use crate::member::Wal;
use crate::mvcc::{Keyspace, Version};
use crate::recover::{Applied, Base, Nothing, Replay, State, Stored};
use located::{RaftIndex, progress::Progress};

/// Maximum number of places where WAL and store differ in their numbering and the comparison goes on.
const MAX_BREAKS: usize = 16;

/// Entries between two looks at whether the comparison was cancelled.
const ENTRIES_PER_LOOK: usize = 1024;

/// Why a walk ended before the last entry.
pub(super) enum Broken {
    /// Nothing more to compare.
    Done,
    /// Goes on at this entry, the store being at this revision.
    Again { position: usize, revision: i64 },
}

/// A comparison of the records that entries make, in order of the entries.
pub(super) struct CarefulPath<'w, 'a> {
    pub(super) keyspace: &'w Keyspace<'a>,
    pub(super) wal: &'w Wal<'a>,
    pub(super) entries: &'w [RunEntry<'a>],
    pub(super) consistent_index: RaftIndex,
    pub(super) compacted: i64,
    pub(super) newest: i64,
    reach: ComparedRange,
    /// Whether no entry is missing or damaged in the log.
    pub(super) whole: bool,
    pub(super) lost: bool,
    /// Entries up to consistent_index whose records are missing in the store because it ends before them.
    pub(super) unapplied: Vec<usize>,
    /// The last entry after consistent_index whose records the store has.
    pub(super) applied_beyond: Option<usize>,
    pub(super) strangers: u64,
    /// Writes by what they write; collected when records are first found under another revision.
    pub(super) stored_puts: OnceCell<StoredPuts<'w, 'a>>,
    pub(super) logged_puts: OnceCell<LoggedPuts>,
    progress: &'w dyn Progress,
}

/// Where a walk begins.
pub(super) enum Begin {
    /// At the anchor.
    Anchor(Anchor),
    /// After the entries that the fast path compared.
    FastPath(FastPath),
}

impl Begin {
    /// The position of the first entry that is compared.
    pub(super) fn at(&self) -> usize {
        match self {
            Self::Anchor(anchor) => anchor.at(),
            Self::FastPath(path) => path.from,
        }
    }

    /// The revision of the store before that entry.
    pub(super) fn revision(&self) -> i64 {
        match self {
            Self::Anchor(anchor) => anchor.revision(),
            Self::FastPath(path) => path.anchor().revision(),
        }
    }
}

/// The revision at which the store ends: that of its newest record, or of a later compaction.
///
/// Releases before 3.4.34 and 3.5.16 remove even a tombstone that was written at the compaction revision, so nothing need be
/// left of the last revisions (etcd#6567; `restore` in `mvcc/kvstore.go`, v3.4.23, takes the larger of the two).
fn end_of_store(keyspace: &Keyspace<'_>) -> i64 {
    let newest = keyspace.newest_revision().map_or(1, |newest| newest.main);
    newest.max(keyspace.compact_revision().unwrap_or(1))
}

/// What a walk came to.
pub(super) struct Walked {
    /// How far it went.
    pub(super) reach: ComparedRange,
    /// Whether WAL and store went apart on the way.
    pub(super) lost: bool,
}

/// Compares from the anchor on. If the log is not whole, that ends at the first difference.
pub(super) fn walk<'a>(
    comparison: &LogComparison<'_, 'a>,
    entries: &[RunEntry<'a>],
    begin: Begin,
    findings: &mut FindingSet,
) -> Walked {
    let keyspace = comparison.keyspace;
    let (anchor, path) = match begin {
        Begin::Anchor(anchor) => (anchor, None),
        Begin::FastPath(path) => (path.anchor(), Some(path)),
    };
    let mut walk = CarefulPath::new(comparison, entries);
    let (mut position, mut revision) = (anchor.at(), anchor.revision());
    walk.reach.from_revision = revision;
    let mut first = match &path {
        Some(path) => {
            walk.reach = path.reach;
            (position, revision) = (path.to, path.revision);
            // If nothing is left to compare, a state that would have to be guessed is not needed.
            let is_needed = path.from_the_beginning || !path.whole;
            Some(if is_needed {
                path.state(entries)
            } else {
                State::default()
            })
        }
        None => (anchor == Anchor::Beginning).then(beginning),
    };
    let mut broken = false;
    for _ in 0..MAX_BREAKS {
        let stored = Stored::new(*keyspace, revision);
        let base: &dyn Base = match (anchor, position) {
            (Anchor::Beginning, 0) if path.is_none() && !broken => &Nothing,
            _ => &stored,
        };
        let state = first
            .take()
            .unwrap_or_else(|| presumed(entries.get(position..).unwrap_or_default()));
        match walk.run(base, state, position, revision, findings) {
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
    walk.ends(findings);
    Walked {
        reach: walk.reach,
        lost: walk.lost,
    }
}

impl<'w, 'a> CarefulPath<'w, 'a> {
    fn new(comparison: &LogComparison<'w, 'a>, entries: &'w [RunEntry<'a>]) -> Self {
        let keyspace = comparison.keyspace;
        Self {
            whole: comparison.whole,
            lost: false,
            keyspace,
            wal: comparison.wal,
            entries,
            consistent_index: comparison.consistent_index,
            compacted: keyspace.compact_revision().unwrap_or(-1),
            newest: end_of_store(keyspace),
            reach: ComparedRange::default(),
            unapplied: Vec::new(),
            applied_beyond: None,
            strangers: 0,
            stored_puts: OnceCell::new(),
            logged_puts: OnceCell::new(),
            progress: comparison.progress,
        }
    }
}

impl CarefulPath<'_, '_> {
    fn run(
        &mut self,
        base: &dyn Base,
        state: State,
        from: usize,
        revision: i64,
        findings: &mut FindingSet,
    ) -> Broken {
        let mut replay = Replay::new(base, state, revision, -1);
        for (position, entry) in self.entries.iter().enumerate().skip(from) {
            if position.checked_rem(ENTRIES_PER_LOOK) == Some(0) && self.progress.cancelled() {
                break;
            }
            let index = entry.entry.index;
            let beyond = index > self.consistent_index;
            if beyond && replay.revision() >= self.newest {
                break;
            }
            let before = replay.changes().len();
            if let Applied::Stops(_) = entry.apply(&mut replay) {
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
                self.compare_left(entry, made, &stored, findings);
                self.reached(index, beyond, stored.len());
                continue;
            }
            if records_match(made, &stored) {
                self.strangers = 0;
                if beyond {
                    self.applied_beyond = Some(position);
                }
                self.reached(index, beyond, stored.len());
                continue;
            }
            if let Some(broken) = self.differs(position, made, &stored, beyond, findings) {
                self.kept(&replay, findings);
                return broken;
            }
            self.reached(index, beyond, stored.len());
        }
        self.reach.to_revision = replay.revision();
        self.kept(&replay, findings);
        Broken::Done
    }

    fn reached(&mut self, index: RaftIndex, beyond: bool, records: usize) {
        if beyond {
            return;
        }
        let first = self.reach.indexes.map_or(index, |(first, _)| first);
        self.reach.indexes = Some((first, index));
        self.reach.records = self.reach.records.saturating_add(records as u64);
    }
}

//! Applies entries once more and compares what they write with the store.

use std::cell::OnceCell;

use super::anchor::{Anchor, beginning, presumed};
use super::positions::{LoggedPuts, StoredPuts};
use super::record_match::records_match;
use super::straight::Straight;
use super::{Comparison, Entry, FindingSet, Reach};
use crate::member::Wal;
use crate::mvcc::{Keyspace, Version};
use crate::recover::{Applied, Base, Nothing, Replay, State, Stored};
use located::progress::Progress;

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
pub(super) struct Walk<'w, 'a> {
    pub(super) keyspace: &'w Keyspace<'a>,
    pub(super) wal: &'w Wal<'a>,
    pub(super) entries: &'w [Entry<'a>],
    pub(super) consistent_index: u64,
    pub(super) compacted: i64,
    pub(super) newest: i64,
    reach: Reach,
    /// Whether no entry is missing or damaged in the log.
    pub(super) whole: bool,
    pub(super) lost: bool,
    /// Everything beside keys after the entry at consistent_index.
    state: Option<State>,
    /// Entries up to consistent_index whose effect the store lacks because it ends before.
    pub(super) unapplied: Vec<usize>,
    /// The last entry behind consistent_index whose effect the store has.
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
    /// Behind the straight road.
    Road(Straight),
}

impl Begin {
    /// The position of the first entry that is compared.
    pub(super) fn at(&self) -> usize {
        match self {
            Self::Anchor(anchor) => anchor.at(),
            Self::Road(road) => road.from,
        }
    }

    /// The revision of the store before that entry.
    pub(super) fn revision(&self) -> i64 {
        match self {
            Self::Anchor(anchor) => anchor.revision(),
            Self::Road(road) => road.anchor().revision(),
        }
    }
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

/// Compares from the anchor on. If the log is not whole, that ends at the first difference.
pub(super) fn walk<'a>(
    comparison: &Comparison<'_, 'a>,
    entries: &[Entry<'a>],
    begin: Begin,
    findings: &mut FindingSet,
) -> Walked {
    let keyspace = comparison.keyspace;
    let (anchor, road) = match begin {
        Begin::Anchor(anchor) => (anchor, None),
        Begin::Road(road) => (road.anchor(), Some(road)),
    };
    let mut walk = Walk {
        whole: comparison.whole,
        lost: false,
        state: None,
        keyspace,
        wal: comparison.wal,
        entries,
        consistent_index: comparison.consistent_index,
        compacted: keyspace.compact_revision().unwrap_or(-1),
        newest: keyspace
            .between(0..=i64::MAX)
            .next_back()
            .map_or(1, |version| version.revision.main),
        reach: Reach::default(),
        unapplied: Vec::new(),
        applied_beyond: None,
        strangers: 0,
        stored_puts: OnceCell::new(),
        logged_puts: OnceCell::new(),
        progress: comparison.progress,
    };
    let (mut position, mut revision) = (anchor.at(), anchor.revision());
    walk.reach.from_revision = revision;
    let mut first = match &road {
        Some(road) => {
            walk.reach = road.reach;
            (position, revision) = (road.to, road.revision);
            // Nobody asks for a state that was guessed.
            let is_known = road.from_the_beginning || !road.whole;
            Some(if is_known {
                road.state(entries)
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
            (Anchor::Beginning, 0) if road.is_none() && !broken => &Nothing,
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
        state: walk
            .state
            .filter(|_| anchor == Anchor::Beginning && !broken),
        lost: walk.lost,
    }
}

impl Walk<'_, '_> {
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
            if beyond && self.state.is_none() {
                self.state = Some(replay.state().clone());
            }
            if beyond && replay.revision() >= self.newest {
                break;
            }
            let before = replay.changes().len();
            if let Applied::Stops(_) = replay.apply(index, entry.data, &entry.payload()) {
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
        if self.state.is_none() {
            self.state = Some(replay.state().clone());
        }
        self.kept(&replay, findings);
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
}

//! Applying entries once more and holding what they write against the store.

use super::anchor::{Anchor, beginning, presumed};
use super::same::fits;
use super::straight::Straight;
use super::{Entry, Reach, Told};
use crate::member::Wal;
use crate::mvcc::{Keyspace, Version};
use crate::recover::{Applied, Base, Nothing, Replay, State, Stored};

/// How often the thread may be lost and found again.
const MAX_BREAKS: usize = 16;

/// Why a walk ended before the last entry.
pub(super) enum Broken {
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
    begin: Begin,
    consistent_index: u64,
    whole: bool,
    told: &mut Told,
) -> Walked {
    let (anchor, road) = match begin {
        Begin::Anchor(anchor) => (anchor, None),
        Begin::Road(road) => (road.anchor(), Some(road)),
    };
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

impl Walk<'_, '_> {
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
}

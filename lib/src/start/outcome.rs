//! What a start of etcd ends in: the typed answer that every verb shares.

use std::ops::RangeInclusive;

use super::lines::Line;
use super::store::ServedStore;
use crate::recover::{Members, Replayed};
use crate::wal::boot::Release;
use located::{MemberId, RaftIndex};

/// Whether etcd comes up, and its last words if it does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It starts and answers requests.
    Serves,
    /// The process ends. Holds the last message of its log: the text before the first ` {` or ` (` is literal, what follows
    /// are details.
    Refuses(String),
    /// It runs, but never answers a request: it finds no leader. Holds why.
    NeverServes(String),
    /// It cannot be predicted from these files. Contains what is missing.
    Unknown(String),
}

/// Entries that are intact in the evidence and that the start erases from the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Number of entries.
    pub entries: u64,
    /// First index.
    pub first_index: RaftIndex,
    /// Last index.
    pub last_index: RaftIndex,
    /// The revisions that their writes made when they were applied: first to last; `None` if they wrote no key, or if what comes
    /// before them is missing.
    pub revisions: Option<RangeInclusive<i64>>,
    /// Number of revisions made: one for each put, transaction with a write, or delete of an existing key.
    pub writes: u64,
    /// User keys written, without duplicates, in the order of the log. Never cut.
    pub keys: Vec<Vec<u8>>,
}

/// Entries that are applied to the db by the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AppliedEntries {
    /// Number of entries.
    pub entries: u64,
    /// First index.
    pub first_index: RaftIndex,
    /// Last index.
    pub last_index: RaftIndex,
}

/// What `--force-new-cluster` makes of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ForcedLog {
    /// The last entry that counts as committed.
    pub kept: RaftIndex,
    /// The last entry that the log had.
    pub last_index: RaftIndex,
    /// Entries after `kept`, which are dropped.
    pub discarded: u64,
    /// Members that appended entries remove, ascending.
    pub removed: Vec<MemberId>,
}

/// What happens to writes after the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum WritesAfterStart {
    /// They are kept.
    #[default]
    Kept,
    /// `consistent_index` is greater than the last index of the log: the next entries are skipped. Their writes time out and are
    /// in no store afterwards. Holds how many entries.
    Swallowed(u64),
    /// Each is answered with an error (an alarm is raised). Holds etcd's text.
    Refused(String),
}

/// The outcome of starting etcd of one release on a member's directory as it is.
///
/// Counts are exact. A field that cannot be known is `None`, never 0.
#[derive(Debug)]
pub struct StartOutcome<'m> {
    /// The release that was simulated.
    pub release: Release,
    /// Whether it comes up.
    pub ending: Ending,
    /// The revision that it serves.
    pub revision: Option<i64>,
    /// Number of keys that it serves.
    pub keys: Option<usize>,
    /// Members, and the version the cluster agreed on, as it serves them.
    pub members: Option<Members>,
    /// How many voters must run, this member included, until it serves; 1 if it serves alone. A member that needs others
    /// counts as serving if each of them is a known member.
    pub quorum: usize,
    /// It serves, but the first request that reads every key, or the first write, ends the process.
    pub dies_at_first_question: bool,
    /// It serves, and a commit may write over pages in use, by chance.
    pub left_to_chance: bool,
    /// Index of the snapshot from which the start reads the log; 0 if it uses none.
    pub snapshot_index: RaftIndex,
    /// Index of the db that was received with that snapshot and takes the place of the db; `None` if the db stays.
    pub received_index: Option<RaftIndex>,
    /// The last entry of the log that the start keeps.
    pub last_index: Option<RaftIndex>,
    /// Entries that the start erases from the log.
    pub erased: Option<Erased>,
    /// Entries that the start applies to the db.
    pub applied: Option<AppliedEntries>,
    /// What happens to writes after the start.
    pub later_writes: WritesAfterStart,
    /// Writes whose effect is in the db already and that are applied once more.
    pub duplicated: u64,
    /// Whether a db was restored beside its old log, so that the start replays what the restore took back.
    pub undone: bool,
    /// What `--force-new-cluster` makes of the log, if it is started so and comes so far.
    pub forced: Option<ForcedLog>,
    /// The steps of the start, each with what is to be known of it.
    pub steps: Vec<Line>,
    /// The store after the start, with every question that the db answers: `--replay` shows this. `None` unless it serves.
    pub state: Option<Replayed<'m>>,
    /// What it read in the db of the directory, if it came so far.
    pub(super) store: Option<ServedStore>,
}

impl StartOutcome<'_> {
    /// Whether etcd comes up and serves.
    pub fn serves(&self) -> bool {
        self.ending == Ending::Serves
    }

    /// Why it does not serve.
    pub fn message(&self) -> Option<&str> {
        match &self.ending {
            Ending::Serves => None,
            Ending::Refuses(why) | Ending::NeverServes(why) | Ending::Unknown(why) => Some(why),
        }
    }
}

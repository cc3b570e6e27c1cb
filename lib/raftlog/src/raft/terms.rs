//! Elections that the log of one member shows.

use std::collections::BTreeMap;
use std::fmt;

use super::HardState;
use located::{MemberId, RaftIndex, Term};

/// Maximum number of different votes that are kept for one term.
const MAX_VOTES: usize = 16;

/// A record of the log that concerns a term, in the order written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TermEvent {
    /// An entry.
    Entry {
        /// Its raft index.
        index: RaftIndex,
        /// Its term.
        term: Term,
        /// Whether it is the no-op of a leader.
        is_empty: bool,
        /// Whether it is in the log after replay: not overwritten.
        survives: bool,
    },
    /// A HardState.
    State(HardState),
}

/// One term as the log of one member shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TermSummary {
    /// The term.
    pub term: Term,
    /// Index of the first surviving entry of the term; `None` if this log has none.
    pub first_index: Option<RaftIndex>,
    /// Index of the last surviving entry of the term.
    pub last_index: Option<RaftIndex>,
    /// Number of surviving entries of the term.
    pub entries: u64,
    /// Number of entries of the term that a later leader overwrote.
    pub overwritten: u64,
    /// The member that this member voted for; 0: none, or not saved. Its own id: it was a candidate.
    pub vote: MemberId,
    /// Every vote that it saved in the term. Raft allows one.
    pub votes: Vec<MemberId>,
    /// The highest commit that it saved in the term.
    pub commit: RaftIndex,
    /// Whether the first entry of the term is the no-op of a leader.
    pub has_noop: bool,
    /// How the term ended.
    pub end: TermEnd,
}

/// How a term ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TermEnd {
    /// It is the newest term of this log.
    #[default]
    Newest,
    /// Another term followed, and its leader kept all entries of this term.
    Followed {
        /// The next term.
        by: Term,
    },
    /// Another leader overwrote the last entries of this term: they were never committed.
    Overwritten {
        /// The next term.
        by: Term,
        /// Number of overwritten entries.
        entries: u64,
    },
    /// The log has no entry of the term: the election had no winner, or the entries of the winner did not arrive.
    NoEntries {
        /// The next term.
        by: Term,
    },
    /// The newest term, and the log has no entry of it.
    Undecided,
}

impl fmt::Display for TermEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Newest => f.write_str("newest"),
            Self::Followed { by } => write!(f, "term {by} followed"),
            Self::Overwritten { by, entries } => {
                write!(f, "term {by} followed and overwrote {entries} entries")
            }
            Self::NoEntries { by } => write!(f, "no leader seen, term {by} followed"),
            Self::Undecided => f.write_str("newest, no leader seen yet"),
        }
    }
}

/// Summarizes the terms of a log, in ascending order.
///
/// ```
/// use etcd_inspect_raftlog::located::{RaftIndex, Term};
/// use etcd_inspect_raftlog::raft::{TermEvent, terms};
/// let entry = |index, term| TermEvent::Entry { index: RaftIndex(index), term: Term(term), is_empty: false, survives: true };
/// let terms = terms([entry(1, 1), entry(2, 3)]);
/// assert_eq!(terms.iter().map(|term| term.term).collect::<Vec<_>>(), [Term(1), Term(3)]);
/// ```
/// A new leader appends an empty entry of its term: `becomeLeader` in `raft/raft.go`, v3.5.30.
pub fn terms(events: impl IntoIterator<Item = TermEvent>) -> Vec<TermSummary> {
    let mut terms: BTreeMap<Term, TermSummary> = BTreeMap::new();
    for event in events {
        match event {
            TermEvent::Entry {
                index,
                term,
                is_empty,
                survives,
            } => {
                let row = terms.entry(term).or_default();
                if survives {
                    row.has_noop |= is_empty && row.first_index.is_none();
                    row.first_index = Some(row.first_index.map_or(index, |first| first.min(index)));
                    row.last_index = Some(row.last_index.map_or(index, |last| last.max(index)));
                    row.entries = row.entries.saturating_add(1);
                } else {
                    row.overwritten = row.overwritten.saturating_add(1);
                }
            }
            TermEvent::State(state) => {
                let row = terms.entry(state.term).or_default();
                row.commit = row.commit.max(state.commit);
                if state.vote != MemberId(0) {
                    row.vote = state.vote;
                    if !row.votes.contains(&state.vote) && row.votes.len() < MAX_VOTES {
                        row.votes.push(state.vote);
                    }
                }
            }
        }
    }
    // Term 0 is the state of a new member before its first election.
    terms.remove(&Term(0));
    let numbers: Vec<Term> = terms.keys().copied().skip(1).collect();
    let mut next = numbers.into_iter();
    terms
        .into_iter()
        .map(|(term, mut row)| {
            row.term = term;
            row.end = match next.next() {
                None if row.entries == 0 => TermEnd::Undecided,
                None => TermEnd::Newest,
                Some(by) if row.overwritten > 0 => TermEnd::Overwritten {
                    by,
                    entries: row.overwritten,
                },
                Some(by) if row.entries == 0 => TermEnd::NoEntries { by },
                Some(by) => TermEnd::Followed { by },
            };
            row
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(index: u64, term: u64, survives: bool) -> TermEvent {
        TermEvent::Entry {
            index: RaftIndex(index),
            term: Term(term),
            is_empty: true,
            survives,
        }
    }

    fn state(term: u64, vote: u64) -> TermEvent {
        TermEvent::State(HardState {
            term: Term(term),
            vote: MemberId(vote),
            ..HardState::default()
        })
    }

    #[test]
    fn a_lost_election_is_a_term_without_entries() {
        let rows = terms([
            entry(1, 2, true),
            state(3, 7),
            state(4, 0),
            entry(2, 4, true),
        ]);
        assert_eq!(rows[1].end, TermEnd::NoEntries { by: Term(4) });
        assert_eq!((rows[1].vote, rows[2].end), (MemberId(7), TermEnd::Newest));
    }

    #[test]
    fn overwritten_entries_end_their_term() {
        let rows = terms([entry(1, 2, true), entry(2, 2, false), entry(2, 3, true)]);
        assert_eq!(
            rows[0].end,
            TermEnd::Overwritten {
                by: Term(3),
                entries: 1
            }
        );
        assert_eq!(
            (rows[0].entries, rows[0].last_index),
            (1, Some(RaftIndex(1)))
        );
    }

    #[test]
    fn two_votes_in_one_term_are_both_kept() {
        let rows = terms([state(5, 1), state(5, 2)]);
        assert_eq!(
            (rows[0].votes.as_slice(), rows[0].end),
            (&[MemberId(1), MemberId(2)][..], TermEnd::Undecided)
        );
    }
}

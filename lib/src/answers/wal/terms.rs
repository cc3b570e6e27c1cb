//! `wal --terms`: whom this member voted for in each term, and how the term ended.

use crate::answers::{Cell, Column, Label, Row, Table};
use crate::member::Wal;
use crate::raft::{TermEnd, TermSummary};
use located::{MemberId, RaftIndex};

static COLUMNS: [Column; 10] = [
    Column::right("TERM", "term"),
    Column::right("FIRST", "first_index"),
    Column::right("LAST", "last_index"),
    Column::right("ENTRIES", "entries"),
    Column::right("OVERWRITTEN", "overwritten").wide(),
    Column::left("VOTE", "vote"),
    Column::right("COMMIT", "commit"),
    Column::left("ENDED", "ended"),
    Column::json("votes"),
    Column::json("noop"),
];

/// One term.
#[derive(Clone, Debug)]
pub struct TermRow {
    /// The term.
    pub term: TermSummary,
    /// The id of the member whose log this is.
    pub local: Option<MemberId>,
}

impl Row for TermRow {
    fn cells(&self) -> Vec<Cell> {
        let (term, local) = (&self.term, self.local);
        let optional = |value: Option<RaftIndex>| value.map(Cell::number).unwrap_or_default();
        let id = format!("{:016x}", term.vote);
        let vote = match term.vote {
            MemberId(0) => Cell::unknown(),
            own if Some(own) == local => Cell::shown(format!("{id} (itself)"), id),
            _ => Cell::text(id),
        };
        let label = match term.end {
            TermEnd::Overwritten { .. } => Label::Warning,
            TermEnd::NoEntries { .. } | TermEnd::Undecided => Label::Note,
            TermEnd::Newest | TermEnd::Followed { .. } => Label::Plain,
        };
        vec![
            Cell::plain(term.term),
            optional(term.first_index),
            optional(term.last_index),
            Cell::number(term.entries),
            Cell::number(term.overwritten),
            vote,
            Cell::number(term.commit),
            Cell::text(term.end.to_string()).label(label),
            Cell::list(term.votes.iter().map(|vote| format!("{vote:016x}"))),
            Cell::flag(term.has_noop),
        ]
    }
}

/// The terms of the log.
pub fn terms(wal: &Wal<'_>) -> Table<TermRow> {
    let log = wal.log();
    let local = log.metadata.first().map(|metadata| metadata.node_id);
    let terms = log.terms().into_iter();
    let table = Table::new(
        &COLUMNS,
        terms.map(|term| TermRow { term, local }).collect(),
    );
    match local {
        Some(local) => table.head("member_id", format!("{local:016x}")),
        None => table,
    }
}

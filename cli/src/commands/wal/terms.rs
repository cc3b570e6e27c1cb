//! The election story: `--terms`.

use etcd_inspect::MemberId;
use etcd_inspect::member::Wal;
use etcd_inspect::raft::TermEnd;

use crate::output::{Cell, Column, Label, Tail};
use crate::ui::Ui;

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

pub(super) fn print(wal: &Wal<'_>, ui: &mut Ui) -> anyhow::Result<()> {
    let log = wal.log();
    let local = log.metadata.first().map(|metadata| metadata.node_id);
    let mut rows = ui.rows("wal", &COLUMNS)?;
    if let Some(metadata) = log.metadata.first() {
        rows.head("member_id", format!("{:016x}", metadata.node_id));
    }
    for term in log.terms() {
        let optional = |value: Option<u64>| value.map(Cell::number).unwrap_or_default();
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
        rows.push(vec![
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
        ])?;
    }
    rows.finish(Tail::default())?;
    Ok(())
}

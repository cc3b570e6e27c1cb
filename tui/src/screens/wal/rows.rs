//! The rows of the WAL screen: files, entries and damage in their order in the files, made once beside the loop.

use etcd_inspect::member::{Member, Wal};
use etcd_inspect::raft::TermSummary;

use super::detail;
use crate::job::Monitor;

/// One row: a position in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Row {
    /// A file: position in `Log::segments`.
    Segment(u32),
    /// An entry: position in `Log::entries`.
    Entry(u32),
    /// Bytes that are no records: position in `Log::damages`.
    Damage(u32),
    /// What follows the last record of a file.
    End(u32),
    /// A file beside the log: position in `Log::others`.
    Other(u32),
}

/// The log of a member, ready to be drawn.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) member: &'static Member,
    /// `None`: there is no log.
    pub(super) wal: Option<Wal<'static>>,
    pub(super) rows: Vec<Row>,
    /// Positions in `rows` of what one jumps to: the first entry of each term, damage, overwritten entries.
    pub(super) landmarks: Vec<usize>,
    pub(super) terms: Vec<TermSummary>,
    pub(super) commit: u64,
}

fn number(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// Reads the log.
pub(super) fn load(member: &'static Member, monitor: &Monitor) -> Loaded {
    let mut loaded = Loaded {
        member,
        wal: None,
        rows: Vec::new(),
        landmarks: Vec::new(),
        terms: Vec::new(),
        commit: 0,
    };
    let Some(wal) = member.wal_with(monitor) else {
        return loaded;
    };
    let log = wal.log();
    let offset_of = |record: u32| {
        let record = log.records.get(record as usize);
        record.map_or(0, |record| record.offset)
    };
    let mut term = None;
    let mut was_kept = true;
    for (at, segment) in log.segments.iter().enumerate() {
        loaded.rows.push(Row::Segment(number(at)));
        let from = log
            .entries
            .partition_point(|entry| (entry.record as usize) < segment.records.start);
        let to = log
            .entries
            .partition_point(|entry| (entry.record as usize) < segment.records.end);
        let mut damages = log
            .damages
            .iter()
            .enumerate()
            .filter(|(_, damage)| damage.segment == at)
            .peekable();
        for position in from..to {
            let Some(entry) = log.entries.get(position) else {
                break;
            };
            while let Some((damage, _)) =
                damages.next_if(|(_, damage)| damage.from < offset_of(entry.record))
            {
                loaded.landmarks.push(loaded.rows.len());
                loaded.rows.push(Row::Damage(number(damage)));
            }
            let is_turn = term.is_some_and(|before| before != entry.term);
            if is_turn || (was_kept && !entry.survives) {
                loaded.landmarks.push(loaded.rows.len());
            }
            (term, was_kept) = (Some(entry.term), entry.survives);
            loaded.rows.push(Row::Entry(number(position)));
        }
        for (damage, _) in damages {
            loaded.landmarks.push(loaded.rows.len());
            loaded.rows.push(Row::Damage(number(damage)));
        }
        loaded.rows.push(Row::End(number(at)));
    }
    let others = 0..log.others.len();
    loaded
        .rows
        .extend(others.map(|other| Row::Other(number(other))));
    loaded.terms = log.terms();
    loaded.commit = log.hard_state().map_or(0, |state| state.commit);
    loaded.wal = Some(wal);
    loaded
}

impl Loaded {
    /// The row of the surviving entry of an index.
    ///
    /// # Errors
    /// Why the log has no such entry.
    pub(super) fn row_of(&self, index: u64) -> Result<usize, String> {
        let log = self.wal.as_ref().ok_or("there is no log")?.log();
        let kept = log.entry(index).map(std::ptr::from_ref);
        let position = log
            .entries
            .iter()
            .rposition(|entry| match kept {
                Some(kept) => std::ptr::eq(entry, kept),
                None => entry.index == index,
            })
            .map(|position| Row::Entry(number(position)));
        let row = position.and_then(|position| self.rows.iter().position(|row| *row == position));
        row.ok_or_else(|| match (log.first(), log.last()) {
            (Some(first), _) if index < first.index => format!(
                "index {index} is older than the WAL: it starts with {}",
                first.index
            ),
            (_, Some(last)) if index > last.index => {
                format!(
                    "index {index} is not in the WAL: it ends with {}",
                    last.index
                )
            }
            (Some(_), Some(_)) => format!("the WAL has no entry with index {index}"),
            _ => "the log has no entries".to_owned(),
        })
    }

    /// What the filter looks at in a row.
    pub(super) fn line(&self, row: usize) -> String {
        let (Some(wal), Some(row)) = (&self.wal, self.rows.get(row)) else {
            return String::new();
        };
        match *row {
            Row::Entry(position) => {
                let Some(entry) = wal.log().entries.get(position as usize) else {
                    return String::new();
                };
                let payload = wal.payload(entry);
                format!(
                    "{} {} {} {} {}",
                    entry.index,
                    payload.type_name(),
                    payload.name(),
                    payload.summary(),
                    detail::state(self, entry).0,
                )
            }
            Row::Segment(at) => detail::file_name(self, at),
            Row::End(_) => String::new(),
            Row::Damage(at) => {
                let torn = wal.log().damages.get(at as usize);
                torn.map_or_else(String::new, |torn| {
                    format!("damage {}", detail::damage(&torn.kind))
                })
            }
            Row::Other(at) => detail::other(self, at).to_owned(),
        }
    }
}

//! The columns of the table: what each has of a row, and how rows are ordered by it.

use std::cmp::Ordering;

use etcd_inspect::answers::objects::{ObjectRow, ObjectState, ObjectsAnswer, compare_texts};
use etcd_inspect::text::{escape, number, time};

use super::LoadedTable;
use super::letters::letters;
use crate::keys;
use crate::screen::ScreenId;
use crate::session::Session;
use crate::widgets::{GridColumn, measure};

/// What a column has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ColumnOf {
    Namespace,
    /// One of kubectl's columns.
    Cell(usize),
    Version,
    Size,
    History,
    Written,
    By,
}

/// kubectl's columns that stay longest if there is little room.
const FIRST: usize = 5;

impl LoadedTable {
    pub(super) fn new(answer: ObjectsAnswer, session: &Session) -> Self {
        let (mut columns, mut of) = (Vec::new(), Vec::new());
        let mut add = |heading: &str, right, spare, what| {
            columns.push(GridColumn::spare(heading, right, spare));
            of.push(what);
        };
        if answer.namespaced {
            add("NAMESPACE", false, 0, ColumnOf::Namespace);
        }
        for (at, heading) in answer.headings.iter().enumerate() {
            let spare = if at < FIRST { 0 } else { 5 };
            let right = matches!(heading.as_str(), "AGE" | "RESTARTS");
            add(heading, right, spare, ColumnOf::Cell(at));
        }
        add("VER", true, 2, ColumnOf::Version);
        add("SIZE", true, 1, ColumnOf::Size);
        add("HISTORY", true, 4, ColumnOf::History);
        add("LAST-WRITE~", false, 3, ColumnOf::Written);
        add("BY", false, 4, ColumnOf::By);
        let headings = columns.iter().map(|column| column.heading.as_str());
        let letters = letters(headings.clone(), |letter| {
            keys::is_bound(&letter.to_string(), ScreenId::Browse)
        });
        for (column, letter) in columns.iter_mut().zip(letters) {
            column.set_letter(letter);
        }
        let rows = &answer.rows;
        measure(&mut columns, rows.len(), |at| {
            let row = rows.get(at);
            let texts = of.iter().map(|of| row.map(|row| of.text(row, session)));
            texts
                .map(|text| escape::width(&text.unwrap_or_default()))
                .collect()
        });
        Self {
            answer,
            columns,
            of,
        }
    }
}

impl ColumnOf {
    /// The text of a row.
    pub(super) fn text(self, row: &ObjectRow, session: &Session) -> String {
        let gone = matches!(
            row.state,
            ObjectState::Deleted { .. } | ObjectState::DeletedInLog { .. }
        );
        match self {
            Self::Namespace => row.namespace.clone(),
            Self::Cell(0) if gone => {
                format!("✕ {}", row.cells.first().map_or("", String::as_str))
            }
            Self::Cell(at) => row.cells.get(at).cloned().unwrap_or_default(),
            Self::Version => row
                .version
                .map(|version| version.to_string())
                .unwrap_or_default(),
            Self::Size => row.value_bytes.map(number::size).unwrap_or_default(),
            Self::History => match row.history_bytes {
                0 => String::new(),
                bytes => number::size(bytes),
            },
            Self::Written => match row.written {
                Some(written) => {
                    let newest = session.rows().and_then(|rows| rows.newest_time);
                    let newest = newest.unwrap_or(written.time);
                    time::short(written.time, newest, &session.options.zone)
                }
                None => format!("rev {}", number::thousands(row.revision.into())),
            },
            Self::By => row.by.clone().unwrap_or_default(),
        }
    }

    /// The order of two rows; `down`: the largest first. What has nothing there comes last.
    pub(super) fn compare(self, a: &ObjectRow, b: &ObjectRow, down: bool) -> Ordering {
        let turned = |order: Ordering| if down { order.reverse() } else { order };
        match self {
            Self::Version => turned(a.version.cmp(&b.version)),
            Self::Size => turned(a.value_bytes.cmp(&b.value_bytes)),
            Self::History => turned(a.history_bytes.cmp(&b.history_bytes)),
            Self::Written => turned(a.revision.cmp(&b.revision)),
            Self::Namespace => turned(compare_texts(&a.namespace, &b.namespace)),
            Self::By => by_text(a.by.as_deref(), b.by.as_deref(), turned),
            Self::Cell(at) => by_text(
                a.cells.get(at).map(String::as_str),
                b.cells.get(at).map(String::as_str),
                turned,
            ),
        }
    }
}

fn by_text(a: Option<&str>, b: Option<&str>, turned: impl Fn(Ordering) -> Ordering) -> Ordering {
    match (a.filter(|a| !a.is_empty()), b.filter(|b| !b.is_empty())) {
        (Some(a), Some(b)) => turned(compare_texts(a, b)),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    }
}

//! How the table looks.

use etcd_inspect::answers::objects::{ObjectRow, ObjectState};
use etcd_inspect::text::{escape, number, time};
use ratatui::layout::Rect;

use super::{ColumnOf, LoadedTable, ObjectTable, TableAsk};
use crate::paint::{Line, Pen};
use crate::session::Session;
use crate::theme::Role;
use crate::widgets::Grid;

impl ObjectTable {
    /// `pods · prod · 16 + 22 deleted · sort AGE↓`.
    fn title(&self, deleted: bool, lacks: bool) -> Line {
        let mut title = match self.ask.as_deref() {
            Some(TableAsk::Objects(asked)) => Line::piece(Role::Name, asked.text.clone()),
            Some(TableAsk::Largest) => {
                Line::piece(Role::Name, "all keys by the size of their value")
            }
            None => Line::new(),
        };
        let Some(loaded) = &self.loaded else {
            return title.text(" · reading…");
        };
        let answer = &loaded.answer;
        let count = |many: usize| number::thousands(many as i128);
        title = title.text(format!(" · {}", count(answer.live)));
        if let Some(of) = answer.of.filter(|of| *of > answer.rows.len()) {
            title = title.text(format!(" of {}", count(of)));
        }
        let gone = answer.rows.len().saturating_sub(answer.live);
        title = match (deleted, gone) {
            // The rows on the screen are still those of before.
            (true, _) if self.job.is_some() => title.text(" + … deleted"),
            (true, gone) => title.text(format!(" + {} deleted", count(gone))),
            (false, _) => title.with(Role::Dim, " · A also deleted"),
        };
        if !self.text.is_empty() {
            title = title
                .text(" · ")
                .with(Role::Match, format!("/{}", self.text))
                .text(format!(" {}", count(self.order.len())));
        }
        if lacks {
            title = title.with(
                Role::Warning,
                " · damaged db: some are missing, deleted ones may be among them",
            );
        }
        title.with(Role::Dim, " · s sort · \\ tree")
    }

    /// Draws it; returns where its rows are.
    pub(in crate::screens::browse) fn draw(
        &mut self,
        area: Rect,
        pen: &mut Pen<'_>,
        session: &Session,
        (focused, deleted): (bool, bool),
    ) -> Rect {
        let lacks = session.rows().is_some_and(|rows| rows.lacks_records);
        let inner = pen.frame(area, &self.title(deleted, lacks), focused);
        if pen.takes_rows() {
            self.take_rows(pen, session);
            return inner;
        }
        if let Some(why) = &self.failed {
            pen.put(inner, 1, 0, why, Role::Error);
            return inner;
        }
        let Some(loaded) = self.loaded.clone() else {
            pen.put(inner, 1, 0, "reading…", Role::Dim);
            return inner;
        };
        let sorted = self.sort.as_ref().and_then(|sort| {
            let mut columns = loaded.columns.iter();
            let at = columns.position(|column| column.heading == sort.heading)?;
            Some((at, sort.down))
        });
        let grid = Grid {
            columns: &loaded.columns,
            sorted,
            focused,
        };
        let hidden = grid.hidden(inner.width).into_iter();
        self.hidden = hidden.map(str::to_owned).collect();
        let order = &self.order;
        grid.draw(inner, pen, &mut self.list, order.len(), |place| {
            let row = order.get(place).and_then(|at| loaded.answer.rows.get(*at));
            row.map(|row| cells_of(row, &loaded.of, session))
                .unwrap_or_default()
        });
        if order.is_empty() {
            pen.put(inner, 1, 1, &self.why_empty(deleted), Role::Dim);
        }
        Rect {
            y: inner.y.saturating_add(1),
            height: inner.height.saturating_sub(1),
            ..inner
        }
    }
}

impl ObjectTable {
    /// The rows for an export.
    fn take_rows(&self, pen: &mut Pen<'_>, session: &Session) {
        let Some(loaded) = &self.loaded else { return };
        let headings = loaded.columns.iter().map(|column| column.heading.as_str());
        let rows = self.order.iter();
        let rows = rows.filter_map(|at| loaded.answer.rows.get(*at));
        let rows = rows.map(|row| exact_cells(row, loaded, session));
        pen.take_rows(headings.chain(MORE_COLUMNS), rows);
    }

    /// Why there is no row.
    fn why_empty(&self, deleted: bool) -> String {
        let asked = match self.ask.as_deref() {
            Some(TableAsk::Objects(asked)) => asked.text.as_str(),
            _ => "here",
        };
        match (self.text.is_empty(), deleted) {
            (false, _) => "no row has that; Esc shows all again".to_owned(),
            (true, false) => {
                format!("no object is {asked} at this revision; A shows deleted ones")
            }
            (true, true) => {
                format!("no object is {asked}, and of none that was deleted a version is kept")
            }
        }
    }
}

/// What a file has of a row beside the columns of the table.
const MORE_COLUMNS: [&str; 5] = ["KEY", "REV", "STATE", "DELETED-REV", "DELETED-AT~"];

/// A row for a file: bytes, seconds and full times, and a column for each fact.
fn exact_cells(row: &ObjectRow, loaded: &LoadedTable, session: &Session) -> Vec<Line> {
    let is_live = matches!(row.state, ObjectState::Live);
    let cells = loaded
        .of
        .iter()
        .zip(&loaded.columns)
        .map(|(of, column)| match of {
            ColumnOf::Cell(0) => row.cells.first().cloned().unwrap_or_default(),
            of if !is_live && matches!(of, ColumnOf::Cell(_)) => String::new(),
            ColumnOf::Cell(_) if column.heading == "AGE" => row
                .age_s
                .map_or_else(|| of.text(row, session), |seconds| seconds.to_string()),
            ColumnOf::Size => row
                .value_bytes
                .map(|bytes| bytes.to_string())
                .unwrap_or_default(),
            ColumnOf::History => row.history_bytes.to_string(),
            ColumnOf::Written => {
                let written = row
                    .written
                    .map(|written| time::rfc3339_millis(written.time));
                written.unwrap_or_default()
            }
            of => of.text(row, session),
        });
    let no_time = None;
    let (state, deleted) = match &row.state {
        ObjectState::Live => ("live".to_owned(), None),
        ObjectState::Deleted { revision, time } => ("deleted".to_owned(), Some((revision, time))),
        ObjectState::DeletedInLog { revision } => {
            ("deleted in the log".to_owned(), Some((revision, &no_time)))
        }
        ObjectState::Unreadable(why) => (format!("unreadable: {why}"), None),
        _ => (String::new(), None),
    };
    let at = deleted.and_then(|(_, time)| time.as_ref());
    let more = [
        escape::bytes(&row.key, escape::Charset::default()).into_owned(),
        row.revision.to_string(),
        state,
        deleted
            .map(|(revision, _)| revision.to_string())
            .unwrap_or_default(),
        at.map(|at| time::rfc3339_millis(at.time))
            .unwrap_or_default(),
    ];
    cells.chain(more).map(Line::from).collect()
}

/// The texts of a row. Of what is no longer there: namespace and name, then what became of it.
fn cells_of(row: &ObjectRow, of: &[ColumnOf], session: &Session) -> Vec<(Role, String)> {
    let texts = of.iter().map(|of| of.text(row, session));
    let named = of
        .iter()
        .take_while(|of| **of == ColumnOf::Namespace)
        .count()
        + 1;
    match &row.state {
        ObjectState::Live => texts.map(|text| (Role::Plain, text)).collect(),
        ObjectState::Deleted { revision, time } => {
            let when = match time {
                Some(write) => {
                    let newest = session.rows().and_then(|rows| rows.newest_time);
                    let newest = newest.unwrap_or(write.time);
                    format!(
                        "~{} ",
                        time::short(write.time, newest, &session.options.zone)
                    )
                }
                None => String::new(),
            };
            let size = row.value_bytes.map(number::size).unwrap_or_default();
            let version = row.version.map(|version| format!("v{version} "));
            let what = format!(
                "deleted {when}rev {} · {}{size} · cR copies YAML that creates it again",
                number::thousands((*revision).into()),
                version.unwrap_or_default(),
            );
            let names = texts.take(named).map(|text| (Role::Struck, text));
            names.chain([(Role::Error, what)]).collect()
        }
        ObjectState::DeletedInLog { revision } => {
            let what = format!(
                "deleted rev {}, as the log has it: the damaged db lost that · H shows both",
                number::thousands((*revision).into())
            );
            let names = texts.take(named).map(|text| (Role::Struck, text));
            names.chain([(Role::Error, what)]).collect()
        }
        ObjectState::Unreadable(why) => {
            let names = texts.take(named).map(|text| (Role::Plain, text));
            let what = (Role::Error, format!("unreadable: {why}"));
            names.chain([what]).collect()
        }
        _ => texts.map(|text| (Role::Dim, text)).collect(),
    }
}

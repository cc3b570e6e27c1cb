//! How the WAL screen looks.

use etcd_inspect::RaftIndex;
use etcd_inspect::dataset::log::{LogEntryRow, LogRow, LogRows, ending_text};
use etcd_inspect::text::number;
use ratatui::layout::Rect;

use super::{EntryForm, Wal, detail};
use crate::paint::{Line, Pen, cells};
use crate::session::Session;
use crate::theme::Role;
use crate::widgets::Column;

static COLUMNS: [Column; 7] = [
    Column::right("INDEX", 11),
    Column::right("TERM", 5),
    Column::left("", 1),
    Column::left("STATE", 11).from(96),
    Column::left("REQUEST", 0),
    Column::right("SIZE", 8),
    Column::left("FILE+OFFSET", 16).from(90),
];

impl Wal {
    pub(super) fn draw_all(&mut self, area: Rect, pen: &mut Pen<'_>, session: &Session) {
        self.view.panes = self.view.split.panes(area, 62);
        let (list, pane) = (self.view.panes.list, self.view.panes.detail);
        if list.width > 0 && list.height > 0 {
            self.draw_list(list, pen, session);
        }
        if pane.width > 0 && pane.height > 0 {
            let what = match self.row() {
                Some(LogRow::Entry(_)) => match self.form {
                    EntryForm::Hex => "entry, stored bytes · x decoded",
                    EntryForm::Objects => "objects that it wrote · y decoded · x stored bytes",
                    EntryForm::Decoded => "entry · y its objects · x stored bytes",
                },
                Some(LogRow::Segment(_) | LogRow::End(_)) => "file",
                Some(LogRow::Damage(_)) => "damage",
                Some(LogRow::Other(_)) => "file beside the log",
                None => "entry",
            };
            let lines = self.detail.as_ref().map(|(_, lines)| lines.as_slice());
            self.view
                .draw_text(pane, pen, &Line::from(what), lines.unwrap_or_default());
        }
    }

    fn draw_list(&mut self, area: Rect, pen: &mut Pen<'_>, session: &Session) {
        let title = self.view.title(self.title(), self.rows());
        let inner = pen.frame(area, &title, !self.view.split.detail);
        let Some(loaded) = self.loaded.clone() else {
            let why = match session.member() {
                Some(_) => Line::piece(Role::Dim, "reading the log…"),
                None => session.why_no_data(),
            };
            pen.wrapped(inner, &why);
            return;
        };
        if loaded.wal().is_none() {
            let why =
                "no log here: no member/wal with a segment; --wal-dir may have put it elsewhere";
            pen.wrapped(inner, &Line::piece(Role::Dim, why));
            return;
        }
        let mut body = inner;
        if inner.height >= 8 {
            band(inner, pen, &loaded, self.entry().map(|entry| entry.index));
            body = Rect {
                y: inner.y.saturating_add(1),
                height: inner.height - 1,
                ..inner
            };
        }
        let rows = loaded.rows.len();
        let size = pen.size_form();
        self.view.draw_rows(body, pen, &COLUMNS, rows, |at| {
            let row = loaded.rows.get(at);
            row.map(|row| cells_of(&loaded, *row, size))
                .unwrap_or_default()
        });
    }

    fn title(&self) -> Line {
        let Some((loaded, wal)) = self
            .loaded
            .as_ref()
            .and_then(|loaded| Some((loaded, loaded.wal()?)))
        else {
            return Line::from("WAL");
        };
        let log = wal.log();
        let files = match log.segments.len() {
            1 => "1 file".to_owned(),
            files => format!("{files} files"),
        };
        let range = match (log.first(), log.last()) {
            (Some(first), Some(last)) => format!(
                "index {}–{}",
                number::thousands(first.index.into()),
                number::thousands(last.index.into())
            ),
            _ => "no entries".to_owned(),
        };
        let mut title = Line::from(format!(
            "{files} · {range} · committed {}",
            number::thousands(loaded.commit.into())
        ));
        if !log.damages.is_empty() {
            title = title.with(
                Role::Error,
                format!(" · ✕ damaged in {} places", log.damages.len()),
            );
        }
        title.with(Role::Dim, " · { } next term or damage")
    }
}

/// The terms as one bar, each as wide as its entries are many.
fn band(area: Rect, pen: &mut Pen<'_>, loaded: &LogRows, cursor: Option<RaftIndex>) {
    let terms: Vec<_> = loaded
        .terms
        .iter()
        .filter(|term| term.entries > 0)
        .collect();
    let labels: usize = terms
        .iter()
        .map(|term| term.term.to_string().len() + 2)
        .sum();
    let head = "terms ";
    let room = usize::from(area.width)
        .saturating_sub(head.len() + 1)
        .saturating_sub(labels);
    let all: u64 = terms.iter().map(|term| term.entries).sum();
    let x = pen.put(area, 1, 0, head, Role::Dim);
    if room < terms.len() || all == 0 {
        let from_to = match (terms.first(), terms.last()) {
            (Some(first), Some(last)) => format!(
                "{} to {}, {} of them with entries",
                first.term,
                last.term,
                terms.len()
            ),
            _ => "none has entries".to_owned(),
        };
        pen.put(area, x, 0, &from_to, Role::Plain);
        return;
    }
    let spare = (room - terms.len()) as u64;
    let mut x = x;
    for term in terms {
        let width = 1 + usize::try_from(spare.saturating_mul(term.entries) / all).unwrap_or(0);
        x = pen.put(area, x, 0, &term.term.to_string(), Role::Number);
        x = pen.put(area, x, 0, "▕", Role::Dim);
        let role = if term.overwritten > 0 {
            Role::Warning
        } else {
            Role::Good
        };
        let end = pen.put(area, x, 0, &"█".repeat(width), role);
        let (first, last) = (
            term.first_index.unwrap_or_default(),
            term.last_index.unwrap_or_default(),
        );
        if let Some(index) = cursor.filter(|index| (first..=last).contains(index)) {
            let span = u128::from(last.since(first)).max(1);
            let cell = u128::from(index.since(first)) * (width as u128 - 1) / span;
            let cell = u16::try_from(cell).unwrap_or(0);
            pen.put(area, x.saturating_add(cell), 0, "●", Role::Key);
        }
        x = pen.put(
            area,
            end.min(cells(usize::from(area.width))),
            0,
            "▏",
            Role::Dim,
        );
    }
}

/// A row that has its text in the widest column.
fn wide(role: Role, text: String) -> Vec<Line> {
    let mut cells = vec![Line::new(); COLUMNS.len()];
    if let Some(cell) = cells.get_mut(4) {
        *cell = Line::piece(role, text);
    }
    cells
}

fn cells_of(loaded: &LogRows, row: LogRow, size_of: fn(u64) -> String) -> Vec<Line> {
    let Some(wal) = loaded.wal() else {
        return Vec::new();
    };
    let log = wal.log();
    match row {
        LogRow::Segment(at) => {
            let mut text = format!("── {} ", loaded.file_name(at));
            text.push_str(&"─".repeat(200));
            wide(Role::Heading, text)
        }
        LogRow::End(at) => {
            let Some(segment) = log.segments.get(at as usize) else {
                return Vec::new();
            };
            let is_last = at as usize + 1 == log.segments.len();
            let (label, text) = ending_text(segment.ending, is_last);
            let role = detail::role_of(label);
            let role = if role == Role::Plain { Role::Dim } else { role };
            let rest = segment.len_bytes.saturating_sub(segment.end);
            let mut cells = wide(role, text);
            if let Some(size) = cells.get_mut(5) {
                *size = Line::piece(Role::Dim, size_of(rest));
            }
            cells
        }
        LogRow::Damage(at) => {
            let Some(torn) = log.damages.get(at as usize) else {
                return Vec::new();
            };
            let mut text = if torn.torn { "torn: " } else { "damage: " }.to_owned();
            text.push_str(&loaded.damage_text(at));
            let mut cells = wide(Role::Error, text);
            let size = torn.to.saturating_sub(torn.from);
            let place = Line::piece(Role::Dim, format!("+{:#x}", torn.from));
            for (column, line) in [
                (2, Line::piece(Role::Error, "✕")),
                (5, Line::from(size_of(size))),
                (6, place),
            ] {
                if let Some(cell) = cells.get_mut(column) {
                    *cell = line;
                }
            }
            cells
        }
        LogRow::Other(at) => {
            let file = loaded.place(LogRow::Other(at)).unwrap_or_default();
            let file = file.split('@').next().unwrap_or_default().to_owned();
            wide(Role::Dim, format!("{file}: {}", loaded.other_text(at)))
        }
        LogRow::Entry(at) => {
            let entry = loaded.entry(at);
            entry
                .map(|entry| entry_cells(entry, size_of))
                .unwrap_or_default()
        }
    }
}

fn entry_cells(entry: LogEntryRow, size_of: fn(u64) -> String) -> Vec<Line> {
    let mark = match entry.state {
        "uncommitted" => "?",
        "overwritten" => "~",
        "damaged" => "✕",
        _ => " ",
    };
    let role = detail::role_of(entry.label);
    let text = match entry.type_name {
        "empty" => Line::piece(Role::Dim, "empty: the first entry of a leader"),
        "conf_change" | "conf_change_v2" => Line::piece(Role::Warning, entry.summary),
        _ if entry.survives => Line::from(entry.summary),
        _ => Line::piece(Role::Struck, entry.summary),
    };
    vec![
        Line::from(number::thousands(entry.index.into())),
        Line::piece(Role::Number, entry.term.to_string()),
        Line::piece(role, mark),
        Line::piece(role, entry.state),
        text,
        Line::from(size_of(entry.size_bytes)),
        Line::piece(Role::Dim, format!("+{:#x}", entry.offset)),
    ]
}

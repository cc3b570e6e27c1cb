//! The list of versions.

use etcd_inspect::text::time;
use ratatui::layout::Rect;

use super::History;
use super::versions::Known;
use crate::paint::{Line, Pen};
use crate::session::Session;
use crate::theme::Role;
use crate::widgets::Column;

const COLUMNS: [Column; 7] = [
    Column::left("", 1),
    Column::right("REV", 10),
    Column::right("V", 4),
    Column::left("OP", 6),
    Column::left("WHEN~", 9),
    Column::left("WHO", 14).middle().from(60),
    Column::left("CHANGED", 0),
];

impl History {
    pub(super) fn draw_list(&mut self, area: Rect, pen: &mut Pen<'_>, session: &Session) {
        let rows = &self.versions.rows;
        let title = self.view.title(self.list_title(session), rows.len());
        let inner = pen.frame(area, &title, !self.view.split.detail);
        if rows.is_empty() {
            pen.wrapped(inner, &self.why_empty(session));
            return;
        }
        let at = session.ruler.revision();
        let marked = self.look.marked;
        let here = rows
            .iter()
            .position(|known| known.is_placed() && known.version.revision.main <= at);
        self.view
            .draw_rows(inner, pen, &COLUMNS, rows.len(), |row| {
                let sign = match (marked == Some(row), here == Some(row)) {
                    (true, _) => "A",
                    (_, true) => "●",
                    _ => "",
                };
                let known = rows.get(row);
                known.map_or_else(Vec::new, |known| cells_of(known, sign, session))
            });
    }

    /// `deployments/shop/web · db 3 · W 46 · 32 hidden`.
    fn list_title(&self, session: &Session) -> Line {
        let rows = &self.versions.rows;
        let of_log = rows
            .iter()
            .filter(|known| known.version.offset.is_none())
            .count();
        let mut title = Line::from(format!(
            "{} · kept {}",
            self.name(session),
            rows.len() - of_log
        ));
        if of_log > 0 {
            title = title.text(format!(" · log {of_log}"));
        }
        match self.versions.hidden() {
            0 if self.look.spec_only => title.with(Role::Dim, " · s all"),
            0 => title,
            hidden => title.with(Role::Warning, format!(" · {hidden} hidden, s all")),
        }
    }

    fn why_empty(&self, session: &Session) -> Line {
        match session.data() {
            None => session.why_no_data(),
            Some(_) if self.versions.is_reading() => Line::piece(Role::Dim, "reading…"),
            Some(_) if session.focus().is_none() => Line::piece(
                Role::Dim,
                "no key is selected: choose one in Browse, or :key KEY",
            ),
            Some(_) if self.versions.hidden() > 0 => Line::piece(
                Role::Dim,
                "nothing but status changed in what is kept; s shows all",
            ),
            Some(_) => Line::piece(Role::Dim, "nothing of this key is stored"),
        }
    }
}

/// A version as a row; `sign`: what is marked, or where the ruler is.
fn cells_of(known: &Known, sign: &str, session: &Session) -> Vec<Line> {
    let source = match (sign, known.version.offset) {
        ("", None) => "W",
        (sign, _) => sign,
    };
    let newest = session.data().and_then(|data| data.newest_time);
    let zone = &session.options.zone;
    let when = known
        .when
        .map(|when| time::short(when, newest.unwrap_or(when), zone))
        .unwrap_or_default();
    let when = when.get(..10).unwrap_or(&when).to_owned();
    let (op, role) = match known.version.tombstone {
        true => ("DELETE", Role::Error),
        false => ("PUT", Role::Plain),
    };
    vec![
        Line::piece(Role::Warning, source),
        Line::piece(Role::Number, known.revision()),
        Line::from(known.counted()),
        Line::piece(role, op),
        Line::from(when),
        Line::piece(Role::Name, known.who.clone()),
        Line::from(known.changed.as_str()),
    ]
}

//! The list of versions.

use etcd_inspect::member::Origin;
use etcd_inspect::text::time;
use ratatui::layout::Rect;

use super::History;
use super::versions::Known;
use crate::object::when_text;
use crate::paint::{Line, Pen};
use crate::session::{Part, Session};
use crate::theme::Role;
use crate::widgets::Column;

const COLUMNS: [Column; 8] = [
    Column::left("", 1),
    Column::left("SRC", 3),
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
        let is_file = pen.takes_rows();
        self.view
            .draw_rows(inner, pen, &COLUMNS, rows.len(), |row| {
                let sign = match (marked == Some(row), here == Some(row)) {
                    (true, _) => "A",
                    (_, true) => "●",
                    _ => "",
                };
                let known = rows.get(row);
                known.map_or_else(Vec::new, |known| cells_of(known, sign, is_file, session))
            });
    }

    /// `deployments/shop/web · db 3 · W 46 · 32 hidden`.
    fn list_title(&self, session: &Session) -> Line {
        let rows = &self.versions.rows;
        let of = |letter: &str| rows.iter().filter(|known| known.letter() == letter).count();
        let parts = ["db", "W", "C"].map(|letter| (letter, of(letter)));
        let parts = parts.iter().filter(|(_, count)| *count > 0);
        let parts: Vec<String> = parts
            .map(|(letter, count)| format!("{letter} {count}"))
            .collect();
        let count = match rows.len() {
            // Not known yet.
            0 if self.versions.is_reading() => "…".to_owned(),
            1 => "1 version".to_owned(),
            count => format!("{count} versions"),
        };
        let mut title = Line::from(format!("{} · {count}", self.name(session)));
        if !parts.is_empty() {
            title = title.text(format!(": {}", parts.join(" · ")));
        }
        title = title.with(Role::Dim, self.carving(session));
        match self.versions.hidden() {
            0 if self.look.spec_only => title.with(Role::Dim, " · s all"),
            0 => title,
            hidden => title.with(Role::Warning, format!(" · {hidden} hidden, s all")),
        }
    }

    /// Whether carved records were looked at.
    fn carving(&self, session: &Session) -> &'static str {
        let is_rebuilt = session.data().is_some_and(|data| data.rebuilt().is_some());
        let carved = session.slot().and_then(|slot| slot.carved.as_ref());
        match carved {
            _ if is_rebuilt || session.data().is_none() => "",
            _ if self.look.db_only => " · W log and carved",
            None => " · C looks for carved",
            Some(Part::Waiting) => " · carving…",
            Some(Part::Failed(_)) => " · carving failed, C again",
            Some(Part::Ready(_)) => "",
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
fn cells_of(known: &Known, sign: &str, is_file: bool, session: &Session) -> Vec<Line> {
    let source = match known.origin {
        Origin::Carved(_) => Role::Warning,
        _ => Role::Dim,
    };
    let newest = session.data().and_then(|data| data.newest_time);
    let zone = &session.options.zone;
    let when = known.when.map(|when| match is_file {
        true => time::rfc3339_millis(when.time),
        false => when_text(when, newest, zone),
    });
    let role = match known.version.tombstone {
        true => Role::Error,
        false => Role::Plain,
    };
    let mut changed = Line::from(known.changed.as_str());
    if let (Origin::Carved(origin), place) = (known.origin, &known.place) {
        let place = place.as_ref().map(|place| format!(" {place}"));
        let text = format!("  {origin}{}, unverified", place.unwrap_or_default());
        changed = changed.with(Role::Warning, text.trim_start().to_owned());
    }
    vec![
        Line::piece(Role::Warning, sign),
        Line::piece(source, known.letter()),
        Line::piece(Role::Number, known.revision()),
        Line::from(known.counted()),
        Line::piece(role, known.op()),
        Line::from(when.unwrap_or_default()),
        Line::piece(Role::Name, known.who.clone()),
        changed,
    ]
}

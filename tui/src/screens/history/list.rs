//! The list of versions.

use etcd_inspect::text::time;
use ratatui::layout::Rect;

use super::History;
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
        let title = self.view.title(title, rows.len());
        let inner = pen.frame(area, &title, !self.view.split.detail);
        if rows.is_empty() {
            let why = match session.data() {
                None => session.why_no_data(),
                Some(_) if self.versions.is_reading() => Line::piece(Role::Dim, "reading…"),
                Some(_) if session.focus().is_none() => Line::piece(
                    Role::Dim,
                    "no key is selected: choose one in Browse, or :key KEY",
                ),
                Some(_) => Line::piece(Role::Dim, "nothing of this key is stored"),
            };
            pen.wrapped(inner, &why);
            return;
        }
        let newest = session.data().and_then(|data| data.newest_time);
        let at = session.ruler.revision();
        let (marked, zone) = (self.look.marked, &session.options.zone);
        let here = rows
            .iter()
            .position(|known| known.is_placed() && known.version.revision.main <= at);
        self.view
            .draw_rows(inner, pen, &COLUMNS, rows.len(), |row| {
                let Some(known) = rows.get(row) else {
                    return Vec::new();
                };
                let sign = match (
                    marked == Some(row),
                    here == Some(row),
                    known.version.offset.is_none(),
                ) {
                    (true, _, _) => "A",
                    (_, true, _) => "●",
                    (_, _, true) => "W",
                    _ => "",
                };
                let when = known
                    .when
                    .map(|when| time::short(when, newest.unwrap_or(when), zone))
                    .unwrap_or_default();
                let when = when.get(..10).unwrap_or(&when).to_owned();
                let (op, role) = if known.version.tombstone {
                    ("DELETE", Role::Error)
                } else {
                    ("PUT", Role::Plain)
                };
                vec![
                    Line::piece(Role::Warning, sign),
                    Line::piece(Role::Number, known.revision()),
                    Line::from(known.counted()),
                    Line::piece(role, op),
                    Line::from(when),
                    Line::piece(Role::Name, known.who.clone()),
                    Line::from(known.changed.as_str()),
                ]
            });
    }
}

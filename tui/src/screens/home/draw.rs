//! How Home looks: one column of labelled lines, long ones wrapped.

use etcd_inspect::answers::status::StoreStatus;
use etcd_inspect::text::{number, time};
use ratatui::layout::Rect;

use super::rows::HomeRow;
use super::{Home, bars};
use crate::paint::{Line, Pen};
use crate::session::Session;
use crate::theme::Role;

/// Cells of the label, and where the text begins.
const LABEL: u16 = 11;

/// Widest line of text that is comfortable to read.
const WIDEST: u16 = 160;

impl Home {
    pub(super) fn draw_all(&mut self, area: Rect, pen: &mut Pen<'_>, session: &Session) {
        let inner = pen.frame(area, &self.title(session), true);
        self.body = inner;
        self.lines.clear();
        let room = usize::from(inner.width.min(WIDEST).saturating_sub(LABEL + 1));
        self.height = inner.height;
        let mut drawn: Vec<(usize, Line)> = Vec::new();
        let mut before = "";
        for (at, row) in self.rows.iter().enumerate() {
            let label = if row.label == before { "" } else { row.label };
            before = row.label;
            let line = pen.spelled(&row.line);
            drawn.extend(
                self.lines_of((row, &line), label, room, session)
                    .into_iter()
                    .map(|line| (at, line)),
            );
        }
        let cursor = self.list.cursor().min(self.rows.len().saturating_sub(1));
        self.list.select(cursor);
        let height = usize::from(inner.height);
        // All of the row under the cursor is in sight.
        let last = drawn.iter().rposition(|(at, _)| *at == cursor).unwrap_or(0);
        let top = (last + 1).saturating_sub(height);
        if drawn.len() > height {
            pen.note_cut(inner, (top, top.saturating_add(height)), drawn.len(), &[]);
        }
        for (y, (at, line)) in (0..inner.height).zip(drawn.into_iter().skip(top)) {
            pen.line(inner, y, &line, 0);
            if at == cursor {
                pen.highlight(inner, y, Role::Cursor);
                pen.put(inner, 0, y, ">", Role::Heading);
            }
            self.lines.push(at);
        }
    }

    /// A row in lines of a width; below that of the space its bar.
    fn lines_of(
        &self,
        (row, line): (&HomeRow, &Line),
        label: &str,
        room: usize,
        session: &Session,
    ) -> Vec<Line> {
        let begin = |label: &str| {
            let width = usize::from(LABEL) - 1;
            Line::piece(Role::Heading, format!(" {label:<width$}"))
        };
        let mut lines = Vec::new();
        for (number, part) in line.in_words(room).into_iter().enumerate() {
            let label = if number == 0 { label } else { "" };
            let mut line = begin(label);
            line.0.extend(part.0);
            lines.push(line);
        }
        let space = self.facts.status.as_ref().and_then(|status| status.space);
        if let Some(space) = space.filter(|_| row.has_bar) {
            let (bar, legend) = bars::bar(&space, room, session.options.ascii);
            for part in [bar, legend] {
                let mut line = begin("");
                line.0.extend(part.0);
                lines.push(line);
            }
        }
        lines
    }

    /// `m1 · etcd 3.5 · rev 4,271 ~01:18:33Z · 0 errors`.
    fn title(&self, session: &Session) -> Line {
        let Some(slot) = session.slot() else {
            return Line::from("home");
        };
        let name = slot.path.file_name();
        let name = name.map(|name| name.to_string_lossy().into_owned());
        let mut title = Line::piece(Role::Name, name.unwrap_or_else(|| "home".to_owned()));
        if session.ruler.is_past() {
            let at = number::thousands(session.ruler.revision().into());
            title = title.text(format!(" · of now, not of rev {at}"));
        }
        let Some(status) = &self.facts.status else {
            return title;
        };
        title = title.text(match &status.answer.etcd_version {
            Some(version) => format!(" · etcd {version} {}", status.answer.kind.as_str()),
            None => format!(" · {}", status.answer.kind.as_str()),
        });
        if let StoreStatus::Read { keys, .. } = &status.answer.store {
            title = title.text(format!(
                " · rev {} · {} keys{}",
                number::thousands(keys.revision.into()),
                number::thousands(keys.keys.into()),
                if keys.is_partial {
                    " in what can be read"
                } else {
                    ""
                }
            ));
            if let Some(write) = keys.newest {
                let at = time::full(write.time, &session.options.zone);
                title = title.text(format!(" · ~{at}"));
            }
        }
        title
    }
}

//! What the second pane shows: the difference of two versions, or one of them.

use super::diff::{Diff, diff};
use super::versions::Known;
use super::{Detail, History};
use crate::act::Act;
use crate::object::Object;
use crate::paint::Line;
use crate::session::Session;
use crate::theme::Role;

impl History {
    /// The rows that are compared: older, newer.
    pub(super) fn pair(&self) -> Option<(Option<usize>, usize)> {
        let rows = self.versions.rows.len();
        let cursor = self.view.row(rows)?;
        Some(
            match self
                .look
                .marked
                .filter(|marked| *marked != cursor && *marked < rows)
            {
                // Rows go from new to old.
                Some(marked) => (Some(marked.max(cursor)), marked.min(cursor)),
                None => (Some(cursor + 1).filter(|before| *before < rows), cursor),
            },
        )
    }

    /// Brings the second pane up to date with the cursor.
    pub(super) fn compare(&mut self, session: &Session) {
        let Some((from, to)) = self.pair() else {
            self.detail = None;
            return;
        };
        let width = if self.look.side_by_side {
            self.width
        } else {
            0
        };
        let revealed = session.is_revealed(&self.versions.key);
        let of = (
            from,
            to,
            self.look,
            width,
            self.versions.generation,
            revealed,
        );
        if self.detail.as_ref().is_some_and(|detail| detail.of == of) {
            return;
        }
        let rows = &self.versions.rows;
        let (Some(new), old) = (rows.get(to), from.and_then(|from| rows.get(from))) else {
            return;
        };
        let (title, diff) = self.shown_pair(new, old, session);
        self.detail = Some(Detail { of, title, diff });
    }

    /// Title and lines of a version, or of its difference to an older one.
    fn shown_pair(&self, new: &Known, old: Option<&Known>, session: &Session) -> (String, Diff) {
        let title = |known: &Known| {
            let number = known.number();
            let place = known.place.as_ref();
            let place = place.map(|place| format!(" (carved: {place})"));
            let place = place.unwrap_or_default();
            match known.version.tombstone {
                true => format!("{number} deleted{place}"),
                false => format!("{number}{place}"),
            }
        };
        if self.look.whole {
            let lines = self
                .whole(new, session)
                .into_iter()
                .map(Line::from)
                .collect();
            (
                format!("version {}", title(new)),
                Diff {
                    lines,
                    hunks: Vec::new(),
                },
            )
        } else {
            let before = old.map_or("", |old| old.text.as_str());
            let mut diff = diff(
                before,
                &new.text,
                self.look.side_by_side.then_some(self.width),
            );
            if diff.lines.is_empty() {
                diff.lines.push(Line::piece(
                    Role::Dim,
                    "no difference but for managedFields and resourceVersion",
                ));
            }
            (
                format!(
                    "diff {} → {}",
                    old.map_or_else(|| "nothing".to_owned(), title),
                    title(new)
                ),
                diff,
            )
        }
    }

    fn whole(&self, known: &Known, session: &Session) -> Vec<String> {
        let Some(data) = &self.data else {
            return Vec::new();
        };
        let object = Object::read(known.version.clone(), data, session);
        object
            .lines(crate::object::Neat::Status, session)
            .into_iter()
            .map(|line| line.text)
            .collect()
    }

    /// `{` and `}`: to the change before or after the first visible line.
    pub(super) fn go_to_hunk(&mut self, act: Act) -> bool {
        let Some(detail) = &self.detail else {
            return false;
        };
        let top = self.view.pager.top() + 2;
        let hunk = match act {
            Act::NextMark => detail.diff.hunks.iter().find(|hunk| **hunk > top),
            Act::PrevMark => detail.diff.hunks.iter().rfind(|hunk| **hunk < top),
            _ => return false,
        };
        if let Some(hunk) = hunk {
            self.view.pager.show(*hunk);
        }
        true
    }
}

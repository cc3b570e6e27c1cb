//! How Browse looks.

use etcd_inspect::answers::Version;
use etcd_inspect::dataset::Rebuilt;
use etcd_inspect::text::{escape, number};
use ratatui::layout::Rect;

use super::tree::{Branch, TreeRow};
use super::{Browse, Grown, Selected};
use crate::paint::{Line, Pen, cells};
use crate::session::Session;
use crate::theme::Role;

/// Rows of the facts below the tree.
const FACTS: u16 = 9;

impl Browse {
    pub(super) fn draw_all(&mut self, area: Rect, pen: &mut Pen<'_>, session: &Session) {
        let share = if self.table.is_open() { 62 } else { 34 };
        self.panes = self.split.panes(area, share);
        let (list, detail) = (self.panes.list, self.panes.detail);
        if list.width > 0 && self.table.is_open() {
            let how = (!self.split.detail, self.deleted);
            self.body = self.table.draw(list, pen, session, how);
        } else if list.width > 0 {
            self.draw_tree(list, pen, session, !self.split.detail);
        }
        match &self.selected {
            Some(Selected::Key(_)) => self.preview.draw(detail, pen, session, self.split.detail),
            _ if detail.width > 0 => self.draw_branch(detail, pen, session),
            _ => {}
        }
    }

    fn draw_tree(&mut self, area: Rect, pen: &mut Pen<'_>, session: &Session, focused: bool) {
        let inner = pen.frame(area, &self.title(session), focused);
        let Some(grown) = self.grown.clone() else {
            pen.wrapped(inner, &session.why_no_data());
            return;
        };
        if self.tree.len() == 0 {
            pen.put(inner, 1, 0, &self.why_empty(), Role::Dim);
        }
        let facts = matches!(self.selected, Some(Selected::Key(_)))
            && inner.height > 2 * FACTS
            && area.width < pen.area().width;
        let rows = if facts {
            inner.height - FACTS
        } else {
            inner.height
        };
        let body = Rect {
            height: rows,
            ..inner
        };
        self.body = body;
        if pen.takes_rows() {
            return self.take_rows(pen, &grown);
        }
        for (y, at) in self.list.window(body.height, self.tree.len()) {
            match self.tree.row(at) {
                Some(TreeRow::Branch(branch)) => {
                    self.draw_branch_row(body, y, pen, &branch, &grown, session)
                }
                Some(TreeRow::Key {
                    position,
                    shown,
                    depth,
                }) => draw_key(body, y, pen, &grown, (position, shown, depth), session),
                None => {}
            }
            if at == self.list.cursor() {
                pen.highlight(body, y, if focused { Role::Cursor } else { Role::Shadow });
                pen.put(body, 0, y, ">", Role::Heading);
            }
        }
        pen.note_cut(inner, self.list.span(), self.tree.len(), &[]);
        if facts {
            let below = Rect {
                y: inner.y.saturating_add(rows),
                height: FACTS,
                ..inner
            };
            for (y, line) in (0..FACTS).zip(facts_of(session)) {
                pen.line(below, y, &line, 0);
            }
        }
    }

    /// The rows for an export: keys with what is stored of them.
    fn take_rows(&self, pen: &mut Pen<'_>, grown: &Grown) {
        let columns = ["KEY", "REV", "CREATED", "VERSION", "SIZE", "STATE"].into_iter();
        let rows = (0..self.tree.len()).filter_map(|at| match self.tree.row(at)? {
            TreeRow::Branch(_) => None,
            TreeRow::Key { position, .. } => Some(position),
        });
        pen.take_rows(columns, rows.map(|position| key_row(grown, position)));
    }

    /// Why there is no row.
    fn why_empty(&self) -> String {
        let more = match self.deleted {
            true => ", and none that was deleted and of which a version is kept",
            false => "; A also looks at those that were deleted",
        };
        match (self.filter.asked(), self.filter.is_looking()) {
            (_, true) => "nothing yet…".to_owned(),
            (Some(asked), false) => {
                format!("no object is {} at this revision{more}", asked.text)
            }
            (None, false) if self.filter.is_on() => format!("no key matches{more}"),
            (None, false) => "there are no keys".to_owned(),
        }
    }

    fn title(&self, session: &Session) -> Line {
        let whole = session.rows().is_none_or(|rows| rows.complete);
        if let Some(rebuilt) = session.rows().and_then(|rows| rows.rebuilt())
            && !self.filter.is_on()
        {
            return rebuilt_title(rebuilt);
        }
        let lacks = session.rows().is_some_and(|rows| rows.lacks_records);
        let mut title = Line::from(match (self.deleted, whole, lacks) {
            (true, _, false) => "keys, deleted ones too",
            (true, _, true) => "keys of a damaged db, deleted ones too",
            (false, true, true) => {
                "keys of a damaged db: some are missing, deleted ones may be among them"
            }
            (false, true, false) => "keys at this revision",
            (false, false, _) => "keys, newest writes so far",
        });
        if self.filter.is_on() {
            let more = at_least(whole && !self.filter.is_looking());
            let found = number::thousands(self.tree.len() as i128);
            title = match self.filter.asked() {
                Some(asked) => Line::piece(Role::Match, asked.text.clone()),
                None => Line::from("filter "),
            };
            let text = self.filter.text();
            if self.filter.asked().is_some() && !text.is_empty() {
                title = title.text(" / ");
            }
            title = title
                .with(Role::Match, text.to_owned())
                .text(format!(" · {more}{found} keys"));
            if self.filter.unread() > 0 {
                let unread = number::thousands(self.filter.unread() as i128);
                title = title.with(
                    Role::Warning,
                    format!(" · {unread} not decodable, not compared"),
                );
            }
        }
        title
    }

    fn draw_branch_row(
        &self,
        area: Rect,
        y: u16,
        pen: &mut Pen<'_>,
        branch: &Branch,
        grown: &Grown,
        session: &Session,
    ) {
        let mark = if self.open.contains(&branch.prefix) {
            "▾ "
        } else {
            "▸ "
        };
        let label = escape::bytes(&branch.label, session.charset());
        let left = Line::piece(Role::Dim, indent(branch.depth))
            .with(Role::Dim, mark)
            .with(Role::Name, label);
        let mut right = Line::new();
        if let Some(((keys, bytes), current)) = self.totals.sum_below(branch, grown.revision) {
            let role = if current { Role::Plain } else { Role::Dim };
            let more = at_least(grown.data.complete);
            let keys = format!("{more}{}", number::thousands(keys.into()));
            let bytes = format!("{more}{}", number::size(bytes));
            right = Line::piece(role, format!("{keys:>7} {bytes:>7} "));
        }
        both(area, y, pen, &left, &right);
    }

    /// What is known of the branch under the cursor.
    fn draw_branch(&self, area: Rect, pen: &mut Pen<'_>, session: &Session) {
        let inner = pen.frame(area, &Line::from("branch"), self.split.detail);
        let (Some(grown), Some(TreeRow::Branch(branch))) =
            (&self.grown, self.tree.row(self.list.cursor()))
        else {
            return;
        };
        let prefix = if branch.prefix.first() == Some(&0) {
            branch.label.as_slice()
        } else {
            &branch.prefix
        };
        let more = at_least(grown.data.complete);
        let retained = format!("{more}{}", number::thousands(branch.part.len() as i128));
        let mut lines = vec![
            Line::piece(Role::Dim, "prefix    ")
                .with(Role::Name, escape::bytes(prefix, session.charset())),
            Line::piece(Role::Dim, "retained  ")
                .text(format!("{retained} keys, deleted ones included")),
        ];
        if let Some(((keys, bytes), _)) = self.totals.sum_below(&branch, grown.revision) {
            lines.push(Line::piece(Role::Dim, "exist     ").text(format!(
                "{more}{} keys at this revision, {more}{}",
                number::thousands(keys.into()),
                number::size(bytes)
            )));
        }
        lines.push(Line::new());
        lines.push(Line::piece(
            Role::Dim,
            "⏎ unfolds · A shows deleted keys too · / filters all keys",
        ));
        lines.extend(grown.data.rebuilt().map(why_rebuilt).unwrap_or_default());
        let room = usize::from(inner.width.saturating_sub(2));
        let lines: Vec<Line> = lines.iter().flat_map(|line| line.wrapped(room)).collect();
        for (y, line) in (0..inner.height).zip(&lines) {
            pen.line(
                Rect {
                    x: inner.x.saturating_add(1),
                    width: inner.width.saturating_sub(1),
                    ..inner
                },
                y,
                line,
                0,
            );
        }
    }
}

/// Why the db does not answer, how far the log reaches, and what is not certain.
fn why_rebuilt(rebuilt: &Rebuilt) -> Vec<Line> {
    let why = format!("the db does not answer: {}", rebuilt.why);
    let mut lines = vec![Line::new(), Line::piece(Role::Error, why)];
    lines.extend(rebuilt.reach.iter().map(|reach| Line::from(reach.as_str())));
    if rebuilt.carved > 0 {
        lines.push(Line::piece(
            Role::Warning,
            "C is carved: nothing verifies that it was current; deleted keys may be among it",
        ));
    }
    lines
}

/// What answers instead of the db.
fn rebuilt_title(rebuilt: &Rebuilt) -> Line {
    let mut parts = Vec::new();
    if let Some((first, last)) = rebuilt.revisions {
        parts.push(format!("W log {}–{}", thousands(first), thousands(last)));
    }
    if rebuilt.by_index {
        parts.push("W log, by entry: no revision is known".to_owned());
    }
    if rebuilt.carved > 0 {
        parts.push(format!(
            "C {} carved",
            number::thousands(rebuilt.carved as i128)
        ));
    }
    Line::piece(Role::Warning, "rebuilt, db lost · ").text(parts.join(" · "))
}

/// The text before a count.
fn at_least(whole: bool) -> &'static str {
    if whole { "" } else { "≥" }
}

fn indent(depth: usize) -> String {
    " ".repeat(1 + 2 * depth.min(20))
}

fn both(area: Rect, y: u16, pen: &mut Pen<'_>, left: &Line, right: &Line) {
    pen.right(area, y, right);
    let room = area.width.saturating_sub(cells(right.width()));
    let left_area = Rect {
        width: room,
        ..area
    };
    pen.line(left_area, y, &left.without_middle(usize::from(room)), 0);
}

fn draw_key(
    area: Rect,
    y: u16,
    pen: &mut Pen<'_>,
    grown: &Grown,
    (position, shown, depth): (usize, usize, usize),
    session: &Session,
) {
    let directory = grown.data.directory();
    let (key, newest) = (directory.key(position), directory.newest(position));
    let name = escape::bytes(key.get(shown..).unwrap_or_default(), session.charset());
    let (role, right) = match directory.at(position, grown.revision) {
        Some(version) => {
            let number = version
                .key_value()
                .map(|value| format!("v{}", value.version))
                .unwrap_or_default();
            let gone = newest.is_some_and(|newest| newest.tombstone);
            let rebuilt = grown.data.rebuilt();
            let letter = rebuilt.map(|rebuilt| rebuilt.origin(version.revision).letter.to_string());
            let mark = match letter {
                Some(letter) => letter,
                None if gone => "✕".to_owned(),
                None => String::new(),
            };
            let right = Line::from(format!(
                "{number:>5} {:>7} ",
                number::size(version.stored_bytes)
            ))
            .with(Role::Error, format!("{mark:<1} "));
            (Role::Plain, right)
        }
        None => {
            let deleted = newest
                .is_some_and(|newest| newest.tombstone && newest.revision.main <= grown.revision);
            (
                Role::Struck,
                Line::piece(Role::Error, if deleted { "✕ deleted " } else { "later " }),
            )
        }
    };
    both(
        area,
        y,
        pen,
        &Line::piece(Role::Dim, indent(depth)).with(role, name),
        &right,
    );
}

/// A key as a row of an export.
fn key_row(grown: &Grown, position: usize) -> Vec<Line> {
    let directory = grown.data.directory();
    let key = escape::bytes(directory.key(position), escape::Charset::default());
    let version = directory.at(position, grown.revision);
    let mut row = vec![key.into_owned()];
    match version
        .as_ref()
        .map(|version| (version, version.key_value()))
    {
        Some((version, Ok(value))) => row.extend([
            version.revision.main.to_string(),
            value.create_revision.to_string(),
            value.version.to_string(),
            version.stored_bytes.to_string(),
            "exists".to_owned(),
        ]),
        Some((version, Err(_))) => row.extend([
            version.revision.main.to_string(),
            String::new(),
            String::new(),
            version.stored_bytes.to_string(),
            "not decodable".to_owned(),
        ]),
        None => row.extend(["", "", "", "", "does not exist"].map(str::to_owned)),
    }
    row.into_iter().map(Line::from).collect()
}

fn fact(name: &str, text: String) -> Line {
    Line::piece(Role::Dim, format!(" {name:<6}")).text(text)
}

fn thousands(value: i64) -> String {
    number::thousands(value.into())
}

/// Revisions, lease and place of a version.
fn version_facts(version: &Version<'_>, session: &Session) -> Vec<Line> {
    let mut lines = Vec::new();
    if let Ok(value) = version.key_value() {
        lines.push(fact(
            "rev",
            format!(
                "{}  created {}  v{}",
                thousands(version.revision.main),
                thousands(value.create_revision),
                value.version
            ),
        ));
        let lease = if value.lease == 0 {
            "none".to_owned()
        } else {
            format!("{:016x}", value.lease)
        };
        lines.push(fact("lease", lease));
    }
    let page = session
        .member()
        .and_then(|member| member.db().ok())
        .map_or(0, |db| db.page_size());
    let origin = session.rows().and_then(|rows| rows.rebuilt());
    let origin = origin.map(|rebuilt| rebuilt.origin(version.revision));
    let place = match version.offset {
        _ if origin.is_some() => origin.map_or_else(String::new, |origin| origin.text),
        Some(offset) => format!(
            "page {} @{offset:#X}",
            number::thousands(offset.checked_div(page).unwrap_or(0).into())
        ),
        None => "not in the db file".to_owned(),
    };
    lines.push(fact("at", place));
    lines
}

/// The place of the version under the cursor, and what comes after it.
fn facts_of(session: &Session) -> Vec<Line> {
    let Some((data, key)) = session.rows().zip(session.focus()) else {
        return Vec::new();
    };
    let revision = session.ruler.revision();
    let records = data.keyspace().records_of(key);
    let mut lines = vec![
        Line::piece(Role::Dim, "─".repeat(200)),
        fact("key", escape::bytes(key, session.charset()).into_owned()),
    ];
    let at = data
        .directory()
        .position(key)
        .and_then(|at| data.directory().at(at, revision));
    if let Some(version) = at {
        lines.extend(version_facts(&version, session));
    }
    let next = records
        .iter()
        .find(|record| record.revision.main > revision);
    lines.push(match next {
        Some(next) if next.tombstone => fact("next", String::new()).with(
            Role::Error,
            format!("✕ deleted at {}", thousands(next.revision.main)),
        ),
        Some(next) => fact(
            "next",
            format!("written again at {}", thousands(next.revision.main)),
        ),
        None => fact("next", "this is the newest".to_owned()),
    });
    let before = records
        .iter()
        .filter(|record| record.revision.main <= revision)
        .count();
    lines.push(fact(
        "kept",
        format!(
            "{}{} records, {} of them before this one",
            at_least(data.complete),
            records.len(),
            before.saturating_sub(1)
        ),
    ));
    lines
}

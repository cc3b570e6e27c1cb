//! How the Space screen looks.

use etcd_inspect::answers::Counts;
use etcd_inspect::member::Space;
use etcd_inspect::text::escape::{self, Charset};
use etcd_inspect::text::number;
use ratatui::layout::Rect;

use super::sums::{Group, Rest};
use super::{Metric, SpacePart, SpaceRow, SpaceScreen};
use crate::paint::{Line, Pen, cells};
use crate::session::Session;
use crate::theme::Role;
use crate::widgets::Column;

static COLUMNS: [Column; 6] = [
    Column::left("PART", 28).middle(),
    Column::right("KEYS", 8),
    Column::right("REVS", 8).from(90),
    Column::right("SIZE", 9),
    Column::right("%", 6),
    Column::left("", 0),
];

/// Cells of all columns but the bar.
const FIXED: u16 = 2 + 29 + 9 + 10 + 7;

pub(super) fn name(group: &Group, charset: Charset) -> String {
    match group {
        Group::Resource(path) => escape::bytes(path, charset).into_owned(),
        Group::Namespace(name) => name.clone(),
        Group::Cluster => "(cluster)".to_owned(),
        Group::Others => "(non-k8s)".to_owned(),
        Group::Key(key) => escape::bytes(key, charset).into_owned(),
    }
}

pub(super) fn rest_name(rest: Rest, metric: Metric) -> String {
    match rest {
        Rest::More(more) => format!("… {} more", number::thousands(more as i128)),
        Rest::Records => match metric {
            Metric::Live => "history".to_owned(),
            Metric::History => "live".to_owned(),
            _ => "records of keys".to_owned(),
        },
        Rest::Tree => "tree".to_owned(),
        Rest::Free => "free pages".to_owned(),
        Rest::Unknown => "used or free".to_owned(),
        Rest::Outside => "never used".to_owned(),
    }
}

fn rest_meaning(rest: Rest) -> &'static str {
    match rest {
        Rest::More(_) => "parts too small for a row of their own, summed",
        Rest::Records => "records that this metric leaves out: v shows them",
        Rest::Tree => {
            "page headers, branch pages, room left in pages, both metas, the other buckets"
        }
        Rest::Free => {
            "pages below the high-water mark that no tree reaches: etcd uses them again, a defragmentation gives them back"
        }
        Rest::Unknown => {
            "pages below the high-water mark that may be in use or free: a tree cannot be read as a whole"
        }
        Rest::Outside => {
            "after the high-water mark: room the file grew by, or a snapshot's checksum"
        }
    }
}

impl SpaceScreen {
    pub(super) fn draw_all(&mut self, area: Rect, pen: &mut Pen<'_>, session: &Session) {
        self.view.panes = self.view.split.panes(area, 60);
        // The list says most of it: the detail gets what it needs.
        if area.width >= 80 && area.width < 110 && !self.view.split.full && area.height >= 14 {
            let low = 7;
            self.view.panes.list.height = area.height - low;
            self.view.panes.detail = Rect {
                y: area.y.saturating_add(area.height - low),
                height: low,
                ..area
            };
        }
        let (list, pane) = (self.view.panes.list, self.view.panes.detail);
        if list.width > 0 && list.height > 0 {
            self.draw_list(list, pen, session);
        }
        if pane.width > 0 && pane.height > 0 {
            self.draw_detail(pane, pen, session);
        }
    }

    fn title(&self, session: &Session) -> Line {
        let by = if self.level.by_namespace {
            "by namespace"
        } else {
            "by resource"
        };
        let mut title = Line::from(match self.level.way.len() {
            0 => by.to_owned(),
            _ => {
                let names = self.level.way.iter();
                let names: Vec<String> =
                    names.map(|group| name(group, session.charset())).collect();
                names.join(" › ")
            }
        });
        if let Some(Ok(space)) = self.sums.as_ref().map(|sums| &sums.space) {
            title = Line::from(format!("file {} · ", number::size(space.size_bytes())))
                .text(title.plain());
        }
        if session.is_replayed() {
            title = title.with(Role::Warning, " · the file as it is");
        }
        title
            .text(" · v ")
            .with(Role::Match, self.metric.name())
            .with(Role::Dim, " · s group · ⏎ in  ← out")
    }

    fn draw_list(&mut self, area: Rect, pen: &mut Pen<'_>, session: &Session) {
        let title = self.view.title(self.title(session), self.rows.len());
        let inner = pen.frame(area, &title, !self.view.split.detail);
        let Some(sums) = &self.sums else {
            let why = match session.data() {
                Some(_) => Line::piece(Role::Dim, "summing…"),
                None => session.why_no_data(),
            };
            pen.wrapped(inner, &why);
            return;
        };
        let top = match &sums.space {
            Ok(space) if inner.height >= 8 => {
                draw_parts(space, inner, pen);
                2
            }
            Err(why) => pen.wrapped(inner, &Line::piece(Role::Error, why.clone())),
            Ok(_) => 0,
        };
        let body = Rect {
            y: inner.y.saturating_add(top),
            height: inner.height.saturating_sub(top),
            ..inner
        };
        let whole: u64 = self.rows.iter().map(|row| row.bytes).sum();
        let most = self.rows.iter().map(|row| row.bytes).max().unwrap_or(0);
        let revisions = if body.width >= 90 { 9 } else { 0 };
        let room = body.width.saturating_sub(FIXED + revisions);
        let (metric, rows) = (self.metric, &self.rows);
        let size = pen.size_form();
        self.view.draw_rows(body, pen, &COLUMNS, rows.len(), |at| {
            let Some(row) = rows.get(at) else {
                return Vec::new();
            };
            row_cells(row, (metric, size), (whole, most, room), session)
        });
    }

    fn draw_detail(&self, area: Rect, pen: &mut Pen<'_>, session: &Session) {
        let Some(row) = self.row() else {
            pen.frame(area, &Line::from("part"), self.view.split.detail);
            return;
        };
        let (title, mut lines) = match &row.part {
            SpacePart::Rest(rest) => (
                Line::from(rest_name(*rest, self.metric)),
                vec![Line::from(format!(" {}", rest_meaning(*rest)))],
            ),
            SpacePart::Group(group) => (
                Line::piece(Role::Name, name(group, session.charset())),
                Vec::new(),
            ),
        };
        lines.insert(0, fact("size", bytes(row.bytes)));
        let whole: u64 = self.rows.iter().map(|row| row.bytes).sum();
        let is_file = self.sums.as_ref().is_some_and(|sums| sums.space.is_ok());
        let of = if self.level.way.is_empty() && is_file {
            "the file"
        } else {
            "these rows"
        };
        lines.insert(
            1,
            fact("all rows", bytes(whole)).with(Role::Dim, format!(" = {of}")),
        );
        if matches!(
            row.part,
            SpacePart::Group(_) | SpacePart::Rest(Rest::More(_))
        ) {
            lines.extend(count_lines(&row.counts));
        }
        let inner = pen.frame(area, &title, self.view.split.detail);
        for (y, line) in (0..inner.height).zip(&lines) {
            pen.line(inner, y, line, 0);
        }
    }
}

/// What the file consists of, in words and as a stacked bar.
fn draw_parts(space: &Space, inner: Rect, pen: &mut Pen<'_>) {
    let parts = [
        ("live", space.live_bytes, Role::Good, "█"),
        ("history", space.history_bytes, Role::Warning, "▓"),
        ("tree", space.tree_bytes, Role::Name, "▒"),
        ("free", space.free_bytes, Role::Dim, "░"),
        ("used or free", space.unknown_bytes, Role::Error, "?"),
        ("unused", space.outside_bytes, Role::Dim, "·"),
    ];
    let mut line = Line::new();
    for (at, (name, bytes, role, shade)) in parts.iter().enumerate() {
        if *shade == "?" && space.is_known() {
            continue;
        }
        let sign = if at == 0 { " " } else { " + " };
        line = line
            .with(Role::Dim, sign)
            .with(*role, format!("{name} {}", number::size(*bytes)));
    }
    pen.line(inner, 0, &line, 0);
    stacked(
        inner,
        1,
        pen,
        &parts.map(|(_, bytes, role, c)| (bytes, role, c)),
    );
}

fn fact(name: &str, text: String) -> Line {
    Line::piece(Role::Dim, format!(" {name:<9}")).text(text)
}

fn bytes(count: u64) -> String {
    format!(
        "{} B ({})",
        number::thousands(count.into()),
        number::size(count)
    )
}

/// Live and deleted keys, and their records.
fn count_lines(counts: &Counts) -> Vec<Line> {
    let known = counts.keys.saturating_add(counts.deleted_keys).max(1);
    let tenths = counts.revisions.saturating_mul(10) / known;
    let churn = format!("{}.{}", tenths / 10, tenths % 10);
    vec![
        fact("live", bytes(counts.live_bytes))
            .text(format!(", {} keys", number::thousands(counts.keys.into()))),
        fact("history", bytes(counts.history_bytes)).text(format!(
            ", {} records of {} keys in all, {churn} a key",
            number::thousands(counts.revisions.into()),
            number::thousands((counts.keys + counts.deleted_keys).into())
        )),
        fact(
            "deleted",
            format!(
                "{} keys, {} tombstones",
                number::thousands(counts.deleted_keys.into()),
                number::thousands(counts.tombstones.into())
            ),
        ),
        fact("last rev", number::thousands(counts.last_revision.into())),
    ]
}

fn row_cells(
    row: &SpaceRow,
    (metric, size_of): (Metric, fn(u64) -> String),
    (whole, most, room): (u64, u64, u16),
    session: &Session,
) -> Vec<Line> {
    let count = |count: u64| match &row.part {
        SpacePart::Rest(rest) if !matches!(rest, Rest::More(_)) => Line::new(),
        _ => Line::from(number::thousands(count.into())),
    };
    let name = match &row.part {
        // Of an object its name: the crumbs have the rest.
        SpacePart::Group(Group::Key(key)) => Line::piece(
            Role::Name,
            session
                .data()
                .and_then(|data| data.layout().parse(key))
                .map(|parsed| parsed.name.to_owned())
                .unwrap_or_else(|| escape::bytes(key, session.charset()).into_owned()),
        ),
        SpacePart::Group(group) => Line::piece(Role::Name, name(group, session.charset())),
        SpacePart::Rest(rest) => Line::piece(Role::Dim, rest_name(*rest, metric)),
    };
    let live = row.counts.live_bytes.min(row.bytes);
    let bar = match (&row.part, metric) {
        (SpacePart::Group(_), Metric::Stored) => {
            let all = bar(row.bytes, most, room);
            let of_live = bar_cells(live, most, room).min(all);
            Line::piece(Role::Good, "█".repeat(of_live))
                .with(Role::Warning, "▓".repeat(all - of_live))
        }
        (SpacePart::Group(_), Metric::History) => {
            Line::piece(Role::Warning, "▓".repeat(bar(row.bytes, most, room)))
        }
        (SpacePart::Group(_), _) => Line::piece(Role::Good, "█".repeat(bar(row.bytes, most, room))),
        (SpacePart::Rest(Rest::Tree), _) => {
            Line::piece(Role::Name, "▒".repeat(bar(row.bytes, most, room)))
        }
        (SpacePart::Rest(_), _) => Line::piece(Role::Dim, "░".repeat(bar(row.bytes, most, room))),
    };
    vec![
        name,
        count(row.counts.keys),
        count(row.counts.revisions),
        Line::from(size_of(row.bytes)),
        Line::piece(Role::Dim, number::percent(row.bytes, whole)),
        bar,
    ]
}

/// Cells of a bar; what is there at all has one.
fn bar(bytes: u64, most: u64, room: u16) -> usize {
    bar_cells(bytes, most, room).max(usize::from(bytes > 0 && room > 0))
}

fn bar_cells(bytes: u64, most: u64, room: u16) -> usize {
    let cells = u128::from(bytes) * u128::from(room) / u128::from(most.max(1));
    usize::try_from(cells).unwrap_or(0)
}

/// All parts in one bar.
fn stacked(area: Rect, y: u16, pen: &mut Pen<'_>, parts: &[(u64, Role, &str)]) {
    let whole: u64 = parts.iter().map(|(bytes, _, _)| bytes).sum();
    let room = area.width.saturating_sub(2);
    let mut done = 0u64;
    let mut x = 1;
    for (bytes, role, c) in parts {
        done = done.saturating_add(*bytes);
        let end = 1 + bar_cells(done, whole, room);
        let width = end.saturating_sub(usize::from(x));
        x = pen
            .put(area, x, y, &c.repeat(width), *role)
            .max(cells(end).min(area.width));
    }
}

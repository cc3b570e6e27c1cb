//! How the Compare screen looks.

use etcd_inspect::text::{escape, number};
use etcd_inspect::verdict::{Comparison, MemberRow, Step};
use ratatui::layout::Rect;

use super::verdict::PURPOSES;
use super::{Compare, CompareRow};
use crate::paint::{Line, Pen};
use crate::session::Session;
use crate::theme::Role;
use crate::widgets::Column;

static COLUMNS: [Column; 9] = [
    Column::left("MEMBER", 14).middle(),
    Column::right("REV", 10),
    Column::right("LAG", 6).from(66),
    Column::right("TERM", 4).from(90),
    Column::right("APPLIED", 9).from(100),
    Column::left("HASHKV", 8),
    Column::right("KEYS", 7).from(66),
    Column::left("DIFFERS", 9),
    Column::left("VERDICT", 0),
];

impl Compare {
    pub(super) fn draw_all(&mut self, area: Rect, pen: &mut Pen<'_>, session: &Session) {
        self.view.panes = self.view.split.panes(area, 64);
        let (list, pane) = (self.view.panes.list, self.view.panes.detail);
        if list.width > 0 && list.height > 0 {
            self.draw_list(list, pen, session);
        }
        if pane.width > 0 && pane.height > 0 {
            let title = match self.row() {
                Some(CompareRow::Member(at)) => Line::from(format!("{} · may I ", self.name(at)))
                    .with(Role::Match, self.purpose.name())
                    .text("?")
                    .with(Role::Dim, " · v another purpose"),
                Some(CompareRow::Step(at)) => {
                    Line::from(format!("step {} of the plan", at.saturating_add(1)))
                }
                Some(CompareRow::Finding(_)) => Line::from("between the members"),
                Some(CompareRow::Key(_)) => Line::from("difference of the values"),
                None => Line::from("member"),
            };
            self.width = usize::from(pane.width.saturating_sub(2));
            // The texts are made for the width, which only drawing knows.
            if self
                .detail
                .as_ref()
                .is_some_and(|((_, of), _)| *of != self.width)
            {
                self.detail = Some(((self.row_number(), self.width), self.describe(session)));
            }
            let lines = self.detail.as_ref().map(|(_, lines)| lines.as_slice());
            self.view
                .draw_text(pane, pen, &title, lines.unwrap_or_default());
        }
    }

    fn draw_list(&mut self, area: Rect, pen: &mut Pen<'_>, session: &Session) {
        let Some(compared) = self.compared.clone() else {
            let inner = pen.frame(area, &Line::from("members"), !self.view.split.detail);
            let opened = session.slots.iter();
            let opened = opened.filter(|slot| slot.dataset.ready().is_some());
            let why = match (self.job, opened.count()) {
                (None, 0 | 1) => "fewer than two of the directories can be opened",
                (None, _) => "waiting until all directories are indexed…",
                (Some(_), _) => "comparing…",
            };
            pen.put(inner, 1, 0, why, Role::Dim);
            return;
        };
        let rows = self.rows();
        let title = self.view.title(title(&compared), rows);
        let inner = pen.frame(area, &title, !self.view.split.detail);
        let all: Vec<Vec<Line>> = (0..compared.members.len())
            .map(|at| self.member_cells(&compared, at))
            .collect();
        let steps: Vec<Vec<Line>> = compared
            .plan
            .iter()
            .map(|(of, step)| step_cells(&self.name(*of), step))
            .collect();
        let row_at = |at| CompareRow::at_position(&compared, at);
        self.view
            .draw_rows(inner, pen, &COLUMNS, rows, |at| match row_at(at) {
                Some(CompareRow::Member(at)) => all.get(at).cloned().unwrap_or_default(),
                Some(CompareRow::Step(at)) => steps.get(at).cloned().unwrap_or_default(),
                Some(CompareRow::Finding(at)) => match compared.findings.get(at) {
                    Some(finding) => vec![
                        Line::piece(Role::Error, format!("! {}", finding.code.id)),
                        Line::from(finding.message.as_str()),
                    ],
                    None => Vec::new(),
                },
                Some(CompareRow::Key(at)) => match compared.differing_keys.get(at) {
                    Some(key) => vec![
                        Line::piece(Role::Warning, "✕ key differs"),
                        Line::piece(Role::Name, escape::bytes(&key.key, session.charset())),
                    ],
                    None => Vec::new(),
                },
                None => Vec::new(),
            });
    }

    fn member_cells(&self, compared: &Comparison, at: usize) -> Vec<Line> {
        let Some(row) = compared.members.get(at) else {
            return Vec::new();
        };
        let shown = |value: Option<String>| Line::from(value.unwrap_or_else(|| "–".to_owned()));
        let newest = compared.members.iter().filter_map(MemberRow::reach).max();
        let lag = newest.zip(row.reach());
        let lag = lag.map(|(newest, own)| newest.saturating_sub(own));
        let lag = match lag {
            Some(0) => Line::piece(Role::Good, "–"),
            Some(behind) => Line::piece(
                Role::Warning,
                format!("-{}", number::thousands(behind.into())),
            ),
            None => Line::from("–"),
        };
        let hash = row.hashkv.map(|hash| format!("{hash:08x}"));
        let hash = Line::piece(
            match row.is_minority {
                true => Role::Error,
                false => Role::Plain,
            },
            hash.unwrap_or_else(|| "–".to_owned()),
        );
        vec![
            Line::piece(Role::Name, tail(&self.name(at), 14)),
            shown(row.reach().map(|at| number::thousands(at.into()))),
            lag,
            shown(row.term.map(|term| term.to_string())),
            shown(row.applied.map(|at| number::thousands(at.into()))),
            hash,
            shown(row.keys.map(|keys| number::thousands(keys as i128))),
            differs(compared, at, row),
            self.verdict_cell(compared, at, row),
        ]
    }

    /// Whether the purpose is possible, and what the check says.
    fn verdict_cell(&self, compared: &Comparison, at: usize, row: &MemberRow) -> Line {
        let (role, word) = match self.verdict(at) {
            Some(verdict) => verdict.word(),
            None => (Role::Dim, "…"),
        };
        let line = Line::piece(role, word);
        let best = compared.best == Some(at);
        let rank = self.verdict(at).and_then(|verdict| verdict.rank);
        let (role, text) = match (row.errors, row.warnings) {
            (0, 0) if best => (Role::Good, "best source".to_owned()),
            (0, 0) => (Role::Plain, row.verdict.to_string()),
            (errors, warnings) => {
                let mut text = match (errors, warnings) {
                    (0, warnings) => format!("{warnings} warnings"),
                    (errors, 0) => format!("{errors} errors"),
                    (errors, warnings) => format!("{errors} errors {warnings} warnings"),
                };
                if best {
                    text.push_str(", best of these");
                }
                match errors {
                    0 => (Role::Warning, text),
                    _ => (Role::Error, text),
                }
            }
        };
        let rank = rank.map_or(String::new(), |rank| format!(" choice {rank}"));
        line.text(rank).with(Role::Dim, " · ").with(role, text)
    }

    /// The purposes, the one that is shown marked.
    pub(super) fn purposes(&self) -> Line {
        PURPOSES
            .iter()
            .fold(Line::piece(Role::Dim, " for"), |line, purpose| {
                match *purpose == self.purpose {
                    true => line.with(Role::Match, format!(" [{}]", purpose.word())),
                    false => line.with(Role::Dim, format!("  {} ", purpose.word())),
                }
            })
    }
}

/// What to do with a copy.
fn step_cells(name: &str, step: &Step) -> Vec<Line> {
    vec![
        Line::piece(Role::Heading, "plan ").with(Role::Name, tail(name, 9)),
        Line::from(crate::screens::check::step::line(step)),
    ]
}

/// Keys in which a member holds something else than the copy to recover from, or the majority.
fn differs(compared: &Comparison, at: usize, row: &MemberRow) -> Line {
    let majority = compared.members.iter().position(|row| !row.is_minority);
    let reference = compared.best.or(majority).unwrap_or(0);
    let of = |key: &etcd_inspect::verdict::DifferingKey, at: usize| {
        key.mod_revisions.get(at).copied().flatten()
    };
    let count = compared
        .differing_keys
        .iter()
        .filter(|key| of(key, at) != of(key, reference))
        .count();
    match (compared.same, row.is_minority, count) {
        (None, _, _) => Line::piece(Role::Dim, "?"),
        (Some(true), _, _) => Line::piece(Role::Good, "no"),
        (_, _, 1..) => Line::piece(
            Role::Warning,
            etcd_inspect::verdict::counted(count as u64, "key", "keys"),
        ),
        (_, true, 0) => Line::piece(Role::Error, "minority"),
        (_, false, 0) => Line::piece(Role::Dim, "–"),
    }
}

/// The end of a name that is too long: there members of one cluster differ.
fn tail(name: &str, width: usize) -> String {
    let count = name.chars().count();
    if count <= width {
        return name.to_owned();
    }
    let rest = name.chars().skip(count - width + 1);
    std::iter::once('…').chain(rest).collect()
}

fn title(compared: &Comparison) -> Line {
    let common = match compared.common_revision {
        Some(revision) => format!(" · at revision {}", number::thousands(revision.into())),
        None => String::new(),
    };
    let title = Line::from(format!("{} members{common}", compared.members.len()));
    match (compared.same, compared.first_divergent_revision) {
        (Some(true), _) => title.with(Role::Good, " · the same keys and values"),
        (_, Some(first)) => title.with(
            Role::Error,
            format!(
                " · ✕ differ since {} in {} keys",
                number::thousands(first.into()),
                number::thousands(compared.differing_keys.len() as i128)
            ),
        ),
        _ => title.with(
            Role::Warning,
            " · there is no revision that all have: nothing can be compared",
        ),
    }
}

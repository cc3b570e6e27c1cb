//! Compare: members side by side, keys that differ, and whether etcd would start on each.

use std::any::Any;
use std::rc::Rc;
use std::sync::Arc;

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use etcd_inspect::cluster::{self, Comparison, Level, MemberRow, Start};
use etcd_inspect::member::Member;
use etcd_inspect::text::{escape, number, shell};
use ratatui::layout::{Position, Rect};

use super::history::diff::diff;
use crate::act::{Act, Copied};
use crate::job::{JobId, Monitor};
use crate::object::{Neat, Object};
use crate::paint::{Line, Pen};
use crate::screen::{Screen, ScreenId, Snapshot};
use crate::session::{Part, Session};
use crate::target::{Target, Want};
use crate::theme::Role;
use crate::widgets::{Column, List, Pager, Panes, Split, Table};

static COLUMNS: [Column; 7] = [
    Column::left("MEMBER", 18),
    Column::right("REV", 10),
    Column::right("TERM", 4).from(70),
    Column::right("APPLIED", 9).from(100),
    Column::right("HASHKV", 8),
    Column::right("KEYS", 8).from(60),
    Column::left("VERDICT", 0),
];

/// The screen.
#[derive(Debug, Default)]
pub(crate) struct Compare {
    compared: Option<Arc<Comparison>>,
    /// What a start of each would do, as far as it is known.
    starts: Vec<Option<Start>>,
    /// The directories that are compared: positions among those that were given.
    members: Vec<usize>,
    job: Option<JobId>,
    list: List,
    split: Split,
    pager: Pager,
    detail: Option<(usize, Vec<Line>)>,
    panes: Panes,
    body: Rect,
}

/// For the back stack.
struct Before {
    list: List,
    split: Split,
}

/// What its job tells.
enum News {
    Compared(Comparison),
    Starts(usize, Start),
}

/// A row of the list.
#[derive(Clone, Copy, Debug)]
enum Row {
    Member(usize),
    Finding(usize),
    Key(usize),
}

impl Screen for Compare {
    fn id(&self) -> ScreenId {
        ScreenId::Compare
    }

    fn refresh(&mut self, session: &mut Session) {
        if self.compared.is_some() || self.job.is_some() {
            return;
        }
        // Every directory must have been opened and indexed, or have failed.
        let waits = |slot: &crate::session::Slot| {
            matches!(slot.member, Part::Waiting)
                || (slot.member.ready().is_some() && matches!(slot.data, Part::Waiting))
        };
        if session.slots.iter().any(waits) {
            return;
        }
        let slots = session.slots.iter().enumerate();
        let members: Vec<(usize, &'static Member)> = slots
            .filter_map(|(at, slot)| Some((at, *slot.member.ready()?)))
            .collect();
        if members.len() < 2 {
            return;
        }
        self.members = members.iter().map(|(at, _)| *at).collect();
        self.starts = members.iter().map(|_| None).collect();
        let work = move |monitor: &Monitor| {
            let members: Vec<&'static Member> =
                members.into_iter().map(|(_, member)| member).collect();
            monitor.send(News::Compared(cluster::compare(&members, true, monitor)));
            for (at, member) in members.iter().enumerate() {
                if monitor.is_cancelled() {
                    break;
                }
                monitor.send(News::Starts(at, cluster::start(member, None, monitor)));
            }
        };
        self.job = Some(session.spawn(ScreenId::Compare, "members", work));
    }

    fn settle(&mut self, session: &mut Session) {
        let row = self.list.cursor();
        if self.detail.as_ref().is_none_or(|(of, _)| *of != row) {
            self.detail = Some((row, self.describe(session)));
            self.pager = Pager::default();
            if let Some(Row::Key(at)) = self.row()
                && let Some(key) = self.key(at)
            {
                session.set_focus(Some(&key));
            }
        }
    }

    fn act(&mut self, act: Act, session: &mut Session) -> bool {
        if self.split.detail && act != Act::Open {
            let lines = self.detail.as_ref().map_or(0, |(_, lines)| lines.len());
            if self.pager.act(act, lines) {
                return true;
            }
        }
        if self.split.act(act) {
            return true;
        }
        match act {
            Act::Open => match self.row() {
                Some(Row::Member(at)) => self.show_member(at, session),
                Some(Row::Key(at)) => match self.key(at) {
                    Some(key) => session.go(Target::Key(key)),
                    None => return false,
                },
                _ => self.split.detail = true,
            },
            Act::Right => self.split.detail = true,
            Act::Left => self.split.detail = false,
            Act::NextMark => {
                // The first key that differs, then the next.
                let first = self.first_key();
                let to = first.max(self.list.cursor().saturating_add(1));
                if to < self.len() {
                    self.list.select(to);
                } else {
                    session.say(Role::Dim, "no further key that differs");
                }
            }
            Act::PrevMark => _ = self.list.act(Act::Up, self.len()),
            act => return self.list.act(act, self.len()),
        }
        true
    }

    fn draw(&mut self, area: Rect, pen: &mut Pen<'_>, session: &Session) {
        self.panes = self.split.panes(area, 64);
        let (list, pane) = (self.panes.list, self.panes.detail);
        if list.width > 0 && list.height > 0 {
            self.draw_list(list, pen, session);
        }
        if pane.width > 0 && pane.height > 0 {
            let title = match self.row() {
                Some(Row::Member(at)) => Line::from(format!("{} · would it start?", self.name(at))),
                Some(Row::Finding(_)) => Line::from("between the members"),
                Some(Row::Key(_)) => Line::from("difference of the values"),
                None => Line::from("member"),
            };
            let inner = pen.frame(pane, &title, self.split.detail);
            if let Some((_, lines)) = &self.detail {
                self.pager.draw(inner, pen, lines);
            }
        }
    }

    fn crumbs(&self, session: &Session) -> Vec<String> {
        let mut crumbs = vec!["compare".to_owned()];
        match self.row() {
            Some(Row::Member(at)) => crumbs.push(self.name(at)),
            Some(Row::Key(at)) => crumbs.extend(
                self.key(at)
                    .map(|key| escape::bytes(&key, session.charset()).into_owned()),
            ),
            _ => {}
        }
        crumbs
    }

    fn emit(&self, want: Want, _session: &Session) -> Option<Result<Target, String>> {
        let key = match self.row() {
            Some(Row::Key(at)) => self.key(at),
            _ => None,
        };
        match want {
            Want::Key => Some(
                key.map(Target::Key)
                    .ok_or_else(|| "no differing key is under the cursor".to_owned()),
            ),
            _ => None,
        }
    }

    fn snapshot(&self) -> Snapshot {
        Rc::new(Before {
            list: self.list,
            split: self.split,
        })
    }

    fn restore(&mut self, snapshot: &dyn Any, _session: &mut Session) {
        if let Some(before) = snapshot.downcast_ref::<Before>() {
            (self.list, self.split) = (before.list, before.split);
        }
    }

    fn answer(
        &mut self,
        job: JobId,
        value: Box<dyn Any + Send>,
        last: bool,
        _session: &mut Session,
    ) {
        if self.job != Some(job) {
            return;
        }
        if last {
            self.job = None;
            return;
        }
        let Ok(news) = value.downcast::<News>() else {
            return;
        };
        self.detail = None;
        match *news {
            News::Compared(compared) => self.compared = Some(Arc::new(compared)),
            News::Starts(at, start) => {
                if let Some(place) = self.starts.get_mut(at) {
                    *place = Some(start);
                }
            }
        }
    }

    fn close(&mut self, _session: &mut Session) -> bool {
        self.split.close()
    }

    fn copy(&self, what: Copied, session: &Session) -> Option<Result<String, String>> {
        let path = |at: usize| {
            let slot = self
                .members
                .get(at)
                .and_then(|slot| session.slots.get(*slot));
            shell::word(&slot.map_or(String::new(), |slot| {
                slot.path.to_string_lossy().into_owned()
            }))
        };
        match (what, self.row()) {
            (Copied::Command, Some(Row::Member(at))) if self.split.detail => Some(Ok(
                session.command(&format!("preflight {} --for start", path(at)))
            )),
            (Copied::Command, _) => {
                let paths: Vec<String> = (0..self.members.len()).map(path).collect();
                Some(Ok(
                    session.command(&format!("compare {} --keys", paths.join(" ")))
                ))
            }
            (Copied::Path, Some(Row::Member(at))) => Some(Ok(path(at))),
            (Copied::Key, Some(Row::Key(at))) => self
                .key(at)
                .map(|key| Ok(escape::bytes(&key, session.charset()).into_owned())),
            _ => None,
        }
    }

    fn mouse(&mut self, event: MouseEvent, session: &mut Session) -> bool {
        let at = Position::new(event.column, event.row);
        if !matches!(event.kind, MouseEventKind::Down(MouseButton::Left)) {
            return false;
        }
        self.split.detail = self.panes.detail.contains(at);
        let len = self.len();
        if self.list.click(at, self.body, len) {
            return self.act(Act::Open, session);
        }
        true
    }
}

impl Compare {
    fn parts(&self) -> (usize, usize, usize) {
        self.compared.as_ref().map_or((0, 0, 0), |compared| {
            (
                compared.members.len(),
                compared.findings.len(),
                compared.differing_keys.len(),
            )
        })
    }

    fn len(&self) -> usize {
        let (members, findings, keys) = self.parts();
        members + findings + keys
    }

    fn first_key(&self) -> usize {
        let (members, findings, _) = self.parts();
        members + findings
    }

    fn row_at(&self, at: usize) -> Option<Row> {
        let (members, findings, keys) = self.parts();
        if at < members {
            Some(Row::Member(at))
        } else if at < members + findings {
            Some(Row::Finding(at - members))
        } else {
            let key = at - members - findings;
            (key < keys).then_some(Row::Key(key))
        }
    }

    fn row(&self) -> Option<Row> {
        self.row_at(self.list.cursor())
    }

    fn key(&self, at: usize) -> Option<Vec<u8>> {
        let keys = &self.compared.as_ref()?.differing_keys;
        keys.get(at).map(|key| key.key.clone())
    }

    /// The end of a member's path.
    fn name(&self, at: usize) -> String {
        let row = self
            .compared
            .as_ref()
            .and_then(|compared| compared.members.get(at));
        row.map(short).unwrap_or_default()
    }

    /// Makes a member the one that all screens show.
    fn show_member(&mut self, at: usize, session: &mut Session) {
        let Some(slot) = self.members.get(at).copied() else {
            return;
        };
        session.visit();
        session.current = slot;
        session.arrive();
        session.say(Role::Dim, format!("all screens show {} now", self.name(at)));
    }

    fn describe(&self, session: &Session) -> Vec<Line> {
        let (Some(compared), Some(row)) = (&self.compared, self.row()) else {
            return Vec::new();
        };
        match row {
            Row::Member(at) => self.member_lines(compared, at),
            Row::Finding(at) => {
                let Some(finding) = compared.findings.get(at) else {
                    return Vec::new();
                };
                let code = finding.code;
                [
                    format!("{} {}", code.id, code.title),
                    finding.message.clone(),
                    finding.place.to_string(),
                    code.what.to_owned(),
                    code.why.to_owned(),
                    format!("next: {}", code.next.replace("{path}", &session.path())),
                ]
                .into_iter()
                .map(|text| Line::from(format!(" {text}")))
                .collect()
            }
            Row::Key(at) => self.key_lines(compared, at, session),
        }
    }

    fn member_lines(&self, compared: &Comparison, at: usize) -> Vec<Line> {
        let Some(row) = compared.members.get(at) else {
            return Vec::new();
        };
        let mut lines = Vec::new();
        match self.starts.get(at).and_then(Option::as_ref) {
            None => lines.push(Line::of(Role::Dim, " asking what a start would do…")),
            Some(start) => {
                let go = cluster::is_go(&start.lines);
                let (role, word) = if go {
                    (Role::Good, "GO")
                } else {
                    (Role::Error, "NO-GO")
                };
                let what = match (start.starts, go) {
                    (true, true) => format!("etcd {} starts on it", start.release),
                    (true, false) => {
                        "etcd would start, but should not be let: copy it first".to_owned()
                    }
                    (false, _) => {
                        "etcd would not start, and a failed start destroys evidence".to_owned()
                    }
                };
                lines.push(Line::of(role, format!(" {word:<6}")).text(what));
                lines.extend(start.lines.iter().map(|line| {
                    let (role, word) = match line.level {
                        Level::Pass => (Role::Good, "PASS"),
                        Level::Warn => (Role::Warning, "WARN"),
                        Level::Fail => (Role::Error, "FAIL"),
                    };
                    Line::of(role, format!(" {word}  "))
                        .text(line.text.clone())
                        .with(Role::Dim, format!("  {}", line.code))
                }));
            }
        }
        lines.push(Line::new());
        let fact =
            |name: &str, text: String| Line::of(Role::Dim, format!(" {name:<10}")).text(text);
        let optional = |value: Option<u64>| {
            value.map_or("–".to_owned(), |value| number::thousands(value.into()))
        };
        let id = |value: Option<u64>| value.map_or("–".to_owned(), |id| format!("{id:016x}"));
        lines.push(fact("path", row.path.clone()));
        lines.push(fact("member", id(row.member_id)));
        lines.push(fact("cluster", id(row.cluster_id)));
        lines.push(fact(
            "compacted",
            row.compact_revision
                .map_or("never".to_owned(), |at| number::thousands(at.into())),
        ));
        lines.push(fact("applied", optional(row.applied)));
        lines.push(fact("committed", optional(row.commit)));
        lines.push(fact("log ends", optional(row.last_index)));
        lines.push(fact(
            "db",
            row.db_bytes.map_or("–".to_owned(), number::size),
        ));
        lines
    }

    /// The values of a differing key in the first two members that hold different ones.
    fn key_lines(&self, compared: &Comparison, at: usize, session: &Session) -> Vec<Line> {
        let Some(key) = compared.differing_keys.get(at) else {
            return Vec::new();
        };
        let common = compared.common_revision;
        let texts: Vec<(usize, String, Vec<u8>)> = self
            .members
            .iter()
            .enumerate()
            .filter_map(|(at, slot)| {
                let data = session.slots.get(*slot)?.data.ready()?;
                let version = data.objects.keyspace().get(&key.key, common).ok()?;
                Some(match version {
                    None => (at, String::new(), Vec::new()),
                    Some(version) => {
                        let lines = Object::read(version, data, session).lines(Neat::Full, session);
                        let text: Vec<String> = lines.into_iter().map(|line| line.text).collect();
                        (at, text.join("\n"), version.message.to_vec())
                    }
                })
            })
            .collect();
        let mut lines: Vec<Line> = Vec::new();
        for (at, mod_revision) in key.mod_revisions.iter().enumerate() {
            let held = match mod_revision {
                Some(main) => format!("mod_revision {}", number::thousands((*main).into())),
                None => "does not have it".to_owned(),
            };
            lines.push(Line::of(Role::Name, format!(" {:<18} ", self.name(at))).text(held));
        }
        let Some(first) = texts.first() else {
            return lines;
        };
        let Some(other) = texts.iter().find(|other| other.2 != first.2) else {
            return lines;
        };
        lines.push(Line::new());
        lines.push(
            Line::of(Role::Removed, format!("- {}", self.name(first.0)))
                .with(Role::Added, format!("   + {}", self.name(other.0))),
        );
        let changes = diff(&format!("{}\n", first.1), &format!("{}\n", other.1), None);
        if changes.lines.is_empty() {
            lines.push(Line::of(
                Role::Dim,
                "the same to read; the stored bytes or revisions differ",
            ));
        }
        lines.extend(changes.lines);
        lines
    }

    fn draw_list(&mut self, area: Rect, pen: &mut Pen<'_>, session: &Session) {
        let Some(compared) = self.compared.clone() else {
            let inner = pen.frame(area, &Line::from("members"), !self.split.detail);
            let opened = session
                .slots
                .iter()
                .filter(|slot| slot.member.ready().is_some());
            let why = match (self.job, opened.count()) {
                (None, 0 | 1) => "fewer than two of the directories can be opened",
                (None, _) => "waiting until all directories are indexed…",
                (Some(_), _) => "comparing…",
            };
            pen.put(inner, 1, 0, why, Role::Dim);
            return;
        };
        let title = title(&compared);
        let inner = pen.frame(area, &title, !self.split.detail);
        self.body = Rect {
            y: inner.y.saturating_add(1),
            height: inner.height.saturating_sub(1),
            ..inner
        };
        let len = self.len();
        let mut list = self.list;
        let table = Table {
            columns: &COLUMNS,
            focused: !self.split.detail,
        };
        table.draw(inner, pen, &mut list, len, |at| match self.row_at(at) {
            Some(Row::Member(at)) => member_cells(&compared, at),
            Some(Row::Finding(at)) => {
                let text = compared.findings.get(at).map(|finding| {
                    Line::of(
                        Role::Error,
                        format!("{} {}", finding.code.id, finding.message),
                    )
                });
                wide("finding", text.unwrap_or_default())
            }
            Some(Row::Key(at)) => {
                let key = compared.differing_keys.get(at);
                let name = key.map(|key| escape::bytes(&key.key, session.charset()).into_owned());
                wide(
                    "key differs",
                    Line::of(Role::Name, name.unwrap_or_default()),
                )
            }
            None => Vec::new(),
        });
        // Keys are long: over the columns that they have nothing in.
        let rows = list.window(self.body.height, len);
        for (y, at) in rows {
            let text = match self.row_at(at) {
                Some(Row::Key(at)) => self
                    .key(at)
                    .map(|key| escape::bytes(&key, session.charset()).into_owned()),
                Some(Row::Finding(at)) => compared
                    .findings
                    .get(at)
                    .map(|finding| finding.message.clone()),
                _ => None,
            };
            if let Some(text) = text {
                let x = 14.min(self.body.width);
                let place = Rect {
                    x: self.body.x.saturating_add(x),
                    width: self.body.width - x,
                    ..self.body
                };
                let blank = " ".repeat(usize::from(place.width));
                let is_cursor = at == list.cursor();
                let role = match (is_cursor, self.split.detail) {
                    (true, false) => Role::Cursor,
                    (true, true) => Role::Shadow,
                    _ => Role::Plain,
                };
                pen.put(place, 0, y, &blank, role);
                pen.put(place, 0, y, &text, role);
            }
        }
        self.list = list;
    }
}

fn short(row: &MemberRow) -> String {
    let parts: Vec<&str> = row
        .path
        .trim_end_matches('/')
        .rsplit('/')
        .filter(|part| !part.is_empty())
        .take(1)
        .collect();
    parts
        .first()
        .map_or_else(|| row.path.clone(), |part| (*part).to_owned())
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
            " · no revision that all have: nothing can be said",
        ),
    }
}

fn wide(what: &str, text: Line) -> Vec<Line> {
    let mut cells = vec![Line::of(Role::Dim, what)];
    cells.resize(COLUMNS.len() - 1, Line::new());
    cells.push(text);
    cells
}

fn member_cells(compared: &Comparison, at: usize) -> Vec<Line> {
    let Some(row) = compared.members.get(at) else {
        return Vec::new();
    };
    let shown = |value: Option<String>| Line::from(value.unwrap_or_else(|| "–".to_owned()));
    let best = compared.best == Some(at);
    let (role, verdict) = match row.findings {
        (0, 0) if best => (Role::Good, "newest and clean: best source".to_owned()),
        (0, 0) => (Role::Good, row.verdict.to_string()),
        (errors, warnings) => (
            if errors > 0 {
                Role::Error
            } else {
                Role::Warning
            },
            format!(
                "{errors} errors {warnings} warnings{}",
                if best { ", best of these" } else { "" }
            ),
        ),
    };
    let first = compared.members.iter().find_map(|row| row.hashkv);
    let hash_role = match row.hashkv == first {
        true => Role::Plain,
        false => Role::Warning,
    };
    vec![
        Line::of(Role::Name, tail(&short(row), 18)),
        shown(row.revision.map(|at| number::thousands(at.into()))),
        shown(row.term.map(|term| term.to_string())),
        shown(row.applied.map(|at| number::thousands(at.into()))),
        Line::of(
            hash_role,
            row.hashkv
                .map_or("–".to_owned(), |hash| format!("{hash:08x}")),
        ),
        shown(row.keys.map(|keys| number::thousands(keys as i128))),
        Line::of(role, verdict),
    ]
}

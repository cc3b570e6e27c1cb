//! Timeline: writes and deletions over time by resource, terms, findings as flags.

mod draw;
mod events;

use std::any::Any;
use std::rc::Rc;
use std::sync::Arc;

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use etcd_inspect::Command;
use etcd_inspect::answers::KeyWrite;
use etcd_inspect::check::Logged;
use etcd_inspect::text::escape;
use ratatui::layout::{Position, Rect};

use crate::act::{Act, Copied};
use crate::job::{JobId, Monitor};
use crate::paint::Pen;
use crate::screen::{Screen, ScreenId, Snapshot};
use crate::session::{Data, Session};
use crate::target::{Target, Want};
use crate::theme::Role;
use crate::widgets::{List, Needle, Panes, Sieve, Split};
use events::{LoadedTimeline, Picture, cell_of, stretch};

/// Records of one range that are listed.
const LISTED: usize = 5_000;

/// The screen.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    loaded: Option<Arc<LoadedTimeline>>,
    job: Option<JobId>,
    look: TimelineLook,
    picture: Picture,
    listed: Listed,
    /// Which rows of the graph are shown.
    shown: Sieve,
    /// What the keys of the listed records must have.
    wanted: String,
    split: Split,
    panes: Panes,
    /// Where the cells are.
    graph: Rect,
    /// Where the rows of the list are.
    records: Rect,
    awaited: Option<i64>,
}

/// What is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct TimelineLook {
    from: i64,
    to: i64,
    /// The cursor on the axis.
    at: i64,
    /// The row: all, deletions, resources.
    rows: List,
    /// The record under the cursor of the second pane.
    list: List,
}

/// The records of the range and row under the cursor.
#[derive(Debug, Default)]
struct Listed {
    of: Option<(i64, i64, usize, String)>,
    versions: Vec<KeyWrite>,
    more: usize,
}

/// For the back stack.
struct TimelineBefore(TimelineLook, Split);

impl Screen for Timeline {
    fn id(&self) -> ScreenId {
        ScreenId::Timeline
    }

    fn refresh(&mut self, session: &mut Session) {
        let is_complete = |loaded: &Arc<LoadedTimeline>| loaded.is_complete;
        if self.loaded.as_ref().is_some_and(is_complete) {
            _ = session.join();
        }
        let (Some(data), logged) = whole(session) else {
            self.loaded = None;
            return;
        };
        let is_loaded = |loaded: &Arc<LoadedTimeline>| loaded.is_of(&data, logged.as_ref());
        if self.loaded.as_ref().is_some_and(is_loaded) || self.job.is_some() {
            return;
        }
        // Until the log is there too, the rows of the db stay.
        self.loaded
            .take_if(|loaded| !loaded.data.dataset().is_same(data.dataset()));
        let work = move |monitor: &Monitor| events::load(data, logged, monitor);
        self.job = Some(session.spawn(ScreenId::Timeline, "timeline", work));
    }

    fn again(&mut self, session: &mut Session) -> bool {
        if let Some(job) = self.job.take() {
            session.cancel(job);
        }
        self.loaded = None;
        self.refresh(session);
        true
    }

    fn settle(&mut self, _session: &mut Session) {
        let Some(loaded) = self.loaded.clone() else {
            return;
        };
        let cells = usize::from(self.graph.width.max(1));
        let of = (self.look.from, self.look.to, cells);
        if self.picture.of != of || self.picture.rows.is_empty() {
            self.picture = Picture::draw(&loaded, self.look.from, self.look.to, cells);
        }
        self.list_records(&loaded);
    }

    fn act(&mut self, act: Act, session: &mut Session) -> bool {
        if self.split.detail && act != Act::Left && act != Act::Right {
            if act == Act::Open {
                return self.open(session);
            }
            if self.look.list.act(act, self.listed.versions.len()) {
                return true;
            }
        }
        if self.split.act(act) {
            return true;
        }
        let Some(loaded) = self.loaded.clone() else {
            return false;
        };
        match act {
            Act::Left | Act::Right => self.step(act == Act::Right),
            Act::ZoomIn | Act::ZoomOut => self.zoom(&loaded, act == Act::ZoomIn),
            Act::NextMark | Act::PrevMark => self.landmark(act == Act::NextMark, session),
            Act::Open => return self.open(session),
            Act::NextHit => return self.look.rows.act(Act::Down, self.rows()),
            Act::PrevHit => return self.look.rows.act(Act::Up, self.rows()),
            act => return self.look.rows.act(act, self.rows()),
        }
        true
    }

    fn draw(&mut self, area: Rect, pen: &mut Pen<'_>, session: &Session) {
        self.draw_all(area, pen, session);
    }

    fn crumbs(&self, session: &Session) -> Vec<String> {
        let Some(loaded) = &self.loaded else {
            return Vec::new();
        };
        let (from, to) = self.stretch();
        let mut crumbs = vec!["timeline".to_owned(), self.row_name(loaded, session)];
        crumbs.push(draw::moment(loaded, from, session));
        if to > from {
            crumbs.push(format!("to {}", draw::moment(loaded, to, session)));
        }
        crumbs
    }

    fn accept(&mut self, target: &Target, session: &mut Session) -> Result<(), String> {
        let Target::Time(revision) = target else {
            return Err("Timeline shows times".to_owned());
        };
        match self.loaded.clone() {
            Some(loaded) => self.go_to(&loaded, *revision),
            None if session.data().is_none() => return Err(session.why_no_data().plain()),
            None => self.awaited = Some(*revision),
        }
        Ok(())
    }

    fn emit(&self, want: Want, _session: &Session) -> Option<Result<Target, String>> {
        let version = self.version();
        let nothing = || "nothing was written in this range".to_owned();
        Some(match (want, version) {
            (Want::Page | Want::Wal | Want::Finding, _) => return None,
            (_, None) => Err(nothing()),
            (Want::Key, Some(version)) => Ok(Target::Key(version.key.to_vec())),
            (Want::Space, Some(version)) => Ok(Target::Space(version.key.to_vec())),
            (Want::Time, Some(version)) => Ok(Target::Time(version.revision.main)),
            (Want::Revision, Some(version)) => Ok(revision(version)),
        })
    }

    fn snapshot(&self) -> Snapshot {
        let mut look = self.look;
        look.rows.select(self.row());
        Rc::new(TimelineBefore(look, self.split))
    }

    fn restore(&mut self, snapshot: &dyn Any, session: &mut Session) {
        if let Some(TimelineBefore(look, split)) = snapshot.downcast_ref::<TimelineBefore>() {
            self.shown.clear(session);
            self.wanted.clear();
            (self.look, self.split) = (*look, *split);
        }
    }

    fn answer(
        &mut self,
        job: JobId,
        value: Box<dyn Any + Send>,
        _last: bool,
        session: &mut Session,
    ) {
        let Ok(loaded) = value.downcast::<LoadedTimeline>() else {
            return;
        };
        if self.job != Some(job) {
            return;
        }
        self.job = None;
        let (data, logged) = whole(session);
        if !data.is_some_and(|data| loaded.is_of(&data, logged.as_ref())) {
            return self.refresh(session);
        }
        let (from, to) = loaded.span();
        let is_same = |known: &Arc<LoadedTimeline>| known.span() == (from, to);
        if self.loaded.as_ref().is_some_and(is_same) {
            self.picture = Picture::default();
            self.listed = Listed::default();
            self.loaded = Some(Arc::from(loaded));
            return;
        }
        self.look = TimelineLook {
            from,
            to,
            at: to,
            ..TimelineLook::default()
        };
        let loaded: Arc<LoadedTimeline> = Arc::from(loaded);
        self.picture = Picture::default();
        self.listed = Listed::default();
        let revision = self.awaited.take().unwrap_or(session.ruler.revision());
        self.go_to(&loaded, revision);
        let is_complete = loaded.is_complete;
        self.loaded = Some(loaded);
        // The db first; what the log adds follows.
        if is_complete {
            _ = session.join();
        }
    }

    /// In the graph rows, in the list records.
    fn is_without_row(&self) -> bool {
        self.shown.is_without_row()
    }

    fn filter(&mut self, text: &str, session: &mut Session) -> bool {
        let Some(loaded) = self.loaded.clone() else {
            return text.is_empty();
        };
        if text.is_empty() || self.split.detail {
            text.clone_into(&mut self.wanted);
            self.look.list = List::default();
        }
        if text.is_empty() || !self.split.detail {
            let row = self.row();
            let rows = loaded.resources.len() + 2;
            let line = move |row: usize| match row {
                0 => "writes".to_owned(),
                1 => "deletes".to_owned(),
                row => {
                    let name = loaded.resources.get(row - 2);
                    name.map_or_else(String::new, |name| {
                        String::from_utf8_lossy(name).into_owned()
                    })
                }
            };
            self.shown
                .set(text, rows, line, ScreenId::Timeline, session);
            self.look.rows.select(self.shown.place(row).unwrap_or(0));
        }
        true
    }

    fn close(&mut self, _session: &mut Session) -> bool {
        self.split.close()
    }

    fn copy(&self, what: Copied, session: &Session) -> Option<Result<String, String>> {
        let loaded = self.loaded.as_ref()?;
        match what {
            Copied::Command => {
                let (first, last) = (self.listed.versions.first(), self.listed.versions.last());
                let glob = match self.row() {
                    0 | 1 => "**".to_owned(),
                    row => {
                        let data = session.data()?;
                        let prefix = data.layout().prefixes().next().unwrap_or_default();
                        let name = loaded.resources.get(row - 2)?;
                        match name.first() {
                            Some(b'(') | None => "**".to_owned(),
                            Some(_) => {
                                format!("{prefix}/{}/**", escape::bytes(name, session.charset()))
                            }
                        }
                    }
                };
                Some(match (first, last) {
                    (Some(first), Some(last)) => {
                        let (from, to) = (first.revision.main, last.revision.main);
                        let (from, to) = (from.to_string(), to.to_string());
                        let history = Command::inspect("history").arg(&glob);
                        let history = history.args(["--from", &from, "--to", &to, "-d"]);
                        Ok(session.command(history.evidence()))
                    }
                    _ => Err("nothing was written in this range".to_owned()),
                })
            }
            Copied::Revision => self
                .version()
                .map(|version| Ok(version.revision.main.to_string())),
            Copied::Key => self
                .version()
                .map(|version| Ok(escape::bytes(&version.key, session.charset()).into_owned())),
            _ => None,
        }
    }

    fn mouse(&mut self, event: MouseEvent, session: &mut Session) -> bool {
        if self.split.drag(event, &self.panes) {
            return true;
        }
        let at = Position::new(event.column, event.row);
        if !matches!(
            event.kind,
            MouseEventKind::Down(MouseButton::Left) | MouseEventKind::Drag(MouseButton::Left)
        ) {
            // The wheel turns over a pane.
            self.split.detail = self.panes.detail.contains(at);
            return false;
        }
        self.split.detail = self.panes.detail.contains(at);
        if self.split.detail {
            let len = self.listed.versions.len();
            if self.look.list.click(at, self.records, len) {
                return self.open(session);
            }
            return true;
        }
        if self.graph.contains(at) {
            let cell = usize::from(at.x - self.graph.x);
            self.look.at = self.stretch_of(cell).0;
            self.look.list = List::default();
            let len = self.rows();
            let y = at.y - self.graph.y;
            if let Some(row) = self.look.rows.row_at(y, len) {
                self.look.rows.select(row);
            }
        }
        true
    }
}

/// What the axis is of: db and log, and until they are joined the db alone; and the log, if it was read.
fn whole(session: &Session) -> (Option<Arc<Data>>, Option<Arc<Logged>>) {
    let logged = session.log_if_read().filter(|_| !session.is_replayed());
    let data = session.history().or_else(|| session.data());
    (data.cloned(), logged)
}

/// What Enter leads to.
fn revision(version: &KeyWrite) -> Target {
    Target::Revision {
        main: version.revision.main,
        key: Some(version.key.to_vec()),
    }
}

impl Timeline {
    /// How many rows of the graph are shown.
    fn rows(&self) -> usize {
        let all = self.loaded.as_ref();
        self.shown
            .len(all.map_or(0, |loaded| loaded.resources.len() + 2))
    }

    /// The row under the cursor: all writes, deletions, resources.
    fn row(&self) -> usize {
        self.shown.row(self.look.rows.cursor()).unwrap_or(0)
    }

    fn cells(&self) -> usize {
        usize::from(self.graph.width.max(1))
    }

    fn stretch_of(&self, cell: usize) -> (i64, i64) {
        stretch(self.look.from, self.look.to, self.cells(), cell)
    }

    /// The cell of the cursor.
    fn cell(&self) -> usize {
        let cell = cell_of(self.look.from, self.look.to, self.cells(), self.look.at);
        cell.unwrap_or(0)
    }

    /// The range under the cursor.
    fn stretch(&self) -> (i64, i64) {
        let (from, to) = self.stretch_of(self.cell());
        (from, to.max(from))
    }

    fn row_name(&self, loaded: &LoadedTimeline, session: &Session) -> String {
        match self.row() {
            0 => "writes".to_owned(),
            1 => "deletes".to_owned(),
            row => {
                let name = loaded.resources.get(row - 2);
                let name = name.map(Vec::as_slice).unwrap_or_default();
                escape::bytes(name, session.charset()).into_owned()
            }
        }
    }

    /// The record under the cursor of the second pane.
    fn version(&self) -> Option<&KeyWrite> {
        self.listed.versions.get(self.look.list.cursor())
    }

    fn list_records(&mut self, loaded: &LoadedTimeline) {
        let (from, to) = self.stretch();
        let row = self.row();
        let of = Some((from, to, row, self.wanted.clone()));
        if self.listed.of == of {
            return;
        }
        let mut needle = Needle::new(&self.wanted);
        let filtered = needle.is_some();
        let wanted = |event: &&events::AxisRecord| match row {
            0 => true,
            1 => event.tombstone,
            row => usize::from(event.resource) == row - 2,
        };
        let events: Vec<_> = loaded.between(from, to).iter().filter(wanted).collect();
        let keyspace = loaded.data.keyspace();
        let mut versions: Vec<KeyWrite> = Vec::new();
        if let (Some(first), Some(last)) = (events.first(), events.last()) {
            let layout = loaded.data.layout();
            let name = row.checked_sub(2).and_then(|at| loaded.resources.get(at));
            let all = keyspace.between(first.main..=last.main);
            versions.extend(
                all.filter(|version| match (row, name) {
                    (0, _) => true,
                    (1, _) => version.tombstone,
                    (_, Some(name)) => {
                        layout.resource(version.key).unwrap_or(b"(non-k8s)") == name.as_slice()
                    }
                    _ => false,
                })
                .filter(|version| {
                    let keeps = |needle: &mut Needle| needle.keeps(version.key);
                    needle.as_mut().is_none_or(keeps)
                })
                .take(LISTED)
                .map(|version| KeyWrite::from(&version)),
            );
        }
        self.listed = Listed {
            of,
            more: match filtered {
                true => 0,
                false => events.len().saturating_sub(versions.len()),
            },
            versions,
        };
    }

    /// One cell on.
    fn step(&mut self, forward: bool) {
        let cell = self.cell();
        let to = if forward {
            (cell + 1).min(self.cells() - 1)
        } else {
            cell.saturating_sub(1)
        };
        // Where cells are narrower than a second, several stand for the same one.
        let (from, _) = self.stretch_of(to);
        let next = if forward {
            self.look.at.saturating_add(1)
        } else {
            self.look.at.saturating_sub(1)
        };
        let far = if forward {
            from.max(next)
        } else {
            from.min(next)
        };
        self.look.at = far.clamp(self.look.from, self.look.to);
        self.look.list = List::default();
    }

    fn zoom(&mut self, loaded: &LoadedTimeline, closer: bool) {
        let (first, last) = loaded.span();
        let span = self
            .look
            .to
            .saturating_sub(self.look.from)
            .saturating_add(1);
        let span = if closer {
            (span / 2).max(8)
        } else {
            span.saturating_mul(2)
        };
        let from = self.look.at.saturating_sub(span / 2).max(first);
        let to = from.saturating_add(span - 1).min(last);
        self.look.from = to.saturating_sub(span - 1).max(first);
        self.look.to = to;
        self.look.at = self.look.at.clamp(self.look.from, self.look.to);
    }

    fn go_to(&mut self, loaded: &LoadedTimeline, revision: i64) {
        let at = loaded.at(revision);
        if at < self.look.from || at > self.look.to {
            (self.look.from, self.look.to) = loaded.span();
        }
        self.look.at = at.clamp(self.look.from, self.look.to);
        self.list_records(loaded);
        let row = self
            .listed
            .versions
            .iter()
            .position(|version| version.revision.main >= revision);
        self.look.list.select(row.unwrap_or(0));
    }

    /// To the next cell in which the row has anything.
    fn landmark(&mut self, forward: bool, session: &mut Session) {
        let cell = self.cell();
        let row = self.picture.rows.get(self.row());
        let mut full = row
            .into_iter()
            .flatten()
            .enumerate()
            .filter(|(_, count)| **count > 0)
            .map(|(cell, _)| cell);
        let next = if forward {
            full.find(|at| *at > cell)
        } else {
            full.filter(|at| *at < cell).last()
        };
        match next {
            Some(cell) => {
                self.look.at = self.stretch_of(cell).0;
                self.look.list = List::default();
            }
            None => session.say(Role::Dim, "nothing of this row further on"),
        }
    }

    /// Browse at the record under the cursor.
    fn open(&mut self, session: &mut Session) -> bool {
        // Outside of the list the last write of the range is meant: the state after it.
        let version = if self.split.detail {
            self.version()
        } else {
            self.listed.versions.last()
        };
        match version {
            Some(version) => session.go(revision(version)),
            None => session.say(Role::Dim, "nothing was written in this range"),
        }
        true
    }
}

//! History: every retained version of one key, and the difference between any two.

mod compare;
pub(super) mod diff;
mod list;
mod versions;

use std::any::Any;
use std::rc::Rc;
use std::sync::Arc;

use crossterm::event::MouseEvent;
use etcd_inspect::Command;
use etcd_inspect::text::{escape, number};
use ratatui::layout::Rect;

use crate::act::{Act, Copied};
use crate::job::JobId;
use crate::object::{Neat, Object};
use crate::overlay::counted;
use crate::paint::{Line, Pen};
use crate::screen::{Screen, ScreenId, Snapshot};
use crate::session::{Data, Part, Session};
use crate::target::{Target, Want};
use crate::theme::Role;
use crate::widgets::{Click, Seen, View};
use diff::Diff;
use versions::{Known, Telling, Versions};

/// The screen.
#[derive(Debug, Default)]
pub(crate) struct History {
    versions: Versions,
    view: View,
    look: HistoryLook,
    detail: Option<Detail>,
    width: usize,
    revision: i64,
    /// A version to go to, and one to mark, as soon as the versions are read.
    awaited: Option<(Option<i64>, Option<i64>)>,
    data: Option<Arc<Data>>,
}

/// How the versions are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct HistoryLook {
    /// Row of version A.
    marked: Option<usize>,
    side_by_side: bool,
    /// The version itself instead of the difference.
    whole: bool,
    /// Only the db, without the versions that only log and carved records have.
    db_only: bool,
    /// Without versions that change nothing but status.
    spec_only: bool,
}

/// What the second pane shows.
#[derive(Debug)]
struct Detail {
    of: (Option<usize>, usize, HistoryLook, usize, u64, bool),
    title: String,
    diff: Diff,
}

/// For the back stack.
struct HistoryBefore(Seen, HistoryLook);

impl Screen for History {
    fn id(&self) -> ScreenId {
        ScreenId::History
    }

    fn refresh(&mut self, session: &mut Session) {
        let key = session.focus().map(<[u8]>::to_vec);
        let Some((data, key)) = session.data().cloned().zip(key) else {
            self.versions = Versions::default();
            return;
        };
        let logged = match (!self.look.db_only).then(|| session.logged()) {
            Some(Part::Ready(logged)) => logged,
            _ => None,
        };
        let is_new = self.versions.key != key
            || self
                .data
                .as_ref()
                .is_none_or(|known| !Arc::ptr_eq(known, &data));
        let carved = match (!self.look.db_only).then(|| session.carved(false)) {
            Some(Some(Part::Ready(carved))) => Some(carved),
            _ => None,
        };
        let telling = Telling {
            logged,
            carved,
            audited: session.audited(),
            revealed: session.is_revealed(&key),
        };
        let before = self.selected().map(|known| known.version.revision.main);
        let marked = self.look.marked.and_then(|row| self.versions.rows.get(row));
        let marked = marked.map(|known| known.version.revision.main);
        if self.versions.read(&data, &key, telling, session) {
            self.versions.fold(self.look.spec_only);
            match is_new {
                true => {
                    self.look.marked = None;
                    self.view.reset(session);
                }
                // The log has added rows: cursor and mark stay on their versions.
                false => self.keep(before, marked, session),
            }
        }
        let revision = session.ruler.revision();
        if is_new || self.revision != revision {
            self.revision = revision;
            let current = self
                .versions
                .rows
                .iter()
                .position(|known| known.is_placed() && known.version.revision.main <= revision);
            let row = current.unwrap_or(self.versions.rows.len().saturating_sub(1));
            self.view.select(row, session);
        }
        self.data = Some(data);
    }

    fn settle(&mut self, session: &mut Session) {
        self.compare(session);
    }

    fn act(&mut self, act: Act, session: &mut Session) -> bool {
        let lines = self
            .detail
            .as_ref()
            .map_or(0, |detail| detail.diff.lines.len());
        if self.view.split.detail && self.go_to_hunk(act) {
            return true;
        }
        let rows = self.versions.rows.len();
        match act {
            Act::Open => {
                session.visit();
                self.view.split.detail = true;
            }
            Act::MarkDiff => {
                let Some(row) = self.view.row(rows) else {
                    return false;
                };
                let unmark = self.look.marked == Some(row);
                self.look.marked = (!unmark).then_some(row);
                let text = if unmark {
                    "A is no longer marked"
                } else {
                    "A marked: move the cursor, the difference is from A to it; D on A again unmarks"
                };
                session.say(Role::Dim, text);
            }
            Act::DiffLayout => self.look.side_by_side = !self.look.side_by_side,
            Act::Yaml => self.look.whole = !self.look.whole,
            Act::WithLog => {
                self.look.db_only = !self.look.db_only;
                let text = match self.look.db_only {
                    false => "with versions that only the log (W) or carved records (C) have",
                    true => "versions of the db only",
                };
                session.say(Role::Dim, text);
                self.refresh(session);
            }
            Act::Carve => self.carve(session),
            Act::Sort => self.toggle_spec_only(session),
            Act::Reveal => match session.focus().map(<[u8]>::to_vec) {
                Some(key) => {
                    let is_hidden = self.is_masked(session);
                    session.reveal_hidden(&key, is_hidden);
                }
                None => return false,
            },
            act => {
                let row = self.view.row(rows);
                let taken = self.view.act(act, rows, lines, session);
                if row != self.view.row(rows) {
                    self.view.pager.rewind();
                }
                return taken || self.go_to_hunk(act);
            }
        }
        true
    }

    fn draw(&mut self, area: Rect, pen: &mut Pen<'_>, session: &Session) {
        self.view.panes = self.view.split.panes(area, 60);
        let panes = self.view.panes;
        if panes.list.width > 0 {
            self.draw_list(panes.list, pen, session);
        }
        self.width = usize::from(panes.detail.width.saturating_sub(2));
        // Side by side depends on the width, which only drawing knows.
        self.compare(session);
        if panes.detail.width > 0 {
            let title = self
                .detail
                .as_ref()
                .map_or("", |detail| detail.title.as_str());
            let lines = self.detail.as_ref().map(|detail| &*detail.diff.lines);
            self.view.draw_text(
                panes.detail,
                pen,
                &Line::from(title),
                lines.unwrap_or_default(),
            );
        }
    }

    fn crumbs(&self, session: &Session) -> Vec<String> {
        let mut crumbs = vec![self.name(session)];
        crumbs.extend(self.selected().map(|known| {
            format!(
                "revision {}",
                number::thousands(known.version.revision.main.into())
            )
        }));
        crumbs
    }

    fn accept(&mut self, target: &Target, session: &mut Session) -> Result<(), String> {
        let (key, main, from) = match target {
            Target::History { key, main } => (key, main.as_ref().copied(), None),
            Target::Diff { key, from, to } => (key, Some(*to), Some(*from)),
            _ => return Err("History shows versions of a key".to_owned()),
        };
        if session.data().is_none() {
            return Err(session.why_no_data().plain());
        }
        session.set_focus(Some(key));
        self.refresh(session);
        if self.versions.rows.is_empty() && !self.versions.is_reading() {
            return Err(format!(
                "nothing of {} is stored",
                escape::bytes(key, session.charset())
            ));
        }
        self.awaited = Some((main, from)).filter(|_| self.versions.is_reading());
        self.point(main, from, session);
        Ok(())
    }

    fn emit(&self, want: Want, session: &Session) -> Option<Result<Target, String>> {
        let known = self.selected()?;
        let main = known.version.revision.main;
        match want {
            Want::Revision | Want::Key if known.is_placed() => Some(Ok(Target::Revision {
                main,
                key: Some(self.versions.key.clone()),
            })),
            Want::Revision => Some(Err(format!(
                "the revision of {} is not known",
                known.revision()
            ))),
            Want::Wal => Some(
                known
                    .entry()
                    .map_or_else(|| session.entry_of(main), Ok)
                    .map(Target::Wal),
            ),
            Want::Page => Some(known.page(session)),
            Want::Time => Some(Ok(Target::Time(main))),
            _ => None,
        }
    }

    fn snapshot(&self) -> Snapshot {
        Rc::new(HistoryBefore(self.view.seen(), self.look))
    }

    fn restore(&mut self, snapshot: &dyn Any, session: &mut Session) {
        if let Some(HistoryBefore(seen, look)) = snapshot.downcast_ref() {
            self.look = *look;
            self.refresh(session);
            self.view.restore(*seen, session);
        }
    }

    fn answer(
        &mut self,
        job: JobId,
        value: Box<dyn Any + Send>,
        last: bool,
        session: &mut Session,
    ) {
        if self.view.answer(job, &*value, last) {
            return;
        }
        if self.versions.answer(job, value) {
            self.versions.fold(self.look.spec_only);
            self.revision = -1;
            self.refresh(session);
            if let Some((main, from)) = self.awaited.take() {
                self.point(main, from, session);
            }
        }
    }

    fn is_text(&self) -> bool {
        self.view.split.detail
    }

    fn find(&mut self, text: &str) {
        self.view.look_for(text);
    }

    fn is_without_row(&self) -> bool {
        self.view.sieve.is_without_row()
    }

    fn filter(&mut self, text: &str, session: &mut Session) -> bool {
        let lines: Vec<String> = self.versions.rows.iter().map(Known::line).collect();
        let (id, rows) = (self.id(), lines.len());
        let line = move |row: usize| lines.get(row).cloned().unwrap_or_default();
        self.view.filter(text, rows, line, id, session);
        true
    }

    fn facets(&self) -> Vec<(String, usize)> {
        counted(self.versions.rows.iter().map(|known| known.who.clone()))
    }

    fn close(&mut self, _session: &mut Session) -> bool {
        self.view.split.close()
    }

    fn mouse(&mut self, event: MouseEvent, session: &mut Session) -> bool {
        match self.view.mouse(event, self.versions.rows.len()) {
            Click::Open => self.act(Act::Open, session),
            click => click == Click::Moved,
        }
    }

    fn copy(&self, what: Copied, session: &Session) -> Option<Result<String, String>> {
        match what {
            Copied::Command => {
                let pair = self
                    .pair()
                    .filter(|_| self.view.split.detail || self.look.marked.is_some());
                let main = |row: usize| {
                    self.versions
                        .rows
                        .get(row)
                        .map_or(0, |known| known.version.revision.main)
                };
                let mut history = Command::inspect("history").key(&self.versions.key);
                if let Some((Some(from), to)) = pair {
                    let (from, to) = (main(from).to_string(), main(to).to_string());
                    history = history.args(["--diff", "--from", &from, "--to", &to]);
                }
                Some(Ok(session.command(history.arg("-d").evidence())))
            }
            Copied::Revision => Some(
                self.selected()
                    .map(|known| known.version.revision.main.to_string())
                    .ok_or_else(|| "no version".to_owned()),
            ),
            Copied::Yaml | Copied::Json => Some(self.copied(what == Copied::Json, session)),
            _ => None,
        }
    }
}

impl History {
    /// Looks for carved versions, or says how many there are.
    fn carve(&mut self, session: &mut Session) {
        self.look.db_only = false;
        // What failed is tried again.
        if let Some(slot) = session.slots.get_mut(session.current)
            && matches!(slot.carved, Some(Part::Failed(_)))
        {
            slot.carved = None;
        }
        let text = match session.carved(true) {
            Some(Part::Ready(carved)) => format!(
                "carved: {} versions of all keys that neither db nor log have, {} more writes without a revision",
                number::thousands(carved.len() as i128),
                number::thousands(carved.unplaced as i128)
            ),
            Some(Part::Failed(why)) => why,
            Some(Part::Waiting) => "carving: all of the files is read…".to_owned(),
            None => "carved records are among the rows already, or the index is not there yet"
                .to_owned(),
        };
        session.say(Role::Dim, text);
        self.refresh(session);
    }

    /// Leaves out versions that change nothing but status, or shows them again.
    fn toggle_spec_only(&mut self, session: &mut Session) {
        self.look.spec_only = !self.look.spec_only;
        let before = self.selected().map(|known| known.version.revision.main);
        let marked = self.look.marked.and_then(|row| self.versions.rows.get(row));
        let marked = marked.map(|known| known.version.revision.main);
        self.versions.fold(self.look.spec_only);
        self.keep(before, marked, session);
        let text = match self.look.spec_only {
            true => format!(
                "only changes of spec and metadata: {} of nothing but status are hidden",
                self.versions.hidden()
            ),
            false => "all versions".to_owned(),
        };
        session.say(Role::Dim, text);
    }

    /// Puts cursor and mark on the versions that they were on; on the next older one where it is hidden now.
    fn keep(&mut self, before: Option<i64>, marked: Option<i64>, session: &mut Session) {
        let row = |main: i64| {
            let mut rows = self.versions.rows.iter();
            rows.position(|known| known.version.revision.main <= main)
        };
        let (row, mark) = (before.and_then(row), marked.and_then(row));
        self.look.marked = mark;
        if let Some(row) = row {
            self.view.select(row, session);
        }
    }

    /// The version under the cursor, never with a mask as a value.
    fn copied(&self, json: bool, session: &Session) -> Result<String, String> {
        let known = self.selected().ok_or("no version")?;
        let data = self.data.as_ref().ok_or("there is no index yet")?;
        let object = Object::read(known.version.clone(), data, session);
        match object.json.is_err() && !object.hidden && !json {
            // What is no object is its text.
            true => Ok(known.text.clone()),
            false => object.text_as(json, Neat::Full),
        }
    }

    /// Puts the cursor on a version, and marks another one as A.
    fn point(&mut self, main: Option<i64>, from: Option<i64>, session: &mut Session) {
        let row = |main: i64| {
            let mut rows = self.versions.rows.iter();
            rows.position(|known| known.version.revision.main == main)
        };
        let (row, marked) = (main.and_then(row), from.and_then(row));
        if let Some(row) = row {
            self.view.select(row, session);
        }
        if from.is_some() {
            (self.look.marked, self.look.whole) = (marked, false);
        }
    }

    fn selected(&self) -> Option<&Known> {
        let rows = &self.versions.rows;
        rows.get(self.view.row(rows.len())?)
    }

    /// Whether a mask hides something of the versions that are compared.
    fn is_masked(&self, session: &Session) -> bool {
        let (Some(data), Some((from, to))) = (session.data(), self.pair()) else {
            return false;
        };
        let rows = from.into_iter().chain([to]);
        rows.filter_map(|row| self.versions.rows.get(row))
            .any(|known| Object::read(known.version.clone(), data, session).is_masked(session))
    }

    fn name(&self, session: &Session) -> String {
        let data = session.data();
        let parsed = data.and_then(|data| data.layout().parse(&self.versions.key));
        match parsed {
            Some(key) => key.to_string(),
            None if self.versions.key.is_empty() => "no key".to_owned(),
            None => escape::bytes(&self.versions.key, session.charset()).into_owned(),
        }
    }
}

//! Browse: resources, namespaces, names; the object under the cursor beside them.

mod blamed;
mod draw;
mod filter;
mod loaded;
mod preview;
mod select;
mod show;
mod table;
mod tabled;
mod totals;
mod tree;

use std::any::Any;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use etcd_inspect::text::escape;
use ratatui::layout::{Position, Rect};

use crate::act::{Act, Copied};
use crate::asked::AskedObjects;
use crate::job::JobId;
use crate::object::Neat;
use crate::paint::Pen;
use crate::screen::{Screen, ScreenId, Snapshot};
use crate::session::{Data, Session};
use crate::target::Target;
use crate::theme::Role;
use crate::widgets::{List, Panes, Split};
use filter::Filter;
use preview::{ObjectLook, Preview};
use table::{ObjectTable, TableBefore};
use totals::Totals;
use tree::{Shape, Tree, TreeRow};

/// The screen.
#[derive(Debug, Default)]
pub(crate) struct Browse {
    tree: Tree,
    list: List,
    split: Split,
    open: Rc<BTreeSet<Vec<u8>>>,
    deleted: bool,
    filter: Filter,
    table: ObjectTable,
    totals: Totals,
    preview: Preview,
    selected: Option<Selected>,
    grown: Option<Grown>,
    panes: Panes,
    body: Rect,
}

/// What the cursor is on.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Selected {
    Branch(Vec<u8>),
    Key(Vec<u8>),
}

/// What the tree was grown from.
#[derive(Clone, Debug)]
struct Grown {
    data: Arc<Data>,
    revision: i64,
}

/// For the back stack.
struct BrowseBefore {
    open: Rc<BTreeSet<Vec<u8>>>,
    deleted: bool,
    list: List,
    split: Split,
    selected: Option<Selected>,
    look: ObjectLook,
    asked: Option<Arc<AskedObjects>>,
    table: TableBefore,
}

impl Screen for Browse {
    fn id(&self) -> ScreenId {
        ScreenId::Browse
    }

    fn refresh(&mut self, session: &mut Session) {
        let Some(data) = session.rows().cloned() else {
            (self.tree, self.grown) = (Tree::default(), None);
            return;
        };
        let revision = session.ruler.revision();
        let is_new = self
            .grown
            .as_ref()
            .is_none_or(|grown| !Arc::ptr_eq(&grown.data, &data));
        if is_new {
            self.unfold_roots(&data);
        }
        let focus = session
            .focus()
            .map(<[u8]>::to_vec)
            .filter(|_| !is_new || session.options.key.is_some());
        if let Some(key) = focus.filter(|key| self.selected != Some(Selected::Key(key.clone()))) {
            self.table.close(session);
            self.unfold_to(&data, &key);
            self.selected = Some(Selected::Key(key));
        }
        self.table.read(&data, self.deleted, session);
        if is_new
            || self
                .grown
                .as_ref()
                .is_none_or(|grown| grown.revision != revision)
        {
            self.filter.restart(&data, revision, self.deleted, session);
        }
        self.grown = Some(Grown { data, revision });
        self.grow(session);
    }

    fn settle(&mut self, session: &mut Session) {
        self.totals.settle(&self.tree, session);
        self.preview.settle(session);
        if let Some(text) = session.sought.take() {
            self.split.detail = true;
            self.preview.look.neat = Neat::Full;
            self.preview.settle(session);
            self.preview.find.set("", 0);
            self.preview.look_for(&text);
            session.wish_find(text);
        }
        self.preview.settle_blame(session);
    }

    fn act(&mut self, act: Act, session: &mut Session) -> bool {
        if act == Act::Same {
            match self.preview.value().filter(|_| self.split.detail) {
                Some(value) => session.go(Target::Search(regex::escape(&value))),
                None => session.say(Role::Dim, "Tab, then j to a line with a value"),
            }
            return true;
        }
        if self.split.detail && self.preview.act(act, true, session) {
            return true;
        }
        if self.split.act(act) {
            return true;
        }
        if self.act_on_table(act, session) {
            return true;
        }
        match act {
            Act::Open | Act::Right | Act::Fold => self.enter(act, session),
            Act::Left => self.outward(session),
            Act::Deleted => self.toggle_deleted(session),
            Act::Owner => match self.preview.owner(session) {
                Ok(key) => session.go(Target::Key(key)),
                Err(why) => session.say(Role::Dim, why),
            },
            Act::MarkDiff => self.mark_diff(session),
            Act::Users => match self.preview.uid(session) {
                Ok(uid) => session.go(Target::Search(uid)),
                Err(why) => session.say(Role::Dim, why),
            },
            Act::FoldMore => self.fold_all(session),
            Act::NextMark | Act::PrevMark => self.go_to_deleted(act == Act::NextMark, session),
            Act::NextHit | Act::PrevHit if self.preview.find.is_on() => {
                self.preview.find.step(act == Act::NextHit);
                self.preview.seek();
            }
            Act::NextHit | Act::PrevHit => {
                let step = if act == Act::NextHit {
                    Act::Down
                } else {
                    Act::Up
                };
                if !self.filter.is_on() {
                    session.say(Role::Dim, "no filter is set: / begins one");
                } else if self.list.act(step, self.tree.len()) {
                    self.take(session);
                }
            }
            act if self.list.act(act, self.tree.len()) => self.take(session),
            act => return self.preview.act(act, false, session),
        }
        true
    }

    fn draw(&mut self, area: Rect, pen: &mut Pen<'_>, session: &Session) {
        self.draw_all(area, pen, session);
    }

    fn crumbs(&self, session: &Session) -> Vec<String> {
        let (Some(grown), Some(selected)) = (&self.grown, &self.selected) else {
            return Vec::new();
        };
        let charset = session.charset();
        let (Selected::Branch(key) | Selected::Key(key)) = selected;
        let mut shown = 0;
        let mut crumbs = Vec::new();
        for prefix in tree::way(&grown.data, key) {
            let part = prefix.get(shown..).unwrap_or(&prefix);
            let part = part.strip_prefix(b"/").unwrap_or(part);
            let part = part.strip_suffix(b"/").unwrap_or(part);
            if !part.is_empty() && prefix.first() != Some(&0) {
                crumbs.push(escape::bytes(part, charset).into_owned());
                shown = prefix.len();
            }
            if matches!(selected, Selected::Branch(branch) if *branch == prefix) {
                return crumbs;
            }
        }
        if let Selected::Key(key) = selected {
            crumbs.push(escape::bytes(key.get(shown..).unwrap_or_default(), charset).into_owned());
        }
        crumbs
    }

    fn accept(&mut self, target: &Target, session: &mut Session) -> Result<(), String> {
        let data = session
            .rows()
            .cloned()
            .ok_or_else(|| session.why_no_data().plain())?;
        let key = match target {
            Target::Objects(asked) => return self.show_table(&data, asked, session),
            Target::Key(key) => key.clone(),
            Target::Revision { key: Some(key), .. } => key.clone(),
            Target::Revision { main, key: None } => {
                let first = data.keyspace().between(*main..=*main).next();
                first
                    .ok_or_else(|| {
                        format!("nothing that was written at revision {main} is stored")
                    })?
                    .key
                    .to_vec()
            }
            _ => return Err("Browse shows keys".to_owned()),
        };
        self.table.close(session);
        self.show(&data, &key, session)
    }

    fn snapshot(&self) -> Snapshot {
        Rc::new(BrowseBefore {
            open: Rc::clone(&self.open),
            deleted: self.deleted,
            list: self.list,
            split: self.split,
            selected: self.selected.clone(),
            look: self.preview.look.clone(),
            asked: self.filter.asked().cloned(),
            table: self.table.before(),
        })
    }

    fn restore(&mut self, snapshot: &dyn Any, session: &mut Session) {
        if let Some(before) = snapshot.downcast_ref::<BrowseBefore>() {
            self.open = Rc::clone(&before.open);
            (self.deleted, self.list, self.split) = (before.deleted, before.list, before.split);
            self.selected.clone_from(&before.selected);
            self.preview.look = before.look.clone();
            self.filter.ask(before.asked.clone());
            self.table.restore(&before.table, session);
            if let Some(grown) = &self.grown {
                self.filter
                    .restart(&grown.data, grown.revision, self.deleted, session);
                let data = Arc::clone(&grown.data);
                self.table.read(&data, self.deleted, session);
            }
            self.grow(session);
            self.list = before.list;
        }
    }

    fn answer(
        &mut self,
        job: JobId,
        value: Box<dyn Any + Send>,
        last: bool,
        session: &mut Session,
    ) {
        let Some(value) = self.preview.blamed.answer(job, value) else {
            return;
        };
        let is_open = self.table.is_open();
        let Some(value) = self.table.answer(job, value, session) else {
            if is_open {
                self.take(session);
            }
            return;
        };
        if let Some(value) = self.totals.answer(job, value)
            && self.filter.answer(job, value, last)
        {
            self.grow(session);
        }
    }

    fn is_text(&self) -> bool {
        self.split.detail && matches!(self.selected, Some(Selected::Key(_)))
    }

    fn find(&mut self, text: &str) {
        self.preview.look_for(text);
    }

    fn is_without_row(&self) -> bool {
        match self.table.is_open() {
            true => self.table.len() == 0 && !self.table.text().is_empty(),
            false => self.tree.len() == 0 && self.filter.is_on(),
        }
    }

    fn filter(&mut self, text: &str, session: &mut Session) -> bool {
        let Some(grown) = self.grown.clone() else {
            return text.is_empty();
        };
        if self.table.is_open() {
            if text != self.table.text() {
                self.split.detail = false;
                self.table.filter(text, session);
                self.take(session);
            }
            return true;
        }
        if text == self.filter.text() {
            return true;
        }
        self.split.detail = false;
        let leaving = self.filter.is_on() && text.is_empty();
        self.filter
            .set(text, &grown.data, grown.revision, self.deleted, session);
        if leaving && let Some(Selected::Key(key)) = self.selected.clone() {
            // Where the filter found something, the tree unfolds to it.
            self.unfold_to(&grown.data, &key);
        }
        self.grow(session);
        true
    }

    fn order_by(&mut self, column: &str, session: &mut Session) {
        self.table.sort_by(column, session);
        self.take(session);
    }

    fn order_by_letter(&mut self, letter: char, session: &mut Session) -> bool {
        let is_column = self.table.is_open() && self.table.sort_by_letter(letter, session);
        if is_column {
            self.take(session);
        }
        is_column
    }

    fn close(&mut self, session: &mut Session) -> bool {
        if self.split.close() {
            return true;
        }
        if self.table.is_open() {
            self.show_tree(session);
            return true;
        }
        let asked = self.filter.asked().is_some();
        if let (true, Some(grown)) = (asked, self.grown.clone()) {
            self.filter.clear();
            if let Some(Selected::Key(key)) = self.selected.clone() {
                self.unfold_to(&grown.data, &key);
            }
            self.grow(session);
        }
        asked
    }

    fn copy(&self, what: Copied, session: &Session) -> Option<Result<String, String>> {
        match (what, &self.selected) {
            (Copied::Yaml, _) => Some(self.preview.copy(false, session)),
            (Copied::Json, _) => Some(self.preview.copy(true, session)),
            (Copied::Command, Some(selected)) => Some(Ok(self.command(selected, session))),
            (Copied::Key, Some(Selected::Branch(prefix))) => {
                Some(Ok(escape::bytes(prefix, session.charset()).into_owned()))
            }
            _ => None,
        }
    }

    fn mouse(&mut self, event: MouseEvent, session: &mut Session) -> bool {
        if self.split.drag(event, &self.panes) {
            return true;
        }
        let at = Position::new(event.column, event.row);
        let detail = self.panes.detail.contains(at);
        if !detail && !self.panes.list.contains(at) {
            return false;
        }
        match event.kind {
            MouseEventKind::ScrollDown | MouseEventKind::ScrollUp => {
                let act = if event.kind == MouseEventKind::ScrollDown {
                    Act::Down
                } else {
                    Act::Up
                };
                if detail {
                    self.preview.act(act, true, session)
                } else if self.table.is_open() {
                    self.act_on_table(act, session)
                } else {
                    let moved = self.list.act(act, self.tree.len());
                    self.take(session);
                    moved
                }
            }
            MouseEventKind::Down(MouseButton::Left) => {
                self.split.detail = detail;
                if !detail && self.table.is_open() {
                    let rows = self.table.len();
                    let open = self.table.list.click(at, self.body, rows);
                    self.take(session);
                    self.split.detail = open;
                } else if !detail {
                    let open = self.list.click(at, self.body, self.tree.len());
                    self.take(session);
                    if open {
                        self.enter(Act::Open, session);
                    }
                }
                true
            }
            _ => false,
        }
    }
}

impl Browse {
    fn toggle_deleted(&mut self, session: &mut Session) {
        self.deleted = !self.deleted;
        if let Some(grown) = self.grown.clone() {
            self.filter
                .restart(&grown.data, grown.revision, self.deleted, session);
            self.table.read(&grown.data, self.deleted, session);
        }
        session.say(
            Role::Dim,
            if self.deleted {
                "deleted keys are shown too"
            } else {
                "only keys of this revision"
            },
        );
        self.grow(session);
    }

    /// Grows the tree again and puts the cursor back on what it was on.
    fn grow(&mut self, session: &mut Session) {
        let Some(grown) = &self.grown else { return };
        let keep = match &self.selected {
            Some(Selected::Key(key)) => Some(key.as_slice()),
            _ => None,
        };
        let shape = Shape {
            data: &grown.data,
            revision: grown.revision,
            open: &self.open,
            deleted: self.deleted,
            keep,
        };
        self.tree = match self.filter.found() {
            Some(found) => Tree::flat(&grown.data, found),
            None => Tree::grow(&shape),
        };
        let row = match &self.selected {
            Some(Selected::Key(key)) => grown
                .data
                .directory()
                .position(key)
                .and_then(|at| self.tree.key_row(at)),
            Some(Selected::Branch(prefix)) => self.tree.branch_row(prefix),
            None => None,
        };
        match row {
            Some(row) => self.list.anchor(row),
            None => self
                .list
                .select(self.list.cursor().min(self.tree.len().saturating_sub(1))),
        }
        self.take(session);
    }

    /// Takes up what the cursor is on.
    fn take(&mut self, session: &mut Session) {
        let Some(grown) = &self.grown else { return };
        if self.table.is_open() {
            let key = self.table.key();
            // What the filter left out is no longer selected; rows that are still being read are no reason to forget the key.
            if key.is_some() || self.is_without_row() {
                session.set_focus(key.as_deref());
                self.selected = key.map(Selected::Key);
            }
            return;
        }
        self.selected = match self.tree.row(self.list.cursor()) {
            Some(TreeRow::Branch(branch)) => Some(Selected::Branch(branch.prefix)),
            Some(TreeRow::Key { position, .. }) => {
                Some(Selected::Key(grown.data.directory().key(position).to_vec()))
            }
            None => None,
        };
        session.set_focus(match &self.selected {
            Some(Selected::Key(key)) => Some(key),
            _ => None,
        });
    }
}

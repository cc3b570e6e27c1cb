//! Browse while it shows a table in place of the tree.

use std::sync::Arc;

use super::table::TableAsk;
use super::tree::{BranchKind, TreeRow};
use super::{Browse, Selected};
use crate::act::Act;
use crate::asked::AskedObjects;
use crate::session::{Data, Session};
use crate::theme::Role;

impl Browse {
    /// What a key does with the table, and which key opens it; `false`: nothing.
    pub(super) fn act_on_table(&mut self, act: Act, session: &mut Session) -> bool {
        match act {
            Act::Tree if self.table.is_open() => self.show_tree(session),
            Act::Tree => self.table_here(session),
            Act::BySize if self.table.is_open() => {
                self.table.sort_by("SIZE", session);
                self.take(session);
            }
            Act::BySize => self.open_table(TableAsk::Largest, session),
            Act::Open => {
                if self.table.is_open() {
                    session.visit();
                    self.split.detail = true;
                    return true;
                }
                let asked = self.branch_asked();
                let Some(asked) = asked else { return false };
                self.open_table(TableAsk::Objects(asked), session);
            }
            _ if !self.table.is_open() => return false,
            Act::Right => self.split.detail = true,
            Act::Left => self.show_tree(session),
            Act::Sort => session.choose_order(self.table.headings()),
            Act::NextMark | Act::PrevMark => match self.table.go_to_deleted(act) {
                true => self.take(session),
                false => session.say(
                    Role::Dim,
                    "no deleted object among the rows; A shows those too",
                ),
            },
            Act::NextHit | Act::PrevHit if !self.preview.find.is_on() => {
                let step = match act {
                    Act::NextHit => Act::Down,
                    _ => Act::Up,
                };
                let rows = self.table.len();
                self.table.list.act(step, rows);
                self.take(session);
            }
            act => {
                let rows = self.table.len();
                if !self.table.list.act(act, rows) {
                    return false;
                }
                self.take(session);
            }
        }
        true
    }

    /// Opens a table in place of the tree.
    pub(super) fn open_table(&mut self, ask: TableAsk, session: &mut Session) {
        let Some(grown) = self.grown.clone() else {
            return session.say(Role::Dim, "there is no index yet");
        };
        session.visit();
        self.split.detail = false;
        self.filter.clear();
        self.table.open(ask);
        self.selected = None;
        session.set_focus(None);
        self.table.read(&grown.data, self.deleted, session);
    }

    /// Back to the tree, with the cursor on the same key.
    pub(super) fn show_tree(&mut self, session: &mut Session) {
        self.table.close(session);
        if let (Some(grown), Some(Selected::Key(key))) = (self.grown.clone(), self.selected.clone())
        {
            self.unfold_to(&grown.data, &key);
        }
        self.grow(session);
    }

    /// The table of the resource that the cursor is in.
    fn table_here(&mut self, session: &mut Session) {
        let asked = self.branch_asked().or_else(|| {
            let Some(Selected::Key(key)) = &self.selected else {
                return None;
            };
            let grown = self.grown.as_ref()?;
            let parsed = grown.data.layout().parse(key)?;
            resource(&grown.data, parsed.path, parsed.namespace)
        });
        match asked {
            Some(asked) => self.open_table(TableAsk::Objects(asked), session),
            None => session.say(
                Role::Dim,
                "only Kubernetes resources have a table; S lists the largest values",
            ),
        }
    }

    /// What the branch under the cursor would be asked for as.
    fn branch_asked(&self) -> Option<AskedObjects> {
        let grown = self.grown.as_ref().filter(|grown| grown.data.complete)?;
        let Some(TreeRow::Branch(branch)) = self.tree.row(self.list.cursor()) else {
            return None;
        };
        if !matches!(branch.kind, BranchKind::Resource | BranchKind::Namespace) {
            return None;
        }
        let first = grown.data.directory().key(branch.part.start);
        let parsed = grown.data.layout().parse(first)?;
        let namespace = parsed
            .namespace
            .filter(|_| branch.kind == BranchKind::Namespace);
        resource(&grown.data, parsed.path, namespace)
    }

    /// Shows the objects that were asked for as a table; one of them by its name in the tree.
    pub(super) fn show_table(
        &mut self,
        data: &Arc<Data>,
        asked: &AskedObjects,
        session: &mut Session,
    ) -> Result<(), String> {
        if asked.name.is_some()
            && let [key] = asked.keys(data).as_slice()
        {
            self.table.close(session);
            return self.show(data, key, session);
        }
        if !data.complete {
            return self.show_objects(data, asked, session);
        }
        self.open_table(TableAsk::Objects(asked.clone()), session);
        Ok(())
    }
}

/// All objects of a resource, by its path below the prefix.
fn resource(data: &Data, path: &str, namespace: Option<&str>) -> Option<AskedObjects> {
    let layout = data.layout();
    let plural = path.rsplit('/').next().unwrap_or(path);
    let mut targets = layout.resolve(plural);
    targets.extend(layout.resolve_stored(plural, std::iter::once(path)));
    let target = targets.into_iter().find(|target| target.path == path)?;
    let text = match namespace {
        Some(namespace) => format!("{} -n {namespace}", target.plural),
        None => target.plural.clone(),
    };
    Some(AskedObjects {
        text,
        targets: vec![target],
        namespace: namespace.map(str::to_owned),
        name: None,
        labels: Default::default(),
        fields: Default::default(),
    })
}

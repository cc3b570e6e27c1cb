//! Moving through the tree: unfolding, folding, finding.

use std::rc::Rc;
use std::sync::Arc;

use etcd_inspect::Command;
use etcd_inspect::text::{escape, number};

use super::preview::ObjectView;
use super::tree::{self, TreeRow};
use super::{Browse, Selected};
use crate::act::Act;
use crate::asked::AskedObjects;
use crate::session::{Data, Session};
use crate::target::Target;
use crate::theme::Role;
use crate::widgets::List;

/// Rows that a search for the next deleted key looks at.
const LOOK: usize = 200_000;

impl Browse {
    /// At the start the roots are unfolded.
    pub(super) fn unfold_roots(&mut self, data: &Data) {
        let first = data.directory().key(0);
        let roots = tree::way(data, first).into_iter().take(1);
        Rc::make_mut(&mut self.open).extend(roots);
        for prefix in data.layout().prefixes() {
            let prefix = format!("{prefix}/").into_bytes();
            if !data.directory().below(&prefix).is_empty() {
                Rc::make_mut(&mut self.open).insert(prefix);
            }
        }
    }

    /// Unfolds every branch that a key is in.
    pub(super) fn unfold_to(&mut self, data: &Data, key: &[u8]) {
        Rc::make_mut(&mut self.open).extend(tree::way(data, key));
    }

    /// Puts the cursor on a key, or on the branch of that prefix.
    pub(super) fn show(
        &mut self,
        data: &Data,
        key: &[u8],
        session: &mut Session,
    ) -> Result<(), String> {
        if data.directory().position(key).is_some() {
            self.unfold_to(data, key);
            self.selected = Some(Selected::Key(key.to_vec()));
        } else {
            let way = tree::way(data, key);
            let branch = way
                .iter()
                .filter(|prefix| prefix.len() <= key.len())
                .max_by_key(|prefix| prefix.len());
            let Some(branch) = branch
                .filter(|_| !data.directory().below(key).is_empty())
                .cloned()
            else {
                let shown = escape::bytes(key, session.charset());
                return Err(match data.complete {
                    true => format!("nothing of {shown} is stored"),
                    false => format!(
                        "{shown} is not among the newest writes, and the index is not complete"
                    ),
                });
            };
            self.selected = Some(Selected::Branch(branch));
            Rc::make_mut(&mut self.open)
                .extend(way.into_iter().filter(|prefix| prefix.len() <= key.len()));
        }
        if self.filter.is_on() {
            self.filter.clear();
        }
        self.grow(session);
        Ok(())
    }

    /// Shows the objects that were asked for: one key or one branch in the tree, else a list.
    pub(super) fn show_objects(
        &mut self,
        data: &Arc<Data>,
        asked: &AskedObjects,
        session: &mut Session,
    ) -> Result<(), String> {
        if let ([key], true) = (asked.keys(data).as_slice(), asked.is_plain()) {
            return self.show(data, key, session);
        }
        self.split.detail = false;
        self.filter.ask(Some(Arc::new(asked.clone())));
        self.list = List::default();
        self.selected = None;
        let revision = session.ruler.revision();
        self.filter.restart(data, revision, self.deleted, session);
        self.grow(session);
        Ok(())
    }

    /// Enter, `l` and Space: unfold a branch, or go to the object.
    pub(super) fn enter(&mut self, act: Act, session: &mut Session) {
        match self.selected.clone() {
            Some(Selected::Branch(prefix)) => {
                let open = Rc::make_mut(&mut self.open);
                if act == Act::Right || !open.remove(&prefix) {
                    open.insert(prefix);
                }
                self.grow(session);
            }
            Some(Selected::Key(_)) if act != Act::Fold => {
                session.visit();
                self.split.detail = true;
            }
            _ => {}
        }
    }

    /// `h`: fold, or to the branch above.
    pub(super) fn outward(&mut self, session: &mut Session) {
        let Some(grown) = &self.grown else { return };
        let (key, is_key) = match &self.selected {
            Some(Selected::Branch(prefix)) => (prefix.clone(), false),
            Some(Selected::Key(key)) => (key.clone(), true),
            None => return,
        };
        if !is_key && Rc::make_mut(&mut self.open).remove(&key) {
            return self.grow(session);
        }
        let above = tree::way(&grown.data, &key)
            .into_iter()
            .rfind(|prefix| prefix.len() < key.len() || is_key);
        if let Some(above) = above.filter(|above| *above != key) {
            self.selected = Some(Selected::Branch(above));
            self.grow(session);
        }
    }

    /// Folds everything but the roots.
    pub(super) fn fold_all(&mut self, session: &mut Session) {
        let Some(grown) = self.grown.clone() else {
            return;
        };
        self.open = Rc::default();
        self.unfold_roots(&grown.data);
        if let Some(Selected::Key(key) | Selected::Branch(key)) = &self.selected {
            let way = tree::way(&grown.data, key);
            self.selected = way.get(1).or(way.first()).cloned().map(Selected::Branch);
        }
        self.grow(session);
    }

    /// To the next key that is deleted, or will be.
    pub(super) fn go_to_deleted(&mut self, forward: bool, session: &mut Session) {
        let Some(grown) = &self.grown else { return };
        let cursor = self.list.cursor();
        let is_deleted = |row: &usize| match self.tree.row(*row) {
            Some(TreeRow::Key { position, .. }) => grown
                .data
                .directory()
                .newest(position)
                .is_some_and(|newest| newest.tombstone),
            _ => false,
        };
        let found = if forward {
            (cursor.saturating_add(1)..self.tree.len())
                .take(LOOK)
                .find(is_deleted)
        } else {
            (0..cursor).rev().take(LOOK).find(is_deleted)
        };
        match found {
            Some(row) => {
                self.list.select(row);
                self.take(session);
            }
            None => session.say(
                Role::Dim,
                "no deleted key among the rows; A shows those too",
            ),
        }
    }

    /// Marks the shown version as A; at another version of the same key goes to the difference.
    pub(super) fn mark_diff(&self, session: &mut Session) {
        let Some(Selected::Key(key)) = self.selected.clone() else {
            return session.say(Role::Dim, "no key is selected");
        };
        let Some(version) = session.version(&key) else {
            return session.say(
                Role::Dim,
                "it does not exist at this revision: , goes to its versions",
            );
        };
        let main = version.revision.main;
        match session.marked.take() {
            Some((of, a)) if of == key && a == main => {
                session.say(Role::Dim, "A is no longer marked");
            }
            Some((of, a)) if of == key => session.go(Target::Diff {
                key,
                from: a.min(main),
                to: a.max(main),
            }),
            _ => {
                session.marked = Some((key, main));
                let text = format!(
                    "A is the version of {}: go to another one ( , . t ), then D shows the difference",
                    number::thousands(main.into())
                );
                session.say(Role::Good, text);
            }
        }
    }

    /// The command line that answers the same.
    pub(super) fn command(&self, selected: &Selected, session: &Session) -> String {
        let data = session.rows();
        match selected {
            Selected::Key(bytes) => {
                let form: &[&str] = match self.preview.look.view {
                    ObjectView::Yaml => &["-o", "yaml"],
                    ObjectView::Describe => &["--describe"],
                    ObjectView::Hex => &["-o", "hex"],
                };
                let get = Command::inspect("get");
                let get = match data.and_then(|data| data.layout().parse(bytes)) {
                    Some(key) => {
                        let group = if key.builtin.is_some() {
                            String::new()
                        } else {
                            format!(".{}", key.group)
                        };
                        let get = get.arg(format!("{}{group}/{}", key.plural, key.name));
                        match key.namespace {
                            Some(namespace) => get.flag("-n", namespace),
                            None => get,
                        }
                    }
                    None => get.key(bytes),
                };
                let get = session.at_shown(get, bytes).args(form.iter().copied());
                session.command(get.arg("-d").evidence())
            }
            Selected::Branch(prefix) => {
                let mut keys = Command::inspect("keys");
                if prefix.first().is_some_and(|first| *first != 0) {
                    let prefix = escape::bytes(prefix, session.charset());
                    keys = keys.flag("--prefix", &*prefix);
                }
                session.command(session.at_ruler(keys).evidence())
            }
        }
    }
}

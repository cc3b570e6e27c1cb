//! The object under the cursor: YAML with blame, summary, or bytes.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use super::blamed::Blamed;
use super::loaded::{Body, LoadedVersion, Stamp, hex, load, name};
use crate::act::Act;
use crate::object::Neat;
use crate::session::Session;
use crate::widgets::{Find, List};

/// What is shown of an object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ObjectView {
    /// Its YAML.
    #[default]
    Yaml,
    /// A summary.
    Describe,
    /// The stored bytes.
    Hex,
}

/// How objects are shown: the same for all of them, so that it stays put across keys and times.
#[derive(Clone, Debug, Default)]
pub(super) struct ObjectLook {
    pub(super) view: ObjectView,
    pub(super) neat: Neat,
    pub(super) no_blame: bool,
    pub(super) list: List,
    pub(super) left: usize,
    /// Long lines are wrapped.
    pub(super) wrap: bool,
    pub(super) folds: Rc<BTreeSet<String>>,
}

/// The preview.
#[derive(Debug, Default)]
pub(super) struct Preview {
    pub(super) look: ObjectLook,
    pub(super) loaded: Option<LoadedVersion>,
    /// Who wrote its lines.
    pub(super) blamed: Blamed,
    /// What is looked for in what is shown.
    pub(super) find: Find,
}

impl Preview {
    /// Looks for a text in what is shown, from the cursor on.
    pub(super) fn look_for(&mut self, text: &str) {
        self.find.set(text, self.look.list.cursor());
        self.seek();
    }

    /// Puts the cursor on the hit that is wanted.
    pub(super) fn seek(&mut self) {
        let Some(loaded) = &self.loaded else { return };
        let len = self.len();
        if let Some(line) = self.find.look(len, |at| loaded.line(at)) {
            self.look.list.select(line);
        }
    }

    /// Begins to read who wrote what is shown.
    pub(super) fn settle_blame(&mut self, session: &mut Session) {
        if !self.look.no_blame {
            self.blamed.settle(self.loaded.as_ref(), session);
        }
    }

    /// Reads what is to be shown, where that is not yet there.
    pub(super) fn settle(&mut self, session: &Session) {
        let (Some(data), Some(key)) = (session.rows(), session.focus()) else {
            self.loaded = None;
            return;
        };
        let stamp = Stamp {
            of: Arc::as_ptr(data).addr(),
            key: key.to_vec(),
            revision: session.ruler.revision(),
            view: self.look.view,
            neat: self.look.neat,
            revealed: session.is_revealed(key),
            folds: self.look.folds.len(),
            complete: data.complete,
        };
        if self
            .loaded
            .as_ref()
            .is_none_or(|loaded| loaded.stamp != stamp)
        {
            let loaded = load(stamp, data, session, &self.look);
            let of = |loaded: &LoadedVersion| (loaded.stamp.key.clone(), loaded.stamp.view);
            let same = self.loaded.as_ref().map(of) == Some(of(&loaded));
            self.loaded = Some(loaded);
            if self.find.is_on() {
                if !same {
                    self.find.restart();
                }
                self.seek();
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        match &self.loaded {
            Some(LoadedVersion {
                body: Body::Hex,
                object: Some(object),
                ..
            }) => hex(object).len(),
            Some(loaded) => loaded.shown.len(),
            None => 0,
        }
    }

    /// What a key does in the preview, whether it has the focus or not; `false`: nothing.
    pub(super) fn act(&mut self, act: Act, focused: bool, session: &mut Session) -> bool {
        let look = &mut self.look;
        match act {
            Act::Yaml => look.view = ObjectView::Yaml,
            Act::Describe => look.view = ObjectView::Describe,
            Act::Hex => {
                look.view = if look.view == ObjectView::Hex {
                    ObjectView::Yaml
                } else {
                    ObjectView::Hex
                }
            }
            Act::Blame => {
                look.no_blame = !look.no_blame;
                look.view = ObjectView::Yaml;
            }
            Act::Neat => {
                look.neat = look.neat.next();
                look.view = ObjectView::Yaml;
            }
            Act::Reveal => match session.focus().map(<[u8]>::to_vec) {
                Some(key) => {
                    let object = self
                        .loaded
                        .as_ref()
                        .and_then(|loaded| loaded.object.as_ref());
                    let is_hidden = object.is_some_and(|object| object.is_masked(session));
                    session.reveal_hidden(&key, is_hidden);
                }
                None => return false,
            },
            Act::Wrap => look.wrap = !look.wrap,
            Act::Left if focused => look.left = look.left.saturating_sub(8),
            Act::Right if focused => look.left = look.left.saturating_add(8).min(8000),
            Act::Fold | Act::Open if focused => self.fold(),
            Act::FoldMore if focused => self.fold_level(true),
            Act::FoldLess if focused => self.fold_level(false),
            act => return focused && self.look.list.act(act, self.len()),
        }
        true
    }

    /// Folds or unfolds what begins on the line of the cursor.
    fn fold(&mut self) {
        let Some(LoadedVersion {
            body: Body::Yaml(lines),
            shown,
            ..
        }) = &self.loaded
        else {
            return;
        };
        let line = shown
            .get(self.look.list.cursor())
            .and_then(|at| lines.get(*at));
        if let Some(line) = line.filter(|line| line.opens) {
            let path = name(&line.path);
            let folds = Rc::make_mut(&mut self.look.folds);
            if !folds.remove(&path) {
                folds.insert(path);
            }
        }
    }

    /// Folds everything but the first level, or unfolds everything.
    fn fold_level(&mut self, more: bool) {
        let Some(LoadedVersion {
            body: Body::Yaml(lines),
            ..
        }) = &self.loaded
        else {
            return;
        };
        let folds = Rc::make_mut(&mut self.look.folds);
        if more {
            folds.extend(
                lines
                    .iter()
                    .filter(|line| line.opens && line.path.len() == 2)
                    .map(|line| name(&line.path)),
            );
        } else {
            folds.clear();
        }
    }

    /// The YAML or JSON of what is shown.
    pub(super) fn copy(&self, json: bool, session: &Session) -> Result<String, String> {
        if self.look.neat == Neat::Ready {
            return session.neat_text(json);
        }
        let object = self
            .loaded
            .as_ref()
            .and_then(|loaded| loaded.object.as_ref())
            .ok_or("no object is selected")?;
        object.text_as(json, self.look.neat)
    }

    /// What names the object everywhere: its uid, else its name.
    pub(super) fn uid(&self, session: &Session) -> Result<String, String> {
        let loaded = self.loaded.as_ref().ok_or("no object is selected")?;
        let json = loaded
            .object
            .as_ref()
            .and_then(|object| object.json.as_ref().ok());
        let uid = json.and_then(|object| object.pointer("/metadata/uid")?.as_str());
        let data = session.data();
        let parsed = data.and_then(|data| data.layout().parse(&loaded.stamp.key));
        uid.or(parsed.map(|key| key.name))
            .map(str::to_owned)
            .ok_or_else(|| "not a Kubernetes object".to_owned())
    }

    /// The value on the line of the cursor.
    pub(super) fn value(&self) -> Option<String> {
        let LoadedVersion {
            body: Body::Yaml(lines),
            shown,
            ..
        } = self.loaded.as_ref()?
        else {
            return None;
        };
        let line = lines.get(*shown.get(self.look.list.cursor())?)?;
        let text = line.text.trim_start();
        let text = text.strip_prefix("- ").unwrap_or(text);
        let value = text.split_once(": ").map_or(text, |(_, value)| value);
        let value = value.trim().trim_matches('"');
        (!value.is_empty() && !line.opens).then(|| value.to_owned())
    }

    /// The key of the object that controls this one, or of its first owner.
    pub(super) fn owner(&self, session: &Session) -> Result<Vec<u8>, String> {
        let data = session.rows().ok_or("there is no index yet")?;
        let loaded = self.loaded.as_ref();
        let object = loaded
            .and_then(|loaded| loaded.object.as_ref())
            .and_then(|object| object.json.as_ref().ok());
        let owners = object
            .and_then(|object| object.pointer("/metadata/ownerReferences")?.as_array())
            .ok_or("this object has no owner")?;
        let controls = |owner: &&serde_json::Value| owner.get("controller") == Some(&true.into());
        let owner = owners
            .iter()
            .find(controls)
            .or(owners.first())
            .ok_or("this object has no owner")?;
        let text = |name| {
            owner
                .get(name)
                .and_then(serde_json::Value::as_str)
                .unwrap_or_default()
        };
        let target = data
            .layout()
            .of_kind(text("apiVersion"), text("kind"))
            .ok_or_else(|| format!("{} is no resource that is known here", text("kind")))?;
        let namespace = loaded.and_then(|loaded| data.layout().parse(&loaded.stamp.key)?.namespace);
        let keys = data.objects().keys_of(&target, namespace, text("name"));
        let stored = keys
            .into_iter()
            .find(|key| data.directory().position(key).is_some());
        stored.ok_or_else(|| {
            format!(
                "its owner {}/{} is not stored any more",
                text("kind"),
                text("name")
            )
        })
    }
}

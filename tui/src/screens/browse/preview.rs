//! The object under the cursor: YAML with blame, summary, or bytes.

use std::collections::BTreeSet;
use std::rc::Rc;

use etcd_inspect::export::yaml;
use etcd_inspect::kubernetes::blame::writer;
use etcd_inspect::text::{escape, number, time};
use ratatui::layout::Rect;

use crate::act::Act;
use crate::object::{Hex, Neat, Object, describe};
use crate::paint::{Line, Pen};
use crate::session::{Data, Session};
use crate::theme::Role;
use crate::widgets::List;

/// What is shown of an object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum View {
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
pub(super) struct Look {
    pub(super) view: View,
    pub(super) neat: Neat,
    pub(super) no_blame: bool,
    pub(super) list: List,
    left: usize,
    folds: Rc<BTreeSet<String>>,
}

/// The preview.
#[derive(Debug, Default)]
pub(super) struct Preview {
    pub(super) look: Look,
    loaded: Option<Loaded>,
}

#[derive(Debug)]
struct Loaded {
    stamp: Stamp,
    object: Option<Object>,
    versions: (usize, usize),
    body: Body,
    /// Lines of the body that are not folded away.
    shown: Vec<usize>,
}

/// What a loaded object depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    key: Vec<u8>,
    revision: i64,
    view: View,
    neat: Neat,
    revealed: bool,
    folds: usize,
}

#[derive(Debug)]
enum Body {
    Yaml(Vec<yaml::Line>),
    Lines(Vec<Line>),
    Hex,
}

/// Cells of the blame column: a manager and a time.
const BLAME: u16 = 31;

impl Preview {
    /// Reads what is to be shown, where that is not yet there.
    pub(super) fn settle(&mut self, session: &Session) {
        let (Some(data), Some(key)) = (session.data(), session.focus()) else {
            self.loaded = None;
            return;
        };
        let stamp = Stamp {
            key: key.to_vec(),
            revision: session.ruler.revision(),
            view: self.look.view,
            neat: self.look.neat,
            revealed: session.is_revealed(key),
            folds: self.look.folds.len(),
        };
        if self
            .loaded
            .as_ref()
            .is_none_or(|loaded| loaded.stamp != stamp)
        {
            let loaded = load(stamp, data, session, &self.look);
            self.loaded = Some(loaded);
        }
    }

    fn len(&self) -> usize {
        match &self.loaded {
            Some(Loaded {
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
            Act::Yaml => look.view = View::Yaml,
            Act::Describe => look.view = View::Describe,
            Act::Hex => {
                look.view = if look.view == View::Hex {
                    View::Yaml
                } else {
                    View::Hex
                }
            }
            Act::Blame => {
                look.no_blame = !look.no_blame;
                look.view = View::Yaml;
            }
            Act::Neat => {
                look.neat = look.neat.next();
                look.view = View::Yaml;
            }
            Act::Reveal => match session.focus().map(<[u8]>::to_vec) {
                Some(key) => session.reveal(&key),
                None => return false,
            },
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
        let Some(Loaded {
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
        let Some(Loaded {
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
    pub(super) fn copy(&self, json: bool) -> Result<String, String> {
        let object = self
            .loaded
            .as_ref()
            .and_then(|loaded| loaded.object.as_ref())
            .ok_or("no object is selected")?;
        let value = object.json.as_ref().map_err(|why| {
            if why.is_empty() {
                "not a Kubernetes object".to_owned()
            } else {
                why.clone()
            }
        })?;
        let value = crate::object::shaped(value.clone(), self.look.neat);
        if json {
            return serde_json::to_string_pretty(&value).map_err(|error| error.to_string());
        }
        let mut text = Vec::new();
        yaml::write(&mut text, &value).map_err(|error| error.to_string())?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// The key of the object that controls this one, or of its first owner.
    pub(super) fn owner(&self, session: &Session) -> Result<Vec<u8>, String> {
        let data = session.data().ok_or("there is no index yet")?;
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
            .objects
            .layout()
            .of_kind(text("apiVersion"), text("kind"))
            .ok_or_else(|| format!("{} is no resource that is known here", text("kind")))?;
        let namespace = loaded.and_then(|loaded| data.objects.parse(&loaded.stamp.key)?.namespace);
        let keys = data.objects.keys_of(&target, namespace, text("name"));
        let stored = keys
            .into_iter()
            .find(|key| data.directory.position(key).is_some());
        stored.ok_or_else(|| {
            format!(
                "its owner {}/{} is not stored any more",
                text("kind"),
                text("name")
            )
        })
    }

    pub(super) fn draw(&mut self, area: Rect, pen: &mut Pen<'_>, session: &Session, focused: bool) {
        if area.width == 0 || area.height == 0 {
            return;
        }
        let title = self.title(session);
        let inner = pen.frame(area, &title, focused);
        let len = self.len();
        let Some(loaded) = &self.loaded else { return };
        let mut body = inner;
        let blame = !self.look.no_blame
            && inner.width >= 76
            && matches!(loaded.body, Body::Yaml(_))
            && loaded.is_object();
        if blame {
            let head = Line::of(
                Role::Dim,
                format!("{:<19} {:<10}", "who (managedFields)", "when~"),
            );
            pen.line(inner, 0, &head, 0);
            pen.put(
                inner,
                BLAME,
                0,
                &format!("│ YAML   {}", self.look.neat.name()),
                Role::Dim,
            );
            body = Rect {
                y: inner.y.saturating_add(1),
                height: inner.height.saturating_sub(1),
                ..inner
            };
        }
        let (cursor, left) = (self.look.list.cursor(), self.look.left);
        let mut before = None;
        for (y, at) in self.look.list.window(body.height, len) {
            match &loaded.body {
                Body::Hex => {
                    if let Some(object) = &loaded.object {
                        pen.line(body, y, &hex(object).row(at), left);
                    }
                }
                Body::Lines(lines) => {
                    if let Some(line) = lines.get(at) {
                        pen.line(body, y, line, left);
                    }
                }
                Body::Yaml(lines) => {
                    let Some(line) = loaded.shown.get(at).and_then(|at| lines.get(*at)) else {
                        continue;
                    };
                    let mut text = body;
                    if blame {
                        let who = loaded.who(line, session);
                        let shown = if who == before && y > 0 {
                            Line::of(Role::Dim, if who.is_some() { "." } else { "" })
                        } else {
                            blamed(who.as_ref())
                        };
                        pen.line(
                            Rect {
                                width: BLAME.min(body.width),
                                ..body
                            },
                            y,
                            &shown,
                            0,
                        );
                        before = who;
                        pen.put(body, BLAME, y, "│", Role::Dim);
                        let gap = BLAME.saturating_add(2).min(body.width);
                        text = Rect {
                            x: body.x.saturating_add(gap),
                            width: body.width - gap,
                            ..body
                        };
                    }
                    pen.line(
                        text,
                        y,
                        &coloured(
                            line,
                            self.look.folds.contains(&name(&line.path)) && line.opens,
                        ),
                        left,
                    );
                }
            }
            if focused && at == cursor {
                pen.highlight(body, y, Role::Cursor);
            }
        }
    }

    fn title(&self, session: &Session) -> Line {
        let Some(loaded) = &self.loaded else {
            return Line::from("object");
        };
        let data = session.data();
        let key = data.and_then(|data| data.objects.parse(&loaded.stamp.key));
        let name = match key {
            Some(key) => key.name.to_owned(),
            None => escape::bytes(&loaded.stamp.key, session.charset()).into_owned(),
        };
        let mut title = Line::of(Role::Name, name);
        if let Some(object) = &loaded.object {
            if let Some(kind) = object.kind() {
                title = title.text(format!(" · {kind}"));
            }
            let (which, of) = loaded.versions;
            let size = object.value.map_or(0, |value| value.value.len());
            title = title.text(format!(
                " · v{which} of {of} · {} {}",
                number::size(size as u64),
                object.encoding
            ));
        }
        if session.is_revealed(&loaded.stamp.key) {
            title = title.with(Role::Warning, " · revealed");
        }
        title
    }
}

impl Loaded {
    fn is_object(&self) -> bool {
        self.object
            .as_ref()
            .is_some_and(|object| object.json.is_ok())
    }

    /// Who wrote a line, and when.
    fn who(&self, line: &yaml::Line, session: &Session) -> Option<(String, String)> {
        let object = self.object.as_ref()?.json.as_ref().ok()?;
        let writer = writer(object, &line.path)?;
        let newest = session.data()?.newest_time;
        let when = writer
            .time
            .map(|at| time::short(at, newest.unwrap_or(at), &session.options.zone));
        Some((writer.manager.to_owned(), when.unwrap_or_default()))
    }
}

fn blamed(who: Option<&(String, String)>) -> Line {
    let Some((manager, when)) = who else {
        return Line::new();
    };
    let manager: String = if manager.chars().count() > 19 {
        manager.chars().take(18).chain(['…']).collect()
    } else {
        manager.clone()
    };
    // Of a time of another day the date says more than the second.
    let when = when.get(..10).unwrap_or(when);
    Line::of(Role::Name, format!("{manager:<19} ")).with(Role::Dim, when.to_owned())
}

/// A path as the name of a fold.
fn name(path: &[yaml::Step]) -> String {
    use std::fmt::Write as _;
    path.iter().fold(String::new(), |mut name, step| {
        let _ = match step {
            yaml::Step::Field(field) => write!(name, ".{field}"),
            yaml::Step::Item(at) => write!(name, "[{at}]"),
        };
        name
    })
}

/// Names apart from values.
fn coloured(line: &yaml::Line, folded: bool) -> Line {
    let text = &line.text;
    let shown = match text.split_once(": ") {
        Some((name, value)) if !line.path.is_empty() => {
            Line::of(Role::Name, format!("{name}: ")).text(value)
        }
        _ if line.opens => Line::of(Role::Name, text.clone()),
        _ => Line::from(text.as_str()),
    };
    if folded {
        shown.with(Role::Dim, " ▸ …")
    } else {
        shown
    }
}

fn hex(object: &Object) -> Hex<'static> {
    let bytes = object.value.map_or(&[][..], |value| value.value);
    Hex {
        offset: value_offset(object).unwrap_or(0),
        bytes: if object.hidden { &[] } else { bytes },
    }
}

/// Where the value's bytes begin in the db file.
fn value_offset(object: &Object) -> Option<u64> {
    let (value, message) = (object.value?.value, object.version.message);
    let start = value.as_ptr().addr().checked_sub(message.as_ptr().addr())?;
    let stored_key = object
        .version
        .stored_bytes
        .checked_sub(message.len() as u64)?;
    object
        .version
        .offset?
        .checked_add(stored_key)?
        .checked_add(start as u64)
}

fn load(stamp: Stamp, data: &Data, session: &Session, look: &Look) -> Loaded {
    let records = data.objects.keyspace().records_of(&stamp.key);
    let position = data.directory.position(&stamp.key);
    let version = position.and_then(|at| data.directory.at(at, stamp.revision));
    let which = records
        .iter()
        .filter(|record| !record.tombstone && record.revision.main <= stamp.revision)
        .count();
    let of = records.iter().filter(|record| !record.tombstone).count();
    let Some(version) = version else {
        let lines = absent(&stamp, data);
        return Loaded {
            shown: (0..lines.len()).collect(),
            stamp,
            object: None,
            versions: (which, of),
            body: Body::Lines(lines),
        };
    };
    let object = Object::read(version, data, session);
    let body = match look.view {
        View::Yaml => Body::Yaml(object.lines(look.neat, session)),
        View::Describe => Body::Lines(describe(&object, data, stamp.revision)),
        View::Hex if object.hidden => Body::Lines(vec![Line::of(
            Role::Dim,
            "secret bytes are hidden; X shows them for ten seconds",
        )]),
        View::Hex => Body::Hex,
    };
    let shown = match &body {
        Body::Yaml(lines) => unfolded(lines, &look.folds),
        Body::Lines(lines) => (0..lines.len()).collect(),
        Body::Hex => Vec::new(),
    };
    Loaded {
        stamp,
        object: Some(object),
        versions: (which, of),
        body,
        shown,
    }
}

/// Lines that do not lie within something folded.
fn unfolded(lines: &[yaml::Line], folds: &BTreeSet<String>) -> Vec<usize> {
    if folds.is_empty() {
        return (0..lines.len()).collect();
    }
    let mut hidden: Option<&[yaml::Step]> = None;
    let mut shown = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if hidden.is_some_and(|path| line.path.starts_with(path)) {
            continue;
        }
        hidden = (line.opens && folds.contains(&name(&line.path))).then_some(line.path.as_slice());
        shown.push(at);
    }
    shown
}

/// What to say of a key that does not exist at the revision.
fn absent(stamp: &Stamp, data: &Data) -> Vec<Line> {
    let records = data.objects.keyspace().records_of(&stamp.key);
    let at = number::thousands(stamp.revision.into());
    let before = records
        .iter()
        .rfind(|record| record.revision.main <= stamp.revision);
    let after = records
        .iter()
        .find(|record| record.revision.main > stamp.revision && !record.tombstone);
    let mut lines = vec![Line::of(
        Role::Struck,
        format!("does not exist at revision {at}"),
    )];
    if let Some(deleted) = before.filter(|record| record.tombstone) {
        lines.push(
            Line::of(
                Role::Error,
                format!(
                    "✕ deleted at {}",
                    number::thousands(deleted.revision.main.into())
                ),
            )
            .text("   , shows the version before"),
        );
    }
    if let Some(created) = after {
        lines.push(
            Line::from(format!(
                "created later, at {}",
                number::thousands(created.revision.main.into())
            ))
            .text("   . goes there"),
        );
    }
    lines
}

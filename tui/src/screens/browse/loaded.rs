//! One version as the preview has read it.

use std::collections::BTreeSet;

use etcd_inspect::export::yaml;
use etcd_inspect::text::number;

use super::preview::{ObjectLook, ObjectView};
use crate::object::{Hex, Neat, Object, describe};
use crate::paint::Line;
use crate::session::{Data, Session};
use crate::theme::Role;

/// A version, and the lines that are shown of it.
#[derive(Debug)]
pub(super) struct LoadedVersion {
    pub(super) stamp: Stamp,
    pub(super) object: Option<Object>,
    pub(super) versions: (usize, usize),
    pub(super) body: Body,
    /// Lines of the body that are not folded away.
    pub(super) shown: Vec<usize>,
    /// Of each line of YAML, which one of its path it is.
    numbers: Vec<usize>,
}

/// What a loaded object depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Which index it is read from: that of another member, or of the other side, has other values.
    pub(super) of: usize,
    pub(super) key: Vec<u8>,
    pub(super) revision: i64,
    pub(super) view: ObjectView,
    pub(super) neat: Neat,
    pub(super) revealed: bool,
    pub(super) folds: usize,
    /// Whether all versions were known.
    pub(super) complete: bool,
}

/// What the lines are.
#[derive(Debug)]
pub(super) enum Body {
    Yaml(Vec<yaml::Line>),
    Lines(Vec<Line>),
    Hex,
}

impl LoadedVersion {
    pub(super) fn is_object(&self) -> bool {
        self.object
            .as_ref()
            .is_some_and(|object| object.json.is_ok())
    }

    /// A line that is shown, as text.
    pub(super) fn line(&self, at: usize) -> String {
        match (&self.body, &self.object) {
            (Body::Yaml(lines), _) => {
                let line = self.shown.get(at).and_then(|at| lines.get(*at));
                line.map(|line| line.text.clone()).unwrap_or_default()
            }
            (Body::Lines(lines), _) => lines.get(at).map(Line::plain).unwrap_or_default(),
            (Body::Hex, Some(object)) => hex(object).row(at).plain(),
            (Body::Hex, None) => String::new(),
        }
    }

    /// Which line of its path a line of the YAML is: of a text of several lines all have the same.
    pub(super) fn number(&self, at: usize) -> usize {
        self.numbers.get(at).copied().unwrap_or(0)
    }
}

/// A path as the name of a fold.
pub(super) fn name(path: &[yaml::Step]) -> String {
    use std::fmt::Write as _;
    path.iter().fold(String::new(), |mut name, step| {
        let _ = match step {
            yaml::Step::Field(field) => write!(name, ".{field}"),
            yaml::Step::Item(at) => write!(name, "[{at}]"),
        };
        name
    })
}

pub(super) fn hex(object: &Object) -> Hex<'_> {
    Hex {
        offset: object.version.value_offset().unwrap_or(0),
        bytes: match object.hidden {
            true => &[],
            false => object.version.value(),
        },
    }
}

pub(super) fn load(
    stamp: Stamp,
    data: &Data,
    session: &Session,
    look: &ObjectLook,
) -> LoadedVersion {
    let records = data.keyspace().records_of(&stamp.key);
    let version = data.version(&stamp.key, stamp.revision);
    let which = records
        .iter()
        .filter(|record| !record.tombstone && record.revision.main <= stamp.revision)
        .count();
    let of = records.iter().filter(|record| !record.tombstone).count();
    let Some(version) = version else {
        return load_absent(stamp, (which, of), data, session, look);
    };
    let object = Object::read(version, data, session);
    let body = match look.view {
        ObjectView::Yaml => Body::Yaml(object.lines(look.neat, session)),
        ObjectView::Describe => Body::Lines(describe(&object, data, stamp.revision)),
        ObjectView::Hex if object.hidden => Body::Lines(vec![Line::piece(
            Role::Dim,
            "secret bytes are hidden; X shows them for ten seconds",
        )]),
        ObjectView::Hex => Body::Hex,
    };
    let shown = match &body {
        Body::Yaml(lines) => unfolded(lines, &look.folds),
        Body::Lines(lines) => (0..lines.len()).collect(),
        Body::Hex => Vec::new(),
    };
    LoadedVersion {
        numbers: numbers(&body),
        stamp,
        object: Some(object),
        versions: (which, of),
        body,
        shown,
    }
}

/// What is shown of a key that does not exist at the revision: when it did, and its last version.
fn load_absent(
    stamp: Stamp,
    versions: (usize, usize),
    data: &Data,
    session: &Session,
    look: &ObjectLook,
) -> LoadedVersion {
    let mut lines = absent(&stamp, data);
    let last = session.last_value(&stamp.key);
    let object = last.map(|last| Object::read(last, data, session));
    if let Some(object) = &object {
        let main = number::thousands(object.version.revision.main.into());
        lines.push(Line::new());
        lines.push(Line::piece(
            Role::Heading,
            format!("its last version, of revision {main} (cR copies YAML that creates it again)"),
        ));
        let yaml = object.lines(look.neat, session).into_iter();
        lines.extend(yaml.map(|line| Line::from(line.text)));
    }
    LoadedVersion {
        shown: (0..lines.len()).collect(),
        stamp,
        object,
        versions,
        body: Body::Lines(lines),
        numbers: Vec::new(),
    }
}

/// Of each line of YAML, which one of its path it is.
fn numbers(body: &Body) -> Vec<usize> {
    let Body::Yaml(lines) = body else {
        return Vec::new();
    };
    let mut numbers: Vec<usize> = Vec::with_capacity(lines.len());
    let mut before: Option<&[yaml::Step]> = None;
    for line in lines {
        let last = numbers.last().copied().unwrap_or(0);
        numbers.push(match before == Some(&line.path) {
            true => last.saturating_add(1),
            false => 0,
        });
        before = Some(&line.path);
    }
    numbers
}

/// Lines that are not within something folded.
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
    let records = data.keyspace().records_of(&stamp.key);
    let at = number::thousands(stamp.revision.into());
    let before = records
        .iter()
        .rfind(|record| record.revision.main <= stamp.revision);
    let after = records
        .iter()
        .find(|record| record.revision.main > stamp.revision && !record.tombstone);
    let mut lines = vec![Line::piece(
        Role::Struck,
        format!("does not exist at revision {at}"),
    )];
    if let Some(deleted) = before.filter(|record| record.tombstone) {
        lines.push(
            Line::piece(
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

//! One key that differs.

use serde_json::{Value, json};

use crate::answers::{Cell, Column, Label, Row};
use crate::kubernetes::changed::{self, Change};

/// Changed fields that a line of a table names.
const SHOWN: usize = 4;

pub(super) static COLUMNS: [Column; 10] = [
    Column::left("OP", "op"),
    Column::left("RESOURCE", "resource"),
    Column::left("NAMESPACE", "namespace"),
    Column::left("NAME", "name"),
    Column::right("REV-A", "revision_a"),
    Column::right("REV-B", "revision_b"),
    Column::left("CHANGED", "changed"),
    Column::left("KEY", "key").wide(),
    Column::json("fields"),
    Column::json("diff"),
];

/// What happened to a key between two states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiffOp {
    /// Only the second state has it.
    Added,
    /// Only the first state has it.
    Removed,
    /// The values differ.
    Changed,
    /// Written again with the same value.
    Rewritten,
    /// The stored bytes differ, and are encrypted: whether the values differ is not known.
    Closed,
}

impl DiffOp {
    /// As the table has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
            Self::Rewritten => "rewritten",
            Self::Closed => "encrypted",
        }
    }
}

/// A key that differs between two states. Texts and fields are masked.
#[derive(Clone, Debug)]
pub struct DiffRow {
    /// What happened.
    pub op: DiffOp,
    /// The key.
    pub key: Vec<u8>,
    /// `deployments`; `None` for a key that is not of Kubernetes.
    pub resource: Option<String>,
    /// The namespace, if there is one.
    pub namespace: Option<String>,
    /// The name of the object.
    pub name: Option<String>,
    /// The revision of its version in each state.
    pub revisions: [Option<i64>; 2],
    /// The fields that differ, of an object that both states have.
    pub changes: Vec<Change>,
    /// The value in the first state as text.
    pub before: String,
    /// The value in the second state as text.
    pub after: String,
    /// Lines around each change.
    pub context: usize,
}

impl DiffRow {
    /// `deployments/shop/web`, or the key.
    pub fn title(&self) -> String {
        let Some(resource) = &self.resource else {
            return located::key_word(&self.key);
        };
        let name = self.name.as_deref().unwrap_or_default();
        match &self.namespace {
            Some(namespace) => format!("{resource}/{namespace}/{name}"),
            None => format!("{resource}/{name}"),
        }
    }

    /// What a side is called above the lines of a difference: `deployments/shop/web rev 12`.
    pub fn header(&self, side: usize) -> String {
        match self.revisions.get(side).copied().flatten() {
            Some(revision) => format!("{} rev {revision}", self.title()),
            None => format!("{} absent", self.title()),
        }
    }

    /// The unified difference.
    pub fn unified(&self) -> String {
        let (from, to) = (self.header(0), self.header(1));
        changed::unified(&self.before, &self.after, &from, &to, self.context)
    }
}

impl Row for DiffRow {
    fn cells(&self) -> Vec<Cell> {
        let text = |value: &Option<String>| value.as_deref().map(Cell::text).unwrap_or_default();
        let revision = |side: usize| {
            let revision = self.revisions.get(side).copied().flatten();
            revision.map(Cell::number).unwrap_or_default()
        };
        let label = match self.op {
            DiffOp::Added => Label::Good,
            DiffOp::Removed => Label::Warning,
            DiffOp::Closed => Label::Note,
            DiffOp::Changed | DiffOp::Rewritten => Label::Plain,
        };
        vec![
            Cell::text(self.op.as_str()).label(label),
            text(&self.resource),
            text(&self.namespace),
            match &self.name {
                Some(name) => Cell::text(name),
                None => Cell::text(located::key_word(&self.key)),
            },
            revision(0),
            revision(1),
            self.changed(),
            Cell::key(self.key.as_slice()),
            Cell::shown(String::new(), self.fields()),
            Cell::text(self.unified()),
        ]
    }
}

impl DiffRow {
    fn changed(&self) -> Cell {
        let mut text: Vec<_> = self
            .changes
            .iter()
            .take(SHOWN)
            .map(Change::summary)
            .collect();
        if self.changes.len() > SHOWN {
            text.push(format!("… {} more", self.changes.len() - SHOWN));
        }
        let paths: Vec<_> = self
            .changes
            .iter()
            .map(|change| change.path.clone())
            .collect();
        Cell::shown(text.join(", "), paths)
    }

    fn fields(&self) -> Value {
        let fields = self.changes.iter().map(|change| {
            let mut field = json!({ "path": change.path });
            let sides = [("before", &change.before), ("after", &change.after)];
            for (name, value) in sides {
                if let (Some(value), Some(field)) = (value, field.as_object_mut()) {
                    field.insert(name.to_owned(), value.clone());
                }
            }
            field
        });
        Value::Array(fields.collect())
    }
}

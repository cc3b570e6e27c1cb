//! `changes --by`: the changes counted by resource, namespace or writer.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::super::{Cell, Column, Label, Row, Table};
use super::{ChangeOp, ChangeRow};

static COLUMNS: [Column; 5] = [
    Column::left("NAME", "name"),
    Column::right("CHANGES", "changes"),
    Column::right("CREATED", "created"),
    Column::right("DELETED", "deleted"),
    Column::left("LAST~", "last"),
];

/// By what changes are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangesBy {
    /// The kind of the object.
    Resource,
    /// The namespace.
    Namespace,
    /// Who wrote it.
    Who,
}

/// The changes of one group.
#[derive(Clone, Debug, Default)]
pub struct ChangesSum {
    /// Its name.
    pub name: String,
    /// Number of changed keys.
    pub changes: usize,
    /// Of them, those that were created.
    pub created: usize,
    /// Of them, those that were deleted.
    pub deleted: usize,
    last: Option<Timestamp>,
    newest: Option<Timestamp>,
}

impl Row for ChangesSum {
    fn cells(&self) -> Vec<Cell> {
        let last = self.last.map(|at| Cell::moment_near(at, self.newest));
        vec![
            Cell::text(self.name.as_str()).label(Label::Name),
            Cell::count(self.changes),
            Cell::count(self.created),
            Cell::count(self.deleted),
            last.unwrap_or_default(),
        ]
    }
}

/// The user of the audit log, however sure each of the matches is; else the writer, guesses apart from those that are known.
fn writer_of(row: &ChangeRow<'_>) -> String {
    let field = |name: &str| row.audit.as_ref()?.get(name)?.as_str();
    match (field("user"), field("impersonated"), &row.who) {
        (Some(user), Some(other), _) => format!("audit: {user} as {other}"),
        (Some(user), None, _) => format!("audit: {user}"),
        (None, _, Some(who)) => who.shown(),
        (None, _, None) => "(not known)".to_owned(),
    }
}

/// Counts changes; the group with most of them first.
pub fn sum_changes(rows: &[ChangeRow<'_>], by: ChangesBy) -> Table<ChangesSum> {
    let mut groups: BTreeMap<String, ChangesSum> = BTreeMap::new();
    for row in rows {
        let name = match by {
            ChangesBy::Resource => match row.kind.as_str() {
                "" if row.keys > 1 => "(several)".to_owned(),
                "" => "(non-k8s)".to_owned(),
                kind => kind.to_owned(),
            },
            ChangesBy::Namespace => match (&row.namespace, row.kind.as_str()) {
                (Some(namespace), _) => namespace.clone(),
                (None, "") if row.keys > 1 => "(several)".to_owned(),
                (None, "") => "(non-k8s)".to_owned(),
                (None, _) => "(cluster)".to_owned(),
            },
            ChangesBy::Who => writer_of(row),
        };
        let group = groups.entry(name).or_default();
        group.changes = group.changes.saturating_add(row.keys);
        match row.op {
            ChangeOp::Create => group.created = group.created.saturating_add(row.keys),
            ChangeOp::Delete => group.deleted = group.deleted.saturating_add(row.keys),
            ChangeOp::Update | ChangeOp::Put => {}
        }
        group.last = group.last.max(row.time.map(|write| write.time));
    }
    let newest = groups.values().filter_map(|group| group.last).max();
    let mut sums: Vec<ChangesSum> = groups
        .into_iter()
        .map(|(name, group)| ChangesSum {
            name,
            newest,
            ..group
        })
        .collect();
    sums.sort_by(|a, b| b.changes.cmp(&a.changes).then_with(|| a.name.cmp(&b.name)));
    Table::new(&COLUMNS, sums)
}

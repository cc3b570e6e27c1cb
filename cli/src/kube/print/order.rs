//! `--sort-by`: a column of the table, or as for kubectl a path in the objects.

use etcd_inspect::answers::objects::compare_cells;
use etcd_inspect::kubernetes::columns::compare;
use etcd_inspect::kubernetes::jsonpath::{JsonPath, JsonPathError};
use serde_json::Value;

use super::{Piece, Printer, Shape};
use crate::failure::Failure;
use crate::ui::Ui;

/// What the objects are sorted by.
pub(super) enum Order {
    /// By their keys.
    Keys,
    /// By what a path finds first.
    Path { path: JsonPath, reverse: bool },
    /// By the column of a heading.
    Column { name: String, reverse: bool },
}

impl Order {
    pub(super) fn parse(tabular: bool, ui: &Ui) -> Result<Self, JsonPathError> {
        let Some(text) = ui.global.sort_by.as_deref() else {
            return Ok(Self::Keys);
        };
        let (text, reverse) = match text.strip_prefix('-') {
            Some(text) => (text, true),
            None => (text, false),
        };
        if tabular && !text.contains(['.', '{', '[', '$']) {
            return Ok(Self::Column {
                name: text.to_owned(),
                reverse,
            });
        }
        let path = JsonPath::parse(text)?;
        Ok(Self::Path { path, reverse })
    }

    /// What a path finds first in an object.
    pub(super) fn key_of(&self, object: &Value) -> Option<Value> {
        match self {
            Self::Path { path, .. } => path.find(object).first().copied().cloned(),
            _ => None,
        }
    }

    /// Whether whole objects must be read.
    pub(super) fn needs_objects(&self) -> bool {
        matches!(self, Self::Path { .. })
    }
}

impl Printer<'_> {
    pub(super) fn put_in_order(&self, pieces: &mut [Piece<'_>], ui: &Ui) -> Result<(), Failure> {
        let reverse = match &self.order {
            Order::Keys => return Ok(()),
            Order::Path { reverse, .. } => {
                if !pieces.is_empty() && pieces.iter().all(|piece| piece.sort.is_none()) {
                    return Err(no_such_field(ui, &[]));
                }
                pieces.sort_by(|a, b| compare(a.sort.as_ref(), b.sort.as_ref()));
                *reverse
            }
            Order::Column { name, reverse } => {
                self.by_column(name, pieces, ui)?;
                *reverse
            }
        };
        if reverse {
            pieces.reverse();
        }
        Ok(())
    }

    /// Sorts by the cells of a column, which is not at the same place in the tables of all resources.
    fn by_column(&self, name: &str, pieces: &mut [Piece<'_>], ui: &Ui) -> Result<(), Failure> {
        let mut headings = Vec::new();
        let mut cells = Vec::with_capacity(pieces.len());
        for piece in &*pieces {
            let table = self.table(&piece.target, "", "");
            headings = self.headings(&table, self.with_namespace(&piece.target));
            let at = headings
                .iter()
                .position(|heading| heading.eq_ignore_ascii_case(name));
            cells.push(match (&piece.shape, at) {
                (Shape::Row(row), Some(at)) => row.get(at).cloned(),
                _ => None,
            });
        }
        if !cells.is_empty() && cells.iter().all(Option::is_none) {
            return Err(no_such_field(ui, &headings));
        }
        let mut cells = cells.into_iter();
        for piece in &mut *pieces {
            piece.sort = cells.next().flatten().map(Value::String);
        }
        let cell = |piece: &Piece<'_>| {
            let text = piece.sort.as_ref().and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        pieces.sort_by(|a, b| compare_cells(&cell(a), &cell(b)));
        Ok(())
    }
}

/// No object has the field of `--sort-by`: there is no order.
fn no_such_field(ui: &Ui, headings: &[String]) -> Failure {
    let field = ui.global.sort_by.as_deref().unwrap_or_default();
    let failure = match headings {
        [] => Failure::usage(format!("--sort-by {field}: no object has that field")),
        headings => Failure::usage(format!("--sort-by {field}: no such column"))
            .means(format!("the columns are {}", headings.join(", "))),
    };
    failure.next("etcd-inspect get pods -A --sort-by .metadata.creationTimestamp -d {path}")
}

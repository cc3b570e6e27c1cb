//! Which version wrote each part of a value: the versions are compared one after the other, oldest first.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use crate::kubernetes::blame::{Writer, writer, writer_since};
use crate::kubernetes::changed::{common_lines, matching_items};
use crate::kubernetes::yaml::Step;

/// Levels of a value that are compared part by part; what is deeper counts as one.
const MAX_DEPTH: usize = 200;

/// Who wrote a part, and with which version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// Position of the version.
    pub(super) version: usize,
    /// The manager, if its entry in `managedFields` says so.
    pub(super) who: Option<Arc<str>>,
    /// When the manager wrote, by that entry.
    pub(super) time: Option<Timestamp>,
}

/// A part of a value with who wrote it.
#[derive(Clone, Debug)]
pub(super) enum BlamedPart {
    /// A scalar: the mark of its name, and of each line of its text.
    Leaf(Mark, Vec<Mark>),
    Fields(Mark, Vec<(String, BlamedPart)>),
    Items(Mark, Vec<BlamedPart>),
}

/// One version that is being compared with the one before.
pub(super) struct ComparedVersion<'v> {
    /// Its position.
    pub(super) at: usize,
    /// The whole object.
    pub(super) object: &'v Value,
    /// The version before; `None` for the first.
    pub(super) before: Option<&'v Value>,
    /// Whether it is known that this version wrote all that is new in it.
    pub(super) is_origin: bool,
}

impl ComparedVersion<'_> {
    /// Marks everything below as written by this version.
    pub(super) fn fresh(&self, value: &Value, path: &mut Vec<Step>) -> BlamedPart {
        let mark = self.mark(path);
        if path.len() > MAX_DEPTH {
            return BlamedPart::Leaf(mark, Vec::new());
        }
        match value {
            Value::Object(fields) => {
                let part = |(name, value): (&String, &Value)| {
                    let part = below(path, Step::Field(name.clone()), |path| {
                        self.fresh(value, path)
                    });
                    (name.clone(), part)
                };
                BlamedPart::Fields(mark, fields.iter().map(part).collect())
            }
            Value::Array(items) => {
                let part = |(at, value): (usize, &Value)| {
                    below(path, Step::Item(at), |path| self.fresh(value, path))
                };
                BlamedPart::Items(mark, items.iter().enumerate().map(part).collect())
            }
            Value::String(text) => {
                let lines = text.lines().map(|_| mark.clone()).collect();
                BlamedPart::Leaf(mark, lines)
            }
            _ => BlamedPart::Leaf(mark.clone(), vec![mark]),
        }
    }

    /// Keeps the marks of what is as before, and marks the rest as written by this version.
    pub(super) fn update(
        &self,
        old: &Value,
        part: &BlamedPart,
        new: &Value,
        path: &mut Vec<Step>,
    ) -> BlamedPart {
        if old == new {
            return part.clone();
        }
        if path.len() > MAX_DEPTH {
            return self.fresh(new, path);
        }
        match (old, new, part) {
            (Value::Object(old), Value::Object(new), BlamedPart::Fields(mark, known)) => {
                let part = |(name, value): (&String, &Value)| {
                    let known = known.iter().find(|(known, _)| known == name);
                    let part = below(path, Step::Field(name.clone()), |path| {
                        match old.get(name).zip(known) {
                            Some((old, (_, part))) => self.update(old, part, value, path),
                            None => self.fresh(value, path),
                        }
                    });
                    (name.clone(), part)
                };
                BlamedPart::Fields(mark.clone(), new.iter().map(part).collect())
            }
            (Value::Array(old), Value::Array(new), BlamedPart::Items(mark, known)) => {
                let matching = matching_items(old, new);
                let part = |(at, (value, from)): (usize, (&Value, Option<usize>))| {
                    let known = from.and_then(|from| old.get(from).zip(known.get(from)));
                    below(path, Step::Item(at), |path| match known {
                        Some((old, part)) => self.update(old, part, value, path),
                        None => self.fresh(value, path),
                    })
                };
                let items = new.iter().zip(matching).enumerate();
                BlamedPart::Items(mark.clone(), items.map(part).collect())
            }
            (Value::String(old), Value::String(new), BlamedPart::Leaf(mark, known))
                if new.contains('\n') =>
            {
                let own = self.mark(path);
                let line = |from: Option<usize>| {
                    let known = from.and_then(|from| known.get(from));
                    known.cloned().unwrap_or_else(|| own.clone())
                };
                let lines = common_lines(old, new).into_iter().map(line).collect();
                BlamedPart::Leaf(mark.clone(), lines)
            }
            _ => self.fresh(new, path),
        }
    }

    fn mark(&self, path: &[Step]) -> Mark {
        let writer: Option<Writer<'_>> = match self.is_origin {
            // The manager whose entry changed with this version, else the owner of the field.
            true => writer_since(self.before, self.object, path),
            false => writer(self.object, path),
        };
        Mark {
            version: self.at,
            who: writer.map(|writer| writer.manager.into()),
            time: writer.and_then(|writer| writer.time),
        }
    }
}

fn below<T>(path: &mut Vec<Step>, step: Step, then: impl FnOnce(&mut Vec<Step>) -> T) -> T {
    path.push(step);
    let made = then(path);
    path.pop();
    made
}

impl BlamedPart {
    /// The mark of a line of the YAML: the line of that number of those with this path; `None` if there is only one.
    pub(super) fn mark_of(&self, path: &[Step], number: Option<usize>) -> &Mark {
        let Some((step, rest)) = path.split_first() else {
            return self.own(number);
        };
        let inner = match (self, step) {
            (Self::Fields(_, fields), Step::Field(name)) => {
                let field = fields.iter().find(|(known, _)| known == name);
                field.map(|(_, part)| part)
            }
            (Self::Items(_, items), Step::Item(at)) => items.get(*at),
            _ => None,
        };
        inner.map_or_else(|| self.own(number), |part| part.mark_of(rest, number))
    }

    fn own(&self, number: Option<usize>) -> &Mark {
        match self {
            Self::Fields(mark, _) | Self::Items(mark, _) => mark,
            Self::Leaf(mark, lines) => match number {
                // The whole text is on one line, which is as new as its newest part.
                None => lines.iter().max_by_key(|line| line.version).unwrap_or(mark),
                // The first line has the name, or only the sign of a block of text.
                Some(number) => number
                    .checked_sub(1)
                    .and_then(|at| lines.get(at))
                    .unwrap_or(mark),
            },
        }
    }
}

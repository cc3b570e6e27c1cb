//! How SQLite's conditions become a filter: chosen when a query is prepared, kept as the text that `EXPLAIN QUERY PLAN` shows.

use rusqlite::types::ValueRef;
use rusqlite::vtab::{IndexConstraintOp, IndexInfo};

use crate::definition::{Pushed, Table, Wanted};
use crate::filter::Filter;

/// A condition whose right side SQLite will give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Condition {
    on: Pushed,
    is: Comparison,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    From,
    To,
    Glob,
}

impl Comparison {
    /// A strict bound narrows as much as one with the bound itself: SQLite tests every row again.
    fn from_operator(op: IndexConstraintOp) -> Option<Self> {
        Some(match op {
            IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_EQ => Self::Equal,
            IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_GE
            | IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_GT => Self::From,
            IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_LE
            | IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_LT => Self::To,
            IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_GLOB => Self::Glob,
            _ => return None,
        })
    }

    fn narrows(self, on: Pushed) -> bool {
        match on {
            Pushed::Key => true,
            Pushed::Revision => self != Self::Glob,
            Pushed::Resource | Pushed::Namespace | Pushed::Name => self == Self::Equal,
        }
    }

    const fn sign(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::From => ">=",
            Self::To => "<=",
            Self::Glob => "~",
        }
    }
}

const NAMES: [(Pushed, &str); 5] = [
    (Pushed::Key, "key"),
    (Pushed::Revision, "revision"),
    (Pushed::Resource, "resource"),
    (Pushed::Namespace, "namespace"),
    (Pushed::Name, "name"),
];

impl std::fmt::Display for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = NAMES
            .iter()
            .find(|(on, _)| *on == self.on)
            .map_or("", |(_, name)| name);
        write!(f, "{name}{}", self.is.sign())
    }
}

impl Condition {
    fn parse(word: &str) -> Option<Self> {
        let end = word.find(['=', '>', '<', '~'])?;
        let (name, sign) = word.split_at_checked(end)?;
        let on = NAMES.iter().find(|(_, known)| *known == name)?.0;
        let all = [
            Comparison::Equal,
            Comparison::From,
            Comparison::To,
            Comparison::Glob,
        ];
        let is = all.into_iter().find(|is| is.sign() == sign)?;
        Some(Self { on, is })
    }
}

/// Chooses the conditions that narrow a table, and tells SQLite what a query costs then.
pub(super) fn choose(table: &Table, info: &mut IndexInfo) -> rusqlite::Result<()> {
    let mut chosen: Vec<(usize, Condition)> = Vec::new();
    for (at, constraint) in info.constraints().enumerate() {
        let column = usize::try_from(constraint.column()).ok();
        let on = column.and_then(|column| table.columns.get(column)?.pushed);
        let is = Comparison::from_operator(constraint.operator());
        let (Some(on), Some(is), true) = (on, is, constraint.is_usable()) else {
            continue;
        };
        let condition = Condition { on, is };
        if is.narrows(on) && !chosen.iter().any(|(_, known)| *known == condition) {
            chosen.push((at, condition));
        }
    }
    // A comparison without regard to case finds more than the bytes do.
    chosen.retain(|(at, _)| {
        info.collation(*at)
            .is_ok_and(|collation| collation == "BINARY")
    });
    let mut cost = 1e9;
    let mut words = Vec::new();
    for (argument, (at, condition)) in (1..).zip(&chosen) {
        info.constraint_usage(*at).set_argv_index(argument);
        words.push(condition.to_string());
        cost /= match (condition.on, condition.is) {
            (Pushed::Key, Comparison::Equal) => 1e8,
            (Pushed::Name, _) => 1e3,
            (_, Comparison::Equal) => 1e2,
            _ => 3.0,
        };
    }
    words.push(format!("columns:{:x}", info.col_used()));
    info.set_estimated_cost(cost);
    info.set_idx_str(&words.join(" "));
    Ok(())
}

/// The filter of a plan, with the right sides that SQLite gives now, and the columns that are asked for.
pub(super) fn filter<'v>(
    plan: Option<&str>,
    values: impl Iterator<Item = ValueRef<'v>>,
) -> (Filter, Wanted) {
    let words: Vec<&str> = plan.unwrap_or_default().split(' ').collect();
    let columns = words.iter().find_map(|word| word.strip_prefix("columns:"));
    let columns = columns.and_then(|hex| u64::from_str_radix(hex, 16).ok());
    let mut filter = Filter::default();
    for (condition, value) in words
        .iter()
        .filter_map(|word| Condition::parse(word))
        .zip(values)
    {
        add(&mut filter, condition, value);
    }
    (filter, columns.map_or(Wanted::ALL, Wanted))
}

/// Whether a text may be of a key that is shown otherwise than it is stored: a token is masked, bytes that are no UTF-8 are replaced.
fn is_of_shown(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| text.contains(SHOWN_INSTEAD))
}

/// What takes the place of other bytes.
const SHOWN_INSTEAD: [char; 2] = ['•', char::REPLACEMENT_CHARACTER];

/// Adds a condition; one whose right side is of another type narrows nothing.
fn add(filter: &mut Filter, condition: Condition, value: ValueRef<'_>) {
    match (condition.on, value) {
        (Pushed::Revision, ValueRef::Integer(revision)) => {
            if condition.is != Comparison::To {
                filter.from_revision = Some(revision);
            }
            if condition.is != Comparison::From {
                filter.to_revision = Some(revision);
            }
        }
        (Pushed::Key, ValueRef::Text(text)) => match condition.is {
            // No stored key is this text: every key is compared as it is shown.
            Comparison::Equal if is_of_shown(text) => {
                filter.from_key = Some(text.to_vec());
                filter.to_key = Some(text.to_vec());
            }
            Comparison::Equal => filter.key = Some(text.to_vec()),
            Comparison::From => filter.from_key = Some(text.to_vec()),
            Comparison::To => filter.to_key = Some(text.to_vec()),
            Comparison::Glob => {
                let text = String::from_utf8_lossy(text);
                let ends = |c: char| "*?[".contains(c) || SHOWN_INSTEAD.contains(&c);
                let literal = text.split(ends).next().unwrap_or_default();
                filter.prefix = Some(literal.as_bytes().to_vec());
            }
        },
        (on, ValueRef::Text(text)) => {
            let text = String::from_utf8_lossy(text).into_owned();
            match on {
                Pushed::Name if is_of_shown(text.as_bytes()) => {}
                Pushed::Resource => filter.resource = Some(text),
                Pushed::Namespace => filter.namespace = Some(text),
                Pushed::Name => filter.name = Some(text),
                Pushed::Key | Pushed::Revision => {}
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::{Condition, Filter, ValueRef, Wanted, filter};

    #[test]
    fn a_plan_reads_back_as_it_is_written() {
        for word in ["key=", "key>=", "key~", "revision<=", "name="] {
            assert_eq!(Condition::parse(word).unwrap().to_string(), word);
        }
        let values = [ValueRef::Text(b"/registry/po*"), ValueRef::Integer(7)];
        let (read, wanted) = filter(Some("key~ revision<= columns:5"), values.into_iter());
        let expected = Filter {
            prefix: Some(b"/registry/po".to_vec()),
            to_revision: Some(7),
            ..Filter::default()
        };
        assert_eq!((read, wanted), (expected, Wanted(5)));
    }
}

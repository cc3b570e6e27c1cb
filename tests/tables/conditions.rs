//! A condition that narrows what is read leaves the rows that it leaves when every row is read: in every table, on every column.

use std::path::Path;

use etcd_inspect::dataset::Dataset;
use etcd_inspect_tables::sql::{Bounds, Session};
use etcd_inspect_tables::{Kind, Source, TABLES, Table, TableError, Value, Values};
use testkit::data_dir;

/// Conditions of each table.
const ROUNDS: usize = 4;

fn session(data: &Path) -> Session {
    let dataset = Dataset::open(data).unwrap();
    let source = Source::new(dataset, None, Values::None);
    Session::open(&source, Bounds::default()).unwrap()
}

fn rows(session: &Session, sql: &str) -> Vec<Vec<Value>> {
    let mut rows = Vec::new();
    let mut query = session.query(sql).unwrap();
    query
        .each::<TableError>(&mut |row| {
            rows.push(row);
            Ok(())
        })
        .unwrap();
    rows
}

/// Numbers without order, the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(self.0 >> 33).unwrap() % limit.max(1)
    }
}

fn literal(value: &Value) -> Option<String> {
    Some(match value {
        Value::Integer(number) => number.to_string(),
        Value::Text(text) if !text.contains('\0') => format!("'{}'", text.replace('\'', "''")),
        _ => return None,
    })
}

/// A condition on a column by a value of it, or of another column of keys: once as SQLite may push it down, once so that it cannot (`+`).
fn condition(dice: &mut Dice, name: &str, value: &str, is_text: bool) -> [String; 2] {
    let right = match dice.below(if is_text { 7 } else { 6 }) {
        0 | 1 => format!("= {value}"),
        2 => format!(">= {value}"),
        3 => format!("< {value}"),
        4 => format!("IN ({value}, {value})"),
        5 => format!("BETWEEN {value} AND {value}"),
        _ => format!("GLOB substr({value}, 1, {}) || '*'", 1 + dice.below(40)),
    };
    [format!("{name} {right}"), format!("+{name} {right}")]
}

/// Values of the columns of a table; in columns of keys also those of every key.
fn values(session: &Session, table: &Table, column: usize) -> Vec<Value> {
    let name = table.columns[column].name;
    let from = match name {
        "key" | "resource" | "namespace" | "name" => "keys",
        _ => table.name,
    };
    let sql = format!("SELECT DISTINCT {name} FROM {from} LIMIT 2000");
    rows(session, &sql).into_iter().flatten().collect()
}

fn is_comparable(kind: Kind) -> bool {
    matches!(kind, Kind::Text | Kind::Integer)
}

#[test]
fn a_condition_that_narrows_what_is_read_leaves_the_rows_of_a_full_scan() {
    let mut dice = Dice(7);
    for member in ["k8s-1.20-etcd35", "etcd-3.4.23"] {
        let session = session(&data_dir(member));
        for table in TABLES {
            if table.on_demand {
                continue;
            }
            let pushed: Vec<usize> = (0..table.columns.len())
                .filter(|at| {
                    let column = &table.columns[*at];
                    column.pushed.is_some() && is_comparable(column.kind)
                })
                .collect();
            let known: Vec<Vec<Value>> = pushed
                .iter()
                .map(|at| values(&session, table, *at))
                .collect();
            for _ in 0..ROUNDS {
                let mut both = [Vec::new(), Vec::new()];
                for _ in 0..=dice.below(2) {
                    let Some(at) = pushed.get(dice.below(pushed.len())) else {
                        continue;
                    };
                    let place = pushed.iter().position(|one| one == at).unwrap();
                    let values = &known[place];
                    let Some(value) = values.get(dice.below(values.len())).and_then(literal) else {
                        continue;
                    };
                    let column = &table.columns[*at];
                    let made = condition(&mut dice, column.name, &value, column.kind == Kind::Text);
                    both.iter_mut()
                        .zip(made)
                        .for_each(|(list, one)| list.push(one));
                }
                let [narrowed, scanned] = both.map(|conditions| match conditions.is_empty() {
                    true => String::new(),
                    false => format!(" WHERE {}", conditions.join(" AND ")),
                });
                let count = |condition: &str| {
                    let sql = format!("SELECT * FROM {}{condition} ORDER BY 1, 2, 3", table.name);
                    rows(&session, &sql)
                };
                assert!(
                    count(&narrowed) == count(&scanned),
                    "{member}: {}{narrowed}",
                    table.name
                );
            }
        }
    }
}

/// Found by a tester: 1,166 of 567 events, and Secrets among them.
#[test]
fn a_key_of_another_resource_is_no_event() {
    let session = session(&data_dir("k8s-1.20-etcd35"));
    let number = |sql: &str| match rows(&session, sql).concat().as_slice() {
        [Value::Integer(number)] => *number,
        other => panic!("{sql}: {other:?}"),
    };
    let all = number("SELECT count(*) FROM events");
    assert!(all > 0);
    assert_eq!(
        number("SELECT count(*) FROM events WHERE key IN (SELECT key FROM keys)"),
        all
    );
    assert_eq!(
        number(
            "SELECT count(*) FROM objects o JOIN events e ON o.key = e.key WHERE o.resource = 'pods'"
        ),
        0
    );
}

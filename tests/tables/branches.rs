//! Conditions joined by OR, IN and UNION: SQLite asks a table once for each branch and joins the rows by their numbers, so that a row
//! must have the same number in each.

use etcd_inspect_tables::{Pushed, TABLES, Table};
use testkit::data_dir;

use crate::run::{sealed, text};

const EVIDENCE: &str = "k8s-1.20-etcd35";

/// The rows of a query as text, without a header.
fn ask(sql: &str) -> Vec<Vec<String>> {
    let data = data_dir(EVIDENCE);
    let said = sealed(&data, &["sql", sql, text(&data), "-o", "json"]);
    assert_eq!(said.code, 0, "{sql}: {}", said.err);
    let document = said.json();
    let rows = document["rows"].as_array().unwrap();
    let cell = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let row = |row: &serde_json::Value| row.as_object().unwrap().values().map(cell).collect();
    rows.iter().map(row).collect()
}

/// Conditions that narrow a table: some for each column that does.
fn conditions(table: &Table) -> Vec<String> {
    let mut conditions = Vec::new();
    for column in table
        .columns
        .iter()
        .filter(|column| column.pushed.is_some())
    {
        let name = column.name;
        let common = ask(&format!(
            "SELECT {name} FROM {} WHERE {name} IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 3",
            table.name
        ));
        let values: Vec<&String> = common.iter().flatten().collect();
        assert!(!values.is_empty(), "{}.{name}", table.name);
        match column.pushed {
            Some(Pushed::Revision) => {
                conditions.push(format!("{name} < 60"));
                conditions.push(format!("{name} = {}", values[0]));
            }
            Some(Pushed::Key) => {
                conditions.push(format!("{name} GLOB '/registry/*s/default/*'"));
                conditions.push(format!(
                    "{name} IN ('{}', '{}')",
                    values[0],
                    values[values.len() - 1]
                ));
            }
            _ => {
                conditions.push(format!("{name} = '{}'", values[0]));
                let quoted: Vec<String> = values[1..]
                    .iter()
                    .map(|value| format!("'{value}'"))
                    .collect();
                if !quoted.is_empty() {
                    conditions.push(format!("{name} IN ({})", quoted.join(", ")));
                }
            }
        }
    }
    conditions
}

fn pairs(conditions: &[String]) -> Vec<(&str, &str)> {
    let with_later = conditions.iter().enumerate();
    with_later
        .flat_map(|(at, one)| {
            conditions[at + 1..]
                .iter()
                .map(move |other| (&**one, &**other))
        })
        .collect()
}

/// Each row: what is asked, what the branches give, what looking at every row gives.
#[track_caller]
fn assert_equal(questions: &[String]) {
    let rows = ask(&questions.join(" UNION ALL "));
    assert_eq!(rows.len(), questions.len());
    let mut found = 0u64;
    for row in rows {
        assert_eq!(row[1], row[2], "{}", row[0]);
        found += row[1].parse::<u64>().unwrap();
    }
    assert!(found > 0, "{questions:?}");
}

#[test]
fn branches_of_an_or_find_the_rows_that_looking_at_every_row_finds() {
    let narrowed = |table: &&Table| {
        table
            .columns
            .iter()
            .filter(|column| column.pushed.is_some())
            .count()
            > 1
    };
    let tables: Vec<&Table> = TABLES.iter().copied().filter(narrowed).collect();
    assert!(
        tables.len() >= 5,
        "keys, versions, objects, events, fields, managed_fields"
    );
    for table in tables {
        let (name, mut conditions) = (table.name, conditions(table));
        // Tables of decoded objects are slow to ask, and their rows are numbered as those of the others.
        if table.parent.is_some() {
            conditions.retain(|one| !one.contains(" IN "));
        }
        let mut questions = Vec::new();
        for (one, other) in pairs(&conditions) {
            let said = format!("{name}: {one} | {other}").replace('\'', "''");
            questions.push(format!(
                "SELECT '{said}' AS a, (SELECT count(*) FROM {name} WHERE {one} OR {other}) AS b, (SELECT sum(({one}) IS TRUE OR ({other}) IS TRUE) FROM {name}) AS c"
            ));
            if table.parent.is_some() {
                continue;
            }
            questions.push(format!(
                "SELECT 'union, {said}', (SELECT count(*) FROM (SELECT rowid FROM {name} WHERE {one} UNION SELECT rowid FROM {name} WHERE {other})), (SELECT sum(({one}) IS TRUE OR ({other}) IS TRUE) FROM {name})"
            ));
        }
        let three = conditions.join(" OR ");
        let all: Vec<String> = conditions
            .iter()
            .map(|one| format!("({one}) IS TRUE"))
            .collect();
        questions.push(format!(
            "SELECT 'all of {name}', (SELECT count(*) FROM {name} WHERE {three}), (SELECT sum({}) FROM {name})",
            all.join(" OR ")
        ));
        assert_equal(&questions);
    }
}

#[test]
fn every_row_of_a_table_has_a_number_of_its_own() {
    for table in TABLES.iter().filter(|table| table.name != "pages") {
        let name = table.name;
        let rows = ask(&format!(
            "SELECT count(*) AS a, count(DISTINCT rowid) AS b FROM {name}"
        ));
        assert_eq!(rows[0][0], rows[0][1], "{name}");
    }
}

#[test]
fn branches_of_a_join_find_the_rows_that_looking_at_every_row_finds() {
    let mut questions = Vec::new();
    for (one, other) in [
        ("o.resource = 'pods'", "k.namespace = 'prod'"),
        ("o.name = 'bare'", "o.resource = 'nodes'"),
        ("k.mod_revision < 60", "o.namespace IN ('prod', 'default')"),
    ] {
        let from = "objects o JOIN keys k ON k.key = o.key";
        let said = format!("join: {one} | {other}").replace('\'', "''");
        questions.push(format!(
            "SELECT '{said}' AS a, (SELECT count(*) FROM {from} WHERE {one} OR {other}) AS b, (SELECT sum(({one}) IS TRUE OR ({other}) IS TRUE) FROM {from}) AS c"
        ));
    }
    // The inner side is asked once for each row of the outer one, by two columns.
    let (pods, by) = (
        "objects o CROSS JOIN versions v",
        "o.resource = 'pods' AND o.namespace = 'prod'",
    );
    questions.push(format!(
        "SELECT 'versions of pods', (SELECT count(*) FROM {pods} WHERE {by} AND (v.key = o.key OR v.revision = o.create_revision)), (SELECT sum(+v.key = o.key OR +v.revision = o.create_revision) FROM {pods} WHERE {by})"
    ));
    assert_equal(&questions);
}

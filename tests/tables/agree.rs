//! Every table has the rows of the verb that answers the same question.

use std::collections::BTreeMap;
use std::path::Path;

use etcd_inspect::dataset::Dataset;
use etcd_inspect_tables::sql::{Bounds, Session};
use etcd_inspect_tables::{Source, TableError, Value as TableValue, Values};
use serde_json::Value;
use testkit::expected::Expected;
use testkit::{data_dir, fixtures};

use crate::run::{run, sealed, text};

/// The rows of a query.
fn ask(data: &Path, sql: &str) -> Vec<Value> {
    let said = sealed(data, &["sql", sql, text(data), "-o", "json"]);
    assert!(matches!(said.code, 0 | 3), "{sql}: {}", said.err);
    said.json()["rows"].as_array().unwrap().clone()
}

fn rows(data: &Path, verb: &[&str], field: &str) -> Vec<Value> {
    let mut args = verb.to_vec();
    args.extend([text(data), "-o", "json"]);
    let said = run(&args).json();
    said[field].as_array().cloned().unwrap_or_default()
}

/// The values of some fields of each row, as text.
fn picked(rows: &[Value], fields: &[&str]) -> Vec<Vec<String>> {
    let one = |row: &Value| {
        let field = |name: &&str| match &row[*name] {
            // `keys` shows no lease as the lease 0, the table as NULL.
            Value::String(text) if text.bytes().all(|byte| byte == b'0') => String::new(),
            Value::String(text) => text.clone(),
            Value::Bool(flag) => u8::from(*flag).to_string(),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        fields.iter().map(field).collect()
    };
    rows.iter().map(one).collect()
}

#[track_caller]
fn assert_same_rows(data: &Path, table: &str, verb: &[&str], field: &str, names: &[(&str, &str)]) {
    let ours = ask(data, &format!("SELECT * FROM {table}"));
    let theirs = rows(data, verb, field);
    let (columns, fields): (Vec<&str>, Vec<&str>) = names.iter().copied().unzip();
    assert_eq!(
        picked(&ours, &columns),
        picked(&theirs, &fields),
        "{table} and {verb:?} of {}",
        data.display()
    );
}

fn both<'n>(names: &[&'n str]) -> Vec<(&'n str, &'n str)> {
    names.iter().map(|name| (*name, *name)).collect()
}

/// Directories with a db and a log, each of another kind; `TABLES=all`: every member of every fixture.
fn members() -> Vec<String> {
    if std::env::var("TABLES").is_ok_and(|asked| asked == "all") {
        let all = Expected::all().into_iter();
        return all.map(|member| member.name).collect();
    }
    MEMBERS.map(str::to_owned).to_vec()
}

const MEMBERS: [&str; 5] = [
    "k8s-1.20-etcd35",
    "etcd-3.4.23",
    "etcd-3.6.14-killed",
    "auth-3.5.16",
    "restored-bumped-3.5.30",
];

#[test]
fn keys_are_those_of_the_verb_keys() {
    for member in members() {
        let names = both(&[
            "key",
            "key_b64",
            "create_revision",
            "mod_revision",
            "version",
            "lease",
            "value_bytes",
        ]);
        assert_same_rows(&data_dir(&member), "keys", &["keys"], "rows", &names);
    }
}

#[test]
fn terms_leases_members_pages_and_certificates_are_those_of_their_verbs() {
    for member in members() {
        let data = data_dir(&member);
        let terms = [
            ("term", "term"),
            ("first_index", "first_index"),
            ("last_index", "last_index"),
            ("vote", "vote"),
            ("commit_index", "commit"),
            ("ended", "ended"),
        ];
        assert_same_rows(&data, "terms", &["wal", "--terms"], "rows", &terms);
        assert_same_rows(
            &data,
            "leases",
            &["leases"],
            "rows",
            &both(&["id", "ttl_seconds", "key_count", "state"]),
        );
        assert_same_rows(
            &data,
            "members",
            &["meta"],
            "members",
            &both(&["id", "name", "is_learner"]),
        );
        assert_same_rows(
            &data,
            "pages",
            &["page"],
            "rows",
            &both(&[
                "id",
                "type",
                "items",
                "overflow",
                "state",
                "bucket",
                "used_bytes",
            ]),
        );
    }
    let kubernetes = data_dir("k8s-1.20-etcd35");
    assert_same_rows(
        &kubernetes,
        "certs",
        &["certs"],
        "rows",
        &both(&["not_after", "subject", "object", "expires_in_s", "serial"]),
    );
}

#[test]
fn entries_of_the_log_are_those_of_the_verb_wal() {
    for member in members() {
        let names = [
            ("raft_index", "index"),
            ("term", "term"),
            ("type", "type"),
            ("state", "state"),
            ("request", "request"),
            ("size_bytes", "size_bytes"),
            ("offset", "offset"),
            ("summary", "summary"),
        ];
        assert_same_rows(
            &data_dir(&member),
            "wal_entries",
            &["wal", "--all"],
            "rows",
            &names,
        );
    }
}

#[test]
fn findings_and_plan_are_those_of_check() {
    for member in [
        "k8s-1.20-etcd35",
        "etcd-3.6.14-killed",
        "alarm-corrupt-3.5.30/m1",
    ] {
        let data = data_dir(member);
        assert_same_rows(
            &data,
            "findings",
            &["check"],
            "findings",
            &both(&[
                "id", "code", "severity", "message", "file", "offset", "count",
            ]),
        );
        assert_same_rows(
            &data,
            "plan",
            &["check"],
            "plan",
            &both(&[
                "action",
                "release",
                "effect",
                "wrong",
                "duplicated",
                "undone",
            ]),
        );
    }
}

/// Every record is a row, and the newest put of each key that is not deleted is the row of `keys`.
#[test]
fn versions_are_all_that_the_db_still_has() {
    for member in members() {
        let data = data_dir(&member);
        let newest = ask(
            &data,
            "SELECT key, key_b64, revision AS mod_revision FROM versions v WHERE op = 'put' AND key <> '' AND NOT EXISTS \
             (SELECT 1 FROM versions w WHERE w.key = v.key AND (w.revision, w.sub) > (v.revision, v.sub)) ORDER BY key",
        );
        let keys = ask(
            &data,
            "SELECT key, key_b64, mod_revision FROM keys WHERE key IS NOT NULL ORDER BY key",
        );
        assert!(!keys.is_empty());
        assert_eq!(newest, keys, "{member}");
    }
}

/// A value of an object is what `get -o json` prints, and its fields are its scalars.
#[test]
fn objects_are_those_of_get() {
    let data = data_dir("k8s-1.20-etcd35");
    let ours = ask(
        &data,
        "SELECT namespace, name, json FROM objects WHERE resource = 'deployments' ORDER BY namespace, name",
    );
    let said = run(&["get", "deployments", "-A", "-o", "json", "-d", text(&data)]).json();
    let theirs = said["items"].as_array().unwrap();
    assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().zip(theirs) {
        let object: Value = serde_json::from_str(ours["json"].as_str().unwrap()).unwrap();
        // As kubectl, `get` leaves managedFields out.
        let mut object = object;
        object["metadata"]
            .as_object_mut()
            .unwrap()
            .remove("managedFields");
        assert_eq!(&object, theirs);
    }
    let images = ask(
        &data,
        "SELECT path, value FROM fields WHERE resource = 'pods' AND path LIKE 'spec.containers[%].image'",
    );
    let by_json = ask(
        &data,
        "SELECT c.value ->> '$.image' AS value FROM objects, json_each(objects.json -> '$.spec.containers') c WHERE resource = 'pods'",
    );
    let count = |rows: &[Value]| {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for row in rows {
            *counts
                .entry(row["value"].as_str().unwrap().to_owned())
                .or_default() += 1;
        }
        counts
    };
    assert!(!images.is_empty());
    assert_eq!(count(&images), count(&by_json));
}

#[test]
fn events_and_managed_fields_are_those_of_the_objects() {
    let data = data_dir("k8s-1.20-etcd35");
    let ours = ask(
        &data,
        "SELECT reason, object_kind, object_name, count FROM events ORDER BY key",
    );
    let by_json = ask(
        &data,
        "SELECT json ->> '$.reason' AS reason, json ->> '$.involvedObject.kind' AS object_kind, json ->> '$.involvedObject.name' AS \
         object_name, coalesce(json ->> '$.count', json ->> '$.series.count') AS count FROM objects WHERE kind = 'Event' ORDER BY key",
    );
    assert!(ours.len() > 100);
    assert_eq!(ours, by_json);
    let managers = ask(
        &data,
        "SELECT manager, count(*) AS n FROM managed_fields GROUP BY 1 ORDER BY 1",
    );
    let by_json = ask(
        &data,
        "SELECT m.value ->> '$.manager' AS manager, count(*) AS n FROM objects, json_each(objects.json -> '$.metadata.managedFields') m \
         GROUP BY 1 ORDER BY 1",
    );
    assert_eq!(managers, by_json);
}

/// A condition that narrows what is read gives the rows of one that does not: `+` hides a column from the plan.
#[test]
fn conditions_narrow_without_losing_rows() {
    for member in ["k8s-1.20-etcd35", "etcd-3.4.23"] {
        let data = data_dir(member);
        let mut conditions = vec![
            ("key", "GLOB '/registry/[ps]*'"),
            ("key", "> '/registry/pods/'"),
            ("key", "BETWEEN '/registry/a' AND '/registry/m'"),
            ("key", "= 'nothing'"),
            ("key", "= 7"),
            ("key", "= '/REGISTRY/NAMESPACES/DEFAULT' COLLATE NOCASE"),
            ("name", "= 'default'"),
            ("namespace", "IN ('default', 'kube-system')"),
            ("resource", "IS NULL"),
        ]
        .into_iter()
        .map(|(column, condition)| (column.to_owned(), condition.to_owned()))
        .collect::<Vec<_>>();
        for column in ["resource", "namespace"] {
            for row in ask(
                &data,
                &format!("SELECT DISTINCT {column} AS it FROM keys WHERE {column} IS NOT NULL"),
            ) {
                conditions.push((
                    column.to_owned(),
                    format!("= '{}'", row["it"].as_str().unwrap()),
                ));
            }
        }
        let parts: Vec<String> = conditions
            .iter()
            .flat_map(|(column, condition)| {
                ["keys", "versions"].map(|table| {
                    format!(
                        "SELECT '{table} {column} {}' AS it, (SELECT count(*) FROM {table} WHERE {column} {condition}) AS narrowed, \
                         (SELECT count(*) FROM {table} WHERE +{column} {condition}) AS whole",
                        condition.replace('\'', "")
                    )
                })
            })
            .collect();
        let mut some = 0;
        for part in parts.chunks(20) {
            for row in ask(&data, &part.join(" UNION ALL ")) {
                assert_eq!(row["narrowed"], row["whole"], "{row}");
                some += usize::from(row["narrowed"] != 0);
            }
        }
        assert!(some > 5, "{member}: conditions that leave something");
    }
    let data = data_dir("k8s-1.20-etcd35");
    for (from, to) in [(0, 100), (4000, i64::MAX), (1500, 1500)] {
        let row = ask(
            &data,
            &format!(
                "SELECT (SELECT count(*) FROM versions WHERE revision BETWEEN {from} AND {to}) AS narrowed, \
                 (SELECT count(*) FROM versions WHERE +revision BETWEEN {from} AND {to}) AS whole"
            ),
        );
        assert_eq!(row[0]["narrowed"], row[0]["whole"]);
    }
}

/// The plan says what narrows, and a point query reads one key.
#[test]
fn the_plan_of_a_query_shows_what_narrows_it() {
    let data = data_dir("k8s-1.20-etcd35");
    let plan = |sql: &str| {
        ask(&data, &format!("EXPLAIN QUERY PLAN {sql}"))[0]["detail"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert!(
        plan("SELECT * FROM keys WHERE key = 'a'").contains("key="),
        "{}",
        plan("SELECT * FROM keys WHERE key = 'a'")
    );
    assert!(plan("SELECT * FROM versions WHERE revision > 5").contains("revision>="));
    assert!(
        plan("SELECT * FROM objects WHERE resource = 'pods' AND namespace = 'x'")
            .contains("resource= namespace=")
    );
}

/// The state at a revision and after a start is that of `keys` with the same flags.
#[test]
fn moments_and_replay_are_those_of_keys() {
    let data = data_dir("k8s-1.20-etcd35");
    let killed = data_dir("etcd-3.5.30-killed");
    for (data, flags) in [
        (&data, vec!["--rev", "-200"]),
        (&data, vec!["--at", "-20s"]),
        (&killed, vec!["--replay"]),
    ] {
        let mut sql = vec![
            "sql",
            "SELECT count(*) AS n, max(mod_revision) AS last FROM keys",
            "-o",
            "json",
            text(data),
        ];
        sql.extend(&flags);
        let ours = sealed(data, &sql).json()["rows"][0].clone();
        let mut keys = vec!["keys", "-o", "json", text(data)];
        keys.extend(&flags);
        let theirs = run(&keys).json();
        let theirs = theirs["rows"].as_array().unwrap();
        let last = theirs
            .iter()
            .filter_map(|row| row["mod_revision"].as_i64())
            .max();
        assert_eq!(ours["n"], theirs.len(), "{flags:?}");
        assert_eq!(ours["last"].as_i64(), last, "{flags:?}");
    }
}

/// What `tables` documents is what SQLite has.
#[test]
fn documented_columns_are_those_of_the_tables() {
    let data = data_dir("etcd-3.4.23");
    let listed = run(&["tables", "-o", "json"]).json();
    let tables = listed["rows"].as_array().unwrap();
    assert!(tables.len() >= 14);
    for table in tables {
        let name = table["table"].as_str().unwrap();
        let columns = run(&["tables", name, "-o", "json"]).json();
        let documented = picked(columns["rows"].as_array().unwrap(), &["column"]).concat();
        let there = ask(
            &data,
            &format!("SELECT name FROM pragma_table_info('{name}')"),
        );
        assert_eq!(picked(&there, &["name"]).concat(), documented, "{name}");
        assert_eq!(table["columns"].as_array().unwrap().len(), documented.len());
    }
    assert!(!fixtures().is_empty());
}

/// The times that a query of some keys gives, and whether it read those of all writes.
fn times_of(dataset: &Dataset, condition: &str) -> (Vec<Vec<TableValue>>, bool) {
    let source = Source::new(dataset.clone(), None, Values::None);
    let session = Session::open(&source, Bounds::default()).unwrap();
    let mut rows = Vec::new();
    let query = format!(
        "SELECT key, revision, time, uncertainty_s, time_source FROM versions WHERE {condition}"
    );
    let mut query = session.query(&query).unwrap();
    query
        .each::<TableError>(&mut |row| {
            rows.push(row);
            Ok(())
        })
        .unwrap();
    (rows, source.has_read_all_times())
}

#[test]
fn a_point_query_has_the_times_of_the_whole_table_and_mostly_reads_those_near_it() {
    for name in ["k8s-1.20-etcd35", "k8s-1.20-cluster3/m1", "etcd-3.5.16"] {
        let dataset = Dataset::open(data_dir(name)).unwrap();
        let (all, has_read_all) = times_of(&dataset, "1");
        assert!(has_read_all, "{name}");
        let mut near = 0;
        let asked = all.iter().step_by(all.len() / 25);
        for row in asked.clone() {
            let [TableValue::Text(key), TableValue::Integer(revision), ..] = &row[..] else {
                panic!("{name}: {row:?}");
            };
            let condition = format!("key = '{key}' AND revision = {revision}");
            let (alone, has_read_all) = times_of(&dataset, &condition);
            assert_eq!(&alone[0], row, "{name}: {condition}");
            near += usize::from(!has_read_all);
        }
        if name.starts_with("k8s") {
            assert!(near * 2 > asked.count(), "{name}: {near} without all times");
        }
    }
}

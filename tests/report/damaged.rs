//! Pages about evidence that is damaged, encrypted or lost in part: what is missing is counted as the commands count it.

use std::fs;
use std::path::Path;

use regex::Regex;
use serde_json::Value;
use testkit::incidents::incident;
use testkit::synth::bolt::DbBuilder;
use testkit::synth::mvcc::Keyspace;
use testkit::{data_dir, fixture_copy};

use crate::html::{page_of, unescaped};
use crate::run::{RunResult, run, sealed, text};

fn report(evidence: &Path, more: &[&str], dir: &Path, name: &str) -> RunResult {
    let out = dir.join(name);
    let args = ["report", text(evidence), "--out", text(&out), "-o", "json"];
    sealed(evidence, &[&args[..], more].concat())
}

/// The rows of a table of the page: of each cell its number, or its text.
fn rows(page: &str, caption: &str) -> Vec<Vec<String>> {
    let table = Regex::new(r"(?s)<table[^>]*>\s*<caption>([^<]*)</caption>(.*?)</table>").unwrap();
    let found = table
        .captures_iter(page)
        .find(|one| one[1].starts_with(caption));
    let found = found.unwrap_or_else(|| panic!("no table {caption}"));
    let row = Regex::new(r"(?s)<tr data-i=[^>]*>(.*?)</tr>").unwrap();
    let cell = Regex::new(r"(?s)<td[^>]*>(.*?)</td>").unwrap();
    let rows = row.captures_iter(&found[2]);
    let cells = |row: &str| -> Vec<String> {
        cell.captures_iter(row)
            .map(|cell| unescaped(&cell[1]))
            .collect()
    };
    rows.map(|row| cells(&row[1])).collect()
}

fn heads(page: &str, caption: &str) -> Vec<String> {
    let table = Regex::new(r"(?s)<caption>([^<]*)</caption>(.*?)</thead>").unwrap();
    let found = table
        .captures_iter(page)
        .find(|one| one[1].starts_with(caption));
    let head = Regex::new(r"<th[^>]*>([^<]*)</th>").unwrap();
    let found = found.unwrap_or_else(|| panic!("no table {caption}"));
    head.captures_iter(&found[2])
        .map(|one| one[1].to_owned())
        .collect()
}

#[test]
fn the_plan_on_the_page_loses_what_the_check_says_and_at_least_is_never_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let mut at_least = 0;
    for id in ["C00", "W03", "W17", "W19", "D01", "D28"] {
        let copy = incident(id).reproduce();
        let data = copy.data_dir();
        let page = page_of(&data, &[], dir.path(), &format!("{id}.html"));
        let check = run(&["check", text(&data), "-o", "json"]).json();
        let heads = heads(&page, "Plan");
        let shown = rows(&page, "Plan");
        let plan = check["plan"].as_array().unwrap();
        assert_eq!(shown.len(), plan.len(), "{id}");
        for (shown, step) in shown.iter().zip(plan) {
            // Effects that no step has are no columns.
            let cell = |head: &str| match heads.iter().position(|one| one == head) {
                Some(at) => shown[at].clone(),
                None => "0".to_owned(),
            };
            let number = |text: String| text.replace(',', "");
            for (head, field) in [("LOST WRITES", "/lost"), ("MAY BE LOST", "/possibly_lost")] {
                let loss = step.pointer(field).unwrap();
                let least = loss["at_least"] == true;
                at_least += usize::from(least);
                let wanted = format!("{}{}", if least { "≥ " } else { "" }, loss["writes"]);
                assert_eq!(number(cell(head)), wanted, "{id} {head}");
            }
            for (head, field) in [
                ("WRONG", "wrong"),
                ("APPLIED TWICE", "duplicated"),
                ("UNDONE", "undone"),
            ] {
                assert_eq!(number(cell(head)), step[field].to_string(), "{id} {head}");
            }
        }
        assert_eq!(
            rows(&page, "Causes").len(),
            check["cause"].as_array().unwrap().len(),
            "{id}"
        );
    }
    assert!(at_least > 0, "no incident has a loss that is a lower bound");
}

#[test]
fn a_page_is_as_partial_as_the_answers_on_it() {
    let dir = tempfile::tempdir().unwrap();
    for id in ["C00", "W03", "W11", "W23", "D01", "D11", "D23"] {
        let copy = incident(id).reproduce();
        let data = copy.data_dir();
        let parts = [
            vec!["timeline", text(&data)],
            vec!["keys", "--by-resource", text(&data)],
            vec!["changes", "--ops", "delete", text(&data)],
            vec!["status", text(&data)],
        ];
        let is_lost = !data.join("member/snap/db").exists();
        let is_partial = is_lost || parts.iter().any(|line| run(line).code == 3);
        let said = report(&data, &[], dir.path(), &format!("{id}.html"));
        assert_eq!(said.code == 3, is_partial, "{id}: {}", said.err);
        assert_eq!(said.json()["is_partial"], is_partial, "{id}");
        let page = fs::read_to_string(dir.path().join(format!("{id}.html"))).unwrap();
        let says =
            page.contains("The answers are partial") || page.contains("The db cannot be read");
        assert_eq!(says, is_partial, "{id}");
    }
}

#[test]
fn a_page_of_a_lost_db_is_made_of_the_log_as_the_answers_of_other_verbs_are() {
    let dir = tempfile::tempdir().unwrap();
    let copy = fixture_copy("k8s-1.20-etcd35");
    let data = copy.data_dir();
    let db = data.join("member/snap/db");
    let whole = fs::read(&db).unwrap();
    let by_resource = |page: &str| rows(page, "Keys by resource");
    let of_db = page_of(&data, &[], dir.path(), "db.html");
    for length in [None, Some(whole.len() / 2), Some(0)] {
        match length {
            None => fs::remove_file(&db).unwrap(),
            Some(length) => fs::write(&db, &whole[..length]).unwrap(),
        }
        let name = format!("{length:?}.html");
        let said = report(&data, &[], dir.path(), &name);
        let page = fs::read_to_string(dir.path().join(&name)).unwrap();
        assert!(
            page.contains("the log alone answers"),
            "{length:?}: {}",
            said.err
        );
        let counts = |rows: Vec<Vec<String>>| -> Vec<Vec<String>> {
            rows.into_iter().map(|row| row[..4].to_vec()).collect()
        };
        assert_eq!(
            counts(by_resource(&page)),
            counts(by_resource(&of_db)),
            "{length:?}"
        );
        assert_eq!(rows(&page, "Events around").len(), 200, "{length:?}");
        assert!(!page.contains("no log answers"), "{length:?}");
    }
}

/// What only the values show is judged too: a page that lacks objects never says that nothing is wrong.
#[test]
fn values_that_cannot_be_decoded_are_errors_of_the_page_and_of_the_check_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("values.db");
    let mut keyspace = Keyspace::new();
    for name in ["a", "b", "c", "d"] {
        keyspace.put(
            format!("/registry/secrets/shop/{name}").as_bytes(),
            b"no object of Kubernetes",
        );
    }
    for number in 0..20 {
        let pod = format!(
            r#"{{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"web-{number}","namespace":"shop","creationTimestamp":"2026-11-20T00:00:00Z"}}}}"#
        );
        keyspace.put(
            format!("/registry/pods/shop/web-{number}").as_bytes(),
            pod.as_bytes(),
        );
    }
    let bytes = DbBuilder::etcd().bucket("key", keyspace.records()).build();
    fs::write(&file, bytes).unwrap();
    let deep = run(&["check", "--deep", text(&file), "-o", "json"]).json();
    let errors = deep["counts"]["errors"].as_u64().unwrap_or(0).max(
        deep["findings"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|row| row["severity"] == "error")
            .count() as u64,
    );
    assert!(errors > 0, "{deep}");
    let said = report(&file, &[], dir.path(), "values.html");
    assert_eq!(said.code, 3, "{}", said.err);
    let verdict = said.json()["verdict"].as_str().unwrap().to_owned();
    assert!(!verdict.contains("nothing wrong"), "{verdict}");
    let page = fs::read_to_string(dir.path().join("values.html")).unwrap();
    assert!(!page.contains("nothing wrong"));
    let findings = rows(&page, "All findings");
    assert!(
        findings
            .iter()
            .any(|row| row.iter().any(|cell| cell.contains("K8S-002"))),
        "{findings:?}"
    );
    assert!(
        page.contains("check --deep"),
        "the command beside it gives the same"
    );
}

/// What no key opens is not known, and no damage; every verb marks it alike.
#[test]
fn values_that_no_key_opens_are_no_damage_and_make_answers_partial_in_every_verb() {
    let data = data_dir("k8s-1.20-etcd35-enc");
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("a.html");
    for line in [
        vec!["get", "secrets", "-A", "-d", text(&data)],
        vec!["report", text(&data), "--out", text(&out)],
        vec!["sql", "SELECT name, json FROM objects", text(&data)],
        vec!["sql", "SELECT count(*) FROM fields", text(&data)],
    ] {
        let said = run(&line);
        assert_eq!(said.code, 3, "{line:?}: {}", said.err);
        assert!(
            !said.err.contains("of damage") && !said.err.contains("is damaged"),
            "{line:?}: {}",
            said.err
        );
        assert!(said.err.contains("no damage"), "{line:?}: {}", said.err);
        assert!(
            said.err.contains("--encryption-config"),
            "{line:?}: {}",
            said.err
        );
    }
    let page = fs::read_to_string(&out).unwrap();
    assert!(!page.contains("findings of damage") && page.contains("(no damage)"));
    assert_eq!(
        run(&["sql", "SELECT count(*) FROM keys", text(&data)]).code,
        0
    );
}

/// The chart's table has every event with a time, and the page says what is not in it.
#[test]
fn the_table_of_the_chart_sums_to_what_the_timeline_has() {
    let data = data_dir("k8s-1.20-etcd35");
    let dir = tempfile::tempdir().unwrap();
    let page = page_of(&data, &[], dir.path(), "chart.html");
    let shown = rows(&page, "The chart as a table");
    let sum = |column: usize| -> u64 {
        let cells = shown.iter().map(|row| row[column].replace(',', ""));
        cells.map(|cell| cell.parse::<u64>().unwrap_or(0)).sum()
    };
    let timeline = run(&["timeline", text(&data), "-o", "json", "--limit", "0"]).json();
    let events = timeline["rows"].as_array().unwrap();
    let count = |is_kind: &dyn Fn(&str) -> bool| -> u64 {
        let dated = events.iter().filter(|row| row["time"].is_string());
        let fitting = dated.filter(|row| is_kind(row["op"].as_str().unwrap()));
        fitting.map(|row| row["count"].as_u64().unwrap_or(1)).sum()
    };
    assert_eq!(sum(1), count(&|kind| kind == "put"));
    assert_eq!(sum(2), count(&|kind| kind == "delete"));
    assert_eq!(sum(3), count(&|kind| kind != "put" && kind != "delete"));
    assert!(sum(3) > 0 && page.contains("Left out as noise, of the chart and of the events: "));
    let starts: std::collections::HashSet<&String> = shown.iter().map(|row| &row[0]).collect();
    assert_eq!(
        starts.len(),
        shown.len(),
        "each span has a start of its own"
    );
}

#[test]
fn encrypted_values_are_counted_and_with_their_keys_they_are_readable() {
    let data = data_dir("k8s-1.20-etcd35-enc");
    let dir = tempfile::tempdir().unwrap();
    let without = page_of(&data, &[], dir.path(), "without.html");
    assert!(
        without.contains("no key was given"),
        "the page says what it lacks"
    );
    let configs: Vec<String> = (0..5)
        .map(|number| {
            data.join(format!("enc-{number}.json"))
                .to_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    let all = configs
        .iter()
        .flat_map(|path| ["--encryption-config", path]);
    let all: Vec<&str> = all.collect();
    let with = page_of(&data, &all, dir.path(), "with.html");
    assert!(with.contains("the keys that were given open all of them"));
    assert!(!with.contains("not readable"));
    let audit = run(&[
        &["meta", "--encryption", text(&data), "-o", "json"][..],
        &all,
    ]
    .concat());
    let audit = audit.json()["rows"].as_array().unwrap().clone();
    let shown = rows(&with, "Encrypted values");
    assert_eq!(shown.len(), audit.len());
    for (shown, row) in shown.iter().zip(&audit) {
        assert_eq!(shown[3], row["values"].to_string());
        assert_eq!(shown[4].is_empty(), row["opens"].is_null());
    }
    let some = page_of(&data, &all[6..8], dir.path(), "some.html");
    let is_some = some.contains("is not in any section") || some.contains("open all of them");
    assert!(is_some);
}

#[test]
fn a_table_that_is_cut_says_of_how_many_rows_and_which_command_gives_all() {
    let data = data_dir("k8s-1.20-etcd35");
    let dir = tempfile::tempdir().unwrap();
    let page = page_of(&data, &["--limit", "10"], dir.path(), "cut.html");
    let cut =
        Regex::new(r#"(?s)<caption>([^<]*)</caption>.*?</table>(?:<p class="cut">(.*?)</p>)?"#)
            .unwrap();
    let of = |caption: &str| {
        let found = cut
            .captures_iter(&page)
            .find(|one| one[1].starts_with(caption));
        let found = found.unwrap_or_else(|| panic!("no table {caption}"));
        found
            .get(2)
            .map(|cut| unescaped(cut.as_str()))
            .unwrap_or_default()
            .replace("<code data-copy>", "")
    };
    let count = |line: &[&str]| {
        let said = run(&[line, &[text(&data), "-o", "json"]].concat()).json();
        said["rows"].as_array().unwrap().len()
    };
    let deletes = count(&["changes", "--ops", "delete", "--last", "0"]);
    assert!(deletes > 10);
    assert!(of("The last deletions").starts_with(&format!("10 of {deletes} – full: ")));
    assert!(
        of("Keys by resource").starts_with("10 of "),
        "{}",
        of("Keys by resource")
    );
    let space = run(&["space", text(&data), "-o", "json"]).json();
    let with_commas = |number: &Value| match number.as_u64().unwrap() {
        number @ 1000.. => format!("{},{:03}", number / 1000, number % 1000),
        number => number.to_string(),
    };
    for (caption, field) in [
        ("Largest values", "live_keys"),
        ("Keys with the most versions", "churn_keys"),
    ] {
        let wanted = format!("10 of {} – full: ", with_commas(&space[field]));
        assert!(
            of(caption).starts_with(&wanted),
            "{caption}: {} {wanted}",
            of(caption)
        );
        assert_eq!(rows(&page, caption).len(), 10);
    }
    let full = page_of(&data, &["--full"], dir.path(), "full.html");
    assert_eq!(rows(&full, "The last deletions").len(), deletes);
    assert!(!full.contains("<p class=\"cut\">10 of"));
    let said = report(&data, &["--local"], dir.path(), "local.html");
    assert_eq!(said.code, 2, "times on the page are in UTC");
    assert!(said.err.contains("--local"), "{}", said.err);
}

#[test]
fn a_moment_outside_of_the_datas_time_is_said_on_the_page_and_beside_it() {
    let data = data_dir("k8s-1.20-etcd35");
    let dir = tempfile::tempdir().unwrap();
    for (flag, time, words) in [
        ("--at", "2020-01-01T00:00:00Z", "is before the first event"),
        ("--at", "2030-01-01T00:00:00Z", "is after the last event"),
        ("--since", "2030-01-01T00:00:00Z", "nothing here is as late"),
    ] {
        let name = format!("{flag}{}.html", &time[..4]);
        let said = report(&data, &[flag, time], dir.path(), &name);
        assert_eq!(said.code, 0, "{}", said.err);
        assert!(said.err.contains(words), "{flag} {time}: {}", said.err);
        let notes = said.json()["notes"].to_string();
        assert!(notes.contains(words), "{notes}");
        let page = fs::read_to_string(dir.path().join(&name)).unwrap();
        assert!(page.to_lowercase().contains(words), "{flag} {time}");
    }
    let said = report(&data, &["--at", "-10s"], dir.path(), "within.html");
    assert_eq!(said.json()["notes"], serde_json::json!([]));
}

#[test]
fn what_a_lost_db_does_not_say_is_unknown_and_copies_are_told_apart_as_compare_does() {
    let dir = tempfile::tempdir().unwrap();
    let copy = fixture_copy("etcd-3.5.30");
    let snap = copy.data_dir().join("member/snap");
    let db = snap.join("db");
    let bytes = fs::read(&db).unwrap();
    // A .snap file has the members too.
    fs::remove_dir_all(&snap).unwrap();
    fs::create_dir(&snap).unwrap();
    fs::write(&db, [&[0; 8192], &bytes[8192..]].concat()).unwrap();
    let page = page_of(&copy.data_dir(), &[], dir.path(), "metas.html");
    assert!(page.contains("The members are unknown"), "{page}");
    assert!(!page.contains("Members of the cluster, as this copy has them"));
    let status = run(&["status", text(&copy.data_dir()), "-o", "json"]).json();
    assert!(status["members"].is_null(), "{status:#}");
    // Three copies.
    let members = ["m1", "m2", "m3"].map(|name| data_dir(&format!("k8s-1.20-cluster3/{name}")));
    let more = [text(&members[1]), text(&members[2])];
    let page = page_of(&members[0], &more, dir.path(), "three.html");
    let all = ["compare", text(&members[0]), more[0], more[1], "-o", "json"];
    let compared = run(&all).json();
    let common = compared["common_revision"].as_i64().unwrap();
    let heads = heads(&page, "Copies side by side");
    let hash = heads
        .iter()
        .position(|head| *head == format!("HASHKV@{common}"));
    let hash = hash.unwrap_or_else(|| panic!("{heads:?}"));
    let rows = rows(&page, "Copies side by side");
    for (row, member) in rows.iter().zip(compared["members"].as_array().unwrap()) {
        let number = member["hashkv"].as_u64().unwrap();
        assert_eq!(row[hash], format!("{number:08x}"));
        assert_eq!(*row.last().unwrap(), member["remark"].as_str().unwrap());
    }
    let remarks: Vec<_> = rows.iter().filter_map(|row| row.last()).collect();
    assert!(
        remarks.iter().any(|remark| remark.contains("lags by")),
        "{remarks:?}"
    );
}

#[test]
fn the_files_of_a_log_elsewhere_and_of_other_programs_are_in_the_chain_of_custody() {
    let dir = tempfile::tempdir().unwrap();
    let copy = fixture_copy("etcd-3.5.30");
    let wal = dir.path().join("wal");
    fs::rename(copy.data_dir().join("member/wal"), &wal).unwrap();
    let notes = dir.path().join("notes.txt");
    let mark = r#"{"kind":"mark","key":"/taken/back","revision":3}"#;
    let unmark = mark.replace("mark", "unmark");
    fs::write(&notes, format!("see\n{mark}\n{unmark}\n")).unwrap();
    let given = [
        "--wal-dir",
        text(&wal),
        "--notes",
        text(&notes),
        "--meta",
        "older",
    ];
    let page = page_of(&copy.data_dir(), &given, dir.path(), "page.html");
    let of_wal = rows(&page, text(&wal));
    let segments = fs::read_dir(&wal).unwrap().count();
    assert_eq!(of_wal.len(), segments, "{of_wal:?}");
    assert!(of_wal.iter().all(|row| row.last().unwrap().len() == 64));
    assert_eq!(rows(&page, text(&notes)).len(), 1);
    assert!(
        page.contains("--meta older."),
        "which meta was read is on the page"
    );
    assert!(!page.contains("/taken/back"), "a mark that was taken back");
    let verdict = Regex::new(r#"data-command="(etcd-inspect status [^"]*)""#).unwrap();
    let command = unescaped(&verdict.captures(&page).unwrap()[1]);
    assert!(command.ends_with("--meta older"), "{command}");
}

//! No two verbs contradict each other: all of them are asked about every incident, and revision, verdict, loss and next command
//! are compared.

use serde_json::Value;
use testkit::incidents::{self, Incident};

use crate::run::{RunResult, sealed};

/// Causes that one fault may have.
const MOST_CAUSES: usize = 3;
/// Lines of a screen.
const SCREEN: usize = 36;

struct Answers {
    id: &'static str,
    check: Value,
    start: Value,
    restore: Value,
    force: Value,
    upgrade: Value,
    compare: Value,
    replay: RunResult,
    status: RunResult,
    heads: RunResult,
    sheet: String,
}

fn ask(incident: &Incident) -> Answers {
    let copy = incident.reproduce();
    let path = copy.data_dir();
    let text = path.to_str().unwrap();
    let json = |flags: &[&str]| {
        let arguments = flags.iter().copied().chain([text, "-o", "json"]);
        sealed(&path, arguments)
    };
    let second = testkit::copy_of(&path);
    let compare = sealed(
        &path,
        ["compare", text, second.to_str().unwrap(), "-o", "json"],
    );
    let release = ["--etcd", "3.5.30"];
    let preflight =
        |purpose| json(&[&["preflight", "--for", purpose][..], &release].concat()).json();
    Answers {
        id: incident.id,
        check: json(&[&["check"][..], &release].concat()).json(),
        start: preflight("start"),
        restore: preflight("restore"),
        force: preflight("force-new-cluster"),
        upgrade: preflight("upgrade"),
        compare: compare.json(),
        replay: json(&["status", "--replay"]),
        status: json(&["status"]),
        heads: json(&["status", "--quick"]),
        sheet: sealed(&path, ["check", text]).out,
    }
}

/// What tables, the page for a ticket and `meta` say differently than `check` (of the evidence's own release).
fn elsewhere(incident: &Incident) -> Vec<String> {
    let copy = incident.reproduce();
    let path = copy.data_dir();
    let (id, text) = (incident.id, path.to_str().unwrap());
    let json = |verb: &str| sealed(&path, [verb, text, "-o", "json"]);
    let check = &json("check").json();
    let [findings, plan] = &["findings", "plan"].map(|table| {
        let query = format!("SELECT * FROM {table}");
        sealed(&path, ["sql", &query, text, "-o", "json"]).json()["rows"].clone()
    });
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.html");
    let page = page.to_str().unwrap();
    let report = sealed(&path, ["report", text, "--out", page, "-o", "json"]).json();
    let mut found = Vec::new();
    let mut same = |what: &str, one: &Value, other: &Value| {
        if one != other {
            found.push(format!("{id} {what}: check {one}, {other}"));
        }
    };
    let codes = |list: &Value| -> Value {
        let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
        let mut codes: Vec<&str> = list.iter().filter_map(|one| one["code"].as_str()).collect();
        codes.sort_unstable();
        codes.into()
    };
    same(
        "codes of the table findings",
        &codes(&check["findings"]),
        &codes(findings),
    );
    let empty = Vec::new();
    let steps = check["plan"].as_array().unwrap_or(&empty);
    let rows = plan.as_array().unwrap_or(&empty);
    same(
        "steps of the table plan",
        &steps.len().into(),
        &rows.len().into(),
    );
    for (step, row) in steps.iter().zip(rows) {
        for (field, ours, theirs) in [
            ("action", &step["action"], &row["action"]),
            ("revision", &step["outcome"]["revision"], &row["revision"]),
            ("keys", &step["outcome"]["keys"], &row["keys"]),
            ("lost writes", &step["lost"]["writes"], &row["lost_writes"]),
            ("wrong", &step["wrong"], &row["wrong"]),
        ] {
            same(&format!("{field} of the table plan"), ours, theirs);
        }
        let exact = Value::from(u8::from(step["exact"] == true));
        same("exactness of the table plan", &exact, &row["exact"]);
    }
    same("next of the report", &check["next"][0], &report["next"]);
    let verdict = report["verdict"].as_str().unwrap_or_default();
    if let Some(cause) = check["cause"][0]["message"].as_str()
        && check["cause"][0]["severity"] != "note"
        && !verdict.contains(cause)
    {
        found.push(format!(
            "{id}: the report says {verdict:?}, check {cause:?}"
        ));
    }
    let meta = json("meta");
    if meta.code == 0 {
        let (meta, status) = (meta.json(), json("status").json());
        for field in ["member_id", "cluster_id"] {
            if !status[field].is_null() && meta[field] != status[field] {
                found.push(format!("{id}: {field} of meta and status differ"));
            }
        }
    }
    found
}

fn step<'v>(check: &'v Value, action: &str) -> Option<&'v Value> {
    let plan = check["plan"].as_array()?;
    plan.iter().find(|step| step["action"] == action)
}

/// What two answers say differently.
fn contradictions(answers: &Answers) -> Vec<String> {
    let mut found = Vec::new();
    let mut same = |what: &str, one: &Value, other: &Value| {
        if one != other {
            found.push(format!("{} {what}: {one} and {other}", answers.id));
        }
    };
    let check = &answers.check;
    for (action, preflight) in [("start", &answers.start), ("restore", &answers.restore)] {
        let Some(planned) = step(check, action) else {
            continue;
        };
        let judged = &preflight["step"];
        for field in [
            "outcome",
            "lost",
            "wrong",
            "duplicated",
            "undone",
            "command",
        ] {
            same(
                &format!("{action} {field}"),
                &planned[field],
                &judged[field],
            );
        }
    }
    let serves = |start: &&Value| {
        start["outcome"]["starts"] == true && !start["outcome"]["revision"].is_null()
    };
    if let Some(start) = step(check, "start").filter(serves)
        && answers.replay.code <= 1
    {
        let replayed = &answers.replay.json()["revision"];
        same(
            "revision of --replay",
            &start["outcome"]["revision"],
            replayed,
        );
    }
    if let Some(start) = step(check, "start").filter(serves) {
        let compared = &answers.compare["members"][0]["served_revision"];
        let planned = &start["outcome"]["revision"];
        same("revision served by compare", planned, compared);
    }
    if answers.compare["same"] == false {
        found.push(format!("{}: compare finds a copy to differ", answers.id));
    }
    let damaged = check["verdict"] == "damaged" || check["verdict"] == "unreadable";
    for (purpose, preflight) in [
        ("start", &answers.start),
        ("force-new-cluster", &answers.force),
        ("upgrade", &answers.upgrade),
    ] {
        if damaged && preflight["go"] == true {
            found.push(format!("{}: damaged, and GO for a {purpose}", answers.id));
        }
    }
    let harmless = |step: &Value| {
        step["outcome"]["starts"] == true
            && step["lost"]["writes"] == 0
            && ["wrong", "duplicated", "undone"]
                .iter()
                .all(|field| step[*field] == 0)
    };
    for (action, preflight) in [("start", &answers.start), ("restore", &answers.restore)] {
        if preflight["go"] == true
            && !harmless(&preflight["step"])
            && check["plan"]
                .as_array()
                .is_some_and(|plan| plan.iter().any(harmless))
        {
            found.push(format!(
                "{}: GO for a {action} that loses, though something loses nothing",
                answers.id
            ));
        }
    }
    found.extend(first_line(answers));
    found.extend(status_against_preflight(answers));
    let quick = answers.status.json();
    if quick["findings"]["errors"].as_u64() > Some(0) && answers.status.code == 0 {
        found.push(format!(
            "{}: status knows of errors and ends with 0",
            answers.id
        ));
    }
    if quick["next"].as_array().is_none_or(Vec::is_empty) {
        found.push(format!("{}: status without a next command", answers.id));
    }
    found
}

/// A quick look is never better than what `preflight` says of a start: it names a fault, or it says what it did not look at and leads
/// to the command that finds the fault. What it says of a start is what `preflight` says.
fn status_against_preflight(answers: &Answers) -> Vec<String> {
    let mut found = Vec::new();
    let id = answers.id;
    let check_finds = answers.check["findings"]
        .as_array()
        .is_some_and(|findings| findings.iter().any(|finding| finding["severity"] != "note"));
    for (name, run) in [
        ("status", &answers.status),
        ("status --quick", &answers.heads),
        ("status --replay", &answers.replay),
    ] {
        let json = run.json();
        let verdict = json["verdict"].as_str().unwrap_or_default();
        if verdict.contains("nothing wrong") {
            found.push(format!(
                "{id}: {name} says that nothing is wrong: {verdict}"
            ));
        }
        if answers.start["go"] == true || run.code != 0 {
            continue;
        }
        let leads = json["next"][0]
            .as_str()
            .is_some_and(|next| next.starts_with("etcd-inspect check "));
        if !(verdict.contains("not looked at: ") && leads && check_finds) {
            found.push(format!("{id}: NO-GO, and {name} says {verdict:?}"));
        }
    }
    let (quick, planned) = (
        &answers.status.json()["start"],
        &answers.start["step"]["outcome"],
    );
    for field in ["starts", "revision", "keys"] {
        if !quick.is_null() && quick[field] != planned[field] {
            found.push(format!(
                "{id}: status says {field} {} of a start, preflight {}",
                quick[field], planned[field]
            ));
        }
    }
    found
}

/// What the first line of the plan says is GO, and what `preflight` refuses has something better where the plan has.
fn first_line(answers: &Answers) -> Vec<String> {
    let mut found = Vec::new();
    let first = &answers.check["plan"][0];
    for (action, preflight) in [
        ("start", &answers.start),
        ("restore", &answers.restore),
        ("force-new-cluster", &answers.force),
    ] {
        let go = preflight["go"] == true;
        if first["action"] == action && first["outcome"]["starts"] == true && !go {
            found.push(format!(
                "{}: {action} is the first line of the plan, and NO-GO",
                answers.id
            ));
        }
        let has_other = first["action"] != action && first["outcome"]["starts"] != false;
        if has_other && !go && preflight["better"].is_null() {
            found.push(format!(
                "{}: NO-GO for {action}, and nothing better though the plan has {}",
                answers.id, first["action"]
            ));
        }
    }
    found
}

/// A record that etcd cannot decode ends a start, also if the tree of records is sound.
#[test]
fn status_reports_the_start_that_check_reports_if_a_record_cannot_be_decoded() {
    for fixture in ["learner-3.5.30/m1", "cluster3-3.4.23/m2", "etcd-3.6.14"] {
        let copy = testkit::copy_of(&testkit::data_dir(fixture));
        let file = copy.join("member/snap/db");
        let mut db = testkit::places::bolt::Db::read(&file);
        let record = db.entries("key").pop().unwrap();
        // The length of the key, the first field, is beyond the message.
        db.put(record.value.start + 1, &[0x7f]);
        db.write(&file);
        let text = copy.to_str().unwrap();
        let json = |words: &[&str]| {
            let words = words.iter().copied().chain([text, "-o", "json"]);
            sealed(&copy, words).json()
        };
        let status = json(&["status"]);
        let preflight = json(&["preflight", "--for", "start"]);
        assert_eq!(status["start"]["starts"], false, "{fixture}: {status}");
        assert_eq!(
            status["start"]["starts"], preflight["step"]["outcome"]["starts"],
            "{fixture}"
        );
        // Two copies of one member are no majority to be forced.
        let second = testkit::copy_of(&copy);
        let compare = json(&["compare", second.to_str().unwrap()]);
        let next = compare["next"].to_string();
        assert!(!next.contains("force-new-cluster"), "{fixture}: {next}");
    }
}

#[test]
fn no_two_verbs_contradict_each_other_on_any_incident() {
    let mut wrong = Vec::new();
    for incident in incidents::all() {
        let answers = ask(&incident);
        wrong.extend(contradictions(&answers));
        let causes = answers.check["cause"].as_array().unwrap().len();
        if causes > MOST_CAUSES {
            let codes: Vec<&str> = answers.check["cause"]
                .as_array()
                .unwrap()
                .iter()
                .map(|cause| cause["code"].as_str().unwrap())
                .collect();
            wrong.push(format!("{}: {causes} causes {codes:?}", answers.id));
        }
        let lines = answers.sheet.lines().count();
        if lines > SCREEN {
            wrong.push(format!("{}: {lines} lines", answers.id));
        }
        let last = answers.sheet.lines().last().unwrap_or_default();
        if !last.starts_with("next   etcd-inspect ") {
            wrong.push(format!("{}: the last line is {last:?}", answers.id));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// Every fourth incident with the suite; `AGREEMENT=all` asks all of them.
#[test]
fn tables_the_page_for_a_ticket_and_meta_say_what_check_says() {
    let step = match std::env::var_os("AGREEMENT") {
        Some(_) => 1,
        None => 4,
    };
    let wrong: Vec<String> = incidents::all()
        .iter()
        .step_by(step)
        .flat_map(elsewhere)
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_healthy_member_has_no_cause_and_the_first_step_loses_nothing() {
    for name in [
        "etcd-3.5.30",
        "lagging-3.5.30",
        "etcd-3.4.23",
        "auth-3.5.16",
    ] {
        let path = testkit::data_dir(name);
        let json = sealed(&path, ["check", path.to_str().unwrap(), "-o", "json"]).json();
        let first = &json["plan"][0];
        assert_eq!(first["action"], "start", "{name}: {first}");
        assert_eq!(
            (&first["lost"]["writes"], &first["outcome"]["starts"]),
            (&Value::from(0), &Value::from(true)),
            "{name}: {first}"
        );
        let errors = json["cause"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|cause| cause["severity"] == "error")
            .count();
        assert_eq!(errors, 0, "{name}: {}", json["cause"]);
    }
}

/// Number of single mutations that are looked at with the suite; `MUTATIONS` and `SEED` ask for others.
const SAMPLE: u64 = 12;

#[test]
fn one_fault_has_at_most_three_causes_and_fits_a_screen() {
    let asked = |name: &str| std::env::var(name).ok()?.parse().ok();
    let first = asked("SEED").unwrap_or(700_001);
    let mut wrong = Vec::new();
    for seed in first..first + asked("MUTATIONS").unwrap_or(SAMPLE) {
        let mutation = testkit::mutations::random(seed);
        let copy = mutation.apply();
        let path = copy.to_path_buf();
        let text = path.to_str().unwrap();
        let json = sealed(&path, ["check", text, "-o", "json"]);
        let of_page = sealed(&path, ["check", text]);
        let causes = json.json()["cause"].clone();
        let causes: Vec<&str> = (causes.as_array().unwrap().iter())
            .map(|cause| cause["code"].as_str().unwrap())
            .collect();
        if causes.len() > MOST_CAUSES {
            wrong.push(format!("{seed}: {causes:?} ({})", mutation.what));
        }
        let lines = of_page.out.lines().count();
        if lines > SCREEN {
            wrong.push(format!("{seed}: {lines} lines ({})", mutation.what));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A db with one wrong value beside a log with one wrong length word: neither fault explains the other.
#[test]
fn a_wrong_value_is_a_cause_of_its_own_beside_a_damaged_log() {
    let copy = incidents::incident("W41").reproduce();
    let other = incidents::incident("D20").reproduce();
    let (path, db) = (copy.data_dir(), "member/snap/db");
    std::fs::copy(other.data_dir().join(db), path.join(db)).unwrap();
    let said = sealed(&path, ["check", path.to_str().unwrap(), "-o", "json"]).json();
    let causes = said["cause"].as_array().unwrap().iter();
    let codes: Vec<&str> = causes
        .map(|cause| cause["code"].as_str().unwrap())
        .collect();
    assert_eq!(codes, ["WAL-033", "X-006"], "{}", said["cause"]);
}

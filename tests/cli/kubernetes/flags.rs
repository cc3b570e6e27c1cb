//! What is accepted has an effect: every flag of `get`, `describe` and `export` changes the answer, or is refused with what works.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use testkit::synth::bolt::DbBuilder;
use testkit::synth::mvcc::Keyspace;
use testkit::verbs::{long_flags, on_all_cores};

use super::*;
use crate::run::command;

/// A question in one form: its words, and what `--sort-by` and `--columns` mean there. `{missing}` is a name that may not exist.
struct Form {
    words: &'static str,
    sort: &'static str,
    column: &'static str,
}

const fn form(words: &'static str, sort: &'static str, column: &'static str) -> Form {
    Form {
        words,
        sort,
        column,
    }
}

const FORMS: &[Form] = &[
    form(
        "get pods{missing} -n shop",
        "{.metadata.labels.order}",
        "NAME",
    ),
    form(
        "get pods{missing} -n shop -o yaml",
        "{.metadata.labels.order}",
        "NAME",
    ),
    form(
        "get pods{missing} -n shop -o custom-columns=N:.metadata",
        "{.metadata.labels.order}",
        "NAME",
    ),
    form(
        "get pods{missing} -n shop -o name",
        "{.metadata.labels.order}",
        "NAME",
    ),
    form(
        "get pods{missing} -n shop -o raw",
        "{.metadata.labels.order}",
        "NAME",
    ),
    form("get pods{missing} -n shop --describe", "NAME", "NAME"),
    form("get /registry/pods/shop/web-1", "KEY", "KEY"),
    form("get /registry/pods/shop/web-1 -o json", "KEY", "KEY"),
    form("get /registry/pods/shop/web-1 -o raw", "KEY", "KEY"),
    form("get --prefix /registry/pods/shop/", "-KEY", "KEY"),
    form("get --prefix /registry/pods/shop/ -o json", "-KEY", "KEY"),
    form("get helm{missing} -A", "-NAME", "NAME"),
    form("get --undecodable", "-KEY", "KEY"),
    form("get --stored-versions", "-KIND", "KIND"),
    form("describe pods{missing} -n shop", "NAME", "NAME"),
    form("export pods -n shop --out -", "NAME", "NAME"),
    form("export pods -n shop --out new", "NAME", "NAME"),
    form("export pods -n shop --out new.json", "NAME", "NAME"),
    form("export helm/web -n shop --reveal --out new", "NAME", "NAME"),
    form(
        "export --format csv --tables objects,keys --out new",
        "NAME",
        "NAME",
    ),
];

/// Flags about which evidence is read and how, what opens it, how a terminal is used, and what is in no object here: they have
/// their effect on other evidence.
const OF_EVIDENCE: &str = "--replay --carved --encryption-config --kms-keys --fp-key --unknown --key --prefix --value-depth \
    --data-dir --wal-dir --io --meta --max-unpacked --threads --progress --color --ascii --utc --local --quiet --no-config --help \
    --at --local --keep-finalizers --keep-cluster-ip --target --owned --out --tables --secrets --reveal --deleted-since --format";

/// A value for each other flag that takes one.
fn value_of(flag: &str, form: &Form) -> Option<&'static str> {
    Some(match flag {
        "--namespace" => "other",
        "--selector" => "app=web",
        "--field-selector" => "metadata.name=web-1",
        "--label-columns" => "app",
        "--now" => "2031-01-01T00:00:00Z",
        "--sort-by" => form.sort,
        "--columns" => form.column,
        "--limit" => "1",
        "--output" => "jsonl",
        "--rev" => "2",
        "--etcd-prefix" => "/nope",
        "--values" => "none",
        _ => return None,
    })
}

/// Whether a flag only says what is so without it: one key is not more than one, and the list of values is that of all namespaces.
fn says_what_is(form: &Form, flag: &str) -> bool {
    match flag {
        "--limit" => form.words.starts_with("get /registry/"),
        "--all-namespaces" => form.words == "get --undecodable",
        _ => false,
    }
}

fn pod(name: &str, app: &str, order: i64) -> serde_json::Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "shop", "uid": name,
        "creationTimestamp": "2026-11-21T01:00:00Z", "labels": {"app": app, "order": order.to_string()},
        "managedFields": [{"manager": "m", "operation": "Update", "apiVersion": "v1", "time": "2026-11-21T01:00:00Z"}]},
        "spec": {"containers": [{"name": "c", "image": "i"}]}, "status": {"phase": "Running"}})
}

/// Two pods, two releases of Helm, and two values that give no object.
fn db(folder: &Path) -> PathBuf {
    let mut keys = Keyspace::new();
    for (name, app, order) in [("web-1", "web", 2), ("web-2", "api", 1)] {
        let key = format!("/registry/pods/shop/{name}");
        keys.put(key.as_bytes(), pod(name, app, order).to_string().as_bytes());
    }
    for (name, app) in [("web", "web"), ("cache", "api")] {
        let release = json!({"name": name, "namespace": "shop", "version": 1, "info": {"status": "deployed", "last_deployed":
            "2026-11-21T01:00:00Z"}, "chart": {"metadata": {"name": name, "version": "1"}}, "manifest": "---\nkind: Service\n"});
        let object = format!("sh.helm.release.v1.{name}.v1");
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": object, "namespace": "shop",
            "labels": {"owner": "helm", "app": app}}, "data": {"release": STANDARD.encode(release.to_string())}});
        let key = format!("/registry/configmaps/shop/{object}");
        keys.put(key.as_bytes(), map.to_string().as_bytes());
    }
    let event = json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "e", "namespace": "shop"}, "reason": "Started",
        "involvedObject": {"kind": "Pod", "name": "web-1", "namespace": "shop", "uid": "web-1"},
        "firstTimestamp": "2026-11-21T01:00:00Z", "lastTimestamp": "2026-11-21T01:00:00Z", "count": 1, "type": "Normal"});
    keys.put(b"/registry/events/shop/e", event.to_string().as_bytes());
    for name in ["a", "b"] {
        let key = format!("/registry/services/specs/shop/{name}");
        keys.put(key.as_bytes(), b"k8s\0broken");
    }
    let path = folder.join("db");
    std::fs::write(
        &path,
        DbBuilder::etcd().bucket("key", keys.records()).build(),
    )
    .unwrap();
    path
}

/// Exit code, standard output with every file that was written, and standard error.
type Answer = (i32, String, String);

/// Everything that a run prints and writes.
fn answer(db: &Path, words: &[&str]) -> Answer {
    let folder = tempfile::tempdir().unwrap();
    let output = command()
        .args(words)
        .args(["-d", db.to_str().unwrap()])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.path().to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => {
                    let name = path.strip_prefix(folder.path()).unwrap().to_owned();
                    let mode = path.metadata().unwrap().permissions().mode();
                    files.insert(name, (mode, std::fs::read(&path).unwrap()));
                }
            }
        }
    }
    let out = format!("{}{files:?}", String::from_utf8_lossy(&output.stdout));
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().unwrap_or(-1), out, err)
}

#[test]
fn every_flag_of_get_describe_and_export_has_an_effect_or_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let db = db(folder.path());
    let binary = env!("CARGO_BIN_EXE_etcd-inspect");
    let neutral: BTreeSet<&str> = OF_EVIDENCE.split_whitespace().collect();
    let mut questions = Vec::new();
    for form in FORMS {
        let verb = form.words.split(' ').next().unwrap();
        for flag in long_flags(binary, verb) {
            let is_given = form.words.contains(flag.as_str())
                || flag == "--all-namespaces" && form.words.contains(" -A");
            if !neutral.contains(flag.as_str()) && !is_given && !says_what_is(form, &flag) {
                questions.push((form, flag));
            }
        }
    }
    assert!(questions.len() > 300, "{}", questions.len());
    let plain_answers: Mutex<BTreeMap<String, Answer>> = Mutex::default();
    on_all_cores(questions, |(form, flag)| {
        let missing = match flag == "--ignore-not-found" {
            true => "/missing",
            false => "",
        };
        let words = form.words.replace("{missing}", missing);
        let known = plain_answers.lock().unwrap().get(&words).cloned();
        let plain = known.unwrap_or_else(|| {
            let plain = answer(&db, &words.split(' ').collect::<Vec<_>>());
            let mut answers = plain_answers.lock().unwrap();
            answers.entry(words.clone()).or_insert(plain).clone()
        });
        let mut words: Vec<&str> = words.split(' ').collect();
        words.push(&flag);
        words.extend(value_of(&flag, form));
        let with = answer(&db, &words);
        let is_refused = with.0 == 2 && with.2.contains("E0002");
        assert!(
            is_refused || plain != with,
            "{words:?} has no effect and is accepted:\n{}{}",
            with.1,
            with.2
        );
        if is_refused {
            // A reader is not left with a "no".
            let helps = [
                "try ",
                "works",
                "means",
                "supported",
                "cannot be used with",
                "columns",
                "\"next\":",
            ];
            assert!(
                helps.iter().any(|word| with.2.contains(word)),
                "{words:?}\n{}",
                with.2
            );
        }
    });
}

#[test]
fn what_is_refused_names_a_command_that_runs() {
    let folder = tempfile::tempdir().unwrap();
    let db = db(folder.path());
    for words in [
        "get pods -A --neat",
        "get pods -A -o yaml --show-labels",
        "get pods -A -o yaml --no-headers",
        "get /registry/pods/shop/web-1 -l app=web",
        "get --stored-versions -n shop",
        "get helm -A --neat",
        "get",
        "export --out -",
        "export pods -A -o csv --out -",
        "export pods -A --limit 1 --out -",
        "export helm/web -n shop --target 1.30 --out -",
        "export -A --target 1.99 --out -",
        "export pods -A --replai --out -",
        "export pods -A --wal --out -",
        "describe pods -A --limit 1",
    ] {
        let words: Vec<&str> = words.split(' ').collect();
        let (code, _, err) = answer(&db, &words);
        assert_eq!(code, 2, "{words:?}\n{err}");
        let next = err.lines().find_map(|line| {
            let line = line.trim_start();
            let of_try = line.strip_prefix("try").map(str::trim_start);
            of_try.or_else(|| {
                line.split_once("Did you mean: ")
                    .map(|(_, next)| next.trim_end_matches(" ?"))
            })
        });
        let next = next.unwrap_or_else(|| panic!("{words:?}: no next step\n{err}"));
        let run = std::process::Command::new("sh")
            .args(["-c", next])
            .env(
                "PATH",
                format!(
                    "{}:/usr/bin:/bin",
                    Path::new(env!("CARGO_BIN_EXE_etcd-inspect"))
                        .parent()
                        .unwrap()
                        .display()
                ),
            )
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert_ne!(
            run.status.code(),
            Some(2),
            "{words:?}: {next}\n{}",
            String::from_utf8_lossy(&run.stderr)
        );
    }
}

//! Templates, orders and selectors that answer as those of kubectl 1.32 do.

use serde_json::json;
use testkit::synth::bolt::DbBuilder;
use testkit::synth::mvcc::Keyspace;

use super::*;

fn db(folder: &Path) -> PathBuf {
    let mut keys = Keyspace::new();
    let mut put = |key: &str, object: Value| {
        keys.put(
            format!("/registry/{key}").as_bytes(),
            object.to_string().as_bytes(),
        );
    };
    for (name, restarts) in [("a", 2), ("b", 11), ("c", 0)] {
        put(
            &format!("pods/shop/{name}"),
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "shop",
            "creationTimestamp": "2026-11-21T01:00:00Z"}, "spec": {"containers": [{"name": "c"}]},
            "status": {"phase": format!("P{name}"), "containerStatuses": [{"name": "c", "restartCount": restarts}]}}),
        );
    }
    put(
        "jobs/shop/j",
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j", "namespace": "shop"},
        "spec": {"template": {"metadata": {"labels": {"job-name": "j"}}}}, "status": {"succeeded": 1}}),
    );
    put(
        "jobs/shop/k",
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "k", "namespace": "shop", "labels": {"own": "x"}},
        "spec": {"template": {"metadata": {"labels": {"job-name": "k"}}}}}),
    );
    put(
        "configmaps/shop/n",
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "n", "namespace": "shop"},
        "size": 100_000_000_000_000_000_000_f64, "small": 1e-6}),
    );
    let path = folder.join("db");
    let bytes = DbBuilder::etcd().bucket("key", keys.records()).build();
    std::fs::write(&path, bytes).unwrap();
    path
}

fn ask(path: &Path, args: &[&str]) -> RunResult {
    let mut all = vec!["get"];
    all.extend(args);
    all.extend(["-n", "shop", "-d", path.to_str().unwrap()]);
    sealed(path, all)
}

#[test]
fn templates_print_what_kubectl_prints_and_refuse_what_it_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let path = db(folder.path());
    for (what, form, want) in [
        (
            "pods",
            "jsonpath={.items[*]['metadata.name','status.phase']}",
            "a b c Pa Pb Pc",
        ),
        ("pod/a", "jsonpath=.kind", ".kind"),
        ("pod/a", r#"jsonpath={"\u00e9"}"#, "é"),
        ("pod/a", r#"go-template={{"\u00e9\x41"}}"#, "éA"),
        ("pod/a", "go-template={{js \"a<b\"}}", r"a\u003Cb"),
        ("pod/a", r#"go-template={{printf "%T" .kind}}"#, "string"),
    ] {
        let got = ask(&path, &[what, "-o", form]);
        assert_eq!(
            (got.code, got.out.trim_end()),
            (0, want),
            "{form}: {}",
            got.err
        );
    }
    for (form, why) in [
        (
            "jsonpath={.items[99].metadata.name}x",
            "array index out of bounds: index 99, length 3",
        ),
        ("jsonpath={.kind[0]}", "string is not array or slice"),
        ("jsonpath={kind}", "begins with a dot"),
        ("go-template={{call .x}}", "call of nil"),
    ] {
        let got = ask(&path, &["pods", "-o", form]);
        assert!(
            got.code != 0 && got.out.is_empty() && got.err.contains(why),
            "{form}: {} {}",
            got.out,
            got.err
        );
    }
    let whole = ask(&path, &["pod/a", "-o", "jsonpath={}"]);
    assert!(
        whole.out.starts_with(r#"{"apiVersion":"v1""#),
        "{}",
        whole.out
    );
}

#[test]
fn a_table_is_sorted_by_its_columns() {
    let folder = tempfile::tempdir().unwrap();
    let path = db(folder.path());
    let names = |sort: &str| {
        let got = ask(&path, &["pods", sort]);
        assert_eq!(got.code, 0, "{sort}: {}", got.err);
        let lines = got.out.lines().skip(1);
        let names: Vec<String> = lines
            .map(|line| line.split_whitespace().next().unwrap().to_owned())
            .collect();
        names.join(" ")
    };
    assert_eq!(names("--sort-by=RESTARTS"), "b a c");
    assert_eq!(names("--sort-by=-restarts"), "c a b");
    assert_eq!(names("--sort-by=-NAME"), "c b a");
    assert_eq!(
        names("--sort-by=.status.containerStatuses[0].restartCount"),
        "c a b"
    );
    let none = ask(&path, &["pods", "--sort-by=NOPE"]);
    assert!(
        none.code == 2 && none.err.contains("the columns are NAME, READY"),
        "{}",
        none.err
    );
}

#[test]
fn jobs_are_selected_as_an_api_server_reads_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = db(folder.path());
    for (selector, want) in [
        (["-l", "job-name=j"], "job.batch/j\n"),
        (["--field-selector", "status.successful=1"], "job.batch/j\n"),
        (["--field-selector", "status.successful=0"], "job.batch/k\n"),
    ] {
        let got = ask(&path, &["jobs", selector[0], selector[1], "-o", "name"]);
        assert_eq!(got.out, want, "{selector:?}: {}", got.err);
    }
    let text = ask(&path, &["job/j", "-o", "yaml"]).out;
    assert!(text.contains("  labels:\n    job-name: j"), "{text}");
    let at = path.to_str().unwrap();
    let words = [
        "export",
        "jobs",
        "-n",
        "shop",
        "-l",
        "job-name=j",
        "--out",
        "-",
        "-d",
        at,
    ];
    assert!(sealed(&path, words).out.contains("name: j"));
}

//! Defaults of the API server that people changed, and namespaces that were deleted.

use serde_json::json;
use testkit::synth::bolt::DbBuilder;
use testkit::synth::mvcc::Keyspace;

use super::*;

fn written(folder: &Path, keys: &Keyspace) -> PathBuf {
    let path = folder.join("db");
    let bytes = DbBuilder::etcd().bucket("key", keys.records()).build();
    std::fs::write(&path, bytes).unwrap();
    path
}

fn run(path: &Path, words: &str) -> RunResult {
    let at = path.to_str().unwrap();
    let words = words.split(' ').chain(["-d", at]);
    sealed(path, words)
}

fn role(name: &str, managers: &[&str]) -> String {
    let managers: Vec<Value> = managers
        .iter()
        .map(|name| json!({"manager": name}))
        .collect();
    json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": name,
        "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"}, "managedFields": managers}, "rules": []})
    .to_string()
}

#[test]
fn a_default_that_people_changed_is_written_and_one_of_which_nothing_is_known_is_listed() {
    let mut keys = Keyspace::new();
    for (name, managers, versions) in [
        (
            "system:basic-user",
            &["kube-apiserver", "kubectl-patch"][..],
            2,
        ),
        ("system:node", &["kube-apiserver"], 2),
        // A copy has the label of what it was copied from.
        ("my-admin", &["kubectl-create"], 1),
        ("system:old", &[], 1),
        ("system:unknown", &[], 2),
    ] {
        for _ in 0..versions {
            keys.put(
                format!("/registry/clusterroles/{name}").as_bytes(),
                role(name, managers).as_bytes(),
            );
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), &keys);
    let names = |words: &str| -> Vec<String> {
        let run = run(&path, words);
        let lines = run
            .out
            .lines()
            .filter_map(|line| line.strip_prefix("  name: "));
        lines
            .map(|name| name.trim_matches('"').to_owned())
            .collect()
    };
    let all = run(&path, "export -A --out -");
    assert_eq!(
        names("export -A --out -"),
        ["my-admin", "system:basic-user"],
        "{}",
        all.err
    );
    assert!(all.err.contains("left out 2: the API server makes it again; clusterroles/system:node, clusterroles/system:old"), "{}", all.err);
    let listed = "whether people changed it is not known";
    assert!(
        all.err.contains(listed) && all.err.contains("clusterroles/system:unknown"),
        "{}",
        all.err
    );
    let next = "etcd-inspect export clusterroles -A --out -";
    assert!(all.err.contains(next), "{}", all.err);
    assert_eq!(
        names("export clusterroles -A --out -"),
        ["my-admin", "system:basic-user", "system:unknown"]
    );
    // By its own name everything is written.
    let named = run(&path, "export clusterrole/system:node --out -");
    assert_eq!(
        (named.code, names("export clusterrole/system:node --out -")),
        (0, vec!["system:node".to_owned()]),
        "{}",
        named.err
    );
    assert!(
        named.err.contains("is written because it is named"),
        "{}",
        named.err
    );
}

#[test]
fn a_deleted_namespace_names_the_command_that_brings_it_back() {
    let mut keys = Keyspace::new();
    let map = |name: &str| {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "doomed",
        "creationTimestamp": "2026-11-21T01:00:00Z"}}).to_string()
    };
    let namespace = |deleted: Option<&str>| {
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "doomed",
        "creationTimestamp": "2026-11-21T01:00:00Z", "deletionTimestamp": deleted}})
        .to_string()
    };
    keys.put(b"/registry/namespaces/doomed", namespace(None).as_bytes());
    for name in ["long-ago", "a", "b"] {
        keys.put(
            format!("/registry/configmaps/doomed/{name}").as_bytes(),
            map(name).as_bytes(),
        );
    }
    keys.delete(b"/registry/configmaps/doomed/long-ago");
    keys.put(
        b"/registry/namespaces/doomed",
        namespace(Some("2026-11-21T02:00:00Z")).as_bytes(),
    );
    for name in ["a", "b"] {
        keys.delete(format!("/registry/configmaps/doomed/{name}").as_bytes());
    }
    keys.delete(b"/registry/namespaces/doomed");
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), &keys);
    let out = folder.path().join("back");
    let asked = [
        format!("export -n doomed --out {}", out.display()),
        "export -n doomed --out -".to_owned(),
        "export cm -n doomed --out -".to_owned(),
        "get all -n doomed".to_owned(),
        "get cm -n doomed -o name".to_owned(),
    ];
    for words in asked {
        let empty = run(&path, &words);
        assert_eq!(empty.code, 1, "{words}: {}", empty.err);
        let note = empty.err.lines().find(|line| {
            line.contains("3 objects of namespace doomed were deleted, the first at revision 8")
        });
        let note = note.unwrap_or_else(|| panic!("{words}: {}", empty.err));
        // The command runs as it is printed.
        let next = &note[note.find("etcd-inspect ").unwrap() + "etcd-inspect ".len()..];
        let next = sealed(&path, next.split(' '));
        assert_eq!(next.code, 0, "{note}: {}", next.err);
        let (wrote, err) = (format!("{}{}", next.out, next.err), &next.err);
        assert!(wrote.contains("2 ConfigMap, 1 Namespace"), "{wrote} {err}");
    }
    assert!(out.join("01-namespace/doomed.yaml").is_file());
    let there = run(&path, "get cm -n doomed --rev 5");
    assert!(
        there.out.contains("long-ago") && !there.err.contains("deleted"),
        "{}",
        there.err
    );
    let never = run(&path, "get cm -n never");
    assert!(
        never.code == 1 && !never.err.contains("deleted"),
        "{}",
        never.err
    );
}

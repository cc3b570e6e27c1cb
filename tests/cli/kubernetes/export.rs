//! What `export` writes: taken by a real, empty kube-apiserver, and without masks.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use testkit::ApiServer;
use testkit::etcd::{Binaries, Server};

use super::{ask, text};

const PATIENCE: Duration = Duration::from_secs(60);

/// The objects of an export to standard output.
fn exported(words: &str) -> Vec<Value> {
    let run = ask(&format!("export {words} --format jsonl --out -"));
    assert!(matches!(run.code, 0 | 3), "{}", run.err);
    // Lines of JSON end with a line feed only: other line separators occur in strings.
    run.out
        .split('\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Paths at which the object of an API server may have more than what was written, by design.
fn is_by_design(kind: &str, path: &str) -> bool {
    const METADATA: &[&str] = &[
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "generation",
        "managedFields",
        "selfLink",
    ];
    let starts = |prefix: &str| path.starts_with(prefix);
    starts("/status")
        || METADATA
            .iter()
            .any(|name| path == format!("/metadata/{name}"))
        || path.ends_with("/metadata/creationTimestamp")
        || match kind {
            "Namespace" => starts("/spec"),
            "PersistentVolumeClaim" | "PersistentVolume" => path == "/metadata/finalizers",
            "Service" => starts("/spec/clusterIP"),
            // Admission computes both of the class of the pod, and refuses others.
            "Pod" => matches!(path, "/spec/priority" | "/spec/preemptionPolicy"),
            // Null, as newer releases print it if it is not set; 1.20 does not know the field.
            "IngressClass" => path == "/spec/parameters/scope",
            "StatefulSet" => starts("/spec/volumeClaimTemplates/"),
            "DaemonSet" => starts("/metadata/annotations"),
            "Job" => {
                path == "/spec/selector"
                    || starts("/spec/template/metadata/labels/")
                    || starts("/metadata/labels")
            }
            _ => false,
        }
}

/// Reports every path at which the two differ.
fn differences(path: &str, wanted: Option<&Value>, got: Option<&Value>, found: &mut Vec<String>) {
    match (wanted, got) {
        (Some(Value::Object(wanted)), Some(Value::Object(got))) => {
            let names: std::collections::BTreeSet<_> = wanted.keys().chain(got.keys()).collect();
            for name in names {
                differences(
                    &format!("{path}/{name}"),
                    wanted.get(name),
                    got.get(name),
                    found,
                );
            }
        }
        (Some(Value::Array(wanted)), Some(Value::Array(got))) if wanted.len() == got.len() => {
            for (at, (wanted, got)) in wanted.iter().zip(got).enumerate() {
                differences(&format!("{path}/{at}"), Some(wanted), Some(got), found);
            }
        }
        _ if wanted != got => found.push(path.to_owned()),
        _ => {}
    }
}

/// The path of a resource; a new CRD is served a moment after it was created.
fn path_of(api: &ApiServer, object: &Value, known: &mut BTreeMap<String, Value>) -> String {
    let (version, kind) = (text(object, "/apiVersion"), text(object, "/kind"));
    let root = if version.contains('/') {
        format!("/apis/{version}")
    } else {
        format!("/api/{version}")
    };
    for _ in 0..40 {
        let list = known
            .entry(root.clone())
            .or_insert_with(|| api.get(&root))
            .clone();
        let resources = list["resources"].as_array().cloned().unwrap_or_default();
        let is_own =
            |resource: &&Value| resource["kind"] == kind && !text(resource, "/name").contains('/');
        if let Some(resource) = resources.iter().find(is_own) {
            let namespace = text(object, "/metadata/namespace");
            let below = if resource["namespaced"] == true {
                format!("/namespaces/{namespace}")
            } else {
                String::new()
            };
            return format!("{root}{below}/{}", text(resource, "/name"));
        }
        known.remove(&root);
        std::thread::sleep(Duration::from_millis(250));
    }
    panic!("{version} {kind} is not served");
}

#[test]
fn an_empty_api_server_takes_all_of_a_namespace_and_then_holds_what_was_written() {
    let Some(binaries) = Binaries::newest("3.5") else {
        return eprintln!("no etcd 3.5 here");
    };
    let dir = tempfile::tempdir().unwrap();
    let etcd = Server::start(&binaries, &dir.path().join("data"), &[], PATIENCE).unwrap();
    let Some(api) = ApiServer::start(&etcd, dir.path()) else {
        return eprintln!("no kube-apiserver here");
    };
    let objects = exported("-n prod --reveal=all");
    assert!(objects.len() > 40, "{}", objects.len());
    let mut known = BTreeMap::new();
    let mut wrong = Vec::new();
    for object in &objects {
        let name = text(object, "/metadata/name");
        let kind = text(object, "/kind");
        let path = path_of(&api, object, &mut known);
        // kube-apiserver 1.20 divides by zero if an integer is checked against `multipleOf: 0.5` (`MultipleOfInt` in kube-openapi
        // pkg/validation/validate/values.go of that release), and it stores 1.0 as 1.
        let mut sent = object.clone();
        if let Some(ratio) = sent.pointer_mut("/spec/ratio")
            && let Some(number) = ratio.as_f64()
        {
            *ratio = number.into();
        }
        let mut answer = api.create(&path, &sent);
        for _ in 0..40 {
            // The path of a custom resource is served a moment later than it is listed.
            if answer.is_object() && answer["code"] != 404 {
                break;
            }
            std::thread::sleep(Duration::from_millis(250));
            answer = api.create(&path, &sent);
        }
        if answer["kind"] != kind {
            wrong.push(format!("{kind}/{name}: {answer}"));
            continue;
        }
        let mut found = Vec::new();
        differences(
            "",
            Some(object),
            Some(&api.get(&format!("{path}/{name}"))),
            &mut found,
        );
        found.retain(|path| !is_by_design(&kind, path));
        wrong.extend(
            found
                .iter()
                .map(|path| format!("{kind}/{name}: {path} differs")),
        );
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_tree_is_written_in_the_order_in_which_it_can_be_applied() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("prod");
    let run = ask(&format!(
        "export -n prod --reveal=all --out {} -o json",
        out.display()
    ));
    assert_eq!(run.code, 0, "{}", run.err);
    let answer = run.json();
    let mut folders: Vec<String> = fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    folders.sort();
    assert_eq!(
        folders.first().map(String::as_str),
        Some("00-customresourcedefinition")
    );
    let place = |name: &str| {
        folders
            .iter()
            .position(|folder| folder.ends_with(name))
            .unwrap()
    };
    assert!(place("-namespace") < place("-secret") && place("-secret") < place("-deployment"));
    assert!(place("-deployment") < place("widget.example.com"));
    let deployment = out.join("41-deployment/prod/web.yaml");
    assert!(deployment.is_file());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&deployment), mode(&out)), (0o600, 0o700));
    }
    let written: u64 = answer["kinds"]
        .as_object()
        .unwrap()
        .values()
        .filter_map(Value::as_u64)
        .sum();
    assert_eq!(answer["objects"], written);
    assert!(
        answer["left_out"]
            .as_array()
            .unwrap()
            .iter()
            .all(|row| row["lost"] == false),
        "{answer}"
    );
    let again = ask(&format!("export -n prod --out {}", out.display()));
    assert!(
        again.code == 2
            && again
                .err
                .contains("exists already, and export replaces nothing"),
        "{}",
        again.err
    );
    let inside = ask(&format!(
        "export -n prod --out {}/new",
        super::data().display()
    ));
    assert!(
        inside.code == 2 && inside.err.contains("evidence"),
        "{}",
        inside.err
    );
}

#[test]
fn nothing_that_is_fed_back_has_a_mask_as_a_value() {
    for words in [
        "export -A --out -",
        "export -A --secrets placeholder --out -",
        "get secrets -A --neat -o yaml",
        "get secrets -A --neat --secrets placeholder -o json",
        "get secret/opaque -n prod --neat -o yaml",
        "get --key /registry/secrets/prod/opaque --neat -o yaml",
    ] {
        let run = ask(words);
        assert!(!run.out.contains("••••"), "{words}: {}", run.out);
        let placeholder = words.contains("placeholder");
        assert_eq!(
            run.code,
            if placeholder { 0 } else { 3 },
            "{words}: {}",
            run.err
        );
        assert_eq!(
            run.err.contains("--reveal"),
            !placeholder,
            "{words}: {}",
            run.err
        );
    }
    let run = ask("get secret/opaque -n prod --neat --reveal -o yaml");
    assert!(run.code == 0 && run.out.contains("data:"), "{}", run.err);
}

#[test]
fn what_a_controller_makes_again_is_written_only_if_asked_for_and_without_its_owner() {
    let pods = |words: &str| -> Vec<Value> {
        let mut objects = exported(words);
        objects.retain(|object| object["kind"] == "Pod");
        objects
    };
    let (bare, owned) = (pods("-n prod"), pods("-n prod --owned"));
    assert!(bare.len() < owned.len(), "{} {}", bare.len(), owned.len());
    for pod in owned {
        for gone in [
            "/metadata/ownerReferences",
            "/metadata/uid",
            "/spec/nodeName",
            "/status",
        ] {
            assert_eq!(pod.pointer(gone), None, "{gone}");
        }
    }
}

#[test]
fn a_target_converts_what_it_no_longer_serves_and_names_what_it_cannot() {
    let run = ask("export -A --target 1.36 --reveal=all --format jsonl --out -");
    assert_eq!(run.code, 3, "{}", run.err);
    assert!(
        run.err
            .contains("PodSecurityPolicy is not served by Kubernetes 1.36"),
        "{}",
        run.err
    );
    for line in run.out.split('\n').filter(|line| !line.is_empty()) {
        let object: Value = serde_json::from_str(line).unwrap();
        let (version, kind) = (text(&object, "/apiVersion"), text(&object, "/kind"));
        let is_custom = version.contains("example.com") || version.contains("cert-manager");
        assert!(is_custom || !version.contains("beta"), "{version} {kind}");
    }
}

#[test]
fn an_export_that_cannot_be_meant_says_what_to_type() {
    let folder = tempfile::tempdir().unwrap();
    let there = folder.path().join("there");
    fs::create_dir(&there).unwrap();
    let exists = ask(&format!("export -n prod --out {}", there.display()));
    assert_eq!(exists.code, 2, "{}", exists.err);
    assert!(
        exists.err.contains("exists already") && exists.err.contains("there-2"),
        "{}",
        exists.err
    );
    let text = folder.path().join("x.txt");
    let refused = ask(&format!("export -n prod --out {}", text.display()));
    assert!(
        refused.code == 2 && refused.err.contains("x.yaml") && !text.exists(),
        "{}",
        refused.err
    );
    let bogus = ask("export deplyoments -A --out -");
    assert!(
        bogus.code == 1 && bogus.err.contains("etcd-inspect export deployments"),
        "{}",
        bogus.err
    );
    for target in ["1.3", "1.99"] {
        let unknown = ask(&format!("export -n prod --target {target} --out -"));
        assert!(
            unknown.code == 2 && unknown.err.contains("1.8 to 1.37"),
            "{}",
            unknown.err
        );
    }
}

#[test]
fn encrypted_objects_that_no_key_opens_are_one_line() {
    let data = testkit::data_dir("k8s-1.20-etcd35-enc");
    let run = crate::run::sealed(
        &data,
        ["export", "-A", "--out", "-", "-d", data.to_str().unwrap()],
    );
    assert_eq!(run.code, 3, "{}", run.err);
    let lines: Vec<&str> = run
        .err
        .lines()
        .filter(|line| line.contains("encrypted"))
        .collect();
    assert_eq!(lines.len(), 1, "{}", run.err);
    assert!(lines[0].contains("--encryption-config"), "{}", lines[0]);
}

#[test]
fn deletions_are_counted_from_a_time_or_a_duration() {
    let long = exported("-A --deleted-since -24h --secrets placeholder");
    let at = exported("-A --deleted-since 2000-01-01T00:00:00Z --secrets placeholder");
    assert_eq!(long.len(), at.len());
    let none = ask("export -A --deleted-since -0s --out -");
    assert!(matches!(none.code, 1 | 3), "{}", none.err);
    let wrong = ask("export -A --deleted-since yesterday-ish --out -");
    assert_eq!(wrong.code, 2, "{}", wrong.err);
}

//! Versions and names that an API server takes, and what objects refer to.

use serde_json::json;
use testkit::synth::bolt::DbBuilder;
use testkit::synth::mvcc::Keyspace;

use super::*;

struct Evidence {
    folder: tempfile::TempDir,
    keys: Keyspace,
}

impl Evidence {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            keys: Keyspace::new(),
        }
    }

    /// An object `API_VERSION KIND [NAMESPACE/]NAME` at a path, with more members.
    fn put(&mut self, path: &str, api_version: &str, kind: &str, name: &str, more: Value) {
        let key = format!("/registry/{path}/{name}");
        let (namespace, name) = name.rsplit_once('/').unwrap_or(("", name));
        let mut object =
            json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name}});
        if !namespace.is_empty() {
            object["metadata"]["namespace"] = namespace.into();
        }
        for (member, value) in more.as_object().unwrap() {
            object[member] = value.clone();
        }
        self.keys.put(key.as_bytes(), object.to_string().as_bytes());
    }

    fn run(&self, words: &str) -> RunResult {
        let path = self.folder.path().join("db");
        let bytes = DbBuilder::etcd().bucket("key", self.keys.records()).build();
        std::fs::write(&path, bytes).unwrap();
        let at = path.to_str().unwrap();
        let words = words.split(' ').chain(["-d", at]);
        sealed(&path, words)
    }

    /// `KIND/NAME apiVersion` of what is written.
    fn written(&self, words: &str) -> Vec<String> {
        let run = self.run(&format!("export {words} --format jsonl --out -"));
        let lines = run
            .out
            .lines()
            .map(|line| serde_json::from_str(line).unwrap());
        let mut written: Vec<String> = lines
            .map(|object: Value| {
                let text = |pointer| text(&object, pointer);
                format!(
                    "{}/{} {}",
                    text("/kind"),
                    text("/metadata/name"),
                    text("/apiVersion")
                )
            })
            .collect();
        written.sort();
        written
    }
}

fn crd(kind: &str, versions: &[(&str, bool)], conversion: &str) -> Value {
    let (first, plural) = (versions[0].0, format!("{}s", kind.to_lowercase()));
    let versions: Vec<Value> = versions
        .iter()
        .map(|(name, served)| json!({"name": name, "served": served, "storage": *name == first, "schema": {"openAPIV3Schema": {"type": "object"}}}))
        .collect();
    json!({"spec": {"group": "acme.io", "names": {"plural": plural, "kind": kind}, "scope": "Namespaced",
        "versions": versions, "conversion": {"strategy": conversion}}})
}

#[test]
fn a_custom_resource_in_a_version_that_is_not_served_is_rewritten_or_refused() {
    let mut evidence = Evidence::new();
    let definitions = "apiextensions.k8s.io/customresourcedefinitions";
    for (kind, versions, conversion) in [
        ("Thing", &[("v1", true)][..], "None"),
        ("Hook", &[("v1", true), ("v1alpha1", false)], "Webhook"),
        ("Old", &[("v1", false), ("v1beta1", true)], "None"),
        ("Dead", &[("v1", false)], "None"),
    ] {
        let name = format!("{}s.acme.io", kind.to_lowercase());
        let spec = crd(kind, versions, conversion);
        evidence.put(
            definitions,
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            &name,
            spec,
        );
        let path = format!("acme.io/{}s", kind.to_lowercase());
        evidence.put(
            &path,
            "acme.io/v1alpha1",
            kind,
            "shop/a",
            json!({"spec": {"size": 3}}),
        );
        evidence.put(&path, "acme.io/v1", kind, "shop/b", json!({}));
    }
    let words = "things.acme.io,hooks.acme.io,olds.acme.io,deads.acme.io -n shop";
    let run = evidence.run(&format!("export {words} --out -"));
    assert_eq!(run.code, 3, "{}", run.err);
    assert_eq!(
        evidence.written(words),
        [
            "Hook/b acme.io/v1",
            "Old/a acme.io/v1beta1",
            "Old/b acme.io/v1beta1",
            "Thing/a acme.io/v1",
            "Thing/b acme.io/v1"
        ]
    );
    for why in [
        "acme.io/v1alpha1 Hook is not served by its CRD, and cannot be converted: a webhook converts its versions",
        "acme.io/v1 Dead is not served by its CRD, and cannot be converted: the CRD serves no version",
        "converted 1 from acme.io/v1alpha1 Thing to acme.io/v1",
    ] {
        assert!(run.err.contains(why), "{why}: {}", run.err);
    }
}

#[test]
fn what_an_older_target_does_not_serve_is_given_a_version_that_it_serves_or_listed() {
    let mut evidence = Evidence::new();
    evidence.put(
        "ingress",
        "networking.k8s.io/v1beta1",
        "Ingress",
        "shop/web",
        json!({"spec": {}}),
    );
    evidence.put(
        "flowschemas",
        "flowcontrol.apiserver.k8s.io/v1beta1",
        "FlowSchema",
        "mine",
        json!({"spec": {}}),
    );
    evidence.put(
        "runtimeclasses",
        "node.k8s.io/v1beta1",
        "RuntimeClass",
        "kata",
        json!({"handler": "kata"}),
    );
    let name = "things.acme.io";
    let definition = json!({"spec": {"group": "acme.io", "names": {"plural": "things", "kind": "Thing"}, "scope": "Namespaced",
        "version": "v1", "preserveUnknownFields": false}});
    evidence.put(
        "apiextensions.k8s.io/customresourcedefinitions",
        "apiextensions.k8s.io/v1beta1",
        "CustomResourceDefinition",
        name,
        definition,
    );
    let old = evidence.run("export -A --target 1.10 --out -");
    assert_eq!(old.code, 3, "{}", old.err);
    assert_eq!(
        evidence.written("-A --target 1.10"),
        [
            "CustomResourceDefinition/things.acme.io apiextensions.k8s.io/v1beta1",
            "Ingress/web extensions/v1beta1"
        ]
    );
    for kind in [
        "flowcontrol.apiserver.k8s.io/v1beta1 FlowSchema",
        "node.k8s.io/v1beta1 RuntimeClass",
    ] {
        assert!(
            old.err
                .contains(&format!("{kind} is not served by Kubernetes 1.10")),
            "{}",
            old.err
        );
    }
    assert_eq!(evidence.run("export -A --target 1.20 --out -").code, 0);
    assert!(
        evidence
            .written("-A --target 1.20")
            .contains(&"Ingress/web networking.k8s.io/v1".to_owned())
            || evidence
                .written("-A --target 1.20")
                .contains(&"Ingress/web networking.k8s.io/v1beta1".to_owned())
    );
}

#[test]
fn an_object_that_no_api_server_takes_is_left_out_and_a_missing_namespace_is_named() {
    let mut evidence = Evidence::new();
    for name in [
        "shop/good",
        "shop/",
        "shop/..",
        "../x",
        "nosuch/a",
        "shop/Upper",
    ] {
        let (namespace, name) = name.rsplit_once('/').unwrap();
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}});
        let key = format!("/registry/configmaps/{namespace}/k-{}", name.len());
        evidence
            .keys
            .put(key.as_bytes(), object.to_string().as_bytes());
    }
    evidence.put("namespaces", "v1", "Namespace", "shop", json!({}));
    let run = evidence.run("export -A --out -");
    assert_eq!(run.code, 3, "{}", run.err);
    assert_eq!(
        evidence.written("-A"),
        ["ConfigMap/a v1", "ConfigMap/good v1", "Namespace/shop v1"]
    );
    for why in [
        "it cannot be created: it has no name",
        "it cannot be created: its name is none that an API server takes",
        "it cannot be created: its namespace is none that an API server takes",
        "1 object is in namespace nosuch, which is not in the evidence: kubectl create namespace nosuch",
    ] {
        assert!(run.err.contains(why), "{why}: {}", run.err);
    }
}

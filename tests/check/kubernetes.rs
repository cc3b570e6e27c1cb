//! Kubernetes values: what etcd stores without a look.

use etcd_inspect::answers::stored_versions::stored_versions;
use etcd_inspect::check::{Depth, check};
use etcd_inspect::kubernetes::encryption::Keyring;
use etcd_inspect::member::Member;
use etcd_inspect::progress::Silent;
use etcd_inspect::{Finding, Severity};
use serde_json::{Value, json};
use testkit::synth;
use testkit::synth::mvcc::Keyspace;

/// A small cluster: two namespaces, a pod, a service, an event with a lease, a CRD with one object.
pub fn cluster() -> Keyspace {
    let mut keys = Keyspace::new();
    for namespace in ["default", "shop"] {
        let object = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace, "uid": format!("ns-{namespace}") },
            "status": { "phase": "Active" },
        });
        put(
            &mut keys,
            &format!("/registry/namespaces/{namespace}"),
            &object,
        );
    }
    put(
        &mut keys,
        "/registry/pods/shop/web-1",
        &pod("shop", "web-1", "u1"),
    );
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "name": "web", "namespace": "shop", "uid": "u2" },
        "spec": { "clusterIP": "10.96.0.7", "ports": [{ "nodePort": 30080, "protocol": "TCP" }] },
    });
    put(&mut keys, "/registry/services/specs/shop/web", &service);
    keys.put_leased(
        b"/registry/events/shop/web-1.1",
        json!({ "apiVersion": "v1", "kind": "Event", "metadata": { "name": "web-1.1", "namespace": "shop", "uid": "u3" } })
            .to_string()
            .as_bytes(),
        7,
    );
    let crd = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": "widgets.example.com", "uid": "u4" },
        "spec": { "group": "example.com", "scope": "Namespaced", "names": { "plural": "widgets", "kind": "Widget" },
                  "versions": [{ "name": "v1", "served": true, "storage": true }] },
        "status": { "storedVersions": ["v1"] },
    });
    put(
        &mut keys,
        "/registry/apiextensions.k8s.io/customresourcedefinitions/widgets.example.com",
        &crd,
    );
    let widget = json!({
        "apiVersion": "example.com/v1", "kind": "Widget", "metadata": { "name": "w1", "namespace": "shop", "uid": "u5" },
    });
    put(&mut keys, "/registry/example.com/widgets/shop/w1", &widget);
    keys.put(b"compact_rev_key", b"2");
    keys
}

pub fn pod(namespace: &str, name: &str, uid: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": name, "namespace": namespace, "uid": uid, "creationTimestamp": "2024-05-01T12:00:00Z" },
    })
}

pub fn put(keys: &mut Keyspace, key: &str, object: &Value) {
    keys.put(key.as_bytes(), object.to_string().as_bytes());
}

/// What a deep check finds of Kubernetes after something was written over the cluster.
pub fn found(write: impl FnOnce(&mut Keyspace)) -> Vec<Finding> {
    let mut keys = cluster();
    write(&mut keys);
    let file = tempfile::NamedTempFile::new().unwrap();
    let lease = (
        7u64.to_be_bytes().to_vec(),
        vec![0x08, 0x07, 0x10, 0x90, 0x1c],
    );
    let db = synth::bolt::DbBuilder::etcd()
        .bucket("key", keys.records())
        .bucket("lease", vec![lease]);
    std::fs::write(file.path(), db.build()).unwrap();
    let report = check(&Member::open(file.path()).unwrap(), Depth::Deep, &Silent);
    assert!(
        report
            .checked
            .iter()
            .any(|checked| checked.starts_with("Kubernetes:")),
        "{:?} {:?}",
        report.checked,
        report.skipped
    );
    let findings = report.findings.into_iter();
    findings
        .filter(|finding| finding.code.id.starts_with("K8S-"))
        .collect()
}

#[track_caller]
pub fn only(code: &str, severity: Severity, write: impl FnOnce(&mut Keyspace)) -> Finding {
    let mut found = found(write);
    let said: Vec<_> = found
        .iter()
        .map(|finding| (finding.code.id, &finding.message))
        .collect();
    assert!(found.len() == 1 && found[0].code.id == code, "{said:?}");
    assert_eq!(found[0].severity, severity);
    assert!(found[0].place.offset.is_some(), "{code} has no place");
    found.remove(0)
}

pub fn db_of(keys: &Keyspace) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    let db = synth::bolt::DbBuilder::etcd().bucket("key", keys.records());
    std::fs::write(file.path(), db.build()).unwrap();
    file
}

#[test]
fn a_healthy_cluster_has_nothing_to_say() {
    assert_eq!(found(|_| {}).len(), 0);
}

#[test]
fn an_undecodable_value_is_named_with_cause_place_and_bytes() {
    let one = only("K8S-002", Severity::Error, |keys| {
        keys.put(
            b"/registry/pods/shop/bad",
            b"{\"kind\":\"Pod\",\"apiVersion\":nonsense}",
        );
    });
    assert!(
        one.message
            .starts_with("/registry/pods/shop/bad at revision"),
        "{}",
        one.message
    );
    assert_eq!(one.keys, [b"/registry/pods/shop/bad".to_vec()]);
    assert!(one.seen.unwrap().contains("around byte"));
    only("K8S-002", Severity::Error, |keys| {
        keys.put(b"/registry/configmaps/shop/empty", b"");
    });
    only("K8S-002", Severity::Error, |keys| {
        keys.put(b"/registry/pods/shop/magic", b"k9s\0\n\x0f");
    });
    only("K8S-002", Severity::Error, |keys| {
        keys.put(b"/registry/pods/shop/cut", b"k8s\0\n\x40\n\x02v1");
    });
}

#[test]
fn an_undecodable_value_has_the_offset_of_its_bad_byte() {
    let value = b"{\"kind\":\"Pod\",\"apiVersion\":nonsense}";
    let one = only("K8S-002", Severity::Error, |keys| {
        keys.put(b"/registry/pods/shop/bad", value);
    });
    // serde_json names the character after which the text is no JSON: the `n` is a beginning of `null`.
    let seen = one.seen.unwrap();
    let at: usize = seen
        .split(" around byte ")
        .nth(1)
        .and_then(|rest| rest.split(' ').next())
        .and_then(|number| number.parse().ok())
        .unwrap();
    assert!(value[at..].starts_with(b"onsense"), "{seen}");
}

#[test]
fn a_value_that_nests_deeper_than_the_limit_is_not_checked_and_is_no_damage() {
    let spec = (0..200).fold(json!(1), |inner, _| json!({ "a": inner }));
    let mut keys = cluster();
    put(
        &mut keys,
        "/registry/example.com/widgets/shop/deep",
        &json!({
            "apiVersion": "example.com/v1", "kind": "Widget",
            "metadata": { "name": "deep", "namespace": "shop", "uid": "u9" }, "spec": spec,
        }),
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    let db = synth::bolt::DbBuilder::etcd().bucket("key", keys.records());
    std::fs::write(file.path(), db.build()).unwrap();
    let kubernetes = |depth: usize| {
        let mut options = etcd_inspect::member::Options::default();
        options.evidence.limits.value_depth = depth;
        let member = Member::open_with(file.path(), options).unwrap();
        let report = check(&member, Depth::Deep, &Silent);
        let findings = report.findings.iter().map(|finding| finding.code.id);
        assert!(!findings.clone().any(|code| code == "K8S-002"), "{depth}");
        let skipped = report.skipped.into_iter();
        skipped
            .filter(|skipped| skipped.what.contains("widgets/shop/deep"))
            .map(|skipped| skipped.why)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        kubernetes(128),
        ["nested deeper than the limit of 128 levels (raise it with --value-depth, up to 500)"]
    );
    assert!(kubernetes(201).is_empty());
}

#[test]
fn every_message_is_a_sentence_about_the_object() {
    let message = |write: &dyn Fn(&mut Keyspace)| {
        let found = found(write);
        found.into_iter().next().unwrap().message
    };
    let stored = |keys: &mut Keyspace, name: &str| {
        let mut object = pod("shop", name, &format!("uid-{name}"));
        object["metadata"]["resourceVersion"] = json!("17");
        put(keys, &format!("/registry/pods/shop/{name}"), &object);
    };
    assert_eq!(
        message(&|keys| stored(keys, "has-rv")),
        "pods/shop/has-rv is stored with metadata.resourceVersion \"17\": it was not written by an API server"
    );
    assert_eq!(
        message(&|keys| ["a", "b", "c"].iter().for_each(|name| stored(keys, name))),
        "pods/shop/a and 2 other objects are stored with metadata.resourceVersion: they were not written by an API server"
    );
    let event = json!({ "apiVersion": "v1", "kind": "Event", "metadata": { "name": "e", "namespace": "shop", "uid": "u9" } });
    assert_eq!(
        message(&|keys| put(keys, "/registry/events/shop/e", &event)),
        "events/shop/e has no lease: it never expires"
    );
    let mut large = pod("shop", "large", "u9");
    large["metadata"]["annotations"] = json!({ "big": "x".repeat(1_100_000) });
    let sentence = message(&|keys| put(keys, "/registry/pods/shop/large", &large));
    assert!(
        sentence.starts_with("pods/shop/large is 1,100,")
            && sentence.ends_with(
                " bytes long; etcd refuses requests above 1,572,864 bytes, so an update may fail"
            ),
        "{sentence}"
    );
    assert_eq!(
        message(&|keys| put(keys, "/registry/pods/ghost/a", &pod("ghost", "a", "u9"))),
        "pods/ghost/a is in namespace ghost, which does not exist: the API does not list it and nothing deletes what is in it"
    );
}

#[test]
fn the_bytes_of_an_undecodable_secret_are_not_shown() {
    let one = only("K8S-002", Severity::Error, |keys| {
        keys.put(b"/registry/secrets/shop/s", b"topsecret");
    });
    let told = format!("{} {:?}", one.message, one.seen);
    assert!(
        !told.contains("74 6f 70") && !told.contains("topsecret"),
        "{told}"
    );
}

#[test]
fn an_older_version_that_does_not_decode_is_a_warning() {
    only("K8S-020", Severity::Warning, |keys| {
        keys.put(b"/registry/pods/shop/web-2", b"{broken");
        put(
            keys,
            "/registry/pods/shop/web-2",
            &pod("shop", "web-2", "u9"),
        );
    });
}

#[test]
fn name_namespace_and_kind_are_held_against_the_key() {
    let one = only("K8S-003", Severity::Warning, |keys| {
        put(
            keys,
            "/registry/pods/shop/wdb-2",
            &pod("shop", "web-2", "u9"),
        );
    });
    assert_eq!(
        (one.seen.as_deref(), one.expected.as_deref()),
        (Some("web-2"), Some("wdb-2"))
    );
    only("K8S-003", Severity::Warning, |keys| {
        put(
            keys,
            "/registry/pods/default/web-2",
            &pod("shop", "web-2", "u9"),
        );
    });
    only("K8S-003", Severity::Warning, |keys| {
        put(
            keys,
            "/registry/configmaps/shop/web-2",
            &pod("shop", "web-2", "u9"),
        );
    });
}

#[test]
fn objects_in_a_namespace_that_does_not_exist_are_one_finding() {
    let one = only("K8S-008", Severity::Warning, |keys| {
        put(keys, "/registry/pods/ghost/a", &pod("ghost", "a", "u9"));
        put(keys, "/registry/pods/ghost/b", &pod("ghost", "b", "u10"));
    });
    assert_eq!((one.count, one.keys.len()), (2, 2));
}

#[test]
fn a_terminating_namespace_with_objects_is_a_note() {
    only("K8S-012", Severity::Note, |keys| {
        let object = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "doomed", "uid": "nd" },
            "status": { "phase": "Terminating" },
        });
        put(keys, "/registry/namespaces/doomed", &object);
        put(keys, "/registry/pods/doomed/a", &pod("doomed", "a", "u9"));
    });
}

#[test]
fn a_uid_twice_and_a_uid_that_changes_are_found() {
    let one = only("K8S-010", Severity::Warning, |keys| {
        put(
            keys,
            "/registry/pods/shop/web-2",
            &pod("shop", "web-2", "u1"),
        );
    });
    assert_eq!(one.keys.len(), 2);
    only("K8S-018", Severity::Warning, |keys| {
        put(
            keys,
            "/registry/pods/shop/web-1",
            &pod("shop", "web-1", "other"),
        );
    });
    // Deleted and created again it is another object.
    let anew = found(|keys| {
        keys.delete(b"/registry/pods/shop/web-1");
        put(
            keys,
            "/registry/pods/shop/web-1",
            &pod("shop", "web-1", "other"),
        );
    });
    assert!(anew.is_empty(), "{anew:?}");
}

#[test]
fn owners_that_do_not_exist_are_a_note_and_others_are_not() {
    let owned = |owner: &str| {
        let mut object = pod("shop", "web-2", "u9");
        object["metadata"]["ownerReferences"] =
            json!([{ "kind": "Pod", "name": "web-1", "uid": owner, "apiVersion": "v1" }]);
        object
    };
    only("K8S-011", Severity::Note, |keys| {
        put(keys, "/registry/pods/shop/web-2", &owned("gone"))
    });
    assert!(found(|keys| put(keys, "/registry/pods/shop/web-2", &owned("u1"))).is_empty());
}

#[test]
fn what_the_api_server_never_writes_is_found() {
    only("K8S-007", Severity::Warning, |keys| {
        let mut object = pod("shop", "web-2", "u9");
        object["metadata"]["resourceVersion"] = json!("17");
        put(keys, "/registry/pods/shop/web-2", &object);
    });
    only("K8S-009", Severity::Warning, |keys| {
        let event = json!({ "apiVersion": "v1", "kind": "Event", "metadata": { "name": "e", "namespace": "shop", "uid": "u9" } });
        put(keys, "/registry/events/shop/e", &event);
    });
    only("K8S-001", Severity::Warning, |keys| {
        keys.put(b"compact_rev_key", b"900000");
    });
    only("K8S-019", Severity::Warning, |keys| {
        put(keys, "/registry//pods/x", &pod("shop", "x", "u9"))
    });
}

#[test]
fn services_that_share_an_address_and_lost_definitions_are_found() {
    only("K8S-016", Severity::Warning, |keys| {
        let service = json!({
            "apiVersion": "v1", "kind": "Service", "metadata": { "name": "b", "namespace": "shop", "uid": "u9" },
            "spec": { "clusterIP": "10.96.0.7" },
        });
        put(keys, "/registry/services/specs/shop/b", &service);
    });
    only("K8S-014", Severity::Note, |keys| {
        let gadget = json!({
            "apiVersion": "example.com/v1", "kind": "Gadget", "metadata": { "name": "g", "namespace": "shop", "uid": "u9" },
        });
        put(keys, "/registry/example.com/gadgets/shop/g", &gadget);
    });
    only("K8S-017", Severity::Warning, |keys| {
        let crd = json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": { "name": "things.example.com", "uid": "u9" },
            "spec": { "group": "example.com", "names": { "plural": "things" }, "versions": [{ "name": "v2" }] },
            "status": { "storedVersions": ["v1", "v2"] },
        });
        put(
            keys,
            "/registry/apiextensions.k8s.io/customresourcedefinitions/things.example.com",
            &crd,
        );
    });
}

#[test]
fn finalizers_that_nobody_removes_and_huge_objects_are_notes() {
    only("K8S-013", Severity::Note, |keys| {
        let mut object = pod("shop", "web-2", "u9");
        object["metadata"]["deletionTimestamp"] = json!("2024-05-01T08:00:00Z");
        object["metadata"]["finalizers"] = json!(["example.com/hold"]);
        put(keys, "/registry/pods/shop/web-2", &object);
    });
    only("K8S-015", Severity::Note, |keys| {
        let mut object = pod("shop", "web-2", "u9");
        object["metadata"]["annotations"] = json!({ "big": "x".repeat(1_100_000) });
        put(keys, "/registry/pods/shop/web-2", &object);
    });
}

#[test]
fn a_finalizer_is_stuck_also_if_its_deletion_is_the_newest_time_in_the_data() {
    let one = only("K8S-013", Severity::Note, |keys| {
        let mut object = pod("shop", "web-2", "u9");
        object["metadata"]["deletionTimestamp"] = json!("2024-05-01T13:00:00Z");
        object["metadata"]["finalizers"] = json!(["example.com/hold"]);
        put(keys, "/registry/pods/shop/web-2", &object);
    });
    assert!(one.message.contains("example.com/hold"), "{}", one.message);
    assert!(one.message.contains("not known"), "{}", one.message);
    let all = only("K8S-013", Severity::Note, |keys| {
        for (name, at) in [
            ("web-2", "12:59:30"),
            ("web-3", "13:00:00"),
            ("web-4", "12:59:53"),
        ] {
            let mut object = pod("shop", name, name);
            object["metadata"]["deletionTimestamp"] = json!(format!("2024-05-01T{at}Z"));
            object["metadata"]["finalizers"] = json!(["example.com/hold"]);
            put(keys, &format!("/registry/pods/shop/{name}"), &object);
        }
    });
    assert_eq!(all.keys.len(), 3, "{}", all.message);
    assert!(
        all.message
            .contains("the first of them at 2024-05-01T12:59:30Z"),
        "{}",
        all.message
    );
}

#[test]
fn a_version_that_a_crd_no_longer_has_is_listed_with_its_objects_and_without() {
    let mut keys = Keyspace::new();
    let crd = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": "things.example.com", "uid": "u5" },
        "spec": { "group": "example.com", "scope": "Cluster", "names": { "plural": "things", "kind": "Thing" },
            "versions": [{ "name": "v1", "served": true, "storage": true }] },
        "status": { "storedVersions": ["v1", "v1alpha1"] },
    });
    put(
        &mut keys,
        "/registry/apiextensions.k8s.io/customresourcedefinitions/things.example.com",
        &crd,
    );
    for (name, version) in [("a", "v1"), ("b", "v1alpha5"), ("c", "v1alpha5")] {
        let thing = json!({ "apiVersion": format!("example.com/{version}"), "kind": "Thing",
            "metadata": { "name": name, "uid": name } });
        put(
            &mut keys,
            &format!("/registry/example.com/things/{name}"),
            &thing,
        );
    }
    put(
        &mut keys,
        "/registry/pods/shop/web-1",
        &pod("shop", "web-1", "u1"),
    );
    let file = db_of(&keys);
    let member = Member::open(file.path()).unwrap();
    let objects = etcd_inspect::member::Objects::new(
        member.readable_keyspace().unwrap(),
        member.db_file().unwrap().name(),
        None,
        Keyring::default(),
        &member.options().evidence.limits,
    );
    let table = stored_versions(&objects, None).unwrap();
    let rows: Vec<_> = (table.rows.iter())
        .filter(|row| row.kind == "Thing")
        .map(|row| {
            (
                row.stored_as.as_deref().unwrap(),
                row.count,
                row.removed_in.as_deref(),
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            ("example.com/v1", 1, None),
            (
                "example.com/v1alpha1",
                0,
                Some("the CRD has it in status.storedVersions, not in spec.versions")
            ),
            (
                "example.com/v1alpha5",
                2,
                Some("the CRD has no such version")
            ),
        ]
    );
}

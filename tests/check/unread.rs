//! What we cannot read is never called damage: sealed values, other layouts of keys, several API servers in one etcd.

use etcd_inspect::check::{Depth, check, check_with};
use etcd_inspect::kubernetes::encryption::Keyring;
use etcd_inspect::kubernetes::key::Layout;
use etcd_inspect::member::Member;
use etcd_inspect::progress::Silent;
use etcd_inspect::verdict::judge;
use etcd_inspect::{Finding, Severity};
use serde_json::json;
use testkit::synth;
use testkit::synth::mvcc::Keyspace;

use crate::kubernetes::{cluster, db_of, found, put};

#[test]
fn encrypted_values_without_a_key_are_one_note_and_a_cut_one_is_an_error() {
    let found_ones = found(|keys| {
        let mut sealed = b"k8s:enc:aescbc:v1:key1:".to_vec();
        sealed.extend([7u8; 48]);
        keys.put(b"/registry/secrets/shop/a", &sealed);
        keys.put(b"/registry/secrets/shop/b", &sealed);
        keys.put(b"/registry/secrets/shop/c", &sealed[..sealed.len() - 5]);
    });
    let codes: Vec<_> = found_ones
        .iter()
        .map(|finding| (finding.code.id, finding.severity, finding.count))
        .collect();
    assert_eq!(
        codes,
        [
            ("K8S-005", Severity::Error, 1),
            ("K8S-004", Severity::Note, 2)
        ]
    );
}

#[test]
fn a_value_cut_to_26_bytes_is_damage_whoever_encrypted_it() {
    for prefix in [
        "k8s:enc:aescbc:v1:key1:",
        "k8s:enc:aesgcm:v1:key1:",
        "k8s:enc:secretbox:v1:key1:",
        "k8s:enc:kms:v1:vault:",
        "k8s:enc:kms:v2:vault:",
        "k8s:enc:aescbc:v1:aescbckey-2021-12-10T22:54:38Z:",
    ] {
        let found = found(|keys| {
            let sealed = [prefix.as_bytes(), &[0x0a; 60]].concat();
            keys.put(b"/registry/secrets/shop/a", &sealed[..26]);
        });
        let codes: Vec<_> = found
            .iter()
            .map(|finding| (finding.code.id, finding.severity))
            .collect();
        assert_eq!(codes, [("K8S-005", Severity::Error)], "{prefix}");
        let message = &found[0].message;
        assert!(
            message.contains("/registry/secrets/shop/a") && message.contains("and damaged: it"),
            "{message}"
        );
    }
}

#[test]
fn a_clean_check_of_kubernetes_leads_to_the_check_of_its_objects() {
    let member = Member::open(testkit::data_dir("k8s-1.20-etcd35")).unwrap();
    for (depth, unread) in [(Depth::Default, true), (Depth::Deep, false)] {
        let report = check(&member, depth, &Silent);
        assert_eq!(report.unread_objects, unread);
        let next = judge(&member, &report, None, &Silent).next.to_string();
        assert_eq!(next.contains("check --deep"), unread, "{next}");
    }
    let mut other = Keyspace::new();
    other.put(b"a", b"b");
    let file = db_of(&other);
    let report = check(&Member::open(file.path()).unwrap(), Depth::Default, &Silent);
    assert!(!report.unread_objects);
}

#[test]
fn a_prefix_that_no_key_has_is_named_with_those_that_keys_have() {
    let file = db_of(&cluster());
    let member = Member::open(file.path()).unwrap();
    let layout = Layout::with_prefixes(["/nope"]);
    let keyring = Keyring::default();
    let report = check_with(&member, Depth::Deep, &keyring, Some(layout), &Silent);
    let skipped = report
        .skipped
        .iter()
        .find(|one| one.what == "Kubernetes objects");
    let why = &skipped
        .unwrap_or_else(|| panic!("{:?}", report.skipped))
        .why;
    assert!(why.contains("/nope") && why.contains("/registry"), "{why}");
}

#[test]
fn mixed_seals_are_seen_without_any_key() {
    let found = found(|keys| {
        for (name, key) in [("a", "key1"), ("b", "key2"), ("c", "key2")] {
            let mut sealed = format!("k8s:enc:aescbc:v1:{key}:").into_bytes();
            sealed.extend([7u8; 48]);
            keys.put(format!("/registry/secrets/shop/{name}").as_bytes(), &sealed);
        }
    });
    let mixed = found.iter().find(|finding| finding.code.id == "K8S-006");
    let mixed = &mixed.unwrap_or_else(|| panic!("{found:?}")).message;
    assert!(
        mixed.contains("secrets are stored in 2 ways") && mixed.contains("2 aescbc key2"),
        "{mixed}"
    );
}

#[test]
fn another_key_under_the_right_name_is_a_note_and_no_damage() {
    let mut keys = cluster();
    for name in ["a", "b"] {
        let mut sealed = b"k8s:enc:aescbc:v1:key1:".to_vec();
        sealed.extend([7u8; 48]);
        keys.put(format!("/registry/secrets/shop/{name}").as_bytes(), &sealed);
    }
    let file = db_of(&keys);
    let mut keyring = Keyring::default();
    let config = json!({ "kind": "EncryptionConfiguration", "apiVersion": "apiserver.config.k8s.io/v1", "resources": [{
        "resources": ["secrets"],
        "providers": [{ "aescbc": { "keys": [{ "name": "key1", "secret": "MDEyMzQ1Njc4OWFiY2RlZg==" }] } }],
    }] });
    keyring.add_config(&config.to_string()).unwrap();
    let member = Member::open(file.path()).unwrap();
    let report = check_with(&member, Depth::Deep, &keyring, None, &Silent);
    let of_kubernetes = report
        .findings
        .iter()
        .filter(|finding| finding.code.id.starts_with("K8S-"));
    let found: Vec<_> = of_kubernetes
        .map(|finding| (finding.code.id, finding.severity, finding.count))
        .collect();
    assert_eq!(found, [("K8S-004", Severity::Note, 2)]);
    let text = report
        .findings
        .iter()
        .map(|finding| finding.message.clone())
        .collect::<String>();
    assert!(
        text.contains("another key than the one that wrote them"),
        "{text}"
    );
}

#[test]
fn keys_of_an_extension_api_server_are_not_read_as_if_kubernetes_had_written_them() {
    let mut keys = cluster();
    for (namespace, name) in [("shop", "x"), ("shop", "y"), ("default", "z")] {
        let object = json!({ "apiVersion": "apps.vendor.io/v1", "kind": "Bundle",
            "metadata": { "name": name, "namespace": namespace, "uid": format!("b-{name}") } });
        put(
            &mut keys,
            &format!("/registry/apps.vendor.io/apps.vendor.io/bundles/{namespace}/{name}"),
            &object,
        );
    }
    let file = db_of(&keys);
    let report = check(&Member::open(file.path()).unwrap(), Depth::Deep, &Silent);
    let found: Vec<_> = (report.findings.iter())
        .filter(|finding| matches!(finding.code.id, "K8S-003" | "K8S-008" | "K8S-014"))
        .collect();
    assert!(found.is_empty(), "{found:?}");
    // Their layout is known: nothing of them is left out.
    let skipped = report.skipped.iter();
    let of_layout: Vec<_> = skipped
        .filter(|skipped| skipped.why.contains("layout"))
        .collect();
    assert!(of_layout.is_empty(), "{of_layout:?}");
}

#[test]
fn keys_like_those_of_kubernetes_with_other_values_are_no_damage() {
    let mut keys = Keyspace::new();
    for number in 0..20 {
        keys.put(
            format!("/registry/pods/ns/pod-{number}").as_bytes(),
            b"a value of a load test",
        );
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(
        file.path(),
        synth::bolt::DbBuilder::etcd()
            .bucket("key", keys.records())
            .build(),
    )
    .unwrap();
    let report = check(&Member::open(file.path()).unwrap(), Depth::Deep, &Silent);
    let said = |finding: &Finding| finding.code.id.starts_with("K8S-");
    assert!(!report.findings.iter().any(said), "{:?}", report.findings);
    let skipped = report.skipped.iter();
    assert!(
        skipped
            .map(|skipped| &*skipped.what)
            .any(|what| what == "Kubernetes objects")
    );
}

#[test]
fn api_servers_that_share_an_etcd_are_judged_apart() {
    // Two clusters have the same service addresses and the same names; a namespace of one is none of the other.
    let second = found(|keys| {
        for (key, name, object) in [
            ("namespaces", "default", "Namespace"),
            ("namespaces", "prod", "Namespace"),
            ("serviceaccounts/prod", "default", "ServiceAccount"),
            ("configmaps/prod", "settings", "ConfigMap"),
        ] {
            let namespace = key.split_once('/').map(|(_, namespace)| namespace);
            let object = json!({
                "apiVersion": "v1", "kind": object,
                "metadata": { "name": name, "namespace": namespace, "uid": format!("second-{key}-{name}") },
                "status": { "phase": "Active" },
            });
            put(keys, &format!("/second/{key}/{name}"), &object);
        }
        let service = json!({
            "apiVersion": "v1", "kind": "Service", "metadata": { "name": "api", "namespace": "prod", "uid": "s2" },
            "spec": { "clusterIP": "10.96.0.7", "ports": [{ "nodePort": 30080, "protocol": "TCP" }] },
        });
        put(keys, "/second/services/specs/prod/api", &service);
    });
    let codes: Vec<_> = second
        .iter()
        .map(|finding| (finding.code.id, &finding.message))
        .collect();
    assert!(codes.is_empty(), "{codes:?}");
}

/// A db file with the keys.
#[test]
fn a_keyring_without_the_key_of_a_value_is_a_note_that_names_the_key_and_the_flag() {
    let mut keys = cluster();
    let mut sealed = b"k8s:enc:aescbc:v1:key1:".to_vec();
    sealed.extend([7u8; 48]);
    keys.put(b"/registry/secrets/shop/a", &sealed);
    let file = db_of(&keys);
    let member = Member::open(file.path()).unwrap();
    for resource in ["secrets", "configmaps"] {
        let mut keyring = Keyring::default();
        let config = json!({ "kind": "EncryptionConfiguration", "apiVersion": "apiserver.config.k8s.io/v1", "resources": [{
            "resources": [resource],
            "providers": [{ "aescbc": { "keys": [{ "name": "key2", "secret": "MDEyMzQ1Njc4OWFiY2RlZg==" }] } }],
        }] });
        keyring.add_config(&config.to_string()).unwrap();
        let report = check_with(&member, Depth::Deep, &keyring, None, &Silent);
        let found: Vec<_> = (report.findings.iter())
            .filter(|finding| {
                finding.code.id.starts_with("K8S-004") || finding.code.id == "K8S-005"
            })
            .collect();
        let [finding] = found.as_slice() else {
            panic!("{resource}: {found:?}");
        };
        assert_eq!(
            (finding.code.id, finding.severity),
            ("K8S-004", Severity::Note)
        );
        for part in ["aescbc key1", "--encryption-config", "none of the keys"] {
            assert!(
                finding.message.contains(part),
                "{part}: {}",
                finding.message
            );
        }
    }
}

#[test]
fn a_prefix_that_is_given_is_the_only_one_that_is_looked_at() {
    let file = db_of(&cluster());
    let member = Member::open(file.path()).unwrap();
    let checked = |layout: Option<Layout>| {
        let report = check_with(&member, Depth::Deep, &Keyring::default(), layout, &Silent);
        report
            .checked
            .iter()
            .any(|what| what.starts_with("Kubernetes:"))
    };
    assert!(checked(None) && checked(Some(Layout::with_prefixes(["/registry"]))));
    assert!(!checked(Some(Layout::with_prefixes(["/elsewhere"]))));
}

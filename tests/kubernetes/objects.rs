//! What real clusters hold, asked through `Objects`, beside what their API servers answered.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use etcd_inspect::kubernetes::encryption::{Audit, Keyring};
use etcd_inspect::kubernetes::key::Layout;
use etcd_inspect::kubernetes::table::Table;
use etcd_inspect::member::{Member, Objects, Reading, Undecodable};
use etcd_inspect::mvcc::KeyRange;
use serde_json::Value as Json;

fn open(path: &Path) -> Member {
    Member::open(path).unwrap()
}

pub(super) fn objects(member: &Member, keyring: Keyring) -> Objects<'_> {
    Objects::new(
        member.readable_keyspace().unwrap(),
        member.db_file().unwrap().name(),
        None,
        keyring,
        &member.options().evidence.limits,
    )
}

fn json(path: PathBuf) -> Json {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn lines(path: PathBuf) -> Vec<Json> {
    let text = testkit::unzstd(&path);
    let lines = text
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    lines
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

/// What the API server answered, by the name of the file: `v1_pods`.
fn answers(root: &Path) -> BTreeMap<String, Json> {
    let archive = testkit::unzstd(&root.join("truth/api.tar.zst"));
    let mut answers = BTreeMap::new();
    for entry in tar::Archive::new(archive.as_slice()).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().into_owned();
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let mut text = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut text).unwrap();
        if let Ok(answer) = serde_json::from_slice(&text) {
            answers.insert(name, answer);
        }
    }
    answers
}

fn keyring(root: &Path, configs: &[&str]) -> Keyring {
    let mut keyring = Keyring::default();
    for config in configs {
        keyring
            .add_config(&std::fs::read_to_string(root.join("data").join(config)).unwrap())
            .unwrap();
    }
    keyring
}

#[test]
fn keys_per_resource_are_those_that_etcd_counted() {
    for (member, data) in [
        ("k8s-1.20-etcd35", "data"),
        ("k8s-1.20-etcd35-enc", "data"),
        ("k8s-1.20-cluster3", "data/m1"),
    ] {
        let root = testkit::fixture(member);
        let member_dir = open(&root.join(data));
        let keyspace = member_dir.readable_keyspace().unwrap();
        let live = keyspace.live(&KeyRange::all(), None).unwrap();
        let layout = Layout::detect(live.iter().map(|version| version.key));
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for version in live.iter() {
            let label = match layout.resource(version.key) {
                Some(path) => format!("registry/{}", String::from_utf8_lossy(path)),
                None => "outside".to_owned(),
            };
            // The recorder of the truth counted Service objects and Endpoints together.
            let label = label
                .replace("services/specs", "services")
                .replace("services/endpoints", "services");
            *counts.entry(label).or_default() += 1;
        }
        let info = json(root.join("truth/INFO.json"));
        let mut wanted: BTreeMap<String, u64> = info["keys_by_prefix"]
            .as_object()
            .or_else(|| info["m1"]["keys_by_prefix"].as_object())
            .unwrap()
            .iter()
            .map(|(path, count)| (path.clone(), count.as_u64().unwrap()))
            .collect();
        let outside: u64 = wanted
            .iter()
            .filter(|(path, _)| !path.starts_with("registry/"))
            .map(|(_, count)| count)
            .sum();
        wanted.retain(|path, _| path.starts_with("registry/"));
        assert_eq!(counts.remove("outside").unwrap_or(0), outside, "{member}");
        assert_eq!(counts, wanted, "{member}");
    }
}

#[test]
fn every_encrypted_value_opens_to_the_plaintext_and_names_its_key() {
    let root = testkit::fixture("k8s-1.20-etcd35-enc");
    let member = open(&root.join("data"));
    let objects = objects(
        &member,
        keyring(
            &root,
            &[
                "enc-0.json",
                "enc-1.json",
                "enc-2.json",
                "enc-3.json",
                "enc-4.json",
            ],
        ),
    );
    let mut seen = BTreeSet::new();
    let rows = lines(root.join("truth/decrypted.jsonl.zst"));
    for row in &rows {
        let key = row["key"].as_str().unwrap();
        let revision = row["mod_revision"].as_i64().unwrap();
        let records = objects.keyspace().records_of(key.as_bytes());
        let version = records
            .iter()
            .find(|version| version.revision.main == revision)
            .unwrap();
        let value = version.key_value().unwrap().value;
        let opened = objects.open(key.as_bytes(), value).unwrap().unwrap();
        assert_eq!(
            STANDARD.encode(&opened.plain),
            row["plaintext_b64"].as_str().unwrap(),
            "{key}"
        );
        assert_eq!(
            format!("{}:{}", opened.provider, opened.key),
            row["provider"].as_str().unwrap(),
            "{key}"
        );
        seen.insert(opened.provider.to_string());
    }
    assert!(rows.len() > 100, "{} rows", rows.len());
    assert_eq!(
        seen.into_iter().collect::<Vec<_>>(),
        ["aescbc", "aesgcm", "secretbox"]
    );
}

#[test]
fn the_newest_configuration_opens_every_live_value_and_none_opens_nothing() {
    let root = testkit::fixture("k8s-1.20-etcd35-enc");
    let member = open(&root.join("data"));
    let keyed = objects(&member, keyring(&root, &["enc-4.json"]));
    let bare = objects(&member, Keyring::default());
    let mut audit = Audit::default();
    let mut closed = 0;
    for version in keyed
        .keyspace()
        .live(&KeyRange::all(), None)
        .unwrap()
        .iter()
    {
        let Some(path) = keyed.layout().resource(version.key) else {
            continue;
        };
        let path = String::from_utf8_lossy(path).into_owned();
        let value = version.key_value().unwrap().value;
        audit.add(&path, value, version.revision.main, None);
        assert!(
            keyed.json(&version, Reading::default()).is_ok(),
            "{}",
            String::from_utf8_lossy(version.key)
        );
        if let Err(Undecodable::Closed(cause)) = bare.json(&version, Reading::default()) {
            assert!(cause.tried.is_empty());
            closed += 1;
        }
    }
    let rows: Vec<_> = audit.rows().collect();
    let sealed: u64 = rows
        .iter()
        .filter(|row| row.provider.is_some())
        .map(|row| row.values)
        .sum();
    assert_eq!(sealed, closed);
    assert!(
        rows.iter()
            .any(|row| row.resource == "secrets" && row.key == "key1" && row.values > 0),
        "{rows:?}"
    );
}

#[test]
fn a_wrong_key_names_the_object_and_every_key_tried() {
    let root = testkit::fixture("k8s-1.20-etcd35-enc");
    let member = open(&root.join("data"));
    let right = std::fs::read_to_string(root.join("data/enc-4.json")).unwrap();
    let mut config: Json = serde_json::from_str(&right).unwrap();
    for rule in config["resources"].as_array_mut().unwrap() {
        for provider in rule["providers"].as_array_mut().unwrap() {
            for (_, keys) in provider.as_object_mut().unwrap() {
                for key in keys["keys"].as_array_mut().into_iter().flatten() {
                    key["secret"] = STANDARD.encode([7; 32]).into();
                }
            }
        }
    }
    let mut wrong = Keyring::default();
    wrong.add_config(&config.to_string()).unwrap();
    let objects = objects(&member, wrong);
    let secrets = objects.layout().resolve("secrets");
    let mut closed = 0;
    for version in objects.list(&secrets[0], None, None).unwrap() {
        match objects.json(&version, Reading::default()) {
            Err(Undecodable::Closed(cause)) => {
                assert_eq!(cause.object.as_bytes(), version.key);
                assert!(
                    !cause.tried.is_empty() && cause.to_string().contains("tried"),
                    "{cause}"
                );
                closed += 1;
            }
            other => assert!(other.is_ok(), "{other:?}"),
        }
    }
    assert!(closed > 0);
}

/// Objects as the API server listed them: namespace, name, resourceVersion.
fn identities<'j>(items: impl Iterator<Item = &'j Json>) -> BTreeSet<(String, String, String)> {
    let text = |item: &Json, field: &str| {
        item["metadata"][field]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    items
        .map(|item| {
            (
                text(item, "namespace"),
                text(item, "name"),
                text(item, "resourceVersion"),
            )
        })
        .collect()
}

#[test]
fn lists_are_those_of_the_api_server_and_print_the_same_rows() {
    let root = testkit::fixture("k8s-1.20-etcd35");
    let member = open(&root.join("data"));
    let objects = objects(&member, Keyring::default());
    let now = objects.newest_time(None).unwrap();
    assert!(now.to_string().starts_with("2026-11-21T01:1"), "{now}");
    let answers = answers(&root);
    let mut compared = 0;
    for (file, noun) in [
        ("v1_pods", "po"),
        ("v1_services", "svc"),
        ("v1_endpoints", "ep"),
        ("v1_nodes", "no"),
        ("v1_namespaces", "ns"),
        ("v1_configmaps", "cm"),
        ("v1_secrets", "secrets"),
        ("v1_serviceaccounts", "sa"),
        ("v1_persistentvolumes", "pv"),
        ("v1_persistentvolumeclaims", "pvc"),
        ("v1_events", "ev"),
        ("v1_resourcequotas", "quota"),
        ("v1_limitranges", "limits"),
        ("v1_replicationcontrollers", "rc"),
        ("v1_podtemplates", "podtemplates"),
        ("apps_v1_deployments", "deploy"),
        ("apps_v1_replicasets", "rs"),
        ("apps_v1_statefulsets", "sts"),
        ("apps_v1_daemonsets", "ds"),
        ("apps_v1_controllerrevisions", "controllerrevisions"),
        ("batch_v1_jobs", "jobs"),
        ("batch_v1beta1_cronjobs", "cj"),
        ("autoscaling_v1_horizontalpodautoscalers", "hpa"),
        ("networking_v1beta1_ingresses", "ing"),
        ("networking.k8s.io_v1beta1_ingresses", "ing"),
        ("networking.k8s.io_v1_networkpolicies", "netpol"),
        ("policy_v1beta1_poddisruptionbudgets", "pdb"),
        ("policy_v1beta1_podsecuritypolicies", "psp"),
        ("rbac.authorization.k8s.io_v1_roles", "roles"),
        ("rbac.authorization.k8s.io_v1_rolebindings", "rolebindings"),
        ("rbac.authorization.k8s.io_v1_clusterroles", "clusterroles"),
        (
            "rbac.authorization.k8s.io_v1_clusterrolebindings",
            "clusterrolebindings",
        ),
        ("storage.k8s.io_v1_storageclasses", "sc"),
        ("storage.k8s.io_v1_volumeattachments", "volumeattachments"),
        ("storage.k8s.io_v1_csinodes", "csinodes"),
        ("scheduling.k8s.io_v1_priorityclasses", "pc"),
        ("coordination.k8s.io_v1beta1_leases", "leases"),
        ("discovery.k8s.io_v1beta1_endpointslices", "endpointslices"),
        (
            "apiextensions.k8s.io_v1beta1_customresourcedefinitions",
            "crd",
        ),
        ("apiregistration.k8s.io_v1_apiservices", "apiservices"),
        ("certificates.k8s.io_v1_certificatesigningrequests", "csr"),
        ("example.com_v1_widgets", "widgets"),
        (
            "cert-manager.io_v1_certificates",
            "certificates.cert-manager.io",
        ),
    ] {
        let Some(answer) = answers.get(file) else {
            continue;
        };
        compared += 1;
        let targets = objects.layout().resolve(noun);
        assert_eq!(targets.len(), 1, "{noun}: {targets:?}");
        let listed: Vec<Json> = objects
            .list(&targets[0], None, None)
            .unwrap()
            .iter()
            .map(|version| objects.json(version, Reading::default()).unwrap())
            .collect();
        let wanted = answer["items"].as_array().unwrap();
        assert_eq!(
            identities(listed.iter()),
            identities(wanted.iter()),
            "{file}"
        );
        for object in &listed {
            let same = wanted
                .iter()
                .find(|item| item["metadata"]["uid"] == object["metadata"]["uid"])
                .unwrap();
            let version = object["apiVersion"].as_str().unwrap();
            let (group, version) = version.split_once('/').unwrap_or(("", version));
            let table = match objects.layout().crd(&targets[0].path) {
                Some(crd) => Table::of_crd(crd, version),
                None => Table::of_kind(group, object["kind"].as_str().unwrap()),
            };
            assert_eq!(
                table.row(object, now, true),
                table.row(same, now, true),
                "{file}"
            );
        }
    }
    assert!(compared >= 40, "{compared}");
}

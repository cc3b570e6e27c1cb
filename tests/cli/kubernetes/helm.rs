//! Releases of Helm, in Secrets and ConfigMaps.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use testkit::synth::bolt::DbBuilder;
use testkit::synth::mvcc::Keyspace;

use super::*;

/// What Helm stores of a release, in the form of its ConfigMap driver.
fn packed(name: &str, revision: i64, status: &str) -> String {
    let release = json!({"name": name, "namespace": "shop", "version": revision,
        "info": {"first_deployed": "2026-11-21T01:00:00Z", "last_deployed": format!("2026-11-21T01:14:4{revision}.5Z"),
            "status": status, "description": "Upgrade complete", "notes": "Open http://web.\n"},
        "chart": {"metadata": {"name": "web", "version": "1.2.3", "appVersion": "9.1"}, "values": {"db": {"password": "default"}}},
        "config": {"db": {"password": "hunter2-in-values"}, "replicas": 3},
        "manifest": "---\n# Source: web/templates/secret.yaml\napiVersion: v1\nkind: Secret\nmetadata:\n  name: web-db\nstringData:\n  password: hunter2-in-manifest\n---\n# Source: web/templates/service.yaml\napiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n  ports:\n  - port: 80\n"});
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(release.to_string().as_bytes()).unwrap();
    STANDARD.encode(gzip.finish().unwrap())
}

/// A db with three revisions of `web` in Secrets and one of `cache` in a ConfigMap.
fn db(folder: &Path) -> PathBuf {
    let mut keys = Keyspace::new();
    for (revision, status) in [(1, "superseded"), (2, "superseded"), (3, "deployed")] {
        let name = format!("sh.helm.release.v1.web.v{revision}");
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1",
            "metadata": {"name": name, "namespace": "shop", "labels": {"owner": "helm", "name": "web", "status": status, "version": revision.to_string()}},
            "data": {"release": STANDARD.encode(packed("web", revision, status))}});
        keys.put(
            format!("/registry/secrets/shop/{name}").as_bytes(),
            secret.to_string().as_bytes(),
        );
    }
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "sh.helm.release.v1.cache.v1", "namespace": "shop", "labels": {"owner": "helm"}},
        "data": {"release": packed("cache", 1, "failed")}});
    keys.put(
        b"/registry/configmaps/shop/sh.helm.release.v1.cache.v1",
        map.to_string().as_bytes(),
    );
    let path = folder.join("db");
    std::fs::write(
        &path,
        DbBuilder::etcd().bucket("key", keys.records()).build(),
    )
    .unwrap();
    path
}

fn run(path: &Path, words: &str) -> RunResult {
    let mut args: Vec<&str> = words.split(' ').collect();
    args.extend(["-d", path.to_str().unwrap()]);
    sealed(path, args)
}

#[test]
fn releases_are_listed_as_helm_lists_them_with_every_revision_of_a_named_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = db(folder.path());
    let listed = run(&path, "get helm -A");
    assert_eq!(listed.code, 0, "{}", listed.err);
    assert!(
        listed.out.lines().next().unwrap().contains("APP VERSION"),
        "{}",
        listed.out
    );
    let rows = run(&path, "get helm -n shop -o json").rows();
    assert_eq!(rows.len(), 2);
    assert_eq!(
        (&rows[0]["name"], &rows[0]["status"]),
        (&json!("cache"), &json!("failed"))
    );
    assert_eq!(
        (
            &rows[1]["revision"],
            &rows[1]["chart"],
            &rows[1]["app_version"]
        ),
        (&json!(3), &json!("web-1.2.3"), &json!("9.1"))
    );
    assert!(
        listed.out.contains("2026-11-21 01:14:43.5 +0000 UTC"),
        "{}",
        listed.out
    );
    assert_eq!(run(&path, "get helm/web -n shop -o json").rows().len(), 3);
    assert_eq!(run(&path, "get helm -n default").code, 1);
    assert_eq!(run(&path, "get helm/none -n shop").code, 1);
}

#[test]
fn a_release_is_exported_without_what_may_be_secret_unless_it_is_revealed() {
    let folder = tempfile::tempdir().unwrap();
    let path = db(folder.path());
    let masked = run(&path, "export helm/web -n shop --out -");
    assert_eq!(masked.code, 3, "{}", masked.err);
    assert!(
        masked.out.contains("kind: Service") && !masked.out.contains("hunter2"),
        "{}",
        masked.out
    );
    assert!(
        masked.err.contains("secret/web-db") && masked.err.contains("--reveal"),
        "{}",
        masked.err
    );
    let whole = run(&path, "export helm/web -n shop --reveal --out -");
    assert_eq!(whole.code, 0, "{}", whole.err);
    assert!(
        whole.out.contains("password: hunter2-in-manifest"),
        "{}",
        whole.out
    );
    let out = folder.path().join("out");
    let tree = run(
        &path,
        &format!(
            "export helm/web.v2 -n shop --secrets placeholder --out {}",
            out.display()
        ),
    );
    assert_eq!(tree.code, 0, "{}", tree.err);
    let read = |name: &str| std::fs::read_to_string(out.join(name)).unwrap();
    assert!(
        read("manifest.yaml").contains("REPLACE_ME") && !read("manifest.yaml").contains("hunter2")
    );
    assert_eq!(
        read("values.yaml"),
        "db:\n  password: REPLACE_ME\nreplicas: REPLACE_ME\n"
    );
    assert_eq!(read("notes.txt"), "Open http://web.\n");
    let near = run(&path, "export helm/wep -n shop --out -");
    assert_eq!(near.code, 1);
    assert!(near.err.contains("export helm/web"), "{}", near.err);
}

#[test]
fn no_form_of_a_release_in_a_config_map_shows_it_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let path = db(folder.path());
    let stored = packed("cache", 1, "failed");
    for words in [
        "get cm -n shop -o yaml",
        "get cm -n shop -o json",
        "get /registry/configmaps/shop/sh.helm.release.v1.cache.v1 -o raw",
        "keys --values -o jsonl",
        "describe cm -n shop",
    ] {
        let said = run(&path, words);
        assert!(!said.out.contains(&stored[..40]), "{words}: {}", said.out);
    }
}

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

/// A field of protobuf with bytes in it.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut len = bytes.len();
    let mut field = vec![number << 3 | 2];
    while len > 0x7f {
        field.push(u8::try_from(len & 0x7f).unwrap() | 0x80);
        len >>= 7;
    }
    field.push(u8::try_from(len).unwrap());
    [field, bytes.to_vec()].concat()
}

/// `put` objects under their keys in a db of its own.
fn db_of(folder: &Path, objects: &[(&str, serde_json::Value)]) -> PathBuf {
    let mut keys = Keyspace::new();
    for (key, object) in objects {
        keys.put(key.as_bytes(), object.to_string().as_bytes());
    }
    let path = folder.join("db");
    let db = DbBuilder::etcd().bucket("key", keys.records());
    std::fs::write(&path, db.build()).unwrap();
    path
}

fn release_object(name: &str, revision: i64, release: &str) -> (String, serde_json::Value) {
    let object = format!("sh.helm.release.v1.{name}.v{revision}");
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1",
        "metadata": {"name": object, "namespace": "shop", "labels": {"owner": "helm", "status": "deployed"}},
        "data": {"release": STANDARD.encode(release)}});
    (format!("/registry/secrets/shop/{object}"), secret)
}

#[test]
fn a_release_of_helm_2_is_listed_and_exported_and_belongs_to_the_namespace_that_it_installs_into() {
    let folder = tempfile::tempdir().unwrap();
    let status = [vec![8, 1], field(4, b"Open it.")].concat();
    let chart = field(1, &[field(1, b"redis"), field(4, b"9.5.0")].concat());
    let manifest = "---\napiVersion: v1\nkind: Service\nmetadata:\n  name: cache\n";
    let message = [
        field(1, b"cache"),
        field(2, &field(1, &status)),
        field(3, &chart),
        field(4, &field(1, b"password: hunter2-of-v2\n")),
        field(5, manifest.as_bytes()),
        vec![7 << 3, 4],
        field(8, b"shop"),
    ]
    .concat();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&message).unwrap();
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cache.v4", "namespace": "kube-system",
        "labels": {"OWNER": "TILLER", "NAME": "cache", "STATUS": "DEPLOYED", "VERSION": "4"}},
        "data": {"release": STANDARD.encode(gzip.finish().unwrap())}});
    let path = db_of(
        folder.path(),
        &[("/registry/configmaps/kube-system/cache.v4", map)],
    );
    for words in [
        "get helm -A -o json",
        "get helm -n shop -o json",
        "get helm/cache -n kube-system -o json",
        "get helm -A -l OWNER=TILLER -o json",
    ] {
        let rows = run(&path, words).rows();
        assert_eq!(
            (&rows[0]["chart"], &rows[0]["revision"]),
            (&json!("redis-9.5.0"), &json!(4)),
            "{words}"
        );
    }
    assert_eq!(run(&path, "get helm -A -l OWNER=NONE").code, 1);
    let whole = run(&path, "export helm/cache -n shop --reveal --out -");
    assert_eq!((whole.code, whole.out.as_str()), (0, manifest));
    let masked = run(&path, "export helm/cache -n shop --out -");
    assert!(
        masked.code == 3 && !masked.out.contains("hunter2"),
        "{}",
        masked.err
    );
    assert!(!run(&path, "get cm -A -o yaml").out.contains("H4sI"));
}

#[test]
fn parts_that_a_release_lacks_are_named_and_the_answer_is_partial() {
    let folder = tempfile::tempdir().unwrap();
    let sound = packed("web", 1, "superseded");
    let bare = json!({"name": "bare", "version": 1, "info": {}, "chart": {"metadata": {"name": "b", "version": "1"}}});
    let objects = [
        release_object("web", 1, &sound),
        release_object("web", 2, &sound[..sound.len() / 2]),
        release_object("bare", 1, &STANDARD.encode(bare.to_string())),
        release_object("corrupt", 1, "H4sIAAAA"),
    ];
    let objects: Vec<_> = objects
        .iter()
        .map(|(key, object)| (key.as_str(), object.clone()))
        .collect();
    let path = db_of(folder.path(), &objects);
    // An older revision is written, with a warning that the newest cannot be read.
    let older = run(&path, "export helm/web -n shop --reveal --out -");
    assert_eq!(older.code, 3, "{}", older.err);
    assert!(
        older.out.contains("kind: Service")
            && older
                .err
                .contains("web.v2 has a release that cannot be read"),
        "{}",
        older.err
    );
    let bare = run(&path, "export helm/bare -n shop --reveal --out -");
    assert_eq!((bare.code, bare.out.as_str()), (3, ""), "{}", bare.err);
    assert!(bare.err.contains("lacks the manifest"), "{}", bare.err);
    let corrupt = run(&path, "export helm/corrupt -n shop --out -");
    assert_eq!(corrupt.code, 2, "{}", corrupt.err);
    assert!(
        corrupt.err.contains("etcd-inspect history"),
        "{}",
        corrupt.err
    );
    assert_eq!(run(&path, "get helm -n shop").code, 3);
}

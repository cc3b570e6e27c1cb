//! What an export does not write must be true, and the commands beneath it must work when they are pasted.

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
    let words = format!("{words} -d {}", path.to_str().unwrap());
    sealed(path, words.split(' '))
}

fn put(keys: &mut Keyspace, key: &str, api_version: &str, kind: &str, more: Value) {
    let mut words = key.rsplit('/');
    let (name, namespace) = (words.next().unwrap(), words.next().unwrap());
    let mut object = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": namespace,
        "uid": format!("u-{name}"), "creationTimestamp": "2026-11-21T01:00:00Z"}});
    let own = more.pointer("/metadata").cloned().unwrap_or_default();
    for (field, value) in more.as_object().unwrap() {
        if field != "metadata" {
            object[field] = value.clone();
        }
    }
    for (field, value) in own.as_object().into_iter().flatten() {
        object["metadata"][field] = value.clone();
    }
    keys.put(
        format!("/registry/{key}").as_bytes(),
        object.to_string().as_bytes(),
    );
}

fn owned_by(api_version: &str, kind: &str, name: &str) -> Value {
    json!({"ownerReferences": [{"apiVersion": api_version, "kind": kind, "name": name, "uid": format!("u-{name}"),
        "controller": true}]})
}

#[test]
fn what_an_owner_makes_again_is_lost_with_an_owner_that_is_not_written() {
    let mut keys = Keyspace::new();
    let hidden = json!({"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "i", "env":
        [{"name": "DB_PASSWORD", "value": "hunter2"}]}]}}}});
    put(
        &mut keys,
        "deployments/shop/web",
        "apps/v1",
        "Deployment",
        hidden,
    );
    put(
        &mut keys,
        "replicasets/shop/web-1",
        "apps/v1",
        "ReplicaSet",
        json!({"metadata": owned_by("apps/v1", "Deployment", "web"), "spec": {}}),
    );
    put(
        &mut keys,
        "pods/shop/web-1-x",
        "v1",
        "Pod",
        json!({"metadata": owned_by("apps/v1", "ReplicaSet", "web-1"), "spec": {"containers": []}}),
    );
    put(
        &mut keys,
        "deployments/shop/api",
        "apps/v1",
        "Deployment",
        json!({"spec": {}}),
    );
    put(
        &mut keys,
        "replicasets/shop/api-1",
        "apps/v1",
        "ReplicaSet",
        json!({"metadata": owned_by("apps/v1", "Deployment", "api"), "spec": {}}),
    );
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), &keys);
    let partial = run(&path, "export -n shop --out -");
    assert_eq!(partial.code, 3, "{}", partial.err);
    for line in [
        "1: its owner, a Deployment, which makes it again, is left out too (--owned writes it); replicasets/shop/web-1",
        "1: its owner, a ReplicaSet, which makes it again, is left out too (--owned writes it); pods/shop/web-1-x",
        "1: a controller makes it again from its Deployment (--owned writes it); replicasets/shop/api-1",
    ] {
        assert!(partial.err.contains(line), "{line}: {}", partial.err);
    }
    let whole = run(&path, "export -n shop --reveal=all --out -");
    assert!(
        whole.code == 0 && !whole.err.contains("is left out too"),
        "{}",
        whole.err
    );
}

#[test]
fn an_object_that_kubectl_cannot_annotate_is_applied_on_the_server() {
    let mut keys = Keyspace::new();
    let data = |bytes: usize| json!({"data": {"a": "x".repeat(bytes)}});
    put(
        &mut keys,
        "configmaps/shop/small",
        "v1",
        "ConfigMap",
        data(9),
    );
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), &keys);
    let out = |name: &str| folder.path().join(name).display().to_string();
    let small = run(&path, &format!("export -n shop --out {}", out("small")));
    assert!(
        small.out.contains("kubectl apply -R -f"),
        "{} {}",
        small.out,
        small.err
    );
    put(
        &mut keys,
        "configmaps/shop/huge",
        "v1",
        "ConfigMap",
        data(300 << 10),
    );
    let path = written(folder.path(), &keys);
    let huge = run(&path, &format!("export -n shop --out {}", out("huge")));
    assert!(
        huge.out.contains("kubectl apply --server-side -R -f")
            && huge.out.contains("1 object is larger than"),
        "{}",
        huge.out
    );
}

#[test]
fn a_missing_name_does_not_keep_the_others_from_being_written() {
    let mut keys = Keyspace::new();
    put(&mut keys, "configmaps/shop/a", "v1", "ConfigMap", json!({}));
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), &keys);
    let got = run(&path, "export cm/a cm/nope -n shop --out -");
    assert!(
        got.code == 1 && got.out.contains("name: a") && got.err.contains("nope"),
        "{} {}",
        got.out,
        got.err
    );
    let none = run(&path, "export cm/nope -n shop --out -");
    assert!(
        none.code == 1 && none.out.is_empty() && none.err.contains("nope"),
        "{}",
        none.err
    );
    // A key says its namespace itself.
    let key = run(
        &path,
        "export /registry/configmaps/shop/a /registry/pods/shop/no --out -",
    );
    assert!(
        key.code == 1 && key.out.contains("name: a") && key.err.contains("/registry/pods/shop/no"),
        "{} {}",
        key.out,
        key.err
    );
}

#[test]
fn objects_of_an_extension_api_server_are_those_of_their_namespace() {
    let mut keys = Keyspace::new();
    put(
        &mut keys,
        "ext.x.io/ext.x.io/bars/shop/n0",
        "ext.x.io/v1",
        "Bar",
        json!({}),
    );
    put(
        &mut keys,
        "ext.x.io/ext.x.io/bars/other/n1",
        "ext.x.io/v1",
        "Bar",
        json!({}),
    );
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), &keys);
    for words in [
        "export -n shop --out -",
        "export bars -n shop --out -",
        "get bars.ext.x.io -n shop -o yaml",
        "get bars/n0 -n shop -o yaml",
        "get bars -n shop -o yaml",
    ] {
        let got = run(&path, words);
        assert!(
            got.code == 0 && got.out.contains("name: n0") && !got.out.contains("n1"),
            "{words}: {} {}",
            got.out,
            got.err
        );
    }
    let sums = run(&path, "keys --by-namespace --columns NAMESPACE");
    assert!(
        sums.out.contains("shop") && sums.out.contains("other"),
        "{}",
        sums.out
    );
}

#[test]
fn what_was_deleted_before_its_namespace_is_counted_too() {
    let mut keys = Keyspace::new();
    let namespace = |deleted: Option<&str>| {
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "doomed", "deletionTimestamp": deleted}})
            .to_string()
    };
    keys.put(b"/registry/namespaces/doomed", namespace(None).as_bytes());
    for name in ["a", "b"] {
        put(
            &mut keys,
            &format!("configmaps/doomed/{name}"),
            "v1",
            "ConfigMap",
            json!({}),
        );
    }
    for name in ["a", "b"] {
        keys.delete(format!("/registry/configmaps/doomed/{name}").as_bytes());
    }
    keys.put(
        b"/registry/namespaces/doomed",
        namespace(Some("2026-11-21T02:00:00Z")).as_bytes(),
    );
    keys.delete(b"/registry/namespaces/doomed");
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), &keys);
    for words in ["export -n doomed --out -", "get cm -n doomed"] {
        let empty = run(&path, words);
        let note = empty
            .err
            .lines()
            .find(|line| line.contains("2 more were deleted before that, the first at revision 5"));
        let note = note.unwrap_or_else(|| panic!("{words}: {}", empty.err));
        assert!(
            empty
                .err
                .contains("1 object of namespace doomed was deleted, at revision 8"),
            "{}",
            empty.err
        );
        let next = &note[note.find("etcd-inspect ").unwrap() + "etcd-inspect ".len()..];
        let next = sealed(&path, next.split(' '));
        let wrote = format!("{}{}", next.out, next.err);
        assert!(wrote.contains("2 ConfigMap, 1 Namespace"), "{wrote}");
    }
}

/// Of etcd-3.5.30 the revisions up to 132 are compacted: below them the log has what the db has no more.
#[test]
fn what_a_compaction_took_is_named_with_the_command_that_finds_it() {
    let path = testkit::data_dir("etcd-3.5.30");
    let said = sealed(&path, ["keys", "--deleted", path.to_str().unwrap()]);
    assert!(
        said.err
            .contains("what was deleted up to revision 132 is compacted"),
        "{}",
        said.err
    );
    let at = said.err.find("etcd-inspect keys --deleted --carved");
    let next = &said.err[at.unwrap_or_else(|| panic!("{}", said.err))..];
    let next = next.lines().next().unwrap();
    let carved = sealed(&path, next.split(' ').skip(1));
    assert_eq!(carved.code, 0, "{next}: {}", carved.err);
    assert!(carved.out.lines().count() >= said.out.lines().count());
    let none = run(&path, "export -A --deleted-since 1 --out -");
    assert!(
        none.err
            .contains("what was deleted up to revision 132 is compacted")
            && !none.err.contains("./-"),
        "{}",
        none.err
    );
}

#[test]
fn a_volume_that_keeps_the_uid_of_a_deleted_claim_is_named_with_the_command_that_frees_it() {
    let mut keys = Keyspace::new();
    for (name, reference) in [
        (
            "held",
            json!({"namespace": "shop", "name": "data", "uid": "u-data"}),
        ),
        ("free", json!({"namespace": "shop", "name": "other"})),
    ] {
        let key = format!("/registry/persistentvolumes/{name}");
        let volume = json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name, "uid": name},
            "spec": {"claimRef": reference}});
        keys.put(key.as_bytes(), volume.to_string().as_bytes());
    }
    for (name, volume) in [("data", "held"), ("other", "free")] {
        put(
            &mut keys,
            &format!("persistentvolumeclaims/shop/{name}"),
            "v1",
            "PersistentVolumeClaim",
            json!({"spec": {"volumeName": volume}}),
        );
    }
    let free = r#"1 volume of a written claim has the uid of the old claim, and no new claim is bound to such a volume: if the cluster still has it, and the old claim is deleted, first run: kubectl patch pv held --type=merge -p '{"spec":{"claimRef":{"uid":null,"resourceVersion":null}}}'"#;
    let folder = tempfile::tempdir().unwrap();
    let live = run(&written(folder.path(), &keys), "export -n shop --out -");
    assert!(live.err.contains(free), "{}", live.err);
    for name in ["data", "other"] {
        keys.delete(format!("/registry/persistentvolumeclaims/shop/{name}").as_bytes());
    }
    let path = written(folder.path(), &keys);
    let deleted = run(&path, "export -n shop --deleted-since 5 --out -");
    assert!(deleted.out.contains("volumeName: held"), "{}", deleted.out);
    assert!(deleted.err.contains(free), "{}", deleted.err);
    let none = run(&path, "export cm -n shop --deleted-since 5 --out -");
    assert!(!none.err.contains("kubectl patch"), "{}", none.err);
}

#[test]
fn a_field_that_has_nothing_but_a_secret_is_hidden_whatever_its_text_and_public_keys_are_not() {
    let mut keys = Keyspace::new();
    let route = |key: &str| json!({"spec": {"tls": {"termination": "edge", "key": key}}});
    for (name, key) in [
        ("part", "hunter2\n-----END RSA PRIVATE KEY-----"),
        ("word", "hunter2"),
    ] {
        put(
            &mut keys,
            &format!("routes/shop/{name}"),
            "route.openshift.io/v1",
            "Route",
            route(key),
        );
    }
    let variables = |value: &str, names: &[&str]| -> Vec<Value> {
        let each = names.iter();
        each.map(|name| json!({"name": name, "value": value}))
            .collect()
    };
    let mut env = variables(
        "hunter2",
        &[
            "ROOTPW",
            "SSH_KEY",
            "OPENAI_KEY",
            "UNSEAL_KEY",
            "JWT_SIGNING",
        ],
    );
    env.extend(variables("shown-1", &["ROUTING_KEY", "PARTITION_KEY"]));
    env.extend(variables("ssh-ed25519 shown-2", &["SSH_KEY"]));
    put(
        &mut keys,
        "pods/shop/web",
        "v1",
        "Pod",
        json!({"spec": {"containers": [{"name": "c", "image": "i", "env": env,
            "args": ["--hmac-key=hunter2", "--license-key=hunter2"]}]}}),
    );
    put(
        &mut keys,
        "configmaps/shop/settings",
        "v1",
        "ConfigMap",
        json!({"data": {"adminPwd": "hunter2", "rootpw": "hunter2", "keystorePass": "hunter2", "psk": "hunter2",
            "mnemonic": "hunter2", "id_rsa": "hunter2", "tls.key": "hunter2", "ldap.conf": "bindpw hunter2\nbindPW: hunter2\n",
            "seed": "shown-3"}}),
    );
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), &keys);
    for words in [
        "get routes,po,cm -n shop -o yaml",
        "get routes,po,cm -n shop -o json",
        "export -n shop --secrets placeholder --out -",
        "get /registry/routes/shop/part -o raw",
        "get /registry/routes/shop/word -o raw",
        "get /registry/pods/shop/web -o raw",
        "get /registry/configmaps/shop/settings -o raw",
    ] {
        let shown = run(&path, words);
        assert!(!shown.out.contains("hunter2"), "{words}: {}", shown.out);
        assert!(!shown.out.is_empty(), "{words}: {}", shown.err);
    }
    let yaml = run(&path, "get po,cm -n shop -o yaml").out;
    for kept in ["shown-1", "shown-2", "shown-3"] {
        assert!(yaml.contains(kept), "{kept}: {yaml}");
    }
}

//! Objects with an owner: who lives makes them again, who cannot be read is not dead.

use serde_json::json;
use testkit::synth::bolt::DbBuilder;
use testkit::synth::mvcc::Keyspace;

use super::*;

/// `shop/NAME` of a kind with a controller, `apiVersion/Kind/name/uid`.
fn object(api_version: &str, kind: &str, name: &str, uid: &str, owner: Option<&str>) -> String {
    let mut object = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": "shop",
        "uid": uid, "creationTimestamp": "2026-11-21T01:00:00Z"}, "spec": {}});
    if let Some(owner) = owner {
        let words: Vec<&str> = owner.rsplitn(4, '/').collect();
        object["metadata"]["ownerReferences"] = json!([{"apiVersion": words[3], "kind": words[2], "name": words[1],
            "uid": words[0], "controller": true}]);
    }
    object.to_string()
}

fn written(folder: &Path, records: Vec<(Vec<u8>, Vec<u8>)>) -> PathBuf {
    let path = folder.join("db");
    let bytes = DbBuilder::etcd().bucket("key", records).build();
    std::fs::write(&path, bytes).unwrap();
    path
}

fn pod(name: &str, owner: &str) -> (String, String) {
    let key = format!("/registry/pods/shop/{name}");
    (key, object("v1", "Pod", name, name, Some(owner)))
}

fn names(run: &RunResult) -> Vec<String> {
    let lines = run.out.lines();
    let mut names: Vec<String> = lines
        .map(|line| serde_json::from_str(line).unwrap())
        .map(|object: Value| {
            format!(
                "{}/{}",
                text(&object, "/kind"),
                text(&object, "/metadata/name")
            )
        })
        .collect();
    names.sort();
    names
}

fn export(path: &Path, words: &str) -> RunResult {
    let at = path.to_str().unwrap();
    let words = format!("export {words} --format jsonl --out - -d {at}");
    sealed(path, words.split(' '))
}

#[test]
fn a_deleted_object_is_left_out_if_its_owner_or_the_owner_of_that_still_lives() {
    let mut keys = Keyspace::new();
    let mut put = |key: &str, value: String| {
        keys.put(key.as_bytes(), value.as_bytes());
    };
    put(
        "/registry/daemonsets/shop/agent",
        object("apps/v1", "DaemonSet", "agent", "ds", None),
    );
    put(
        "/registry/deployments/shop/web",
        object("apps/v1", "Deployment", "web", "deploy", None),
    );
    put(
        "/registry/replicasets/shop/old",
        object(
            "apps/v1",
            "ReplicaSet",
            "old",
            "rs",
            Some("apps/v1/Deployment/web/deploy"),
        ),
    );
    // No CRD of it is in the evidence.
    put(
        "/registry/example.com/robots/shop/r1",
        object("example.com/v1", "Robot", "r1", "robot", None),
    );
    put(
        "/registry/statefulsets/shop/db",
        object("apps/v1", "StatefulSet", "db", "second", None),
    );
    put(
        "/registry/jobs/shop/gone",
        object("batch/v1", "Job", "gone", "job", None),
    );
    let pods = [
        pod("of-live", "apps/v1/DaemonSet/agent/ds"),
        pod("of-chain", "apps/v1/ReplicaSet/old/rs"),
        pod("of-custom", "example.com/v1/Robot/r1/robot"),
        // A StatefulSet of that name was made again.
        pod("of-successor", "apps/v1/StatefulSet/db/first"),
        pod("of-dead", "batch/v1/Job/gone/job"),
        pod("of-unknown", "example.com/v1/Robot/r2/robot2"),
    ];
    for (key, value) in &pods {
        put(key, value.clone());
    }
    keys.delete(b"/registry/jobs/shop/gone");
    keys.delete(b"/registry/replicasets/shop/old");
    for (key, _) in &pods {
        keys.delete(key.as_bytes());
    }
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), keys.records());
    let run = export(&path, "po -n shop --deleted-since 2000-01-01T00:00:00Z");
    assert_eq!(
        names(&run),
        ["Pod/of-dead", "Pod/of-unknown"],
        "{}",
        run.err
    );
    assert_eq!(run.code, 0, "{}", run.err);
    assert!(
        run.err
            .contains("which exists at that revision (--owned writes it)"),
        "{}",
        run.err
    );
    let owned = export(
        &path,
        "po -n shop --deleted-since 2000-01-01T00:00:00Z --owned",
    );
    assert_eq!(names(&owned).len(), 6, "{}", owned.err);
    // What is named is written, and the reason against it is reported.
    let named = export(
        &path,
        "po/of-live -n shop --deleted-since 2000-01-01T00:00:00Z",
    );
    assert_eq!(names(&named), ["Pod/of-live"]);
    assert!(
        named
            .err
            .contains("pods/shop/of-live is written because it is named"),
        "{}",
        named.err
    );
}

#[test]
fn an_owner_is_not_called_dead_if_records_are_missing() {
    let mut keys = Keyspace::new();
    let web = keys.put(
        b"/registry/deployments/shop/web",
        object("apps/v1", "Deployment", "web", "deploy", None).as_bytes(),
    );
    let set = object(
        "apps/v1",
        "ReplicaSet",
        "web-1",
        "rs",
        Some("apps/v1/Deployment/web/deploy"),
    );
    keys.put(b"/registry/replicasets/shop/web-1", set.as_bytes());
    keys.put(
        b"/registry/secrets/shop/tls",
        object(
            "v1",
            "Secret",
            "tls",
            "s",
            Some("cert-manager.io/v1/Certificate/tls/c"),
        )
        .as_bytes(),
    );
    let mut records = keys.records();
    let folder = tempfile::tempdir().unwrap();
    let whole = written(folder.path(), records.clone());
    // Without damage both owners are known: one lives, one is gone.
    let run = export(&whole, "-n shop");
    assert_eq!(names(&run), ["Deployment/web", "Secret/tls"], "{}", run.err);
    let lost = usize::try_from(web).unwrap() - 2;
    records[lost].1.truncate(5);
    let damaged = tempfile::tempdir().unwrap();
    let path = written(damaged.path(), records);
    let run = export(&path, "-n shop");
    assert_eq!((run.code, names(&run)), (3, Vec::new()), "{}", run.err);
    for owner in [
        "its owner, a Deployment, may be among the records that could not be read",
        "its owner, a Certificate,",
    ] {
        assert!(run.err.contains(owner), "{}", run.err);
    }
    let owned = export(&path, "-n shop --owned");
    assert_eq!(
        names(&owned),
        ["ReplicaSet/web-1", "Secret/tls"],
        "{}",
        owned.err
    );
}

#[test]
fn what_no_controller_makes_again_is_written_whoever_owns_it() {
    let mut keys = Keyspace::new();
    let mut put = |key: &str, value: String| {
        keys.put(key.as_bytes(), value.as_bytes());
    };
    let web = "apps/v1/Deployment/web/deploy";
    let cluster = "postgresql.cnpg.io/v1/Cluster/pg";
    put(
        "/registry/deployments/shop/web",
        object("apps/v1", "Deployment", "web", "deploy", None),
    );
    put(
        "/registry/postgresql.cnpg.io/clusters/shop/pg",
        object("postgresql.cnpg.io/v1", "Cluster", "pg", "second", None),
    );
    let claim = |name: &str, owner: &str, volume: &str| {
        let claim = object("v1", "PersistentVolumeClaim", name, name, Some(owner));
        let mut claim: Value = serde_json::from_str(&claim).unwrap();
        claim["spec"]["volumeName"] = json!(volume);
        claim.to_string()
    };
    let (live, dead) = (format!("{cluster}/second"), format!("{cluster}/first"));
    for (key, value) in [
        (
            "replicasets/shop/web-1",
            object("apps/v1", "ReplicaSet", "web-1", "rs", Some(web)),
        ),
        // A Deployment of that name was made again: the garbage collector deletes what the earlier one left.
        (
            "replicasets/shop/old-1",
            object(
                "apps/v1",
                "ReplicaSet",
                "old-1",
                "rs0",
                Some("apps/v1/Deployment/web/first"),
            ),
        ),
        (
            "configmaps/shop/cm",
            object("v1", "ConfigMap", "cm", "cm", Some(web)),
        ),
        (
            "secrets/shop/keys",
            object("v1", "Secret", "keys", "keys", Some(web)),
        ),
        (
            "services/specs/shop/svc",
            object("v1", "Service", "svc", "svc", Some(web)),
        ),
        (
            "persistentvolumeclaims/shop/data",
            claim("data", web, "pv1"),
        ),
        (
            "persistentvolumeclaims/shop/pg-1",
            claim("pg-1", &live, "pv2"),
        ),
        (
            "persistentvolumeclaims/shop/pg-2",
            claim("pg-2", &dead, "pv3"),
        ),
        (
            "persistentvolumeclaims/shop/pg-new",
            claim("pg-new", &live, ""),
        ),
        (
            "configmaps/shop/made",
            object("v1", "ConfigMap", "made", "made", Some(&live)),
        ),
        (
            "configmaps/shop/left",
            object("v1", "ConfigMap", "left", "left", Some(&dead)),
        ),
    ] {
        put(&format!("/registry/{key}"), value);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), keys.records());
    let run = export(&path, "-n shop --reveal=all");
    let expected = [
        "Cluster/pg",
        "ConfigMap/cm",
        "ConfigMap/left",
        "Deployment/web",
        "PersistentVolumeClaim/data",
        "PersistentVolumeClaim/pg-1",
        "PersistentVolumeClaim/pg-2",
        "ReplicaSet/old-1",
        "Secret/keys",
        "Service/svc",
    ];
    assert_eq!(names(&run), expected, "{}", run.err);
    let dead = "3 owners that are not in the evidence are left out of ownerReferences";
    assert!(run.err.contains(dead), "{}", run.err);
}

#[test]
fn defaults_that_an_api_server_of_another_name_made_are_left_out() {
    let mut keys = Keyspace::new();
    let made = |api_version: &str, kind: &str, name: &str, label: &str, manager: &str| {
        json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "labels": {label: "x"},
            "creationTimestamp": "2026-11-21T01:00:00Z", "managedFields": [{"manager": manager, "time": "2026-11-21T01:00:00Z"}]}})
        .to_string()
    };
    let rbac = "rbac.authorization.k8s.io/v1";
    let bootstrap = "kubernetes.io/bootstrapping";
    let class = made(
        "scheduling.k8s.io/v1",
        "PriorityClass",
        "system-node-critical",
        "a",
        "kas",
    );
    for (key, value) in [
        ("priorityclasses/system-node-critical", class),
        (
            "clusterroles/system:node",
            made(rbac, "ClusterRole", "system:node", bootstrap, "kas"),
        ),
        (
            "clusterroles/edit",
            made(rbac, "ClusterRole", "edit", bootstrap, "kubectl-edit"),
        ),
    ] {
        keys.put(format!("/registry/{key}").as_bytes(), value.as_bytes());
    }
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), keys.records());
    let run = export(&path, "-A");
    assert_eq!(names(&run), ["ClusterRole/edit"], "{}", run.err);
    let note = "1 object is a default of the API server that somebody else wrote too";
    assert!(run.err.contains(note), "{}", run.err);
}

//! OpenShift: its own table of fields, its printers, and where its resources are.

use serde_json::json;
use testkit::synth::bolt::DbBuilder;
use testkit::synth::mvcc::Keyspace;

use super::*;

/// A field of bytes: number and content.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2, u8::try_from(content.len()).unwrap()];
    out.extend(content);
    out
}

/// An object as an API server stores it in protobuf.
fn stored(api_version: &str, kind: &str, object: &[u8]) -> Vec<u8> {
    let types = [field(1, api_version.as_bytes()), field(2, kind.as_bytes())].concat();
    [
        b"k8s\0".to_vec(),
        field(1, &types),
        field(2, object),
        field(3, b""),
        field(4, b""),
    ]
    .concat()
}

fn named(name: &str) -> Vec<u8> {
    field(1, &field(1, name.as_bytes()))
}

fn db(folder: &Path) -> PathBuf {
    let mut keys = Keyspace::new();
    let client = [
        named("console"),
        field(2, b"topsecret-of-the-client"),
        field(5, b"https://console/cb"),
    ]
    .concat();
    keys.put(
        b"/openshift.io/oauth/clients/console",
        &stored("oauth.openshift.io/v1", "OAuthClient", &client),
    );
    let route = [
        named("web"),
        field(
            2,
            &[field(1, b"web.example.com"), field(3, &field(2, b"web"))].concat(),
        ),
    ]
    .concat();
    keys.put(
        b"/openshift.io/routes/shop/web",
        &stored("route.openshift.io/v1", "Route", &route),
    );
    let scc = json!({"apiVersion": "security.openshift.io/v1", "kind": "SecurityContextConstraints", "metadata": {"name": "restricted"}, "allowHostNetwork": false});
    keys.put(
        b"/kubernetes.io/security.openshift.io/securitycontextconstraints/restricted",
        scc.to_string().as_bytes(),
    );
    let pod =
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "shop"}});
    keys.put(b"/kubernetes.io/pods/shop/p", pod.to_string().as_bytes());
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop",
        "annotations": {"openshift.io/display-name": "The shop"}}, "status": {"phase": "Active"}});
    keys.put(
        b"/kubernetes.io/namespaces/shop",
        namespace.to_string().as_bytes(),
    );
    // Under the key of a Secret nothing of another kind is shown.
    let odd = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "odd", "namespace": "shop"},
        "data": {"motto": "hunter2-of-another-kind"}});
    keys.put(
        b"/kubernetes.io/secrets/shop/odd",
        odd.to_string().as_bytes(),
    );
    let path = folder.join("db");
    std::fs::write(
        &path,
        DbBuilder::etcd().bucket("key", keys.records()).build(),
    )
    .unwrap();
    path
}

#[test]
fn objects_of_openshift_have_names_for_their_fields_and_hide_their_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let path = db(folder.path());
    let run = |words: &str| {
        let mut args: Vec<&str> = words.split(' ').collect();
        args.extend(["-d", path.to_str().unwrap()]);
        sealed(&path, args)
    };
    let route = run("get route/web -n shop -o json").json();
    assert_eq!(
        (&route["spec"]["host"], &route["spec"]["to"]["name"]),
        (&json!("web.example.com"), &json!("web"))
    );
    let table = run("get routes -A").out;
    assert!(
        table.lines().next().unwrap().contains("HOST/PORT") && table.contains("web.example.com"),
        "{table}"
    );
    for words in [
        "get oauthclients",
        "get oauthclient/console -o yaml",
        "describe oauthclient/console",
        "get oauthclients -o json --columns NAME,SECRET",
    ] {
        let said = run(words);
        assert_eq!(said.code, 0, "{words}: {}", said.err);
        assert!(
            said.out.contains("console") && !said.out.contains("topsecret"),
            "{words}: {}",
            said.out
        );
    }
    let shown = run("get oauthclient/console -o yaml --reveal");
    assert!(
        shown.out.contains("secret: topsecret-of-the-client"),
        "{}",
        shown.out
    );
    for noun in [
        "scc",
        "scc.security.openshift.io",
        "securitycontextconstraints",
    ] {
        let found = run(&format!("get {noun} -o name"));
        assert!(
            found.out.ends_with("/restricted\n"),
            "{noun}: {} {}",
            found.out,
            found.err
        );
    }
}

/// API servers that share an etcd, each with a prefix of its own, are counted apart.
#[test]
fn status_counts_the_keys_below_each_prefix_if_there_are_several() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let mut keys = Keyspace::new();
    let anchors = [
        "ranges/serviceips",
        "ranges/servicenodeports",
        "namespaces/default",
    ];
    for prefix in ["/registry", "/second"] {
        for name in anchors {
            keys.put(format!("{prefix}/{name}").as_bytes(), b"{}");
        }
    }
    keys.put(b"/second/configmaps/default/a", b"{}");
    std::fs::write(
        &path,
        DbBuilder::etcd().bucket("key", keys.records()).build(),
    )
    .unwrap();
    let said = sealed(&path, ["status", path.to_str().unwrap()]);
    let line = said.out.lines().find(|line| line.contains("prefixes"));
    let line = line.unwrap_or_else(|| panic!("{}", said.out));
    assert!(
        line.contains("4 keys below /second, 3 keys below /registry"),
        "{line}"
    );
    assert!(line.contains("--etcd-prefix /registry"), "{line}");
    let one = testkit::data_dir("k8s-1.20-etcd35");
    let said = sealed(&one, ["status", one.to_str().unwrap()]);
    assert!(!said.out.contains("prefixes"), "{}", said.out);
}

fn asked(path: &Path, words: &str) -> RunResult {
    let mut args: Vec<&str> = words.split(' ').collect();
    args.extend(["-d", path.to_str().unwrap()]);
    sealed(path, args)
}

#[test]
fn a_namespace_is_shown_as_the_project_that_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = db(folder.path());
    let table = asked(&path, "get projects").out;
    let lines: Vec<Vec<&str>> = table
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        lines,
        [
            vec!["NAME", "DISPLAY", "NAME", "STATUS"],
            vec!["shop", "The", "shop", "Active"]
        ],
        "{table}"
    );
    let one = asked(&path, "get project/shop -o json").json();
    assert_eq!(
        (&one["kind"], &one["apiVersion"]),
        (&json!("Project"), &json!("project.openshift.io/v1"))
    );
    assert_eq!(
        asked(&path, "get projects -o name").out,
        "project.project.openshift.io/shop\n"
    );
}

#[test]
fn what_is_under_the_key_of_a_secret_is_hidden_in_every_form_whatever_its_kind() {
    let folder = tempfile::tempdir().unwrap();
    let path = db(folder.path());
    for words in [
        "get secrets -A",
        "get secrets -A -o yaml",
        "get secret/odd -n shop -o json",
        "get /kubernetes.io/secrets/shop/odd",
        "get /kubernetes.io/secrets/shop/odd -o raw",
        "get --undecodable",
        "keys --values -o jsonl",
        "search hunter2",
        "history /kubernetes.io/secrets/shop/odd --diff",
        "export -A --out -",
        "export -A --secrets placeholder --out -",
    ] {
        let run = asked(&path, words);
        assert!(
            !run.out.contains("hunter2") && !run.err.contains("hunter2-"),
            "{words}: {}",
            run.out
        );
    }
    let found = asked(&path, "get --undecodable -n shop");
    assert!(
        found.out.contains("secrets/shop/odd") && found.code == 1,
        "{}",
        found.out
    );
}

#[test]
fn lists_and_maps_that_are_messages_of_their_own_are_printed_as_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let mut keys = Keyspace::new();
    let triggers = field(2, &field(1, &field(1, b"ConfigChange")));
    let metadata = [field(1, b"web"), field(3, b"shop")].concat();
    let config = [field(1, &metadata), field(2, &triggers)].concat();
    keys.put(
        b"/openshift.io/deploymentconfigs/shop/web",
        &stored("apps.openshift.io/v1", "DeploymentConfig", &config),
    );
    let none = [named("bare"), field(2, b"")].concat();
    keys.put(
        b"/openshift.io/deploymentconfigs/shop/bare",
        &stored("apps.openshift.io/v1", "DeploymentConfig", &none),
    );
    // BuildConfigSpec: 3 commonSpec, which is inline: 9 nodeSelector, a map in a message.
    let entry = [field(1, b"disk"), field(2, b"ssd")].concat();
    let common = field(2, &field(3, &field(9, &field(1, &entry))));
    let build = [named("b"), common].concat();
    keys.put(
        b"/openshift.io/buildconfigs/shop/b",
        &stored("build.openshift.io/v1", "BuildConfig", &build),
    );
    let bytes = DbBuilder::etcd().bucket("key", keys.records()).build();
    std::fs::write(&path, bytes).unwrap();
    let json = |words: &str| asked(&path, words).json();
    let web = json("get dc/web -n shop -o json");
    assert_eq!(web["spec"]["triggers"], json!([{"type": "ConfigChange"}]));
    let bare = json("get dc/bare -n shop -o json");
    assert_eq!(bare["spec"]["triggers"], Value::Null);
    let build = json("get bc/b -n shop -o json");
    assert_eq!(build["spec"]["nodeSelector"], json!({"disk": "ssd"}));
    let table = asked(&path, "get dc/web -n shop").out;
    assert!(table.contains("config"), "{table}");
    let yaml = asked(&path, "export dc/web -n shop --out -").out;
    assert!(yaml.contains("triggers:\n  - type: ConfigChange"), "{yaml}");
}

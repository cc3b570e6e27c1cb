//! Every pattern in which people and programs write secrets, as a table: no verb shows one, no export writes one, and what is no
//! secret stays as it is.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use testkit::synth::bolt::DbBuilder;
use testkit::synth::mvcc::Keyspace;

use crate::run::{RunResult, sealed};

/// Every secret begins so; nothing else does.
const CANARY: &str = "Zq9";

/// Texts, each with a secret of which no part may be seen.
const TEXTS: &[(&str, &str)] = &[
    (
        "a block scalar",
        "db:\n  password: |\n    Zq9a\n\n    Zq9b\n  port: 1\n",
    ),
    (
        "a folded scalar",
        "a:\n  password: >-\n    Zq9a\n    Zq9b\nb: 1\n",
    ),
    (
        "a scalar with a tag",
        "password: !vault |\n  Zq9a\n  Zq9b\nx: 1\n",
    ),
    (
        "a plain scalar over lines",
        "password: Zq9a\n  Zq9b\nport: 1\n",
    ),
    (
        "a quoted scalar over lines",
        "password: \"Zq9a\n  Zq9b\"\nport: 1\n",
    ),
    ("blanks and commas", "password: Zq9a Zq9b, Zq9c\nport: 1\n"),
    ("commas after an equals sign", "password=Zq9a,Zq9b x\n"),
    ("semicolons", "Server=db;Password=Zq9a;Zq9b;Port=1"),
    ("a complex key", "? password\n: Zq9a\n"),
    ("a list", "passwords:\n- Zq9a\n- \"Zq9b c\"\nport: 1\n"),
    (
        "a list on one line",
        "{\"passwords\": [\"Zq9a\", \"Zq9b\"]}",
    ),
    (
        "a list below a nested mapping",
        "credentials:\n  db:\n    passwords:\n    - Zq9a\n",
    ),
    ("a nested mapping", "secret:\n  inner: Zq9a\nx: 1\n"),
    ("an inline mapping", "username: a, password: Zq9a"),
    ("an inline mapping in braces", "{user: a, password: Zq9a b}"),
    (
        "the text of a Secret",
        "apiVersion: v1\nkind: Secret\ndata:\n  any: Zq9aaaaa\nstringData:\n  b: |\n    Zq9b\n",
    ),
    (
        "a pair within a text",
        "env:\n- name: DB_PASSWORD\n  value: Zq9a\n",
    ),
    (
        "a pair in JSON",
        "[{\"name\":\"DB_PASSWORD\",\"value\":\"Zq9a\"}]",
    ),
    (
        "a heredoc",
        "db_password = <<EOF\nZq9a\nZq9b\nEOF\nport = 1\n",
    ),
    (
        "an index of the environment",
        "os.environ['API_TOKEN']='Zq9a b'",
    ),
    ("a constant of PHP", "define('DB_PASSWORD', 'Zq9a');"),
    ("base64 of LDIF", "cn: x\nuserPassword:: Zq9hYmM=\n"),
    ("a setting after a blank", "port 6379\nrequirepass Zq9a\n"),
    ("a setting after a tab", "port\t1\npassword\tZq9a\n"),
    ("netrc", "machine x login y password Zq9a\n"),
    ("a Dockerfile", "FROM x\nENV DB_PASSWORD Zq9a\n"),
    ("an element of XML", "<c><password>Zq9a</password></c>"),
    (
        "an attribute of XML",
        "<property name=\"password\" value=\"Zq9a\"/>",
    ),
    (
        "curl -u",
        "curl -u admin:Zq9a https://x --header 'Authorization: Bearer Zq9b'",
    ),
    ("curl -u without a blank", "curl -ubob:Zq9a https://x"),
    ("curl --user", "curl --user \"bob:Zq9a Zq9b\" https://x"),
    (
        "an Authorization",
        "curl -H \"Authorization: token Zq9a\" https://x",
    ),
    (
        "an Authorization as an argument",
        "--header=Authorization: Bearer Zq9a",
    ),
    (
        "a Basic Authorization",
        "curl -H 'Authorization: Basic Zq9a' https://x",
    ),
    (
        "another header",
        "curl -H \"X-Api-Key: Zq9a\" -H 'PRIVATE-TOKEN: Zq9b' https://x",
    ),
    ("a cookie", "curl -H 'Cookie: sid=Zq9a; b=Zq9b' x"),
    ("--token", "kubectl --token Zq9a get pods"),
    ("--password", "helm repo add --password Zq9a --username x"),
    ("mysql -p", "mysql -u root -pZq9a db"),
    ("sshpass", "sshpass -p Zq9a ssh x"),
    ("redis-cli", "redis-cli -h x -a Zq9a ping"),
    ("docker login", "docker login -u bob -p Zq9a reg.io"),
    ("a token as a user", "https://Zq9url1@github.com/a/b.git"),
    ("a password with @", "postgres://u:Zq9a@Zq9b@host:5432/x"),
    (
        "a password with a slash",
        "postgres://u:Zq9a/Zq9b@host:5432/x",
    ),
    (
        "a signature of Azure",
        "https://a.blob.core.windows.net/c?sv=1&sig=Zq9sas%3D",
    ),
    ("a token of a URL", "https://x/y?token=Zq9a&z=1"),
    (
        "a signature of AWS",
        "https://x/y?X-Amz-Signature=Zq9aaa&z=1",
    ),
    (
        "a webhook of Slack",
        "https://hooks.slack.com/services/T000/B000/Zq9slack",
    ),
    (
        "a webhook of Discord",
        "https://discord.com/api/webhooks/123/Zq9a-b",
    ),
    ("a DSN of Go", "user:Zq9dsn@tcp(localhost:3306)/db"),
    (
        "a PGP key",
        "-----BEGIN PGP PRIVATE KEY BLOCK-----\nZq9a\n-----END PGP PRIVATE KEY BLOCK-----",
    ),
    (
        "a key of AWS with its secret",
        "AKIAIOSFODNN7EXAMPLE:Zq9lrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    ),
    ("PGPASS", "PGPASS=Zq9a"),
    ("PW", "LDAP_BIND_PW=Zq9a"),
    ("AUTH", "REDIS_AUTH=Zq9a"),
    ("a session key", "SESSION_KEY=Zq9a"),
    ("prose", "the admin password is Zq9a"),
];

/// Texts that stay as they are.
const PUBLIC: &[&str] = &[
    "failed to fetch token: cannot use TokenRequest",
    "docker run -u 1000:1000 x",
    "https://bob@github.com/x",
    "htpasswd:bob",
    "imagePullSecrets:\n  - regcred\n",
    "volumes:\n- name: x\n  secret:\n    secretName: web\n    items:\n    - key: a\n      path: b\n",
    "the password is required",
    "registry:5000/a@sha256:12",
    "KAFKA_AUTH=plain",
    "mysql -P 3306 -port 1",
    "rejected, token: invalid",
    "The --password flag",
];

fn put(keys: &mut Keyspace, key: &str, object: &Value) {
    keys.put(key.as_bytes(), object.to_string().as_bytes());
}

fn pod(name: &str, container: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "shop"}, "spec": {"containers": [container]}})
}

/// Copies of a Secret in its annotations.
fn copies(data: &str) -> Vec<(&'static str, String)> {
    let applied = "kubectl.kubernetes.io/last-applied-configuration";
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"p": data}});
    let text = secret.to_string();
    vec![
        (applied, text.clone()),
        (applied, format!("\n {text}")),
        (applied, format!("\u{feff}{text}")),
        (applied, json!({"data": {"p": data}}).to_string()),
        (applied, text.replace("\"Secret\"", "\"secret\"")),
        (applied, json!(text).to_string()),
        (applied, json!(json!(text).to_string()).to_string()),
        (applied, format!("kind: Secret\ndata:\n  p: {data}\n")),
        (applied, format!("{{\"data\": {{\"p\": \"{data}\"")),
        ("a.io/x", json!([secret]).to_string()),
        ("a.io/x", format!("[{{\"data\": {{\"p\": \"{data}\"}}}}]")),
        ("a.io/x", data.to_owned()),
        ("a.io/x", "Zq9 plain text".to_owned()),
        ("a.io/x", "before Zq9 plain text after".to_owned()),
        ("a.io/x", STANDARD.encode(&text)),
    ]
}

fn db(folder: &Path) -> PathBuf {
    let mut keys = Keyspace::new();
    put(
        &mut keys,
        "/registry/namespaces/shop",
        &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}),
    );
    for (number, (_, text)) in TEXTS.iter().enumerate() {
        let name = format!("m{number:02}");
        put(
            &mut keys,
            &format!("/registry/configmaps/shop/{name}"),
            &json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": "shop"}, "data": {"f": text}}),
        );
        put(
            &mut keys,
            &format!("/registry/pods/shop/{name}"),
            &pod(
                &name,
                &json!({"name": "c", "image": "c",
            "command": ["sh", "-c", text], "env": [{"name": "X", "value": text}]}),
            ),
        );
    }
    for (number, text) in PUBLIC.iter().enumerate() {
        let name = format!("p{number:02}");
        put(
            &mut keys,
            &format!("/registry/configmaps/shop/{name}"),
            &json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": "shop"}, "data": {"f": text}}),
        );
    }
    let lists = [
        json!({"command": ["curl"], "args": ["-u", "admin:Zq9 a", "https://x"]}),
        json!({"command": ["curl", "-H", "X-Api-Key: Zq9a b", "https://x"]}),
        json!({"args": ["mysql", "-pZq9a", "db"]}),
        json!({"args": ["sshpass", "-p", "Zq9 a", "ssh"]}),
        json!({"args": ["docker", "login", "-p", "Zq9a"]}),
        json!({"args": ["--user=a:Zq9a", "--token", "Zq9a", "--header=Authorization: Bearer Zq9a"]}),
        json!({"env": [{"name": "PGPASS", "value": "Zq9a"}, {"name": "PW", "value": "Zq9a"}, {"name": "REDIS_AUTH", "value": "Zq9a"}, {"name": "SESSION_KEY", "value": "Zq9a"}]}),
        json!({"livenessProbe": {"httpGet": {"httpHeaders": [{"name": "Cookie", "value": "Zq9a"}]}}}),
    ];
    for (number, container) in lists.iter().enumerate() {
        let name = format!("a{number:02}");
        put(
            &mut keys,
            &format!("/registry/pods/shop/{name}"),
            &pod(&name, container),
        );
    }
    let data = STANDARD.encode("Zq9 plain text");
    for (number, (name, text)) in copies(&data).into_iter().enumerate() {
        let of = format!("s{number:02}");
        put(
            &mut keys,
            &format!("/registry/secrets/shop/{of}"),
            &json!({"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
            "metadata": {"name": of, "namespace": "shop", "annotations": {name: text, "kept.io/note": "kept as it is"}}, "data": {"p": data}}),
        );
    }
    for (kind, plural) in [
        ("OAuthAccessToken", "accesstokens"),
        ("OAuthAuthorizeToken", "authorizetokens"),
    ] {
        put(
            &mut keys,
            &format!("/openshift.io/oauth/{plural}/Zq9token"),
            &json!({"apiVersion": "oauth.openshift.io/v1", "kind": kind,
            "metadata": {"name": "Zq9token"}, "clientName": "console", "userName": "bob"}),
        );
    }
    put(
        &mut keys,
        "/openshift.io/useridentities/htpasswd:bob",
        &json!({"apiVersion": "user.openshift.io/v1", "kind": "Identity",
        "metadata": {"name": "htpasswd:bob"}, "providerName": "htpasswd", "providerUserName": "bob", "user": {"name": "bob"}}),
    );
    put(
        &mut keys,
        "/openshift.io/users/bob",
        &json!({"apiVersion": "user.openshift.io/v1", "kind": "User",
        "metadata": {"name": "bob"}, "identities": ["htpasswd:bob"]}),
    );
    let path = folder.join("db");
    std::fs::write(
        &path,
        DbBuilder::etcd().bucket("key", keys.records()).build(),
    )
    .unwrap();
    path
}

fn run(path: &Path, words: &[&str]) -> RunResult {
    let mut args = words.to_vec();
    args.extend(["-d", path.to_str().unwrap()]);
    sealed(path, args)
}

/// The lines of an output that have a canary, or one in base64.
fn leaks(said: &RunResult) -> Vec<String> {
    let encoded = STANDARD.encode("Zq9 plain text");
    let lines = said.out.lines().chain(said.err.lines());
    lines
        .filter(|line| line.contains(CANARY) || line.contains(&encoded[..12]))
        .map(str::to_owned)
        .collect()
}

#[test]
fn no_pattern_of_a_secret_is_shown_by_any_verb_or_written_by_an_export() {
    let folder = tempfile::tempdir().unwrap();
    let path = db(folder.path());
    let mut failed = Vec::new();
    let mut lines: Vec<Vec<&str>> = Vec::new();
    for nouns in [
        "configmaps",
        "pods",
        "secrets",
        "oauthaccesstokens",
        "oauthauthorizetokens",
    ] {
        for form in [
            "yaml",
            "json",
            "jsonl",
            "name",
            "table",
            "jsonpath={.items}",
            "go-template={{.}}",
        ] {
            lines.push(vec!["get", nouns, "-A", "-o", form]);
        }
        lines.push(vec!["describe", nouns, "-A"]);
        lines.push(vec!["history", nouns, "-A", "--diff"]);
    }
    lines.extend([
        vec!["keys"],
        vec!["keys", "--values"],
        vec!["keys", "--values", "-o", "jsonl"],
        vec!["keys", "--values", "--stored", "-o", "jsonl"],
        vec!["get", "--prefix", "/", "-o", "yaml"],
        vec!["get", "--prefix", "/", "--stored"],
        vec!["search", "-F", "plain text"],
        vec!["search", "password"],
        vec!["search", "console"],
        vec!["sql", "select key, json from objects"],
        vec!["sql", "select * from fields"],
        vec!["export", "-n", "shop", "--out", "-"],
        vec!["export", "-A", "--secrets", "placeholder", "--out", "-"],
    ]);
    for line in &lines {
        for leak in leaks(&run(&path, line)) {
            failed.push(format!("{line:?}: {leak}"));
        }
    }
    let (page, copy) = (
        folder.path().join("page.html"),
        folder.path().join("copy.db"),
    );
    run(&path, &["report", "--out", page.to_str().unwrap()]);
    let written = std::fs::read_to_string(&page).unwrap();
    assert!(!written.contains(CANARY), "the page of report");
    let said = run(&path, &["redact", "--out", copy.to_str().unwrap()]);
    let written = std::fs::read(&copy).unwrap_or_else(|error| panic!("{error}: {}", said.err));
    // What is filled in may begin like a canary by chance.
    let token = b"Zq9token";
    assert!(
        !written.windows(token.len()).any(|part| part == token),
        "the copy of redact"
    );
    assert!(
        failed.is_empty(),
        "{} leaks:\n{}",
        failed.len(),
        failed.join("\n")
    );
}

#[test]
fn every_pattern_is_hidden_to_its_end_and_what_is_no_secret_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = db(folder.path());
    let text = |name: &str| {
        let shown = run(
            &path,
            &[
                "get",
                &format!("configmap/{name}"),
                "-n",
                "shop",
                "-o",
                "json",
            ],
        );
        shown.json()["data"]["f"].as_str().unwrap().to_owned()
    };
    for (number, (what, stored)) in TEXTS.iter().enumerate() {
        let shown = text(&format!("m{number:02}"));
        assert!(
            shown.contains("•••• fp "),
            "{what}: {stored:?} is {shown:?}"
        );
    }
    for (number, stored) in PUBLIC.iter().enumerate() {
        assert_eq!(&text(&format!("p{number:02}")), stored);
    }
    let secrets = run(&path, &["get", "secrets", "-n", "shop", "-o", "json"]).json();
    for secret in secrets["items"].as_array().unwrap() {
        assert_eq!(
            secret["metadata"]["annotations"]["kept.io/note"],
            "kept as it is"
        );
    }
    let user = run(&path, &["get", "user/bob", "-o", "json"]);
    assert_eq!(
        user.json()["identities"],
        json!(["htpasswd:bob"]),
        "{}",
        user.err
    );
    let written = run(&path, &["export", "-A", "--out", "-"]);
    assert!(
        written.out.contains("name: htpasswd:bob"),
        "{}",
        written.err
    );
    let decoded = run(
        &path,
        &[
            "get",
            "secret/s00",
            "-n",
            "shop",
            "-o",
            "go-template={{.data.p | base64decode}}",
        ],
    );
    assert!(
        decoded.err.contains("--reveal") && decoded.code != 0,
        "{}",
        decoded.err
    );
}

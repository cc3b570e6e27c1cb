//! kubectl itself, compared with our own command line.

use std::process::Command;

use testkit::data_dir;

use crate::server::Server;

const K8S: &str = "k8s-1.20-etcd35";

fn own(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_etcd-inspect"))
        .args(arguments)
        .arg("-d")
        .arg(data_dir(K8S))
        .output()
        .expect("the binary runs");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Lines with single blanks between cells, sorted: kubectl sorts by name in some versions, and aligns by its own widths.
fn cells(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    lines.sort();
    lines
}

/// The minor release of kubectl: older ones show managed fields, and describe in other words.
fn minor(server: &Server) -> Option<u32> {
    let output = server.kubectl(&["version", "--client", "-o", "json"])?;
    let version: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let minor = version["clientVersion"]["minor"].as_str().expect("a minor");
    minor.trim_end_matches('+').parse().ok()
}

/// The YAML of kubectl is ours byte for byte; so are descriptions without ages, but for the order that kubectl leaves to chance.
#[test]
fn kubectl_writes_the_yaml_and_the_descriptions_that_we_write() {
    let server = Server::start(&data_dir(K8S), &[]);
    let Some(minor) = minor(&server) else {
        return;
    };
    for question in [
        &["get", "pods", "-A", "-o", "yaml"][..],
        &["get", "deploy,svc,ds,jobs", "-A", "-o", "yaml"],
        &["get", "nodes", "-o", "yaml"],
        &["get", "clusterroles", "-o", "yaml"],
        &["describe", "roles", "-A"],
        &["describe", "clusterroles"],
        &["describe", "clusterrolebindings"],
        &["describe", "resourcequotas", "-A"],
        &["describe", "networkpolicies", "-A"],
        &["describe", "storageclasses"],
        &["describe", "priorityclasses"],
        &["describe", "serviceaccounts", "-A"],
    ] {
        if minor < 30 && question[0] == "describe" {
            continue;
        }
        let Some(output) = server.kubectl(question) else {
            return;
        };
        let theirs = String::from_utf8_lossy(&output.stdout).into_owned();
        let theirs: Vec<&str> = theirs.lines().collect();
        assert!(theirs.len() > 10, "{question:?}: {theirs:?}");
        let managed: &[&str] = if minor < 21 {
            &["--show-managed-fields"]
        } else {
            &[]
        };
        let ours = own(&[question, managed].concat());
        for (at, (ours, theirs)) in ours.lines().zip(&theirs).enumerate() {
            assert_eq!(ours, *theirs, "{question:?}, line {}", at + 1);
        }
        // Old ones end a list with an empty `selfLink`.
        let more = usize::from(minor < 21);
        assert_eq!(ours.lines().count() + more, theirs.len(), "{question:?}");
    }
}

#[test]
fn kubectl_prints_what_our_own_command_line_prints() {
    let server = Server::start(&data_dir(K8S), &[]);
    for question in [
        &["get", "pods", "-A"][..],
        &["get", "deploy", "-A", "-o", "wide"],
        &["get", "nodes", "-o", "wide"],
        &["get", "svc", "-A", "-o", "wide"],
        &["get", "pv"],
        &["get", "pods", "-A", "-l", "app=web"],
        &[
            "get",
            "pods",
            "-n",
            "prod",
            "--field-selector",
            "status.phase=Running",
        ],
        &["get", "cronjobs", "-A"],
        &["get", "widgets", "-A"],
        &["get", "ns", "-o", "name"],
    ] {
        let Some(output) = server.kubectl(question) else {
            return;
        };
        assert!(
            output.status.success(),
            "{question:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let theirs = cells(&String::from_utf8_lossy(&output.stdout));
        assert!(theirs.len() > 1, "{question:?}: {theirs:?}");
        assert_eq!(theirs, cells(&own(question)), "{question:?}");
    }
}

#[test]
fn every_question_of_kubectl_is_answered() {
    let server = Server::start(&data_dir(K8S), &[]);
    let minor = minor(&server).unwrap_or_default();
    for (question, expected) in [
        (&["api-resources"][..], "widgets"),
        (&["get", "all", "-n", "prod"], "replicaset.apps/"),
        (
            &[
                "get",
                "pods",
                "-A",
                "--sort-by",
                ".metadata.creationTimestamp",
            ],
            "prod",
        ),
        (&["get", "cm", "-A", "-o", "yaml"], "kind: ConfigMap"),
        (&["describe", "pods", "-n", "prod"], "Node-Selectors:"),
        (&["describe", "ingress", "-A"], "Rules:"),
        (&["describe", "cronjobs", "-A"], "Schedule:"),
        (&["describe", "svc", "-n", "prod"], "Endpoints:"),
        (&["describe", "nodes"], "Allocated resources:"),
        (&["describe", "pdb", "-A"], "Min available:"),
        (&["describe", "hpa", "-A"], "Reference:"),
        (&["explain", "pods.spec.containers"], "livenessProbe"),
        (&["explain", "widgets"], "Widget"),
        (&["events", "-A"], "LeaderElection"),
        (&["get", "events.events.k8s.io", "-A"], "LeaderElection"),
        (&["auth", "can-i", "list", "pods"], "yes"),
        (&["auth", "can-i", "--list"], "[get list watch]"),
        (&["rollout", "history", "deploy", "-n", "prod"], "REVISION"),
        (&["get", "--raw", "/healthz"], "ok"),
    ] {
        // A command since 1.26.
        if minor < 26 && question[0] == "events" {
            continue;
        }
        let Some(output) = server.kubectl(question) else {
            return;
        };
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && out.contains(expected),
            "{question:?}: {out}\n{err}"
        );
    }
    for (question, expected) in [
        (
            &["delete", "ns", "prod"][..],
            "read-only: served from a copied data directory",
        ),
        (&["auth", "can-i", "delete", "pods"], "no"),
        (&["get", "pod", "none", "-n", "prod"], "not found"),
        (&["top", "pods"], "Metrics API not available"),
    ] {
        let Some(output) = server.kubectl(question) else {
            return;
        };
        let all = [output.stdout, output.stderr].concat();
        let all = String::from_utf8_lossy(&all);
        assert!(
            !output.status.success() && all.contains(expected),
            "{question:?}: {all}"
        );
    }
}

/// The lines of a diff without the names of the files.
pub fn changed(server: &Server, context: &[&str], file: &std::path::Path) -> Option<Vec<String>> {
    let file = file.to_str().expect("UTF-8");
    let output = server.kubectl(&[context, &["diff", "-f", file]].concat())?;
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        output.status.code(),
        Some(1),
        "1: there are differences; {err}"
    );
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines = text.lines().filter(|line| {
        line.starts_with(['-', '+']) && !line.starts_with("---") && !line.starts_with("+++")
    });
    let words = lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    Some(words.collect())
}

/// A deployment with other replicas, another image, one more variable and a changed status, which is no part of a diff.
pub fn wanted(server: &Server, dir: &std::path::Path) -> std::path::PathBuf {
    let mut web = server.get("/apis/apps/v1/namespaces/prod/deployments/web");
    web["spec"]["replicas"] = 5.into();
    web["status"]["replicas"] = 9.into();
    let container = &mut web["spec"]["template"]["spec"]["containers"][0];
    container["image"] = "nginx:new".into();
    container["env"] = serde_json::json!([{ "name": "MORE", "value": "1" }]);
    let metadata = web["metadata"].as_object_mut().expect("metadata");
    metadata.remove("managedFields");
    metadata.remove("resourceVersion");
    let file = dir.join("web.json");
    std::fs::write(&file, web.to_string()).expect("written");
    file
}

#[test]
fn kubectl_diff_is_answered_and_nothing_is_written() {
    let server = Server::start(&data_dir(K8S), &[]);
    let dir = tempfile::tempdir().expect("a temporary directory");
    let Some(lines) = changed(&server, &[], &wanted(&server, dir.path())) else {
        return;
    };
    for line in [
        "- generation: 6",
        "+ generation: 7",
        "- replicas: 3",
        "+ replicas: 5",
        "+ image: nginx:new",
        "+ - name: MORE",
    ] {
        assert!(
            lines.iter().any(|changed| changed == line),
            "{line}: {lines:?}"
        );
    }
    assert!(
        !lines.iter().any(|line| line.contains("replicas: 9")),
        "{lines:?}"
    );
    let others = dir.path().join("others.yaml");
    let text = "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w2, namespace: prod}\nspec: {size: 99}\n---\n\
        apiVersion: v1\nkind: ConfigMap\nmetadata: {name: brand-new, namespace: prod}\ndata: {a: b}\n";
    std::fs::write(&others, text).expect("written");
    let lines = changed(&server, &[], &others).expect("kubectl");
    for line in ["+ size: 99", "+ name: brand-new", "+kind: ConfigMap"] {
        assert!(
            lines.iter().any(|changed| changed == line),
            "{line}: {lines:?}"
        );
    }
    let refused = server
        .kubectl(&["apply", "-f", others.to_str().expect("UTF-8")])
        .expect("kubectl");
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("read-only"));
}

/// client-go sends a token over TLS only: what is printed to be pasted has to work all the same.
#[test]
fn what_is_printed_with_a_token_works_as_printed() {
    let token = "secret/of: this-run";
    for listen in ["127.0.0.1:0", "0.0.0.0:0"] {
        let server = Server::start(&data_dir(K8S), &["--token", token, "--listen", listen]);
        assert!(
            !server.printed.join(" ").contains("0.0.0.0"),
            "{:?}",
            server.printed
        );
        assert!(
            server.printed[0].starts_with("kubectl --kubeconfig "),
            "{:?}",
            server.printed
        );
        let Some(output) = server.kubectl(&["get", "pods", "-A", "--no-headers"]) else {
            return;
        };
        let (out, err) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        assert!(output.status.success() && err.is_empty(), "{listen}: {err}");
        assert_eq!(
            out.lines().count(),
            own(&["get", "pods", "-A", "--no-headers"]).lines().count()
        );
        let file = std::fs::read_to_string(&server.kubeconfig).expect("a kubeconfig");
        assert!(file.contains(&server.address), "{file}");
        for given in [
            "Authorization: Bearer other",
            "Authorization: Basic cmVhZGVyOm90aGVy",
            "X-A: b",
        ] {
            assert_eq!(server.ask("/api", &[given]).code, 401, "{given}");
        }
        // What kubectl says of a failure goes into tickets.
        let wrong = server.kubectl(&["get", "--raw", "/api/v1/namespaces/none/pods/none"]);
        let wrong = wrong.expect("kubectl ran before");
        let said = String::from_utf8_lossy(&wrong.stderr);
        assert!(
            !wrong.status.success() && !said.contains("secret"),
            "{said}"
        );
    }
}

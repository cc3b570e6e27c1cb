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

/// The YAML of kubectl is ours byte for byte; so are descriptions without ages, but for the order that kubectl leaves to chance.
#[test]
fn kubectl_writes_the_yaml_and_the_descriptions_that_we_write() {
    let server = Server::start(&data_dir(K8S), &[]);
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
        let Some(output) = server.kubectl(question) else {
            return;
        };
        let theirs = String::from_utf8_lossy(&output.stdout).into_owned();
        let theirs: Vec<&str> = theirs.lines().collect();
        assert!(theirs.len() > 10, "{question:?}: {theirs:?}");
        let ours = own(question);
        for (at, (ours, theirs)) in ours.lines().zip(&theirs).enumerate() {
            assert_eq!(ours, *theirs, "{question:?}, line {}", at + 1);
        }
        assert_eq!(ours.lines().count(), theirs.len(), "{question:?}");
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
        (&["describe", "pods", "-n", "prod"], "Service Account:"),
        (&["describe", "ingress", "-A"], "Rules:"),
        (&["describe", "cronjobs", "-A"], "Schedule:"),
        (&["describe", "svc", "-n", "prod"], "Endpoints:"),
        (&["describe", "nodes"], "Allocated resources:"),
        (&["describe", "pdb", "-A"], "Min available:"),
        (&["describe", "hpa", "-A"], "Reference:"),
        (&["explain", "pods.spec.containers"], "livenessProbe"),
        (&["explain", "widgets"], "Widget"),
        (&["events", "-A"], "LeaderElection"),
        (&["auth", "can-i", "list", "pods"], "yes"),
        (&["auth", "can-i", "--list"], "[get list watch]"),
        (&["rollout", "history", "deploy", "-n", "prod"], "REVISION"),
        (&["get", "--raw", "/healthz"], "ok"),
    ] {
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

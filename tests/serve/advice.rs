//! What `serve` says before it serves: each refusal names what works, with the evidence in it.

use std::process::{Command, Output};

use testkit::data_dir;

fn serve(evidence: &str, flags: &[&str]) -> (Output, String, String) {
    let path = data_dir(evidence);
    let output = Command::new(env!("CARGO_BIN_EXE_etcd-inspect"))
        .arg("serve")
        .arg(&path)
        .args(flags)
        .env("LC_ALL", "C.UTF-8")
        .output()
        .expect("the binary runs");
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, err, path.display().to_string())
}

#[test]
fn a_refusal_names_what_works_with_the_evidence_in_it() {
    for (flags, expected) in [
        (&["-o", "json"][..], "-o json has no meaning"),
        (&["-o", "yaml", "--for", "1s"], "-o yaml has no meaning"),
        (&["--mcp", "-o", "json"], "-o json has no meaning"),
        (
            &["--listen", "0.0.0.0:0"],
            "can be reached from other machines",
        ),
        (&["--context", "x=abc"], "neither a revision nor a time"),
        (&["--context", "x=99999999"], "newer than the newest one"),
    ] {
        let (output, err, path) = serve("k8s-1.20-etcd35", flags);
        assert_eq!(output.status.code(), Some(2), "{flags:?}: {err}");
        assert!(output.stdout.is_empty() && err.contains(expected), "{err}");
        assert!(err.contains(&format!("etcd-inspect serve {path}")), "{err}");
    }
}

#[test]
fn evidence_without_kubernetes_objects_leads_to_the_etcd_door() {
    let (output, err, path) = serve("etcd-3.5.30", &["--for", "100ms"]);
    assert_eq!(output.status.code(), Some(0), "{err}");
    assert!(
        err.contains(&format!("etcd-inspect serve {path} --etcd")),
        "{err}"
    );
    for (evidence, flags) in [
        ("etcd-3.5.30", &["--etcd", "--for", "100ms"][..]),
        ("k8s-1.20-etcd35", &["--for", "100ms"]),
    ] {
        let (_, err, _) = serve(evidence, flags);
        assert!(!err.contains("no Kubernetes object"), "{err}");
    }
}

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

/// The command of a refusal is another one than the command that was refused, and it runs.
#[test]
fn a_context_that_cannot_be_is_refused_with_one_that_can() {
    for (flags, expected) in [
        (&["--context", "before=-10m"][..], "--context before"),
        (&["--context", "before=-1000h"], "--context before"),
        (
            &["--context", "x=200", "--context", "x=300"],
            "another context has this name",
        ),
        (&["--context", "data=100"], "another context has this name"),
    ] {
        let (output, err, path) = serve("k8s-1.20-etcd35", flags);
        assert_eq!(output.status.code(), Some(2), "{flags:?}: {err}");
        assert!(err.contains(expected), "{err}");
        let line = err
            .lines()
            .find_map(|line| line.trim().strip_prefix("try "));
        let words: Vec<&str> = line.unwrap_or_default().split_whitespace().collect();
        let [_, "serve", given, next @ ..] = &*words else {
            panic!("{err}");
        };
        assert_eq!(*given, path);
        assert_ne!(next, flags, "{err}");
        let (output, err, _) = serve("k8s-1.20-etcd35", &[next, &["--for", "100ms"]].concat());
        assert!(
            matches!(output.status.code(), Some(0 | 3)),
            "{next:?}: {err}"
        );
    }
}

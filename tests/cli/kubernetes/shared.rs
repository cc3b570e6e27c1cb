//! API servers that share an etcd, each with a prefix of its own: what each wrote is shown apart.

use testkit::synth::bolt::DbBuilder;
use testkit::synth::mvcc::Keyspace;

use super::*;

/// One prefix is within another that is always known.
const FIRST: &str = "/registry";
const SECOND: &str = "/kubernetes.io/edge";

fn db(folder: &Path) -> PathBuf {
    let mut keys = Keyspace::new();
    for (prefix, maps) in [(FIRST, 3), (SECOND, 2)] {
        for anchor in ["ranges/serviceips", "clusterroles/cluster-admin"] {
            keys.put(format!("{prefix}/{anchor}").as_bytes(), b"{}");
        }
        for number in 0..maps {
            let map = serde_json::json!({
                "kind": "ConfigMap", "apiVersion": "v1",
                "metadata": {"name": format!("m{number}"), "namespace": "shop"},
                "data": {"of": prefix},
            });
            let key = format!("{prefix}/configmaps/shop/m{number}");
            keys.put(key.as_bytes(), map.to_string().as_bytes());
        }
    }
    keys.put(b"plain", b"value");
    let path = folder.join("db");
    let bytes = DbBuilder::etcd().bucket("key", keys.records()).build();
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn sums_and_lists_of_api_servers_that_share_an_etcd_are_shown_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = db(folder.path());
    let run = |words: &str| {
        let at = path.to_str().unwrap();
        let words = words.split(' ').chain(["-d", at]);
        sealed(&path, words)
    };
    let columns = "-o csv --no-headers --columns PREFIX,RESOURCE,KEYS";
    let sums = run(&format!("keys --by-resource {columns}"));
    let mut lines: Vec<&str> = sums.out.lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            ",(non-k8s),1",
            "/kubernetes.io/edge,clusterroles,1",
            "/kubernetes.io/edge,configmaps,2",
            "/kubernetes.io/edge,rangeallocations,1",
            "/registry,clusterroles,1",
            "/registry,configmaps,3",
            "/registry,rangeallocations,1",
        ]
    );
    let of_namespaces = run("keys --by-namespace -o json").json();
    let shop = |prefix: &str| {
        let rows = of_namespaces["rows"].as_array().unwrap();
        let own = |row: &&Value| row["prefix"] == prefix && row["namespace"] == "shop";
        rows.iter().find(own).map(|row| row["keys"].clone())
    };
    assert_eq!(shop(FIRST), Some(3.into()));
    assert_eq!(shop(SECOND), Some(2.into()));
    // A key is below one prefix only, the longest.
    let status = run("status -o json").json();
    let prefixes: Vec<(&str, u64)> = status["prefixes"]
        .as_array()
        .unwrap_or_else(|| panic!("{status}"))
        .iter()
        .map(|one| {
            (
                one["prefix"].as_str().unwrap(),
                one["keys"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(prefixes, [(FIRST, 5), (SECOND, 4)]);
    let list = run("get cm -n shop");
    let heads: Vec<&str> = list
        .out
        .lines()
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    assert_eq!(heads, ["PREFIX", "NAME", "DATA", "AGE"]);
    for words in [
        "get cm -n shop",
        "get cm -A -o name",
        "get cm -n shop -o yaml",
    ] {
        let said = run(words);
        let note =
            "2 API servers that share the etcd: 2 below /kubernetes.io/edge, 3 below /registry";
        assert!(said.err.contains(note), "{words}: {}", said.err);
        let one = run(&format!("{words} --etcd-prefix /registry"));
        assert!(!one.err.contains("share the etcd"), "{words}: {}", one.err);
        assert!(!one.out.contains("PREFIX"), "{words}: {}", one.out);
    }
}

#[test]
fn sums_of_one_api_server_name_no_prefix() {
    let one = testkit::data_dir("k8s-1.20-etcd35");
    for words in [["keys", "--by-resource"], ["keys", "--by-namespace"]] {
        let said = sealed(&one, words.into_iter().chain([one.to_str().unwrap()]));
        assert!(!said.out.contains("PREFIX"), "{}", said.out);
    }
}

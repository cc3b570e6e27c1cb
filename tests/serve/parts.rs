//! Rows of tables and metadata are made without the whole object; they are those of the whole.

use serde_json::Value;
use testkit::data_dir;

use crate::server::Server;

const TABLE: &str = "Accept: application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
const METADATA: &str =
    "Accept: application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json";

/// The path of every list that is served.
fn lists(server: &Server) -> Vec<String> {
    let mut bases = vec!["/api/v1".to_owned()];
    let groups = server.get("/apis");
    for group in groups["groups"].as_array().expect("groups") {
        let versions = group["versions"].as_array().expect("versions");
        bases.extend(versions.iter().map(|version| {
            format!(
                "/apis/{}",
                version["groupVersion"].as_str().expect("a version")
            )
        }));
    }
    let mut lists = Vec::new();
    for base in bases {
        let known = server.get(&base);
        let resources = known["resources"].as_array().expect("resources");
        let names = resources
            .iter()
            .filter_map(|resource| resource["name"].as_str());
        lists.extend(
            names
                .filter(|name| !name.contains('/'))
                .map(|name| format!("{base}/{name}")),
        );
    }
    lists
}

/// The member of each item.
fn each(list: &Value, items: &str, path: &str) -> Vec<Value> {
    let items = list[items].as_array().expect("items");
    let found = items.iter().map(|item| item.pointer(path).cloned());
    found.map(Option::unwrap_or_default).collect()
}

#[test]
fn rows_and_metadata_are_those_of_the_whole_objects() {
    for flags in [&[][..], &["--reveal=all"]] {
        let server = Server::start(&data_dir("k8s-1.20-etcd35"), flags);
        let mut compared = 0;
        for path in lists(&server) {
            let whole = server.ask(&path, &["Accept: application/json"]);
            if whole.code != 200 {
                continue;
            }
            let whole = each(&whole.json(), "items", "/metadata");
            let rows = server.ask(&path, &[TABLE]).json();
            let of_whole = server
                .ask(&format!("{path}?includeObject=Object"), &[TABLE])
                .json();
            assert_eq!(
                each(&rows, "rows", "/cells"),
                each(&of_whole, "rows", "/cells"),
                "{path}"
            );
            assert_eq!(each(&rows, "rows", "/object/metadata"), whole, "{path}");
            let metadata = server.ask(&path, &[METADATA]).json();
            assert_eq!(each(&metadata, "items", "/metadata"), whole, "{path}");
            compared += whole.len();
        }
        assert!(compared > 1000, "{compared}");
        let labelled = server
            .ask("/api/v1/pods?labelSelector=app%3Dweb", &[TABLE])
            .json();
        let selected = server.get("/api/v1/pods?labelSelector=app%3Dweb");
        assert_eq!(
            each(&labelled, "rows", "/object/metadata"),
            each(&selected, "items", "/metadata")
        );
    }
}

//! The API over HTTP: answers of a real API server, parameters, refusals.

use std::collections::BTreeMap;

use etcd_inspect::answers::Version;
use etcd_inspect::dataset::Dataset;
use etcd_inspect::kubernetes::nouns::Target;
use etcd_inspect::kubernetes::resources::RESOURCES;
use etcd_inspect_serve::listing::Listings;
use serde_json::{Value, json};
use testkit::{data_dir, fixture};

use crate::server::Server;

const K8S: &str = "k8s-1.20-etcd35";

/// Without members that are empty: releases differ in which of those they print.
fn full(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(name, value)| (name.clone(), full(value)));
            let is_full = |value: &Value| {
                ![
                    json!(null),
                    json!({}),
                    json!([]),
                    json!(""),
                    json!(0),
                    json!(false),
                ]
                .contains(value)
            };
            Value::Object(fields.filter(|(_, value)| is_full(value)).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(full).collect()),
        other => other.clone(),
    }
}

fn named(list: &Value) -> BTreeMap<String, Value> {
    let items = list["items"].as_array().expect("items");
    let name = |item: &Value| {
        format!(
            "{}/{}",
            item["metadata"]["namespace"], item["metadata"]["name"]
        )
    };
    items.iter().map(|item| (name(item), full(item))).collect()
}

#[test]
fn every_list_equals_what_a_real_api_server_answered() {
    let server = Server::start(&data_dir(K8S), &["--reveal=all"]);
    let answers = testkit::members_of(&fixture(K8S).join("truth/api.tar.zst"));
    let mut compared = 0;
    for (path, bytes) in &answers {
        let name = path
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .trim_end_matches(".json");
        let truth: Value = match serde_json::from_slice(bytes) {
            Ok(truth) => truth,
            Err(_) => continue,
        };
        let parts: Vec<&str> = name.split('_').collect();
        let url = match parts.as_slice() {
            [version, plural] => format!("/api/{version}/{plural}"),
            [group, version, plural] => format!("/apis/{group}/{version}/{plural}"),
            _ => continue,
        };
        let reply = server.ask(&url, &[]);
        if reply.code == 404 {
            // Versions that cannot be made from what is stored, and what no etcd stores.
            let is_known = [
                "v2beta",
                "v2alpha1",
                "v1alpha1",
                "componentstatuses",
                "extensions",
            ];
            assert!(
                is_known.iter().any(|known| name.contains(known)),
                "{url} is not served"
            );
            continue;
        }
        let answer = reply.json();
        assert_eq!(answer["kind"], truth["kind"], "{url}");
        let (theirs, ours) = (named(&truth), named(&answer));
        for (name, object) in &theirs {
            assert_eq!(ours.get(name), Some(object), "{url} {name}");
        }
        assert_eq!(ours.len(), theirs.len(), "{url}");
        compared += 1;
    }
    assert!(compared > 60, "{compared} lists");
}

#[test]
fn a_list_in_pages_is_the_whole_list_at_one_revision() {
    let server = Server::start(&data_dir(K8S), &[]);
    let whole = server.get("/api/v1/pods");
    let (mut items, mut token) = (Vec::new(), String::new());
    loop {
        let page = server.get(&format!("/api/v1/pods?limit=7&continue={token}"));
        assert_eq!(
            page["metadata"]["resourceVersion"],
            whole["metadata"]["resourceVersion"]
        );
        items.extend(page["items"].as_array().expect("items").clone());
        let left = page["metadata"]["remainingItemCount"].as_u64().unwrap_or(0);
        assert_eq!(
            items.len() as u64 + left,
            whole["items"].as_array().expect("items").len() as u64
        );
        match page["metadata"]["continue"].as_str() {
            Some(next) if !next.is_empty() => token = next.to_owned(),
            _ => break,
        }
    }
    assert_eq!(Value::Array(items), whole["items"]);
}

#[test]
fn all_pages_of_a_list_search_the_keys_once() {
    let dataset = Dataset::open(data_dir(K8S)).unwrap();
    let objects = dataset.objects().unwrap().into_parts().0;
    let pods = RESOURCES.iter().find(|one| one.path == "pods").unwrap();
    let pods = Target::from(pods);
    let revision = objects.keyspace().revision();
    let whole = objects.list(&pods, None, None).unwrap();
    let listings = Listings::default();
    let find = |namespace, at| listings.find(&objects, &pods, namespace, at).unwrap();
    let mut listed = Vec::new();
    while listed.len() < whole.len() {
        let page = find(None, revision).starting_at(&objects, whole[listed.len()].key);
        assert_eq!(page.len(), whole.len() - listed.len());
        assert_eq!(page.closed_from(&objects, 0), 0);
        listed.extend(page.versions(&objects, 0..7));
    }
    let keys = |versions: &[Version<'_>]| -> Vec<Vec<u8>> {
        versions.iter().map(|one| one.key.to_vec()).collect()
    };
    assert_eq!(keys(&listed), keys(&whole));
    assert_eq!(listings.searched(), 1);
    // Another namespace or revision is another list.
    let first = objects.parse(whole[0].key).unwrap();
    let other = find(first.namespace, revision);
    assert!(!other.is_empty() && other.len() < whole.len());
    find(None, revision - 1);
    assert_eq!(listings.searched(), 3);
}

#[test]
fn a_log_whose_db_is_lost_is_served_as_the_db_was() {
    let copy = testkit::fixture_copy(K8S);
    std::fs::remove_file(copy.data_dir().join("member/snap/db")).unwrap();
    let alone = Server::start(&copy.data_dir(), &[]);
    let of_db = Server::start(&data_dir(K8S), &[]);
    for path in [
        "/api/v1/pods",
        "/apis/apps/v1/deployments",
        "/at/1500/api/v1/namespaces/team-b/configmaps",
    ] {
        let (alone, of_db) = (alone.get(path), of_db.get(path));
        assert!(
            !alone["items"].as_array().expect("items").is_empty(),
            "{path}"
        );
        assert_eq!(alone, of_db, "{path}");
    }
}

#[test]
fn the_path_and_the_parameters_choose_the_moment() {
    let server = Server::start(&data_dir(K8S), &[]);
    let newest: i64 = server.get("/api/v1/pods")["metadata"]["resourceVersion"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let before = newest - 50;
    let at = server.get(&format!("/at/{before}/api/v1/events"));
    assert_eq!(at["metadata"]["resourceVersion"], before.to_string());
    let exact = server.get(&format!(
        "/api/v1/events?resourceVersion={before}&resourceVersionMatch=Exact"
    ));
    assert_eq!(exact["items"], at["items"]);
    let compacted = server.ask(
        "/api/v1/pods?resourceVersion=1&resourceVersionMatch=Exact",
        &[],
    );
    let future = server.ask(&format!("/api/v1/pods?resourceVersion={}", newest + 9), &[]);
    assert_eq!(future.json()["reason"], "Timeout");
    assert!(matches!(compacted.code, 200 | 410), "{}", compacted.body);
}

#[test]
fn a_watch_replays_the_history_that_a_real_watch_gave() {
    let server = Server::start(&data_dir(K8S), &[]);
    let newest: i64 = server.get("/api/v1/pods")["metadata"]["resourceVersion"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let from = newest - 400;
    let url = format!("/api/v1/pods?watch=1&resourceVersion={from}&timeoutSeconds=1");
    let events: Vec<Value> = server
        .ask(&url, &[])
        .body
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(events.len() > 3, "{}", events.len());
    let mut state = named(&server.get(&format!("/at/{from}/api/v1/pods")));
    let mut last = from;
    for event in &events {
        let object = &event["object"];
        let version: i64 = object["metadata"]["resourceVersion"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap();
        assert!(version >= last, "{version} after {last}");
        last = version;
        let name = format!(
            "{}/{}",
            object["metadata"]["namespace"], object["metadata"]["name"]
        );
        let mut item = object.clone();
        for field in ["kind", "apiVersion"] {
            item.as_object_mut().unwrap().remove(field);
        }
        match event["type"].as_str() {
            Some("ADDED") => assert!(state.insert(name, full(&item)).is_none()),
            Some("MODIFIED") => assert!(state.insert(name, full(&item)).is_some()),
            Some("DELETED") => assert!(state.remove(&name).is_some()),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(state, named(&server.get("/api/v1/pods")));
}

#[test]
fn a_watch_list_ends_its_first_state_with_a_bookmark() {
    let server = Server::start(&data_dir(K8S), &[]);
    let url = "/api/v1/namespaces?watch=1&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan&timeoutSeconds=1";
    let body = server
        .ask(
            url,
            &["Accept: application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"],
        )
        .body;
    let events: Vec<Value> = body
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let (last, others) = events.split_last().unwrap();
    assert!(!others.is_empty() && others.iter().all(|event| event["type"] == "ADDED"));
    assert!(
        others
            .iter()
            .all(|event| event["object"]["kind"] == "PartialObjectMetadata")
    );
    assert_eq!(last["type"], "BOOKMARK");
    assert_eq!(
        last["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"],
        "true"
    );
}

#[test]
fn writes_other_names_and_broken_requests_are_refused_with_a_status() {
    let server = Server::start(&data_dir(K8S), &[]);
    let host = server.address.clone();
    let delete = format!(
        "DELETE /api/v1/namespaces/prod HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    );
    let refused = server.send(&delete);
    assert_eq!(
        (refused.code, refused.json()["message"].as_str()),
        (405, Some("read-only: served from a copied data directory"))
    );
    let rebound =
        server.send("GET /api HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n");
    assert_eq!(rebound.code, 403);
    for (path, code) in [
        ("/apis/metrics.k8s.io/v1beta1", 404),
        ("/api/v1/namespaces/prod/pods/none", 404),
        ("/api/v1/pods?continue=x", 400),
        ("/api/v1/pods?labelSelector=a%20in", 400),
        ("/api/v1/pods?fieldSelector=status.foo%3D1", 400),
        ("/at/yesterdayish/api/v1/pods", 400),
        ("/at/abc/api", 400),
        ("/at/-/apis", 400),
        ("/at/12x/openapi/v2", 400),
        ("/at/nonsense/version", 400),
        ("/at/99999999/apis", 400),
        ("/source/none/api", 404),
    ] {
        let reply = server.ask(path, &[]);
        assert_eq!(
            (reply.code, reply.json()["kind"].as_str()),
            (code, Some("Status")),
            "{path}: {}",
            reply.body
        );
    }
    let log = server.get("/api/v1/pods?limit=1")["items"][0]["metadata"].clone();
    let log = format!(
        "/api/v1/namespaces/{}/pods/{}/log",
        log["namespace"].as_str().unwrap(),
        log["name"].as_str().unwrap()
    );
    assert!(
        server.ask(&log, &[]).json()["message"]
            .as_str()
            .unwrap()
            .contains("etcd stores no logs")
    );
}

#[test]
fn secrets_are_masked_as_valid_base64_with_a_warning() {
    let server = Server::start(&data_dir(K8S), &[]);
    let reply = server.ask("/api/v1/secrets", &[]);
    assert!(
        reply.head.to_ascii_lowercase().contains("\r\nwarning: 299"),
        "{}",
        reply.head
    );
    let mut values = 0;
    for secret in reply.json()["items"].as_array().unwrap() {
        for value in secret["data"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(_, value)| value.as_str().unwrap())
        {
            let plain =
                base64::Engine::decode(&base64::engine::general_purpose::STANDARD, value).unwrap();
            assert!(String::from_utf8_lossy(&plain).starts_with("••••"));
            values += 1;
        }
    }
    assert!(values > 10, "{values}");
}

#[test]
fn two_hundred_requests_at_once_are_all_answered() {
    let server = Server::start(&data_dir(K8S), &[]);
    std::thread::scope(|scope| {
        let asked: Vec<_> = (0..200)
            .map(|_| scope.spawn(|| server.ask("/api/v1/namespaces", &[]).code))
            .collect();
        assert!(asked.into_iter().all(|asked| asked.join().unwrap() == 200));
    });
}

#[test]
fn the_requests_of_k9s_are_answered() {
    let server = Server::start(&data_dir(K8S), &[]);
    let table = "Accept: application/json;as=Table;v=v1;g=meta.k8s.io, application/json";
    let pods = server
        .ask("/api/v1/namespaces/prod/pods?limit=500", &[table])
        .json();
    assert_eq!(pods["kind"], "Table");
    let names: Vec<_> = pods["columnDefinitions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|column| column["name"].as_str().unwrap())
        .collect();
    assert!(
        names.contains(&"Name") && names.contains(&"Age"),
        "{names:?}"
    );
    assert_eq!(pods["rows"][0]["object"]["kind"], "PartialObjectMetadata");
    // Its informers list and watch as a table and as metadata.
    let revision = pods["metadata"]["resourceVersion"].as_str().unwrap();
    let from = revision.parse::<i64>().unwrap() - 400;
    let metadata =
        "Accept: application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io, application/json";
    for (accept, kind) in [(table, "Table"), (metadata, "PartialObjectMetadata")] {
        let url = format!(
            "/api/v1/pods?watch=true&allowWatchBookmarks=true&resourceVersion={from}&timeoutSeconds=1"
        );
        let watch = server.ask(&url, &[accept]).body;
        let kinds: Vec<Value> = watch
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["object"]["kind"].clone())
            .collect();
        assert!(
            kinds.len() > 3 && kinds.iter().all(|seen| seen == kind),
            "{kinds:?}"
        );
    }
    for absent in [
        "/apis/metrics.k8s.io/v1beta1",
        "/apis/metrics.k8s.io/v1beta1/nodes",
    ] {
        assert_eq!(server.ask(absent, &[]).code, 404);
    }
    let discovery = "Accept: application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
    for (path, group) in [("/api", None), ("/apis", Some("apps"))] {
        let reply = server.ask(path, &[discovery]);
        assert!(
            reply.head.contains("as=APIGroupDiscoveryList"),
            "{}",
            reply.head
        );
        let items = reply.json()["items"].clone();
        assert!(
            items
                .as_array()
                .unwrap()
                .iter()
                .any(|item| item["metadata"]["name"].as_str() == group)
        );
    }
    let review = json!({"kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1",
        "spec": {"resourceAttributes": {"verb": "list", "resource": "pods"}}})
    .to_string();
    let host = &server.address;
    let request = format!(
        "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\
        Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{review}",
        review.len()
    );
    assert_eq!(server.send(&request).json()["status"]["allowed"], true);
    assert!(
        server.get("/version")["gitVersion"]
            .as_str()
            .unwrap()
            .starts_with("v1.")
    );
}

#[test]
fn the_openapi_document_is_protobuf_for_clients_that_take_nothing_else() {
    let server = Server::start(&data_dir(K8S), &[]);
    for (media, answered) in [
        (
            "application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
            "application/octet-stream",
        ),
        (
            "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
            "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
        ),
    ] {
        let reply = server.ask("/openapi/v2", &[&format!("Accept: {media}")]);
        assert_eq!(reply.code, 200);
        assert!(
            reply.head.contains(&format!("content-type: {answered}")),
            "{}",
            reply.head
        );
        for word in [
            "io.k8s.api.core.v1.PodSpec",
            "#/definitions/io.k8s.api.core.v1.Container",
            "x-kubernetes-group-version-kind",
        ] {
            assert!(reply.body.contains(word), "{word}");
        }
    }
}

//! Watches as protobuf, which client-go asks for where it knows the types.

use serde_json::Value;
use testkit::data_dir;

use crate::server::{Reply, Server};

const K8S: &str = "k8s-1.20-etcd35";
const PROTOBUF: &str = "Accept: application/vnd.kubernetes.protobuf, application/json";

/// An event: `ADDED` and the object with its envelope.
type Frame = (String, Vec<u8>);

/// The length-delimited field at the start of a message, and what follows it.
fn field(bytes: &[u8], key: u8) -> (&[u8], &[u8]) {
    assert_eq!(bytes[0], key);
    let (mut len, mut at, mut shift) = (0, 1, 0);
    loop {
        len |= usize::from(bytes[at] & 0x7f) << shift;
        shift += 7;
        at += 1;
        if bytes[at - 1] < 0x80 {
            break;
        }
    }
    (&bytes[at..at + len], &bytes[at + len..])
}

/// Reads frames as `pkg/util/framer` of apimachinery does: four bytes of length, then a `WatchEvent`.
pub fn frames(mut bytes: &[u8]) -> Vec<Frame> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let len = u32::from_be_bytes(bytes[..4].try_into().unwrap());
        let (frame, rest) = bytes[4..].split_at(len.try_into().unwrap());
        let (kind, object) = field(frame, 0x0a);
        let (raw, after) = field(object, 0x12);
        let (envelope, rest_of_raw) = field(raw, 0x0a);
        assert!(after.is_empty() && rest_of_raw.is_empty());
        assert!(envelope.starts_with(b"k8s\0"));
        all.push((String::from_utf8(kind.to_vec()).unwrap(), envelope.to_vec()));
        bytes = rest;
    }
    all
}

fn is_protobuf(reply: &Reply) -> bool {
    let head = reply.head.to_ascii_lowercase();
    head.contains("content-type: application/vnd.kubernetes.protobuf;stream=watch")
}

fn json_events(server: &Server, url: &str) -> Vec<Value> {
    let body = server.ask(url, &["Accept: application/json"]).body;
    let events = body.lines().map(|line| serde_json::from_str(line).unwrap());
    events.collect()
}

#[test]
fn a_watch_in_protobuf_has_the_events_and_objects_of_the_one_in_json() {
    let server = Server::start(&data_dir(K8S), &[]);
    let newest = server.get("/api/v1/pods")["metadata"]["resourceVersion"].clone();
    let from = newest.as_str().unwrap().parse::<i64>().unwrap() - 400;
    let mut compared = 0;
    for (resource, query) in [
        ("api/v1/pods", format!("resourceVersion={from}")),
        ("api/v1/pods", "labelSelector=app=web".to_owned()),
        ("api/v1/configmaps", format!("resourceVersion={from}")),
        (
            "apis/apps/v1/deployments",
            format!("resourceVersion={from}"),
        ),
        (
            "api/v1/namespaces",
            "sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan"
                .to_owned(),
        ),
    ] {
        let url = format!("/{resource}?watch=1&timeoutSeconds=1&{query}");
        let reply = server.ask(&url, &[PROTOBUF]);
        assert!(is_protobuf(&reply), "{url}: {}", reply.head);
        let (frames, events) = (frames(&reply.bytes), json_events(&server, &url));
        assert!(!events.is_empty(), "{url}");
        assert_eq!(frames.len(), events.len(), "{url}");
        for ((kind, envelope), event) in frames.iter().zip(&events) {
            assert_eq!(event["type"], kind.as_str(), "{url}");
            let metadata = &event["object"]["metadata"];
            let version = metadata["resourceVersion"].as_str().unwrap();
            let has = |text: &str| {
                envelope
                    .windows(text.len())
                    .any(|part| part == text.as_bytes())
            };
            assert!(has(version), "{url}: {version}");
            if kind == "BOOKMARK" {
                let annotations = &metadata["annotations"];
                assert_eq!(has("k8s.io/initial-events-end"), annotations.is_object());
                continue;
            }
            let name = metadata["name"].as_str().unwrap();
            assert!(has(name), "{url}: {name}");
            if kind == "DELETED" || compared > 40 {
                continue;
            }
            // An object is the one that a get at its revision has.
            let (base, plural) = resource.rsplit_once('/').unwrap();
            let place = match metadata["namespace"].as_str() {
                Some(namespace) => format!("namespaces/{namespace}/{plural}"),
                None => plural.to_owned(),
            };
            let one = server.ask(&format!("/at/{version}/{base}/{place}/{name}"), &[PROTOBUF]);
            assert_eq!(&one.bytes, envelope, "{url}: {name}");
            compared += 1;
        }
    }
    assert!(compared > 20, "{compared}");
}

#[test]
fn a_watch_of_what_has_no_protobuf_form_is_json_or_refused() {
    let server = Server::start(&data_dir(K8S), &[]);
    let url = "/api/v1/secrets?watch=1&timeoutSeconds=1";
    let masked = server.ask(url, &[PROTOBUF]);
    assert!(
        !is_protobuf(&masked) && masked.body.starts_with("{\"type\":\"ADDED\""),
        "{}",
        masked.head
    );
    let only = server.ask(url, &["Accept: application/vnd.kubernetes.protobuf"]);
    assert_eq!(only.code, 406, "{}", only.body);
    let table =
        "Accept: application/json;as=Table;v=v1;g=meta.k8s.io,application/vnd.kubernetes.protobuf";
    let table = server.ask("/api/v1/pods?watch=1&timeoutSeconds=1", &[table]);
    assert!(table.body.contains("\"kind\":\"Table\""), "{}", table.head);
    let metadata = "Accept: application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";
    let metadata = server.ask("/api/v1/pods?watch=1&timeoutSeconds=1", &[metadata]);
    assert!(is_protobuf(&metadata), "{}", metadata.head);
    assert!(frames(&metadata.bytes).len() > 40);
}

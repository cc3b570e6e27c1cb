//! Secrets that a client must not see, in any form that it can ask for.

use serde_json::json;
use testkit::synth::bolt::DbBuilder;
use testkit::synth::mvcc::Keyspace;

use crate::server::Server;

#[test]
fn no_form_of_an_answer_shows_what_the_object_hides() {
    let mut keys = Keyspace::new();
    let message = "Get \"https://u:hunter1@h/x\": unauthorized; password=hunter2; Authorization: Bearer hunter3";
    let event = json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "e1", "namespace": "pay",
        "creationTimestamp": "2026-11-21T01:00:00Z"}, "involvedObject": {"kind": "Pod", "name": "web"}, "type": "Warning",
        "reason": "Failed", "message": message});
    let set = json!({"f:spec": {"f:passwords": {"v:\"hunter4\"": {}}}, "f:metadata": {"f:finalizers": {"v:\"https://u:hunter5@h\"": {}}}});
    let managed = json!([{"manager": "m", "operation": "Apply", "apiVersion": "v1", "time": "2026-11-21T01:00:00Z",
        "fieldsType": "FieldsV1", "fieldsV1": set}]);
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c1", "namespace": "pay",
        "creationTimestamp": "2026-11-21T01:00:00Z", "managedFields": managed}});
    keys.put(b"/registry/events/pay/e1", event.to_string().as_bytes());
    keys.put(b"/registry/configmaps/pay/c1", map.to_string().as_bytes());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    std::fs::write(
        &path,
        DbBuilder::etcd().bucket("key", keys.records()).build(),
    )
    .unwrap();
    let server = Server::start(&path, &[]);
    for url in [
        "/api/v1/namespaces/pay/events",
        "/api/v1/namespaces/pay/events/e1",
        "/api/v1/events?watch=1&timeoutSeconds=1",
        "/apis/events.k8s.io/v1/namespaces/pay/events",
        "/api/v1/namespaces/pay/configmaps",
        "/api/v1/namespaces/pay/configmaps/c1",
        "/api/v1/configmaps?watch=1&timeoutSeconds=1",
    ] {
        for form in [
            "Table",
            "PartialObjectMetadata",
            "PartialObjectMetadataList",
            "",
        ] {
            for include in ["None", "Metadata", "Object"] {
                let accept = match form {
                    "" => "Accept: application/json".to_owned(),
                    form => {
                        format!(
                            "Accept: application/json;as={form};v=v1;g=meta.k8s.io,application/json"
                        )
                    }
                };
                let sign = if url.contains('?') { '&' } else { '?' };
                let asked = format!("{url}{sign}includeObject={include}");
                let reply = server.ask(&asked, &[&accept]);
                assert_eq!(reply.code, 200, "{asked} {form}: {}", reply.body);
                assert!(
                    !reply.body.contains("hunter"),
                    "{asked} {form}: {}",
                    reply.body
                );
            }
        }
    }
    let table = "Accept: application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
    let reply = server.ask("/api/v1/namespaces/pay/events", &[table]);
    assert!(
        reply.body.contains("unauthorized") && reply.body.contains("••••"),
        "{}",
        reply.body
    );
}

//! `describe` against what a real API server gave.

use super::*;

#[test]
fn every_object_of_the_common_kinds_is_described_by_what_the_server_gave() {
    let api = api();
    for (file, noun) in [
        ("v1_pods", "pods"),
        ("apps_v1_deployments", "deploy"),
        ("v1_nodes", "nodes"),
        ("v1_services", "svc"),
        ("v1_persistentvolumeclaims", "pvc"),
        ("v1_namespaces", "ns"),
    ] {
        let said = ask(&format!("describe {noun} -A"));
        assert_eq!(said.code, 0, "{noun}: {}", said.err);
        let names: BTreeSet<String> = said
            .out
            .lines()
            .filter_map(|line| Some(line.strip_prefix("Name:")?.trim().to_owned()))
            .collect();
        let wanted: BTreeSet<String> = items(&api, file)
            .iter()
            .map(|object| name(object).1)
            .collect();
        assert_eq!(names, wanted, "{noun}");
    }
    let pods = items(&api, "v1_pods");
    let ended = pods.iter().find(|pod| {
        pod.pointer("/status/containerStatuses/0/state/terminated/exitCode")
            .is_some()
    });
    if let Some(pod) = ended {
        let (namespace, name) = name(pod);
        let said = ask(&format!("describe pod {name} -n {namespace}"));
        let code = text(pod, "/status/containerStatuses/0/state/terminated/exitCode");
        let has_code =
            |line: &str| line.trim_start().starts_with("Exit Code:") && line.ends_with(&code);
        assert!(said.out.lines().any(has_code), "{}", said.out);
    }
}

#[test]
fn a_description_has_the_events_about_the_object_and_no_secret() {
    let api = api();
    let event = items(&api, "v1_events")
        .iter()
        .find(|event| event["involvedObject"]["kind"] == "Deployment")
        .unwrap();
    let (namespace, name) = (
        text(event, "/involvedObject/namespace"),
        text(event, "/involvedObject/name"),
    );
    let said = ask(&format!("describe deploy/{name} -n {namespace}"));
    assert!(said.out.contains("Events:\n  Type "), "{}", said.out);
    assert!(said.out.contains(&text(event, "/reason")), "{}", said.out);
    assert!(said.out.contains("NewReplicaSet:"), "{}", said.out);
    let secrets = ask("describe secrets -A");
    let values = items(&api, "v1_secrets")
        .iter()
        .filter_map(|secret| secret["data"].as_object());
    for value in values
        .flat_map(|data| data.values())
        .filter_map(Value::as_str)
        .filter(|value| value.len() > 8)
    {
        assert!(!secrets.out.contains(value), "{value}");
    }
    let missing = ask("describe pod/no-such -n prod");
    assert_eq!(missing.code, 1);
    assert!(missing.err.contains("pods/prod/no-such"), "{}", missing.err);
}

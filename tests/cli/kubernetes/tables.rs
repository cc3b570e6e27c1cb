//! Tables against what kubectl shows of the same objects.

use super::*;

/// A table taken apart by its column heads: `NAMESPACE   NAME   READY`.
fn table(said: &RunResult) -> Vec<BTreeMap<String, String>> {
    let mut lines = said.out.lines();
    let head: Vec<char> = lines.next().unwrap_or_default().chars().collect();
    let mut starts: Vec<usize> = Vec::new();
    for at in 0..head.len() {
        let gap = at == 0 || at >= 3 && head[at - 3..at].iter().all(|c| *c == ' ');
        if head[at] != ' ' && gap {
            starts.push(at);
        }
    }
    let cut = |line: &[char], at: usize| {
        let end = starts.get(at + 1).copied().unwrap_or(usize::MAX);
        let part = line.get(starts[at].min(line.len())..end.min(line.len()));
        let part: String = part.unwrap_or_default().iter().collect();
        part.trim().to_owned()
    };
    lines
        .map(|line| {
            let line: Vec<char> = line.chars().collect();
            (0..starts.len())
                .map(|at| (cut(&head, at), cut(&line, at)))
                .collect()
        })
        .collect()
}

/// Rows by namespace and name, the columns asked for in order.
fn columns(words: &str, wanted: &[&str]) -> BTreeMap<(String, String), Vec<String>> {
    let said = ask(words);
    assert_eq!(said.code, 0, "{words}: {}", said.err);
    table(&said)
        .iter()
        .map(|row| {
            let cell = |head: &str| {
                let known = row.get(head);
                known
                    .unwrap_or_else(|| panic!("{words}: no column {head} in {row:?}"))
                    .clone()
            };
            let namespace = row.get("NAMESPACE").cloned().unwrap_or_default();
            let cells = wanted.iter().map(|head| cell(head)).collect();
            ((namespace, cell("NAME")), cells)
        })
        .collect()
}

/// What the API's objects give for those columns.
fn wanted(
    objects: &[Value],
    cells: impl Fn(&Value) -> Vec<String>,
) -> BTreeMap<(String, String), Vec<String>> {
    objects
        .iter()
        .map(|object| (name(object), cells(object)))
        .collect()
}

#[test]
fn workload_tables_show_what_kubectl_would() {
    let api = api();
    let count = |object: &Value, pointer: &str| {
        let number = text(object, pointer);
        if number.is_empty() {
            "0".to_owned()
        } else {
            number
        }
    };
    assert_eq!(
        columns("get deployments -A", &["READY", "UP-TO-DATE", "AVAILABLE"]),
        wanted(items(&api, "apps_v1_deployments"), |object| vec![
            format!(
                "{}/{}",
                count(object, "/status/readyReplicas"),
                count(object, "/spec/replicas")
            ),
            count(object, "/status/updatedReplicas"),
            count(object, "/status/availableReplicas"),
        ])
    );
    assert_eq!(
        columns("get sts -A", &["READY"]),
        wanted(items(&api, "apps_v1_statefulsets"), |object| vec![format!(
            "{}/{}",
            count(object, "/status/readyReplicas"),
            count(object, "/spec/replicas")
        )])
    );
    assert_eq!(
        columns("get rs -A", &["DESIRED", "CURRENT", "READY"]),
        wanted(items(&api, "apps_v1_replicasets"), |object| vec![
            count(object, "/spec/replicas"),
            count(object, "/status/replicas"),
            count(object, "/status/readyReplicas"),
        ])
    );
    assert_eq!(
        columns(
            "get ds -A",
            &["DESIRED", "CURRENT", "READY", "UP-TO-DATE", "AVAILABLE"]
        ),
        wanted(items(&api, "apps_v1_daemonsets"), |object| {
            [
                "desiredNumberScheduled",
                "currentNumberScheduled",
                "numberReady",
                "updatedNumberScheduled",
                "numberAvailable",
            ]
            .iter()
            .map(|field| count(object, &format!("/status/{field}")))
            .collect()
        })
    );
    assert_eq!(
        columns("get jobs -A", &["COMPLETIONS"]),
        wanted(items(&api, "batch_v1_jobs"), |object| vec![format!(
            "{}/{}",
            count(object, "/status/succeeded"),
            count(object, "/spec/completions")
        )])
    );
}

#[test]
fn the_pod_table_shows_what_kubectl_would() {
    let api = api();
    let pods = |object: &Value| {
        let statuses = object["status"]["containerStatuses"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let ready = statuses
            .iter()
            .filter(|status| status["ready"] == true)
            .count();
        let all = object["spec"]["containers"].as_array().unwrap().len();
        let restarts: u64 = statuses
            .iter()
            .filter_map(|status| status["restartCount"].as_u64())
            .sum();
        let phase = text(object, "/status/phase");
        let reason = statuses
            .iter()
            .rev()
            .find_map(|status| status.pointer("/state/terminated/reason")?.as_str());
        vec![
            format!("{ready}/{all}"),
            reason.map_or(phase, str::to_owned),
            restarts.to_string(),
        ]
    };
    assert_eq!(
        columns("get pods -A", &["READY", "STATUS", "RESTARTS"]),
        wanted(items(&api, "v1_pods"), pods)
    );
    assert_eq!(
        columns("get po -A -o wide", &["IP", "NODE"]),
        wanted(items(&api, "v1_pods"), |object| {
            let or_none = |text: String| {
                if text.is_empty() {
                    "<none>".to_owned()
                } else {
                    text
                }
            };
            vec![
                or_none(text(object, "/status/podIP")),
                or_none(text(object, "/spec/nodeName")),
            ]
        })
    );
}

#[test]
fn other_tables_show_what_kubectl_would() {
    let api = api();
    let or = |text: String, other: &str| {
        if text.is_empty() {
            other.to_owned()
        } else {
            text
        }
    };
    assert_eq!(
        columns("get svc -A", &["TYPE", "CLUSTER-IP", "PORT(S)"]),
        wanted(items(&api, "v1_services"), |object| {
            let ports: Vec<_> = object["spec"]["ports"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|port| match port["nodePort"].as_u64() {
                    Some(node) => format!(
                        "{}:{node}/{}",
                        port["port"],
                        port["protocol"].as_str().unwrap()
                    ),
                    None => format!("{}/{}", port["port"], port["protocol"].as_str().unwrap()),
                })
                .collect();
            vec![
                text(object, "/spec/type"),
                or(text(object, "/spec/clusterIP"), "<none>"),
                or(ports.join(","), "<none>"),
            ]
        })
    );
    assert_eq!(
        columns("get no", &["STATUS", "VERSION"]),
        wanted(items(&api, "v1_nodes"), |object| {
            let ready = object["status"]["conditions"]
                .as_array()
                .unwrap()
                .iter()
                .find(|c| c["type"] == "Ready")
                .unwrap();
            let mut status = if ready["status"] == "True" {
                "Ready"
            } else {
                "NotReady"
            }
            .to_owned();
            if object["spec"]["unschedulable"] == true {
                status.push_str(",SchedulingDisabled");
            }
            vec![status, text(object, "/status/nodeInfo/kubeletVersion")]
        })
    );
    assert_eq!(
        columns("get ns", &["STATUS"]),
        wanted(items(&api, "v1_namespaces"), |object| vec![text(
            object,
            "/status/phase"
        )])
    );
    let entries = |object: &Value, fields: &[&str]| {
        let count: usize = fields
            .iter()
            .filter_map(|field| object[*field].as_object())
            .map(serde_json::Map::len)
            .sum();
        count.to_string()
    };
    assert_eq!(
        columns("get cm -A", &["DATA"]),
        wanted(items(&api, "v1_configmaps"), |object| vec![entries(
            object,
            &["data", "binaryData"]
        )])
    );
    assert_eq!(
        columns("get secrets -A", &["TYPE", "DATA"]),
        wanted(items(&api, "v1_secrets"), |object| vec![
            text(object, "/type"),
            entries(object, &["data"])
        ])
    );
    assert_eq!(
        columns(
            "get pvc -A",
            &["STATUS", "VOLUME", "CAPACITY", "STORAGECLASS"]
        ),
        wanted(items(&api, "v1_persistentvolumeclaims"), |object| vec![
            text(object, "/status/phase"),
            text(object, "/spec/volumeName"),
            text(object, "/status/capacity/storage"),
            text(object, "/spec/storageClassName"),
        ])
    );
    assert_eq!(
        columns("get pv", &["CAPACITY", "RECLAIM POLICY", "STATUS"]),
        wanted(items(&api, "v1_persistentvolumes"), |object| vec![
            text(object, "/spec/capacity/storage"),
            text(object, "/spec/persistentVolumeReclaimPolicy"),
            text(object, "/status/phase"),
        ])
    );
    assert_eq!(
        columns("get crd", &["CREATED AT"]),
        wanted(
            items(&api, "apiextensions.k8s.io_v1_customresourcedefinitions"),
            |object| vec![text(object, "/metadata/creationTimestamp")]
        )
    );
    // The stored CRD has one column, of priority 1: it shows with -o wide, and a server then adds no AGE.
    assert_eq!(
        columns("get wid -A -o wide", &["SIZE"]),
        wanted(items(&api, "example.com_v1_widgets"), |object| vec![text(
            object,
            "/spec/size"
        )])
    );
    assert_eq!(ask("get wid -n prod").out.lines().next(), Some("NAME"));
}

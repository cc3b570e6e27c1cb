//! `get` over what a real kube-apiserver 1.20 stored, against what that server said of the same objects.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::Value;
use testkit::{Seal, data_dir, fixture, members_of};

use crate::run::{Said, etcd_inspect, sealed};

const MEMBER: &str = "k8s-1.20-etcd35";

fn data() -> PathBuf {
    data_dir(MEMBER)
}

/// Asks, and proves the evidence unchanged.
fn ask(words: &str) -> Said {
    let data = data();
    let mut args: Vec<&str> = words.split(' ').collect();
    args.extend(["-d", data.to_str().unwrap()]);
    sealed(&data, args)
}

/// The lists that the API server gave, by `group_version_resource`.
fn api() -> BTreeMap<String, Value> {
    members_of(&fixture(MEMBER).join("truth/api.tar.zst"))
        .into_iter()
        .filter_map(|(name, bytes)| {
            let name = name.rsplit('/').next()?.strip_suffix(".json")?.to_owned();
            let list: Value = serde_json::from_slice(&bytes).ok()?;
            list.get("items")?;
            Some((name, list))
        })
        .collect()
}

fn items<'a>(api: &'a BTreeMap<String, Value>, of: &str) -> &'a Vec<Value> {
    api[of]["items"].as_array().unwrap()
}

fn text(object: &Value, pointer: &str) -> String {
    match object.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    }
}

fn name(object: &Value) -> (String, String) {
    (
        text(object, "/metadata/namespace"),
        text(object, "/metadata/name"),
    )
}

/// Without members that say nothing: releases differ only in which of them they leave out.
fn without_empties(value: &Value) -> Value {
    let empty = |value: &Value| match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
    };
    match value {
        Value::Object(members) => {
            let kept = members
                .iter()
                .map(|(name, value)| (name.clone(), without_empties(value)));
            Value::Object(kept.filter(|(_, value)| !empty(value)).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(without_empties).collect()),
        other => other.clone(),
    }
}

/// A table taken apart by its column heads: `NAMESPACE   NAME   READY`.
fn table(said: &Said) -> Vec<BTreeMap<String, String>> {
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
fn every_type_of_the_api_lists_the_objects_that_the_server_listed() {
    let seal = Seal::of(&data());
    for (file, list) in api() {
        let resource = file.rsplit('_').next().unwrap();
        let group = file.split('_').next().unwrap();
        // Computed by the server, stored nowhere.
        if resource == "componentstatuses" {
            continue;
        }
        let noun = match file.matches('_').count() {
            1 => resource.to_owned(),
            _ => format!("{resource}.{group}"),
        };
        let data = data();
        let said = etcd_inspect([
            "get",
            &noun,
            "-A",
            "-o",
            "json",
            "-d",
            data.to_str().unwrap(),
        ]);
        assert_eq!(said.code, 0, "{noun}: {}", said.err);
        let names = |list: &Value| -> BTreeSet<(String, String)> {
            list["items"].as_array().unwrap().iter().map(name).collect()
        };
        assert_eq!(names(&said.json()), names(&list), "{noun}");
        assert_eq!(said.json()["kind"], "List", "{noun}");
    }
    seal.assert_unchanged();
}

#[test]
fn json_of_every_object_is_what_the_server_gave_where_it_gave_the_stored_version() {
    let data = data();
    let seal = Seal::of(&data);
    let mut compared = 0;
    for (file, list) in api() {
        let resource = file.rsplit('_').next().unwrap();
        if resource == "componentstatuses" {
            continue;
        }
        let path = data.to_str().unwrap();
        let said = etcd_inspect([
            "get",
            resource,
            "-A",
            "-o",
            "json",
            "--full",
            "--reveal=all",
            "-d",
            path,
        ]);
        let ours: BTreeMap<(String, String), Value> = said.json()["items"]
            .as_array()
            .unwrap_or_else(|| panic!("{resource}: {}", said.err))
            .iter()
            .map(|object| (name(object), object.clone()))
            .collect();
        let version = list["apiVersion"].as_str().unwrap();
        for theirs in list["items"].as_array().unwrap() {
            let mut our = ours[&name(theirs)].clone();
            if our["apiVersion"] != version {
                continue;
            }
            compared += 1;
            // Items of a built-in list carry neither.
            if theirs.get("kind").is_none() {
                let members = our.as_object_mut().unwrap();
                members.remove("kind");
                members.remove("apiVersion");
            }
            // What the server fills in when it reads: protobuf stores no kind of what lies within another object, and a claim
            // that nobody has touched has no phase.
            if let Some(claims) = our.pointer_mut("/spec/volumeClaimTemplates") {
                for claim in claims.as_array_mut().unwrap() {
                    claim["kind"] = "PersistentVolumeClaim".into();
                    claim["apiVersion"] = "v1".into();
                }
            }
            if resource == "persistentvolumeclaims" && our["status"] == serde_json::json!({}) {
                our["status"] = serde_json::json!({"phase": "Pending"});
            }
            assert_eq!(
                without_empties(&our),
                without_empties(theirs),
                "{file} {:?}",
                name(theirs)
            );
        }
    }
    assert!(compared > 1000, "{compared}");
    seal.assert_unchanged();
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

#[test]
fn names_namespaces_lists_and_categories_mean_what_they_mean_to_kubectl() {
    let api = api();
    let names = |words: &str| -> BTreeSet<String> {
        let said = ask(words);
        assert_eq!(said.code, 0, "{words}: {}", said.err);
        said.out.lines().map(str::to_owned).collect()
    };
    let of = |file: &str, prefix: &str, namespace: Option<&str>| -> BTreeSet<String> {
        items(&api, file)
            .iter()
            .map(name)
            .filter(|(of, _)| namespace.is_none_or(|namespace| of == namespace))
            .map(|(_, name)| format!("{prefix}/{name}"))
            .collect()
    };
    let prod = Some("prod");
    for word in [
        "deploy",
        "deployment",
        "deployments",
        "Deployment",
        "deployments.apps",
        "deploy.apps",
    ] {
        assert_eq!(
            names(&format!("get {word} -n prod -o name")),
            of("apps_v1_deployments", "deployment.apps", prod),
            "{word}"
        );
    }
    let mut both = of("v1_pods", "pod", prod);
    both.extend(of("v1_services", "service", prod));
    assert_eq!(names("get po,svc -n prod -o name"), both);
    let all = names("get all -n prod -o name");
    both.extend(of("apps_v1_deployments", "deployment.apps", prod));
    both.extend(of("apps_v1_statefulsets", "statefulset.apps", prod));
    both.extend(of("batch_v1_jobs", "job.batch", prod));
    assert!(both.is_subset(&all), "{all:?}");
    assert!(
        all.iter().all(|name| !name.starts_with("secret/")),
        "{all:?}"
    );
    assert!(all.contains("widget.example.com/w2"), "{all:?}");
    assert_eq!(
        names("get pods -n prod -l app=web -o name"),
        items(&api, "v1_pods")
            .iter()
            .filter(|pod| name(pod).0 == "prod" && text(pod, "/metadata/labels/app") == "web")
            .map(|pod| format!("pod/{}", name(pod).1))
            .collect()
    );
    assert_eq!(
        names("get pods -A --field-selector status.phase=Pending,spec.nodeName!=node-9 -o name"),
        items(&api, "v1_pods")
            .iter()
            .filter(|pod| text(pod, "/status/phase") == "Pending")
            .map(|pod| format!("pod/{}", name(pod).1))
            .collect()
    );
    // Without -n it is the namespace `default`, as for kubectl.
    assert_eq!(ask("get svc -o name").out, "service/kubernetes\n");
    let none = ask("get deploy");
    assert_eq!((none.code, none.out.as_str()), (1, ""));
    assert!(
        none.err.contains("no resources found in namespace default"),
        "{}",
        none.err
    );
}

#[test]
fn every_output_form_says_the_same_of_one_object() {
    let data = data();
    let path = data.to_str().unwrap();
    let get =
        |form: &str| etcd_inspect(["get", "deploy/web", "-n", "prod", "-o", form, "-d", path]);
    let object = get("json").json();
    assert_eq!(object["kind"], "Deployment");
    let image = text(&object, "/spec/template/spec/containers/0/image");
    assert!(get("yaml").out.contains(&format!("image: {image}")));
    assert_eq!(get("name").out, "deployment.apps/web\n");
    assert_eq!(
        get("jsonpath={.spec.template.spec.containers[0].image}")
            .out
            .trim_end(),
        image
    );
    let custom =
        get("custom-columns=N:.metadata.name,I:.spec.template.spec.containers[0].image").out;
    assert!(
        custom.starts_with("N ") && custom.contains(&image),
        "{custom}"
    );
    assert!(get("raw").out.contains("k8s\0"));
    assert!(get("hex").out.contains("6b 38 73 00"), "{}", get("hex").out);
    assert_eq!(get("wide").out.lines().count(), 2);
    let plain = etcd_inspect([
        "get",
        "deploy/web",
        "-n",
        "prod",
        "--no-headers",
        "-d",
        path,
    ]);
    assert_eq!(plain.out.lines().count(), 1);
    let sorted = etcd_inspect([
        "get",
        "cm",
        "-A",
        "--sort-by",
        ".metadata.name",
        "-o",
        "name",
        "-d",
        path,
    ])
    .out;
    let mut names: Vec<&str> = sorted.lines().collect();
    let as_given = names.clone();
    names.sort();
    assert_eq!(names, as_given);
    let neat = etcd_inspect([
        "get",
        "deploy/web",
        "-n",
        "prod",
        "-o",
        "json",
        "--neat",
        "-d",
        path,
    ])
    .json();
    for gone in [
        "/status",
        "/metadata/uid",
        "/metadata/resourceVersion",
        "/metadata/managedFields",
        "/metadata/creationTimestamp",
    ] {
        assert_eq!(neat.pointer(gone), None, "{gone}");
    }
    let stored = etcd_inspect([
        "get",
        "deploy/web",
        "-n",
        "prod",
        "-o",
        "json",
        "--stored",
        "-d",
        path,
    ])
    .json();
    assert_eq!(stored.pointer("/metadata/resourceVersion"), None);
    let described = etcd_inspect(["get", "deploy/web", "-n", "prod", "--describe", "-d", path]).out;
    assert!(
        described.contains("Conditions:") && described.contains("Events:"),
        "{described}"
    );
}

#[test]
fn an_object_that_is_gone_says_where_its_last_version_is() {
    let data = data();
    let path = data.to_str().unwrap();
    let deleted = sealed(
        &data,
        [
            "keys",
            "--deleted",
            "--prefix",
            "/registry/configmaps/",
            "-o",
            "json",
            path,
        ],
    );
    let row = &deleted.rows()[0];
    let key = row["key"].as_str().unwrap();
    let mut parts = key.rsplit('/');
    let (name, namespace) = (parts.next().unwrap(), parts.next().unwrap());
    let noun = format!("cm/{name}");
    let gone = etcd_inspect(["get", &noun, "-n", namespace, "-d", path]);
    assert_eq!(gone.code, 1);
    assert!(gone.err.contains("was deleted at rev"), "{}", gone.err);
    let last = row["newest_surviving_revision"].to_string();
    assert!(gone.err.contains(&format!("--rev {last}")), "{}", gone.err);
    let then = etcd_inspect([
        "get", &noun, "-n", namespace, "--rev", &last, "-o", "json", "-d", path,
    ]);
    assert_eq!(then.code, 0, "{}", then.err);
    assert_eq!(then.json()["metadata"]["resourceVersion"], last);
    let misspelt = etcd_inspect(["get", "deploy/wep", "-n", "prod", "-d", path]);
    assert_eq!(misspelt.code, 1);
    assert!(misspelt.err.contains("deployment/web"), "{}", misspelt.err);
    let unknown = etcd_inspect(["get", "deplyoments", "-n", "prod", "-d", path]);
    assert!(
        unknown.err.contains("etcd-inspect get deployments"),
        "{}",
        unknown.err
    );
}

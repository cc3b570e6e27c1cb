//! Nodes, namespaces, events, configuration, quotas, leases and the API's own registrations.

use std::collections::BTreeSet;

use super::object::{View, join, three};
use super::{Printer, TableOptions, age, created_at, name};

const ADMISSION: &[&str] = &["admissionregistration.k8s.io"];
const FLOWCONTROL: &[&str] = &["flowcontrol.apiserver.k8s.io"];

pub(super) static ALL: &[Printer] = &[
    Printer {
        kind: "Node",
        groups: &[""],
        columns: &[
            "NAME",
            "STATUS",
            "ROLES",
            "AGE",
            "VERSION",
            "+INTERNAL-IP",
            "+EXTERNAL-IP",
            "+OS-IMAGE",
            "+KERNEL-VERSION",
            "+CONTAINER-RUNTIME",
        ],
        row: |of, options| {
            let info = of.path("status.nodeInfo");
            vec![
                name(of),
                node_status(of),
                roles(of),
                options.age(of),
                info.key("kubeletVersion").or(""),
                address(of, "InternalIP"),
                address(of, "ExternalIP"),
                info.key("osImage").or("<unknown>"),
                info.key("kernelVersion").or("<unknown>"),
                info.key("containerRuntimeVersion").or("<unknown>"),
            ]
        },
    },
    Printer {
        kind: "Namespace",
        groups: &[""],
        columns: &["NAME", "STATUS", "AGE"],
        row: |of, options| vec![name(of), of.path("status.phase").or(""), options.age(of)],
    },
    Printer {
        kind: "Event",
        groups: &["", "events.k8s.io"],
        columns: &[
            "LAST SEEN",
            "TYPE",
            "REASON",
            "OBJECT",
            "+SUBOBJECT",
            "+SOURCE",
            "MESSAGE",
            "+FIRST SEEN",
            "+COUNT",
            "+NAME",
        ],
        row: event,
    },
    Printer {
        kind: "ConfigMap",
        groups: &[""],
        columns: &["NAME", "DATA", "AGE"],
        row: |of, options| {
            vec![
                name(of),
                (of.key("data").len() + of.key("binaryData").len()).to_string(),
                options.age(of),
            ]
        },
    },
    Printer {
        kind: "Secret",
        groups: &[""],
        columns: &["NAME", "TYPE", "DATA", "AGE"],
        row: |of, options| {
            vec![
                name(of),
                of.key("type").or(""),
                of.key("data").len().to_string(),
                options.age(of),
            ]
        },
    },
    Printer {
        kind: "ServiceAccount",
        groups: &[""],
        columns: &["NAME", "AGE"],
        row: |of, options| vec![name(of), options.age(of)],
    },
    Printer {
        kind: "ResourceQuota",
        groups: &[""],
        columns: &["NAME", "REQUEST", "LIMIT", "AGE"],
        row: |of, options| {
            let [request, limit] = quota(of);
            vec![name(of), request, limit, options.age(of)]
        },
    },
    Printer {
        kind: "LimitRange",
        groups: &[""],
        columns: &["NAME", "CREATED AT"],
        row: |of, _| vec![name(of), created_at(of)],
    },
    Printer {
        kind: "Lease",
        groups: &["coordination.k8s.io"],
        columns: &["NAME", "HOLDER", "AGE"],
        row: |of, options| {
            vec![
                name(of),
                of.path("spec.holderIdentity").or(""),
                options.age(of),
            ]
        },
    },
    Printer {
        kind: "PriorityClass",
        groups: &["scheduling.k8s.io"],
        columns: &["NAME", "VALUE", "GLOBAL-DEFAULT", "AGE", "PREEMPTIONPOLICY"],
        row: |of, options| {
            vec![
                name(of),
                of.key("value").int().to_string(),
                of.key("globalDefault").flag().unwrap_or(false).to_string(),
                options.age(of),
                of.key("preemptionPolicy").or("PreemptLowerPriority"),
            ]
        },
    },
    Printer {
        kind: "RuntimeClass",
        groups: &["node.k8s.io"],
        columns: &["NAME", "HANDLER", "AGE"],
        row: |of, options| {
            // v1alpha1 has it below spec.
            let handler = of
                .key("handler")
                .text()
                .or(of.path("spec.runtimeHandler").text())
                .unwrap_or("");
            vec![name(of), handler.to_owned(), options.age(of)]
        },
    },
    Printer {
        kind: "CustomResourceDefinition",
        groups: &["apiextensions.k8s.io"],
        columns: &["NAME", "CREATED AT"],
        row: |of, _| vec![name(of), created_at(of)],
    },
    Printer {
        kind: "APIService",
        groups: &["apiregistration.k8s.io"],
        columns: &["NAME", "SERVICE", "AVAILABLE", "AGE"],
        row: |of, options| {
            let service = of.path("spec.service");
            let service = match service.present() {
                true => format!(
                    "{}/{}",
                    service.key("namespace").or(""),
                    service.key("name").or("")
                ),
                false => "Local".to_owned(),
            };
            let available = of.path("status.conditions").of_type("Available");
            let text = match (
                available.key("status").text(),
                available.key("reason").text(),
            ) {
                (Some("True"), _) => "True".to_owned(),
                (Some(status), Some(reason)) => format!("{status} ({reason})"),
                (status, _) => status.unwrap_or("Unknown").to_owned(),
            };
            vec![name(of), service, text, options.age(of)]
        },
    },
    Printer {
        kind: "MutatingWebhookConfiguration",
        groups: ADMISSION,
        columns: &["NAME", "WEBHOOKS", "AGE"],
        row: webhooks,
    },
    Printer {
        kind: "ValidatingWebhookConfiguration",
        groups: ADMISSION,
        columns: &["NAME", "WEBHOOKS", "AGE"],
        row: webhooks,
    },
    Printer {
        kind: "ValidatingAdmissionPolicy",
        groups: ADMISSION,
        columns: &["NAME", "VALIDATIONS", "PARAMKIND", "AGE"],
        row: |of, options| {
            vec![
                name(of),
                of.path("spec.validations").len().to_string(),
                param_kind(of),
                options.age(of),
            ]
        },
    },
    Printer {
        kind: "MutatingAdmissionPolicy",
        groups: ADMISSION,
        columns: &["NAME", "MUTATIONS", "PARAMKIND", "AGE"],
        row: |of, options| {
            vec![
                name(of),
                of.path("spec.mutations").len().to_string(),
                param_kind(of),
                options.age(of),
            ]
        },
    },
    Printer {
        kind: "ValidatingAdmissionPolicyBinding",
        groups: ADMISSION,
        columns: &["NAME", "POLICYNAME", "PARAMREF", "AGE"],
        row: binding,
    },
    Printer {
        kind: "MutatingAdmissionPolicyBinding",
        groups: ADMISSION,
        columns: &["NAME", "POLICYNAME", "PARAMREF", "AGE"],
        row: binding,
    },
    Printer {
        kind: "FlowSchema",
        groups: FLOWCONTROL,
        columns: &[
            "NAME",
            "PRIORITYLEVEL",
            "MATCHINGPRECEDENCE",
            "DISTINGUISHERMETHOD",
            "AGE",
            "MISSINGPL",
        ],
        row: |of, options| {
            vec![
                name(of),
                of.path("spec.priorityLevelConfiguration.name").or("<none>"),
                of.path("spec.matchingPrecedence").int().to_string(),
                of.path("spec.distinguisherMethod.type").or("<none>"),
                options.age(of),
                of.path("status.conditions")
                    .of_type("Dangling")
                    .key("status")
                    .or("?"),
            ]
        },
    },
    Printer {
        kind: "PriorityLevelConfiguration",
        groups: FLOWCONTROL,
        columns: &[
            "NAME",
            "TYPE",
            "NOMINALCONCURRENCYSHARES",
            "QUEUES",
            "HANDSIZE",
            "QUEUELENGTHLIMIT",
            "AGE",
        ],
        row: |of, options| {
            let limited = of.path("spec.limited");
            let exempt = of.path("spec.exempt");
            let queuing = limited.path("limitResponse.queuing");
            let shares = ["nominalConcurrencyShares", "assuredConcurrencyShares"];
            let shares = shares
                .iter()
                .map(|field| limited.key(field))
                .chain([exempt.key(shares[0])])
                .find(|shares| shares.present());
            vec![
                name(of),
                of.path("spec.type").or(""),
                shares.map_or("<none>".to_owned(), |shares| shares.any_or("<none>")),
                queuing.key("queues").any_or("<none>"),
                queuing.key("handSize").any_or("<none>"),
                queuing.key("queueLengthLimit").any_or("<none>"),
                options.age(of),
            ]
        },
    },
    Printer {
        kind: "StorageVersionMigration",
        groups: &["storagemigration.k8s.io"],
        columns: &["NAME", "RESOURCE"],
        row: |of, _| {
            let resource = of.path("spec.resource");
            let parts = ["resource", "version", "group"].map(|field| resource.key(field).text());
            let parts: Vec<_> = parts.into_iter().flatten().collect();
            vec![name(of), parts.join(".")]
        },
    },
    Printer {
        kind: "StorageVersion",
        groups: &["internal.apiserver.k8s.io"],
        columns: &["NAME", "COMMONENCODINGVERSION", "STORAGEVERSIONS", "AGE"],
        row: |of, options| {
            let versions: Vec<_> = of
                .path("status.storageVersions")
                .items()
                .map(|server| {
                    format!(
                        "{}={}",
                        server.key("apiServerID").or(""),
                        server.key("encodingVersion").or("")
                    )
                })
                .collect();
            let common = of.path("status.commonEncodingVersion").or("<unset>");
            vec![
                name(of),
                common,
                three(&versions, "<unset>"),
                options.age(of),
            ]
        },
    },
];

/// `printNode` in `pkg/printers/internalversion/printers.go`, v1.34.0.
fn node_status(of: View<'_>) -> String {
    let ready = of.path("status.conditions").of_type("Ready");
    let status = match (ready.present(), ready.key("status").text()) {
        (false, _) => "Unknown",
        (true, Some("True")) => "Ready",
        (true, _) => "NotReady",
    };
    let cordoned = of.path("spec.unschedulable").flag() == Some(true);
    format!(
        "{status}{}",
        if cordoned { ",SchedulingDisabled" } else { "" }
    )
}

/// `findNodeRoles` in `pkg/printers/internalversion/printers.go`, v1.34.0.
fn roles(of: View<'_>) -> String {
    let roles: BTreeSet<_> = of
        .path("metadata.labels")
        .fields()
        .filter_map(
            |(label, value)| match label.strip_prefix("node-role.kubernetes.io/") {
                Some(role) => Some(role).filter(|role| !role.is_empty()),
                None => value.text().filter(|_| label == "kubernetes.io/role"),
            },
        )
        .collect();
    join(roles.into_iter(), "<none>")
}

fn address(of: View<'_>, kind: &str) -> String {
    of.path("status.addresses")
        .of_type(kind)
        .key("address")
        .or("<none>")
}

/// `printEvent` in `pkg/printers/internalversion/printers.go`, v1.34.0.
fn event(of: View<'_>, options: &TableOptions) -> Vec<String> {
    // events.k8s.io gives the same fields other names.
    let either = |core: &str, new: &str| {
        if of.path(core).present() {
            of.path(core)
        } else {
            of.path(new)
        }
    };
    let first = either("firstTimestamp", "deprecatedFirstTimestamp");
    let first = if first.present() {
        first
    } else {
        of.key("eventTime")
    };
    let last = either("lastTimestamp", "deprecatedLastTimestamp");
    let last = if last.present() { last } else { first };
    let series = of.key("series");
    let (last, count) = match series.present() {
        true => (series.key("lastObservedTime"), series.key("count").int()),
        false => (last, either("count", "deprecatedCount").int().max(1)),
    };
    let object = either("involvedObject", "regarding");
    let kind = object.key("kind").or("").to_lowercase();
    let target = object
        .key("name")
        .text()
        .map_or(kind.clone(), |name| format!("{kind}/{name}"));
    let source = either("source", "deprecatedSource");
    let component =
        source
            .key("component")
            .text()
            .or(either("reportingComponent", "reportingController").text());
    let host = source
        .key("host")
        .text()
        .or(of.key("reportingInstance").text());
    vec![
        options.since(last),
        of.key("type").or(""),
        of.key("reason").or(""),
        target,
        object.key("fieldPath").or(""),
        [component, host]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(", "),
        either("message", "note")
            .text()
            .unwrap_or("")
            .trim()
            .to_owned(),
        options.since(first),
        count.to_string(),
        name(of),
    ]
}

/// `cpu: 1/2, pods: 3/10` for requests, and the same for limits.
/// `printResourceQuota` in `pkg/printers/internalversion/printers.go`, v1.34.0.
fn quota(of: View<'_>) -> [String; 2] {
    let mut hard: Vec<_> = of.path("status.hard").fields().collect();
    hard.sort_unstable_by_key(|(resource, _)| *resource);
    let (mut request, mut limit) = (Vec::new(), Vec::new());
    for (resource, hard) in hard {
        let used = of.path("status.used").key(resource).any_or("0");
        let list = if resource.starts_with("limits.") {
            &mut limit
        } else {
            &mut request
        };
        list.push(format!("{resource}: {used}/{}", hard.any_or("0")));
    }
    [request.join(", "), limit.join(", ")]
}

fn webhooks(of: View<'_>, options: &TableOptions) -> Vec<String> {
    vec![
        name(of),
        of.key("webhooks").len().to_string(),
        options.age(of),
    ]
}

fn param_kind(of: View<'_>) -> String {
    let kind = of.path("spec.paramKind");
    match kind.key("kind").text() {
        Some(text) => format!("{}/{text}", kind.key("apiVersion").or("")),
        None => "<unset>".to_owned(),
    }
}

fn binding(of: View<'_>, options: &TableOptions) -> Vec<String> {
    let param = of.path("spec.paramRef");
    let text = match (param.key("namespace").text(), param.key("name").text()) {
        (Some(namespace), Some(name)) => format!("{namespace}/{name}"),
        (None, Some(name)) => name.to_owned(),
        _ if param.key("selector").present() => "*".to_owned(),
        _ => "<unset>".to_owned(),
    };
    vec![
        name(of),
        of.path("spec.policyName").or(""),
        text,
        options.age(of),
    ]
}

/// How long a requested certificate shall last, for the CSR table.
pub(super) fn seconds(of: View<'_>) -> String {
    if of.present() {
        age::human_duration(of.int())
    } else {
        "<none>".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::Table;

    fn row(group: &str, kind: &str, object: &Value, wide: bool) -> Vec<String> {
        Table::of_kind(group, kind).row(object, "2026-11-21T02:00:00Z".parse().unwrap(), wide)
    }

    #[test]
    fn a_node_shows_status_roles_and_addresses() {
        let node = json!({"metadata": {"name": "n", "labels": {"node-role.kubernetes.io/master": "", "kubernetes.io/role": "edge"}},
            "spec": {"unschedulable": true}, "status": {"conditions": [{"type": "Ready", "status": "Unknown"}],
            "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}], "nodeInfo": {"kubeletVersion": "v1.20.2"}}});
        let cells = row("", "Node", &node, true);
        assert_eq!(
            cells[..8],
            [
                "n",
                "NotReady,SchedulingDisabled",
                "edge,master",
                "<unknown>",
                "v1.20.2",
                "10.0.0.1",
                "<none>",
                "<unknown>"
            ]
        );
    }

    #[test]
    fn an_event_of_either_api_shows_the_same() {
        let core = json!({"metadata": {"name": "e"}, "type": "Normal", "reason": "Pulled", "message": " done \nmore",
            "involvedObject": {"kind": "Pod", "name": "web"}, "firstTimestamp": "2026-11-21T01:00:00Z",
            "lastTimestamp": "2026-11-21T01:59:30Z", "count": 4, "source": {"component": "kubelet", "host": "n1"}});
        assert_eq!(
            row("", "Event", &core, false),
            ["30s", "Normal", "Pulled", "pod/web", "done ..."]
        );
        assert_eq!(
            row("", "Event", &core, true)[5..9],
            ["kubelet, n1", "done ...", "60m", "4"]
        );
        let new = json!({"type": "Normal", "reason": "Pulled", "note": "done", "regarding": {"kind": "Pod", "name": "web"},
            "eventTime": "2026-11-21T01:59:30.000000Z", "reportingController": "kubelet"});
        assert_eq!(
            row("events.k8s.io", "Event", &new, false),
            ["30s", "Normal", "Pulled", "pod/web", "done"]
        );
    }

    #[test]
    fn a_quota_splits_limits_from_requests() {
        let quota = json!({"status": {"hard": {"pods": "10", "limits.cpu": "2", "cpu": "1"}, "used": {"pods": "3"}}});
        assert_eq!(
            row("", "ResourceQuota", &quota, false)[1..3],
            ["cpu: 0/1, pods: 3/10", "limits.cpu: 0/2"]
        );
    }
}

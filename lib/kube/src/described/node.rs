//! Nodes, with the pods on them and what those request.

use serde_json::Value;

use super::resources::{QuantitySum, sorted};
use super::sheet::Sheet;
use super::{Surroundings, View, date};

pub(super) fn node(of: View<'_>, around: &Surroundings<'_>, sheet: &mut Sheet) -> bool {
    let (spec, status) = (of.key("spec"), of.key("status"));
    let name = of.path("metadata.name").or("");
    sheet.field("Name", &name);
    let roles = of.path("metadata.labels").fields();
    let mut roles: Vec<_> = roles
        .filter_map(|(label, _)| label.strip_prefix("node-role.kubernetes.io/"))
        .filter(|role| !role.is_empty())
        .collect();
    roles.sort_unstable();
    sheet.field(
        "Roles",
        &if roles.is_empty() {
            "<none>".to_owned()
        } else {
            roles.join(",")
        },
    );
    sheet.metadata(of);
    sheet.field(
        "CreationTimestamp",
        &date(of.path("metadata.creationTimestamp")),
    );
    let taints: Vec<String> = spec.key("taints").items().map(taint).collect();
    sheet.column(0, "Taints", &taints);
    let unschedulable = spec.key("unschedulable").flag() == Some(true);
    sheet.field("Unschedulable", &unschedulable.to_string());
    lease(&name, around, sheet);
    let head = &[
        "Type",
        "Status",
        "LastHeartbeatTime",
        "LastTransitionTime",
        "Reason",
        "Message",
    ];
    sheet.conditions(status.key("conditions"), head, &|condition| {
        let text = |field| condition.key(field).or("");
        let time = |field| date(condition.key(field));
        vec![
            format!("{} ", text("type")),
            format!("{} ", text("status")),
            format!("{} ", time("lastHeartbeatTime")),
            format!("{} ", time("lastTransitionTime")),
            format!("{} ", text("reason")),
            text("message"),
        ]
    });
    resources(of, sheet);
    pods(&name, of, around, sheet);
    true
}

fn resources(of: View<'_>, sheet: &mut Sheet) {
    let (spec, status) = (of.key("spec"), of.key("status"));
    sheet.line(0, "Addresses:");
    for address in status.key("addresses").items() {
        sheet.at(
            1,
            &address.key("type").or(""),
            &address.key("address").or(""),
        );
    }
    for (title, field) in [("Capacity", "capacity"), ("Allocatable", "allocatable")] {
        if status.key(field).len() > 0 {
            sheet.line(0, &format!("{title}:"));
            for (resource, value) in sorted(status.key(field)) {
                sheet.at(1, resource, &value);
            }
        }
    }
    info(status.key("nodeInfo"), sheet);
    sheet.known(0, "PodCIDR", spec.key("podCIDR"));
    if spec.key("podCIDRs").len() > 0 {
        sheet.field("PodCIDRs", &spec.key("podCIDRs").joined(""));
    }
    sheet.known(0, "ProviderID", spec.key("providerID"));
}

fn info(info: View<'_>, sheet: &mut Sheet) {
    sheet.line(0, "System Info:");
    for (title, field) in [
        ("Machine ID", "machineID"),
        ("System UUID", "systemUUID"),
        ("Boot ID", "bootID"),
        ("Kernel Version", "kernelVersion"),
        ("OS Image", "osImage"),
        ("Operating System", "operatingSystem"),
        ("Architecture", "architecture"),
        ("Container Runtime Version", "containerRuntimeVersion"),
        ("Kubelet Version", "kubeletVersion"),
    ] {
        sheet.at(1, title, &info.key(field).or(""));
    }
}

/// `node-role.kubernetes.io/master:NoSchedule`.
fn taint(of: View<'_>) -> String {
    let (key, effect) = (of.key("key").or(""), of.key("effect").or(""));
    match of.key("value").text() {
        Some(value) => format!("{key}={value}:{effect}"),
        None => format!("{key}:{effect}"),
    }
}

fn lease(name: &str, around: &Surroundings<'_>, sheet: &mut Sheet) {
    let leases = (around.list)("leases", Some("kube-node-lease"));
    let lease = leases
        .iter()
        .map(View::new)
        .find(|lease| lease.path("metadata.name").text() == Some(name));
    sheet.line(0, "Lease:");
    let text = |field: &str| {
        lease.and_then(|lease| lease.key("spec").key(field).text().map(str::to_owned))
    };
    let time = |field: &str| {
        lease
            .filter(|lease| lease.key("spec").key(field).present())
            .map(|lease| date(lease.key("spec").key(field)))
    };
    let unset = || "<unset>".to_owned();
    sheet.at(
        1,
        "HolderIdentity",
        &text("holderIdentity").unwrap_or_else(unset),
    );
    sheet.at(1, "AcquireTime", &time("acquireTime").unwrap_or_else(unset));
    sheet.at(1, "RenewTime", &time("renewTime").unwrap_or_else(unset));
}

/// What the containers of a pod request or limit of a resource: all together, or one init container if that is more.
fn requested(pod: View<'_>, kind: &str, resource: &str) -> QuantitySum {
    let of = |container: View<'_>| {
        QuantitySum::parse(
            &container
                .key("resources")
                .key(kind)
                .key(resource)
                .any_or("0"),
        )
    };
    let mut sum = QuantitySum::default();
    for container in pod.path("spec.containers").items() {
        sum.add(of(container));
    }
    let init = pod.path("spec.initContainers").items().map(of);
    let mut sum = init.fold(sum, QuantitySum::max);
    let overhead = pod.path("spec.overhead").key(resource);
    if overhead.present() && sum.value > 0.0 {
        sum.add(QuantitySum::parse(&overhead.any_or("0")));
    }
    sum
}

fn pods(node: &str, of: View<'_>, around: &Surroundings<'_>, sheet: &mut Sheet) {
    let all: Vec<Value> = (around.list)("pods", None);
    let on_node = |pod: &View<'_>| {
        let ended = matches!(
            pod.path("status.phase").text(),
            Some("Succeeded" | "Failed")
        );
        pod.path("spec.nodeName").text() == Some(node) && !ended
    };
    let pods: Vec<View<'_>> = all.iter().map(View::new).filter(on_node).collect();
    let allocatable = match of.path("status.allocatable") {
        some if some.len() > 0 => some,
        _ => of.path("status.capacity"),
    };
    let whole = |resource: &str| QuantitySum::parse(&allocatable.key(resource).any_or("0"));
    sheet.field("Non-terminated Pods", &format!("({} in total)", pods.len()));
    sheet.line(
        1,
        "Namespace\tName\t\tCPU Requests\tCPU Limits\tMemory Requests\tMemory Limits\tAge",
    );
    sheet.line(
        1,
        "---------\t----\t\t------------\t----------\t---------------\t-------------\t---",
    );
    for pod in &pods {
        let cells = [
            ("requests", "cpu"),
            ("limits", "cpu"),
            ("requests", "memory"),
            ("limits", "memory"),
        ]
        .map(|(kind, resource)| {
            let sum = requested(*pod, kind, resource);
            format!("{sum} ({}%)", sum.percent(whole(resource)))
        });
        let (namespace, name) = (
            pod.path("metadata.namespace").or(""),
            pod.path("metadata.name").or(""),
        );
        let age = around.since(pod.path("metadata.creationTimestamp"));
        sheet.line(
            1,
            &format!("{namespace}\t{name}\t\t{}\t{age}", cells.join("\t")),
        );
    }
    allocated(&pods, allocatable, sheet);
}

fn allocated(pods: &[View<'_>], allocatable: View<'_>, sheet: &mut Sheet) {
    let whole = |resource: &str| QuantitySum::parse(&allocatable.key(resource).any_or("0"));
    sheet.line(0, "Allocated resources:");
    sheet.line(
        1,
        "(Total limits may be over 100 percent, i.e., overcommitted.)",
    );
    sheet.line(1, "Resource\tRequests\tLimits");
    sheet.line(1, "--------\t--------\t------");
    let total = |kind: &str, resource: &str| {
        let mut sum = QuantitySum::default();
        for pod in pods {
            sum.add(requested(*pod, kind, resource));
        }
        sum
    };
    let mut resources = vec!["cpu", "memory", "ephemeral-storage"];
    let mut others: Vec<_> = allocatable
        .fields()
        .map(|(name, _)| name)
        .filter(|name| *name != "pods" && !resources.contains(name))
        .collect();
    // Huge pages are shown with a share, extended resources without.
    others.sort_by_key(|name| (!name.starts_with("hugepages-"), *name));
    resources.extend(others);
    for resource in resources {
        let (requests, limits) = (total("requests", resource), total("limits", resource));
        match resource.contains('/') {
            true => sheet.line(1, &format!("{resource}\t{requests}\t{limits}")),
            false => {
                let of = whole(resource);
                sheet.line(
                    1,
                    &format!(
                        "{resource}\t{requests} ({}%)\t{limits} ({}%)",
                        requests.percent(of),
                        limits.percent(of)
                    ),
                );
            }
        }
    }
}

//! Pods.

use super::container::containers;
use super::sheet::Sheet;
use super::volumes::volumes;
use super::{Surroundings, View, controller, date, identity};

pub(super) fn pod(of: View<'_>, around: &Surroundings<'_>, sheet: &mut Sheet) -> bool {
    let (spec, status) = (of.key("spec"), of.key("status"));
    identity(of, sheet);
    sheet.known(0, "Priority", spec.key("priority"));
    sheet.known(0, "Priority Class Name", spec.key("priorityClassName"));
    sheet.known(0, "Runtime Class Name", spec.key("runtimeClassName"));
    sheet.known(0, "Service Account", spec.key("serviceAccountName"));
    match spec.key("nodeName").text() {
        Some(node) => sheet.field("Node", &format!("{node}/{}", status.key("hostIP").or(""))),
        None => sheet.field("Node", "<none>"),
    }
    if status.key("startTime").present() {
        sheet.field("Start Time", &date(status.key("startTime")));
    }
    sheet.metadata(of);
    phase(of, around, sheet);
    sheet.known(0, "Reason", status.key("reason"));
    sheet.known(0, "Message", status.key("message"));
    sheet.known(
        0,
        "SeccompProfile",
        spec.path("securityContext.seccompProfile.type"),
    );
    sheet.field("IP", &status.key("podIP").or(""));
    let ips = status.key("podIPs");
    if ips.len() == 0 {
        sheet.field("IPs", "<none>");
    } else {
        sheet.line(0, "IPs:");
        for ip in ips.items() {
            sheet.at(1, "IP", &ip.key("ip").or(""));
        }
    }
    if let Some(controller) = controller(of) {
        sheet.field("Controlled By", &controller);
    }
    sheet.known(0, "NominatedNodeName", status.key("nominatedNodeName"));
    parts(of, sheet);
    true
}

fn parts(of: View<'_>, sheet: &mut Sheet) {
    let (spec, status) = (of.key("spec"), of.key("status"));
    for (title, list, statuses) in [
        ("Init Containers", "initContainers", "initContainerStatuses"),
        ("Containers", "containers", "containerStatuses"),
        (
            "Ephemeral Containers",
            "ephemeralContainers",
            "ephemeralContainerStatuses",
        ),
    ] {
        if list == "containers" || spec.key(list).len() > 0 {
            containers(
                title,
                spec.key(list),
                Some((status.key(statuses), of)),
                0,
                sheet,
            );
        }
    }
    gates_and_conditions(of, sheet);
    volumes(spec.key("volumes"), 0, sheet);
    sheet.field("QoS Class", &status.key("qosClass").or("BestEffort"));
    scheduling(spec, 0, sheet);
}

fn phase(of: View<'_>, around: &Surroundings<'_>, sheet: &mut Sheet) {
    let phase = of.path("status.phase").or("");
    let deleted = of.path("metadata.deletionTimestamp");
    if deleted.present() && !matches!(phase.as_str(), "Failed" | "Succeeded") {
        sheet.field(
            "Status",
            &format!("Terminating (lasts {})", around.since(deleted)),
        );
        let grace = of.path("metadata.deletionGracePeriodSeconds");
        if grace.present() {
            sheet.field("Termination Grace Period", &format!("{}s", grace.int()));
        }
    } else {
        sheet.field("Status", &phase);
    }
}

fn gates_and_conditions(of: View<'_>, sheet: &mut Sheet) {
    let conditions = of.path("status.conditions");
    let gates = of.path("spec.readinessGates");
    if gates.len() > 0 {
        sheet.line(0, "Readiness Gates:");
        sheet.line(1, "Type\tStatus");
        for gate in gates.items() {
            let kind = gate.key("conditionType").or("");
            let status = conditions.of_type(&kind).key("status").or("<none>");
            sheet.line(1, &format!("{kind} \t{status} "));
        }
    }
    if conditions.len() > 0 {
        sheet.line(0, "Conditions:");
        sheet.line(1, "Type\tStatus");
        for condition in conditions.items() {
            let (kind, status) = (condition.key("type").or(""), condition.key("status").or(""));
            sheet.line(1, &format!("{kind} \t{status} "));
        }
    }
}

/// Node selectors, tolerations and spread, of a pod or of a template.
pub(super) fn scheduling(spec: View<'_>, level: usize, sheet: &mut Sheet) {
    sheet.pairs(level, "Node-Selectors", spec.key("nodeSelector"));
    let mut tolerations: Vec<_> = spec.key("tolerations").items().collect();
    tolerations.sort_by_key(|toleration| toleration.key("key").or(""));
    let tolerations: Vec<_> = tolerations.into_iter().map(toleration).collect();
    sheet.column(level, "Tolerations", &tolerations);
    let spread: Vec<String> = spec
        .key("topologySpreadConstraints")
        .items()
        .map(|one| {
            let selector = match one.key("labelSelector") {
                selector if selector.present() => {
                    format!(
                        " for selector {}",
                        crate::table::object::label_selector(selector)
                    )
                }
                _ => String::new(),
            };
            format!(
                "{}:{} when max skew {} is exceeded{selector}",
                one.key("topologyKey").or(""),
                one.key("whenUnsatisfiable").or(""),
                one.key("maxSkew").int()
            )
        })
        .collect();
    if !spread.is_empty() {
        sheet.column(level, "Topology Spread Constraints", &spread);
    }
}

/// `node.kubernetes.io/not-ready:NoExecute op=Exists for 300s`.
fn toleration(of: View<'_>) -> String {
    let mut text = of.key("key").or("");
    if let Some(value) = of.key("value").text() {
        text += &format!("={value}");
    }
    if let Some(effect) = of.key("effect").text() {
        text += &format!(":{effect}");
    }
    // An empty operator is `Equal`; without a key everything is tolerated.
    if of.key("operator").text() == Some("Exists") && of.key("value").text().is_none() {
        text += match (of.key("key").text(), of.key("effect").text()) {
            (None, None) => "op=Exists",
            _ => " op=Exists",
        };
    }
    if of.key("tolerationSeconds").present() {
        text += &format!(" for {}s", of.key("tolerationSeconds").int());
    }
    text
}

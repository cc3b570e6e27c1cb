//! What is allowed to happen to pods: NetworkPolicy and PodDisruptionBudget.

use jiff::Timestamp;

use super::sheet::Sheet;
use super::{View, identity};
use crate::table::object::label_selector;

pub(super) fn network_policy(of: View<'_>, sheet: &mut Sheet) -> bool {
    identity(of, sheet);
    let created = of.path("metadata.creationTimestamp").text();
    let created = created.and_then(|text| text.parse::<Timestamp>().ok());
    let created = created.map(|time| time.strftime("%Y-%m-%d %H:%M:%S +0000 UTC").to_string());
    sheet.field("Created on", &created.unwrap_or_default());
    sheet.metadata(of);
    sheet.line(0, "Spec:");
    let spec = of.key("spec");
    let selector = spec.key("podSelector");
    let selector = match selector.key("matchLabels").len() + selector.key("matchExpressions").len()
    {
        0 => "<none> (Allowing the specific traffic to all pods in this namespace)".to_owned(),
        _ => label_selector(selector),
    };
    sheet.line(1, &format!("PodSelector:     {selector}"));
    let types: Vec<&str> = spec
        .key("policyTypes")
        .items()
        .filter_map(View::text)
        .collect();
    for (name, peers, title, end) in [
        ("Ingress", "from", "From", "source"),
        ("Egress", "to", "To", "destination"),
    ] {
        let direction = name.to_lowercase();
        if !types.contains(&name) {
            sheet.line(1, &format!("Not affecting {direction} traffic"));
            continue;
        }
        sheet.line(1, &format!("Allowing {direction} traffic:"));
        let rules = spec.key(&direction);
        if rules.len() == 0 {
            let isolated =
                format!("<none> (Selected pods are isolated for {direction} connectivity)");
            sheet.line(2, &isolated);
        }
        for (at, rule) in rules.items().enumerate() {
            if at > 0 {
                sheet.line(2, "----------");
            }
            ports(rule.key("ports"), sheet);
            peers_of(rule.key(peers), title, end, sheet);
        }
    }
    sheet.line(1, &format!("Policy Types: {}", types.join(", ")));
    false
}

fn ports(ports: View<'_>, sheet: &mut Sheet) {
    if ports.len() == 0 {
        sheet.line(2, "To Port: <any> (traffic allowed to all ports)");
    }
    for port in ports.items() {
        let protocol = port.key("protocol").or("TCP");
        let number = port.key("port").any_or("<any>");
        let end = port.key("endPort");
        let range = match end.present() {
            true => format!("{number}-{}", end.int()),
            false => number,
        };
        sheet.line(2, &format!("To Port: {range}/{protocol}"));
    }
}

fn peers_of(peers: View<'_>, title: &str, end: &str, sheet: &mut Sheet) {
    if peers.len() == 0 {
        sheet.line(
            2,
            &format!("{title}: <any> (traffic not restricted by {end})"),
        );
    }
    for peer in peers.items() {
        sheet.line(2, &format!("{title}:"));
        for (field, name) in [
            ("namespaceSelector", "NamespaceSelector"),
            ("podSelector", "PodSelector"),
        ] {
            let selector = peer.key(field);
            if selector.present() {
                sheet.line(3, &format!("{name}: {}", label_selector(selector)));
            }
        }
        let block = peer.key("ipBlock");
        if block.present() {
            sheet.line(3, "IPBlock:");
            sheet.line(4, &format!("CIDR: {}", block.key("cidr").or("")));
            let except = block.key("except").joined("");
            sheet.line(4, &format!("Except: {}", except.replace(',', ", ")));
        }
    }
}

/// PodDisruptionBudget.
pub(super) fn disruption_budget(of: View<'_>, sheet: &mut Sheet) -> bool {
    identity(of, sheet);
    let spec = of.key("spec");
    match spec.key("minAvailable") {
        wanted if wanted.present() => sheet.field("Min available", &wanted.any_or("")),
        _ => sheet.known(0, "Max unavailable", spec.key("maxUnavailable")),
    }
    let selector = spec.key("selector");
    let selector = match selector.present() {
        true => label_selector(selector),
        false => "<unset>".to_owned(),
    };
    sheet.field("Selector", &selector);
    sheet.line(0, "Status:");
    let status = of.key("status");
    for (title, field) in [
        ("Allowed disruptions", "disruptionsAllowed"),
        ("Current", "currentHealthy"),
        ("Desired", "desiredHealthy"),
        ("Total", "expectedPods"),
    ] {
        sheet.at(2, title, &status.key(field).int().to_string());
    }
    true
}

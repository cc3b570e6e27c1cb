//! Claims and volumes.

use super::sheet::Sheet;
use super::volumes::source;
use super::{Surroundings, View, date, identity};
use crate::table::object::labels;

pub(super) fn claim(of: View<'_>, around: &Surroundings<'_>, sheet: &mut Sheet) -> bool {
    let (spec, status) = (of.key("spec"), of.key("status"));
    identity(of, sheet);
    sheet.field("StorageClass", &class(of));
    phase(of, around, sheet);
    sheet.field("Volume", &spec.key("volumeName").or(""));
    sheet.metadata(of);
    finalizers(of, sheet);
    let bound = spec.key("volumeName").text().is_some();
    let (capacity, modes) = match bound {
        true => (
            status.path("capacity.storage").any_or("0"),
            access(status.key("accessModes")),
        ),
        false => (String::new(), String::new()),
    };
    sheet.field("Capacity", &capacity);
    sheet.field("Access Modes", &modes);
    sheet.known(0, "VolumeMode", spec.key("volumeMode"));
    let data = spec.key("dataSource");
    if data.present() {
        sheet.line(0, "DataSource:");
        sheet.known(1, "APIGroup", data.key("apiGroup"));
        sheet.at(1, "Kind", &data.key("kind").or(""));
        sheet.at(1, "Name", &data.key("name").or(""));
    }
    users(of, around, sheet);
    true
}

fn users(of: View<'_>, around: &Surroundings<'_>, sheet: &mut Sheet) {
    let name = of.path("metadata.name").text();
    let pods = (around.list)("pods", of.path("metadata.namespace").text());
    let users: Vec<_> = pods
        .iter()
        .map(View::new)
        .filter(|pod| {
            let mut volumes = pod.path("spec.volumes").items();
            volumes.any(|volume| {
                volume.path("persistentVolumeClaim.claimName").text() == name && name.is_some()
            })
        })
        .map(|pod| pod.path("metadata.name").or(""))
        .collect();
    sheet.column(0, "Used By", &users);
    let head = &[
        "Type",
        "Status",
        "LastProbeTime",
        "LastTransitionTime",
        "Reason",
        "Message",
    ];
    sheet.conditions(of.path("status.conditions"), head, &|condition| {
        let text = |field| condition.key(field).or("");
        let (probed, changed) = (
            condition.key("lastProbeTime"),
            condition.key("lastTransitionTime"),
        );
        vec![
            format!("{} ", text("type")),
            format!("{} ", text("status")),
            format!("{} ", date(probed)),
            format!("{} ", date(changed)),
            format!("{} ", text("reason")),
            text("message"),
        ]
    });
}

pub(super) fn volume(of: View<'_>, around: &Surroundings<'_>, sheet: &mut Sheet) -> bool {
    let (spec, status) = (of.key("spec"), of.key("status"));
    sheet.field("Name", &of.path("metadata.name").or(""));
    sheet.metadata(of);
    finalizers(of, sheet);
    sheet.field("StorageClass", &class(of));
    phase(of, around, sheet);
    let claim = spec.key("claimRef");
    sheet.field(
        "Claim",
        &match claim.present() {
            true => format!(
                "{}/{}",
                claim.key("namespace").or(""),
                claim.key("name").or("")
            ),
            false => String::new(),
        },
    );
    sheet.field(
        "Reclaim Policy",
        &spec.key("persistentVolumeReclaimPolicy").or(""),
    );
    sheet.field("Access Modes", &access(spec.key("accessModes")));
    sheet.known(0, "VolumeMode", spec.key("volumeMode"));
    sheet.field("Capacity", &spec.path("capacity.storage").any_or("0"));
    affinity(spec.path("nodeAffinity.required"), sheet);
    sheet.field("Message", &status.key("message").or(""));
    sheet.line(0, "Source:");
    source(spec, 2, sheet);
    true
}

fn affinity(required: View<'_>, sheet: &mut Sheet) {
    if !required.present() {
        sheet.field("Node Affinity", "<none>");
        return;
    }
    sheet.line(0, "Node Affinity:");
    let terms = required.key("nodeSelectorTerms");
    if terms.len() == 0 {
        sheet.at(1, "Required Terms", "<none>");
        return;
    }
    sheet.line(1, "Required Terms:");
    for (at, term) in terms.items().enumerate() {
        for (number, one) in term.key("matchExpressions").items().enumerate() {
            let operator = one.key("operator").or("").to_lowercase();
            let values: Vec<_> = one.key("values").items().filter_map(View::text).collect();
            let text = format!(
                "{} {operator} [{}]",
                one.key("key").or(""),
                values.join(", ")
            );
            match number {
                0 => sheet.at(2, &format!("Term {at}"), &text),
                _ => sheet.line(2, &format!("\t{text}")),
            }
        }
    }
}

fn phase(of: View<'_>, around: &Surroundings<'_>, sheet: &mut Sheet) {
    let deleted = of.path("metadata.deletionTimestamp");
    sheet.field(
        "Status",
        &match deleted.present() {
            true => format!("Terminating (lasts {})", around.since(deleted)),
            false => of.path("status.phase").or(""),
        },
    );
}

fn class(of: View<'_>) -> String {
    let beta = of
        .path("metadata.annotations")
        .key("volume.beta.kubernetes.io/storage-class");
    beta.text()
        .map_or_else(|| of.path("spec.storageClassName").or(""), str::to_owned)
}

/// `[kubernetes.io/pvc-protection]`.
fn finalizers(of: View<'_>, sheet: &mut Sheet) {
    let all: Vec<_> = of
        .path("metadata.finalizers")
        .items()
        .filter_map(View::text)
        .collect();
    sheet.field("Finalizers", &format!("[{}]", all.join(" ")));
}

/// `RWO,ROX`.
fn access(modes: View<'_>) -> String {
    let known = [
        ("ReadWriteOnce", "RWO"),
        ("ReadOnlyMany", "ROX"),
        ("ReadWriteMany", "RWX"),
        ("ReadWriteOncePod", "RWOP"),
    ];
    let has = |mode: &str| modes.items().any(|item| item.text() == Some(mode));
    let short: Vec<_> = known
        .into_iter()
        .filter(|(mode, _)| has(mode))
        .map(|(_, short)| short)
        .collect();
    short.join(",")
}

pub(super) fn storage_class(of: View<'_>, sheet: &mut Sheet) -> bool {
    sheet.field("Name", &of.path("metadata.name").or(""));
    let annotations = of.path("metadata.annotations");
    let is_default = [
        "storageclass.kubernetes.io/is-default-class",
        "storageclass.beta.kubernetes.io/is-default-class",
    ]
    .iter()
    .any(|name| annotations.key(name).text() == Some("true"));
    sheet.field("IsDefaultClass", if is_default { "Yes" } else { "No" });
    sheet.field("Annotations", &labels(annotations));
    sheet.field("Provisioner", &of.key("provisioner").or(""));
    sheet.field("Parameters", &labels(of.key("parameters")));
    let expansion = match of.key("allowVolumeExpansion").flag() {
        None => "<unset>",
        Some(true) => "True",
        Some(false) => "False",
    };
    sheet.field("AllowVolumeExpansion", expansion);
    match of.key("mountOptions") {
        options if options.len() > 0 => {
            sheet.line(0, "MountOptions:");
            for option in options.items() {
                sheet.line(1, &option.or(""));
            }
        }
        _ => sheet.field("MountOptions", "<none>"),
    }
    sheet.known(0, "ReclaimPolicy", of.key("reclaimPolicy"));
    sheet.known(0, "VolumeBindingMode", of.key("volumeBindingMode"));
    let topologies = of.key("allowedTopologies");
    if topologies.len() > 0 {
        sheet.field("AllowedTopologies", "");
        for (at, term) in topologies.items().enumerate() {
            let expressions = term.key("matchLabelExpressions").items();
            let expressions: Vec<String> = expressions
                .map(|one| {
                    let values = one.key("values").joined("").replace(',', ", ");
                    format!("{} in [{values}]", one.key("key").or(""))
                })
                .collect();
            sheet.column(1, &format!("Term {at}"), &expressions);
        }
    }
    true
}

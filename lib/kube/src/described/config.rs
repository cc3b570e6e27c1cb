//! ConfigMaps, Secrets, namespaces and service accounts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::sheet::Sheet;
use super::{Surroundings, View, date, identity};
use crate::mask::BULLETS;

pub(super) fn config_map(of: View<'_>, sheet: &mut Sheet) -> bool {
    identity(of, sheet);
    sheet.metadata(of);
    sheet.line(0, "");
    sheet.line(0, "Data");
    sheet.line(0, "====");
    let mut data: Vec<_> = of.key("data").fields().collect();
    data.sort_by_key(|(name, _)| *name);
    for (name, value) in data {
        sheet.line(0, &format!("{name}:"));
        sheet.line(0, "----");
        sheet.line(0, &value.or(""));
        sheet.line(0, "");
    }
    sheet.line(0, "");
    sheet.line(0, "BinaryData");
    sheet.line(0, "====");
    let mut data: Vec<_> = of.key("binaryData").fields().collect();
    data.sort_by_key(|(name, _)| *name);
    for (name, value) in data {
        let bytes = STANDARD.decode(value.or("")).unwrap_or_default().len();
        sheet.line(0, &format!("{name}: {bytes} bytes"));
    }
    if of.key("binaryData").len() > 0 {
        sheet.line(0, "");
    }
    true
}

/// Values are sizes, as kubectl shows them; masked ones are shown as their masks, and shown ones of tokens as they are.
pub(super) fn secret(of: View<'_>, sheet: &mut Sheet) -> bool {
    identity(of, sheet);
    sheet.metadata(of);
    sheet.line(0, "");
    sheet.field("Type", &of.key("type").or(""));
    sheet.line(0, "");
    sheet.line(0, "Data");
    sheet.line(0, "====");
    let is_token = of.key("type").text() == Some("kubernetes.io/service-account-token");
    let mut data: Vec<_> = of.key("data").fields().collect();
    data.sort_by_key(|(name, _)| *name);
    for (name, value) in data {
        let value = value.or("");
        let plain = STANDARD.decode(&value).unwrap_or_default();
        sheet.field(
            name,
            &match value.starts_with(BULLETS) {
                true => value,
                false if is_token && name == "token" => {
                    String::from_utf8_lossy(&plain).into_owned()
                }
                false => format!("{} bytes", plain.len()),
            },
        );
    }
    false
}

pub(super) fn namespace(of: View<'_>, around: &Surroundings<'_>, sheet: &mut Sheet) -> bool {
    sheet.field("Name", &of.path("metadata.name").or(""));
    sheet.metadata(of);
    sheet.field("Status", &of.path("status.phase").or(""));
    let head = &["Type", "Status", "LastTransitionTime", "Reason", "Message"];
    sheet.conditions(of.path("status.conditions"), head, &|condition| {
        let text = |field| condition.key(field).or("");
        vec![
            text("type"),
            text("status"),
            date(condition.key("lastTransitionTime")),
            text("reason"),
            text("message"),
        ]
    });
    let name = of.path("metadata.name").text();
    sheet.line(0, "");
    quotas(&(around.list)("resourcequotas", name), sheet);
    sheet.line(0, "");
    limits(&(around.list)("limitranges", name), sheet);
    false
}

fn quotas(all: &[Value], sheet: &mut Sheet) {
    if all.is_empty() {
        sheet.line(0, "No resource quota.");
        return;
    }
    sheet.line(0, "Resource Quotas");
    for quota in all.iter().map(View::new) {
        sheet.at(1, "Name", &quota.path("metadata.name").or(""));
        if quota.path("spec.scopes").len() > 0 {
            let mut scopes: Vec<_> = quota
                .path("spec.scopes")
                .items()
                .filter_map(View::text)
                .collect();
            scopes.sort_unstable();
            sheet.at(1, "Scopes", &scopes.join(", "));
        }
        sheet.line(1, "Resource\tUsed\tHard");
        sheet.line(1, "--------\t---\t---");
        let (hard, used) = (quota.path("status.hard"), quota.path("status.used"));
        for (name, value) in super::resources::sorted(hard) {
            sheet.line(
                1,
                &format!("{name}\t{}\t{value}", used.key(name).any_or("0")),
            );
        }
    }
}

fn limits(all: &[Value], sheet: &mut Sheet) {
    if all.is_empty() {
        sheet.line(0, "No LimitRange resource.");
        return;
    }
    sheet.line(0, "Resource Limits");
    sheet.line(
        0,
        " Type\tResource\tMin\tMax\tDefault Request\tDefault Limit\tMax Limit/Request Ratio",
    );
    sheet.line(
        0,
        " ----\t--------\t---\t---\t---------------\t-------------\t-----------------------",
    );
    let fields = [
        "min",
        "max",
        "defaultRequest",
        "default",
        "maxLimitRequestRatio",
    ];
    for item in all.iter().flat_map(|range| {
        View::new(range)
            .path("spec.limits")
            .items()
            .collect::<Vec<_>>()
    }) {
        let mut resources: Vec<&str> = fields
            .iter()
            .flat_map(|field| item.key(field).fields())
            .map(|(name, _)| name)
            .collect();
        resources.sort_unstable();
        resources.dedup();
        for resource in resources {
            let cells = fields.map(|field| item.key(field).key(resource).any_or("-"));
            sheet.line(
                0,
                &format!(
                    " {}\t{resource}\t{}",
                    item.key("type").or(""),
                    cells.join("\t")
                ),
            );
        }
    }
}

pub(super) fn service_account(of: View<'_>, around: &Surroundings<'_>, sheet: &mut Sheet) -> bool {
    identity(of, sheet);
    sheet.metadata(of);
    let names = |field: &str| -> Vec<String> {
        of.key(field)
            .items()
            .map(|secret| secret.key("name").or(""))
            .collect()
    };
    let account = of.path("metadata.name").text();
    let tokens: Vec<String> = (around.list)("secrets", of.path("metadata.namespace").text())
        .iter()
        .map(View::new)
        .filter(|secret| {
            secret.key("type").text() == Some("kubernetes.io/service-account-token")
                && secret
                    .path("metadata.annotations")
                    .key("kubernetes.io/service-account.name")
                    .text()
                    == account
        })
        .map(|secret| secret.path("metadata.name").or(""))
        .collect();
    sheet.column(0, "Image pull secrets", &names("imagePullSecrets"));
    sheet.column(0, "Mountable secrets", &names("secrets"));
    sheet.column(0, "Tokens", &tokens);
    true
}

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
        let bytes = decoded(&value.or("")).len();
        sheet.line(0, &format!("{name}: {bytes} bytes"));
    }
    sheet.line(0, "");
    true
}

/// Names and sizes in bytes of what a Secret contains, before it is masked; empty for other objects.
pub fn secret_sizes(object: &Value) -> Vec<(String, usize)> {
    let of = View::new(object);
    if of.key("kind").text() != Some("Secret") {
        return Vec::new();
    }
    let data = of.key("data").fields();
    data.map(|(name, value)| (name.to_owned(), decoded(&value.or("")).len()))
        .collect()
}

fn decoded(text: &str) -> Vec<u8> {
    STANDARD.decode(text).unwrap_or_default()
}

/// Values are sizes, as kubectl shows them; shown tokens are shown as they are.
pub(super) fn secret(of: View<'_>, around: &Surroundings<'_>, sheet: &mut Sheet) -> bool {
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
        let is_hidden = value.starts_with(BULLETS);
        let size = around.secret_sizes.iter().find(|(of, _)| of == name);
        let shown = match size {
            Some((_, bytes)) if is_hidden => format!("{bytes} bytes"),
            None if is_hidden => value,
            _ if is_token && name == "token" => {
                String::from_utf8_lossy(&decoded(&value)).into_owned()
            }
            _ => format!("{} bytes", decoded(&value).len()),
        };
        sheet.field(name, &shown);
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
    super::limits::quotas(&(around.list)("resourcequotas", name), sheet);
    sheet.line(0, "");
    super::limits::limits(&(around.list)("limitranges", name), sheet);
    false
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

//! What a namespace may use: ResourceQuota, LimitRange, and the order in which pods get it: PriorityClass.

use super::sheet::Sheet;
use super::{View, identity};

const LIMITS: [&str; 5] = [
    "min",
    "max",
    "defaultRequest",
    "default",
    "maxLimitRequestRatio",
];

pub(super) fn quota(of: View<'_>, sheet: &mut Sheet) -> bool {
    identity(of, sheet);
    scopes(0, of, sheet);
    used(0, "--------\t----\t----", of, sheet);
    false
}

fn scopes(level: usize, of: View<'_>, sheet: &mut Sheet) {
    let scopes = of.path("spec.scopes").items();
    let mut scopes: Vec<_> = scopes.filter_map(View::text).collect();
    if !scopes.is_empty() {
        scopes.sort_unstable();
        sheet.at(level, "Scopes", &scopes.join(", "));
    }
}

fn used(level: usize, rule: &str, of: View<'_>, sheet: &mut Sheet) {
    sheet.line(level, "Resource\tUsed\tHard");
    sheet.line(level, rule);
    let (hard, used) = (of.path("status.hard"), of.path("status.used"));
    for (name, value) in super::resources::sorted(hard) {
        let used = used.key(name).any_or("0");
        sheet.line(level, &format!("{name}\t{used}\t{value}"));
    }
}

/// The quotas of a namespace, as its description has them.
pub(super) fn quotas(all: &[serde_json::Value], sheet: &mut Sheet) {
    if all.is_empty() {
        sheet.line(0, "No resource quota.");
        return;
    }
    sheet.line(0, "Resource Quotas");
    for quota in all.iter().map(View::new) {
        sheet.at(1, "Name", &quota.path("metadata.name").or(""));
        scopes(1, quota, sheet);
        used(1, "--------\t---\t---", quota, sheet);
    }
}

pub(super) fn limit_range(of: View<'_>, sheet: &mut Sheet) -> bool {
    identity(of, sheet);
    heading("", sheet);
    rows("", of, sheet);
    false
}

/// The limits of a namespace, as its description has them.
pub(super) fn limits(all: &[serde_json::Value], sheet: &mut Sheet) {
    if all.is_empty() {
        sheet.line(0, "No LimitRange resource.");
        return;
    }
    sheet.line(0, "Resource Limits");
    heading(" ", sheet);
    for range in all.iter().map(View::new) {
        rows(" ", range, sheet);
    }
}

fn heading(lead: &str, sheet: &mut Sheet) {
    for line in [
        "Type\tResource\tMin\tMax\tDefault Request\tDefault Limit\tMax Limit/Request Ratio",
        "----\t--------\t---\t---\t---------------\t-------------\t-----------------------",
    ] {
        sheet.line(0, &format!("{lead}{line}"));
    }
}

fn rows(lead: &str, of: View<'_>, sheet: &mut Sheet) {
    for item in of.path("spec.limits").items() {
        let kind = item.key("type").or("");
        let fields = LIMITS.iter().flat_map(|field| item.key(field).fields());
        let mut resources: Vec<&str> = fields.map(|(name, _)| name).collect();
        resources.sort_unstable();
        resources.dedup();
        for resource in resources {
            let cells = LIMITS.map(|field| item.key(field).key(resource).any_or("-"));
            let cells = cells.join("\t");
            sheet.line(0, &format!("{lead}{kind}\t{resource}\t{cells}"));
        }
    }
}

pub(super) fn priority_class(of: View<'_>, sheet: &mut Sheet) -> bool {
    sheet.field("Name", &of.path("metadata.name").or(""));
    sheet.field("Value", &of.key("value").int().to_string());
    let is_default = of.key("globalDefault").flag().unwrap_or(false);
    sheet.field("GlobalDefault", &is_default.to_string());
    sheet.field(
        "PreemptionPolicy",
        &of.key("preemptionPolicy").or("PreemptLowerPriority"),
    );
    sheet.field("Description", &of.key("description").or(""));
    sheet.annotations(0, of.path("metadata.annotations"));
    true
}

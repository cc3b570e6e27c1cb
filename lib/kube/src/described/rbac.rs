//! Roles and their bindings.

use super::View;
use super::sheet::Sheet;

/// One line of a role: a resource, or a URL, and what may be done with it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Grant {
    verbs: Vec<String>,
    group: String,
    resource: String,
    names: Vec<String>,
    urls: Vec<String>,
}

/// Role and ClusterRole: rules broken down to single resources, in kubectl's order.
pub(super) fn role(of: View<'_>, sheet: &mut Sheet) -> bool {
    sheet.field("Name", &of.path("metadata.name").or(""));
    sheet.metadata(of);
    sheet.line(0, "PolicyRule:");
    sheet.line(1, "Resources\tNon-Resource URLs\tResource Names\tVerbs");
    sheet.line(1, "---------\t-----------------\t--------------\t-----");
    for rule in rules(of) {
        let list = |items: &[String]| format!("[{}]", items.join(" "));
        let (urls, names) = (list(&rule.urls), list(&rule.names));
        let resource = resource(&rule);
        sheet.line(
            1,
            &format!("{resource}\t{urls}\t{names}\t{}", list(&rule.verbs)),
        );
    }
    false
}

fn rules(of: View<'_>) -> Vec<Grant> {
    let mut rules: Vec<Grant> = Vec::new();
    for rule in of.key("rules").items() {
        let texts = |field: &str| -> Vec<String> {
            let items = rule.key(field).items();
            items.map(|item| item.or("")).collect()
        };
        let verbs = texts("verbs");
        let names: Vec<Vec<String>> = match texts("resourceNames") {
            none if none.is_empty() => vec![none],
            names => names.into_iter().map(|name| vec![name]).collect(),
        };
        for group in texts("apiGroups") {
            for resource in texts("resources") {
                for names in &names {
                    add(&mut rules, (&group, &resource, names), &verbs);
                }
            }
        }
        for url in texts("nonResourceURLs") {
            rules.extend(verbs.iter().map(|verb| Grant {
                verbs: vec![verb.clone()],
                group: String::new(),
                resource: String::new(),
                names: Vec::new(),
                urls: vec![url.clone()],
            }));
        }
    }
    rules.sort_by_cached_key(|rule| {
        let list = |items: &[String]| format!("[{}]", items.join(" "));
        let one = |item: &str| format!("[{item}]");
        let (group, resource) = (one(&rule.group), one(&rule.resource));
        (
            list(&rule.verbs),
            group,
            resource,
            list(&rule.names),
            list(&rule.urls),
        )
    });
    rules
}

/// Adds the verbs to the rule of the same resource, if there is one.
fn add(rules: &mut Vec<Grant>, of: (&str, &str, &[String]), verbs: &[String]) {
    let (group, resource, names) = of;
    let same = |rule: &&mut Grant| {
        rule.urls.is_empty()
            && rule.group == group
            && rule.resource == resource
            && rule.names == names
    };
    match rules.iter_mut().find(same) {
        Some(rule) => rule.verbs.extend_from_slice(verbs),
        None => rules.push(Grant {
            verbs: verbs.to_vec(),
            group: group.to_owned(),
            resource: resource.to_owned(),
            names: names.to_vec(),
            urls: Vec::new(),
        }),
    }
}

/// `deployments.apps/scale`.
fn resource(rule: &Grant) -> String {
    let (name, sub) = match rule.resource.split_once('/') {
        Some((name, sub)) => (name, format!("/{sub}")),
        None => (rule.resource.as_str(), String::new()),
    };
    match rule.group.as_str() {
        "" => format!("{name}{sub}"),
        group => format!("{name}.{group}{sub}"),
    }
}

/// RoleBinding and ClusterRoleBinding.
pub(super) fn binding(of: View<'_>, sheet: &mut Sheet) -> bool {
    sheet.field("Name", &of.path("metadata.name").or(""));
    sheet.metadata(of);
    sheet.line(0, "Role:");
    sheet.at(1, "Kind", &of.path("roleRef.kind").or(""));
    sheet.at(1, "Name", &of.path("roleRef.name").or(""));
    sheet.line(0, "Subjects:");
    sheet.line(1, "Kind\tName\tNamespace");
    sheet.line(1, "----\t----\t---------");
    for subject in of.key("subjects").items() {
        let cells = ["kind", "name", "namespace"].map(|field| subject.key(field).or(""));
        sheet.line(1, &cells.join("\t"));
    }
    false
}

//! Every other kind, custom resources included: all fields under capitalised names, as kubectl shows what it has no words for.

use serde_json::Value;

use super::View;
use super::sheet::Sheet;

/// Members of metadata that are shown elsewhere or not at all.
const HIDDEN: &[&str] = &[
    "name",
    "namespace",
    "labels",
    "annotations",
    "managedFields",
];

pub(super) fn generic(object: &Value, sheet: &mut Sheet) -> bool {
    let of = View::new(object);
    sheet.field("Name", &of.path("metadata.name").or(""));
    sheet.field("Namespace", &of.path("metadata.namespace").or(""));
    sheet.metadata(of);
    fields(object, &[], 0, sheet);
    true
}

fn fields(value: &Value, hidden: &[&str], level: usize, sheet: &mut Sheet) {
    let Some(members) = value.as_object() else {
        return;
    };
    let mut sorted: Vec<_> = members
        .iter()
        .filter(|(name, _)| !hidden.contains(&name.as_str()))
        .collect();
    sorted.sort_by_key(|(name, _)| *name);
    for (name, value) in sorted {
        match (level, name.as_str(), value) {
            (0, "metadata", Value::Object(_)) => {
                sheet.line(0, "Metadata:");
                fields(value, HIDDEN, 1, sheet);
            }
            _ => field(&smart_label(name), value, level, sheet),
        }
    }
}

fn field(label: &str, value: &Value, level: usize, sheet: &mut Sheet) {
    match value {
        Value::Null => sheet.at(level, label, "<nil>"),
        Value::Object(_) => {
            sheet.line(level, &format!("{label}:"));
            fields(value, &[], level + 1, sheet);
        }
        Value::Array(items) => {
            sheet.line(level, &format!("{label}:"));
            for item in items {
                match item {
                    Value::Object(_) => fields(item, &[], level + 1, sheet),
                    other => sheet.line(level + 1, &crate::gotemplate::go_text(other)),
                }
            }
        }
        Value::String(text) if text.contains('\n') => {
            sheet.line(level, &format!("{label}:"));
            for line in text.split('\n') {
                sheet.line(level + 1, line);
            }
        }
        other => sheet.at(level, label, &crate::gotemplate::go_text(other)),
    }
}

/// `storageClassName` as `Storage Class Name`, `podIP` as `Pod IP`, `list-type` as `List - Type`; keys with other characters stay
/// (`smartLabelFor`). Words are those of Go's camelcase: `URLs` becomes `UR Ls`.
fn smart_label(name: &str) -> String {
    if !name.chars().all(|c| c.is_alphabetic() || c == '-') {
        return name.to_owned();
    }
    let known = ["API", "URL", "UID", "OSB", "GUID"];
    let words = camel_case(name).into_iter().map(|word| {
        let upper = word.to_uppercase();
        if known.contains(&upper.as_str()) {
            return upper;
        }
        let mut letters = word.chars();
        letters.next().map_or(String::new(), |first| {
            format!("{}{}", first.to_uppercase(), letters.as_str())
        })
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Runs of lower case, of upper case, and of others; the last capital of a run belongs to the lower case after it.
fn camel_case(name: &str) -> Vec<String> {
    let class = |c: char| (c.is_lowercase(), c.is_uppercase());
    let mut words: Vec<String> = Vec::new();
    let mut last = None;
    for c in name.chars() {
        match words.last_mut() {
            Some(word) if last == Some(class(c)) => word.push(c),
            Some(word) if last == Some((false, true)) && c.is_lowercase() => {
                let capital = word.pop().unwrap_or_default();
                words.push(format!("{capital}{c}"));
            }
            _ => words.push(c.to_string()),
        }
        last = Some(class(c));
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::smart_label;

    #[test]
    fn labels_are_those_of_kubectl() {
        for (name, label) in [
            ("storageClassName", "Storage Class Name"),
            ("podIP", "Pod IP"),
            ("apiVersion", "API Version"),
            ("uid", "UID"),
            ("nonResourceURLs", "Non Resource UR Ls"),
            ("x-kubernetes-list-type", "X - Kubernetes - List - Type"),
            ("openAPIV3Schema", "openAPIV3Schema"),
            ("jsonPath", "Json Path"),
            ("f:spec", "f:spec"),
        ] {
            assert_eq!(smart_label(name), label);
        }
    }
}

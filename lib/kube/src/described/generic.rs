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
    sheet.field("API Version", &of.key("apiVersion").or(""));
    sheet.field("Kind", &of.key("kind").or(""));
    if let Some(metadata) = object
        .get("metadata")
        .filter(|metadata| metadata.is_object())
    {
        sheet.line(0, "Metadata:");
        fields(metadata, HIDDEN, 1, sheet);
    }
    fields(object, &["apiVersion", "kind", "metadata"], 0, sheet);
    true
}

fn fields(value: &Value, hidden: &[&str], level: usize, sheet: &mut Sheet) {
    let Some(fields) = value.as_object() else {
        return;
    };
    let mut sorted: Vec<_> = fields
        .iter()
        .filter(|(name, _)| !hidden.contains(&name.as_str()))
        .collect();
    sorted.sort_by_key(|(name, _)| *name);
    for (name, value) in sorted {
        field(&smart_label(name), value, level, sheet);
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

/// `storageClassName` as `Storage Class Name`, `podIP` as `Pod IP`; keys that are no such words stay.
fn smart_label(name: &str) -> String {
    if name.contains(['.', '/', '-', '_', ':']) {
        return name.to_owned();
    }
    let known = ["API", "URL", "UID", "OSB", "GUID"];
    let mut words: Vec<String> = Vec::new();
    let mut previous_upper = true;
    for c in name.chars() {
        if c.is_ascii_uppercase() && !previous_upper || words.is_empty() {
            words.push(String::new());
        }
        previous_upper = c.is_ascii_uppercase();
        if let Some(word) = words.last_mut() {
            word.push(c);
        }
    }
    let words = words.into_iter().map(|word| {
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

//! Templates over hidden values: what compares or measures a value reads the mask.

use etcd_inspect::kubernetes::mask::BULLETS;
use serde_json::Value;

use crate::output::Format;
use crate::ui::Ui;

/// Words of templates that do more with a value than print it.
const COMPUTING: &[&str] = &[
    "?(",
    "len ",
    "eq ",
    "ne ",
    "lt ",
    "le ",
    "gt ",
    "ge ",
    "if ",
    "slice ",
    "base64decode",
];

/// Warns if a template that compares or measures values is given hidden ones.
pub(crate) fn warn_of_computed(
    format: &Format,
    documents: &[Value],
    ui: &mut Ui,
) -> anyhow::Result<()> {
    let template = match format {
        Format::JsonPath(text)
        | Format::JsonPathAsJson(text)
        | Format::GoTemplate(text)
        | Format::CustomColumns(text) => text,
        _ => return Ok(()),
    };
    let computes = COMPUTING.iter().any(|word| template.contains(word));
    if computes && documents.iter().any(has_hidden) {
        ui.warn("hidden values are compared and measured as their masks are, so that the answer may be wrong: --reveal=all reads the values")?;
    }
    Ok(())
}

fn has_hidden(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(BULLETS),
        Value::Array(items) => items.iter().any(has_hidden),
        Value::Object(fields) => fields.values().any(has_hidden),
        _ => false,
    }
}

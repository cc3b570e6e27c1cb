//! `fields`: one row for each scalar of each object, made when a query asks for it.

use serde_json::Value as Json;

use super::Writer;
use super::objects::{decoded, of_kubernetes, put_name};
use crate::definition::{Column, Kind, Pushed, Rows, Table};
use crate::source::Values;
use crate::value::Value;

static COLUMNS: [Column; 7] = [
    Column::text("key", "the etcd key").pushed(Pushed::Key),
    Column::text("resource", "pods, widgets.example.com").pushed(Pushed::Resource),
    Column::text("namespace", "NULL if it has none").pushed(Pushed::Namespace),
    Column::text("name", "metadata.name").pushed(Pushed::Name),
    Column::text(
        "path",
        "spec.containers[0].image; a name with a dot or bracket is quoted: metadata.labels['a.b/c']",
    ),
    Column::text(
        "type",
        "string, integer, number, boolean, null, empty object, empty list",
    ),
    Column::new("value", Kind::Text, "the scalar as text"),
];

pub(crate) static TABLE: Table = Table {
    name: "fields",
    about: "every scalar field of every object that exists at the revision asked for",
    columns: &COLUMNS,
    key: &["key", "path"],
    parent: Some("objects"),
    on_demand: true,
    rows: Rows::Read {
        select: of_kubernetes,
        read: |source, numbers, wanted, out| {
            let with_values = !matches!(source.values(), Values::None);
            decoded(source, numbers, out, &|found| {
                let mut rows = Vec::new();
                let mut leaf = |path: &str, value: &Json| {
                    let mut row = Writer::new(&COLUMNS, wanted);
                    put_name(&mut row, found);
                    row.put("path", path);
                    row.put("type", kind(value));
                    if with_values && !value.is_object() && !value.is_array() {
                        row.put("value", scalar(value));
                    }
                    rows.push(row.finish());
                };
                if let Some(object) = &found.object {
                    leaves(object, &mut String::new(), &mut leaf);
                }
                rows
            })
        },
    },
};

fn scalar(value: &Json) -> Value {
    match value {
        Json::Null => Value::Null,
        Json::String(text) => Value::from(text.as_str()),
        other => Value::Text(other.to_string()),
    }
}

fn kind(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(number) if number.is_f64() => "number",
        Json::Number(_) => "integer",
        Json::String(_) => "string",
        Json::Array(_) => "empty list",
        Json::Object(_) => "empty object",
    }
}

/// Gives every scalar with its path. The depth is that of a decoded value: bounded by `Limits::value_depth`.
fn leaves(value: &Json, path: &mut String, each: &mut dyn FnMut(&str, &Json)) {
    let here = path.len();
    match value {
        Json::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                step(path, name);
                leaves(value, path, each);
                path.truncate(here);
            }
        }
        Json::Array(items) if !items.is_empty() => {
            for (at, item) in items.iter().enumerate() {
                path.push_str(&format!("[{at}]"));
                leaves(item, path, each);
                path.truncate(here);
            }
        }
        scalar => each(path, scalar),
    }
}

fn step(path: &mut String, name: &str) {
    if name.is_empty() || name.contains(['.', '[', ']', '\'']) {
        path.push_str(&format!("['{}']", name.replace('\'', "''")));
        return;
    }
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(name);
}

#[cfg(test)]
mod tests {
    use super::leaves;

    #[test]
    fn every_scalar_has_a_path_of_its_own() {
        let object = serde_json::json!({"a": {"b.c": [1, {"d": null}], "e": {}}, "f'": "x"});
        let mut paths = Vec::new();
        leaves(&object, &mut String::new(), &mut |path, _| {
            paths.push(path.to_owned())
        });
        assert_eq!(paths, ["a['b.c'][0]", "a['b.c'][1].d", "a.e", "['f''']"]);
    }
}

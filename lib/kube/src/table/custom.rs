//! Custom resources: the printer columns of their CRD.

use serde_json::Value;

use super::object::View;
use super::{Column, TableOptions, name};
use crate::crd::Crd;
use crate::jsonpath::{JsonPath, text};

pub(super) struct Custom(Vec<(String, Option<JsonPath>)>);

impl Custom {
    /// `None`: the CRD names no column for that version, so the default ones apply.
    pub(super) fn new(crd: &Crd, version: &str) -> Option<(Vec<Column>, Self)> {
        let wanted = crd.columns(version);
        if wanted.is_empty() {
            return None;
        }
        let mut columns = vec![Column {
            heading: "NAME".to_owned(),
            wide: false,
        }];
        columns.extend(wanted.iter().map(|column| Column {
            heading: column.name.to_uppercase(),
            wide: column.priority > 0,
        }));
        // A path that cannot be read gives empty cells, as on a server.
        let cells = wanted
            .iter()
            .map(|column| (column.kind.clone(), JsonPath::parse(&column.json_path).ok()));
        Some((columns, Self(cells.collect())))
    }

    pub(super) fn row(&self, object: &Value, options: &TableOptions) -> Vec<String> {
        let mut cells = vec![name(View::new(object))];
        for (kind, path) in &self.0 {
            let found = path
                .as_ref()
                .and_then(|path| path.find(object).first().copied());
            cells.push(match (kind.as_str(), found) {
                (_, None) => String::new(),
                ("date", Some(time)) => options.since(View::new(time)),
                ("integer", Some(Value::Number(number))) => integer(number),
                ("integer" | "number", Some(value)) if !value.is_number() => String::new(),
                ("boolean", Some(value)) if !value.is_boolean() => String::new(),
                (_, Some(value)) => text(value),
            });
        }
        cells
    }
}

/// An integer column cuts fractions off.
fn integer(number: &serde_json::Number) -> String {
    let text = number.to_string();
    if number.is_f64() && !text.contains('e') {
        return text.split('.').next().unwrap_or_default().to_owned();
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Table;
    use super::*;

    #[test]
    fn cells_follow_the_columns_of_the_objects_version() {
        let crd = Crd::from_json(&json!({"spec": {"group": "example.com", "names": {"plural": "widgets"}, "versions": [
            {"name": "v1", "storage": true, "additionalPrinterColumns": [
                {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
                {"name": "Ready", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Ready\")].status"},
                {"name": "Owner", "type": "string", "jsonPath": ".spec.owner", "priority": 1},
                {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}]},
            {"name": "v2"}]}}))
        .unwrap();
        let object = json!({"metadata": {"name": "w", "creationTimestamp": "1969-12-31T23:59:00Z"},
            "spec": {"size": 3, "owner": "me"}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}});
        let now = jiff::Timestamp::UNIX_EPOCH;
        let table = Table::of_crd(&crd, "v1");
        assert_eq!(
            table.headings(false).collect::<Vec<_>>(),
            ["NAME", "SIZE", "READY", "AGE"]
        );
        assert_eq!(table.row(&object, now, false), ["w", "3", "True", "60s"]);
        assert_eq!(
            table.row(&object, now, true),
            ["w", "3", "True", "me", "60s"]
        );
        assert_eq!(
            Table::of_crd(&crd, "v2").row(&object, now, true),
            ["w", "60s"]
        );
    }
}

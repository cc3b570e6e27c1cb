//! What a CustomResourceDefinition says about its objects: names, scope, versions and printer columns.

use serde_json::Value;

/// One CRD, as far as keys, nouns and tables need it; v1 and v1beta1 alike.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Crd {
    /// `example.com`.
    pub group: String,
    /// `widgets`.
    pub plural: String,
    /// `widget`.
    pub singular: String,
    /// `Widget`.
    pub kind: String,
    /// `wd`.
    pub short: Vec<String>,
    /// `all`.
    pub categories: Vec<String>,
    /// Whether the objects have a namespace.
    pub namespaced: bool,
    /// The versions, as the CRD orders them.
    pub versions: Vec<Version>,
}

/// One version of a CRD.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Version {
    /// `v1beta1`.
    pub name: String,
    /// Whether objects are stored in it now.
    pub storage: bool,
    /// Whether it is served.
    pub served: bool,
    /// `additionalPrinterColumns`.
    pub columns: Vec<PrinterColumn>,
    /// Its `selectableFields`, without the leading dot.
    pub selectable: Vec<String>,
}

/// One of `additionalPrinterColumns`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrinterColumn {
    /// The heading, in the CRD's own letter case.
    pub name: String,
    /// `string`, `integer`, `number`, `boolean`, `date`.
    pub kind: String,
    /// 0 for the default table; higher ones show with `-o wide`.
    pub priority: i64,
    /// `.spec.size`.
    pub json_path: String,
}

impl Crd {
    /// Reads a stored CustomResourceDefinition. `None`: it lacks group or plural, or is something else.
    pub fn from_json(object: &Value) -> Option<Self> {
        let spec = object.get("spec")?;
        let names = spec.get("names")?;
        let shared = columns(spec);
        let mut versions: Vec<_> = list(spec, "versions")
            .map(|version| Version {
                name: text(version, "name"),
                storage: flag(version, "storage"),
                served: flag(version, "served"),
                selectable: list(version, "selectableFields")
                    .map(|field| text(field, "jsonPath").trim_start_matches('.').to_owned())
                    .collect(),
                columns: match columns(version) {
                    own if own.is_empty() => shared.clone(),
                    own => own,
                },
            })
            .collect();
        if versions.is_empty() {
            versions.push(Version {
                name: text(spec, "version"),
                storage: true,
                served: true,
                selectable: Vec::new(),
                columns: shared,
            });
        }
        let crd = Self {
            group: text(spec, "group"),
            plural: text(names, "plural"),
            singular: text(names, "singular"),
            kind: text(names, "kind"),
            short: strings(names, "shortNames"),
            categories: strings(names, "categories"),
            namespaced: spec.get("scope").and_then(Value::as_str) != Some("Cluster"),
            versions,
        };
        (!crd.group.is_empty() && !crd.plural.is_empty()).then_some(crd)
    }

    /// Registry path of its objects: `example.com/widgets`.
    pub fn path(&self) -> String {
        format!("{}/{}", self.group, self.plural)
    }

    /// `widgets.example.com`: its own name, and what kubectl prints with `-o name`.
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.plural, self.group)
    }

    /// Whether a user may call it so: plural, singular, kind or a short name, in any letter case.
    pub fn is_called(&self, noun: &str) -> bool {
        [&self.plural, &self.singular, &self.kind]
            .into_iter()
            .chain(&self.short)
            .any(|name| !name.is_empty() && name.eq_ignore_ascii_case(noun))
    }

    /// The printer columns of an object of that version (`v1`), or of the storage version if the CRD no longer defines it.
    pub fn columns(&self, version: &str) -> &[PrinterColumn] {
        let by_name = self.versions.iter().find(|known| known.name == version);
        let found = by_name.or_else(|| self.versions.iter().find(|known| known.storage));
        found.map_or(&[], |version| &version.columns)
    }
}

fn columns(of: &Value) -> Vec<PrinterColumn> {
    list(of, "additionalPrinterColumns")
        .map(|column| PrinterColumn {
            name: text(column, "name"),
            kind: text(column, "type"),
            priority: column.get("priority").and_then(Value::as_i64).unwrap_or(0),
            // v1beta1 spells it JSONPath.
            json_path: match text(column, "jsonPath") {
                path if path.is_empty() => text(column, "JSONPath"),
                path => path,
            },
        })
        .collect()
}

fn list<'v>(of: &'v Value, field: &str) -> impl Iterator<Item = &'v Value> {
    of.get(field)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn text(of: &Value, field: &str) -> String {
    of.get(field)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

fn strings(of: &Value, field: &str) -> Vec<String> {
    list(of, field)
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

fn flag(of: &Value, field: &str) -> bool {
    of.get(field).and_then(Value::as_bool).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_api_versions_give_the_same_columns() {
        let names = json!({"plural": "widgets", "kind": "Widget", "shortNames": ["wd"]});
        let old = json!({"spec": {"group": "example.com", "names": names, "scope": "Namespaced", "version": "v1",
            "additionalPrinterColumns": [{"name": "Size", "type": "integer", "JSONPath": ".spec.size"}]}});
        let new = json!({"spec": {"group": "example.com", "names": names, "scope": "Namespaced", "versions": [
            {"name": "v1", "storage": true, "served": true,
             "additionalPrinterColumns": [{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}]}]}});
        let (old, new) = (Crd::from_json(&old).unwrap(), Crd::from_json(&new).unwrap());
        assert_eq!(old, new);
        assert_eq!(new.columns("v1")[0].json_path, ".spec.size");
        assert!(new.is_called("wd") && new.is_called("Widget") && !new.is_called(""));
    }

    #[test]
    fn a_cluster_scoped_crd_has_no_namespace() {
        let object =
            json!({"spec": {"group": "g.io", "scope": "Cluster", "names": {"plural": "ps"}}});
        assert!(!Crd::from_json(&object).unwrap().namespaced);
        assert_eq!(Crd::from_json(&json!({"spec": {}})), None);
    }
}

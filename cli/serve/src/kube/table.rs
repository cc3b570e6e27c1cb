//! Tables: what kubectl prints, made by the server.

use etcd_inspect::answers::describe::table_of;
use etcd_inspect::kubernetes::Flat;
use etcd_inspect::kubernetes::ObjectParts;
use etcd_inspect::kubernetes::mask::Mask;
use etcd_inspect::kubernetes::table::Table;
use etcd_inspect::member::Objects;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::brief::BriefMetadata;
use super::query::Include;
use super::shape::{has_defaults, metadata_text};
use crate::catalog::Served;
use crate::source::Source;

/// The table of a resource.
pub struct Printed {
    table: Table,
    /// Over the cells: a row may be made of parts of the object, over which none was.
    mask: Option<Mask>,
    now: Timestamp,
    include: Include,
    has_defaults: bool,
}

impl Printed {
    /// The table of a resource at a revision: ages are relative to the newest time in the data.
    pub fn new(
        source: &Source,
        objects: &Objects<'_>,
        served: &Served,
        revision: i64,
        (include, mask): (Include, Option<&Mask>),
    ) -> Self {
        let like = json!({ "apiVersion": served.of.api_version(), "kind": served.target.kind });
        Self {
            table: table_of(objects, &served.target, &like),
            now: source.newest_time(objects, revision),
            include,
            mask: mask.cloned(),
            has_defaults: has_defaults(&served.target.kind),
        }
    }

    /// `columnDefinitions`.
    pub fn definitions(&self) -> Value {
        let columns = self.table.columns().iter();
        let columns = columns.map(|column| {
            let name = title(&column.heading);
            let format = if name == "Name" { "name" } else { "" };
            json!({ "name": name, "type": "string", "format": format, "description": name,
                "priority": i32::from(column.wide) })
        });
        columns.collect()
    }

    fn cells(&self, mut cells: Vec<String>) -> Value {
        if let Some(mask) = &self.mask {
            mask.cells(&mut cells);
        }
        json!(cells)
    }

    /// A row of `rows`, as JSON text: the object in it is not copied.
    pub fn row(&self, object: &Value) -> String {
        let cells = self.cells(self.table.row(object, self.now, true));
        match self.include {
            Include::None => format!("{{\"cells\":{cells}}}"),
            Include::Metadata => {
                let metadata = metadata_text(object);
                format!("{{\"cells\":{cells},\"object\":{metadata}}}")
            }
            Include::Object => format!("{{\"cells\":{cells},\"object\":{object}}}"),
        }
    }

    /// The parts of an object that [`Printed::row_of_parts`] needs; `None` if a row is made of the whole object. Defaults of reading
    /// change the status of claims.
    pub fn parts(&self) -> Option<&'static ObjectParts> {
        let parts = self.table.parts()?;
        (self.include != Include::Object && !self.table.may_show_secrets() && !self.has_defaults)
            .then_some(parts)
    }

    /// The row of an object of which [`Printed::parts`] and the metadata were read.
    pub fn row_of_parts(&self, parts: &Flat, metadata: &BriefMetadata) -> String {
        let cells = self.cells(self.table.row_of(parts, self.now, true));
        match self.include {
            Include::None => format!("{{\"cells\":{cells}}}"),
            _ => format!("{{\"cells\":{cells},\"object\":{}}}", metadata.text()),
        }
    }

    /// A table of one object.
    pub fn of_one(&self, object: &Value) -> String {
        let version = object.pointer("/metadata/resourceVersion");
        let version = version.cloned().unwrap_or(json!(""));
        let (definitions, row) = (self.definitions(), self.row(object));
        format!(
            "{{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":{{\"resourceVersion\":{version}}},\
             \"columnDefinitions\":{definitions},\"rows\":[{row}]}}"
        )
    }
}

/// `Cluster-IP` for `CLUSTER-IP`: clients look for `Name` and `Age`; kubectl prints capitals.
fn title(heading: &str) -> String {
    let words = heading.split(' ').map(|word| {
        let parts = word.split('-').enumerate().map(|(at, part)| match part {
            "IP" | "UID" | "URL" | "OS" | "IPS" | "ID" | "API" | "QOS" | "TTL" => part.to_owned(),
            "TO" | "FOR" if at > 0 => part.to_lowercase(),
            part => {
                let mut letters = part.chars();
                let first: String = letters.next().into_iter().collect();
                first + &letters.as_str().to_lowercase()
            }
        });
        parts.collect::<Vec<_>>().join("-")
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::title;

    #[test]
    fn headings_are_written_as_an_api_server_does() {
        for (heading, written) in [
            ("NAME", "Name"),
            ("CLUSTER-IP", "Cluster-IP"),
            ("UP-TO-DATE", "Up-to-Date"),
            ("NOMINATED NODE", "Nominated Node"),
            ("OS-IMAGE", "OS-Image"),
        ] {
            assert_eq!(title(heading), written);
        }
    }
}

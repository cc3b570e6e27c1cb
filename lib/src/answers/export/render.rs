//! Exported objects as YAML documents, members in kubectl's order.

use std::io;

use serde_json::{Map, Value};

use super::{Export, ExportedObject};
use crate::kubernetes::yaml;

impl ExportedObject {
    /// One YAML document, without the line that separates documents.
    ///
    /// # Errors
    /// A value that YAML cannot express.
    pub fn yaml(&self) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        yaml::write(&mut text, &yaml::sorted(self.object.clone()))?;
        Ok(text)
    }

    /// The object with its members in the order of kubectl's JSON.
    pub fn sorted(&self) -> Value {
        sorted(self.object.clone())
    }
}

impl Export {
    /// All objects in order, as YAML documents.
    ///
    /// # Errors
    /// As [`ExportedObject::yaml`].
    pub fn yaml(&self) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        for (at, object) in self.objects.iter().enumerate() {
            if at > 0 {
                text.extend(b"---\n");
            }
            text.extend(object.yaml()?);
        }
        Ok(text)
    }
}

/// Members in the order of their names, as kubectl prints JSON; for YAML it has another ([`yaml::sorted`]).
pub fn sorted(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.into_iter().collect();
            fields.sort_by(|(a, _), (b, _)| a.cmp(b));
            let fields = fields
                .into_iter()
                .map(|(name, value)| (name, sorted(value)));
            Value::Object(fields.collect::<Map<_, _>>())
        }
        other => other,
    }
}

//! Exported objects as text: YAML documents or JSON lines, members in kubectl's order.

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
        yaml::write(&mut text, &sorted(self.object.clone()))?;
        Ok(text)
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

    /// All objects in order, one line of JSON each.
    pub fn jsonl(&self) -> Vec<u8> {
        let mut text = Vec::new();
        for object in &self.objects {
            text.extend(sorted(object.object.clone()).to_string().into_bytes());
            text.push(b'\n');
        }
        text
    }
}

/// Members in the order of their names, as kubectl prints them.
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

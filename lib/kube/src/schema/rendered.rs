//! What is printed of a kind's objects otherwise than it is stored.
//!
//! Strings are in protobuf as they are printed. Numbers, times and quantities are not, nor are bytes, which are printed as
//! base64, JSON text, which may have escapes, and the names of fields, which are not stored at all.

use std::collections::HashSet;

use super::{Field, Form, Kind, Label, Message, Type};

/// What numbers, booleans, times and quantities are printed as: a pattern that matches all of these texts, and a few more.
pub const COMPUTED_TEXTS: &str = concat!(
    r"true|false",
    r"|[-+]?[0-9]*(?:\.[0-9]*)?(?:[numkMGTPE]|[KMGTPE]i|[eE][-+]?[0-9]+)?",
    r"|-?[0-9]{4,}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{6})?Z",
);

/// What bytes are printed as: a pattern that matches all of these texts.
pub const BASE64_TEXTS: &str = "[A-Za-z0-9+/]*={0,2}";

/// What objects of a kind print otherwise than they store it.
#[derive(Clone, Debug, Default)]
pub struct Rendered {
    /// Names of fields, except those within `metadata.managedFields`.
    pub names: Vec<&'static str>,
    /// Root fields that have bytes within them, except the data of a Secret.
    pub bytes: Vec<u16>,
    /// Root fields that have JSON text within them, except `metadata` with its managed fields.
    pub json: Vec<u16>,
    /// Whether a root field whose name begins with `data` has named fields, so that these are among names of content.
    pub names_in_data: bool,
}

impl Rendered {
    /// Of a kind.
    ///
    /// ```
    /// use etcd_inspect_kube::schema::{Kind, Rendered};
    /// let kind = Kind::find("v1", "ConfigMap").unwrap();
    /// // `binaryData`
    /// assert_eq!(Rendered::new(kind).bytes, [3]);
    /// ```
    pub fn new(kind: &Kind) -> Self {
        let mut rendered = Self {
            names: vec!["kind", "apiVersion"],
            ..Self::default()
        };
        let mut named = HashSet::new();
        for field in kind.message().fields() {
            let (name, mut inner) = (field.name(), Walk::default());
            rendered.names.push(name);
            if kind.kind == "Secret" && name == "data" {
                continue;
            }
            inner.is_metadata = name == "metadata";
            inner.field(field);
            rendered.names_in_data |= name.starts_with("data") && !inner.names.is_empty();
            named.extend(inner.names);
            if inner.has_bytes {
                rendered.bytes.push(field.number);
            }
            if inner.has_json {
                rendered.json.push(field.number);
            }
        }
        rendered.names.extend(named);
        rendered
    }
}

/// What is below a root field.
#[derive(Default)]
struct Walk {
    is_metadata: bool,
    seen: HashSet<&'static str>,
    names: HashSet<&'static str>,
    has_bytes: bool,
    has_json: bool,
}

impl Walk {
    fn field(&mut self, field: &Field) {
        match field.kind {
            Type::Bytes => self.has_bytes = true,
            Type::Message => self.message(field.message()),
            _ => {}
        }
    }

    fn message(&mut self, message: &'static Message) {
        match message.form {
            Form::Json => self.has_json = true,
            Form::Time | Form::MicroTime | Form::Quantity | Form::IntOrString => return,
            Form::Plain | Form::List | Form::OrBool | Form::OrArray | Form::OrStrings => {}
        }
        // An UNKNOWN message has no name and no fields.
        if message.form == Form::Json || !self.seen.insert(message.name) {
            return;
        }
        for field in message.fields() {
            if self.is_metadata && field.name() == "managedFields" && field.label == Label::Repeated
            {
                continue;
            }
            self.names.insert(field.name());
            self.field(field);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_most_kinds_only_names_numbers_and_times_are_not_stored_as_they_are_printed() {
        let pod = Rendered::new(Kind::find("v1", "Pod").unwrap());
        assert!(pod.bytes.is_empty() && !pod.names_in_data);
        assert!(pod.names.contains(&"emptyDir"));
        let config = Rendered::new(Kind::find("v1", "ConfigMap").unwrap());
        assert!(config.names.contains(&"immutable") && !config.names.contains(&"fieldsV1"));
        let secret = Rendered::new(Kind::find("v1", "Secret").unwrap());
        assert!(secret.bytes.is_empty() && secret.names.contains(&"data"));
        let revision = Rendered::new(Kind::find("apps/v1", "ControllerRevision").unwrap());
        assert_eq!(revision.json, [2]);
        assert!(!revision.names_in_data);
    }
}

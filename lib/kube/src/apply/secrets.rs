//! Hidden values in output that is fed back: left out or replaced by a placeholder, never written as a mask.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::text;
use crate::mask::{BULLETS, Mask};
use crate::secret_kinds::has_numbers;

/// The text that stands for a hidden value; it has to be replaced before the object is of use.
pub const PLACEHOLDER: &str = "REPLACE_ME";

/// What becomes of objects with values that the mask hides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Secrets {
    /// The object is left out.
    #[default]
    Omit,
    /// Each hidden value becomes [`PLACEHOLDER`].
    Placeholder,
}

impl Secrets {
    /// Makes an object safe to be written and fed back.
    ///
    /// ```
    /// use etcd_inspect_kube::{apply::Secrets, mask::Mask};
    /// let mask = Mask::new(b"run");
    /// let mut secret = serde_json::json!({"kind": "Secret", "apiVersion": "v1", "data": {"a": "aHVudGVyMg=="}});
    /// assert_eq!(Secrets::Omit.apply(&mask, &mut secret), Err(1));
    /// assert_eq!(Secrets::Placeholder.apply(&mask, &mut secret), Ok(1));
    /// assert_eq!(secret["data"]["a"], "UkVQTEFDRV9NRQ==");
    /// ```
    ///
    /// # Errors
    /// The number of hidden values of an object that is to be left out. The object is then as it was.
    pub fn apply(self, mask: &Mask, object: &mut Value) -> Result<usize, usize> {
        let mut masked = object.clone();
        mask.object(&mut masked);
        let mut replaced = object.clone();
        let is_secret = text(object, "/kind") == "Secret";
        let count = replace(object, &masked, &mut replaced, is_secret, "");
        // A name that is hidden cannot be replaced, and neither can fields of which only the numbers are known.
        let is_named = object.pointer("/metadata/name") == masked.pointer("/metadata/name");
        match self {
            _ if count == 0 => Ok(0),
            Self::Placeholder if is_named && !has_numbers(object) => {
                *object = replaced;
                Ok(count)
            }
            _ => Err(count),
        }
    }
}

/// Replaces what the mask changed, and counts it. `path`: the member of the root.
fn replace(plain: &Value, masked: &Value, into: &mut Value, is_secret: bool, path: &str) -> usize {
    match (plain, masked, into) {
        (Value::Object(fields), Value::Object(others), Value::Object(into)) => {
            let mut count = 0;
            for (name, field) in fields {
                let root = if path.is_empty() { name } else { path };
                if let (Some(other), Some(into)) = (others.get(name), into.get_mut(name)) {
                    count += replace(field, other, into, is_secret, root);
                }
            }
            count
        }
        (Value::Array(items), Value::Array(others), Value::Array(into)) => {
            let each = items.iter().zip(others).zip(into);
            each.map(|((item, other), into)| replace(item, other, into, is_secret, path))
                .sum()
        }
        (plain, masked, into) if plain != masked => {
            let masked = masked.as_str().unwrap_or_default();
            *into = Value::String(
                match (is_secret && path == "data", masked.starts_with(BULLETS)) {
                    (true, _) => STANDARD.encode(PLACEHOLDER),
                    (false, true) => PLACEHOLDER.to_owned(),
                    (false, false) => without_masks(masked),
                },
            );
            1
        }
        _ => 0,
    }
}

/// A text with each mask in it replaced: `•••• fp 9c41e07a`.
fn without_masks(masked: &str) -> String {
    let mut parts = masked.split(BULLETS);
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push_str(PLACEHOLDER);
        let after = part.strip_prefix(" fp ").and_then(|rest| rest.get(8..));
        text.push_str(after.unwrap_or(part));
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_password_within_a_text_is_replaced_and_the_rest_of_the_text_stays() {
        let mask = Mask::new(b"x");
        let url = "postgres://u:hunter2@db:5432/x";
        let mut object = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "annotations": {"u": url}},
            "spec": {"containers": [{"args": ["--db", url], "env": [{"name": "U", "value": url}]}]}});
        let before = object.clone();
        assert_eq!(Secrets::Omit.apply(&mask, &mut object), Err(3));
        assert_eq!(object, before);
        assert_eq!(Secrets::Placeholder.apply(&mask, &mut object), Ok(3));
        let text = object.to_string();
        assert!(
            !text.contains(BULLETS) && !text.contains("hunter2"),
            "{text}"
        );
        assert_eq!(
            object["spec"]["containers"][0]["args"],
            json!(["--db", "postgres://u:REPLACE_ME@db:5432/x"])
        );
    }

    #[test]
    fn fields_without_names_are_never_replaced() {
        let mask = Mask::new(b"x");
        let mut object = json!({"apiVersion": "oauth.openshift.io/v1", "kind": "OAuthClient",
            "metadata": {"name": "c"}, "2": "topsecret"});
        assert_eq!(Secrets::Placeholder.apply(&mask, &mut object), Err(1));
    }

    #[test]
    fn bullets_that_are_stored_are_no_mask() {
        let mask = Mask::new(b"x");
        let mut object =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "•••• fp 12345678"}});
        assert_eq!(Secrets::Omit.apply(&mask, &mut object), Ok(0));
    }
}

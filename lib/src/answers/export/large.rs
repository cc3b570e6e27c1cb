//! Objects that plain `kubectl apply` cannot take: it keeps a copy of the object in an annotation.

use serde_json::Value;

/// Bytes that all annotations of an object may have together (`TotalAnnotationSizeLimitB` in apimachinery
/// `pkg/api/validation/objectmeta.go`, v0.34.0).
pub const LARGEST_APPLIED: usize = 256 << 10;

/// The annotation in which `kubectl apply` keeps the object.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The name of an object that is too large.
pub(super) fn name_if(object: &Value, name: &str) -> Option<String> {
    is_too_large(object).then(|| name.to_owned())
}

/// Whether the annotation of `kubectl apply` would be refused.
fn is_too_large(object: &Value) -> bool {
    let annotations = object
        .pointer("/metadata/annotations")
        .and_then(Value::as_object);
    let own: usize = annotations
        .into_iter()
        .flatten()
        .map(|(name, value)| name.len() + value.as_str().map_or(0, str::len))
        .sum();
    let copy = super::sorted(object.clone()).to_string();
    // Go escapes three more characters, each as six.
    let escaped = copy.bytes().filter(|byte| b"<>&".contains(byte)).count() * 5;
    own + LAST_APPLIED.len() + copy.len() + escaped + 1 > LARGEST_APPLIED
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_copy_and_all_annotations_have_to_fit() {
        let object = |text: &str, note: &str| json!({"data": {"a": text}, "metadata": {"annotations": {"note": note}}});
        assert!(!is_too_large(&object("x", "")));
        assert!(is_too_large(&object(&"x".repeat(LARGEST_APPLIED), "")));
        assert!(is_too_large(&object(&"<".repeat(LARGEST_APPLIED / 5), "")));
        let (half, quarter) = (LARGEST_APPLIED / 2, LARGEST_APPLIED / 4);
        assert!(!is_too_large(&object(&"x".repeat(half), "")));
        // The annotation is in the copy too.
        assert!(is_too_large(&object(
            &"x".repeat(half),
            &"y".repeat(quarter)
        )));
    }
}

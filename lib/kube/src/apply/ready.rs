//! An object made ready to be fed back: what `export`, `get --neat` and the copies of the browser have in common.

use serde_json::Value;

use super::{Keep, Removed, Secrets, recreatable};
use crate::mask::Mask;

/// What was done to an object to make it ready.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readied {
    /// What was taken out.
    pub removed: Removed,
    /// How many hidden values became a placeholder.
    pub placeholders: usize,
}

/// Takes out of an object what a cluster fills in, and makes sure that no mask is among its values. `mask`: `None` if
/// secrets are to be written.
///
/// ```
/// use etcd_inspect_kube::{apply::{Keep, Secrets, ready}, mask::Mask};
/// let mut secret = serde_json::json!({"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "a", "uid": "1"},
///     "data": {"a": "aHVudGVyMg=="}});
/// assert_eq!(ready(&mut secret.clone(), Keep::default(), Secrets::Omit, Some(&Mask::new(b"run"))), Err(1));
/// assert!(ready(&mut secret, Keep::default(), Secrets::Omit, None).is_ok());
/// assert_eq!(secret["metadata"].get("uid"), None);
/// ```
///
/// # Errors
/// The number of hidden values of an object that is not to be written.
pub fn ready(
    object: &mut Value,
    keep: Keep,
    secrets: Secrets,
    mask: Option<&Mask>,
) -> Result<Readied, usize> {
    let removed = recreatable(object, keep);
    let placeholders = match mask {
        Some(mask) => secrets.apply(mask, object)?,
        None => 0,
    };
    Ok(Readied {
        removed,
        placeholders,
    })
}

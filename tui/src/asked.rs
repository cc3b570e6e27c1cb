//! Objects that are asked for as with `get`: a resource, and which of its objects.

use etcd_inspect::answers::find::Scope;
use etcd_inspect::kubernetes::nouns;
use etcd_inspect::kubernetes::selector::{FieldSelector, LabelSelector};

/// Objects of a resource: `po -n shop -l app=web`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedObjects {
    /// As it is shown: the plural and what was asked of it.
    pub text: String,
    /// What the noun means; several for a category.
    pub targets: Vec<nouns::Target>,
    /// Only those of a namespace.
    pub namespace: Option<String>,
    /// Only those of this name.
    pub name: Option<String>,
    /// Only those with these labels.
    pub labels: LabelSelector,
    /// Only those with these fields.
    pub fields: FieldSelector,
}

impl AskedObjects {
    /// Which objects, for a query of the library.
    pub fn scope(&self) -> Scope {
        Scope {
            namespace: self.namespace.clone(),
            labels: self.labels.clone(),
            fields: self.fields.clone(),
            ..Scope::default()
        }
    }

    /// Whether keys alone tell which objects are meant.
    pub fn is_plain(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }
}

//! The conditions of a query that narrow what is read.

use std::ops::RangeInclusive;

use etcd_inspect::kubernetes::key::Key;

/// What rows must have; a field that is `None` narrows nothing.
///
/// A filter may leave rows that do not fit: whoever asked tests every condition again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// This key.
    pub key: Option<Vec<u8>>,
    /// Keys that begin so.
    pub prefix: Option<Vec<u8>>,
    /// Keys from this one on.
    pub from_key: Option<Vec<u8>>,
    /// Keys up to this one, itself included.
    pub to_key: Option<Vec<u8>>,
    /// Revisions from this one on.
    pub from_revision: Option<i64>,
    /// Revisions up to this one, itself included.
    pub to_revision: Option<i64>,
    /// The resource as the tables name it: `pods`, `deployments`, `widgets.example.com`.
    pub resource: Option<String>,
    /// The namespace.
    pub namespace: Option<String>,
    /// The name of the object.
    pub name: Option<String>,
}

impl Filter {
    /// The revisions that fit.
    pub fn revisions(&self) -> RangeInclusive<i64> {
        self.from_revision.unwrap_or(0)..=self.to_revision.unwrap_or(i64::MAX)
    }

    /// Whether a key fits; its parts are looked at by [`Filter::has_object`].
    pub fn has_key(&self, key: &[u8]) -> bool {
        self.key.as_deref().is_none_or(|only| key == only)
            && self
                .prefix
                .as_deref()
                .is_none_or(|start| key.starts_with(start))
            && self.from_key.as_deref().is_none_or(|first| key >= first)
            && self.to_key.as_deref().is_none_or(|last| key <= last)
    }

    /// Whether the parts of a key fit.
    pub fn has_object(&self, object: Option<&Key<'_>>) -> bool {
        let fits = |only: Option<&str>, have: Option<&str>| only.is_none() || only == have;
        fits(
            self.namespace.as_deref(),
            object.and_then(|object| object.namespace),
        ) && fits(self.name.as_deref(), object.map(|object| object.name))
            && self
                .resource
                .as_deref()
                .is_none_or(|only| object.is_some_and(|object| resource_name(object) == only))
    }

    /// Whether keys are asked for.
    pub fn is_of_keys(&self) -> bool {
        let wanted = [&self.key, &self.prefix, &self.from_key, &self.to_key];
        wanted.iter().any(|condition| condition.is_some())
    }

    /// Whether a part of a Kubernetes key is asked for.
    pub fn is_of_objects(&self) -> bool {
        self.resource.is_some() || self.namespace.is_some() || self.name.is_some()
    }
}

/// The name of a resource in the tables: `deployments` if Kubernetes has it, `widgets.example.com` if a CRD does.
pub(crate) fn resource_name(key: &Key<'_>) -> String {
    match key.builtin.is_none() && !key.group.is_empty() {
        true => format!("{}.{}", key.plural, key.group),
        false => key.plural.to_owned(),
    }
}

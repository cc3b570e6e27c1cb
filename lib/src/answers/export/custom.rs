//! Custom resources in a version that their CRD does not serve: an older one that stayed in etcd.

use serde_json::Value;

use super::text;
use crate::kubernetes::apply::LeftOut;
use crate::kubernetes::crd::Crd;

/// What a CRD says of the versions of its objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CustomVersions {
    /// Whether the objects have a namespace.
    pub(super) namespaced: bool,
    served: Vec<String>,
    /// The version that objects are stored in now.
    storage: String,
    /// Whether a webhook converts: without it, versions differ in their apiVersion only.
    has_webhook: bool,
}

impl CustomVersions {
    pub(super) fn from_definition(definition: &Value) -> Option<Self> {
        let crd = Crd::from_json(definition)?;
        let served = crd.versions.iter().filter(|version| version.served);
        let storage = crd.versions.iter().find(|version| version.storage);
        Some(Self {
            namespaced: crd.namespaced,
            served: served.map(|version| version.name.clone()).collect(),
            storage: storage.map_or(String::new(), |version| version.name.clone()),
            has_webhook: text(definition, "/spec/conversion/strategy") == "Webhook",
        })
    }

    /// Gives an object a version that is served, as an API server does for a CRD whose conversion strategy is `None`. Returns whether
    /// it had another.
    pub(super) fn serve(&self, object: &mut Value) -> Result<bool, LeftOut> {
        let api_version = text(object, "/apiVersion").to_owned();
        let kind = text(object, "/kind");
        let Some((group, version)) = api_version.split_once('/') else {
            return Ok(false);
        };
        if self.served.iter().any(|served| served == version) {
            return Ok(false);
        }
        let refused = |why: &str| {
            let what = format!(
                "{api_version} {kind} is not served by its CRD, and cannot be converted: {why}"
            );
            LeftOut::NotServed(what)
        };
        if self.has_webhook {
            return Err(refused("a webhook converts its versions"));
        }
        let stored = self.served.iter().find(|served| **served == self.storage);
        let to = stored
            .or(self.served.first())
            .ok_or_else(|| refused("the CRD serves no version"))?;
        if let Some(fields) = object.as_object_mut() {
            fields.insert("apiVersion".to_owned(), format!("{group}/{to}").into());
        }
        Ok(true)
    }
}

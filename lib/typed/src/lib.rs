//! Kubernetes objects of an etcd data directory as the types of [`k8s_openapi`], without a cluster.
//!
//! [`List`] adds `list::<Pod>()` to a [`Moment`] of `etcd-inspect-lib`. It is a crate of its own because k8s-openapi is a quarter
//! of a million lines, for which nothing else has to wait.

use etcd_inspect::Error;
use etcd_inspect::answers::Answer;
use etcd_inspect::dataset::Moment;
use k8s_openapi::{ListableResource, Resource};
use serde::de::DeserializeOwned;

/// The types that [`List::list`] fills: one version for the whole program.
pub use k8s_openapi;

/// Lists objects as Rust types.
pub trait List {
    /// All objects of a type, in all namespaces, in byte order of their keys.
    ///
    /// An object that does not fit the type is skipped, and reported as damage.
    ///
    /// ```
    /// use etcd_inspect::dataset::Dataset;
    /// use etcd_inspect_typed::List as _;
    /// use etcd_inspect_typed::k8s_openapi::api::core::v1::Pod;
    ///
    /// let dataset = Dataset::open("../../fixtures/k8s-1.20-etcd35.tar.zst")?;
    /// for pod in dataset.newest().list::<Pod>()?.complete()? {
    ///     println!("{:?} on {:?}", pod.metadata.name, pod.spec.and_then(|spec| spec.node_name));
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Moment::revision`].
    fn list<K>(&self) -> Result<Answer<Vec<K>>, Error>
    where
        K: Resource + ListableResource + DeserializeOwned;
}

impl List for Moment {
    fn list<K>(&self) -> Result<Answer<Vec<K>>, Error>
    where
        K: Resource + ListableResource + DeserializeOwned,
    {
        let noun = match K::GROUP {
            "" => K::URL_PATH_SEGMENT.to_owned(),
            group => format!("{}.{group}", K::URL_PATH_SEGMENT),
        };
        self.objects(noun).typed(K::KIND)
    }
}

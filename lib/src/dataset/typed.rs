//! Objects as types of `k8s-openapi`.

use k8s_openapi::{ListableResource, Resource};
use serde::de::DeserializeOwned;

use super::Moment;
use crate::codes::kubernetes::UNDECODABLE;
use located::Answer;
use located::Error;
use located::Finding;
use located::Place;

impl Moment {
    /// All objects of a type, in all namespaces, in byte order of their keys.
    ///
    /// An object that does not fit the type is skipped, and reported as damage.
    ///
    /// ```no_run
    /// use etcd_inspect::dataset::Dataset;
    /// use k8s_openapi::api::core::v1::Pod;
    ///
    /// let dataset = Dataset::open("/copy/m1")?;
    /// for pod in dataset.newest().list::<Pod>()?.complete()? {
    ///     println!("{:?} on {:?}", pod.metadata.name, pod.spec.and_then(|spec| spec.node_name));
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Moment::revision`].
    pub fn list<K>(&self) -> Result<Answer<Vec<K>>, Error>
    where
        K: Resource + ListableResource + DeserializeOwned,
    {
        let noun = match K::GROUP {
            "" => K::URL_PATH_SEGMENT.to_owned(),
            group => format!("{}.{group}", K::URL_PATH_SEGMENT),
        };
        let (objects, mut damage) = self.objects(noun).all()?.into_parts();
        let file = self.dataset.member().db_file()?.name();
        let most = self
            .dataset
            .member()
            .options()
            .evidence
            .limits
            .findings_per_code;
        let mut typed = Vec::with_capacity(objects.len());
        for object in objects {
            match object.typed() {
                Ok(object) => typed.push(object),
                Err(error) => {
                    let message = format!("{} does not fit {}: {error}", object.key, K::KIND);
                    let finding = Finding::new(&UNDECODABLE, Place::file(file), message);
                    damage.skip(finding.key(object.key.as_bytes()), most);
                }
            }
        }
        Ok(Answer::new(typed, damage))
    }
}

//! Kubernetes objects of one resource.

use rayon::prelude::*;
use serde::de::DeserializeOwned;

use super::{Moment, Object};
use crate::answers::{Answer, Key};
use crate::codes::kubernetes::UNDECODABLE;
use crate::kubernetes::selector::{FieldSelector, LabelSelector, SelectorError};
use crate::member::{Objects, Reading};
use crate::mvcc::Version;
use located::{Error, Finding, Place};

/// The objects of one resource, as far as they are wanted: narrowed by namespace, name, labels and fields.
#[derive(Clone, Debug)]
#[must_use = "nothing is read before `all`"]
pub struct Selection {
    moment: Moment,
    noun: String,
    namespace: Option<String>,
    name: Option<String>,
    labels: LabelSelector,
    fields: FieldSelector,
    reading: Reading,
}

impl Selection {
    pub(super) fn new(moment: Moment, noun: String) -> Self {
        Self {
            moment,
            noun,
            namespace: None,
            name: None,
            labels: LabelSelector::default(),
            fields: FieldSelector::default(),
            reading: Reading::default(),
        }
    }

    /// Only those of a namespace; objects without one are not affected.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }

    /// Only those of that name.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Only those whose labels fit a selector as kubectl's `-l` has it.
    ///
    /// # Errors
    /// If the selector cannot be read.
    pub fn labels(mut self, selector: &str) -> Result<Self, SelectorError> {
        self.labels = LabelSelector::parse(selector)?;
        Ok(self)
    }

    /// Only those whose fields fit a selector as kubectl's `--field-selector` has it.
    ///
    /// # Errors
    /// If the selector cannot be read.
    pub fn fields(mut self, selector: &str) -> Result<Self, SelectorError> {
        self.fields = FieldSelector::parse(selector)?;
        Ok(self)
    }

    /// How the values are read.
    pub fn reading(mut self, reading: Reading) -> Self {
        self.reading = reading;
        self
    }

    /// Reads them, in byte order of their keys. A value that cannot be decoded is skipped, and reported as damage.
    ///
    /// A noun that means nothing here gives an empty list.
    ///
    /// # Errors
    /// As [`Moment::revision`].
    pub fn all(&self) -> Result<Answer<Vec<Object>>, Error> {
        let (objects, mut damage) = self.moment.dataset.objects()?.into_parts();
        let found = self.versions(&objects)?;
        let read: Vec<Result<Option<Object>, _>> = found
            .par_iter()
            .map(|version| match objects.json(version, self.reading) {
                Ok(object) => {
                    let labels = object.pointer("/metadata/labels");
                    let fits = self.labels.matches(labels) && self.fields.matches(&object);
                    Ok(fits.then(|| owned(version, object)))
                }
                Err(cause) => Err(Box::new(objects.finding(version, &cause))),
            })
            .collect();
        let mut list = Vec::new();
        let most = objects.limits().findings_per_code;
        for read in read {
            match read {
                Ok(object) => list.extend(object),
                Err(finding) => damage.skip(*finding, most),
            }
        }
        Ok(Answer::new(list, damage))
    }

    /// As [`all`](Self::all), as a type of `k8s-openapi` or any other that serde can read; `list::<Pod>()` of the crate
    /// `etcd-inspect-typed` is shorter. An object that does not fit is skipped, and reported as damage with the `kind`.
    ///
    /// # Errors
    /// As [`Moment::revision`].
    pub fn typed<T: DeserializeOwned>(&self, kind: &str) -> Result<Answer<Vec<T>>, Error> {
        let (objects, mut damage) = self.all()?.into_parts();
        let member = self.moment.dataset.member();
        let file = self.moment.dataset.store_name()?;
        let most = member.options().evidence.limits.findings_per_code;
        let mut typed = Vec::with_capacity(objects.len());
        for object in objects {
            match object.typed() {
                Ok(object) => typed.push(object),
                Err(error) => {
                    let message = format!("{} does not fit {kind}: {error}", object.key);
                    let finding = Finding::new(&UNDECODABLE, Place::file(file), message);
                    damage.skip(finding.key(object.key.as_bytes()), most);
                }
            }
        }
        Ok(Answer::new(typed, damage))
    }

    fn versions<'a>(&self, objects: &Objects<'a>) -> Result<Vec<Version<'a>>, Error> {
        let mut targets = objects.layout().resolve(&self.noun);
        if targets.is_empty() {
            let paths = objects.paths();
            let paths = paths.iter().map(String::as_str);
            targets = objects.layout().resolve_stored(&self.noun, paths);
        }
        let mut found = Vec::new();
        for target in targets {
            let namespace = self.namespace.as_deref();
            let list = objects.list(&target, namespace, self.moment.main())?;
            found.extend(list.into_iter().filter(|version| {
                self.name.as_deref().is_none_or(|name| {
                    let key = objects.parse(version.key);
                    key.is_some_and(|key| key.name == name)
                })
            }));
        }
        Ok(found)
    }
}

fn owned(version: &Version<'_>, object: serde_json::Value) -> Object {
    let kv = version.key_value().unwrap_or_default();
    Object {
        key: Key::new(version.key),
        create_revision: kv.create_revision.into(),
        mod_revision: version.revision.main.into(),
        version: kv.version,
        object,
    }
}

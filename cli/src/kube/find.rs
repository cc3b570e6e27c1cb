//! From nouns and selectors to objects.

use std::path::Path;
use std::sync::Arc;

use etcd_inspect::kubernetes::encryption::Seal;
use etcd_inspect::kubernetes::key::Key;
use etcd_inspect::kubernetes::nouns::Target;
use etcd_inspect::kubernetes::selector::{FieldSelector, LabelSelector};
use etcd_inspect::member::{Objects, Reading, Undecodable};
use etcd_inspect::mvcc::{KeyRange, Version};
use rayon::prelude::*;
use serde_json::Value;

use super::{KubeArgs, no_such_noun, shown};
use crate::failure::{Failure, shell_word};
use crate::output::escape::{self, Charset};
use crate::ui::Ui;

/// One noun of the command line.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// What it means; several for a category.
    pub(crate) targets: Vec<Target>,
    /// One object, or all.
    pub(crate) name: Option<String>,
}

/// One object that was found.
pub(crate) struct Found<'a> {
    pub(crate) target: Arc<Target>,
    pub(crate) version: Version<'a>,
    pub(crate) object: Value,
}

/// An object's resource and name.
pub(crate) type Named = (Arc<Target>, String);

/// Objects that are in memory together.
const STRETCH: usize = 256;

/// One at a time until the first is found, then many.
fn stretch(first: bool, left: usize) -> usize {
    if first {
        left.min(1)
    } else {
        left.min(STRETCH)
    }
}

/// What is asked of the objects.
pub(crate) struct Query<'q, 'a> {
    pub(crate) objects: &'q Objects<'a>,
    pub(crate) revision: Option<i64>,
    pub(crate) namespace: Option<String>,
    labels: LabelSelector,
    fields: FieldSelector,
    reading: Reading,
    /// Values that gave no object.
    pub(crate) failed: Vec<(Vec<u8>, Undecodable)>,
}

impl<'q, 'a> Query<'q, 'a> {
    /// For these flags; without `-n` and `-A` the namespace is `default`, as for kubectl.
    pub(crate) fn new(
        objects: &'q Objects<'a>,
        args: &KubeArgs,
        revision: Option<i64>,
    ) -> Result<Self, Failure> {
        let selector = |text: &Option<String>| text.clone().unwrap_or_default();
        let wrong = |error: etcd_inspect::kubernetes::selector::SelectorError| {
            Failure::usage(error.to_string())
        };
        Ok(Self {
            objects,
            revision,
            namespace: match (&args.scope.namespace, args.scope.all_namespaces) {
                (_, true) => None,
                (Some(namespace), _) => Some(namespace.clone()),
                (None, _) => Some("default".to_owned()),
            },
            labels: LabelSelector::parse(&selector(&args.selector)).map_err(wrong)?,
            fields: FieldSelector::parse(&selector(&args.field_selector)).map_err(wrong)?,
            reading: Reading {
                stored: args.stored,
                unknown_fields: args.unknown,
            },
            failed: Vec::new(),
        })
    }

    /// What a noun means; a resource that neither the table nor a CRD knows is looked up among the stored keys.
    pub(crate) fn asked(&self, noun: &str, name: Option<String>) -> Result<Asked, Failure> {
        let mut targets = self.objects.layout().resolve(noun);
        if targets.is_empty() {
            let paths = self.objects.paths();
            targets = self
                .objects
                .layout()
                .resolve_stored(noun, paths.iter().map(String::as_str));
        }
        if targets.is_empty() {
            return Err(no_such_noun(noun, self.objects));
        }
        Ok(Asked { targets, name })
    }

    /// The objects that a noun asks for, each made into what is to be kept of it: on all cores, a stretch at a time, so that
    /// a hundred thousand objects are never in memory together. The first one of each resource is made before the others.
    ///
    /// An object asked for by name that is not there is an error that says what is known of it.
    pub(crate) fn each<T: Send>(
        &mut self,
        asked: &Asked,
        make: impl Fn(Found<'a>) -> T + Sync,
    ) -> anyhow::Result<Vec<T>> {
        let mut made = Vec::new();
        let mut any = false;
        for target in &asked.targets {
            let target = Arc::new(target.clone());
            let versions = match &asked.name {
                None => self
                    .objects
                    .list(&target, self.namespace.as_deref(), self.revision)?,
                Some(name) => self.named(&target, name)?,
            };
            let mut first = true;
            let mut rest = versions.as_slice();
            while let Some((stretch, behind)) = rest.split_at_checked(stretch(first, rest.len())) {
                if stretch.is_empty() {
                    break;
                }
                rest = behind;
                let read = stretch.par_iter().map(|version| {
                    let object = self.objects.json(version, self.reading);
                    object.map(|object| {
                        self.fits(&object).then(|| {
                            make(Found {
                                target: Arc::clone(&target),
                                version: *version,
                                object,
                            })
                        })
                    })
                });
                let read: Vec<Result<Option<T>, Undecodable>> = read.collect();
                for (read, version) in read.into_iter().zip(stretch) {
                    match read {
                        Ok(found) => {
                            any = true;
                            first &= found.is_none();
                            made.extend(found);
                        }
                        Err(cause) if asked.name.is_some() => {
                            return Err(unreadable(version, &cause).into());
                        }
                        Err(cause) => self.failed.push((version.key.to_vec(), cause)),
                    }
                }
            }
        }
        match &asked.name {
            Some(name) if !any => Err(self.missing(asked, name).into()),
            _ => Ok(made),
        }
    }

    /// The names of the objects that a noun asks for, from their keys alone; `None` where it takes the objects to tell.
    pub(crate) fn names(&self, asked: &Asked) -> anyhow::Result<Option<Vec<Named>>> {
        if asked.name.is_some() || !self.labels.is_empty() || !self.fields.is_empty() {
            return Ok(None);
        }
        let mut names = Vec::new();
        for target in &asked.targets {
            let target = Arc::new(target.clone());
            let namespace = self.namespace.as_deref();
            let mut each = |key: Key<'_>| names.push((Arc::clone(&target), key.name.to_owned()));
            self.objects
                .list_names(&target, namespace, self.revision, &mut each)?;
        }
        Ok(Some(names))
    }

    fn fits(&self, object: &Value) -> bool {
        let labels = object.pointer("/metadata/labels");
        self.labels.matches(labels) && self.fields.matches(object)
    }

    fn named(&self, target: &Target, name: &str) -> Result<Vec<Version<'a>>, etcd_inspect::Error> {
        let keyspace = self.objects.keyspace();
        let keys: Vec<Vec<u8>> = match (&self.namespace, target.namespaced) {
            // Without a namespace every object of that name is meant.
            (None, Some(true) | None) => self
                .objects
                .named(target, name)
                .into_iter()
                .map(<[u8]>::to_vec)
                .collect(),
            (namespace, _) => self.objects.keys_of(target, namespace.as_deref(), name),
        };
        let mut found = Vec::new();
        for key in keys {
            found.extend(keyspace.get(&key, self.revision)?);
        }
        if found.is_empty() && target.namespaced.is_none() {
            for key in self.objects.keys_of(target, None, name) {
                found.extend(keyspace.get(&key, self.revision)?);
            }
        }
        Ok(found)
    }

    /// Every key that a named object can have had, deleted ones included.
    pub(crate) fn keys(&self, target: &Target, name: &str) -> Vec<Vec<u8>> {
        let retained = self.objects.named(target, name);
        let within = |key: &&[u8]| match (&self.namespace, target.namespaced) {
            (Some(namespace), Some(true) | None) => self
                .objects
                .parse(key)
                .is_some_and(|parsed| parsed.namespace.is_none_or(|of| of == namespace)),
            _ => true,
        };
        retained
            .into_iter()
            .filter(within)
            .map(<[u8]>::to_vec)
            .collect()
    }

    /// Every key below a resource's path of which anything is retained, in the namespaces asked for.
    pub(crate) fn all_keys(&self, target: &Target) -> Vec<Vec<u8>> {
        let mut keys = Vec::new();
        for prefix in self.objects.layout().prefixes() {
            let namespace = self
                .namespace
                .as_deref()
                .filter(|_| target.namespaced != Some(false));
            let below = match namespace {
                Some(namespace) => format!("{prefix}/{}/{namespace}/", target.path),
                None => format!("{prefix}/{}/", target.path),
            };
            let all = self
                .objects
                .keyspace()
                .all(&KeyRange::prefix(below.as_bytes()));
            keys.extend(all.iter().map(|version| version.key.to_vec()));
        }
        keys
    }

    /// What is known of an object that does not exist at that revision.
    pub(crate) fn missing(&self, asked: &Asked, name: &str) -> Failure {
        let keyspace = self.objects.keyspace();
        let at = keyspace.at(self.revision).unwrap_or_default();
        let Some(target) = asked.targets.first() else {
            return Failure::not_found(format!("not found: {name}"));
        };
        let namespace = self
            .namespace
            .as_deref()
            .filter(|_| target.namespaced != Some(false));
        let what = shown(&target.plural, namespace, name);
        let word = |namespace: Option<&str>| {
            let noun = shell_word(Path::new(&format!("{}/{name}", target.singular)));
            namespace.map_or(noun.clone(), |namespace| {
                format!("{noun} -n {}", shell_word(Path::new(namespace)))
            })
        };
        for key in self.keys(target, name) {
            let records = keyspace.records_of(&key);
            let gone = records
                .iter()
                .rfind(|version| version.tombstone && version.revision.main <= at);
            let last = records
                .iter()
                .rfind(|version| !version.tombstone && version.revision.main <= at);
            let later = records
                .iter()
                .find(|version| !version.tombstone && version.revision.main > at);
            let get = |version: &Version<'_>| {
                format!(
                    "etcd-inspect get {} --rev {} -d {{path}}",
                    word(namespace),
                    version.revision.main
                )
            };
            if let Some(gone) = gone {
                let failure = Failure::not_found(format!(
                    "not found at rev {at}: {what} was deleted at rev {} (etcd does not record who: ask the API audit log)",
                    gone.revision.main
                ));
                return match last {
                    Some(last) => failure.next(get(&last)),
                    None => failure.next(format!(
                        "etcd-inspect history {} -d {{path}}",
                        word(namespace)
                    )),
                };
            }
            if let Some(later) = later {
                return Failure::not_found(format!(
                    "not found at rev {at}: {what} was created later"
                ))
                .next(get(&later));
            }
        }
        let failure = Failure::not_found(format!("not found at rev {at}: {what}"));
        // The same name in another namespace is the likeliest mistake.
        let elsewhere = self
            .objects
            .named(target, name)
            .into_iter()
            .find_map(|key| self.objects.parse(key)?.namespace);
        if let Some(namespace) = elsewhere {
            return failure.next(format!(
                "etcd-inspect get {} -d {{path}}",
                word(Some(namespace))
            ));
        }
        let versions = self
            .objects
            .list(target, None, self.revision)
            .unwrap_or_default();
        let names: Vec<_> = versions
            .iter()
            .take(10_000)
            .filter_map(|version| self.objects.parse(version.key))
            .collect();
        match crate::suggest::nearest(name, names.iter().map(|key| key.name)) {
            Some(near) => {
                let namespace = names
                    .iter()
                    .find(|key| key.name == near)
                    .and_then(|key| key.namespace);
                let scope = namespace
                    .map(|namespace| format!(" -n {namespace}"))
                    .unwrap_or_default();
                failure.next(format!(
                    "etcd-inspect get {}/{near}{scope} -d {{path}}",
                    target.singular
                ))
            }
            None => failure.next(format!("etcd-inspect get {} -A -d {{path}}", target.plural)),
        }
    }

    /// Says which values gave no object. `true`: some did not.
    pub(crate) fn say_failed(&self, ui: &mut Ui) -> std::io::Result<bool> {
        if self.failed.is_empty() {
            return Ok(false);
        }
        let charset = Charset::default();
        for (key, cause) in self.failed.iter().take(3) {
            ui.warn(format!(
                "{}: {}",
                escape::bytes(key, charset),
                without_key(cause, key)
            ))?;
        }
        let text = format!(
            "{} values gave no object: etcd-inspect get --undecodable -d {{path}}",
            self.failed.len()
        );
        let text = ui.filled(&text);
        ui.warn(text)?;
        Ok(true)
    }
}

/// The cause without the key, which the line has already.
fn without_key(cause: &Undecodable, key: &[u8]) -> String {
    let text = cause.to_string();
    let key = format!("{}: ", String::from_utf8_lossy(key));
    text.strip_prefix(&key).unwrap_or(&text).to_owned()
}

/// A named object whose value cannot be read.
pub(crate) fn unreadable(version: &Version<'_>, cause: &Undecodable) -> Failure {
    let key = escape::bytes(version.key, Charset::default()).into_owned();
    let mut failure = Failure::usage(format!(
        "{key} (rev {}): {}",
        version.revision.main,
        without_key(cause, version.key)
    ));
    let word = shell_word(Path::new(&key));
    match cause {
        Undecodable::Closed(closed) => {
            failure.code = etcd_inspect::codes::error::LOCKED.id;
            let sealed = version
                .key_value()
                .is_ok_and(|kv| Seal::parse(kv.value).is_some());
            if sealed && closed.tried.is_empty() {
                failure = failure.next(format!(
                    "etcd-inspect get --key {word} --encryption-config FILE -d {{path}}"
                ));
            }
            failure.next("etcd-inspect meta --encryption {path}")
        }
        _ => {
            failure.code = etcd_inspect::codes::error::MALFORMED.id;
            failure.next(format!("etcd-inspect get --key {word} -o hex -d {{path}}"))
        }
    }
}

//! From nouns and selectors to objects: what `get` and `history` ask for by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use rayon::prelude::*;
use serde_json::Value;

use super::nearest;
use crate::kubernetes::field_labels;
use crate::kubernetes::key::Key;
use crate::kubernetes::nouns::Target;
use crate::kubernetes::selector::{FieldSelector, LabelSelector};
use crate::kubernetes::{Flat, ObjectParts};
use crate::member::{Objects, Reading, Undecodable};
use crate::mvcc::{KeyRange, Keyspace, Version};
use located::text::escape;
use located::{Advice, Command, Error};

/// Objects that an answer to a mistyped name is looked for among.
const NAMES_TRIED: usize = 10_000;

/// One noun that was asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// What it means; several for a category.
    pub targets: Vec<Target>,
    /// One object, or all.
    pub name: Option<String>,
}

/// One object that was found.
#[derive(Clone, Debug)]
pub struct FoundObject<'a, O = Value> {
    /// Its resource.
    pub target: Arc<Target>,
    /// The version.
    pub version: Version<'a>,
    /// The object, or what was read of it; its secrets are not hidden.
    pub object: O,
}

impl<'a> FoundObject<'a, Flat> {
    /// The same with a tree of what was read, and with what an API server sets when it reads it.
    pub fn with_tree(self) -> FoundObject<'a> {
        let mut object = self.object.tree();
        crate::kubernetes::set_read_defaults(&mut object);
        FoundObject {
            target: self.target,
            version: self.version,
            object,
        }
    }
}

/// An object's resource and name.
pub type Named = (Arc<Target>, String);

/// Objects that are in memory together.
const STRETCH: usize = 256;

/// One at a time until the first is found, then many.
fn stretch_len(first: bool, left: usize) -> usize {
    if first {
        left.min(1)
    } else {
        left.min(STRETCH)
    }
}

/// Of which objects, and how they are read.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Only those of a namespace; `None`: of all.
    pub namespace: Option<String>,
    /// Only those with these labels.
    pub labels: LabelSelector,
    /// Only those with these fields.
    pub fields: FieldSelector,
    /// How values are read.
    pub reading: Reading,
}

impl Scope {
    fn fits(&self, object: &Value) -> bool {
        let labels = object.pointer("/metadata/labels");
        self.labels.matches(labels) && self.fields.matches(object)
    }
}

/// Why objects could not be found.
#[derive(Debug)]
#[non_exhaustive]
pub enum FindError<'a> {
    /// The question cannot be answered at all.
    Question(Error),
    /// The object that was asked for by name does not exist.
    Absent(Absent),
    /// The value of the object that was asked for by name cannot be read.
    Unreadable {
        /// Its version.
        version: Version<'a>,
        /// Why.
        cause: Box<Undecodable>,
    },
}

impl From<Error> for FindError<'_> {
    fn from(error: Error) -> Self {
        Self::Question(error)
    }
}

/// That something does not exist, with what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absent {
    /// One sentence.
    pub message: String,
    /// What to try.
    pub next: Vec<Advice>,
}

/// What is asked of the objects.
#[derive(Debug)]
pub struct Query<'q, 'a> {
    /// The objects.
    pub objects: &'q Objects<'a>,
    /// At which revision; `None`: the newest.
    pub revision: Option<i64>,
    scope: Scope,
    /// Values that could not be read, with their keys.
    pub failed: Vec<(Version<'a>, Undecodable)>,
    /// Number of names below each prefix that [`Query::names`] found: several if API servers share the etcd.
    pub by_prefix: BTreeMap<String, usize>,
}

impl<'q, 'a> Query<'q, 'a> {
    /// Of these objects.
    pub fn new(objects: &'q Objects<'a>, scope: Scope, revision: Option<i64>) -> Self {
        Self {
            objects,
            revision,
            scope,
            failed: Vec::new(),
            by_prefix: BTreeMap::new(),
        }
    }

    /// The namespace that objects are looked for in; `None`: all.
    pub fn namespace(&self) -> Option<&str> {
        self.scope.namespace.as_deref()
    }

    /// What a noun means; a resource that neither the table nor a CRD knows is looked up among the stored keys.
    /// `None` if the noun means nothing here.
    pub fn asked(&self, noun: &str, name: Option<String>) -> Option<Asked> {
        let mut targets = self.objects.layout().resolve(noun);
        if targets.is_empty() {
            let paths = self.objects.paths();
            targets = self
                .objects
                .layout()
                .resolve_stored(noun, paths.iter().map(String::as_str));
        }
        // OpenShift 4 stores resources of its own as custom ones, below their group.
        for target in &mut targets {
            let below_group = format!("{}/{}", target.group, target.plural);
            if target.group.ends_with(".openshift.io") && target.path != below_group {
                let paths = self.objects.paths();
                if !paths.contains(&target.path) && paths.contains(&below_group) {
                    target.path = below_group;
                }
            }
        }
        (!targets.is_empty()).then_some(Asked { targets, name })
    }

    /// The first field of the selector that no API server selects these objects by, with those that it does.
    pub fn unsupported_field(&self, asked: &Asked) -> Option<(String, Vec<String>)> {
        let layout = self.objects.layout();
        asked.targets.iter().find_map(|target| {
            let crd = layout
                .crds()
                .find(|crd| crd.group == target.group && crd.plural == target.plural);
            let fields = match crd {
                Some(crd) => field_labels::of_crd(crd),
                None => field_labels::of_kind(&target.kind),
            };
            let field = self.scope.fields.unsupported(&fields)?;
            Some((field, fields.into_iter().map(str::to_owned).collect()))
        })
    }

    /// The objects that a noun asks for, each made into what is to be kept of it: on all cores, some at a time, so that
    /// a hundred thousand objects are never in memory together. The first one of each resource is made before the others.
    ///
    /// # Errors
    /// An object that was asked for by name and does not exist or cannot be read; as [`Objects::list`].
    pub fn each<T: Send>(
        &mut self,
        asked: &Asked,
        make: impl Fn(FoundObject<'a>) -> T + Sync,
    ) -> Result<Vec<T>, FindError<'a>> {
        let (objects, scope) = (self.objects, self.scope.clone());
        let read = |target: &Target, version: &Version<'a>| {
            let mut object = objects.json(version, scope.reading)?;
            target.view(&mut object);
            Ok(scope.fits(&object).then_some(object))
        };
        self.each_read(asked, read, make)
    }

    /// As [`Query::each`], of no more than the parts of each object that its resource says; `None` if there are selectors, which
    /// only a whole object fits or not.
    pub fn each_flat<T: Send>(
        &mut self,
        asked: &Asked,
        parts: impl Fn(&Target) -> &'static ObjectParts + Sync,
        make: impl Fn(FoundObject<'a, Flat>) -> T + Sync,
    ) -> Option<Result<Vec<T>, FindError<'a>>> {
        let is_view = asked.targets.iter().any(Target::is_view);
        if is_view || !self.scope.labels.is_empty() || !self.scope.fields.is_empty() {
            return None;
        }
        let (objects, reading) = (self.objects, self.scope.reading);
        let read = |target: &Target, version: &Version<'a>| {
            let object = objects.flat(version, reading, parts(target))?;
            Ok(Some(object))
        };
        Some(self.each_read(asked, read, make))
    }

    /// `read`: `None` for an object that does not fit the selectors.
    fn each_read<O, T: Send>(
        &mut self,
        asked: &Asked,
        read: impl Fn(&Target, &Version<'a>) -> Result<Option<O>, Undecodable> + Sync,
        make: impl Fn(FoundObject<'a, O>) -> T + Sync,
    ) -> Result<Vec<T>, FindError<'a>> {
        let each = |target: &Arc<Target>, version: &Version<'a>| {
            let object = read(target, version)?;
            Ok(object.map(|object| {
                make(FoundObject {
                    target: Arc::clone(target),
                    version: *version,
                    object,
                })
            }))
        };
        let mut made = Vec::new();
        let mut any = false;
        for target in &asked.targets {
            let target = Arc::new(target.clone());
            let versions = self.versions(asked, &target)?;
            let mut first = true;
            let mut rest = versions.as_slice();
            while let Some((stretch, behind)) =
                rest.split_at_checked(stretch_len(first, rest.len()))
            {
                if stretch.is_empty() {
                    break;
                }
                rest = behind;
                let read = stretch.par_iter().map(|version| each(&target, version));
                let read: Vec<Result<Option<T>, Undecodable>> = read.collect();
                for (read, version) in read.into_iter().zip(stretch) {
                    match read {
                        Ok(found) => {
                            any = true;
                            first &= found.is_none();
                            made.extend(found);
                        }
                        Err(cause) if asked.name.is_some() => {
                            return Err(FindError::Unreadable {
                                version: *version,
                                cause: Box::new(cause),
                            });
                        }
                        Err(cause) => self.failed.push((*version, cause)),
                    }
                }
            }
        }
        match &asked.name {
            Some(name) if !any => Err(FindError::Absent(self.missing(asked, name))),
            _ => Ok(made),
        }
    }

    /// The versions that a noun asks for of one resource.
    fn versions(&self, asked: &Asked, target: &Target) -> Result<Vec<Version<'a>>, Error> {
        match &asked.name {
            None => {
                let namespace = self.scope.namespace.as_deref();
                self.objects.list(target, namespace, self.revision)
            }
            Some(name) => self.named(target, name),
        }
    }

    /// The names of the objects that a noun asks for, from their keys alone; `None` if only the objects can tell.
    ///
    /// # Errors
    /// As [`Objects::list_names`].
    pub fn names(&mut self, asked: &Asked) -> Result<Option<Vec<Named>>, Error> {
        let scope = &self.scope;
        if asked.name.is_some() || !scope.labels.is_empty() || !scope.fields.is_empty() {
            return Ok(None);
        }
        let mut names = Vec::new();
        for target in &asked.targets {
            let target = Arc::new(target.clone());
            let namespace = self.scope.namespace.as_deref();
            let by_prefix = &mut self.by_prefix;
            let mut each = |key: Key<'_>| {
                match by_prefix.get_mut(key.prefix) {
                    Some(count) => *count += 1,
                    None => {
                        by_prefix.insert(key.prefix.to_owned(), 1);
                    }
                }
                names.push((Arc::clone(&target), key.name.to_owned()));
            };
            self.objects
                .list_names(&target, namespace, self.revision, &mut each)?;
        }
        Ok(Some(names))
    }

    fn named(&self, target: &Target, name: &str) -> Result<Vec<Version<'a>>, Error> {
        let keyspace = self.objects.keyspace();
        let keys: Vec<Vec<u8>> = match (self.namespace(), target.namespaced) {
            // Without a namespace every object of that name is meant.
            (None, Some(true) | None) => self
                .objects
                .named(target, name)
                .into_iter()
                .map(<[u8]>::to_vec)
                .collect(),
            (namespace, _) => self.objects.keys_of(target, namespace, name),
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
    pub fn keys(&self, target: &Target, name: &str) -> Vec<Vec<u8>> {
        let retained = self.objects.named(target, name);
        let within = |key: &&[u8]| match (self.namespace(), target.namespaced) {
            (Some(namespace), Some(true) | None) => self
                .objects
                .parse(key)
                .is_some_and(|parsed| parsed.namespace.is_none_or(|own| own == namespace)),
            _ => true,
        };
        retained
            .into_iter()
            .filter(within)
            .map(<[u8]>::to_vec)
            .collect()
    }

    /// Every key below a resource's path of which anything is retained, in the namespaces asked for.
    pub fn all_keys(&self, target: &Target) -> Vec<Vec<u8>> {
        let mut keys = Vec::new();
        for prefix in self.objects.layout().prefixes() {
            let namespace = self
                .namespace()
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
    pub fn missing(&self, asked: &Asked, name: &str) -> Absent {
        let at = self
            .objects
            .keyspace()
            .at(self.revision)
            .unwrap_or_default();
        let Some(target) = asked.targets.first() else {
            return Absent {
                message: format!("not found: {name}"),
                next: vec!["etcd-inspect keys --by-resource {path}".into()],
            };
        };
        let namespaced = target.namespaced != Some(false);
        let namespace = self.namespace().filter(|_| namespaced);
        let what = shown(&target.plural, namespace, name);
        let keys = self.keys(target, name);
        let word = |command, key: &[u8]| object(command, target, namespace, name, key);
        let once = keys
            .iter()
            .find_map(|key| self.once(key, at, &what, &|command| word(command, key)));
        if let Some(absent) = once {
            return absent;
        }
        let message = format!("not found at rev {at}: {what}");
        // The same name in another namespace is the likeliest mistake.
        let named = self.objects.named(target, name).into_iter();
        let mut elsewhere =
            named.filter_map(|key| Some((key, self.objects.parse(key)?.namespace?)));
        let get = Command::inspect("get");
        let get = match elsewhere.next() {
            Some((key, namespace)) => object(get, target, Some(namespace), name, key),
            None => self.similar(get, target, name),
        };
        let next = vec![get.arg("-d").evidence().into()];
        Absent { message, next }
    }

    /// What is known of a key that exists at another revision than `at`.
    fn once(
        &self,
        key: &[u8],
        at: i64,
        what: &str,
        named: &dyn Fn(Command) -> Command,
    ) -> Option<Absent> {
        let records = self.objects.keyspace().records_of(key);
        let until = |tombstone: bool| {
            records
                .iter()
                .rfind(|version| version.tombstone == tombstone && version.revision.main <= at)
        };
        let get = |version: Version<'_>| {
            let get = named(Command::inspect("get"));
            let get = get.arg("--rev").arg(version.revision.main.to_string());
            get.arg("-d").evidence()
        };
        if let Some(gone) = until(true) {
            let message = format!(
                "not found at rev {at}: {what} was deleted at rev {} (etcd does not record who: ask the API audit log)",
                gone.revision.main
            );
            let history = || named(Command::inspect("history")).arg("-d").evidence();
            let next = vec![until(false).map_or_else(history, get).into()];
            return Some(Absent { message, next });
        }
        let later = records
            .iter()
            .find(|version| !version.tombstone && version.revision.main > at)?;
        Some(Absent {
            message: format!("not found at rev {at}: {}", only_later(what, &later, at)),
            next: vec![get(later).into()],
        })
    }

    /// Asks for the object whose name is nearest; for all of the resource if none is near.
    fn similar(&self, command: Command, target: &Target, name: &str) -> Command {
        let versions = self.objects.list(target, None, self.revision);
        let versions = versions.unwrap_or_default();
        let names: Vec<(&[u8], Key<'_>)> = versions
            .iter()
            .take(NAMES_TRIED)
            .filter_map(|version| Some((version.key, self.objects.parse(version.key)?)))
            .collect();
        let near = nearest(name, names.iter().map(|(_, parsed)| parsed.name));
        match names.iter().find(|(_, parsed)| Some(parsed.name) == near) {
            Some((key, near)) => object(command, target, near.namespace, near.name, key),
            None => command.arg(&target.plural).arg("-A"),
        }
    }
}

/// `deployment/web -n shop`: with an object as words of a command. A name that would be read as a pattern or an escape is
/// given as its key.
fn object(
    command: Command,
    target: &Target,
    namespace: Option<&str>,
    name: &str,
    key: &[u8],
) -> Command {
    if name.contains(['*', '?', '\\']) {
        return command.key(key);
    }
    let command = command.arg(format!("{}/{name}", target.singular));
    match namespace {
        Some(namespace) => command.flag("-n", namespace),
        None => command,
    }
}

/// `deployments/shop/web`: what messages call an object.
fn shown(plural: &str, namespace: Option<&str>, name: &str) -> String {
    match namespace {
        Some(namespace) => format!("{plural}/{namespace}/{name}"),
        None => format!("{plural}/{name}"),
    }
}

/// What a version after a revision says of it: it has the revision at which its key was created.
fn only_later(what: &str, later: &Version<'_>, at: i64) -> String {
    let created = later.key_value().map_or(0, |kv| kv.create_revision);
    match (1..=at).contains(&created) {
        true => format!(
            "{what} was created at rev {created} and existed, but its version of then is not kept; the next is of rev {}",
            later.revision.main
        ),
        false => format!("{what} was created later"),
    }
}

/// What is known of a raw key that does not exist at that revision: deleted when, last version where.
pub fn missing_key(key: &[u8], keyspace: &Keyspace<'_>, revision: Option<i64>) -> Absent {
    let shown = match key {
        b"" => "the empty key".to_owned(),
        key => escape::bytes(key, escape::Charset::default()).into_owned(),
    };
    let at = keyspace.at(revision).unwrap_or_default();
    let records = keyspace.records_of(key);
    let deleted = records
        .iter()
        .rfind(|version| version.tombstone && version.revision.main <= at);
    let last = records
        .iter()
        .rfind(|version| !version.tombstone && version.revision.main <= at);
    let later = records
        .iter()
        .find(|version| !version.tombstone && version.revision.main > at);
    let get = |version: Version<'_>| {
        let get = Command::inspect("get").key(key).arg("--rev");
        let get = get.arg(version.revision.main.to_string());
        Advice::from(get.arg("-d").evidence())
    };
    let history = Command::inspect("history").key(key);
    let (what, next) = match (deleted, last, later) {
        (Some(gone), last, _) => (
            format!(
                "{shown} was deleted at rev {} (etcd does not record who: ask the API audit log)",
                gone.revision.main
            ),
            vec![last.map_or_else(|| history.arg("-d").evidence().into(), get)],
        ),
        (None, _, Some(later)) => (only_later(&shown, &later, at), vec![get(later)]),
        (None, ..) => (
            format!("no version of {shown} is retained"),
            match nearest_key(key, keyspace) {
                Some(near) => vec![
                    Command::inspect("get")
                        .key(&near)
                        .arg("-d")
                        .evidence()
                        .into(),
                ],
                None => vec![
                    Advice::from(history.args(["--carved", "-d"]).evidence())
                        .then("     log and free pages may still have it"),
                    "etcd-inspect keys {path}".into(),
                ],
            },
        ),
    };
    Absent {
        message: format!("not found at rev {at}: {what}"),
        next,
    }
}

/// The live key beside a missing one that begins most like it.
fn nearest_key(key: &[u8], keyspace: &Keyspace<'_>) -> Option<Vec<u8>> {
    let parent = key.iter().rposition(|byte| *byte == b'/')?;
    let text = std::str::from_utf8(key).ok()?;
    let range = KeyRange::prefix(key.get(..=parent)?);
    let around = keyspace.live(&range, None).ok()?;
    let names: Vec<_> = around
        .iter()
        .take(NAMES_TRIED)
        .filter_map(|version| std::str::from_utf8(version.key).ok())
        .collect();
    nearest(text, names).map(|near| near.as_bytes().to_vec())
}

//! The events of a watch, in whatever form they are written.

use etcd_inspect::answers::Version;
use etcd_inspect::member::Objects;
use serde_json::{Value, json};

use crate::kube::list::{List, ranges, selects};
use crate::kube::shape::Shape;

/// One event.
#[derive(Debug)]
pub struct Event<'a> {
    /// `ADDED`, `MODIFIED`, `DELETED` or `BOOKMARK`.
    pub kind: &'static str,
    /// Its `resourceVersion`.
    pub revision: i64,
    /// What it is about.
    pub subject: Subject<'a>,
}

/// What an event is about.
#[derive(Debug)]
pub enum Subject<'a> {
    /// A stored object, as JSON with the revision of the event.
    Stored(Version<'a>, Value),
    /// An object of which only the key is known.
    Key {
        /// Its namespace.
        namespace: Option<String>,
        /// Its name.
        name: String,
    },
    /// No object: all events up to the revision were sent.
    Bookmark {
        /// Those of the first state.
        is_end_of_first_state: bool,
    },
}

/// The events of a watch.
#[derive(Debug)]
pub struct Events<'e, 'l, 'a> {
    list: &'e List<'l>,
    objects: &'e Objects<'a>,
}

impl<'e, 'l, 'a> Events<'e, 'l, 'a> {
    /// Those of a list and what follows it.
    pub fn new(list: &'e List<'l>, objects: &'e Objects<'a>) -> Self {
        Self { list, objects }
    }

    /// Every object of the moment, as if it were added now.
    pub fn first_state<E>(
        &self,
        each: &mut impl FnMut(Event<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let own = self.list.moment.revision;
        let Ok(versions) = self.list.versions(self.objects, own) else {
            return Ok(());
        };
        for version in &versions {
            if let Some(object) = self.selected(version) {
                each(stored("ADDED", version, object, version.revision.main))?;
            }
        }
        Ok(())
    }

    /// What was written after a revision, until the moment.
    pub fn history<E>(
        &self,
        after: i64,
        each: &mut impl FnMut(Event<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let list = self.list;
        let ranges = ranges(self.objects, list.served, list.path.namespace.as_deref());
        let mains = after.saturating_add(1)..=list.moment.revision;
        for version in self.objects.keyspace().between(mains) {
            let parsed = self.objects.parse(version.key);
            let fits = parsed.is_some_and(|parsed| {
                parsed.path == list.served.target.path
                    && list
                        .path
                        .name
                        .as_deref()
                        .is_none_or(|name| parsed.name == name)
            });
            if !fits || !ranges.iter().any(|range| range.contains(version.key)) {
                continue;
            }
            if let Some(event) = self.written(&version) {
                each(event)?;
            }
        }
        Ok(())
    }

    /// That everything up to the moment was sent.
    pub fn bookmark(&self, is_end_of_first_state: bool) -> Event<'a> {
        Event {
            kind: "BOOKMARK",
            revision: self.list.moment.revision,
            subject: Subject::Bookmark {
                is_end_of_first_state,
            },
        }
    }

    /// The event of one write: an object that comes to fit the selectors is added, one that ceases to is deleted.
    fn written(&self, version: &Version<'a>) -> Option<Event<'a>> {
        let main = version.revision.main;
        let before = self.before(version);
        let selected_before = || {
            let before = before.as_ref()?;
            Some(stored("DELETED", before, self.selected(before)?, main))
        };
        if version.tombstone {
            return match selected_before() {
                // The value is compacted: the key alone says what was deleted.
                None if before.is_none() && !self.list.query.selects => self.by_key(version),
                deleted => deleted,
            };
        }
        let is_new = version.key_value().is_ok_and(|kv| kv.version == 1);
        let Some(new) = self.selected(version) else {
            return selected_before();
        };
        let kind = match selected_before() {
            Some(_) => "MODIFIED",
            None if is_new || before.is_some() => "ADDED",
            None => "MODIFIED",
        };
        Some(stored(kind, version, new, main))
    }

    /// The version that a write replaced.
    fn before(&self, version: &Version<'a>) -> Option<Version<'a>> {
        let all = self.objects.keyspace().records_of(version.key);
        let before = all.iter().rfind(|other| other.revision < version.revision);
        before.filter(|before| !before.tombstone)
    }

    fn selected(&self, version: &Version<'_>) -> Option<Value> {
        let shape = Shape {
            served: self.list.served,
            mask: self.list.moment.source.mask(false),
        };
        let object = shape.object(self.objects, version).ok()?;
        selects(self.list.query, &object).then_some(object)
    }

    fn by_key(&self, version: &Version<'_>) -> Option<Event<'a>> {
        let key = self.objects.parse(version.key)?;
        Some(Event {
            kind: "DELETED",
            revision: version.revision.main,
            subject: Subject::Key {
                namespace: key.namespace.map(|namespace| namespace.to_string()),
                name: key.name.to_string(),
            },
        })
    }
}

fn stored<'a>(
    kind: &'static str,
    version: &Version<'a>,
    mut object: Value,
    revision: i64,
) -> Event<'a> {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("resourceVersion".to_owned(), json!(revision.to_string()));
    }
    Event {
        kind,
        revision,
        subject: Subject::Stored(*version, object),
    }
}

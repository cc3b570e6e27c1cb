//! The two states of a comparison, and what is found of a key in them.

use std::borrow::Cow;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::row::{DiffOp, DiffRow};
use super::{DiffKeys, DiffOptions, KeyOutcome};
use crate::kubernetes::changed::{self, changes};
use crate::kubernetes::mask::is_secret;
use crate::kubernetes::noise::noise;
use crate::member::{Objects, Reading, Undecodable};
use crate::mvcc::{KeyRange, Version};
use crate::salvage::carve::Past;
use located::Error;

/// A state: the objects of a member at a revision.
#[derive(Clone, Copy, Debug)]
pub struct DiffState<'s, 'a> {
    /// The objects.
    pub objects: &'s Objects<'a>,
    /// The revision; `None` for the newest.
    pub revision: Option<i64>,
    /// The sources below the compaction, if they were asked for.
    pub past: Option<&'s Past<'s>>,
}

impl<'a> DiffState<'_, 'a> {
    /// The versions of the keys that exist in this state, in byte order.
    pub(super) fn versions(&self, keys: &DiffKeys) -> Result<Vec<Version<'a>>, Error> {
        let keyspace = self.objects.keyspace();
        match keys {
            DiffKeys::All => {
                let live = keyspace.live(&KeyRange::all(), self.revision)?;
                Ok(live.iter().collect())
            }
            DiffKeys::Namespace(namespace) => {
                let live = keyspace.live(&KeyRange::all(), self.revision)?;
                let within = |version: &Version<'_>| {
                    self.objects.parse(version.key).is_some_and(|key| {
                        key.namespace == Some(namespace)
                            || key.path == "namespaces" && key.name == namespace
                    })
                };
                Ok(live.iter().filter(within).collect())
            }
            DiffKeys::Named(keys) => {
                let mut keys: Vec<&Vec<u8>> = keys.iter().collect();
                keys.sort();
                keys.dedup();
                let mut found = Vec::with_capacity(keys.len());
                for key in keys {
                    found.extend(keyspace.get(key, self.revision)?);
                }
                Ok(found)
            }
        }
    }

    fn is_uncertain(&self, key: &[u8]) -> bool {
        let at = self
            .revision
            .unwrap_or_else(|| self.objects.keyspace().revision());
        self.past.is_some_and(|past| !past.is_certain(key, at))
    }

    /// The object of a version; `None` if its value is none.
    fn object(&self, version: &Version<'_>) -> Option<Value> {
        self.objects.layout().resource(version.key)?;
        self.objects.json(version, Reading::default()).ok()
    }

    /// Whether a value is encrypted, and no key at hand opens it.
    fn is_closed(&self, version: &Version<'_>) -> bool {
        matches!(
            self.objects.json(version, Reading::default()),
            Err(Undecodable::Closed(_))
        )
    }
}

/// Two states that are compared.
#[derive(Clone, Copy, Debug)]
pub struct StatePair<'s, 'a, 'b> {
    /// The older one.
    pub before: &'s DiffState<'s, 'a>,
    /// The newer one.
    pub after: &'s DiffState<'s, 'b>,
    /// How.
    pub how: DiffOptions<'s>,
}

/// A version with its object, if its value is one.
struct ReadValue<'v> {
    version: Option<&'v Version<'v>>,
    value: &'v [u8],
    object: Option<Value>,
}

impl StatePair<'_, '_, '_> {
    pub(super) fn is_uncertain(&self, pair: &(Option<Version<'_>>, Option<Version<'_>>)) -> bool {
        let key = pair.0.as_ref().map(|version| version.key);
        let Some(key) = key.or(pair.1.as_ref().map(|version| version.key)) else {
            return false;
        };
        self.before.is_uncertain(key) || self.after.is_uncertain(key)
    }

    /// What is found of one key.
    pub(super) fn outcome(
        &self,
        old: Option<&Version<'_>>,
        new: Option<&Version<'_>>,
    ) -> KeyOutcome {
        let Some(key) = old.or(new).map(|version| version.key) else {
            return KeyOutcome::Equal;
        };
        let (old_value, new_value) = (value_of(old), value_of(new));
        if old.is_some() && new.is_some() && old_value == new_value {
            let same = old.map(|version| version.revision) == new.map(|version| version.revision);
            return match (same, self.how.all) {
                (true, _) => KeyOutcome::Equal,
                (false, false) => KeyOutcome::Noise("writes of the same value again"),
                (false, true) => {
                    self.row(DiffOp::Rewritten, key, &read(old, None), &read(new, None))
                }
            };
        }
        let before = read(old, old.and_then(|version| self.before.object(version)));
        let after = read(new, new.and_then(|version| self.after.object(version)));
        if !self.how.all
            && let Some(what) = self.noise(&before, &after)
        {
            return KeyOutcome::Noise(what);
        }
        let op = match (old, new) {
            (None, _) => DiffOp::Added,
            (_, None) => DiffOp::Removed,
            (Some(old), Some(new)) if self.before.is_closed(old) || self.after.is_closed(new) => {
                DiffOp::Closed
            }
            _ => DiffOp::Changed,
        };
        self.row(op, key, &before, &after)
    }

    fn noise(&self, before: &ReadValue<'_>, after: &ReadValue<'_>) -> Option<&'static str> {
        let is_event = |object: &Option<Value>| {
            let kind = object.as_ref().and_then(|object| object.get("kind"));
            kind.and_then(Value::as_str) == Some("Event")
        };
        if is_event(&before.object) || is_event(&after.object) {
            return (!self.how.events).then_some("Events");
        }
        let (old, new) = (before.object.as_ref()?, after.object.as_ref()?);
        noise(old, new, &changes(old, new))
    }

    fn row(
        &self,
        op: DiffOp,
        key: &[u8],
        before: &ReadValue<'_>,
        after: &ReadValue<'_>,
    ) -> KeyOutcome {
        let masked = |object: &Option<Value>| {
            object.clone().map(|mut object| {
                if let Some(mask) = self.how.mask {
                    mask.object(&mut object);
                }
                object
            })
        };
        let (old, new) = (masked(&before.object), masked(&after.object));
        let changes = match (&old, &new) {
            (Some(old), Some(new)) => changes(old, new),
            _ => Vec::new(),
        };
        let parsed = self
            .after
            .objects
            .parse(key)
            .or(self.before.objects.parse(key));
        let text = |object: Option<Value>, read: &ReadValue<'_>| match object {
            Some(object) if self.how.all => changed::yaml(&object),
            Some(object) => changed::comparable(object),
            None => self.plain(key, read),
        };
        KeyOutcome::Differs(Box::new(DiffRow {
            op,
            key: key.to_vec(),
            resource: parsed.as_ref().map(|key| key.plural.to_owned()),
            namespace: parsed
                .as_ref()
                .and_then(|key| key.namespace)
                .map(str::to_owned),
            name: parsed.as_ref().map(|key| key.name.to_owned()),
            revisions: [before, after]
                .map(|read| read.version.map(|version| version.revision.main)),
            changes,
            before: text(old, before),
            after: text(new, after),
            context: self.how.context,
        }))
    }

    /// A value that is no object: text as it is; of anything else the size, and enough to see that it differs.
    fn plain(&self, key: &[u8], read: &ReadValue<'_>) -> String {
        if read.version.is_none() {
            return String::new();
        }
        let value = read.value;
        let layout = self.after.objects.layout();
        let text = match self.how.mask {
            Some(mask) if is_secret(layout, key, value) => {
                return format!("{} ({} bytes)\n", mask.hidden(value), value.len());
            }
            Some(mask) => mask.bytes(value),
            None => Cow::Borrowed(value),
        };
        match std::str::from_utf8(&text) {
            Ok(text) if text.ends_with('\n') => text.to_owned(),
            Ok(text) => format!("{text}\n"),
            Err(_) => {
                let digest = Sha256::digest(value);
                let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
                format!("{} bytes, sha256 {hex}\n", value.len())
            }
        }
    }
}

fn value_of<'v>(version: Option<&Version<'v>>) -> &'v [u8] {
    let kv = version.and_then(|version| version.key_value().ok());
    kv.map_or(&[], |kv| kv.value)
}

fn read<'v>(version: Option<&'v Version<'v>>, object: Option<Value>) -> ReadValue<'v> {
    ReadValue {
        version,
        value: value_of(version),
        object,
    }
}

//! Values asked for by raw key: decoded where they are objects, hidden where they are secret.

use std::borrow::Cow;

use etcd_inspect::kubernetes::mask::{Mask, is_secret};
use etcd_inspect::member::{Objects, Reading};
use etcd_inspect::mvcc::{KeyValue, Version};
use serde_json::Value;

use super::KubeArgs;

/// Reads values for printing.
pub(crate) struct Values<'q, 'a> {
    objects: &'q Objects<'a>,
    mask: Option<Mask>,
    reading: Reading,
}

/// What is printed of a value.
pub(crate) enum Shown<'v> {
    /// A Kubernetes object, its secrets hidden.
    Object(Box<Value>),
    /// A value that is secret and no object: its fingerprint.
    Hidden(String),
    /// The bytes as they are stored.
    Bytes(Cow<'v, [u8]>),
}

impl<'q, 'a> Values<'q, 'a> {
    /// For these flags; `mask`: `None` if secrets are to be shown.
    pub(crate) fn new(objects: &'q Objects<'a>, args: &KubeArgs, mask: Option<Mask>) -> Self {
        let reading = Reading {
            stored: args.stored,
            unknown_fields: args.unknown,
        };
        Self {
            objects,
            mask,
            reading,
        }
    }

    /// The value of a version.
    pub(crate) fn shown<'v>(&self, version: &Version<'v>, kv: &KeyValue<'v>) -> Shown<'v> {
        if self.objects.layout().resource(version.key).is_some()
            && let Ok(mut object) = self.objects.json(version, self.reading)
        {
            if let Some(mask) = &self.mask {
                mask.object(&mut object);
            }
            return Shown::Object(Box::new(object));
        }
        self.bytes(version.key, kv)
    }

    /// The value of a version, never decoded.
    pub(crate) fn bytes<'v>(&self, key: &[u8], kv: &KeyValue<'v>) -> Shown<'v> {
        match &self.mask {
            Some(mask) if is_secret(self.objects.layout(), key, kv.value) => {
                Shown::Hidden(format!(
                    "{} ({} bytes; --reveal shows them)",
                    mask.hidden(kv.value),
                    kv.value.len()
                ))
            }
            Some(mask) => Shown::Bytes(mask.bytes(kv.value)),
            None => Shown::Bytes(Cow::Borrowed(kv.value)),
        }
    }
}

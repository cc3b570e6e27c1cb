//! How Secrets are stored.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::kubernetes::encryption::Seal;
use crate::member::Objects;
use located::Error;

/// How Secrets are stored: readable by whoever has the file, or encrypted with which key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SecretsStatus {
    /// Number of Secrets.
    pub count: u64,
    /// Those in plaintext.
    pub plaintext: u64,
    /// The others, by provider and key.
    pub closed: BTreeMap<String, u64>,
}

impl SecretsStatus {
    /// `None` if there are no Secrets.
    ///
    /// # Errors
    /// None: the keyspace was read already.
    pub fn read(objects: &Objects<'_>) -> Result<Option<Self>, Error> {
        let mut closed: BTreeMap<String, u64> = BTreeMap::new();
        let mut count = 0u64;
        for target in objects.layout().resolve("secrets") {
            for version in objects.list(&target, None, None)? {
                count += 1;
                let seal = version.key_value().ok().and_then(|kv| {
                    let seal = Seal::parse(kv.value)?;
                    Some(format!("{} {}", seal.provider, seal.name()))
                });
                *closed.entry(seal.unwrap_or_default()).or_default() += 1;
            }
        }
        let plaintext = closed.remove("").unwrap_or(0);
        Ok((count > 0).then_some(Self {
            count,
            plaintext,
            closed,
        }))
    }
}

//! Values that give no object: damaged, encrypted without a key, or nested too deep.

use std::collections::{BTreeMap, HashSet};

use crate::check::Skipped;
use crate::codes::kubernetes as codes;
use crate::kubernetes::encryption::Seal;
use crate::member::{Objects, Undecodable};
use crate::mvcc::Version;
use located::{FileName, Finding, Place, Sink};

/// Bytes shown before and after the bad one.
const BYTES_AROUND: usize = 8;

/// A value that gives no object.
pub(super) enum Unread {
    /// Damaged, or refused by the keys that were given.
    Damaged(Finding),
    /// Encrypted, and refused by the key of that name.
    Refused {
        /// `secrets`.
        resource: String,
        /// `aescbc key1`.
        seal: String,
        /// What it is if the key opens other values.
        finding: Finding,
    },
    /// Encrypted, and the key that opens it was not given: nothing is known to be wrong.
    Locked {
        /// `secrets`.
        resource: String,
        /// `aescbc key1`.
        seal: String,
    },
    /// Nested deeper, or larger when it is decoded, than the limit: nothing is known to be wrong.
    OverLimit {
        /// The key.
        key: String,
        /// The cause, with the limit.
        why: String,
    },
}

impl Unread {
    pub(super) fn new(
        objects: &Objects<'_>,
        version: Version<'_>,
        is_live: bool,
        cause: &Undecodable,
    ) -> Self {
        match cause {
            over if over.is_over_limit() => Self::OverLimit {
                key: crate::raft::key_in_message(version.key),
                why: cause.to_string(),
            },
            Undecodable::Closed(closed) if closed.lacks_key() => {
                let resource = objects.layout().resource(version.key).unwrap_or_default();
                Self::Locked {
                    resource: String::from_utf8_lossy(resource).into_owned(),
                    seal: closed.seal.clone(),
                }
            }
            Undecodable::Closed(closed) if closed.flaw.is_none() => {
                let resource = objects.layout().resource(version.key).unwrap_or_default();
                Self::Refused {
                    resource: String::from_utf8_lossy(resource).into_owned(),
                    seal: closed.seal.clone(),
                    finding: finding(objects, version, is_live, cause),
                }
            }
            _ => Self::Damaged(finding(objects, version, is_live, cause)),
        }
    }

    pub(super) fn is_locked(&self) -> bool {
        matches!(self, Self::Locked { .. } | Self::Refused { .. })
    }
}

fn finding(
    objects: &Objects<'_>,
    version: Version<'_>,
    is_live: bool,
    cause: &Undecodable,
) -> Finding {
    let value = version.key_value().unwrap_or_default().value;
    let mut finding = objects.finding(&version, cause);
    match cause {
        Undecodable::Value { .. } if !is_live => finding.code = &codes::UNDECODABLE_HISTORY,
        _ => {}
    }
    finding.severity = finding.code.severity;
    let is_encrypted = Seal::parse(value).is_some();
    // The offset in the plaintext of an encrypted value says nothing about the stored bytes.
    let offset = match cause {
        Undecodable::Value { at, .. } if !is_encrypted => at.unwrap_or(0).min(value.len()),
        _ => 0,
    };
    // The bytes of a secret are not for reports. Encrypted ones give nothing away.
    let is_secret =
        !is_encrypted && (objects.parse(version.key)).is_some_and(|key| key.is_secret());
    let seen = if value.is_empty() {
        "an empty value".to_owned()
    } else if is_secret {
        format!("byte {offset} of {} of a secret", value.len())
    } else {
        let hex = hex_around(value, offset);
        format!("{hex} around byte {offset} of {}", value.len())
    };
    finding.seen(seen, "an object")
}

fn hex_around(value: &[u8], offset: usize) -> String {
    let from = offset.saturating_sub(BYTES_AROUND);
    let to = offset.saturating_add(BYTES_AROUND).min(value.len());
    let bytes = value.get(from..to).unwrap_or_default();
    let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    hex.join(" ")
}

/// One finding per damaged value, one for all that no key was given for; returns what was not looked into.
/// `has_keys`: whether any key was given. `opened`: the keys that opened other values. A key that opens none is another key under
/// the right name: nothing is known to be wrong with the values.
pub(super) fn report(
    unread: Vec<Unread>,
    has_keys: bool,
    opened: &HashSet<String>,
    file: &FileName,
    report: &mut Sink<'_>,
) -> Vec<Skipped> {
    let mut locked: BTreeMap<(String, String), u64> = BTreeMap::new();
    let mut refused: BTreeMap<(String, String), u64> = BTreeMap::new();
    let mut over_limit: Option<(u64, String, String)> = None;
    for one in unread {
        match one {
            Unread::Damaged(finding) => report(finding),
            Unread::Refused { seal, finding, .. } if opened.contains(&seal) => report(finding),
            Unread::Refused { resource, seal, .. } => {
                let count = refused.entry((resource, seal)).or_default();
                *count = count.saturating_add(1);
            }
            Unread::Locked { resource, seal } => {
                let count = locked.entry((resource, seal)).or_default();
                *count = count.saturating_add(1);
            }
            Unread::OverLimit { key, why } => {
                let (count, ..) = over_limit.get_or_insert((0, key, why));
                *count = count.saturating_add(1);
            }
        }
    }
    if !locked.is_empty() {
        report(locked_finding(&locked, has_keys, file));
    }
    if !refused.is_empty() {
        report(refused_finding(&refused, file));
    }
    let skipped = over_limit.map(|(count, first, why)| Skipped {
        what: match count {
            1 => format!("the value of {first}"),
            count => format!("{count} Kubernetes values, the first is that of {first}"),
        },
        why,
    });
    skipped.into_iter().collect()
}

fn refused_finding(refused: &BTreeMap<(String, String), u64>, file: &FileName) -> Finding {
    let count: u64 = refused.values().sum();
    let names: Vec<String> = refused
        .iter()
        .map(|((resource, seal), count)| format!("{count} {resource} with {seal}"))
        .collect();
    let values = if count == 1 { "value is" } else { "values are" };
    let message = format!(
        "{count} {values} encrypted and not checked: the key of that name that was given opens none of them, so it is another key than the one that wrote them (--encryption-config of that time): {}",
        names.join(", ")
    );
    Finding::new(&codes::CLOSED, Place::file(file), message).count(count)
}

fn locked_finding(
    locked: &BTreeMap<(String, String), u64>,
    has_keys: bool,
    file: &FileName,
) -> Finding {
    let count: u64 = locked.values().sum();
    let names: Vec<String> = locked
        .iter()
        .map(|((resource, seal), count)| format!("{count} {resource} with {seal}"))
        .collect();
    let values = if count == 1 { "value is" } else { "values are" };
    let why = if has_keys {
        "none of the keys that were given is for it"
    } else {
        "no key was given"
    };
    let kms = locked.keys().any(|(_, seal)| seal.starts_with("kms"));
    let other = locked.keys().any(|(_, seal)| !seal.starts_with("kms"));
    let flags = match (kms, other) {
        (true, false) => "--kms-keys",
        (true, true) => "--encryption-config and --kms-keys",
        _ => "--encryption-config",
    };
    let message = format!(
        "{count} {values} encrypted and not checked, because {why} ({flags}): {}",
        names.join(", ")
    );
    Finding::new(&codes::CLOSED, Place::file(file), message).count(count)
}

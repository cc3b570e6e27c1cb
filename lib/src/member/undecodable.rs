//! Why a version gives no object.

use crate::kubernetes::encryption::Closed;
use crate::kubernetes::{MAX_VALUE_DEPTH, VALUE_MEMORY};
use crate::mvcc::{Flaw, Version};
use located::Place;

/// Why a version gives no object.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Undecodable {
    /// The key was deleted there.
    Deleted,
    /// The record itself breaks.
    Record(Flaw),
    /// Encrypted, and no key at hand opens it.
    Closed(Closed),
    /// The value cannot be read as an object.
    Value {
        /// `protobuf`, `json`, `cbor`, `other`.
        encoding: &'static str,
        /// What is wrong, without the place.
        why: String,
        /// Offset of the bad byte in the value, after decryption.
        at: Option<usize>,
        /// The bad byte in the file; the beginning of the value if that was encrypted. `None` if the value is in no file in
        /// this form.
        place: Option<Place>,
    },
    /// The value nests deeper than [`Limits::value_depth`](located::Limits::value_depth): nothing is known to be wrong with it.
    TooDeep {
        /// The limit in levels.
        limit: u64,
    },
    /// Decoded, the value takes more memory than [`Limits::value_memory`](located::Limits::value_memory): nothing is known to be
    /// wrong with it.
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
}

impl Undecodable {
    /// What a limit of ours left out; `option` raises it.
    pub(super) fn over_limit(limit: u64, option: &str) -> Self {
        match option == VALUE_MEMORY {
            true => Self::TooLarge { limit },
            false => Self::TooDeep { limit },
        }
    }

    /// Whether a limit of ours left the value out.
    pub fn is_over_limit(&self) -> bool {
        matches!(self, Self::TooDeep { .. } | Self::TooLarge { .. })
    }

    /// Whether the stored bytes are damaged: `false` for what another program than kube-apiserver wrote, for what no key was given
    /// for, and for what our limits leave out.
    pub fn is_damage(&self, version: &Version<'_>) -> bool {
        match self {
            Self::Deleted | Self::TooDeep { .. } | Self::TooLarge { .. } => false,
            Self::Record(_) => true,
            Self::Closed(closed) => !closed.lacks_key(),
            // Any text may begin with a brace; an object of Kubernetes names its version.
            Self::Value { encoding, .. } if *encoding == "json" => {
                let value = version.key_value().map(|kv| kv.value).unwrap_or_default();
                memchr::memmem::find(value, b"apiVersion").is_some()
            }
            Self::Value { encoding, .. } => *encoding != "other",
        }
    }
}

impl std::error::Error for Undecodable {}

impl std::fmt::Display for Undecodable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Deleted => f.write_str("deleted"),
            Self::Record(flaw) => write!(f, "the record breaks: {flaw}"),
            Self::Closed(closed) => closed.fmt(f),
            Self::Value { encoding, why, .. } => {
                write!(f, "not a Kubernetes object ({encoding}): {why}")
            }
            Self::TooDeep { limit }
                if usize::try_from(*limit).is_ok_and(|limit| limit >= MAX_VALUE_DEPTH) =>
            {
                write!(
                    f,
                    "nested deeper than {limit} levels, the most that are read"
                )
            }
            Self::TooLarge { limit } => write!(
                f,
                "larger when decoded than the limit of {} MiB (raise it with {VALUE_MEMORY})",
                limit >> 20
            ),
            Self::TooDeep { limit } => write!(
                f,
                "nested deeper than the limit of {limit} levels (raise it with --value-depth, up to {MAX_VALUE_DEPTH})"
            ),
        }
    }
}

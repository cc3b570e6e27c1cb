//! Why the data of an entry is no message.

use std::fmt;
use std::sync::LazyLock;

use prost::{DecodeError, Message};

/// Why the data of an entry cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecodeFailure {
    /// A string is not UTF-8. gogo/protobuf, which etcd up to 3.6 is built with, accepts such strings: the entry is applied.
    NotUtf8(DecodeError),
    /// The bytes are not the message of the type.
    Malformed(DecodeError),
    /// No message belongs to this entry type.
    UnknownType(u32),
}

impl fmt::Display for DecodeFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotUtf8(error) | Self::Malformed(error) => error.fmt(f),
            Self::UnknownType(raw) => write!(f, "{raw} is not an entry type"),
        }
    }
}

impl From<DecodeError> for DecodeFailure {
    fn from(error: DecodeError) -> Self {
        // prost keeps the kind of its errors to itself. What it reports for a string that is not UTF-8 is taken from prost.
        static NOT_UTF8: LazyLock<Option<String>> = LazyLock::new(|| {
            let error = String::decode(&[0x0a, 1, 0xff][..]).err()?.to_string();
            Some(error.rsplit_once(": ")?.1.to_owned())
        });
        let text = error.to_string();
        match NOT_UTF8.as_deref() {
            Some(reason) if text.ends_with(reason) => Self::NotUtf8(error),
            _ => Self::Malformed(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::{EntryType, Payload, Request};

    #[test]
    fn strings_that_are_not_utf8_differ_from_other_damage() {
        // AuthUserAdd (field 1100) with a name of one byte.
        let request = |name: &[u8]| [&[0xe2, 0x44, 3, 0x0a, 1], name].concat();
        assert_eq!(Request::decode(&request(b"a")).name(), "auth_user_add");
        assert!(matches!(
            Request::decode(&request(&[0xff])),
            Request::Undecodable(DecodeFailure::NotUtf8(_))
        ));
        assert!(matches!(
            Request::decode(&request(b"")),
            Request::Undecodable(DecodeFailure::Malformed(_))
        ));
    }

    #[test]
    fn an_unknown_type_is_named() {
        let Payload::Undecodable(why) = Payload::decode(EntryType::Other(7), b"") else {
            panic!("decoded");
        };
        assert_eq!(why.to_string(), "7 is not an entry type");
    }
}

//! Ids of members, clusters and leases.

use std::fmt;
use std::str::FromStr;

/// The id of a member; printed with 16 hexadecimal digits, so that no program rounds it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MemberId(pub u64);

/// The id of a lease; printed as `etcdctl lease list` does, with 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LeaseId(pub i64);

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Display for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl serde::Serialize for MemberId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl serde::Serialize for LeaseId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Text that is no hexadecimal id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a hexadecimal id of at most 16 digits")]
pub struct NoId;

impl FromStr for MemberId {
    type Err = NoId;

    /// 1 to 16 hexadecimal digits, as etcd prints them, padded or not.
    fn from_str(text: &str) -> Result<Self, NoId> {
        let digits = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let id = digits.then(|| u64::from_str_radix(text, 16));
        id.and_then(Result::ok).map(Self).ok_or(NoId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_padded_when_printed_and_need_not_be_when_read() {
        assert_eq!(
            MemberId(0xd88_12d7_cd4d_463e).to_string(),
            "0d8812d7cd4d463e"
        );
        assert_eq!(
            "d8812d7cd4d463e".parse(),
            Ok(MemberId(0xd88_12d7_cd4d_463e))
        );
        assert_eq!("+1".parse::<MemberId>(), Err(NoId));
        assert_eq!("".parse::<MemberId>(), Err(NoId));
        assert_eq!(LeaseId(-1).to_string(), "ffffffffffffffff");
    }
}

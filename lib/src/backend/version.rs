//! Versions as etcd stores them: `3.5.0`.

use std::fmt;
use std::str::FromStr;

/// A version of etcd. That of a cluster or a storage has patch 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EtcdVersion {
    /// 3.
    pub major: u64,
    /// 4 to 7, so far.
    pub minor: u64,
    /// The patch release.
    pub patch: u64,
}

impl EtcdVersion {
    /// The newest minor version whose rules this library knows.
    pub const NEWEST_KNOWN: Self = Self::new(3, 7, 0);

    /// A version.
    pub const fn new(major: u64, minor: u64, patch: u64) -> Self {
        Self {
            major,
            minor,
            patch,
        }
    }

    /// Whether it is of a newer minor version than this library knows.
    pub fn is_unknown(&self) -> bool {
        (self.major, self.minor) > (Self::NEWEST_KNOWN.major, Self::NEWEST_KNOWN.minor)
    }
}

impl fmt::Display for EtcdVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// As text, `"3.5.0"`.
impl serde::Serialize for EtcdVersion {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Text that is no version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a version of the form 3.5.0")]
pub struct NoVersion;

impl FromStr for EtcdVersion {
    type Err = NoVersion;

    /// `3.5.0`, also followed by a pre-release or build, and `3.5` without a patch.
    fn from_str(text: &str) -> Result<Self, NoVersion> {
        let numbers = text.split(['-', '+']).next().unwrap_or_default();
        let mut parts = numbers.split('.').map(|part| match part {
            _ if part.bytes().all(|byte| byte.is_ascii_digit()) => {
                part.parse().map_err(|_| NoVersion)
            }
            _ => Err(NoVersion),
        });
        let version = Self {
            major: parts.next().ok_or(NoVersion)??,
            minor: parts.next().ok_or(NoVersion)??,
            patch: parts.next().unwrap_or(Ok(0))?,
        };
        parts.next().is_none().then_some(version).ok_or(NoVersion)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_versions_are_read_and_others_refused() {
        assert_eq!("3.5.0".parse(), Ok(EtcdVersion::new(3, 5, 0)));
        assert_eq!("3.6.0-alpha.0".parse(), Ok(EtcdVersion::new(3, 6, 0)));
        assert_eq!("3.6".parse(), Ok(EtcdVersion::new(3, 6, 0)));
        for wrong in [
            "",
            "3",
            "3..1",
            "v3.5.0",
            "3.5.0.1",
            "+3.5",
            "99999999999999999999.1",
        ] {
            assert_eq!(wrong.parse::<EtcdVersion>(), Err(NoVersion), "{wrong}");
        }
        assert!(EtcdVersion::new(3, 8, 0).is_unknown() && !EtcdVersion::new(3, 7, 9).is_unknown());
    }
}

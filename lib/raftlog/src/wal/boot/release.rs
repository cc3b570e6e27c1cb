//! Releases of etcd, as far as they read a log differently.

use std::fmt;
use std::str::FromStr;

/// A release of etcd 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Release {
    /// 5 in 3.5.30.
    pub minor: u32,
    /// 30 in 3.5.30.
    pub patch: u32,
}

impl Release {
    /// 3.`minor`.`patch`.
    pub fn new(minor: u32, patch: u32) -> Self {
        Self { minor, patch }
    }
}

/// No release has such a patch number: the newest of its minor version is meant.
const NEWEST: u32 = 99;

/// `3.5.30`; `3.5` for its newest release.
impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.patch {
            NEWEST.. => write!(f, "3.{}", self.minor),
            patch => write!(f, "3.{}.{patch}", self.minor),
        }
    }
}

impl FromStr for Release {
    type Err = String;

    /// `3.5.30`, `v3.5.30`; `3.5` is its newest release.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no release of etcd 3 such as 3.5.30");
        let digits = text.strip_prefix('v').unwrap_or(text);
        let mut parts = digits.split('.');
        if parts.next() != Some("3") {
            return Err(wrong());
        }
        let minor = parts.next().and_then(|part| part.parse().ok());
        let patch = match parts.next() {
            None => Some(u32::MAX),
            Some(part) => part.parse().ok(),
        };
        match (minor, patch, parts.next()) {
            (Some(minor), Some(patch), None) => Ok(Self { minor, patch }),
            _ => Err(wrong()),
        }
    }
}

/// How a release guards against a length that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guard {
    /// It just allocates that much.
    None,
    /// 10 MiB at most, else it refuses.
    TenMebibytes,
    /// What is left of the file, else it refuses, or repairs.
    FileSize { repairs: bool },
}

impl Guard {
    pub fn for_release(release: Release) -> Self {
        match (release.minor, release.patch) {
            (..=4, ..=9) => Self::None,
            (..=4, _) | (5, ..=4) => Self::TenMebibytes,
            (5, 5..=6) => Self::FileSize { repairs: false },
            _ => Self::FileSize { repairs: true },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_read_as_people_write_them() {
        assert_eq!("v3.5.7".parse(), Ok(Release::new(5, 7)));
        assert_eq!("3.6".parse(), Ok(Release::new(6, u32::MAX)));
        assert!("4.0".parse::<Release>().is_err() && "3".parse::<Release>().is_err());
        let repairs = |text: &str| Guard::for_release(text.parse().unwrap());
        assert_eq!(repairs("3.4.23"), Guard::TenMebibytes);
        assert_eq!(repairs("3.5.6"), Guard::FileSize { repairs: false });
        assert_eq!(repairs("3.7.1"), Guard::FileSize { repairs: true });
    }
}

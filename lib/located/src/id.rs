//! Ids and positions that every format shares: revisions, raft terms and indexes, members, clusters, leases.
//!
//! Each is a number of its own type, so that a term is never compared with an index. Counters serialize as numbers; ids of
//! members, clusters and leases as 16 hexadecimal digits, because JSON readers round integers above 2⁵³.

use std::fmt;
use std::str::FromStr;

/// Text that is not a hexadecimal id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a hexadecimal id of at most 16 digits")]
pub struct NoId;

/// Declares a newtype over an integer with what every id has.
macro_rules! newtype {
    ($(#[$doc:meta])* $name:ident($int:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub $int);

        impl $name {
            /// Returns the plain number.
            pub const fn get(self) -> $int {
                self.0
            }
        }

        impl From<$int> for $name {
            fn from(number: $int) -> Self {
                Self(number)
            }
        }

        impl fmt::LowerHex for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::LowerHex::fmt(&self.0, f)
            }
        }

        impl From<$name> for $int {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    };
}

/// Declares a counter: decimal in text and JSON, with saturating steps.
macro_rules! counter {
    ($(#[$doc:meta])* $name:ident($int:ty)) => {
        newtype! { $(#[$doc])* $name($int) }

        impl $name {
            /// The largest: beyond every one that is there.
            pub const MAX: Self = Self(<$int>::MAX);

            /// Returns the one after it; the largest stays as it is.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }

            /// Returns the one before it; the smallest stays as it is.
            #[must_use]
            pub const fn previous(self) -> Self {
                Self(self.0.saturating_sub(1))
            }

            /// Returns the one `steps` later, at most the largest.
            #[must_use]
            pub const fn saturating_add(self, steps: $int) -> Self {
                Self(self.0.saturating_add(steps))
            }

            /// Returns the one `steps` earlier, at least the smallest.
            #[must_use]
            pub const fn saturating_sub(self, steps: $int) -> Self {
                Self(self.0.saturating_sub(steps))
            }

            /// Returns the one `steps` later; `None` beyond the largest.
            #[must_use]
            pub const fn checked_add(self, steps: $int) -> Option<Self> {
                match self.0.checked_add(steps) {
                    Some(number) => Some(Self(number)),
                    None => None,
                }
            }

            /// Returns the one `steps` earlier; `None` below the smallest.
            #[must_use]
            pub const fn checked_sub(self, steps: $int) -> Option<Self> {
                match self.0.checked_sub(steps) {
                    Some(number) => Some(Self(number)),
                    None => None,
                }
            }

            /// Iterates from this one to `last`, both included; nothing if `last` is earlier.
            pub fn through(self, last: Self) -> impl DoubleEndedIterator<Item = Self> {
                (self.0..=last.0).map(Self)
            }

            /// Counts the steps from `earlier` to this one; 0 if `earlier` is the later one.
            #[must_use]
            pub const fn since(self, earlier: Self) -> u64 {
                if self.0 > earlier.0 { self.0.abs_diff(earlier.0) } else { 0 }
            }
        }

        /// A literal needs no type around it; two counters of different kinds still do not compare.
        impl PartialEq<$int> for $name {
            fn eq(&self, number: &$int) -> bool {
                self.0 == *number
            }
        }

        impl PartialOrd<$int> for $name {
            fn partial_cmp(&self, number: &$int) -> Option<std::cmp::Ordering> {
                self.0.partial_cmp(number)
            }
        }

        /// So many steps later; as for plain numbers, an overflow is a bug of the caller.
        impl std::ops::Add<$int> for $name {
            type Output = Self;

            fn add(self, steps: $int) -> Self {
                Self(self.0 + steps)
            }
        }

        /// So many steps earlier; as for plain numbers, an overflow is a bug of the caller.
        impl std::ops::Sub<$int> for $name {
            type Output = Self;

            fn sub(self, steps: $int) -> Self {
                Self(self.0 - steps)
            }
        }

        /// Parses a decimal number.
        impl FromStr for $name {
            type Err = std::num::ParseIntError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        impl From<$name> for i128 {
            fn from(number: $name) -> Self {
                number.0.into()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.0.serialize(serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <$int>::deserialize(deserializer).map(Self)
            }
        }
    };
}

/// Declares an id: 16 hexadecimal digits in text and JSON.
macro_rules! hex_id {
    ($(#[$doc:meta])* $name:ident($int:ty)) => {
        newtype! { $(#[$doc])* $name($int) }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:016x}", self.0)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl FromStr for $name {
            type Err = NoId;

            /// Parses 1 to 16 hexadecimal digits, padded or not, as etcd prints them.
            fn from_str(text: &str) -> Result<Self, NoId> {
                let digits = text.bytes().all(|byte| byte.is_ascii_hexdigit());
                let id = digits.then(|| u64::from_str_radix(text, 16));
                let id = id.and_then(Result::ok).ok_or(NoId)?;
                Ok(Self(<$int>::from_ne_bytes(id.to_ne_bytes())))
            }
        }
    };
}

counter! {
    /// The main revision of the store: the number of transactions that changed it. 1 is the empty store, the first write gets 2.
    ///
    /// ```
    /// use etcd_inspect_located::MainRevision;
    /// assert_eq!(MainRevision(221).since(MainRevision(202)), 19);
    /// assert_eq!(MainRevision(221).next().to_string(), "222");
    /// ```
    MainRevision(i64)
}

counter! {
    /// A raft term: the number of an election. At most one leader writes entries in a term.
    Term(u64)
}

counter! {
    /// A raft index: the position of an entry in the log, from 1. 0 is the position before the first entry.
    RaftIndex(u64)
}

hex_id! {
    /// The id of a member.
    ///
    /// ```
    /// use etcd_inspect_located::MemberId;
    /// let id: MemberId = "d8812d7cd4d463e".parse()?;
    /// assert_eq!(id.to_string(), "0d8812d7cd4d463e");
    /// # Ok::<(), etcd_inspect_located::NoId>(())
    /// ```
    MemberId(u64)
}

hex_id! {
    /// The id of a cluster.
    ClusterId(u64)
}

hex_id! {
    /// The id of a lease; negative ids are printed as two's complement, as `etcdctl lease list` does.
    LeaseId(i64)
}

impl MemberId {
    /// Returns the low 16 bits, which are the upper 16 bits of every request id the member generates.
    #[must_use]
    pub const fn low16(self) -> u64 {
        self.0 & 0xffff
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
        assert_eq!("ffffffffffffffff".parse(), Ok(LeaseId(-1)));
    }

    #[test]
    fn counters_are_walked_and_compared_as_numbers() {
        let walked: Vec<RaftIndex> = RaftIndex(3).through(RaftIndex(5)).collect();
        assert_eq!(walked, [RaftIndex(3), RaftIndex(4), RaftIndex(5)]);
        assert_eq!(RaftIndex(5).through(RaftIndex(4)).next(), None);
        assert_eq!(RaftIndex(0).checked_sub(1), None);
        assert_eq!(RaftIndex(u64::MAX).checked_add(1), None);
        assert_eq!("12".parse(), Ok(MainRevision(12)));
        assert!(RaftIndex(3) + 1 == 4 && RaftIndex(4) - 1 < 4);
    }

    #[test]
    fn counters_stop_at_their_ends() {
        assert_eq!(RaftIndex(0).previous(), RaftIndex(0));
        assert_eq!(RaftIndex(u64::MAX).next(), RaftIndex(u64::MAX));
        assert_eq!(MainRevision(3).since(MainRevision(7)), 0);
        assert_eq!(
            MainRevision(i64::MAX).since(MainRevision(i64::MIN)),
            u64::MAX
        );
    }
}

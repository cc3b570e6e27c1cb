//! What an operator can do.

use std::fmt;

/// One thing that an operator can do with a data directory, a backup or a set of copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Action {
    /// Leave it as it is.
    None,
    /// Start etcd on the directory as it is.
    Start,
    /// Start etcd on it with `--force-new-cluster`.
    ForceNewCluster,
    /// Restore the db or the backup into a new directory (`etcdutl snapshot restore`, `etcdctl` up to 3.4).
    Restore,
    /// Build a backup from everything that is readable (`etcd-inspect salvage`), and restore that.
    Salvage,
    /// Correct proven bytes in a copy (`etcd-inspect salvage --correct`), and start etcd on the copy.
    Correct,
    /// Remove this member from its cluster and add it again with an empty directory.
    Rejoin,
    /// Copy again: the copy is torn, short, or was taken from a running server.
    CopyAgain,
    /// Put db, log and `.snap` files of one member together.
    Reunite,
    /// Start the next minor release on it.
    Upgrade,
}

impl Action {
    /// The name in JSON and on the command line.
    ///
    /// ```
    /// assert_eq!(etcd_inspect::verdict::Action::ForceNewCluster.as_str(), "force-new-cluster");
    /// ```
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Start => "start",
            Self::ForceNewCluster => "force-new-cluster",
            Self::Restore => "restore",
            Self::Salvage => "salvage",
            Self::Correct => "correct",
            Self::Rejoin => "rejoin",
            Self::CopyAgain => "copy-again",
            Self::Reunite => "reunite",
            Self::Upgrade => "upgrade",
        }
    }

    /// Whether it needs what these files do not have: the original, another volume, other members.
    pub(super) fn asks_others(self) -> bool {
        matches!(self, Self::CopyAgain | Self::Reunite | Self::Rejoin)
    }

    /// Risk and effort, least first: the order of actions that lose the same.
    pub(super) fn effort(self) -> u8 {
        match self {
            Self::None => 0,
            Self::CopyAgain => 1,
            Self::Reunite => 2,
            Self::Start => 3,
            Self::Rejoin => 4,
            Self::Restore => 5,
            Self::Salvage => 6,
            Self::Correct => 7,
            Self::Upgrade => 8,
            Self::ForceNewCluster => 9,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

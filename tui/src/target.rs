//! Places in the evidence that screens hand to each other: the `g…` pivots.

use crate::screen::ScreenId;

/// Something to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A user key.
    Key(Vec<u8>),
    /// A main revision; the key it is about, where there is one.
    Revision {
        /// The revision.
        main: i64,
        /// The key under the cursor.
        key: Option<Vec<u8>>,
    },
    /// The range of time around a revision.
    Time(i64),
    /// A bbolt page; the byte in the db file that is meant, where one is.
    Page {
        /// Page id.
        id: u64,
        /// Offset in the db file.
        offset: Option<u64>,
    },
    /// A WAL entry, by raft index.
    Wal(u64),
    /// A finding of the check, by position.
    Finding(usize),
    /// The space that a key or a resource's keys take: a prefix of keys.
    Space(Vec<u8>),
    /// The versions of a key, one of them selected.
    History {
        /// The key.
        key: Vec<u8>,
        /// The selected one's main revision.
        main: Option<i64>,
    },
    /// The difference between two versions of a key, by their main revisions.
    Diff {
        /// The key.
        key: Vec<u8>,
        /// The older one.
        from: i64,
        /// The newer one.
        to: i64,
    },
    /// A deep search.
    Search(String),
}

impl Target {
    /// The screen that shows it.
    pub fn screen(&self) -> ScreenId {
        match self {
            Self::Key(_) | Self::Revision { .. } => ScreenId::Browse,
            Self::Time(_) => ScreenId::Timeline,
            Self::Page { .. } => ScreenId::Pages,
            Self::Wal(_) => ScreenId::Wal,
            Self::Finding(_) => ScreenId::Check,
            Self::Space(_) => ScreenId::Space,
            Self::History { .. } | Self::Diff { .. } => ScreenId::History,
            Self::Search(_) => ScreenId::Search,
        }
    }
}

/// Which kind of target a pivot asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Want {
    /// `gk`.
    Key,
    /// `gr`.
    Revision,
    /// `gt`.
    Time,
    /// `gp`.
    Page,
    /// `gw`.
    Wal,
    /// `gf`.
    Finding,
    /// `gs`.
    Space,
}

impl Want {
    /// The screen that shows such targets.
    pub fn screen(self) -> ScreenId {
        match self {
            Self::Key | Self::Revision => ScreenId::Browse,
            Self::Time => ScreenId::Timeline,
            Self::Page => ScreenId::Pages,
            Self::Wal => ScreenId::Wal,
            Self::Finding => ScreenId::Check,
            Self::Space => ScreenId::Space,
        }
    }
}

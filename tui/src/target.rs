//! Places in the evidence that screens hand to each other: the `g…` pivots.

use crate::asked::AskedObjects;
use crate::screen::ScreenId;
use etcd_inspect::RaftIndex;

/// Something to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A user key.
    Key(Vec<u8>),
    /// Objects of a resource.
    Objects(AskedObjects),
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
    Wal(RaftIndex),
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
    /// One of the lists that are no keys.
    Listing(Listing),
    /// A screen as it is.
    Screen(ScreenId),
}

/// What the screen Lists can show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Listing {
    /// Certificates in Secrets, requests and CA bundles.
    #[default]
    Certificates,
    /// Members, versions, alarms.
    Members,
    /// etcd's leases.
    Leases,
    /// Users and roles.
    Auth,
}

impl Listing {
    /// All of them, in the order of their titles.
    pub const ALL: [Self; 4] = [Self::Certificates, Self::Members, Self::Leases, Self::Auth];

    /// Its title.
    pub fn title(self) -> &'static str {
        match self {
            Self::Certificates => "certificates",
            Self::Members => "members, versions, alarms",
            Self::Leases => "etcd leases",
            Self::Auth => "users and roles",
        }
    }

    /// The list that a word of `:` means.
    pub fn named(word: &str) -> Option<Self> {
        match word {
            "certs" | "certificates" => Some(Self::Certificates),
            "members" | "alarms" | "versions" => Some(Self::Members),
            "etcd-leases" => Some(Self::Leases),
            "auth" | "users" | "roles" => Some(Self::Auth),
            _ => None,
        }
    }
}

impl Target {
    /// The screen that shows it.
    pub fn screen(&self) -> ScreenId {
        match self {
            Self::Key(_) | Self::Objects(_) | Self::Revision { .. } => ScreenId::Browse,
            Self::Time(_) => ScreenId::Timeline,
            Self::Page { .. } => ScreenId::Pages,
            Self::Wal(_) => ScreenId::Wal,
            Self::Finding(_) => ScreenId::Check,
            Self::Space(_) => ScreenId::Space,
            Self::History { .. } | Self::Diff { .. } => ScreenId::History,
            Self::Search(_) => ScreenId::Search,
            Self::Listing(_) => ScreenId::Lists,
            Self::Screen(id) => *id,
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

//! How the browser is started.

use std::path::PathBuf;
use std::sync::Arc;

use etcd_inspect::ReadingFlag;
use etcd_inspect::kubernetes::encryption::Keyring;
use etcd_inspect::kubernetes::mask::Mask;
use etcd_inspect::logs::audit::AuditLog;
use etcd_inspect::member;
use jiff::tz::TimeZone;

use crate::theme::Theme;

/// How the browser looks and what it may show. The browser itself reads no environment.
#[derive(Clone, Debug)]
pub struct Options {
    /// How members are opened.
    pub member: member::Options,
    /// For each path, in their order, the directory in which its WAL is (etcd's `--wal-dir`); none if all are in `member/wal`.
    pub wal_dirs: Vec<PathBuf>,
    /// Keys that open encrypted values.
    pub keyring: Keyring,
    /// The flags of the command line with which the evidence is read, for the commands that are copied.
    pub flags: Vec<ReadingFlag>,
    /// What hides secrets.
    pub mask: Mask,
    /// Only ASCII characters.
    pub ascii: bool,
    /// Which colours mean what.
    pub theme: Theme,
    /// Colours; without them bold and reverse stay.
    pub color: bool,
    /// Whether the mouse is taken.
    pub mouse: bool,
    /// For a screen reader: no borders, one pane at a time, no alternate screen, and each action in one line of text.
    pub linear: bool,
    /// The zone that times are shown in.
    pub zone: TimeZone,
    /// Whether the terminal is a remote one, where only escape sequences reach the clipboard.
    pub remote: bool,
    /// Whether `tmux` is in between and must be asked to pass the clipboard on.
    pub tmux: bool,
    /// The revision to start at.
    pub revision: Option<i64>,
    /// Whether to start with the state that etcd would have after a start.
    pub replay: bool,
    /// The screen to start with: 0 is Home, as it is if none is given; with a key it is Browse.
    pub screen: Option<u8>,
    /// The key to start at.
    pub key: Option<Vec<u8>>,
    /// The audit log of the API server: who asked for each write.
    pub audit_log: Option<Arc<AuditLog>>,
    /// Where exports go.
    pub export_dir: PathBuf,
    /// Where notes are kept; nowhere: until the browser is left.
    pub state_dir: Option<PathBuf>,
}

impl Default for Options {
    /// UTC, colours, mouse, and a mask without a key of its own.
    fn default() -> Self {
        Self {
            member: member::Options::default(),
            wal_dirs: Vec::new(),
            keyring: Keyring::default(),
            flags: Vec::new(),
            mask: Mask::new(b""),
            ascii: false,
            theme: Theme::default(),
            color: true,
            mouse: true,
            linear: false,
            zone: TimeZone::UTC,
            remote: false,
            tmux: false,
            revision: None,
            replay: false,
            screen: None,
            key: None,
            audit_log: None,
            export_dir: PathBuf::from("."),
            state_dir: None,
        }
    }
}

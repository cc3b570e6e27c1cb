//! What a key can mean. Keys are in [`keys::TABLE`](crate::keys::TABLE); screens see only these.

use crate::screen::ScreenId;
use crate::target::Want;

/// What the user wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Act {
    /// Cursor up.
    Up,
    /// Cursor down.
    Down,
    /// Left, or one level up.
    Left,
    /// Right, or one level down.
    Right,
    /// Half a page up.
    HalfUp,
    /// Half a page down.
    HalfDown,
    /// A page up.
    PageUp,
    /// A page down.
    PageDown,
    /// To the first row.
    Top,
    /// To the last row.
    Bottom,
    /// The focus to the next pane.
    NextPane,
    /// The focus to the pane before.
    PrevPane,
    /// The focused pane over the whole screen, and back.
    FullScreen,
    /// Closer, in time, map or treemap.
    ZoomIn,
    /// Further away.
    ZoomOut,
    /// The screen at this position; Home is 0.
    Tab(u8),
    /// The screen that was open before.
    LastScreen,
    /// Back to what was visited before.
    Back,
    /// Forward again.
    Forward,
    /// The landmark before: finding, damaged page, term change, changed line.
    PrevMark,
    /// The next landmark.
    NextMark,
    /// Close, cancel, else back; never quits.
    Cancel,
    /// Close, else back; quits at the root.
    Leave,
    /// Quit at once.
    Quit,
    /// Stop the running task; twice: quit.
    Stop,
    /// Suspend the process.
    Suspend,
    /// Filter the list as one types.
    Filter,
    /// The next match.
    NextHit,
    /// The match before.
    PrevHit,
    /// Choose a value of a column; rows with it are shown.
    Facets,
    /// Ask what to search for.
    Ask,
    /// Another order of the rows.
    Sort,
    /// The largest values first.
    BySize,
    /// The tree in place of the table, and back.
    Tree,
    /// A command line.
    Command,
    /// The keys of this screen.
    Help,
    /// Open what is under the cursor.
    Open,
    /// Show YAML.
    Yaml,
    /// Show a summary.
    Describe,
    /// Show who wrote which line.
    Blame,
    /// Show the stored bytes.
    Hex,
    /// The history of the key under the cursor.
    History,
    /// The owner of the object under the cursor.
    Owner,
    /// Who names the object under the cursor.
    Users,
    /// Other places of the value under the cursor.
    Same,
    /// So many levels up: a click on a crumb.
    Outward(u8),
    /// Without managedFields and status, with status, everything.
    Neat,
    /// Fold or unfold.
    Fold,
    /// Fold one level more.
    FoldMore,
    /// Fold one level less.
    FoldLess,
    /// Long lines wrapped or cut.
    Wrap,
    /// Unified or side by side.
    DiffLayout,
    /// Show one secret for ten seconds.
    Reveal,
    /// Also versions that only the log has.
    WithLog,
    /// Look for versions that neither db nor log have any more.
    Carve,
    /// Also what was deleted.
    Deleted,
    /// What is measured: live, history, free.
    Metric,
    /// The version of this object before.
    PrevVersion,
    /// The next version of this object.
    NextVersion,
    /// The revision before, of anything.
    PrevRevision,
    /// The next revision, of anything.
    NextRevision,
    /// To a revision or time that is asked for.
    GoTime,
    /// To the newest revision.
    Latest,
    /// Mark version A, then B, and compare.
    MarkDiff,
    /// To another view of what is under the cursor.
    Pivot(Want),
    /// Put something into the clipboard.
    Copy(Copied),
    /// Read again what was stopped.
    Refresh,
    /// Write something into a file.
    Export(Exported),
    /// Salvage what the step under the cursor is about: a dry run first.
    Salvage,
    /// Note something about what is shown.
    Note,
    /// What was noted and marked.
    Notes,
    /// Mark the version under the cursor as evidence, or not.
    Mark,
    /// Print what is shown on the normal screen.
    Print,
    /// Read the index on that was stopped.
    ReadOn,
    /// The db as it is, or as etcd would have it after a start.
    Side,
    /// Mouse on or off.
    Mouse,
    /// The next of several directories.
    NextMember,
    /// Another screen by name.
    Go(ScreenId),
}

impl Act {
    /// Whether it is about what is under the cursor: without a row it does nothing.
    pub(crate) fn is_about_row(self) -> bool {
        match self {
            Self::Copy(what) => what != Copied::Path,
            Self::Export(what) => what == Exported::Object,
            Self::Pivot(want) => want != Want::Time,
            Self::Open
            | Self::History
            | Self::Owner
            | Self::Users
            | Self::Same
            | Self::Reveal
            | Self::MarkDiff
            | Self::PrevVersion
            | Self::NextVersion
            | Self::Salvage
            | Self::Note
            | Self::Mark => true,
            _ => false,
        }
    }
}

/// What can be written into a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exported {
    /// The object under the cursor.
    Object,
    /// The marked versions.
    Marked,
    /// What the screen shows.
    View,
    /// Notes, marks and findings.
    Report,
}

impl Exported {
    /// The command that takes the file's name.
    pub(crate) const fn command(self) -> &'static str {
        match self {
            Self::Object => "export-object",
            Self::Marked => "export-marked",
            Self::View => "export-view",
            Self::Report => "export-report",
        }
    }
}

/// What can be copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Copied {
    /// The command line that gives the same answer.
    Command,
    /// The key.
    Key,
    /// The value as YAML.
    Yaml,
    /// The value as JSON.
    Json,
    /// YAML that creates the object again.
    Neat,
    /// The path of the evidence.
    Path,
    /// The revision.
    Revision,
    /// File and offset.
    Place,
}

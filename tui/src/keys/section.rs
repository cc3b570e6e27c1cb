//! What keys are for, as the help groups them.

use super::Binding;
use crate::act::Act;

/// A group of rows of the help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// What only this screen has.
    Screen,
    /// Find: filter, search, command line.
    Find,
    /// The object under the cursor.
    Object,
    /// Revisions and times.
    Time,
    /// Other views of the same thing.
    Pivot,
    /// Copies, exports, notes.
    Take,
    /// Cursor and panes.
    Move,
    /// Screens, back, out.
    Leave,
}

impl Section {
    /// Its heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Screen => "This screen",
            Self::Find => "Find",
            Self::Object => "Object",
            Self::Time => "Time",
            Self::Pivot => "Go to the same, seen from another side",
            Self::Take => "Take along",
            Self::Move => "Move",
            Self::Leave => "Screens and leaving",
        }
    }
}

impl Binding {
    /// The group that it is in.
    pub fn section(&self) -> Section {
        use Act::{
            Ask, Back, Blame, Bottom, Cancel, Command, Copy, DiffLayout, Down, Export, Facets,
            Filter, Fold, FoldLess, FoldMore, Forward, FullScreen, Go, GoTime, HalfDown, HalfUp,
            Help, Hex, History, LastScreen, Latest, Leave, Left, Mark, Mouse, NextHit, NextMark,
            NextMember, NextPane, NextRevision, NextVersion, Note, Notes, Open, Owner, PageDown,
            PageUp, Pivot, PrevHit, PrevMark, PrevPane, PrevRevision, PrevVersion, Print, Quit,
            ReadOn, Refresh, Reveal, Right, Salvage, Same, Side, Stop, Suspend, Tab, Top, Up,
            Users, Wrap,
        };
        match self.act {
            Up | Down | Left | Right | HalfUp | HalfDown | PageUp | PageDown | Top | Bottom
            | NextPane | PrevPane | FullScreen | PrevMark | NextMark | Open => Section::Move,
            Filter | NextHit | PrevHit | Facets | Ask | Command | Help | Same | Users => {
                Section::Find
            }
            PrevVersion | NextVersion | PrevRevision | NextRevision | GoTime | Latest | Side => {
                Section::Time
            }
            Pivot(_) | History | Owner => Section::Pivot,
            Copy(_) | Export(_) | Note | Notes | Mark | Print | Salvage => Section::Take,
            Tab(_) | Go(_) | LastScreen | Back | Forward | Cancel | Leave | Quit | Stop
            | Suspend | Mouse | NextMember | ReadOn => Section::Leave,
            Refresh if self.on.is_empty() => Section::Leave,
            Blame | Hex | Fold | FoldMore | FoldLess | Wrap | Reveal | DiffLayout => {
                Section::Object
            }
            _ if self.on.is_empty() => Section::Object,
            _ => Section::Screen,
        }
    }
}

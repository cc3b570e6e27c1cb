//! What a screen is.

use std::any::Any;
use std::rc::Rc;

use crossterm::event::MouseEvent;
use ratatui::layout::Rect;

use crate::act::{Act, Copied};
use crate::job::JobId;
use crate::paint::Pen;
use crate::session::Session;
use crate::target::{Target, Want};

/// The screens, in the order of their tabs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ScreenId {
    /// What this is, how far back it reaches, what happened lately.
    Home,
    /// Resources, namespaces, names.
    Browse,
    /// Every retained version of one key.
    History,
    /// Writes over time.
    Timeline,
    /// The write-ahead log.
    Wal,
    /// The pages of the db.
    Pages,
    /// Where the bytes are.
    Space,
    /// Findings.
    Check,
    /// Deep search.
    Search,
    /// Several members.
    Compare,
    /// Certificates, members, leases, users: no digit, only a name.
    Lists,
}

impl ScreenId {
    /// Name on its tab, and for `:`.
    pub fn title(self) -> &'static str {
        match self {
            Self::Home => "Home",
            Self::Browse => "Browse",
            Self::History => "History",
            Self::Timeline => "Timeline",
            Self::Wal => "WAL",
            Self::Pages => "Pages",
            Self::Space => "Space",
            Self::Check => "Check",
            Self::Search => "Search",
            Self::Compare => "Compare",
            Self::Lists => "Lists",
        }
    }

    /// Name on its tab below 110 columns.
    pub fn short(self) -> &'static str {
        match self {
            Self::Home => "Home",
            Self::Browse => "Browse",
            Self::History => "His",
            Self::Timeline => "Time",
            Self::Wal => "WAL",
            Self::Pages => "Page",
            Self::Space => "Space",
            Self::Check => "Chk",
            Self::Search => "Find",
            Self::Compare => "Cmp",
            Self::Lists => "Lists",
        }
    }

    /// Whether it can show the state after a start. The others show files as they are.
    pub fn follows_replay(self) -> bool {
        match self {
            Self::Browse | Self::History | Self::Timeline | Self::Search | Self::Lists => true,
            Self::Home | Self::Wal | Self::Pages | Self::Space | Self::Check | Self::Compare => {
                false
            }
        }
    }
}

/// What a screen looked like, kept by the back stack; the screen knows what is in it.
pub type Snapshot = Rc<dyn Any>;

/// One screen. State and drawing are apart: everything but [`draw`](Screen::draw) works without a terminal.
///
/// What a screen wants done beside its own state it asks of the [`Session`]: jobs, messages, pivots, time moves.
pub trait Screen {
    /// Which one it is.
    fn id(&self) -> ScreenId;

    /// Brings the screen up to date with the session: called when it is opened, and while it is open whenever the data
    /// arrives, the ruler has moved or another key got the focus. Cheap where nothing has changed.
    fn refresh(&mut self, session: &mut Session);

    /// Reads what will be drawn, once after a batch of keys and before the picture: what is passed over is never read.
    fn settle(&mut self, session: &mut Session) {
        let _ = session;
    }

    /// Does what a key means; `false`: not for this screen.
    fn act(&mut self, act: Act, session: &mut Session) -> bool;

    /// Draws visible rows only. `self` is mutable for what only drawing knows: heights of pages and places of rows.
    fn draw(&mut self, area: Rect, pen: &mut Pen<'_>, session: &Session);

    /// Where the cursor is, from the general to the particular.
    fn crumbs(&self, session: &Session) -> Vec<String>;

    /// Shows a target.
    ///
    /// # Errors
    /// Why it cannot, in words for the user.
    fn accept(&mut self, target: &Target, session: &mut Session) -> Result<(), String> {
        let _ = (target, session);
        Err(format!("{} cannot show that", self.id().title()))
    }

    /// What is under the cursor, seen from another side. `None`: ask the session, which knows key and revision.
    ///
    /// # Errors
    /// Why there is no such thing, in words for the user.
    fn emit(&self, want: Want, session: &Session) -> Option<Result<Target, String>> {
        let _ = (want, session);
        None
    }

    /// Its state, for the back stack. Cheap: taken before every key.
    fn snapshot(&self) -> Snapshot;

    /// Takes up a state of its own again.
    fn restore(&mut self, snapshot: &dyn Any, session: &mut Session);

    /// A job of this screen has something: a part, or with `last` its end.
    fn answer(
        &mut self,
        job: JobId,
        value: Box<dyn Any + Send>,
        last: bool,
        session: &mut Session,
    ) {
        let _ = (job, value, last, session);
    }

    /// Whether it has rows that `/` filters; elsewhere `/` filters all keys.
    fn has_filter(&self) -> bool {
        true
    }

    /// The text of `/` as it is typed; empty: no filter. `false`: there is nothing to filter yet.
    fn filter(&mut self, text: &str, session: &mut Session) -> bool {
        let _ = (text, session);
        false
    }

    /// Whether a filter leaves no row: then nothing is under the cursor, whatever key had the focus before.
    fn is_without_row(&self) -> bool {
        false
    }

    /// Whether the pane with the focus is a text: there `/` looks for lines, and filters no rows.
    fn is_text(&self) -> bool {
        false
    }

    /// Looks for a text in the pane with the focus, as it is typed; empty: for nothing.
    fn find(&mut self, text: &str) {
        let _ = text;
    }

    /// What one may want to filter by, each with how many rows have it: values of the column that tells rows apart.
    fn facets(&self) -> Vec<(String, usize)> {
        Vec::new()
    }

    /// Orders its rows by a column that it offered.
    fn order_by(&mut self, column: &str, session: &mut Session) {
        let _ = (column, session);
    }

    /// Orders its rows by the column that shows this letter; `false`: none does.
    fn order_by_letter(&mut self, letter: char, session: &mut Session) -> bool {
        let _ = (letter, session);
        false
    }

    /// Closes what is open within the screen (a filter, a full-screen pane, a detail); `false`: nothing is.
    fn close(&mut self, session: &mut Session) -> bool {
        let _ = session;
        false
    }

    /// Drops what was read and reads it again; `false`: there is no such thing.
    fn again(&mut self, session: &mut Session) -> bool {
        let _ = session;
        false
    }

    /// Whether a step of a plan is under the cursor: there `e` salvages at once.
    fn is_on_step(&self) -> bool {
        false
    }

    /// What to copy; `None`: ask the session, which knows path, key and revision.
    ///
    /// # Errors
    /// Why there is nothing to copy.
    fn copy(&self, what: Copied, session: &Session) -> Option<Result<String, String>> {
        let _ = (what, session);
        None
    }

    /// A wheel step or click within the screen's area; `false`: nothing there.
    fn mouse(&mut self, event: MouseEvent, session: &mut Session) -> bool {
        let _ = (event, session);
        false
    }
}

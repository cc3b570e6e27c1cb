//! What screens ask for: jobs, messages, pivots, texts. Nothing of it is done before the screen has answered.

use std::any::Any;

use super::Session;
use crate::event::Effect;
use crate::job::{JobId, Monitor, Owner};
use crate::paint::Line;
use crate::salvage::Request;
use crate::screen::ScreenId;
use crate::target::{Target, Want};
use crate::theme::Role;

/// What a screen asks of the app.
#[derive(Debug)]
pub(crate) enum Wish {
    /// Show this, wherever it is shown.
    Go(Target),
    /// The state before this key is worth coming back to.
    Visit,
    /// Tell the open screen that something has changed.
    Refresh,
    /// Show a text over the screen.
    Popup(String, Vec<Line>),
    /// Ask for a line of text, which the command of that name gets.
    Ask(&'static str),
    /// Try a pivot again that had to wait.
    Pivot(Want),
    /// What is looked for in the text that has the focus, already set there: Esc ends it.
    Find(String),
    /// Ask where to write a salvage of this evidence.
    Salvage(Request),
    /// Let a screen begin its work although it is not open.
    Begin(ScreenId),
    /// Choose a column to order the rows by, each with how many rows have it.
    Order(Vec<(String, bool)>),
}

impl Session {
    /// Does a pivot when the log has been read.
    pub(crate) fn wait_for_log(&mut self, want: Want) {
        self.waiting = Some(want);
        self.say(Role::Dim, "reading the log…");
    }

    /// Starts a job of a screen; its answers come to [`Screen::answer`](crate::Screen::answer). An empty label: one that
    /// takes no time worth showing.
    pub fn spawn<T: Any + Send>(
        &mut self,
        screen: ScreenId,
        label: impl Into<String>,
        work: impl FnOnce(&Monitor) -> T + Send + 'static,
    ) -> JobId {
        let job = self.jobs.start(Owner::Screen(screen), label.into(), work);
        let id = job.id;
        self.effects.push(Effect::Spawn(job));
        id
    }

    /// Asks a job to stop.
    pub fn cancel(&mut self, job: JobId) {
        self.jobs.cancel(job);
    }

    /// Says something in the message row.
    pub fn say(&mut self, role: Role, text: impl Into<String>) {
        self.message = Some((role, text.into()));
    }

    /// Shows a text over the screen until a key is pressed.
    pub fn popup(&mut self, title: impl Into<String>, lines: Vec<Line>) {
        self.wishes.push(Wish::Popup(title.into(), lines));
    }

    /// Goes to a target, on whichever screen shows it.
    pub fn go(&mut self, target: Target) {
        self.wishes.push(Wish::Go(target));
    }

    /// Lets Esc end what is looked for.
    pub(crate) fn wish_find(&mut self, text: String) {
        self.wishes.push(Wish::Find(text));
    }

    /// Marks the state before this key as one to come back to.
    pub fn visit(&mut self) {
        self.wishes.push(Wish::Visit);
    }

    /// Asks for a line of text that the command of that name gets.
    pub fn ask(&mut self, command: &'static str) {
        self.wishes.push(Wish::Ask(command));
    }

    /// Lets the user choose a column to order the rows by, of columns with whether each is shown.
    pub(crate) fn choose_order(&mut self, columns: Vec<(String, bool)>) {
        self.wishes.push(Wish::Order(columns));
    }

    /// Lets a screen begin its work although it is not open.
    pub(crate) fn begin(&mut self, screen: ScreenId) {
        self.wishes.push(Wish::Begin(screen));
    }

    /// Asks where to write a salvage.
    pub(crate) fn salvage(&mut self, request: Request) {
        self.wishes.push(Wish::Salvage(request));
    }

    /// Puts text into the clipboard.
    pub fn copy(&mut self, what: impl Into<String>, text: String) {
        let what = what.into();
        self.effects.push(Effect::Copy { what, text });
    }
}

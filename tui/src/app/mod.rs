//! The whole browser without a terminal: events in, effects out, and a picture on request.

mod acts;
mod command;
mod complete;
mod input;
mod nouns;
mod report;
mod rows;
mod salvage;
mod syntax;
mod take;
mod visits;
mod wishes;
mod words;

use std::path::PathBuf;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use crate::chrome::{self, Hits};
use crate::event::{Effect, Event, Wake};
use crate::job::{JobId, News, Owner};
use crate::options::Options;
use crate::overlay::Overlay;
use crate::paint::{Line, Pen, TakenRows};
use crate::plain;
use crate::screen::{Screen, ScreenId};
use crate::screens;
use crate::session::Session;
use crate::theme::Role;
use visits::Visits;

/// Least columns and rows in which anything can be shown.
pub(crate) const LEAST: (u16, u16) = (40, 10);

/// Columns in which no two panes are drawn: what is read aloud has one order.
const LINEAR: u16 = 79;

/// The browser: state, and how events change it.
///
/// ```
/// use etcd_inspect_tui::{App, Event, Options, keys};
/// let mut app = App::new(vec!["/copy/m1".into()], Options::default(), (80, 24));
/// let effects = app.update(Event::Key(keys::parse("?").unwrap()));
/// assert!(effects.iter().any(|effect| format!("{effect:?}").starts_with("Spawn")), "the directory is opened beside the loop");
/// let mut buffer = ratatui::buffer::Buffer::empty(ratatui::layout::Rect::new(0, 0, 80, 24));
/// app.draw(&mut buffer);
/// ```
pub struct App {
    session: Session,
    screens: Vec<Box<dyn Screen>>,
    open: usize,
    last: usize,
    overlay: Overlay,
    pressed: Vec<String>,
    chords: u64,
    chord_shown: bool,
    stops: u64,
    stopping: bool,
    /// Whether a second Ctrl-C ended the browser.
    interrupted: bool,
    visits: Visits,
    filter: String,
    /// What is looked for in the text of the open screen.
    find: String,
    history: Vec<String>,
    hits: Hits,
    size: (u16, u16),
    mouse: bool,
    /// The open screen as text, taken when an export was asked for.
    picture: String,
    /// The rows of the open screen, taken then too.
    taken: Option<TakenRows>,
    /// The name that a report gets as soon as it is there.
    report: Option<(JobId, String)>,
    /// What the path that is asked for is about, and what then waits for a `yes`.
    salvage: salvage::Salvaging,
    over: bool,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "App on {:?}", self.screen_id())
    }
}

impl App {
    /// A browser of these directories on a terminal of that size; nothing is read before the effects of the first event are
    /// done, or those of [`App::start`].
    pub fn new(paths: Vec<PathBuf>, options: Options, size: (u16, u16)) -> Self {
        let mouse = options.mouse;
        let first = options.screen;
        let mut session = Session::new(paths, options);
        let screens = screens::all(&session);
        session.tabs = screens.iter().map(|screen| screen.id()).collect();
        let mut app = Self {
            session,
            screens,
            open: 0,
            last: 0,
            overlay: Overlay::None,
            pressed: Vec::new(),
            chords: 0,
            chord_shown: false,
            stops: 0,
            stopping: false,
            interrupted: false,
            visits: Visits::default(),
            filter: String::new(),
            find: String::new(),
            history: Vec::new(),
            hits: Hits::default(),
            size,
            mouse,
            picture: String::new(),
            taken: None,
            report: None,
            salvage: salvage::Salvaging::default(),
            over: false,
        };
        let first = first.unwrap_or(u8::from(app.session.options.key.is_some()));
        app.open = usize::from(first).min(app.screens.len().saturating_sub(1));
        app.refresh();
        app
    }

    /// What is to be done before the first event.
    pub fn start(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.session.effects)
    }

    /// Takes in an event and says what is to be done outside.
    pub fn update(&mut self, event: Event) -> Vec<Effect> {
        match event {
            Event::Key(key) => {
                self.key(key);
                self.announce();
            }
            Event::Mouse(mouse) => self.mouse_event(mouse),
            Event::Paste(text) => self.paste(&text),
            Event::Resize(columns, rows) => self.size = (columns, rows),
            Event::Job(report) => self.report(report),
            Event::Wake(wake) => self.wake(wake),
            Event::Terminate(_) => self.quit(),
            Event::Continued => {}
        }
        self.grant();
        std::mem::take(&mut self.session.effects)
    }

    /// Reads what the next picture shows, and says what is to be done outside; before [`App::draw`].
    pub fn settle(&mut self) -> Vec<Effect> {
        if let Some(screen) = self.screens.get_mut(self.open) {
            screen.settle(&mut self.session);
        }
        self.grant();
        std::mem::take(&mut self.session.effects)
    }

    /// Draws everything that is seen; gives the place of the cursor where text is typed.
    pub fn draw(&mut self, buffer: &mut Buffer) -> Option<Position> {
        let area = buffer.area;
        self.size = (area.width, area.height);
        let (ascii, color) = (self.session.options.ascii, self.session.options.color);
        let linear = self.session.options.linear;
        let mut pen = Pen::new(buffer, ascii, self.session.options.theme).linear(linear);
        let cursor = if self.is_small() {
            let (columns, rows) = self.size;
            let text = format!(
                "too small: {columns}x{rows}, need {}x{} — q quits",
                LEAST.0, LEAST.1
            );
            pen.put(area, 0, 0, &text, Role::Plain);
            None
        } else {
            self.draw_all(area, &mut pen)
        };
        plain::plain(buffer, ascii, color);
        cursor
    }

    fn draw_all(&mut self, area: Rect, pen: &mut Pen<'_>) -> Option<Position> {
        let mut hits = Hits::default();
        let id = self.screen_id();
        let mut rows = chrome::rows(area);
        if self.session.options.linear {
            // One pane at a time, from top to bottom.
            rows.body.width = rows.body.width.min(LINEAR);
        }
        let crumbs = self
            .screen()
            .map(|screen| screen.crumbs(&self.session))
            .unwrap_or_default();
        chrome::top(
            &rows,
            pen,
            &self.session,
            id,
            &crumbs,
            self.mouse,
            &mut hits,
        );
        if let Some(screen) = self.screens.get_mut(self.open) {
            screen.draw(rows.body, pen, &self.session);
        }
        hits.body = rows.body;
        let mut cursor = None;
        let mut rest = None;
        match &self.overlay {
            Overlay::Prompt(prompt) => {
                let x = prompt.draw(rows.message, 0, pen);
                cursor = Some(Position::new(
                    rows.message.x.saturating_add(x),
                    rows.message.y,
                ));
            }
            Overlay::Confirm(confirm) => {
                let x = confirm.draw(rows.body, rows.message, pen);
                cursor = Some(Position::new(
                    rows.message.x.saturating_add(x),
                    rows.message.y,
                ));
            }
            _ => rest = chrome::message(rows.message, pen, &self.session, id),
        }
        self.draw_keys(rows.keys, rest.as_ref(), pen, &mut hits);
        match &mut self.overlay {
            Overlay::Help(help) => help.draw(id, pen, &self.session),
            Overlay::Popup(popup) => popup.draw(pen),
            Overlay::Choose(choose) => choose.draw(pen),
            Overlay::None if self.chord_shown => {
                chrome::chord(rows.body, pen, &self.session, id, &self.pressed)
            }
            Overlay::Prompt(prompt) => prompt.draw_picker(rows.body, pen),
            Overlay::None | Overlay::Confirm(_) => {}
        }
        self.hits = hits;
        cursor
    }

    /// The row of keys: those of the screen, or of what is typed. The end of a long message has it until the next press.
    fn draw_keys(&self, area: Rect, rest: Option<&Line>, pen: &mut Pen<'_>, hits: &mut Hits) {
        if let Some(rest) = rest {
            return pen.line(area, 0, rest, 0);
        }
        match &self.overlay {
            Overlay::Prompt(prompt) => chrome::hints(area, pen, prompt.hints()),
            _ => {
                let is_text = self.screen().is_some_and(|screen| screen.is_text());
                let state = (self.screen_id(), self.is_on_step(), is_text);
                chrome::keys(area, pen, &self.session, state, hits);
            }
        }
    }

    /// For a screen reader: what a key led to, in one line, if nothing else is reported.
    fn announce(&mut self) {
        let is_open = matches!(self.overlay, Overlay::None);
        if self.session.options.linear && is_open && self.session.message.is_none() {
            let crumbs = self.crumbs().join(" > ");
            let text = format!("{}: {crumbs}", self.screen_id().title());
            self.session.say(Role::Plain, text);
        }
    }

    /// Which screen is open.
    pub fn screen_id(&self) -> ScreenId {
        self.screen().map_or(ScreenId::Browse, |screen| screen.id())
    }

    /// What screens share, to look at.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Where the cursor of the open screen is.
    pub fn crumbs(&self) -> Vec<String> {
        self.screen()
            .map(|screen| screen.crumbs(&self.session))
            .unwrap_or_default()
    }

    /// Says something in the message row: what became of an effect.
    pub fn say(&mut self, role: Role, text: impl Into<String>) {
        self.session.say(role, text);
    }

    /// Whether a second Ctrl-C ended the browser: the process ends as one that was interrupted.
    pub fn is_interrupted(&self) -> bool {
        self.interrupted
    }

    /// Whether the browser has been left.
    pub fn is_over(&self) -> bool {
        self.over
    }

    fn screen(&self) -> Option<&dyn Screen> {
        self.screens.get(self.open).map(|screen| &**screen)
    }

    /// Whether a step of a plan is under the cursor.
    fn is_on_step(&self) -> bool {
        self.screen().is_some_and(|screen| screen.is_on_step())
    }

    fn is_small(&self) -> bool {
        self.size.0 < LEAST.0 || self.size.1 < LEAST.1
    }

    fn quit(&mut self) {
        self.over = true;
        self.session.jobs.stop(None);
        self.session.effects.push(Effect::Quit);
    }

    /// Lets the open screen take up what has changed.
    fn refresh(&mut self) {
        if let Some(screen) = self.screens.get_mut(self.open) {
            screen.refresh(&mut self.session);
        }
    }

    fn report(&mut self, report: crate::job::Report) {
        let (id, owner) = (report.id, report.owner);
        let (value, last) = match report.news {
            News::Progress {
                phase,
                done_bytes,
                total_bytes,
                elapsed,
            } => {
                let done = (done_bytes, total_bytes);
                self.session.jobs.progress(id, phase, done, elapsed);
                return;
            }
            News::Part(value) => (value, None),
            News::Done(value, partial) => (value, Some(partial)),
            News::Broken => {
                self.session.jobs.end(id, false);
                self.session.broke_off(owner);
                self.session.say(
                    Role::Error,
                    "a task broke off: a bug of ours, please report it",
                );
                return;
            }
        };
        if let Some(partial) = last {
            self.session.jobs.end(id, partial);
        }
        match owner {
            Owner::Session => self.session.answer(id, value),
            Owner::Salvage => self.salvaged(id, value),
            Owner::Report => self.reported(id, value),
            Owner::Screen(of) => {
                if let Some(screen) = self.screens.iter_mut().find(|screen| screen.id() == of) {
                    screen.answer(id, value, last.is_some(), &mut self.session);
                }
            }
        }
    }

    fn wake(&mut self, wake: Wake) {
        match wake {
            Wake::Hide(number) => self.session.hide(number),
            Wake::Chord(number) => {
                self.chord_shown |= number == self.chords && !self.pressed.is_empty()
            }
            Wake::Stop(number) => self.stopping &= number != self.stops,
        }
    }
}

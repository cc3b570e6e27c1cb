//! What keys mean on every screen; the rest is given to the open one.

use std::time::Duration;

use super::App;
use crate::act::{Act, Copied};
use crate::event::{Effect, Wake};
use crate::job::Owner;
use crate::overlay::{Asked, Choose, Help, Overlay, Prompt};
use crate::screen::ScreenId;
use crate::session::Part;
use crate::target::{Target, Want};
use crate::theme::Role;

/// Within this time a second Ctrl-C quits.
const TWICE: Duration = Duration::from_secs(1);

impl App {
    pub(super) fn act(&mut self, act: Act) {
        let before = self.state();
        if act.is_about_row() && self.is_without_row() {
            self.session.say(Role::Warning, self.why_no_row());
        } else if !self.act_on_frame(act) && !self.act_on_session(act) {
            self.act_on_screen(act);
        }
        self.grant_from(before);
    }

    /// Whether the filter of the open screen leaves no row.
    pub(super) fn is_without_row(&self) -> bool {
        self.screen().is_some_and(|screen| screen.is_without_row())
    }

    /// Why nothing is under the cursor if the filter leaves no row.
    pub(super) fn why_no_row(&self) -> String {
        format!(
            "no row is selected: no row has /{}; Esc shows all again",
            self.filter
        )
    }

    /// Overlays, screens, leaving; `false`: another key.
    fn act_on_frame(&mut self, act: Act) -> bool {
        match act {
            Act::Help => self.overlay = Overlay::Help(Help::default()),
            Act::Command => self.prompt(Asked::Command),
            Act::Filter => self.ask_filter(),
            Act::GoTime => self.prompt(Asked::Argument("rev")),
            Act::Tab(number) => self.open_tab(usize::from(number)),
            Act::Go(screen) => self.open_screen(screen),
            Act::LastScreen => self.open_tab(self.last),
            Act::Back => self.go_back(),
            Act::Forward => self.go_forward(),
            Act::Cancel => self.cancel(),
            Act::Leave => {
                if !self.leave() {
                    self.quit();
                }
            }
            Act::Quit => self.quit(),
            Act::Stop => self.stop(),
            Act::Suspend => self.session.effects.push(Effect::Suspend),
            Act::Mouse => self.turn_mouse(),
            Act::Facets => self.choose_facet(),
            Act::Note => self.prompt(Asked::Argument("note")),
            Act::Notes => self.show_notes(),
            Act::Print => self.print(),
            _ => return false,
        }
        true
    }

    /// What all screens share: side, member, time, what is taken along; `false`: another key.
    fn act_on_session(&mut self, act: Act) -> bool {
        match act {
            Act::ReadOn => {
                if !self.session.read_on() {
                    self.session.say(Role::Dim, "nothing of it was stopped");
                }
            }
            Act::Outward(levels) => {
                for _ in 0..levels {
                    if let Some(screen) = self.screens.get_mut(self.open) {
                        screen.act(Act::Left, &mut self.session);
                    }
                }
            }
            Act::Side => {
                self.session.visit();
                self.session.turn(!self.session.is_replayed());
                self.session.say_side();
            }
            Act::NextMember => self.next_member(),
            Act::Latest => self.move_time(None, false),
            Act::PrevRevision | Act::NextRevision => self.step_revision(act == Act::NextRevision),
            Act::PrevVersion | Act::NextVersion => self.step_version(act == Act::NextVersion),
            Act::Pivot(want) => self.pivot(want),
            Act::Copy(what) => self.copy(what),
            Act::Export(what) => {
                self.take_picture();
                self.ask_export(what);
            }
            Act::Mark => self.mark(),
            Act::History => match self.session.focus().map(<[u8]>::to_vec) {
                Some(key) => self.session.go(Target::History {
                    key,
                    main: self.session.ruler.at(),
                }),
                None => self.session.say(Role::Dim, "no key is selected"),
            },
            Act::Refresh => return self.reads_again(),
            _ => return false,
        }
        true
    }

    /// What only the open screen knows.
    fn act_on_screen(&mut self, act: Act) {
        let taken = match self.screens.get_mut(self.open) {
            Some(screen) => screen.act(act, &mut self.session),
            None => true,
        };
        match (taken, act) {
            (true, _) => {}
            (false, Act::Reveal) => self.session.say(
                Role::Dim,
                "no value is shown here; gk goes to the object, where X shows its secrets",
            ),
            (false, _) => self.session.say(Role::Dim, "that key does nothing here"),
        }
    }

    /// `/`: the search of the text that has the focus, or the filter of the rows.
    fn ask_filter(&mut self) {
        let taken = match self.screens.get_mut(self.open) {
            Some(screen) => screen.act(Act::Filter, &mut self.session),
            None => false,
        };
        let is_text = self.screen().is_some_and(|screen| screen.is_text());
        let has_rows = self.screen().is_some_and(|screen| screen.has_filter());
        match taken {
            true => {}
            false if is_text => self.prompt(Asked::Find),
            false if has_rows => self.prompt(Asked::Filter),
            // What is typed next must not run as keys: it filters all keys.
            false => self.begin_all(),
        }
    }

    fn turn_mouse(&mut self) {
        self.mouse = !self.mouse;
        self.session.effects.push(Effect::Mouse(self.mouse));
        let state = if self.mouse { "on" } else { "off" };
        self.session
            .say(Role::Dim, format!("mouse {state}; Shift-drag selects text"));
    }

    fn choose_facet(&mut self) {
        let values = self.screen().map(|screen| screen.facets());
        match values.filter(|values| !values.is_empty()) {
            Some(values) => self.overlay = Overlay::Choose(Choose::new(values)),
            None => self
                .session
                .say(Role::Dim, "no column here has values to choose from"),
        }
    }

    /// Asks for the argument of a command, with a proposal.
    pub(super) fn prompt_with(&mut self, command: &'static str, proposed: String) {
        let prompt = Prompt::new(Asked::Argument(command), &proposed, Vec::new());
        self.overlay = Overlay::Prompt(prompt);
    }

    fn prompt(&mut self, asked: Asked) {
        let text = match asked {
            Asked::Filter => self.filter.as_str(),
            _ => "",
        };
        let mut prompt = Prompt::new(asked, text, self.history.clone());
        if asked == Asked::Command {
            prompt.candidates = self.candidates("");
        }
        self.overlay = Overlay::Prompt(prompt);
    }

    pub(super) fn ask(&mut self, name: &'static str) {
        self.prompt(Asked::Argument(name));
    }

    /// Reads again what was stopped of the open screen, or of the directory.
    fn reads_again(&mut self) -> bool {
        let again = match self.screens.get_mut(self.open) {
            Some(screen) => screen.again(&mut self.session),
            None => false,
        };
        again || (self.screen_id() == ScreenId::Browse && self.session.read_on())
    }

    /// Esc: stops what the open screen is at, else closes or goes back.
    fn cancel(&mut self) {
        let own = Owner::Screen(self.screen_id());
        let jobs = &mut self.session.jobs;
        if jobs.stop(Some(Owner::Salvage)) + jobs.stop(Some(own)) > 0 {
            self.session.say(Role::Warning, "stopping the task");
        } else {
            self.leave();
        }
    }

    /// Closes what is open, else goes back; `false`: neither is possible.
    fn leave(&mut self) -> bool {
        if !self.find.is_empty() {
            self.set_find("");
            return true;
        }
        if !self.filter.is_empty() {
            self.filter.clear();
            if let Some(screen) = self.screens.get_mut(self.open) {
                screen.filter("", &mut self.session);
            }
            return true;
        }
        let closed = self
            .screens
            .get_mut(self.open)
            .is_some_and(|screen| screen.close(&mut self.session));
        closed || self.back()
    }

    fn go_back(&mut self) {
        if !self.back() {
            self.session.say(Role::Dim, "nothing was visited before");
        }
    }

    fn go_forward(&mut self) {
        if !self.forward() {
            self.session.say(Role::Dim, "nothing was visited after");
        }
    }

    fn stop(&mut self) {
        if self.stopping {
            self.interrupted = true;
            self.quit();
            return;
        }
        self.stopping = true;
        self.stops += 1;
        self.session
            .effects
            .push(Effect::Wake(Wake::Stop(self.stops), TWICE));
        let stopped = self.session.jobs.stop(None);
        let what = match stopped {
            0 => "nothing is running".to_owned(),
            1 => "stopping the task".to_owned(),
            tasks => format!("stopping {tasks} tasks"),
        };
        self.session
            .say(Role::Warning, format!("{what}; Ctrl-C again quits"));
    }

    fn next_member(&mut self) {
        let count = self.session.slots.len();
        if count < 2 {
            return self.session.say(Role::Dim, "there is only one directory");
        }
        self.session.visit();
        self.session.current = (self.session.current + 1) % count;
        self.session.arrive();
    }

    pub(super) fn open_screen(&mut self, id: ScreenId) {
        if let Some(at) = self.screens.iter().position(|screen| screen.id() == id) {
            self.open_tab(at);
        }
    }

    pub(super) fn open_tab(&mut self, at: usize) {
        if at < self.screens.len() && at != self.open {
            self.session.visit();
            self.switch(at);
        }
    }

    /// Opens a tab without remembering the way.
    pub(super) fn switch(&mut self, at: usize) {
        if at != self.open {
            self.filter.clear();
            self.find.clear();
            if let Some(screen) = self.screens.get_mut(self.open) {
                screen.filter("", &mut self.session);
                screen.find("");
            }
            self.last = self.open;
            self.open = at;
        }
        self.refresh();
    }

    /// Moves the ruler; `step`: one of many small moves, which together are one visit.
    pub(super) fn move_time(&mut self, revision: Option<i64>, step: bool) {
        if self.session.data().is_none() {
            return self.session.say(Role::Dim, "there is no index yet");
        }
        if step {
            self.visits.stepping();
        } else {
            self.session.visit();
        }
        self.session.move_to(revision);
    }

    fn step_revision(&mut self, forward: bool) {
        let Some(data) = self.session.data() else {
            return self.session.say(Role::Dim, "there is no index yet");
        };
        let (keyspace, at) = (data.keyspace(), self.session.ruler.revision());
        let next = if forward {
            keyspace.between(at.saturating_add(1)..=i64::MAX).next()
        } else {
            keyspace.between(0..=at.saturating_sub(1)).next_back()
        };
        match next.map(|version| version.revision.main) {
            Some(revision) if revision >= self.session.ruler.first => {
                self.move_time(Some(revision), true)
            }
            _ if forward => self.session.say(Role::Dim, "this is the newest revision"),
            _ => self.session.say(
                Role::Dim,
                "this is the oldest revision that is retained whole",
            ),
        }
    }

    fn step_version(&mut self, forward: bool) {
        let Some((data, key)) = self.session.data().zip(self.session.focus()) else {
            return self.session.say(Role::Dim, "no key is selected");
        };
        let (records, at) = (
            data.keyspace().records_of(key),
            self.session.ruler.revision(),
        );
        let mains: Vec<i64> = records
            .iter()
            .map(|version| version.revision.main)
            .collect();
        let first = self.session.ruler.first;
        let next = if forward {
            mains.iter().copied().find(|main| *main > at)
        } else {
            // The version that is current now is not the one before it.
            let before = mains.iter().rev().copied();
            before.filter(|main| *main <= at).nth(1)
        };
        match next {
            Some(revision) if revision >= first => self.move_time(Some(revision), true),
            Some(revision) => {
                let text = format!(
                    "the version before was written at {revision}, before the compaction at {first}"
                );
                self.session.say(Role::Dim, text);
            }
            None if forward => self
                .session
                .say(Role::Dim, "no later version of this object is stored"),
            None => self
                .session
                .say(Role::Dim, "no earlier version of this object is stored"),
        }
    }

    pub(super) fn pivot(&mut self, want: Want) {
        if want == Want::Wal && matches!(self.session.logged(), Part::Waiting) {
            return self.session.wait_for_log(want);
        }
        let own = self
            .screen()
            .and_then(|screen| screen.emit(want, &self.session));
        match own.unwrap_or_else(|| self.session.derive(want)) {
            Ok(target) => self.session.go(target),
            Err(why) => self.session.say(Role::Warning, why),
        }
    }

    fn copy(&mut self, what: Copied) {
        let own = self
            .screen()
            .and_then(|screen| screen.copy(what, &self.session));
        let name = match what {
            Copied::Command => "command",
            Copied::Key => "key",
            Copied::Yaml => "YAML",
            Copied::Json => "JSON",
            Copied::Neat => "re-creatable YAML",
            Copied::Path => "path",
            Copied::Revision => "revision",
            Copied::Place => "place",
        };
        match own.unwrap_or_else(|| self.session.derive_copy(what)) {
            Ok(text) => {
                let named = self
                    .session
                    .focus_name()
                    .filter(|_| matches!(what, Copied::Yaml | Copied::Json | Copied::Neat));
                let of = match (named, what) {
                    (Some(object), _) => format!("{name} of {object}"),
                    (None, Copied::Command) => format!("{name} {}", start_of(&text)),
                    (None, Copied::Key) => format!("{name} {}", start_of(&text)),
                    (None, _) => name.to_owned(),
                };
                self.session.copy(of, text);
            }
            Err(why) => self.session.say(Role::Warning, why),
        }
    }
}

/// Most characters of a copied line that the message repeats.
const REPEATED: usize = 60;

/// The beginning of a copied line, for the message that says what was sent.
fn start_of(text: &str) -> String {
    let text = text.lines().next().unwrap_or_default();
    match text.chars().count() > REPEATED {
        true => text.chars().take(REPEATED).chain(['…']).collect(),
        false => text.to_owned(),
    }
}

//! Back and forward through everything visited.

use super::App;
use crate::screen::Snapshot;

/// Most states that are kept.
const KEPT: usize = 200;

/// A state to come back to.
#[derive(Clone)]
pub(super) struct State {
    screen: usize,
    snapshot: Snapshot,
    at: Option<i64>,
    focus: Option<Vec<u8>>,
    member: usize,
    replay: bool,
    filter: String,
}

/// The states before and after this one.
#[derive(Default)]
pub(super) struct Visits {
    before: Vec<State>,
    after: Vec<State>,
    /// Whether the last move was a small step in time: further ones belong to the same visit.
    stepping: bool,
    step: bool,
}

impl Visits {
    /// Notes that this key is a small step in time.
    pub(super) fn stepping(&mut self) {
        self.step = true;
    }
}

impl App {
    /// The state as it is.
    pub(super) fn state(&self) -> Option<State> {
        Some(State {
            screen: self.open,
            snapshot: self.screen()?.snapshot(),
            at: self.session.ruler.at(),
            focus: self.session.focus().map(<[u8]>::to_vec),
            member: self.session.current,
            replay: self.session.is_replayed(),
            filter: self.filter.clone(),
        })
    }

    /// Remembers the state before a key where it was worth it.
    pub(super) fn remember(&mut self, before: Option<State>, visit: bool) {
        let step = std::mem::take(&mut self.visits.step);
        let worth = visit || (step && !self.visits.stepping);
        if visit || step {
            self.visits.stepping = step && !visit;
        }
        if let Some(state) = before.filter(|_| worth) {
            self.visits.before.push(state);
            if self.visits.before.len() > KEPT {
                self.visits.before.remove(0);
            }
            self.visits.after.clear();
        }
    }

    /// Back; `false`: nowhere.
    pub(super) fn back(&mut self) -> bool {
        let Some(state) = self.visits.before.pop() else {
            return false;
        };
        self.visits.after.extend(self.state());
        self.take_up(&state);
        true
    }

    /// Forward; `false`: nowhere.
    pub(super) fn forward(&mut self) -> bool {
        let Some(state) = self.visits.after.pop() else {
            return false;
        };
        self.visits.before.extend(self.state());
        self.take_up(&state);
        true
    }

    fn take_up(&mut self, state: &State) {
        self.visits.stepping = false;
        if state.member != self.session.current {
            self.session.current = state.member;
            self.session.arrive();
        }
        self.session.turn(state.replay);
        self.session.move_to(state.at);
        self.session.set_focus(state.focus.as_deref());
        self.switch(state.screen);
        let Some(screen) = self.screens.get_mut(state.screen) else {
            return;
        };
        // Snapshots know rows by their numbers, whatever a filter shows of them.
        if !self.filter.is_empty() {
            screen.filter("", &mut self.session);
        }
        screen.restore(&*state.snapshot, &mut self.session);
        self.filter.clone_from(&state.filter);
        if !self.filter.is_empty() {
            screen.filter(&self.filter, &mut self.session);
        }
    }
}

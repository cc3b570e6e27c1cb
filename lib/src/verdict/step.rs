//! One line of a plan: an action, what it leads to, and what it costs.

use super::action::Action;
use super::outcome::{Count, LaterWrites, Loss, Outcome};
use crate::wal::boot::Release;
use located::Command;

/// An action with its outcome, held against the acknowledged state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What is done.
    pub action: Action,
    /// The release of etcd that does it.
    pub release: Release,
    /// The commands, in order; empty if no command of this machine does it.
    pub commands: Vec<Command>,
    /// The effect in one line, printed after the commands or instead of them.
    pub effect: String,
    /// What etcd does and holds then.
    pub outcome: Outcome,
    /// Acknowledged writes that are gone then.
    pub lost: Loss,
    /// Records that are served with another content than was acknowledged.
    pub wrong: Count,
    /// Writes that are applied a second time.
    pub duplicated: Count,
    /// Writes that a restore had taken back and that come back.
    pub undone: Count,
    /// Writes that may have been acknowledged, and are gone then.
    pub possibly_lost: Loss,
    /// Whether it asks for what in all likelihood is elsewhere, before anything is made of what is here: the original of a copy that
    /// was taken while etcd was writing, the log of a db.
    pub asks_first: bool,
    /// Whether `preflight` finds an obstacle to it, which it reports on a line of its own.
    pub has_obstacle: bool,
}

impl Step {
    /// An action about which nothing is known yet.
    pub(super) fn new(action: Action, release: Release) -> Self {
        Self {
            action,
            release,
            commands: Vec::new(),
            effect: String::new(),
            outcome: Outcome::unknown(),
            lost: Loss::default(),
            wrong: Count::default(),
            duplicated: Count::default(),
            undone: Count::default(),
            possibly_lost: Loss::default(),
            asks_first: false,
            has_obstacle: false,
        }
    }

    /// What it loses as a table shows it: `?` if that is not known, `0?` if nothing is known to be lost and more may be.
    pub fn lost_text(&self) -> String {
        let lost = self.lost.writes;
        match (self.outcome.starts, self.possibly_lost.is_none()) {
            (None, _) => "?".to_owned(),
            (Some(_), false) if !lost.at_least => format!("{lost}?"),
            (Some(_), _) => lost.to_string(),
        }
    }

    /// What joins a command and the one after it. A salvage that could not recover everything ends with a code of its own, and its
    /// backup is good: what follows runs all the same.
    pub fn joint(command: &Command) -> &'static str {
        match command.words().get(1).is_some_and(|verb| verb == "salvage") {
            true => ";",
            false => " &&",
        }
    }

    /// Whether it builds a backup of records that no tree reaches.
    pub(super) fn is_carved(&self) -> bool {
        let mut words = self.commands.iter().flat_map(Command::words);
        words.any(|word| word == "carved")
    }

    /// The commands as one line for a shell.
    pub fn command_line(&self) -> String {
        Self::line_of(&self.commands)
    }

    /// Commands as one line for a shell.
    pub fn line_of(commands: &[Command]) -> String {
        let mut line = String::new();
        for (at, command) in commands.iter().enumerate() {
            if let Some(before) = at.checked_sub(1).and_then(|at| commands.get(at)) {
                line.push_str(Self::joint(before));
                line.push(' ');
            }
            line.push_str(&command.to_string());
        }
        line
    }

    /// Whether etcd serves afterwards, as far as is known, and takes writes.
    pub fn is_usable(&self) -> bool {
        self.outcome.starts != Some(false)
            && !matches!(self.outcome.later_writes, LaterWrites::Vanish(_))
    }

    /// Whether it serves everything that was acknowledged, and nothing else.
    pub fn is_lossless(&self) -> bool {
        self.is_usable() && self.harm() == 0
    }

    /// What makes one step worse than another, the most important first: it does not serve, that is not known, it costs writes,
    /// how many is not known, `preflight` refuses it.
    pub(super) fn badness(&self) -> (bool, bool, u64, bool, bool) {
        let is_unknown = self.outcome.starts.is_none();
        let cost = self.cost();
        (
            !self.is_usable(),
            is_unknown,
            cost.value,
            cost.at_least,
            self.has_obstacle,
        )
    }

    /// Whether it costs less than another step, writes that may have been acknowledged counted last.
    pub(super) fn costs_less_than(&self, other: &Self) -> bool {
        let price = |step: &Self| (step.badness(), step.possibly_lost.writes);
        price(self) < price(other)
    }

    fn cost(&self) -> Count {
        let counts = [self.lost.writes, self.wrong, self.duplicated, self.undone];
        let sum = |sum: Count, count: &Count| sum.plus(*count);
        counts.iter().fold(Count::default(), sum)
    }

    /// Lost, wrong, duplicated and undone writes together.
    pub fn harm(&self) -> u64 {
        let harm = self.cost();
        // "At least none" is not none.
        harm.value.max(u64::from(harm.at_least))
    }
}

//! Keys: the one table, and how a press is looked up in it.

mod press;
mod section;
mod table;

pub use press::{parse, shown};
pub use section::Section;
pub use table::TABLE;

pub(crate) use press::token;

use crate::act::Act;
use crate::screen::ScreenId;

/// One row of the table: keys, what they mean, and what help, footer and `:` say of it.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    /// Sequences that mean the same; the presses of one are parted by spaces: `g g`.
    pub keys: &'static [&'static str],
    /// What they mean.
    pub act: Act,
    /// The screens on which they mean it; none: on all.
    pub on: &'static [ScreenId],
    /// Whether it means that only on a step of a plan; elsewhere the key begins chords.
    pub on_step: bool,
    /// One line for the help.
    pub help: &'static str,
    /// Word for the footer; empty: not there.
    pub hint: &'static str,
    /// Name for `:`; empty: none.
    pub command: &'static str,
    /// The command line that answers the same, as [`Session::command`](crate::Session::command) fills it; empty: none.
    pub cli: &'static str,
}

impl Binding {
    const fn new(keys: &'static [&'static str], act: Act, help: &'static str) -> Self {
        Self {
            keys,
            act,
            on: &[],
            on_step: false,
            help,
            hint: "",
            command: "",
            cli: "",
        }
    }

    const fn on(mut self, on: &'static [ScreenId]) -> Self {
        self.on = on;
        self
    }

    const fn on_step(mut self) -> Self {
        self.on_step = true;
        self
    }

    const fn hint(mut self, hint: &'static str) -> Self {
        self.hint = hint;
        self
    }

    const fn command(mut self, command: &'static str) -> Self {
        self.command = command;
        self
    }

    const fn cli(mut self, cli: &'static str) -> Self {
        self.cli = cli;
        self
    }

    /// Whether it can be used on a screen, given the screens that there are.
    pub fn is_for(&self, screen: ScreenId, tabs: &[ScreenId]) -> bool {
        let there = match self.act {
            Act::Tab(number) => tabs
                .get(usize::from(number))
                .is_some_and(|tab| *tab != ScreenId::Lists),
            Act::Pivot(want) => tabs.contains(&want.screen()),
            Act::Go(screen) => tabs.contains(&screen),
            Act::History => tabs.contains(&ScreenId::History),
            _ => true,
        };
        there && (self.on.is_empty() || self.on.contains(&screen))
    }

    /// Its sequences as the user reads them: `gg`, `⏎`.
    pub fn shown(&self) -> String {
        let keys: Vec<String> = self.keys.iter().map(|keys| shown(keys)).collect();
        keys.join(" ")
    }
}

/// The rows for a screen: its own first, then those of all.
pub fn bindings(
    screen: ScreenId,
    tabs: &[ScreenId],
) -> impl Iterator<Item = &'static Binding> + use<> {
    let own = TABLE.iter().filter(|binding| !binding.on.is_empty());
    let all = TABLE.iter().filter(|binding| binding.on.is_empty());
    let tabs = tabs.to_vec();
    own.chain(all)
        .filter(move |binding| binding.is_for(screen, &tabs))
}

/// What a sequence of presses is so far.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lookup {
    /// Whole.
    Whole(&'static Binding),
    /// The beginning of others.
    Begun,
    /// Nothing.
    Nothing,
}

/// Looks up presses on a screen; `on_step`: with a step of a plan under the cursor.
pub(crate) fn find(
    pressed: &[String],
    screen: ScreenId,
    tabs: &[ScreenId],
    on_step: bool,
) -> Lookup {
    let mut found = Lookup::Nothing;
    for binding in bindings(screen, tabs).filter(|binding| on_step || !binding.on_step) {
        for keys in binding.keys {
            let mut tokens = keys.split(' ');
            if pressed.iter().all(|press| tokens.next() == Some(press)) {
                match tokens.next() {
                    None => return Lookup::Whole(binding),
                    Some(_) => found = Lookup::Begun,
                }
            }
        }
    }
    found
}

/// Whether a press means something on a screen, or begins something.
pub(crate) fn is_bound(press: &str, screen: ScreenId) -> bool {
    let all = TABLE
        .iter()
        .filter(|binding| binding.on.is_empty() || binding.on.contains(&screen));
    let mut keys = all.flat_map(|binding| binding.keys);
    keys.any(|keys| keys.split(' ').next() == Some(press))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [ScreenId; 11] = [
        ScreenId::Home,
        ScreenId::Browse,
        ScreenId::History,
        ScreenId::Timeline,
        ScreenId::Wal,
        ScreenId::Pages,
        ScreenId::Space,
        ScreenId::Check,
        ScreenId::Search,
        ScreenId::Compare,
        ScreenId::Lists,
    ];

    #[test]
    fn no_key_means_two_things_on_a_screen_and_none_is_hidden_by_a_shorter_one() {
        for screen in ALL {
            let mut seen: Vec<(&str, Act)> = Vec::new();
            // On a step of the plan a key may win over the chords that begin with it.
            for binding in bindings(screen, &ALL).filter(|binding| !binding.on_step) {
                for keys in binding.keys {
                    let own = !binding.on.is_empty();
                    for (other, act) in &seen {
                        let clash = *other == *keys
                            || other.starts_with(&format!("{keys} "))
                            || keys.starts_with(&format!("{other} "));
                        assert!(
                            !clash || own || *act == binding.act,
                            "{screen:?}: {keys} and {other}"
                        );
                    }
                    seen.push((keys, binding.act));
                }
            }
        }
    }

    #[test]
    fn e_salvages_on_a_step_of_the_plan_and_begins_chords_elsewhere() {
        let pressed = ["e".to_owned()];
        let find = |screen, on_step| find(&pressed, screen, &ALL, on_step);
        let salvages = |found| matches!(found, Lookup::Whole(row) if row.act == Act::Salvage);
        for screen in ALL {
            let has_plan = matches!(screen, ScreenId::Check | ScreenId::Compare);
            assert_eq!(salvages(find(screen, true)), has_plan, "{screen:?}");
            assert!(matches!(find(screen, false), Lookup::Begun), "{screen:?}");
        }
    }

    #[test]
    fn every_key_of_the_table_can_be_pressed() {
        for binding in TABLE {
            for keys in binding.keys {
                for press in keys.split(' ') {
                    assert_eq!(
                        token(&parse(press).unwrap()).as_deref(),
                        Some(press),
                        "{keys}"
                    );
                }
            }
        }
    }
}

//! The `:` line: rows of the key table by name, commands with an argument, resources.

use etcd_inspect::RaftIndex;
use etcd_inspect::answers::clocks::clock_near;
use etcd_inspect::text::when::When;
use etcd_inspect::text::{escape, number, time};

use super::{App, syntax};
use crate::act::Exported;
use crate::keys;
use crate::target::{Listing, Target};
use crate::theme::Role;

/// A command with an argument.
pub(super) struct Command {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    run: fn(&mut App, &str) -> Result<(), String>,
}

/// Those that no key means; `t` asks for the argument of the first.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "rev",
        help: "rev N, rev -N, rev latest, or a time as for at: to that revision",
        run: rev,
    },
    Command {
        name: "at",
        help: "at 03:10, at -5m, at 2026-11-21T03:10:00Z: to the revision of that time",
        run: at,
    },
    Command {
        name: "key",
        help: "key KEY: to a raw key or prefix, escaped as it is shown",
        run: key,
    },
    Command {
        name: "page",
        help: "page N: to a page of the db",
        run: |app, text| number(app, text, |id| Target::Page { id, offset: None }),
    },
    Command {
        name: "wal",
        help: "wal N: to a raft index of the log",
        run: |app, text| number(app, text, |index| Target::Wal(RaftIndex(index))),
    },
    Command {
        name: "finding",
        help: "finding F-01: to a finding",
        run: finding,
    },
    Command {
        name: "search",
        help: "search TEXT: in keys, values and history",
        run: search,
    },
    Command {
        name: "note",
        help: "note TEXT: about what is shown",
        run: App::note,
    },
    Command {
        name: Exported::Object.command(),
        help: "export-object FILE: the object under the cursor",
        run: |app, name| app.export(Exported::Object, name),
    },
    Command {
        name: Exported::View.command(),
        help: "export-view FILE: what the screen shows",
        run: |app, name| app.export(Exported::View, name),
    },
    Command {
        name: Exported::Marked.command(),
        help: "export-marked FILE: the marked versions",
        run: |app, name| app.export(Exported::Marked, name),
    },
    Command {
        name: Exported::Report.command(),
        help: "export-report FILE: notes, marks and findings",
        run: |app, name| app.export(Exported::Report, name),
    },
    Command {
        name: super::salvage::COMMAND,
        help: "salvage FILE.db: what a backup of this evidence would have in it; it is written after a typed yes",
        run: App::salvage,
    },
    #[cfg(test)]
    Command {
        name: "broken",
        help: "broken: panics",
        run: |_, _| panic!("broken on purpose"),
    },
    #[cfg(test)]
    Command {
        name: "broken-task",
        help: "broken-task: panics beside the loop",
        run: |app, _| {
            let broken = |_: &crate::job::Monitor| -> () { panic!("broken on purpose") };
            app.session
                .spawn(crate::screen::ScreenId::Browse, "breaking", broken);
            Ok(())
        },
    },
    #[cfg(test)]
    Command {
        name: "stuck",
        help: "stuck: never comes back",
        run: |_, _| {
            if let Some(path) = std::env::var_os("ETCD_INSPECT_TEST_STUCK") {
                std::fs::write(path, "").unwrap();
            }
            loop {
                std::thread::park();
            }
        },
    },
];

impl App {
    /// Runs a line.
    pub(super) fn run_command(&mut self, line: &str) {
        let line = line.trim();
        if line.is_empty() {
            return;
        }
        let before = self.state();
        self.history.retain(|known| known != line);
        self.history.push(line.to_owned());
        if let Err(why) = self.obey(line) {
            self.session.say(Role::Warning, why);
        }
        self.grant_from(before);
    }

    fn obey(&mut self, line: &str) -> Result<(), String> {
        let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        if let Some(command) = COMMANDS.iter().find(|command| {
            command.name == name && (!matches!(name, "wal" | "search") || !rest.is_empty())
        }) {
            return match rest.is_empty() && matches!(name, "rev" | "at" | "key") {
                true => Err(usage(name)),
                false => (command.run)(self, rest),
            };
        }
        if matches!(name, "q" | "q!" | "quit") && rest.is_empty() {
            self.quit();
            return Ok(());
        }
        let named =
            |binding: &&keys::Binding| !binding.command.is_empty() && binding.command == name;
        if let Some(binding) = keys::bindings(self.screen_id(), &self.session.tabs)
            .find(named)
            .filter(|_| rest.is_empty())
        {
            self.act(binding.act);
            return Ok(());
        }
        let screen = self
            .session
            .tabs
            .iter()
            .find(|screen| screen.title().eq_ignore_ascii_case(name))
            .copied();
        if let Some(screen) = screen.filter(|_| rest.is_empty()) {
            self.open_screen(screen);
            return Ok(());
        }
        if let Some(listing) = Listing::named(name).filter(|_| rest.is_empty()) {
            self.session.go(Target::Listing(listing));
            return Ok(());
        }
        if let Some(filter) = line.strip_prefix("//") {
            return self.filter_all(filter);
        }
        if name == "-n" && !rest.is_empty() {
            return self.filter_all(&format!("ns:{rest}"));
        }
        if let Some(filter) = name.strip_prefix('/') {
            if let Some(trouble) = syntax::trouble(filter) {
                return Err(format!("{trouble}; :key takes any key"));
            }
            return key(self, line);
        }
        if let Some(done) = self.obey_number(line) {
            return done;
        }
        if self.takes_no_argument(name) && !rest.is_empty() {
            return Err(format!(
                "{rest:?} is not understood: {name} takes no argument"
            ));
        }
        self.noun(name, rest)
    }

    /// Whether a word is a command, a screen or a list that is named alone.
    fn takes_no_argument(&self, name: &str) -> bool {
        let mut bindings = keys::bindings(self.screen_id(), &self.session.tabs);
        let mut screens = self.session.tabs.iter();
        bindings.any(|binding| !binding.command.is_empty() && binding.command == name)
            || screens.any(|screen| screen.title().eq_ignore_ascii_case(name))
            || Listing::named(name).is_some()
    }

    /// What needs no name: `2500` and `-3` are revisions, `F-01` a finding, `@4215` an entry of the log.
    fn obey_number(&mut self, line: &str) -> Option<Result<(), String>> {
        let is_number = |text: &str| {
            !text.is_empty()
                && text
                    .chars()
                    .all(|c| c.is_ascii_digit() || matches!(c, ',' | '_'))
        };
        if let Some(entry) = line.strip_prefix('@').map(str::trim) {
            return Some(match is_number(entry) {
                true => number(self, entry, |index| Target::Wal(RaftIndex(index))),
                false => Err(format!(
                    "{line:?} is not understood: @N is an entry of the log"
                )),
            });
        }
        if line.starts_with("F-") {
            return Some(finding(self, line));
        }
        let is_revision = is_number(line.strip_prefix('-').unwrap_or(line));
        is_revision.then(|| rev(self, line))
    }

    /// What the commands with an argument do, for the help of `:`.
    pub(super) fn command_help(name: &str) -> Option<&'static str> {
        COMMANDS
            .iter()
            .find(|command| command.name == name)
            .map(|command| command.help)
    }
}

fn digits(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, ',' | '_')).collect()
}

fn usage(name: &str) -> String {
    App::command_help(name).unwrap_or_default().to_owned()
}

fn rev(app: &mut App, text: &str) -> Result<(), String> {
    if app.session.data().is_none() {
        return Err(app.session.why_no_data().plain());
    }
    let last = app.session.ruler.last;
    let revision = match digits(text).as_str() {
        "latest" => None,
        digits => {
            let Ok(number) = digits.parse::<i64>() else {
                return at(app, text)
                    .map_err(|why| format!("{text:?} is neither a revision nor a time ({why})"));
            };
            Some(if number < 0 {
                last.saturating_add(number)
            } else {
                number
            })
        }
    };
    if revision.is_some_and(|asked| app.session.reaches_back(asked)) {
        return Ok(());
    }
    let first = app.session.ruler.first;
    if let Some(asked) = revision.filter(|asked| !(first..=last).contains(asked)) {
        return Err(app.session.not_retained(asked));
    }
    app.move_time(revision, false);
    Ok(())
}

fn at(app: &mut App, text: &str) -> Result<(), String> {
    let when: When = text.parse()?;
    let data = app.session.data().cloned().ok_or("there is no index yet")?;
    let zone = &app.session.options.zone;
    let (mut low, mut high) = (app.session.ruler.first, app.session.ruler.last);
    // As `--at` counts: of all verbs a time means the same revision.
    let newest = data.newest_time.ok_or("the data contains no times")?;
    let moment = when.moment(newest, zone);
    let logged = app.session.log_if_read();
    let is_by = |revision: i64| {
        let clock = clock_near(&data.objects(), logged.as_deref(), [revision], None);
        let write = clock.time_of(revision);
        write.is_none_or(|write| time::is_by(write.position, moment))
    };
    if !is_by(low) {
        return Err(format!(
            "{} is before the first write with a time: rev {low}",
            time::full(moment, zone)
        ));
    }
    // The last revision whose time is not later: times never go back as revisions go on.
    while low < high {
        let middle = low + (high - low) / 2 + 1;
        match is_by(middle) {
            true => low = middle,
            false => high = middle - 1,
        }
    }
    app.move_time(Some(low), false);
    if low == app.session.ruler.last && moment > newest {
        let text = format!(
            "rev {} is the newest: no write is known to be later",
            number::thousands(low.into())
        );
        app.session.say(Role::Dim, text);
    }
    Ok(())
}

fn key(app: &mut App, text: &str) -> Result<(), String> {
    let key = escape::undo(text.as_bytes());
    app.session.go(Target::Key(key));
    Ok(())
}

fn number(app: &mut App, text: &str, target: impl Fn(u64) -> Target) -> Result<(), String> {
    let number = digits(text)
        .parse()
        .map_err(|_| format!("{text:?} is not understood: a number is wanted"))?;
    app.session.go(target(number));
    Ok(())
}

fn finding(app: &mut App, text: &str) -> Result<(), String> {
    let report = app.session.slot().and_then(|slot| slot.report.as_ref());
    let count = report.ok_or("the check has not run yet")?.findings.len();
    let digits = text.strip_prefix("F-").unwrap_or(text);
    let number: usize = digits
        .parse()
        .map_err(|_| format!("{text:?} is not understood: a finding is F-01 to F-{count:02}"))?;
    if number == 0 || number > count {
        return Err(match count {
            0 => format!("there is no finding {text}: the check found nothing"),
            _ => format!("there is no finding {text}: F-01 to F-{count:02} are"),
        });
    }
    app.session.go(Target::Finding(number.saturating_sub(1)));
    Ok(())
}

fn search(app: &mut App, text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err(usage("search"));
    }
    app.session.go(Target::Search(text.to_owned()));
    Ok(())
}

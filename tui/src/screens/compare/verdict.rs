//! What may be done with a member, and what it would cost: one verdict for each purpose.

use etcd_inspect::dataset::Dataset;
use etcd_inspect::member::Member;
use etcd_inspect::text::escape;
use etcd_inspect::verdict::{self, Action, Judged, Level, preflight};

use crate::job::Monitor;
use crate::paint::Line;
use crate::session::Session;
use crate::theme::Role;

/// What is going to be done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Start etcd on the directory.
    #[default]
    Start,
    /// Start it with `--force-new-cluster`.
    ForceNewCluster,
    /// Restore its db into a new directory.
    Restore,
    /// Start the next minor version on it.
    Upgrade,
}

/// All of them, in the order in which `v` steps.
pub(super) const PURPOSES: [Purpose; 4] = [
    Purpose::Start,
    Purpose::ForceNewCluster,
    Purpose::Restore,
    Purpose::Upgrade,
];

impl Purpose {
    /// As `preflight --for` calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::ForceNewCluster => "force-new-cluster",
            Self::Restore => "restore",
            Self::Upgrade => "upgrade",
        }
    }

    fn action(self) -> Action {
        match self {
            Self::Start => Action::Start,
            Self::ForceNewCluster => Action::ForceNewCluster,
            Self::Restore => Action::Restore,
            Self::Upgrade => Action::Upgrade,
        }
    }

    /// One word for it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::ForceNewCluster => "force",
            purpose => purpose.name(),
        }
    }

    pub(super) fn next(self) -> Self {
        match self {
            Self::Start => Self::ForceNewCluster,
            Self::ForceNewCluster => Self::Restore,
            Self::Restore => Self::Upgrade,
            Self::Upgrade => Self::Start,
        }
    }
}

/// The answer for one member.
#[derive(Clone, Debug)]
pub(super) struct Verdict {
    pub(super) go: bool,
    /// What is to be done, or why not.
    what: String,
    lines: Vec<verdict::Line>,
    /// Whether it makes the data of other members worthless.
    is_last_resort: bool,
    /// Keys that would be lost.
    lost: Vec<Vec<u8>>,
    /// Order of choice among the members, where there is one.
    pub(super) rank: Option<usize>,
}

/// Judges all members for a purpose; each answer is given with the member's position.
pub(super) fn judge(
    purpose: Purpose,
    members: &[Dataset],
    monitor: &Monitor,
    give: &mut dyn FnMut(usize, Verdict),
) {
    let members: Vec<&Member> = members.iter().map(Dataset::member).collect();
    for judged in preflight(&members, purpose.action(), None, monitor) {
        if monitor.is_cancelled() {
            return;
        }
        give(judged.position, verdict_from(purpose, judged));
    }
}

fn verdict_from(purpose: Purpose, judged: Judged) -> Verdict {
    let mut what = match &judged.step {
        Some(step) => step.effect.clone(),
        None => "this cannot be done with this evidence".to_owned(),
    };
    if purpose == Purpose::Restore
        && let Some(step) = &judged.step
    {
        what = step.command_line();
    }
    if let Some(better) = &judged.better {
        what = format!("{what} · better: {}, {}", better.action, better.effect);
    }
    let is_last_resort = judged.is_last_resort();
    let lost = judged.step.map_or_else(Vec::new, |step| step.lost.keys);
    Verdict {
        go: judged.go,
        is_last_resort,
        what,
        lines: judged.lines,
        lost,
        rank: (purpose == Purpose::ForceNewCluster).then_some(judged.rank),
    }
}

/// Keys that are named.
const KEYS: usize = 200;

impl Verdict {
    /// `GO`, in the colour of a warning for what is never more than the last resort, or `NO-GO`.
    pub(super) fn word(&self) -> (Role, &'static str) {
        match self.go {
            true if self.is_last_resort => (Role::Warning, "GO"),
            true => (Role::Good, "GO"),
            false => (Role::Error, "NO-GO"),
        }
    }

    /// All of it, in lines of a width.
    pub(super) fn lines(&self, width: usize, session: &Session) -> Vec<Line> {
        let (role, word) = self.word();
        let mut lines = Vec::new();
        hanging(&mut lines, (role, word), &self.what, "", width);
        for line in &self.lines {
            let head = match line.level {
                Level::Pass => (Role::Good, "PASS"),
                Level::Warn => (Role::Warning, "WARN"),
                Level::Fail => (Role::Error, "FAIL"),
            };
            hanging(&mut lines, head, &line.text, &line.code, width);
        }
        for (number, key) in self.lost.iter().take(KEYS).enumerate() {
            let name = if number == 0 { "loses" } else { "" };
            let key = escape::bytes(key, session.charset()).into_owned();
            lines.push(Line::piece(Role::Warning, format!(" {name:<6} ")).with(Role::Name, key));
        }
        if self.lost.len() > KEYS {
            lines.push(Line::piece(
                Role::Dim,
                format!("        … {} keys more", self.lost.len() - KEYS),
            ));
        }
        lines
    }
}

/// A sentence with a word before it, its further lines below its own beginning.
fn hanging(
    lines: &mut Vec<Line>,
    (role, word): (Role, &str),
    text: &str,
    code: &str,
    width: usize,
) {
    let room = width.saturating_sub(9).max(20);
    let mut head = Line::piece(role, format!(" {word:<6} "));
    let mut line = String::new();
    let mut words = text.split(' ').peekable();
    while let Some(word) = words.next() {
        if !line.is_empty() && escape::width(&line) + 1 + escape::width(word) > room {
            lines.push(std::mem::replace(&mut head, Line::from("        ")).text(line));
            line = String::new();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if words.peek().is_none() {
            let end = std::mem::replace(&mut head, Line::from("        "));
            lines.push(
                end.text(std::mem::take(&mut line))
                    .with(Role::Dim, format!("  {code}")),
            );
        }
    }
}

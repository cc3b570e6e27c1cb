//! What may be done with a member, and what it would cost: one verdict for each purpose.

use etcd_inspect::cluster::{self, Level};
use etcd_inspect::member::Member;
use etcd_inspect::text::{escape, number};

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
    lines: Vec<cluster::Line>,
    /// Keys that would be lost.
    lost: Vec<Vec<u8>>,
    /// Order of choice among the members, where there is one.
    pub(super) rank: Option<usize>,
}

/// Judges all members for a purpose; each answer is given with the member's position as soon as it is known.
pub(super) fn judge(
    purpose: Purpose,
    members: &[&'static Member],
    monitor: &Monitor,
    give: &mut dyn FnMut(usize, Verdict),
) {
    if purpose == Purpose::ForceNewCluster {
        let candidates = cluster::force_new_cluster(members, monitor);
        for candidate in candidates {
            let name = |member: &&Member| member.evidence().name().to_string() == candidate.path;
            if let Some(at) = members.iter().position(name) {
                give(at, forced(candidate));
            }
        }
        return;
    }
    for (at, member) in members.iter().enumerate() {
        if monitor.is_cancelled() {
            return;
        }
        let verdict = match purpose {
            Purpose::Start | Purpose::ForceNewCluster => started(member, monitor),
            Purpose::Restore => {
                // The one that is restored first; the others say how far the cluster had come.
                let mut order = members.to_vec();
                order.rotate_left(at);
                cluster::restore(&order, monitor).map_or_else(refused, restored)
            }
            Purpose::Upgrade => {
                cluster::upgrade(member, None, monitor).map_or_else(refused, upgraded)
            }
        };
        give(at, verdict);
    }
}

fn refused(error: etcd_inspect::Error) -> Verdict {
    Verdict {
        go: false,
        what: error.to_string(),
        lines: Vec::new(),
        lost: Vec::new(),
        rank: None,
    }
}

fn started(member: &Member, monitor: &Monitor) -> Verdict {
    let start = cluster::start(member, None, monitor);
    let go = cluster::is_go(&start.lines);
    Verdict {
        go,
        what: match (start.starts, go) {
            (true, true) => format!("etcd {} starts on it", start.release),
            (true, false) => "etcd would start, but should not be let: copy it first".to_owned(),
            (false, _) => "etcd would not start, and a failed start destroys evidence".to_owned(),
        },
        lines: start.lines,
        lost: start.lost_keys,
        rank: None,
    }
}

fn forced(candidate: cluster::Candidate) -> Verdict {
    let go = cluster::is_go(&candidate.lines);
    let what = format!(
        "choice {} · revision {}, log committed to {} · drops {}, loses {}",
        candidate.rank,
        number::thousands(candidate.revision.into()),
        number::thousands(candidate.commit.into()),
        cluster::counted(candidate.discarded_entries, "entry", "entries"),
        cluster::counted(candidate.lost_keys.len() as u64, "key", "keys"),
    );
    Verdict {
        go,
        what,
        lines: candidate.lines,
        lost: candidate.lost_keys,
        rank: Some(candidate.rank),
    }
}

fn restored(restore: cluster::Restore) -> Verdict {
    Verdict {
        go: cluster::is_go(&restore.lines),
        what: restore.command,
        lines: restore.lines,
        lost: Vec::new(),
        rank: None,
    }
}

fn upgraded(lines: Vec<cluster::Line>) -> Verdict {
    let go = cluster::is_go(&lines);
    Verdict {
        go,
        what: match go {
            true => "nothing stands in the way of the next minor version".to_owned(),
            false => "do not upgrade yet".to_owned(),
        },
        lines,
        lost: Vec::new(),
        rank: None,
    }
}

/// Keys that are named.
const KEYS: usize = 200;

impl Verdict {
    /// `GO`, `NO-GO`.
    pub(super) fn word(&self) -> (Role, &'static str) {
        match self.go {
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
            lines.push(Line::of(Role::Warning, format!(" {name:<6} ")).with(Role::Name, key));
        }
        if self.lost.len() > KEYS {
            lines.push(Line::of(
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
    let mut head = Line::of(role, format!(" {word:<6} "));
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

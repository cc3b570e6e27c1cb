//! Space: where the bytes of the db file are, by resource and namespace, down to the key; the parts add up to the file.

mod draw;
mod sums;

use std::any::Any;
use std::rc::Rc;
use std::sync::Arc;

use crossterm::event::MouseEvent;
use etcd_inspect::Command;
use etcd_inspect::answers::Counts;
use etcd_inspect::text::escape;
use ratatui::layout::Rect;

use crate::act::{Act, Copied};
use crate::job::{JobId, Monitor};
use crate::paint::Pen;
use crate::screen::{Screen, ScreenId, Snapshot};
use crate::session::{Data, Session};
use crate::target::{Target, Want};
use crate::theme::Role;
use crate::widgets::{Click, Seen, View};
use sums::{Group, Level, Rest, Sums};

/// The screen.
#[derive(Debug, Default)]
pub(crate) struct SpaceScreen {
    level: Level,
    metric: Metric,
    sums: Option<Sums>,
    /// What the sums are of, or are being made of.
    of: Option<(Arc<Data>, Level)>,
    job: Option<JobId>,
    rows: Vec<SpaceRow>,
    view: View,
    awaited: Option<Group>,
}

/// What is measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Metric {
    /// All records.
    #[default]
    Stored,
    /// The newest version of every key that exists.
    Live,
    /// Older versions and deletions.
    History,
    /// What belongs to no key.
    Free,
}

/// A part of the whole.
#[derive(Clone, Debug, PartialEq, Eq)]
struct SpaceRow {
    part: SpacePart,
    bytes: u64,
    counts: Counts,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum SpacePart {
    Group(Group),
    Rest(Rest),
}

/// For the back stack.
struct SpaceBefore {
    level: Level,
    metric: Metric,
    seen: Seen,
}

impl Metric {
    fn name(self) -> &'static str {
        match self {
            Self::Stored => "live + history",
            Self::Live => "live",
            Self::History => "history",
            Self::Free => "free",
        }
    }

    fn next(self) -> Self {
        match self {
            Self::Stored => Self::Live,
            Self::Live => Self::History,
            Self::History => Self::Free,
            Self::Free => Self::Stored,
        }
    }

    fn bytes(self, counts: &Counts) -> u64 {
        match self {
            Self::Stored => sums::stored(counts),
            Self::Live => counts.live_bytes,
            Self::History => counts.history_bytes,
            Self::Free => 0,
        }
    }
}

impl Screen for SpaceScreen {
    fn id(&self) -> ScreenId {
        ScreenId::Space
    }

    fn refresh(&mut self, session: &mut Session) {
        // The file is the same on both sides.
        let Some(data) = session.stored().cloned() else {
            (self.sums, self.of) = (None, None);
            self.rows.clear();
            return;
        };
        self.sum(data, session);
    }

    fn act(&mut self, act: Act, session: &mut Session) -> bool {
        match act {
            Act::Open | Act::Right => self.enter(act, session),
            Act::Left => {
                if !self.outward(session) {
                    self.view.split.detail = false;
                }
            }
            Act::Metric => {
                let part = self.row().map(|row| row.part.clone());
                self.metric = self.metric.next();
                let text = self.view.sieve.text().to_owned();
                self.view.sieve.clear(session);
                self.arrange();
                self.filter(&text, session);
                self.select(part.as_ref(), session);
                session.say(Role::Dim, format!("measured: {}", self.metric.name()));
            }
            Act::Sort => {
                session.visit();
                self.level = Level {
                    by_namespace: !self.level.by_namespace,
                    way: Vec::new(),
                };
                self.view.reset(session);
                self.refresh(session);
            }
            Act::NextMark | Act::PrevMark => self.landmark(act == Act::NextMark, session),
            act => return self.view.act(act, self.rows.len(), 0, session),
        }
        true
    }

    fn draw(&mut self, area: Rect, pen: &mut Pen<'_>, session: &Session) {
        self.draw_all(area, pen, session);
    }

    fn crumbs(&self, session: &Session) -> Vec<String> {
        let mut crumbs = vec!["space".to_owned()];
        let names = self.level.way.iter();
        crumbs.extend(names.map(|group| draw::name(group, session.charset())));
        match self.row().map(|row| &row.part) {
            Some(SpacePart::Group(group)) => crumbs.push(draw::name(group, session.charset())),
            Some(SpacePart::Rest(rest)) => crumbs.push(draw::rest_name(*rest, self.metric)),
            None => {}
        }
        crumbs
    }

    fn accept(&mut self, target: &Target, session: &mut Session) -> Result<(), String> {
        let Target::Space(key) = target else {
            return Err("Space shows what keys take".to_owned());
        };
        let data = session
            .stored()
            .cloned()
            .ok_or_else(|| session.why_no_data().plain())?;
        if data.directory().below(key).is_empty() {
            return Err(format!(
                "nothing of {} is stored",
                escape::bytes(key, session.charset())
            ));
        }
        let (mut level, mut group) = Level::to(data.layout(), key);
        if data.directory().position(key).is_none()
            && let Some(last) = level.way.pop()
        {
            group = last;
        }
        if self.metric == Metric::Free {
            self.metric = Metric::Stored;
        }
        self.level = level;
        self.awaited = Some(group);
        self.refresh(session);
        self.find_awaited(session);
        Ok(())
    }

    fn emit(&self, want: Want, session: &Session) -> Option<Result<Target, String>> {
        let group = match self.row().map(|row| &row.part) {
            Some(SpacePart::Group(group)) => group,
            Some(SpacePart::Rest(_)) if want != Want::Time => {
                return Some(Err("this part of the file belongs to no key".to_owned()));
            }
            _ => return None,
        };
        match (want, group) {
            (Want::Key, Group::Key(key)) => Some(Ok(Target::Key(key.clone()))),
            (Want::Space, Group::Key(key)) => Some(Ok(Target::Space(key.clone()))),
            (Want::Key, _) => {
                Some(self.prefix(session).map(Target::Key).ok_or_else(|| {
                    "a namespace of all resources is no branch of Browse".to_owned()
                }))
            }
            (Want::Revision, _) => Some(Ok(Target::Revision {
                main: self.row()?.counts.last_revision,
                key: match group {
                    Group::Key(key) => Some(key.clone()),
                    _ => None,
                },
            })),
            _ => None,
        }
    }

    fn snapshot(&self) -> Snapshot {
        Rc::new(SpaceBefore {
            level: self.level.clone(),
            metric: self.metric,
            seen: self.view.seen(),
        })
    }

    fn restore(&mut self, snapshot: &dyn Any, session: &mut Session) {
        if let Some(before) = snapshot.downcast_ref::<SpaceBefore>() {
            (self.level, self.metric) = (before.level.clone(), before.metric);
            self.arrange();
            self.refresh(session);
            self.view.restore(before.seen, session);
        }
    }

    fn answer(
        &mut self,
        job: JobId,
        value: Box<dyn Any + Send>,
        last: bool,
        session: &mut Session,
    ) {
        if self.view.answer(job, &*value, last) {
            return;
        }
        let Ok(sums) = value.downcast::<Sums>() else {
            return;
        };
        if self.job == Some(job) {
            self.job = None;
            self.sums = Some(*sums);
            self.arrange();
            self.find_awaited(session);
            self.take(session);
        }
    }

    fn is_without_row(&self) -> bool {
        self.view.sieve.is_without_row()
    }

    fn filter(&mut self, text: &str, session: &mut Session) -> bool {
        let charset = session.charset();
        let lines: Vec<String> = self
            .rows
            .iter()
            .map(|row| match &row.part {
                SpacePart::Group(group) => draw::name(group, charset),
                SpacePart::Rest(rest) => draw::rest_name(*rest, self.metric),
            })
            .collect();
        let (id, rows) = (self.id(), self.rows.len());
        let line = move |row: usize| lines.get(row).cloned().unwrap_or_default();
        self.view.filter(text, rows, line, id, session);
        true
    }

    fn close(&mut self, session: &mut Session) -> bool {
        self.view.split.close() || self.outward(session)
    }

    fn copy(&self, what: Copied, session: &Session) -> Option<Result<String, String>> {
        match (what, self.row().map(|row| &row.part)) {
            (Copied::Command, _) => Some(Ok(session.command(self.command(session)))),
            (Copied::Key, Some(SpacePart::Group(Group::Key(key)))) => {
                Some(Ok(escape::bytes(key, session.charset()).into_owned()))
            }
            _ => None,
        }
    }

    fn mouse(&mut self, event: MouseEvent, session: &mut Session) -> bool {
        match self.view.mouse(event, self.rows.len()) {
            Click::Open => self.act(Act::Open, session),
            click => click == Click::Moved,
        }
    }

    fn settle(&mut self, session: &mut Session) {
        self.take(session);
    }
}

impl SpaceScreen {
    fn row(&self) -> Option<&SpaceRow> {
        self.rows.get(self.view.row(self.rows.len())?)
    }

    /// Gives the key under the cursor the focus.
    fn take(&self, session: &mut Session) {
        if let Some(SpacePart::Group(Group::Key(key))) = self.row().map(|row| &row.part) {
            session.set_focus(Some(key));
        }
    }

    /// Sums the level, where that is not done.
    fn sum(&mut self, data: Arc<Data>, session: &mut Session) {
        let is_same =
            |(of, level): &(Arc<Data>, Level)| Arc::ptr_eq(of, &data) && *level == self.level;
        if self.of.as_ref().is_some_and(is_same) {
            return;
        }
        if let Some(job) = self.job.take() {
            session.cancel(job);
        }
        self.sums = None;
        self.rows.clear();
        self.of = Some((Arc::clone(&data), self.level.clone()));
        let level = self.level.clone();
        let work = move |_: &Monitor| sums::sum(&data, &level);
        self.job = Some(session.spawn(ScreenId::Space, "sums", work));
    }

    /// Makes the rows for the metric.
    fn arrange(&mut self) {
        self.rows.clear();
        let Some(sums) = &self.sums else { return };
        let metric = self.metric;
        let groups = sums.groups.iter().filter(|_| metric != Metric::Free);
        let mut rows: Vec<SpaceRow> = groups
            .map(|(group, counts)| SpaceRow {
                part: SpacePart::Group(group.clone()),
                bytes: metric.bytes(counts),
                counts: *counts,
            })
            .collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.bytes));
        let rest = |rest: Rest, bytes: u64, counts: Counts| SpaceRow {
            part: SpacePart::Rest(rest),
            bytes,
            counts,
        };
        let (more, counts) = sums.more;
        if more > 0 && metric != Metric::Free {
            rows.push(rest(Rest::More(more), metric.bytes(&counts), counts));
        }
        if let (true, Ok(space)) = (self.level.way.is_empty(), &sums.space) {
            // Together with the groups these make the file, to the byte.
            let shown: u64 = rows.iter().map(|row| row.bytes).sum();
            let records = space.live_bytes.saturating_add(space.history_bytes);
            if metric != Metric::Stored || records < shown {
                let others = records.saturating_sub(shown);
                rows.push(rest(Rest::Records, others, Counts::default()));
            }
            for (part, bytes) in [
                (Rest::Tree, space.tree_bytes),
                (Rest::Free, space.free_bytes),
                (Rest::Unknown, space.unknown_bytes),
                (Rest::Outside, space.outside_bytes),
            ] {
                if part == Rest::Unknown && bytes == 0 {
                    continue;
                }
                rows.push(rest(part, bytes, Counts::default()));
            }
        }
        self.rows = rows;
    }

    fn select(&mut self, part: Option<&SpacePart>, session: &mut Session) {
        let row = part.and_then(|part| self.rows.iter().position(|row| row.part == *part));
        let shown = row.filter(|row| self.view.sieve.place(*row).is_some());
        match (row, shown) {
            (Some(row), Some(_)) => self.view.select(row, session),
            _ => self.view.list.select(0),
        }
    }

    /// To the next part that is worth a look: a tenth of the whole, or older versions that take more than what is current.
    fn landmark(&mut self, forward: bool, session: &mut Session) {
        let whole: u64 = self.rows.iter().map(|row| row.bytes).sum();
        let at = self.view.list.cursor();
        let large = |place: &usize| {
            let row = self.view.sieve.row(*place);
            row.and_then(|row| self.rows.get(row)).is_some_and(|row| {
                let old = row.counts.history_bytes > row.counts.live_bytes;
                row.bytes > whole / 10 || (old && row.bytes > whole / 100)
            })
        };
        let next = match forward {
            true => (at.saturating_add(1)..self.view.sieve.len(self.rows.len())).find(large),
            false => (0..at).rev().find(large),
        };
        match next {
            Some(place) => self.view.list.select(place),
            None => session.say(Role::Dim, "no further part that is large or mostly history"),
        }
    }

    fn find_awaited(&mut self, session: &mut Session) {
        if self.sums.is_some()
            && let Some(group) = self.awaited.take()
        {
            self.select(Some(&SpacePart::Group(group)), session);
        }
    }

    fn enter(&mut self, act: Act, session: &mut Session) {
        match self.row().map(|row| row.part.clone()) {
            Some(SpacePart::Group(Group::Key(key))) if act == Act::Open => {
                session.go(Target::Key(key));
            }
            Some(SpacePart::Rest(Rest::Free | Rest::Tree)) if act == Act::Open => {
                self.view.split.detail = true;
                session.say(
                    Role::Dim,
                    "5 shows the pages; there / free, / branch lists them",
                );
            }
            Some(SpacePart::Group(Group::Key(_)) | SpacePart::Rest(_)) | None => {
                self.view.split.detail = true;
            }
            Some(SpacePart::Group(group)) => {
                session.visit();
                self.level.way.push(group);
                self.view.reset(session);
                self.refresh(session);
            }
        }
    }

    /// One level up; `false`: this is the uppermost.
    fn outward(&mut self, session: &mut Session) -> bool {
        let Some(group) = self.level.way.pop() else {
            return false;
        };
        self.awaited = Some(group);
        self.view.reset(session);
        self.refresh(session);
        true
    }

    /// The common prefix of the keys of the group under the cursor, or of the level; `None`: they have none.
    fn prefix(&self, session: &Session) -> Option<Vec<u8>> {
        let own = match self.row().map(|row| &row.part) {
            Some(SpacePart::Group(group)) => Some(group),
            _ => None,
        };
        let way: Vec<&Group> = self.level.way.iter().chain(own).collect();
        prefix_of(&way, self.level.by_namespace, session)
    }

    /// The command line that shows the same sums.
    fn command(&self, session: &Session) -> Command {
        if self.metric == Metric::Free {
            return Command::inspect("status").evidence();
        }
        let way: Vec<&Group> = self.level.way.iter().collect();
        let below = |keys: Command| match prefix_of(&way, self.level.by_namespace, session) {
            Some(prefix) => keys.flag("--prefix", &*escape::bytes(&prefix, session.charset())),
            None => keys,
        };
        let keys = Command::inspect("keys");
        let (keys, is_summed) = match (way.as_slice(), self.level.by_namespace) {
            ([], false) => (keys.arg("--by-resource"), true),
            ([], true) => (keys.arg("--by-namespace"), true),
            ([_], false) => (below(keys.arg("--by-namespace")), true),
            ([Group::Namespace(name)], true) => (keys.arg("--by-resource").flag("-n", name), true),
            _ => (below(keys), false),
        };
        let keys = match self.metric {
            Metric::Live if is_summed => keys.args(["--sort-by", "live"]),
            Metric::History if is_summed => keys.args(["--sort-by", "history"]),
            _ => keys,
        };
        keys.evidence()
    }
}

/// The prefix that the keys of a way of groups have.
fn prefix_of(way: &[&Group], by_namespace: bool, session: &Session) -> Option<Vec<u8>> {
    let data = session.data()?;
    let (resource, namespace) = match (way, by_namespace) {
        ([resource], false) => (*resource, None),
        ([resource, namespace, ..], false) => (*resource, Some(*namespace)),
        ([namespace, resource, ..], true) => (*resource, Some(*namespace)),
        _ => return None,
    };
    let Group::Resource(path) = resource else {
        return None;
    };
    let mut below = Vec::new();
    below.push(b'/');
    below.extend_from_slice(path);
    below.push(b'/');
    if let Some(Group::Namespace(name)) = namespace {
        below.extend_from_slice(name.as_bytes());
        below.push(b'/');
    }
    let with = |prefix: &str| [prefix.as_bytes(), &below].concat();
    let mut prefixes = data.layout().prefixes().map(with);
    prefixes.find(|prefix| !data.directory().below(prefix).is_empty())
}

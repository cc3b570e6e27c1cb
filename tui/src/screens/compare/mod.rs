//! Compare: members side by side, keys that differ, and what may be done with each: start, force a new cluster, restore,
//! upgrade.

mod draw;
mod values;
mod verdict;

use std::any::Any;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use crossterm::event::MouseEvent;
use etcd_inspect::dataset::Dataset;
use etcd_inspect::member::Member;
use etcd_inspect::text::{escape, number};
use etcd_inspect::verdict::{self as lib, Comparison, Step};
use etcd_inspect::{Advice, Command, RaftIndex};
use ratatui::layout::Rect;

use crate::act::{Act, Copied};
use crate::job::{JobId, Monitor};
use crate::paint::{Line, Pen};
use crate::salvage::{Form, Request};
use crate::screen::{Screen, ScreenId, Snapshot};
use crate::session::{Part, Session, Slot};
use crate::target::{Target, Want};
use crate::theme::Role;
use crate::widgets::{Click, Seen, View};
use verdict::{PURPOSES, Purpose, Verdict};

/// The screen.
#[derive(Debug, Default)]
pub(crate) struct Compare {
    compared: Option<Arc<Comparison>>,
    /// The directories that are compared: positions among those that were given.
    members: Vec<usize>,
    names: Vec<String>,
    job: Option<JobId>,
    purpose: Purpose,
    /// For each purpose that was asked for, what is known of each member so far.
    verdicts: [Option<Vec<Option<Verdict>>>; PURPOSES.len()],
    judging: Option<(JobId, Purpose)>,
    view: View,
    width: usize,
    detail: Option<((usize, usize), Vec<Line>)>,
}

/// For the back stack.
struct CompareBefore(Seen, Purpose);

/// What its jobs tell.
enum CompareNews {
    Compared(Comparison),
    Judged(Purpose, usize, Verdict),
}

/// A row of the list.
#[derive(Clone, Copy, Debug)]
enum CompareRow {
    Member(usize),
    /// A step of the plan: what to do with a copy that is not kept.
    Step(usize),
    Finding(usize),
    Key(usize),
}

impl CompareRow {
    /// Members first, then what to do with them, then what is reported of them together, then keys.
    fn at_position(compared: &Comparison, at: usize) -> Option<Self> {
        let (members, findings) = (compared.members.len(), compared.findings.len());
        if at < members {
            return Some(Self::Member(at));
        }
        let at = at - members;
        let steps = compared.plan.len();
        if at < steps {
            return Some(Self::Step(at));
        }
        let at = at - steps;
        if at < findings {
            return Some(Self::Finding(at));
        }
        let at = at - findings;
        (at < compared.differing_keys.len()).then_some(Self::Key(at))
    }
}

impl Screen for Compare {
    fn id(&self) -> ScreenId {
        ScreenId::Compare
    }

    fn refresh(&mut self, session: &mut Session) {
        if self.compared.is_some() || self.job.is_some() {
            return;
        }
        // Every directory must have been opened and indexed, or have failed.
        let waits = |slot: &Slot| {
            matches!(slot.dataset, Part::Waiting)
                || (slot.dataset.ready().is_some() && matches!(slot.data, Part::Waiting))
        };
        if session.slots.iter().any(waits) {
            return;
        }
        let members = self.opened(session);
        if members.len() < 2 {
            return;
        }
        let work = move |monitor: &Monitor| {
            let members: Vec<&Member> = members.iter().map(Dataset::member).collect();
            CompareNews::Compared(lib::compare(&members, true, monitor))
        };
        self.job = Some(session.spawn(ScreenId::Compare, "members", work));
    }

    fn settle(&mut self, session: &mut Session) {
        let of = (self.row_number(), self.width);
        if self.detail.as_ref().is_some_and(|(known, _)| *known == of) {
            return;
        }
        let moved = self
            .detail
            .as_ref()
            .is_none_or(|((row, _), _)| *row != of.0);
        self.detail = Some((of, self.describe(session)));
        if moved {
            self.view.pager.rewind();
            if let Some(key) = self.key() {
                session.set_focus(Some(&key));
            }
        }
    }

    fn act(&mut self, act: Act, session: &mut Session) -> bool {
        match act {
            Act::Reveal => return self.reveal(session),
            Act::Open => match self.row() {
                Some(CompareRow::Member(at)) => self.show_member(at, session),
                Some(CompareRow::Key(_)) => match self.key() {
                    Some(key) => session.go(Target::Key(key)),
                    None => return false,
                },
                _ => self.view.split.detail = true,
            },
            Act::Salvage => match self.request(session) {
                Ok(request) => session.salvage(request),
                Err(why) => session.say(Role::Dim, why),
            },
            Act::Metric => {
                self.purpose = self.purpose.next();
                self.detail = None;
                self.judge(session);
            }
            Act::NextMark | Act::PrevMark if !self.view.split.detail => {
                self.landmark(act == Act::NextMark, session);
            }
            act => {
                let lines = self.detail.as_ref().map_or(0, |(_, lines)| lines.len());
                return self.view.act(act, self.rows(), lines, session);
            }
        }
        true
    }

    fn draw(&mut self, area: Rect, pen: &mut Pen<'_>, session: &Session) {
        self.draw_all(area, pen, session);
    }

    fn crumbs(&self, session: &Session) -> Vec<String> {
        let mut crumbs = vec!["compare".to_owned()];
        match self.row() {
            Some(CompareRow::Member(at)) => crumbs.push(self.name(at)),
            Some(CompareRow::Key(_)) => crumbs.extend(
                self.key()
                    .map(|key| escape::bytes(&key, session.charset()).into_owned()),
            ),
            Some(CompareRow::Step(at)) => crumbs.extend(self.step(at).map(|(of, step)| {
                format!(
                    "step {}: {} {}",
                    at.saturating_add(1),
                    step.action,
                    self.name(of)
                )
            })),
            Some(CompareRow::Finding(_)) | None => {}
        }
        crumbs
    }

    fn emit(&self, want: Want, _session: &Session) -> Option<Result<Target, String>> {
        match (want, self.row(), self.key()) {
            (Want::Key, _, Some(key)) => Some(Ok(Target::Key(key))),
            (Want::Key, _, None) => Some(Err("no differing key is under the cursor".to_owned())),
            (Want::Finding, Some(CompareRow::Member(at)), _) => Some(Err(format!(
                "⏎ makes {} the shown one, 7 lists its findings",
                self.name(at)
            ))),
            _ => None,
        }
    }

    fn snapshot(&self) -> Snapshot {
        Rc::new(CompareBefore(self.view.seen(), self.purpose))
    }

    fn restore(&mut self, snapshot: &dyn Any, session: &mut Session) {
        if let Some(CompareBefore(seen, purpose)) = snapshot.downcast_ref() {
            self.view.restore(*seen, session);
            (self.purpose, self.detail) = (*purpose, None);
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
        self.detail = None;
        if last {
            self.job = self.job.filter(|own| *own != job);
            self.judging = self.judging.filter(|(own, _)| *own != job);
        }
        let Ok(news) = value.downcast::<CompareNews>() else {
            return;
        };
        match *news {
            CompareNews::Compared(compared) => {
                self.compared = Some(Arc::new(compared));
                self.judge(session);
            }
            CompareNews::Judged(purpose, at, verdict) => {
                let of = self.verdicts.get_mut(purpose as usize);
                if let Some(place) = of.and_then(|of| of.as_mut()?.get_mut(at)) {
                    *place = Some(verdict);
                }
            }
        }
    }

    fn is_text(&self) -> bool {
        self.view.split.detail
    }

    fn find(&mut self, text: &str) {
        self.view.look_for(text);
    }

    fn is_without_row(&self) -> bool {
        self.view.sieve.is_without_row()
    }

    fn filter(&mut self, text: &str, session: &mut Session) -> bool {
        let Some(compared) = self.compared.clone() else {
            return text.is_empty();
        };
        let names = self.names.clone();
        let line = move |at: usize| match CompareRow::at_position(&compared, at) {
            Some(CompareRow::Member(at)) => names.get(at).cloned().unwrap_or_default(),
            Some(CompareRow::Step(at)) => compared
                .plan
                .get(at)
                .map_or_else(String::new, |(_, step)| super::check::step::line(step)),
            Some(CompareRow::Finding(at)) => {
                compared.findings.get(at).map_or_else(String::new, |found| {
                    format!("{} {}", found.code.id, found.message)
                })
            }
            Some(CompareRow::Key(at)) => compared
                .differing_keys
                .get(at)
                .map_or_else(String::new, |key| {
                    String::from_utf8_lossy(&key.key).into_owned()
                }),
            None => String::new(),
        };
        let (id, rows) = (self.id(), self.rows());
        self.view.filter(text, rows, line, id, session);
        true
    }

    fn is_on_step(&self) -> bool {
        matches!(
            self.row(),
            Some(CompareRow::Member(_) | CompareRow::Step(_))
        )
    }

    fn close(&mut self, _session: &mut Session) -> bool {
        self.view.split.close()
    }

    fn copy(&self, what: Copied, session: &Session) -> Option<Result<String, String>> {
        let path = |at: usize| {
            let slot = self.members.get(at);
            let slot = slot.and_then(|slot| session.slots.get(*slot));
            slot.map(|slot| slot.path.as_path())
                .unwrap_or(Path::new(""))
        };
        let count = self.members.len();
        match (what, self.row()) {
            // Of the paths the first is meant; where the others matter too they follow.
            (Copied::Command, Some(CompareRow::Member(at))) => {
                let others = (1..count).map(|step| (at + step) % count);
                let paths: Vec<&Path> = match self.purpose {
                    Purpose::Start | Purpose::Upgrade => vec![path(at)],
                    Purpose::Restore => std::iter::once(at).chain(others).map(path).collect(),
                    Purpose::ForceNewCluster => (0..count).map(path).collect(),
                };
                let preflight = paths
                    .into_iter()
                    .fold(Command::inspect("preflight"), Command::path);
                let preflight = preflight.arg("--for").arg(self.purpose.name());
                Some(Ok(preflight.to_string()))
            }
            (Copied::Command, Some(CompareRow::Step(at))) => {
                let (_, step) = self.step(at)?;
                Some(super::check::step::commands(step))
            }
            (Copied::Command, _) => {
                let compare = (0..count)
                    .map(path)
                    .fold(Command::inspect("compare"), Command::path);
                Some(Ok(compare.arg("--keys").to_string()))
            }
            (Copied::Path, Some(CompareRow::Member(at))) => {
                Some(Ok(Advice::from("{path}").on(Some(path(at)))))
            }
            (Copied::Key, _) => Some(match self.key() {
                Some(key) => Ok(escape::bytes(&key, session.charset()).into_owned()),
                None => Err("no differing key is under the cursor".to_owned()),
            }),
            _ => None,
        }
    }

    fn mouse(&mut self, event: MouseEvent, session: &mut Session) -> bool {
        match self.view.mouse(event, self.rows()) {
            Click::Open => self.act(Act::Open, session),
            click => click == Click::Moved,
        }
    }
}

impl Compare {
    fn rows(&self) -> usize {
        self.compared.as_ref().map_or(0, |compared| {
            let (members, findings) = (compared.members.len(), compared.findings.len());
            members + compared.plan.len() + findings + compared.differing_keys.len()
        })
    }

    fn row_number(&self) -> usize {
        self.view.row(self.rows()).unwrap_or(usize::MAX)
    }

    fn row(&self) -> Option<CompareRow> {
        CompareRow::at_position(self.compared.as_ref()?, self.row_number())
    }

    /// The differing key under the cursor.
    fn key(&self) -> Option<Vec<u8>> {
        let Some(CompareRow::Key(at)) = self.row() else {
            return None;
        };
        let keys = &self.compared.as_ref()?.differing_keys;
        keys.get(at).map(|key| key.key.clone())
    }

    /// What tells a member's path from those of the others.
    fn name(&self, at: usize) -> String {
        self.names.get(at).cloned().unwrap_or_default()
    }

    /// A step of the plan, and the position of the copy it is about.
    fn step(&self, at: usize) -> Option<(usize, &Step)> {
        let (of, step) = self.compared.as_ref()?.plan.get(at)?;
        Some((*of, step))
    }

    /// What `e` salvages: what the step says, or on a member that copy with the others as peers.
    fn request(&self, session: &Session) -> Result<Request, String> {
        let path = |at: usize| {
            let slot = self
                .members
                .get(at)
                .and_then(|slot| session.slots.get(*slot));
            slot.map(|slot| slot.path.clone())
        };
        match self.row() {
            Some(CompareRow::Step(at)) => {
                let (_, step) = self.step(at).ok_or("no step is under the cursor")?;
                Request::from_step(step)
            }
            Some(CompareRow::Member(at)) => {
                let others = (0..self.members.len()).filter(|other| *other != at);
                let paths = std::iter::once(at).chain(others).filter_map(path);
                Ok(Request {
                    paths: paths.collect(),
                    form: Form::Backup,
                    proposed: "salvaged.db".to_owned(),
                })
            }
            _ => Err("no member and no step of the plan is under the cursor".to_owned()),
        }
    }

    fn verdict(&self, at: usize) -> Option<&Verdict> {
        let of = self.verdicts.get(self.purpose as usize)?.as_ref()?;
        of.get(at)?.as_ref()
    }

    /// The members that could be opened.
    fn opened(&mut self, session: &Session) -> Vec<Dataset> {
        let slots = session.slots.iter().enumerate();
        let opened: Vec<(usize, Dataset)> = slots
            .filter_map(|(at, slot)| Some((at, slot.dataset.ready()?.clone())))
            .collect();
        self.members = opened.iter().map(|(at, _)| *at).collect();
        let path = |at: &usize| {
            let slot = session.slots.get(*at);
            slot.map_or_else(String::new, |slot| slot.path.display().to_string())
        };
        self.names = names(&self.members.iter().map(path).collect::<Vec<_>>());
        opened.into_iter().map(|(_, dataset)| dataset).collect()
    }

    /// Asks for the purpose that is shown, where that was not done.
    fn judge(&mut self, session: &mut Session) {
        let members = self.opened(session);
        let purpose = self.purpose;
        let count = members.len();
        let Some(place) = self.verdicts.get_mut(purpose as usize) else {
            return;
        };
        let whole = |known: &Vec<Option<Verdict>>| known.iter().all(Option::is_some);
        let runs = self.judging.is_some_and(|(_, of)| of == purpose);
        if runs || place.as_ref().is_some_and(whole) {
            return;
        }
        *place = Some(vec![None; count]);
        if let Some((job, _)) = self.judging.take() {
            session.cancel(job);
        }
        let work = move |monitor: &Monitor| {
            verdict::judge(purpose, &members, monitor, &mut |at, verdict| {
                monitor.send(CompareNews::Judged(purpose, at, verdict));
            });
        };
        let label = format!("preflight for {}", purpose.name());
        self.judging = Some((session.spawn(ScreenId::Compare, label, work), purpose));
    }

    /// To the next row after members and plan: a finding, a key that differs.
    fn landmark(&mut self, forward: bool, session: &mut Session) {
        let compared = self.compared.as_ref();
        let members = compared.map_or(0, |all| all.members.len() + all.plan.len());
        let at = self.row_number();
        let next = if forward {
            (members.max(at.saturating_add(1))..self.rows())
                .find(|row| self.view.sieve.place(*row).is_some())
        } else {
            (members..at.min(self.rows()))
                .rev()
                .find(|row| self.view.sieve.place(*row).is_some())
        };
        match next {
            Some(row) => self.view.select(row, session),
            None => session.say(Role::Dim, "no further key that differs"),
        }
    }

    /// Makes a member the one that all screens show.
    fn show_member(&mut self, at: usize, session: &mut Session) {
        let Some(slot) = self.members.get(at).copied() else {
            return;
        };
        session.visit();
        session.current = slot;
        session.arrive();
        session.say(Role::Dim, format!("all screens show {} now", self.name(at)));
    }

    fn describe(&self, session: &Session) -> Vec<Line> {
        let (Some(compared), Some(row)) = (&self.compared, self.row()) else {
            return Vec::new();
        };
        match row {
            CompareRow::Member(at) => self.member_lines(compared, at, session),
            CompareRow::Step(at) => self.step(at).map_or_else(Vec::new, |(_, step)| {
                super::check::step::lines(step, self.width, session)
            }),
            CompareRow::Finding(at) => {
                let finding = compared.findings.get(at);
                finding.map_or_else(Vec::new, |finding| {
                    super::check::text::of_finding(finding, self.width, session)
                })
            }
            CompareRow::Key(at) => self.key_lines(compared, at, session),
        }
    }

    fn member_lines(&self, compared: &Comparison, at: usize, session: &Session) -> Vec<Line> {
        let Some(row) = compared.members.get(at) else {
            return Vec::new();
        };
        let mut lines = vec![self.purposes()];
        match self.verdict(at) {
            Some(verdict) => lines.extend(verdict.lines(self.width, session)),
            None if self.judging.is_some() => {
                lines.push(Line::piece(Role::Dim, " asking what it would do…"));
            }
            None => lines.push(Line::piece(
                Role::Dim,
                " not asked to the end: v asks again",
            )),
        }
        lines.push(Line::new());
        let fact =
            |name: &str, text: String| Line::piece(Role::Dim, format!(" {name:<10}")).text(text);
        let optional = |value: Option<RaftIndex>| {
            value.map_or("–".to_owned(), |value| number::thousands(value.into()))
        };
        let id = |value: Option<String>| value.unwrap_or_else(|| "–".to_owned());
        lines.push(fact("path", row.path.clone()));
        lines.push(fact("member", id(row.member_id.map(|id| id.to_string()))));
        lines.push(fact("cluster", id(row.cluster_id.map(|id| id.to_string()))));
        lines.push(fact(
            "compacted",
            row.compact_revision
                .map_or("never".to_owned(), |at| number::thousands(at.into())),
        ));
        lines.push(fact("applied", optional(row.applied)));
        lines.push(fact("committed", optional(row.commit)));
        lines.push(fact("log ends", optional(row.last_index)));
        lines.push(fact(
            "db",
            row.db_bytes.map_or("–".to_owned(), number::size),
        ));
        lines
    }
}

/// Of each path what is not the same in all of them.
fn names(paths: &[String]) -> Vec<String> {
    let split: Vec<Vec<&str>> = paths
        .iter()
        .map(|path| path.split('/').filter(|part| !part.is_empty()).collect())
        .collect();
    let least = split.iter().map(Vec::len).min().unwrap_or(0);
    let first = split.first();
    let same = |part: &dyn Fn(&Vec<&str>) -> Option<String>| {
        split.iter().all(|path| part(path) == first.and_then(part))
    };
    let before = (0..least)
        .take_while(|at| same(&|path| path.get(*at).map(|part| (*part).to_owned())))
        .count();
    let behind = (0..least.saturating_sub(before))
        .take_while(|at| same(&|path| path.iter().rev().nth(*at).map(|part| (*part).to_owned())))
        .count();
    split
        .iter()
        .zip(paths)
        .map(|(parts, path)| {
            let own = parts.get(before..parts.len().saturating_sub(behind));
            match own {
                Some([]) | None => parts
                    .last()
                    .map_or_else(|| path.clone(), |last| (*last).to_owned()),
                Some(own) => own.join("/"),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn members_are_called_by_what_tells_their_paths_apart() {
        let names = |paths: &[&str]| {
            names(
                &paths
                    .iter()
                    .map(|path| (*path).to_owned())
                    .collect::<Vec<_>>(),
            )
        };
        assert_eq!(names(&["/copy/m1/data", "/copy/m2/data"]), ["m1", "m2"]);
        assert_eq!(names(&["/copy/a", "/copy/a/b"]), ["a", "b"]);
        assert_eq!(names(&["/copy/a", "/copy/a"]), ["a", "a"]);
        assert_eq!(names(&["m1", "/"]), ["m1", "/"]);
    }
}

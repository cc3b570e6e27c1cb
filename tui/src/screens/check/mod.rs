//! Check: what is wrong, where, what it means, what to do next.

mod draw;
pub(super) mod step;
pub(super) mod text;

use std::any::Any;
use std::rc::Rc;
use std::sync::Arc;

use crossterm::event::MouseEvent;
use etcd_inspect::check::{Depth, Report};
use etcd_inspect::dataset::Dataset;
use etcd_inspect::text::escape;
use etcd_inspect::verdict::{Step, Verdict, judge, shown_steps};
use etcd_inspect::{Command, Finding};
use ratatui::layout::Rect;

use crate::act::{Act, Copied};
use crate::job::{JobId, Monitor};
use crate::overlay::counted;
use crate::paint::Pen;
use crate::salvage::Request;
use crate::screen::{Screen, ScreenId, Snapshot};
use crate::session::Session;
use crate::target::{Target, Want};
use crate::theme::Role;
use crate::widgets::{Click, Seen, View};

/// The screen.
#[derive(Debug, Default)]
pub(crate) struct Check {
    /// The member that was checked, and how deep.
    of: Option<(Dataset, Depth)>,
    job: Option<(JobId, Dataset, Depth)>,
    report: Option<Arc<Report>>,
    /// Causes and plan, as soon as all was looked at.
    verdict: Option<Arc<Verdict>>,
    view: View,
    /// The row whose text the second pane shows, and how many lines it has.
    shown: Option<usize>,
    lines: usize,
    awaited: Option<usize>,
}

/// The end of a check.
struct Checked(Report, Verdict);

impl Screen for Check {
    fn id(&self) -> ScreenId {
        ScreenId::Check
    }

    fn refresh(&mut self, session: &mut Session) {
        self.report = session.slot().and_then(|slot| slot.report.clone());
        if !self.is_of_shown(session) {
            self.verdict = None;
        }
        if let Some(row) = self.awaited.take_if(|_| self.report.is_some()) {
            self.view.select(row, session);
        }
        let Some(dataset) = session.dataset().filter(|_| self.report.is_some()).cloned() else {
            return;
        };
        if !self.is_of_shown(session) && self.job.is_none() {
            // What was quick has been reported; the rest follows while one reads.
            self.start(dataset, Depth::Default, session);
        }
    }

    fn act(&mut self, act: Act, session: &mut Session) -> bool {
        let rows = self.rows();
        match act {
            Act::Open => match self.target(session) {
                Ok(target) => session.go(target),
                Err(why) => {
                    session.say(Role::Dim, why);
                    self.view.split.detail = true;
                }
            },
            Act::Refresh => match session.dataset().cloned() {
                Some(dataset) => self.start(dataset, Depth::Deep, session),
                None => return false,
            },
            Act::Salvage => match self.step().map(|(_, step)| Request::from_step(step)) {
                Some(Ok(request)) => session.salvage(request),
                Some(Err(why)) => session.say(Role::Dim, why),
                None => session.say(Role::Dim, "no step of the plan is under the cursor"),
            },
            Act::NextMark => return self.view.act(Act::Down, rows, self.lines, session),
            Act::PrevMark => return self.view.act(Act::Up, rows, self.lines, session),
            act => return self.view.act(act, rows, self.lines, session),
        }
        true
    }

    fn draw(&mut self, area: Rect, pen: &mut Pen<'_>, session: &Session) {
        self.draw_all(area, pen, session);
    }

    fn crumbs(&self, _session: &Session) -> Vec<String> {
        match self.finding() {
            Some((at, finding)) => vec![
                "check".to_owned(),
                Report::id(at),
                finding.code.id.to_owned(),
                finding.code.title.to_owned(),
            ],
            None => {
                let step = self.step();
                let what = step.map(|(number, step)| format!("step {number}: {}", step.action));
                let what = what.unwrap_or_else(|| "what was looked at".to_owned());
                vec!["check".to_owned(), what]
            }
        }
    }

    fn accept(&mut self, target: &Target, session: &mut Session) -> Result<(), String> {
        let Target::Finding(at) = target else {
            return Err("Check shows findings".to_owned());
        };
        match &self.report {
            None => self.awaited = Some(*at),
            Some(report) if *at < report.findings.len() => {
                self.view.split.detail = false;
                self.view.select(*at, session);
            }
            Some(report) => {
                return Err(format!(
                    "there is no finding {}: {} were found",
                    Report::id(*at),
                    report.findings.len()
                ));
            }
        }
        Ok(())
    }

    fn emit(&self, want: Want, session: &Session) -> Option<Result<Target, String>> {
        let (at, finding) = self.finding()?;
        Some(match want {
            Want::Finding => Ok(Target::Finding(at)),
            Want::Page => page(finding, session)
                .ok_or_else(|| "this finding is not about a page of the db".to_owned()),
            Want::Wal => match finding.place.index {
                Some(index) => Ok(Target::Wal(index)),
                None => Err("this finding names no entry of the log".to_owned()),
            },
            Want::Key => match finding.keys.first() {
                Some(key) => Ok(Target::Key(key.clone())),
                None => Err("this finding names no key".to_owned()),
            },
            Want::Space => match finding.keys.first() {
                Some(key) => Ok(Target::Space(key.clone())),
                None => Err("this finding names no key".to_owned()),
            },
            Want::Revision | Want::Time => return None,
        })
    }

    fn snapshot(&self) -> Snapshot {
        Rc::new(self.view.seen())
    }

    fn restore(&mut self, snapshot: &dyn Any, session: &mut Session) {
        if let Some(seen) = snapshot.downcast_ref::<Seen>() {
            self.view.restore(*seen, session);
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
        let Ok(checked) = value.downcast::<Checked>() else {
            return;
        };
        let Some((_, dataset, depth)) = self.job.take_if(|(id, _, _)| *id == job && last) else {
            return;
        };
        let moved = self.view.list.cursor() > 0;
        let before = self.finding().filter(|_| moved);
        let before = before.map(|(_, finding)| finding.clone());
        let Checked(report, verdict) = *checked;
        let (report, verdict) = (Arc::new(report), Arc::new(verdict));
        let slot = session.slots.iter_mut().find(|slot| {
            let own = slot.dataset.ready();
            own.is_some_and(|own| own.is_same(&dataset))
        });
        if let Some(slot) = slot {
            slot.report = Some(Arc::clone(&report));
            slot.verdict = Some(Arc::clone(&verdict));
        }
        let is_shown = session.is_shown(&dataset);
        self.of = Some((dataset, depth));
        if !is_shown {
            return self.refresh(session);
        }
        // The finding that the cursor was moved to stays under it.
        let same = |finding: &Finding| {
            before.as_ref().is_some_and(|before| {
                std::ptr::eq(before.code, finding.code) && before.place == finding.place
            })
        };
        let row = report.findings.iter().position(same);
        self.report = Some(report);
        self.verdict = Some(verdict);
        self.shown = None;
        let text = self.view.sieve.text().to_owned();
        self.view.sieve.clear(session);
        self.filter(&text, session);
        let place = row.and_then(|row| self.view.sieve.place(row));
        self.view.list.select(place.unwrap_or(0));
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
        let Some(report) = self.report.clone() else {
            return text.is_empty();
        };
        let steps: Vec<String> = self.steps().iter().map(|step| step::line(step)).collect();
        let line = move |row: usize| match report.findings.get(row) {
            Some(finding) => format!(
                "{} {} {} {} {}",
                Report::id(row),
                finding.severity,
                finding.code.id,
                finding.place,
                finding.message
            ),
            None => {
                let step = steps.get(row.saturating_sub(report.findings.len()));
                step.cloned().unwrap_or_default()
            }
        };
        let (id, rows) = (self.id(), self.rows());
        self.view.filter(text, rows, line, id, session);
        true
    }

    fn facets(&self) -> Vec<(String, usize)> {
        let findings = self.report.iter().flat_map(|report| &report.findings);
        counted(findings.map(|finding| finding.code.id.to_owned()))
    }

    fn close(&mut self, _session: &mut Session) -> bool {
        self.view.split.close()
    }

    fn is_on_step(&self) -> bool {
        self.step().is_some()
    }

    fn copy(&self, what: Copied, session: &Session) -> Option<Result<String, String>> {
        let finding = self.finding();
        if let (Copied::Command, Some((_, step))) = (what, self.step()) {
            return Some(step::commands(step));
        }
        match (what, finding) {
            (Copied::Command, Some((_, finding))) => Some(Ok(
                session.command(self.check_command(&["--only", finding.code.id]))
            )),
            (Copied::Command, None) => Some(Ok(session.command(self.check_command(&[])))),
            (Copied::Place, Some((_, finding))) => {
                let offset = finding.place.offset;
                let offset = offset.map_or(String::new(), |offset| format!("@{offset:#x}"));
                Some(Ok(format!("{}{offset}", finding.place.file)))
            }
            (Copied::Key, Some((_, finding))) => Some(match finding.keys.first() {
                Some(key) => Ok(escape::bytes(key, session.charset()).into_owned()),
                None => Err("this finding names no key".to_owned()),
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

impl Check {
    /// Whether what is known is of the dataset that is shown.
    fn is_of_shown(&self, session: &Session) -> bool {
        let of = self.of.as_ref();
        of.is_some_and(|(dataset, _)| session.is_shown(dataset))
    }

    fn start(&mut self, dataset: Dataset, depth: Depth, session: &mut Session) {
        if let Some((job, _, _)) = self.job.take() {
            session.cancel(job);
        }
        let of = dataset.clone();
        let work = move |monitor: &Monitor| {
            let report = dataset.check_with(depth, monitor);
            let verdict = judge(dataset.member(), &report, None, monitor);
            Checked(report, verdict)
        };
        let job = session.spawn(ScreenId::Check, "the whole check", work);
        self.job = Some((job, of, depth));
        session.say(
            Role::Dim,
            match depth {
                Depth::Deep => "checking, every Kubernetes value too",
                _ => "checking every page, revision and record; R checks every value too",
            },
        );
    }

    /// A check of the same depth.
    fn check_command(&self, flags: &[&str]) -> Command {
        let check = Command::inspect("check").args(flags.iter().copied());
        let check = match &self.of {
            None => check.arg("--quick"),
            Some((_, Depth::Deep)) => check.arg("--deep"),
            Some(_) => check,
        };
        check.evidence()
    }

    /// The findings, the steps of the plan, and the row of what was looked at.
    fn rows(&self) -> usize {
        let steps = self.steps().len();
        self.report.as_ref().map_or(0, |report| {
            report
                .findings
                .len()
                .saturating_add(steps)
                .saturating_add(1)
        })
    }

    /// The steps of the plan, best first.
    fn steps(&self) -> Vec<&Step> {
        let verdict = self.verdict.as_ref();
        verdict.map_or_else(Vec::new, |verdict| shown_steps(&verdict.plan))
    }

    /// The step of a row, with its number in the plan.
    fn step_at(&self, row: usize) -> Option<(usize, &Step)> {
        let at = row.checked_sub(self.report.as_ref()?.findings.len())?;
        let step = self.steps().get(at).copied()?;
        Some((at.saturating_add(1), step))
    }

    /// The step under the cursor.
    fn step(&self) -> Option<(usize, &Step)> {
        self.step_at(self.view.row(self.rows())?)
    }

    /// The finding under the cursor, with its position in the report.
    fn finding(&self) -> Option<(usize, &Finding)> {
        let at = self.view.row(self.rows())?;
        Some((at, self.report.as_ref()?.findings.get(at)?))
    }

    /// Where a finding leads to: the page, the entry, the key.
    fn target(&self, session: &Session) -> Result<Target, String> {
        let (_, finding) = self.finding().ok_or("no finding is selected")?;
        if let Some(target) = page(finding, session) {
            return Ok(target);
        }
        if let Some(index) = finding.place.index {
            return Ok(Target::Wal(index));
        }
        if let Some(key) = finding.keys.first() {
            return Ok(Target::Key(key.clone()));
        }
        Err(format!(
            "{} has no page, entry or key to show",
            finding.place
        ))
    }
}

/// The page of a finding about the db.
fn page(finding: &Finding, session: &Session) -> Option<Target> {
    let member = session.member()?;
    if member.db_file().ok()?.name() != &finding.place.file {
        return None;
    }
    let size = member.db().ok().map(|db| db.page_size());
    let of_offset = finding.place.offset.zip(size);
    let of_offset = of_offset.and_then(|(offset, size)| offset.checked_div(size));
    Some(Target::Page {
        id: finding.place.page.or(of_offset)?,
        offset: finding.place.offset,
    })
}

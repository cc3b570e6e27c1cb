//! Check: what is wrong, where, what it means, what to do next.

use std::any::Any;
use std::rc::Rc;
use std::sync::Arc;

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use etcd_inspect::check::{Depth, Report, check_with};
use etcd_inspect::member::Member;
use etcd_inspect::text::{escape, number};
use etcd_inspect::{Finding, Severity};
use ratatui::layout::{Position, Rect};

use super::needle::Needle;
use crate::act::{Act, Copied};
use crate::job::{JobId, Monitor};
use crate::paint::{Line, Pen};
use crate::screen::{Screen, ScreenId, Snapshot};
use crate::session::Session;
use crate::target::{Target, Want};
use crate::theme::Role;
use crate::widgets::{Column, List, Pager, Panes, Split, Table};

static COLUMNS: [Column; 6] = [
    Column::left("ID", 5),
    Column::left("SEV", 5),
    Column::left("CODE", 9).from(50),
    Column::left("WHERE", 22).from(60),
    Column::left("WHAT", 0),
    Column::right("SEEN", 6).from(90),
];

/// Keys of one finding that are named.
const KEYS: usize = 50;

/// The screen.
#[derive(Debug, Default)]
pub(crate) struct Check {
    /// The member that was checked, and how deep.
    of: Option<(&'static Member, Depth)>,
    job: Option<(JobId, &'static Member, Depth)>,
    report: Option<Arc<Report>>,
    list: List,
    split: Split,
    pager: Pager,
    shown: Option<usize>,
    filter: String,
    /// Positions of the findings that match.
    found: Option<Vec<usize>>,
    awaited: Option<usize>,
    panes: Panes,
    body: Rect,
}

/// For the back stack.
struct Before {
    list: List,
    split: Split,
}

/// The end of a check.
struct Checked(Report);

impl Screen for Check {
    fn id(&self) -> ScreenId {
        ScreenId::Check
    }

    fn refresh(&mut self, session: &mut Session) {
        self.report = session.slot().and_then(|slot| slot.report.clone());
        if let Some(row) = self.awaited.take_if(|_| self.report.is_some()) {
            self.list.select(row);
        }
        let Some(member) = session.member().filter(|_| self.report.is_some()) else {
            return;
        };
        let is_known = |of: &'static Member| std::ptr::eq(of, member);
        let known = self.of.is_some_and(|(of, _)| is_known(of));
        if !known && self.job.is_none() {
            // What was quick has been told; the rest follows while one reads.
            self.start(member, Depth::Default, session);
        }
    }

    fn act(&mut self, act: Act, session: &mut Session) -> bool {
        if self.split.detail && act != Act::Open && self.pager.act(act, usize::MAX >> 1) {
            return true;
        }
        if self.split.act(act) {
            return true;
        }
        let len = self.len();
        match act {
            Act::Open => match self.target(session) {
                Ok(target) => session.go(target),
                Err(why) => {
                    session.say(Role::Dim, why);
                    self.split.detail = true;
                }
            },
            Act::Right => self.split.detail = true,
            Act::Left => self.split.detail = false,
            Act::Refresh => match session.member() {
                Some(member) => self.start(member, Depth::Deep, session),
                None => return false,
            },
            Act::NextMark => _ = self.list.act(Act::Down, len),
            Act::PrevMark => _ = self.list.act(Act::Up, len),
            act => return self.list.act(act, len),
        }
        true
    }

    fn draw(&mut self, area: Rect, pen: &mut Pen<'_>, session: &Session) {
        self.panes = self.split.panes(area, 60);
        let (list, pane) = (self.panes.list, self.panes.detail);
        if list.width > 0 && list.height > 0 {
            self.draw_list(list, pen, session);
        }
        if pane.width > 0 && pane.height > 0 {
            self.draw_detail(pane, pen, session);
        }
    }

    fn crumbs(&self, _session: &Session) -> Vec<String> {
        match self.finding() {
            Some((at, finding)) => vec![
                "check".to_owned(),
                Report::id(at),
                finding.code.id.to_owned(),
                finding.code.title.to_owned(),
            ],
            None => vec!["check".to_owned(), "what was looked at".to_owned()],
        }
    }

    fn accept(&mut self, target: &Target, _session: &mut Session) -> Result<(), String> {
        let Target::Finding(at) = target else {
            return Err("Check shows findings".to_owned());
        };
        match &self.report {
            None => self.awaited = Some(*at),
            Some(report) if *at < report.findings.len() => {
                (self.found, self.split.detail) = (None, false);
                self.filter.clear();
                self.list.select(*at);
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
        Rc::new(Before {
            list: self.list,
            split: self.split,
        })
    }

    fn restore(&mut self, snapshot: &dyn Any, _session: &mut Session) {
        if let Some(before) = snapshot.downcast_ref::<Before>() {
            (self.list, self.split) = (before.list, before.split);
        }
    }

    fn answer(
        &mut self,
        job: JobId,
        value: Box<dyn Any + Send>,
        last: bool,
        session: &mut Session,
    ) {
        let Ok(checked) = value.downcast::<Checked>() else {
            return;
        };
        let Some((_, member, depth)) = self.job.filter(|(id, _, _)| *id == job && last) else {
            return;
        };
        self.job = None;
        let moved = self.list.cursor() > 0;
        let before = self.finding().filter(|_| moved);
        let before = before.map(|(_, finding)| finding.clone());
        let report = Arc::new(checked.0);
        let slot = session.slots.iter_mut().find(|slot| {
            let own = slot.member.ready();
            own.is_some_and(|own| std::ptr::eq(*own, member))
        });
        if let Some(slot) = slot {
            slot.report = Some(Arc::clone(&report));
        }
        self.of = Some((member, depth));
        if !session
            .member()
            .is_some_and(|own| std::ptr::eq(own, member))
        {
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
        self.shown = None;
        let text = std::mem::take(&mut self.filter);
        self.filter(&text, session);
        self.list.select(row.unwrap_or(0));
    }

    fn filter(&mut self, text: &str, _session: &mut Session) -> bool {
        text.clone_into(&mut self.filter);
        self.found = Needle::new(text)
            .zip(self.report.clone())
            .map(|(needle, report)| {
                let matches = |(at, finding): (usize, &Finding)| {
                    needle.keeps(&format!(
                        "{} {} {} {} {}",
                        Report::id(at),
                        finding.severity,
                        finding.code.id,
                        finding.place,
                        finding.message
                    ))
                };
                let findings = report.findings.iter().enumerate();
                findings
                    .filter(|found| matches(*found))
                    .map(|(at, _)| at)
                    .collect()
            });
        true
    }

    fn close(&mut self, _session: &mut Session) -> bool {
        self.split.close()
    }

    fn copy(&self, what: Copied, session: &Session) -> Option<Result<String, String>> {
        let finding = self.finding();
        match (what, finding) {
            (Copied::Command, Some((_, finding))) => Some(Ok(session.command(&format!(
                "check --only {} {}{{path}}",
                finding.code.id,
                self.depth_flag()
            )))),
            (Copied::Command, None) => Some(Ok(
                session.command(&format!("check {}{{path}}", self.depth_flag()))
            )),
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
        let at = Position::new(event.column, event.row);
        if !matches!(event.kind, MouseEventKind::Down(MouseButton::Left)) {
            return false;
        }
        self.split.detail = self.panes.detail.contains(at);
        let len = self.len();
        if self.list.click(at, self.body, len) {
            return self.act(Act::Open, session);
        }
        true
    }
}

impl Check {
    fn start(&mut self, member: &'static Member, depth: Depth, session: &mut Session) {
        if let Some((job, _, _)) = self.job.take() {
            session.cancel(job);
        }
        let keyring = session.options.keyring.clone();
        let work = move |monitor: &Monitor| Checked(check_with(member, depth, &keyring, monitor));
        let job = session.spawn(ScreenId::Check, "the whole check", work);
        self.job = Some((job, member, depth));
        session.say(
            Role::Dim,
            match depth {
                Depth::Deep => "checking, every Kubernetes value too",
                _ => "checking every page, revision and record; R checks every value too",
            },
        );
    }

    fn depth_flag(&self) -> &'static str {
        match self.of {
            None => "--quick ",
            Some((_, Depth::Deep)) => "--deep ",
            Some(_) => "",
        }
    }

    /// Findings that are shown, and the row of what was looked at.
    fn len(&self) -> usize {
        match (&self.found, &self.report) {
            (Some(found), _) => found.len(),
            (None, Some(report)) => report.findings.len().saturating_add(1),
            (None, None) => 0,
        }
    }

    fn position(&self, row: usize) -> Option<usize> {
        match &self.found {
            Some(found) => found.get(row).copied(),
            None => Some(row),
        }
    }

    /// The finding under the cursor, with its position in the report.
    fn finding(&self) -> Option<(usize, &Finding)> {
        let at = self.position(self.list.cursor())?;
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

    fn draw_list(&mut self, area: Rect, pen: &mut Pen<'_>, session: &Session) {
        let title = self.title();
        let inner = pen.frame(area, &title, !self.split.detail);
        let Some(report) = self.report.clone() else {
            let why = match session.member() {
                Some(_) => Line::of(Role::Dim, "checking…"),
                None => session.why_no_data(),
            };
            return pen.line(inner, 0, &why, 0);
        };
        self.body = Rect {
            y: inner.y.saturating_add(1),
            height: inner.height.saturating_sub(1),
            ..inner
        };
        let (len, found) = (self.len(), self.found.clone());
        let table = Table {
            columns: &COLUMNS,
            focused: !self.split.detail,
        };
        table.draw(inner, pen, &mut self.list, len, |row| {
            let at = match &found {
                Some(found) => found.get(row).copied().unwrap_or(usize::MAX),
                None => row,
            };
            match report.findings.get(at) {
                Some(finding) => finding_cells(at, finding),
                None => {
                    let mut cells = vec![Line::new(); COLUMNS.len()];
                    if let Some(cell) = cells.get_mut(4) {
                        let text = match report.findings.is_empty() {
                            true => "nothing found; what was looked at",
                            false => "what was looked at, and what was not",
                        };
                        *cell = Line::of(Role::Dim, text);
                    }
                    cells
                }
            }
        });
    }

    fn title(&self) -> Line {
        let Some(report) = &self.report else {
            return Line::from("check");
        };
        let depth = match (self.of, self.job) {
            (_, Some(_)) => "running, quick findings so far",
            (None, None) => "quick",
            (Some((_, Depth::Deep)), None) => "deep",
            (Some(_), None) => "whole",
        };
        let role = match report.count(Severity::Error) {
            0 if report.count(Severity::Warning) == 0 => Role::Good,
            0 => Role::Warning,
            _ => Role::Error,
        };
        let mut title = Line::of(role, report.verdict.to_string()).text(format!(
            " · {depth} · {} looked at · {} skipped",
            report.checked.len(),
            report.skipped.len()
        ));
        if let Some(found) = &self.found {
            title = title
                .text(" · filter ")
                .with(Role::Match, self.filter.clone())
                .text(format!(" {}", found.len()));
        }
        title
    }

    fn draw_detail(&mut self, area: Rect, pen: &mut Pen<'_>, session: &Session) {
        let row = Some(self.list.cursor());
        if self.shown != row {
            (self.shown, self.pager) = (row, Pager::default());
        }
        let title = match self.finding() {
            Some((at, finding)) => Line::from(format!("{} · ", Report::id(at)))
                .with(role_of(finding.severity), finding.severity.to_string())
                .text(format!(" · {}", finding.code.title)),
            None => Line::from("what was looked at"),
        };
        let inner = pen.frame(area, &title, self.split.detail);
        let width = usize::from(inner.width);
        let lines = match (self.finding(), &self.report) {
            (Some((_, finding)), _) => finding_lines(finding, width, session),
            (None, Some(report)) => report_lines(report, width, session),
            (None, None) => Vec::new(),
        };
        self.pager.draw(inner, pen, &lines);
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

fn role_of(severity: Severity) -> Role {
    match severity {
        Severity::Error => Role::Error,
        Severity::Warning => Role::Warning,
        Severity::Note => Role::Dim,
    }
}

fn finding_cells(at: usize, finding: &Finding) -> Vec<Line> {
    let file = finding.place.file.as_str();
    let file = file.rsplit('/').next().unwrap_or(file);
    // Of a segment's name the end tells it apart.
    let file = match file.strip_suffix(".wal") {
        Some(stem) => format!(
            "{}.wal",
            stem.get(stem.len().saturating_sub(8)..).unwrap_or(stem)
        ),
        None => file.to_owned(),
    };
    let place = &finding.place;
    let place = match (place.page, place.index, place.offset) {
        (Some(page), _, _) => format!("{file} page {}", number::thousands(page.into())),
        (_, Some(index), _) => format!("{file} index {}", number::thousands(index.into())),
        (_, _, Some(offset)) => format!("{file} @{offset:#x}"),
        _ => file,
    };
    let severity = match finding.severity {
        Severity::Error => "ERROR",
        Severity::Warning => "WARN",
        Severity::Note => "note",
    };
    vec![
        Line::from(Report::id(at)),
        Line::of(role_of(finding.severity), severity),
        Line::of(Role::Name, finding.code.id),
        Line::from(place),
        Line::from(finding.message.as_str()),
        Line::from(number::thousands(finding.count.into())),
    ]
}

fn finding_lines(finding: &Finding, width: usize, session: &Session) -> Vec<Line> {
    let code = finding.code;
    let mut lines = Vec::new();
    wrapped(&mut lines, Role::Plain, &finding.message, width);
    let fact = |name: &str| Line::of(Role::Dim, format!(" {name:<9}"));
    lines.push(fact("where").text(finding.place.to_string()));
    if let Some(seen) = &finding.seen {
        lines.push(fact("seen").with(Role::Removed, seen.clone()));
    }
    if let Some(expected) = &finding.expected {
        lines.push(fact("expected").with(Role::Added, expected.clone()));
    }
    if finding.count > 1 {
        lines.push(fact("places").text(number::thousands(finding.count.into())));
    }
    if !finding.page_stack.is_empty() {
        let stack: Vec<String> = finding.page_stack.iter().map(u64::to_string).collect();
        lines.push(fact("pages").text(format!("{} from the root", stack.join(" › "))));
    }
    for (number, key) in finding.keys.iter().take(KEYS).enumerate() {
        let name = if number == 0 { "keys" } else { "" };
        lines.push(fact(name).with(Role::Name, escape::bytes(key, session.charset())));
    }
    if finding.keys.len() > KEYS {
        lines.push(fact("").text(format!("… {} keys more", finding.keys.len() - KEYS)));
    }
    for (heading, text) in [("What it is", code.what), ("What causes it", code.why)] {
        lines.push(Line::new());
        lines.push(Line::of(Role::Heading, format!(" {heading}")));
        wrapped(&mut lines, Role::Plain, text, width);
    }
    lines.push(Line::new());
    lines.push(Line::of(Role::Heading, " What to do next"));
    let path = session.path();
    if finding.next.is_empty() {
        wrapped(
            &mut lines,
            Role::Plain,
            &code.next.replace("{path}", &path),
            width,
        );
    }
    for next in &finding.next {
        wrapped(
            &mut lines,
            Role::Plain,
            &next.replace("{path}", &path),
            width,
        );
    }
    lines.push(Line::new());
    lines.push(Line::of(
        Role::Dim,
        format!(" etcd-inspect explain {}", code.id),
    ));
    lines
}

fn report_lines(report: &Report, width: usize, session: &Session) -> Vec<Line> {
    let mut lines = Vec::new();
    for checked in &report.checked {
        wrapped(
            &mut lines,
            Role::Plain,
            &format!("looked at  {checked}"),
            width,
        );
    }
    for skipped in &report.skipped {
        let text = format!("skipped    {}: {}", skipped.what, skipped.why);
        wrapped(&mut lines, Role::Warning, &text, width);
    }
    lines.push(Line::new());
    let next = report.next.replace("{path}", &session.path());
    wrapped(&mut lines, Role::Dim, &format!("next: {next}"), width);
    lines
}

/// A text in lines of a width, a cell free at each side.
fn wrapped(lines: &mut Vec<Line>, role: Role, text: &str, width: usize) {
    let room = width.saturating_sub(2).max(10);
    let mut line = String::new();
    for word in text.split(' ') {
        let taken = escape::width(&line);
        if taken > 0 && taken + 1 + escape::width(word) > room {
            lines.push(Line::of(role, format!(" {line}")));
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() {
        lines.push(Line::of(role, format!(" {line}")));
    }
}

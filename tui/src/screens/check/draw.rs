//! How the Check screen looks.

use etcd_inspect::check::{Depth, Report};
use etcd_inspect::text::number;
use etcd_inspect::{Finding, Severity};
use ratatui::layout::Rect;

use super::{Check, step, text};
use crate::paint::{Line, Pen};
use crate::session::Session;
use crate::theme::Role;
use crate::widgets::Column;

static COLUMNS: [Column; 6] = [
    Column::left("ID", 5),
    Column::left("SEV", 5),
    Column::left("CODE", 9).from(50),
    Column::left("WHERE", 22).middle().from(60),
    Column::left("WHAT", 0),
    Column::right("SEEN", 6).from(90),
];

impl Check {
    pub(super) fn draw_all(&mut self, area: Rect, pen: &mut Pen<'_>, session: &Session) {
        self.view.panes = self.view.split.panes(area, 60);
        let (list, pane) = (self.view.panes.list, self.view.panes.detail);
        if list.width > 0 && list.height > 0 {
            self.draw_list(list, pen, session);
        }
        if pane.width > 0 && pane.height > 0 {
            self.draw_detail(pane, pen, session);
        }
    }

    fn draw_list(&mut self, area: Rect, pen: &mut Pen<'_>, session: &Session) {
        let title = self.view.title(self.title(), self.rows());
        let inner = pen.frame(area, &title, !self.view.split.detail);
        let Some(report) = self.report.clone() else {
            let why = match session.member() {
                Some(_) => Line::piece(Role::Dim, "checking…"),
                None => session.why_no_data(),
            };
            pen.wrapped(inner, &why);
            return;
        };
        let rows = self.rows();
        let steps: Vec<String> = self.steps().iter().map(|step| step::line(step)).collect();
        self.view.draw_rows(inner, pen, &COLUMNS, rows, |at| {
            match report.findings.get(at) {
                Some(finding) => finding_cells(at, finding),
                None => {
                    let after = at.saturating_sub(report.findings.len());
                    after_findings(after, steps.get(after), report.findings.is_empty())
                }
            }
        });
    }

    fn title(&self) -> Line {
        let Some(report) = &self.report else {
            return Line::from("check");
        };
        let depth = match (&self.of, &self.job) {
            (_, Some(_)) => "running, quick findings so far",
            (None, None) => "quick",
            (Some((_, Depth::Deep)), None) => "deep",
            (Some(_), None) => "full check",
        };
        let role = match report.count(Severity::Error) {
            0 if report.count(Severity::Warning) == 0 => Role::Good,
            0 => Role::Warning,
            _ => Role::Error,
        };
        Line::piece(role, report.verdict.to_string()).text(format!(
            " · {depth} · {} parts looked at · {} skipped",
            report.checked.len(),
            report.skipped.len()
        ))
    }

    fn draw_detail(&mut self, area: Rect, pen: &mut Pen<'_>, session: &Session) {
        let row = self.view.row(self.rows());
        if self.shown != row {
            self.shown = row;
            self.view.pager.rewind();
        }
        let title = match self.finding() {
            Some((at, finding)) => Line::from(format!("{} · ", Report::id(at)))
                .with(role_of(finding.severity), finding.severity.to_string())
                .text(format!(" · {}", finding.code.title)),
            None => match self.step() {
                Some((number, _)) => Line::from(format!("step {number} of the plan")),
                None => Line::from("what was looked at"),
            },
        };
        let width = usize::from(area.width.saturating_sub(2));
        let lines = match (self.finding(), self.step(), &self.report) {
            (Some((_, finding)), _, _) => text::of_finding(finding, width, session),
            (None, Some((_, step)), _) => step::lines(step, width, session),
            (None, None, Some(report)) => {
                text::of_report(report, self.verdict.as_deref(), width, session)
            }
            (None, None, None) => Vec::new(),
        };
        self.view.draw_text(area, pen, &title, &lines);
        self.lines = lines.len();
    }
}

fn role_of(severity: Severity) -> Role {
    match severity {
        Severity::Error => Role::Error,
        Severity::Warning => Role::Warning,
        Severity::Note => Role::Dim,
    }
}

/// A row after the findings: a step of the plan, or the last one.
fn after_findings(at: usize, step: Option<&String>, is_clean: bool) -> Vec<Line> {
    let (id, head, what) = match step {
        Some(line) => (
            format!("{}.", at.saturating_add(1)),
            "plan",
            Line::from(line.as_str()),
        ),
        None => {
            let text = match is_clean {
                true => "nothing found; what was looked at",
                false => "causes, and what was looked at",
            };
            (String::new(), "", Line::piece(Role::Dim, text))
        }
    };
    // The last one reaches over the columns that only findings have.
    vec![Line::from(id), Line::piece(Role::Heading, head), what]
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
        Line::piece(role_of(finding.severity), severity),
        Line::piece(Role::Name, finding.code.id),
        Line::from(place),
        Line::from(finding.message.as_str()),
        Line::from(number::thousands(finding.count.into())),
    ]
}

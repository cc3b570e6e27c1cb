use std::path::PathBuf;

use etcd_inspect::answers::check::{CheckAnswer, Only};
use etcd_inspect::check::{Depth, Health, Report, check_with};
use etcd_inspect::verdict::Release;
use etcd_inspect::verdict::judge;
use etcd_inspect::{Finding, Severity};

use crate::exit::Exit;
use crate::kube::LayoutArgs;
use crate::output::{Label, Line, person};
use crate::secrets::KeyFiles;
use crate::ui::Ui;
use crate::verdict;

/// Verify every structure and list what is wrong, where, and what to do next
///
/// Every page, every revision, every WAL record, every .snap, and whether they fit together: the WAL is applied once more
/// and held against the store. The evidence is never changed.
#[derive(clap::Args, Debug)]
#[command(before_help = "Examples:
  etcd-inspect check /copy/m1
  etcd-inspect check --quick /copy/m1        under a second on any size
  etcd-inspect check --deep -o json /copy/m1
  etcd-inspect check --fail-on error backup.db")]
pub(crate) struct CheckArgs {
    /// Data directory, or one db, snapshot, wal or snap file
    path: Option<PathBuf>,
    /// Only layout, metas, etcd's own buckets and heads of the log
    #[arg(long, conflicts_with = "deep")]
    quick: bool,
    /// Also every Kubernetes object
    #[arg(long)]
    deep: bool,
    /// Findings of this severity or above make the exit status 1
    #[arg(long, value_name = "SEVERITY", default_value = "warn")]
    fail_on: FailOn,
    /// Only findings whose code begins so: BOLT, WAL-006; each in full
    #[arg(long, value_name = "CODE", value_delimiter = ',')]
    only: Vec<String>,
    /// Every finding in full, also those that a cause explains; what was checked and what was not
    #[arg(short, long)]
    verbose: bool,
    /// The release of etcd that the plan is for; default: that of the data
    #[arg(long, value_name = "3.x[.y]")]
    etcd: Option<Release>,
    #[command(flatten)]
    keys: KeyFiles,
    #[command(flatten)]
    layout: LayoutArgs,
}

/// The severity that makes a check fail.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum FailOn {
    /// Warnings and errors.
    #[value(alias = "warning")]
    Warn,
    /// Errors only.
    Error,
    /// Anything found.
    Note,
}

pub(crate) fn run(args: &CheckArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    let member = ui.member(args.path.as_deref())?;
    let depth = match (args.quick, args.deep) {
        (true, _) => Depth::Quick,
        (_, true) => Depth::Deep,
        _ => Depth::Default,
    };
    let keyring = args.keys.keyring()?;
    let report = check_with(
        &member,
        depth,
        &keyring,
        args.layout.layout(),
        &*ui.progress(),
    );
    let only = Only { codes: &args.only };
    let findings = report.findings.iter().enumerate();
    let shown: Vec<(usize, &Finding)> = findings.filter(|(_, finding)| only.has(finding)).collect();
    // A quick look has not seen enough to plan anything.
    let verdict = (depth > Depth::Quick && args.only.is_empty())
        .then(|| judge(&member, &report, args.etcd, &*ui.progress()));
    let answer = CheckAnswer::new(&report, only, verdict.as_ref(), ui.operand());
    ui.answer("check", &answer, |ui| {
        let in_full = args.verbose || verdict.is_none();
        for (position, finding) in shown.iter().filter(|_| in_full) {
            ui.line(Line::new().with(Label::Dim, Report::id(*position)))?;
            person::finding(finding, ui)?;
        }
        sheet(&report, only, in_full, ui)?;
        match &verdict {
            Some(verdict) => verdict::sheet(verdict, &report, ui),
            None => next(&report, ui),
        }
    })?;
    let fail_on = match args.fail_on {
        FailOn::Note => Severity::Note,
        FailOn::Warn => Severity::Warning,
        FailOn::Error => Severity::Error,
    };
    if ui.interrupt.is_set() {
        return Ok(Exit::Partial);
    }
    Ok(match report.verdict {
        Health::Unreadable => Exit::Partial,
        _ => Exit::negative_if(shown.iter().any(|(_, finding)| finding.severity >= fail_on)),
    })
}

fn sheet(report: &Report, only: Only<'_>, in_full: bool, ui: &mut Ui) -> anyhow::Result<()> {
    for checked in report.checked.iter().filter(|_| in_full) {
        ui.line(
            Line::new()
                .with(Label::Good, "checked ")
                .text(checked.clone()),
        )?;
    }
    for skipped in report.skipped.iter().filter(|_| in_full) {
        ui.line(
            Line::new()
                .with(Label::Dim, "skipped ")
                .text(format!("{}: {}", skipped.what, skipped.why)),
        )?;
    }
    let counts: Vec<String> = [
        (Severity::Error, "error"),
        (Severity::Warning, "warning"),
        (Severity::Note, "note"),
    ]
    .into_iter()
    .filter_map(|(severity, name)| match only.count(report, severity) {
        0 => None,
        1 => Some(format!("1 {name}")),
        count => Some(format!("{count} {name}s")),
    })
    .collect();
    let label = match report.verdict {
        Health::Clean | Health::Notes => Label::Good,
        Health::Warnings => Label::Warning,
        Health::Damaged | Health::Unreadable => Label::Error,
    };
    let verdict = match (counts.is_empty(), only.codes.is_empty()) {
        (false, true) => format!("{}: {}", report.verdict, counts.join(", ")),
        (true, true) => report.verdict.to_string(),
        (is_empty, false) => {
            let shown = if is_empty {
                "none".to_owned()
            } else {
                counts.join(", ")
            };
            let codes = only.codes.join(", ");
            format!("of {codes}: {shown} (everything found: {})", report.verdict)
        }
    };
    let mut line = Line::new().with(label, verdict);
    if !in_full {
        let skipped: Vec<&str> = report.skipped.iter().map(|one| one.what.as_str()).collect();
        if !skipped.is_empty() {
            line = line.with(
                Label::Dim,
                format!("  (not checked: {})", skipped.join("; ")),
            );
        }
    }
    Ok(ui.line(line)?)
}

/// The safest next command, where there is no plan.
fn next(report: &Report, ui: &mut Ui) -> anyhow::Result<()> {
    let next = ui.advice(report.next.clone());
    ui.line(
        Line::new()
            .with(Label::Dim, "next   ")
            .with(Label::Command, next),
    )?;
    Ok(())
}

use std::path::PathBuf;

use etcd_inspect::answers::key_json;
use etcd_inspect::check::{Depth, Health, Report, check_with};
use etcd_inspect::verdict::judge;
use etcd_inspect::verdict::Release;
use etcd_inspect::{Finding, Severity};
use serde_json::{Map, Value, json};

use crate::exit::Exit;
use crate::output::{Label, Line};
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
    let report = check_with(&member, depth, &keyring, &*ui.progress());
    let wanted = |finding: &Finding| {
        let starts = |prefix: &String| {
            finding
                .code
                .id
                .to_ascii_lowercase()
                .starts_with(&prefix.to_ascii_lowercase())
        };
        args.only.is_empty() || args.only.iter().any(starts)
    };
    let shown: Vec<(String, &Finding)> = report
        .findings
        .iter()
        .enumerate()
        .filter(|(_, finding)| wanted(finding))
        .map(|(position, finding)| (Report::id(position), finding))
        .collect();
    // A quick look has not seen enough to plan anything.
    let verdict = (depth > Depth::Quick && args.only.is_empty())
        .then(|| judge(&member, &report, args.etcd, &*ui.progress()));
    let mut fields = fields(&report, &shown, ui);
    if let Some(verdict) = &verdict {
        verdict::fields(verdict, &report, &mut fields);
    }
    ui.document("check", fields, |ui| {
        let in_full = args.verbose || verdict.is_none();
        for (id, finding) in shown.iter().filter(|_| in_full) {
            ui.line(Line::new().with(Label::Dim, id.clone()))?;
            ui.finding(finding)?;
        }
        sheet(&report, in_full, ui)?;
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
    if ui.interrupted() {
        return Ok(Exit::Partial);
    }
    Ok(match report.verdict {
        Health::Unreadable => Exit::Partial,
        _ => Exit::negative_if(shown.iter().any(|(_, finding)| finding.severity >= fail_on)),
    })
}

fn sheet(report: &Report, in_full: bool, ui: &mut Ui) -> anyhow::Result<()> {
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
    .filter_map(|(severity, name)| match report.count(severity) {
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
    let verdict = match counts.is_empty() {
        true => report.verdict.to_string(),
        false => format!("{}: {}", report.verdict, counts.join(", ")),
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

/// The document that other programs read.
pub(super) fn fields(report: &Report, shown: &[(String, &Finding)], ui: &Ui) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert("verdict".to_owned(), json!(report.verdict));
    let findings: Vec<Value> = shown
        .iter()
        .map(|(id, finding)| self::finding(id, finding, ui))
        .collect();
    fields.insert("findings".to_owned(), Value::from(findings));
    fields.insert("checked".to_owned(), json!(report.checked));
    fields.insert("skipped".to_owned(), json!(report.skipped));
    fields.insert("next".to_owned(), json!([ui.advice(report.next.clone())]));
    fields
}

fn finding(id: &str, finding: &Finding, ui: &Ui) -> Value {
    let mut fields = Map::new();
    fields.insert("id".to_owned(), Value::from(id));
    fields.insert("code".to_owned(), Value::from(finding.code.id));
    fields.insert("severity".to_owned(), json!(finding.severity));
    fields.insert("message".to_owned(), Value::from(&*finding.message));
    fields.insert("file".to_owned(), Value::from(finding.place.file.as_str()));
    for (name, number) in [
        ("offset", finding.place.offset),
        ("page", finding.place.page),
        ("index", finding.place.index.map(u64::from)),
    ] {
        if let Some(number) = number {
            fields.insert(name.to_owned(), Value::from(number));
        }
    }
    fields.insert("page_stack".to_owned(), json!(finding.page_stack));
    let keys: Vec<Value> = finding.keys.iter().map(|key| key_json(key)).collect();
    fields.insert("keys".to_owned(), Value::from(keys));
    fields.insert("count".to_owned(), Value::from(finding.count));
    if let Some(seen) = &finding.seen {
        fields.insert("seen".to_owned(), Value::from(&**seen));
    }
    if let Some(expected) = &finding.expected {
        fields.insert("expected".to_owned(), Value::from(&**expected));
    }
    let advice = finding.advice().into_iter();
    let next: Vec<String> = advice.map(|advice| ui.advice(advice)).collect();
    fields.insert("next".to_owned(), json!(next));
    Value::Object(fields)
}

//! `report`.

use std::path::{Path, PathBuf};

use etcd_inspect::answers::report::{ReportAnswer, ReportQuestion};
use etcd_inspect::member::Member;
use etcd_inspect::salvage::backup::{Out, OutError};
use etcd_inspect::{Command, ReadBy, ReadingFlag};
use jiff::Timestamp;
use serde_json::json;

use crate::at::When;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::kube::LayoutArgs;
use crate::logs::{AuditLogs, EtcdLogs};
use crate::output::number::size;
use crate::output::{Label, Line, time};
use crate::secrets::{KeyFiles, Showing};
use crate::ui::Ui;
use crate::view::View;

/// Bytes above which the page says how to make a smaller one.
const LARGE_BYTES: usize = 5 << 20;

/// Write the incident as one HTML page for a ticket: verdict, findings, timeline, space, raft, members
///
/// One file that fetches nothing, works without scripts, prints, and is the same for the same files and --at. Each table has the
/// command that gives it. Secrets are hidden; names of keys are not. Several PATHs are compared, and the best is described.
#[derive(clap::Args, Debug)]
#[command(before_help = "Examples:
  etcd-inspect report /copy/m1 --out incident.html
  etcd-inspect report /copy/m1 /copy/m2 /copy/m3 --at 03:12 --out incident.html
  etcd-inspect report /copy/m1 --since -1h --audit-log audit.log --notes notes.txt --out incident.html")]
pub(crate) struct ReportArgs {
    /// Data directories, dbs or snapshots
    #[arg(num_args = 0..=9)]
    paths: Vec<PathBuf>,
    /// The page to write; it must not exist
    #[arg(long, value_name = "FILE.html")]
    out: Option<PathBuf>,
    /// The moment in question: RFC 3339, 03:10 on the last day, or -10m before the newest time in the data
    #[arg(long, value_name = "TIME|-10m", allow_hyphen_values = true)]
    at: Option<When>,
    /// Nothing before this time in the timeline
    #[arg(long, value_name = "TIME|-2h", allow_hyphen_values = true)]
    since: Option<When>,
    /// Notes: lines of text, or the file in which the browser keeps them
    #[arg(long, value_name = "FILE")]
    notes: Option<PathBuf>,
    /// No table is cut; --limit N cuts them after N rows
    #[arg(long)]
    full: bool,
    #[command(flatten)]
    audit: AuditLogs,
    #[command(flatten)]
    etcd: EtcdLogs,
    #[command(flatten)]
    layout: LayoutArgs,
    #[command(flatten)]
    keys: KeyFiles,
    /// Key of the fingerprints of hidden values, to compare pages
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    fp_key: Option<PathBuf>,
}

/// The warning about a page without a db, which has no damage to list.
pub(super) const PARTIAL_PAGE: &str =
    "the answer is partial: the db cannot be read, the page says which sections lack it";

/// Columns of the answer about the file that was written.
const COLUMNS: [&str; 9] = [
    "out",
    "size_bytes",
    "sha256",
    "sections",
    "hidden_values",
    "verdict",
    "next",
    "notes",
    "is_partial",
];

impl ReportArgs {
    /// The columns of the answer, if a file is written before it.
    pub(super) fn columns_after_writing(&self) -> Option<&'static [&'static str]> {
        Some(&COLUMNS)
    }
}

pub(crate) fn run(args: &ReportArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    let paths = match args.paths.is_empty() {
        true => vec![ui.target(None)?],
        false => args.paths.clone(),
    };
    let mut members: Vec<Member> = Vec::new();
    for (at, path) in paths.iter().enumerate().rev() {
        members.insert(0, ui.member_of(Some(path), at, paths.len())?);
    }
    if ui.global.local && args.at.is_none() && args.since.is_none() {
        return Err(Failure::usage(
            "times on the page are in UTC, so that it is the same on every machine: --local is about --at and --since",
        )
        .next("etcd-inspect report {path} --out incident.html")
        .into());
    }
    let Some(out) = &args.out else {
        return Err(
            Failure::usage("report writes a new file: name it with --out")
                .next("etcd-inspect report {path} --out incident.html")
                .into(),
        );
    };
    let out = Out::new(out, members.iter().map(Member::evidence))?;
    let answer = page(args, &members, &paths, ui)?;
    if ui.interrupt.is_set() {
        return Err(OutError::Cancelled.into());
    }
    out.write_file(answer.html.as_bytes())?;
    if answer.size_bytes > LARGE_BYTES {
        ui.note(format!(
            "the page has {}: without --full tables are cut and it is smaller",
            size(answer.size_bytes as u64)
        ))?;
    }
    for note in &answer.notes {
        ui.note(note.clone())?;
    }
    ui.partial(answer.damage.clone());
    let mut fields = json!({ "out": out.path().display().to_string() });
    if let (Some(fields), Ok(serde_json::Value::Object(more))) =
        (fields.as_object_mut(), serde_json::to_value(&answer))
    {
        fields.extend(more);
    }
    ui.answer("report", &fields, |ui| {
        ui.line(Line::new().with(Label::Heading, "written  ").text(format!(
            "{} ({})",
            out.path().display(),
            size(answer.size_bytes as u64)
        )))?;
        ui.line(
            Line::new()
                .with(Label::Heading, "sha256   ")
                .text(answer.sha256.clone()),
        )?;
        ui.line(
            Line::new()
                .with(Label::Heading, "sections ")
                .text(answer.sections.join(", ")),
        )?;
        ui.line(
            Line::new()
                .with(Label::Heading, "verdict  ")
                .text(answer.verdict.clone()),
        )?;
        ui.line(
            Line::new()
                .with(Label::Dim, "next: ")
                .with(Label::Command, answer.next.clone()),
        )?;
        Ok(())
    })?;
    if answer.is_partial && answer.damage.is_empty() {
        ui.warn(PARTIAL_PAGE)?;
        return Ok(Exit::Partial);
    }
    Ok(Exit::Ok)
}

/// Asks the library for the page.
pub(super) fn page(
    args: &ReportArgs,
    members: &[Member],
    paths: &[PathBuf],
    ui: &mut Ui,
) -> anyhow::Result<ReportAnswer> {
    let showing = Showing {
        reveal: None,
        fp_key: args.fp_key.clone(),
    };
    let mask = showing.mask(false, ui)?;
    let keyring = args.keys.keyring()?;
    let [at, since] = moments(args, members, ui)?;
    let tool = format!("etcd-inspect {}", env!("CARGO_PKG_VERSION"));
    let Some(mask) = mask else {
        return Err(Failure::usage("a report always hides secrets").into());
    };
    let question = ReportQuestion {
        members,
        paths,
        at,
        since,
        notes: args.notes.as_deref().map(notes).transpose()?,
        audit: args.audit.read()?,
        etcd_log: args.etcd.read()?,
        full: args.full || ui.global.limit == Some(0),
        rows: ui
            .global
            .limit
            .and_then(|limit| usize::try_from(limit).ok()),
        beside: (args.audit.audit_log.iter())
            .chain(&args.etcd.etcd_log)
            .chain(&args.notes)
            .cloned()
            .collect(),
        flags: flags(args, ui),
        mask: &mask,
        with_fingerprints: args.fp_key.is_some(),
        tool: &tool,
        keyring: &keyring,
        layout: args.layout.layout(),
    };
    Ok(ReportAnswer::read(&question, &*ui.progress()))
}

/// What commands on the page need to answer as this page does.
fn flags(args: &ReportArgs, ui: &Ui) -> Vec<ReadingFlag> {
    let prefixes = args.layout.etcd_prefix.iter();
    let prefixes = prefixes.map(|prefix| ReadingFlag {
        name: "--etcd-prefix",
        value: prefix.into(),
        read_by: ReadBy::Names,
    });
    ui.opened_with.iter().cloned().chain(prefixes).collect()
}

fn notes(path: &Path) -> Result<String, Failure> {
    let text = std::fs::read(path).map_err(|error| {
        Failure::usage(format!("{}: {error}", path.display()))
            .next(Command::new("ls").arg("-l").path(path))
    })?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// `--at` and `--since`; a time without a date needs one of the data.
fn moments(
    args: &ReportArgs,
    members: &[Member],
    ui: &mut Ui,
) -> anyhow::Result<[Option<Timestamp>; 2]> {
    let zone = time::zone(ui.global.local);
    let mut newest: Option<Timestamp> = None;
    let mut moments = [None; 2];
    for (moment, asked) in moments.iter_mut().zip([args.at, args.since]) {
        let Some(asked) = asked else { continue };
        if let When::Exact(exact) = asked {
            *moment = Some(exact);
            continue;
        }
        if newest.is_none() {
            newest = newest_time(members, ui);
        }
        let Some(newest) = newest else {
            return Err(
                Failure::not_found("no value here has a time: a time needs its date here")
                    .next(
                        "etcd-inspect report --at 2026-11-21T03:10:00Z {path} --out incident.html",
                    )
                    .into(),
            );
        };
        *moment = Some(asked.moment(newest, &zone));
    }
    Ok(moments)
}

fn newest_time(members: &[Member], ui: &mut Ui) -> Option<Timestamp> {
    let mut newest = None;
    for member in members {
        let Ok(view) = View::open(member, crate::at::Side::default(), ui) else {
            continue;
        };
        let time = view
            .objects()
            .ok()
            .and_then(|objects| objects.newest_time(None));
        newest = newest.max(time);
    }
    newest
}

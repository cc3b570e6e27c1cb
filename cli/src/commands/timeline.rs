//! `timeline`.

use std::path::PathBuf;

use etcd_inspect::answers::clocks::clock_and_requests;
use etcd_inspect::answers::timeline::{
    EventKind, EventStream, TimeBuckets, TimelineFilter, TimelineRow, TimelineSources,
    all_versions, bodyfile, sparkline, timeline, timesketch,
};
use etcd_inspect::check::{Depth, check_with};
use etcd_inspect::clock::Clock;
use etcd_inspect::progress::Progress as _;
use jiff::SignedDuration;

use crate::at::{Side, When};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::kube::{self, LayoutArgs};
use crate::logs::{AuditLogs, EtcdLogs};
use crate::output::{Label, Line, json, number, time};
use crate::scope;
use crate::secrets::{KeyFiles, Showing};
use crate::ui::Ui;
use crate::view::View;

/// Everything that happened in one stream: writes, elections, members, Events, findings
///
/// Sources are the db, the WAL (also below the compaction), .snap files, Kubernetes Events that are still anywhere, `check`,
/// and the logs that are given. Renewals, heartbeats and the writes of Events are left out and counted. Times are those of the
/// revision clock; lines of etcd's log have its own clock, whose offset is measured.
#[derive(clap::Args, Debug)]
#[command(before_help = "Examples:
  etcd-inspect timeline --since -10m /copy/m1
  etcd-inspect timeline -n prod --kind delete /copy/m1
  etcd-inspect timeline --audit-log audit.log --etcd-log etcd.log -o json /copy/m1
  etcd-inspect timeline --format bodyfile /copy/m1 | mactime -b - -d -y")]
pub(crate) struct TimelineArgs {
    /// Data directory, db or snapshot
    path: Option<PathBuf>,
    /// Nothing before this time
    #[arg(long, value_name = "TIME|-2h", allow_hyphen_values = true)]
    since: Option<When>,
    /// Nothing after this time
    #[arg(long, value_name = "TIME|-2h", allow_hyphen_values = true)]
    until: Option<When>,
    /// Only these: put, delete, election, membership, alarm, compaction, snapshot, event, log, finding
    #[arg(long, value_name = "KIND,…", value_delimiter = ',', value_parser = kind)]
    kind: Vec<EventKind>,
    /// Only what is about this namespace
    #[arg(short, long, value_name = "NS")]
    namespace: Option<String>,
    /// Also renewals, heartbeats and the writes of Events
    #[arg(long)]
    all: bool,
    /// Length of the spans of the bars on a terminal (default: so that they fit)
    #[arg(long, value_name = "10s", value_parser = duration, hide_short_help = true)]
    bucket: Option<SignedDuration>,
    /// For another tool: lines of Timesketch, or a body file of The Sleuth Kit
    #[arg(
        long,
        value_name = "timesketch|bodyfile",
        value_enum,
        hide_possible_values = true
    )]
    format: Option<ForTool>,
    #[command(flatten)]
    audit: AuditLogs,
    #[command(flatten)]
    etcd: EtcdLogs,
    #[command(flatten)]
    layout: LayoutArgs,
    #[command(flatten)]
    keys: KeyFiles,
    #[command(flatten)]
    showing: Showing,
    #[command(flatten)]
    side: Side,
}

/// `--format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum ForTool {
    /// JSON lines with the fields that Timesketch requires.
    Timesketch,
    /// The Sleuth Kit, 3 and later.
    Bodyfile,
}

fn kind(text: &str) -> Result<EventKind, String> {
    let mut all = EventKind::ALL.into_iter();
    all.find(|kind| kind.as_str() == text).ok_or_else(|| {
        let names: Vec<&str> = EventKind::ALL.iter().map(|kind| kind.as_str()).collect();
        match etcd_inspect::answers::nearest(text, names.iter().copied()) {
            Some(near) => format!("no kind {text:?}; did you mean {near}?"),
            None => format!("no kind {text:?}; there are {}", names.join(", ")),
        }
    })
}

fn duration(text: &str) -> Result<SignedDuration, String> {
    let found: SignedDuration = text.parse().map_err(|error| format!("{error}"))?;
    match found > SignedDuration::ZERO {
        true => Ok(found),
        false => Err("a span is longer than nothing".to_owned()),
    }
}

pub(crate) fn run(args: &TimelineArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    ui.target(args.path.as_deref())?;
    if args.format.is_some() && (ui.global.output.is_some() || ui.global.selects()) {
        return Err(Failure::usage(
            "--format has its own form and no rows to choose from: -o, --columns, --sort-by and --limit have no meaning",
        )
        .next(ui.without_flags(&["-o", "--output", "--columns", "--sort-by", "--limit"]))
        .into());
    }
    let member = ui.member(args.path.as_deref())?;
    let etcd_log = args.etcd.read()?;
    let audit_log = args.audit.read()?;
    let mut view = View::open_or_writes(&member, args.side, false, ui)?;
    view.read_log(ui);
    let objects = kube::open(&member, view.keyspace(), &args.layout, &args.keys)?;
    let mask = args.showing.mask(false, ui)?;
    let progress = ui.progress();
    let logged = view.logged();
    let all = all_versions(&objects, logged);
    let logs = (audit_log, etcd_log.as_ref());
    let (clock, audited) = clock_and_requests(&member, (&objects, logged), &all, logs, &*progress);
    let filter = filter(args, &clock, view.keyspace().revision(), ui)?;
    let wants_findings = filter.kinds.is_empty() || filter.kinds.contains(&EventKind::Finding);
    let keyring = args.keys.keyring()?;
    let report =
        wants_findings.then(|| check_with(&member, Depth::Default, &keyring, None, &*progress));
    let sources = TimelineSources {
        member: &member,
        objects: &objects,
        logged,
        clock: &clock,
        audited: audited.as_ref(),
        etcd_log: etcd_log.as_ref(),
        report: report.as_ref(),
        mask: mask.as_ref(),
    };
    let span = (filter.since, filter.until);
    let found = timeline(&sources, &all, &filter, &*progress);
    let is_empty = found.rows.is_empty();
    let mut notes = notes(&found);
    notes.extend(audited.map(|audited| audited.summary()));
    if let Some(log) = etcd_log.filter(|log| log.counts.unreadable > 0) {
        let counts = log.counts;
        notes.push(format!(
            "etcd's log: {} of {} lines are not of etcd",
            counts.unreadable, counts.lines
        ));
    }
    match args.format {
        Some(tool) => lines(&found.rows, tool, ui)?,
        None => {
            bars(&found.rows, args, ui)?;
            ui.table("timeline", &found.into_table())?;
        }
    }
    if is_empty {
        scope::say_namespace(&objects, logged, args.namespace.as_deref(), ui)?;
        scope::say_span(&clock, view.keyspace().revision(), span, ui)?;
    }
    notes.into_iter().try_for_each(|note| ui.note(note))?;
    Ok(if progress.cancelled() {
        Exit::Partial
    } else {
        view.exit(Exit::Ok)
    })
}

fn filter(
    args: &TimelineArgs,
    clock: &Clock,
    newest: i64,
    ui: &mut Ui,
) -> anyhow::Result<TimelineFilter> {
    let end = clock.newest_time(newest);
    let (since, until) = scope::span("timeline", (args.since, args.until), end, ui)?;
    Ok(TimelineFilter {
        since,
        until,
        kinds: args.kind.clone(),
        namespace: args.namespace.clone(),
        all: args.all,
    })
}

fn notes(found: &EventStream) -> Vec<String> {
    let mut notes = Vec::new();
    if !found.folded.is_empty() {
        let parts = found
            .folded
            .iter()
            .map(|(what, count)| format!("{} {what}", number::thousands((*count).into())));
        let parts: Vec<String> = parts.collect();
        notes.push(format!("left out: {} (--all shows them)", parts.join(", ")));
    }
    match found.offset {
        Some(offset) => notes.push(offset.sentence()),
        None if found.etcd_lines > 0 => notes.push(
            "etcd's log: its lines name no entry whose time is known from elsewhere, so its clock is compared with no other (±?)"
                .to_owned(),
        ),
        None => {}
    }
    notes
}

/// Bars of how much happened when, on a terminal.
fn bars(rows: &[TimelineRow], args: &TimelineArgs, ui: &mut Ui) -> std::io::Result<()> {
    let Some((width, _)) = ui
        .terminal
        .size
        .filter(|_| ui.terminal.is_tty && ui.global.format().is_table())
    else {
        return Ok(());
    };
    let columns = width.saturating_sub(30).max(10);
    let Some(buckets) = TimeBuckets::new(rows, args.bucket, columns) else {
        return Ok(());
    };
    let zone = time::zone(ui.global.local);
    let head = format!(
        "from {} · {:.1} s in each bar",
        time::full(buckets.start, &zone),
        buckets.width.as_secs_f64()
    );
    ui.line(Line::new().with(Label::Dim, head))?;
    for (name, counts) in [
        ("writes", &buckets.writes),
        ("deletes", &buckets.deletes),
        ("other", &buckets.others),
    ] {
        let sum: u64 = counts.iter().sum();
        let bars = sparkline(counts, ui.terminal.charset.ascii);
        let line = Line::new()
            .text(format!("{name:<8}"))
            .with(Label::Name, bars);
        ui.line(line.text(format!(" {}", number::thousands(sum.into()))))?;
    }
    Ok(())
}

/// Lines for another tool. What has no time is in no file of these formats: it is counted.
fn lines(rows: &[TimelineRow], tool: ForTool, ui: &mut Ui) -> anyhow::Result<()> {
    let mut without = 0u64;
    for row in rows {
        let written = match tool {
            ForTool::Timesketch => timesketch(row).map(|line| json::compact(ui.out(), &line)),
            ForTool::Bodyfile => bodyfile(row).map(|line| ui.out().write_all(line.as_bytes())),
        };
        match written {
            Some(written) => {
                written?;
                ui.out().write_all(b"\n")?;
            }
            None => without += 1,
        }
    }
    if without > 0 {
        ui.note(format!("{without} rows have no time and are left out"))?;
    }
    Ok(())
}

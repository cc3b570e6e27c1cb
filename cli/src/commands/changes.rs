use std::path::PathBuf;

use etcd_inspect::answers::changes::{
    ChangeOp, ChangeRow, ChangesBy, ChangesQuery, changes, sum_changes,
};
use etcd_inspect::answers::clocks::{needs_log, whole_clock};
use etcd_inspect::member::{Member, VersionWriter};
use etcd_inspect::start::counted;

use crate::at::{Side, When};
use crate::exit::Exit;
use crate::kube::{self, LayoutArgs};
use crate::logs::{AuditLogs, say_lacking, say_sealed, say_unknown, say_unmeasured, say_who};
use crate::scope;
use crate::secrets::{KeyFiles, Showing};
use crate::ui::Ui;
use crate::view::View;

/// Writes and deletions without --last or a time.
const LAST: usize = 20;

/// Newest entries of the log that are applied again for the newest rows.
const TAIL_ENTRIES: usize = 5_000;
/// Maximum number of rows that are looked for in them alone.
const MAX_OF_TAIL: usize = 1_000;

/// What happened last: writes and deletions, with when, who and what changed
///
/// Renewed Leases, Events that are seen again and changes of nothing but status or managedFields are counted, not listed: --all lists
/// them. Keys that one request deleted are one row. WHEN~ is computed from the times in the data, with its uncertainty. WHO is the manager whose
/// fields changed, the holder of a Lease or the reporter of an Event; with `?` the owner of the changed field: another may have written it.
#[derive(clap::Args, Debug)]
#[command(before_help = "Examples:
  etcd-inspect changes /copy/m1
  etcd-inspect changes --since -10m --ops delete /copy/m1
  etcd-inspect changes --since 03:05 --until 03:12 -n shop /copy/m1
  etcd-inspect changes --since -1h --by who /copy/m1
  etcd-inspect changes --audit-log audit.log -d /copy/m1")]
pub(crate) struct ChangesArgs {
    /// Data directory, db or snapshot
    path: Option<PathBuf>,
    /// The newest N rows, 0 for all; default 20, or all of --since and --until
    #[arg(long, value_name = "N")]
    last: Option<usize>,
    /// Only changes after this time: RFC 3339, 03:10 on the last day, or -10m before the newest time in the data
    #[arg(long, value_name = "TIME|-10m", allow_hyphen_values = true)]
    since: Option<When>,
    /// Only changes up to this time
    #[arg(long, value_name = "TIME|-10m", allow_hyphen_values = true)]
    until: Option<When>,
    /// Count by resource, namespace or who
    #[arg(long, value_enum)]
    by: Option<By>,
    /// Only these operations; range and expire are deletes of a range, and with a lease
    #[arg(long, value_enum, value_delimiter = ',')]
    ops: Vec<Op>,
    /// Only objects of this namespace
    #[arg(short, long, value_name = "NS")]
    namespace: Option<String>,
    /// Also renewed Leases, repeated Events and changes of nothing but status or managedFields
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    audit: AuditLogs,
    #[command(flatten)]
    layout: LayoutArgs,
    #[command(flatten)]
    keys: KeyFiles,
    #[command(flatten)]
    showing: Showing,
}

#[derive(clap::ValueEnum, Clone, Copy, Debug)]
enum By {
    Resource,
    Namespace,
    Who,
}

#[derive(clap::ValueEnum, Clone, Copy, Debug)]
enum Op {
    Create,
    Update,
    Delete,
    /// Deletes of a range of keys
    Range,
    /// Deletes by a lease that expired or was revoked
    Expire,
}

pub(crate) fn run(args: &ChangesArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    let member = ui.member(args.path.as_deref())?;
    let mut view = View::open_or_writes(&member, Side::default(), false, ui)?;
    let is_plain = args.since.is_none() && args.until.is_none() && args.by.is_none();
    let is_short = args
        .last
        .is_none_or(|last| (1..=MAX_OF_TAIL).contains(&last));
    if is_plain && is_short && args.audit.audit_log.is_empty() {
        ui.needs_log(&member);
        let tail = view.read_log_tail(TAIL_ENTRIES, &*ui.progress());
        if let Some(first) = tail
            && let Some(exit) = answer(args, &member, &view, Some(first), ui)?
        {
            return Ok(exit);
        }
        view.read_whole_log(ui);
    }
    view.read_log(ui);
    let exit = answer(args, &member, &view, None, ui)?;
    Ok(exit.unwrap_or(Exit::Ok))
}

/// Answers with the log as it was read. `tail`: the first revision of the newest entries, if only those were; `None` if they do not
/// suffice.
fn answer(
    args: &ChangesArgs,
    member: &Member,
    view: &View<'_>,
    tail: Option<i64>,
    ui: &mut Ui,
) -> anyhow::Result<Option<Exit>> {
    let objects = kube::open(member, view.keyspace(), &args.layout, &args.keys)?;
    let logged = view.logged();
    let audited = args.audit.matched(&objects, logged, ui)?;
    let newest = match args.since.or(args.until) {
        Some(_) => {
            let measured = audited.iter().flat_map(|audited| audited.measurements());
            let measured: Vec<_> = measured.collect();
            let clock = whole_clock(&objects, logged, &measured, &*ui.progress());
            clock.newest_time(view.keyspace().revision())
        }
        None => None,
    };
    let (since, until) = scope::span("changes", (args.since, args.until), newest, ui)?;
    let query = ChangesQuery {
        last: match (args.last, args.since, args.until, args.by) {
            (None, None, None, None) => Some(LAST),
            (last, ..) => last.filter(|last| *last > 0),
        },
        since,
        until,
        ops: args.ops.iter().filter_map(|op| op.answered()).collect(),
        by_lease: args.ops.iter().any(|op| matches!(op, Op::Expire)),
        by_range: args.ops.iter().any(|op| matches!(op, Op::Range)),
        namespace: args.namespace.clone(),
        all: args.all,
    };
    let mask = args.showing.mask(false, ui)?;
    let (table, folded) = changes(
        member,
        &objects,
        logged,
        &query,
        mask.as_ref(),
        audited.as_ref(),
    );
    // What is older may be in the rest of the log, what is compacted in the log alone.
    let compacted = view.keyspace().compact_revision().unwrap_or(0);
    let oldest = table.rows.first().map_or(0, ChangeRow::revision);
    let is_full = query.last.is_some_and(|last| table.rows.len() >= last);
    let is_undated = || {
        let placed = table.rows.iter().filter(|row| row.is_placed());
        needs_log(&objects, logged, placed.map(ChangeRow::revision))
    };
    if tail.is_some_and(|first| !is_full || oldest <= first.max(compacted) || is_undated()) {
        return Ok(None);
    }
    match args.by {
        Some(by) => ui.table("changes", &sum_changes(&table.rows, by.answered()))?,
        None => ui.table("changes", &table)?,
    }
    let counts = [
        (folded.leases, "renewed Lease", "renewed Leases"),
        (folded.events, "repeated Event", "repeated Events"),
        (
            folded.status,
            "change of status only",
            "changes of status only",
        ),
        (
            folded.unshown,
            "write of managedFields or resourceVersion only",
            "writes of managedFields or resourceVersion only",
        ),
    ];
    let counts = counts.into_iter().filter(|(count, ..)| *count > 0);
    let counts: Vec<String> = counts
        .map(|(count, one, many)| counted(count, one, many))
        .collect();
    if !counts.is_empty() {
        ui.note(format!(
            "left out (--all lists them): {}",
            counts.join(", ")
        ))?;
    }
    if folded.undated > 0 {
        let count = counted(
            folded.undated,
            "more write of the log has",
            "more writes of the log have",
        );
        ui.note(format!(
            "{count} no known revision or time: --last 0 lists what fits, before all others"
        ))?;
    }
    if table.rows.is_empty() {
        let namespace = args.namespace.as_deref();
        scope::say_namespace(&objects, logged, namespace, ui)?;
        let clock = view.clock(&*ui.progress())?;
        scope::say_span(clock, view.keyspace().revision(), (since, until), ui)?;
    }
    say_log(&table.rows, view, ui)?;
    say_sealed(
        table.rows.iter().filter(|row| row.is_sealed).count() as u64,
        ui,
    )?;
    let rows = table.rows.iter();
    let is_object = |key: &[u8]| objects.layout().resource(key).is_some();
    let nameless = rows.filter(|row| row.who.is_none() && !row.is_sealed && is_object(row.key()));
    // The sums by writer count those in a row of their own.
    if args.by.is_none() {
        say_who(nameless.count() as u64, audited.is_some(), ui)?;
        let rows = || table.rows.iter();
        let is_undated = rows().any(|row| row.is_placed()) && rows().all(|row| row.time.is_none());
        let is_foreign = rows().all(|row| row.who.is_none() && !is_object(row.key()));
        say_unmeasured(is_undated, !table.rows.is_empty() && is_foreign, ui)?;
        let mut writers = table.rows.iter().filter_map(|row| row.who.as_ref());
        say_unknown(writers.any(VersionWriter::is_called_unknown), ui)?;
    }
    Ok(Some(view.exit(Exit::Ok)))
}

/// Says what of the rows is in the log alone.
fn say_log(rows: &[ChangeRow<'_>], view: &View<'_>, ui: &mut Ui) -> std::io::Result<()> {
    let without = rows.iter().filter(|row| !row.is_placed()).count() as u64;
    if without > 0 && view.log_alone().is_none() {
        ui.note(format!(
            "{} only in the WAL without a known revision; put? and delete? may not have happened",
            counted(without, "write is", "writes are")
        ))?;
    }
    match view.logged().filter(|_| view.log_alone().is_none()) {
        Some(logged) => say_lacking(logged, ui),
        None => Ok(()),
    }
}

impl By {
    fn answered(self) -> ChangesBy {
        match self {
            Self::Resource => ChangesBy::Resource,
            Self::Namespace => ChangesBy::Namespace,
            Self::Who => ChangesBy::Who,
        }
    }
}

impl Op {
    fn answered(self) -> Option<ChangeOp> {
        match self {
            Self::Create => Some(ChangeOp::Create),
            Self::Update => Some(ChangeOp::Update),
            Self::Delete => Some(ChangeOp::Delete),
            Self::Range | Self::Expire => None,
        }
    }
}

use std::collections::HashMap;
use std::ffi::OsString;

use clap_complete::engine::ArgValueCandidates;
use etcd_inspect::answers::clocks::needs_log;
use etcd_inspect::answers::find::Query;
use etcd_inspect::answers::history::{HistoryRow, RevisionSpan, history, is_placed};
use etcd_inspect::answers::values::RawKeys;
use etcd_inspect::kubernetes::mask::without_token;
use etcd_inspect::member::{Member, Objects, VersionWriter};
use etcd_inspect::start::counted;

use crate::at::At;
use crate::completion;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::kube::{self, LayoutArgs, ScopeArgs};
use crate::logs::{AuditLogs, say_lacking, say_sealed, say_unknown, say_unmeasured, say_who};
use crate::no_log;
use crate::output::{Label, Line, escape, time};
use crate::scope;
use crate::secrets::{KeyFiles, Showing};
use crate::ui::Ui;
use crate::view::View;
use crate::what::{self, What};

/// Runs of revisions of the log that are listed; of more only the first and the last.
const MAX_RUNS: usize = 4;

/// Every retained version of a key or object, oldest first: when, by whom, what changed
///
/// SRC is db, or wal: compacted in the db, or not in it yet. V restarts at 1 when a deleted key is created again; of a delete it
/// is that of what was deleted. WHEN~ is computed from the times in the data. WHO is the manager whose fields changed, the holder
/// of a Lease or the reporter of an Event; with ? the owner of the changed field. managedFields and resourceVersion are left out.
#[derive(clap::Args, Debug)]
#[command(before_help = "Examples:
  etcd-inspect history deploy/web -n shop -d /copy/m1
  etcd-inspect history deploy/web -n shop --carved -d /copy/m1
  etcd-inspect history deploy/web -n shop --audit-log audit.log -d /copy/m1
  etcd-inspect history deploy/web -n shop --diff --from 1192000 --to 1202270 -d /copy/m1
  etcd-inspect history /registry/deployments/shop/web -o json -d /copy/m1")]
pub(crate) struct HistoryArgs {
    /// Raw key, glob, or TYPE/NAME as for kubectl
    #[arg(required = true, add = ArgValueCandidates::new(completion::nouns))]
    what: Vec<OsString>,
    /// Only revisions from this one on
    #[arg(long, value_name = "REV")]
    from: Option<i64>,
    /// Only revisions up to this one
    #[arg(long, value_name = "REV")]
    to: Option<i64>,
    /// Unified diffs between neighbours; with --from and --to one between these two
    #[arg(long)]
    diff: bool,
    /// The default: versions that only the WAL still has are always listed
    #[arg(long, hide = true)]
    wal: bool,
    /// Only versions of the db: without the log beside it
    #[arg(long, conflicts_with_all = ["wal", "carved"], hide_short_help = true)]
    no_wal: bool,
    /// Also versions that no tree has any more
    ///
    /// In free pages, old segments, cut tails: SRC says where, PLACE with -o wide.
    #[arg(long, conflicts_with = "replay")]
    carved: bool,
    /// Lines around each change of a diff
    #[arg(short = 'U', long, value_name = "N", default_value_t = 3)]
    context: usize,
    #[command(flatten)]
    audit: AuditLogs,
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    layout: LayoutArgs,
    #[command(flatten)]
    keys: KeyFiles,
    #[command(flatten)]
    showing: Showing,
    #[command(flatten)]
    at: At,
}

pub(crate) fn run(args: &HistoryArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    scope::range(args.from, args.to)?;
    let asked = what::parse(&args.what)?;
    let member = ui.member(None)?;
    let (view, revision, adds_nothing) = opened(args, &asked, &member, ui)?;
    let keyspace = view.keyspace();
    let objects = kube::open(&member, keyspace, &args.layout, &args.keys)?;
    let logged = view.logged();
    if adds_nothing {
        let text = match ui.damage().is_empty() {
            true => "the WAL adds nothing: the db has each of its writes of this key",
            false => "what can be read of the WAL adds nothing; the rest of it may",
        };
        ui.note(text)?;
    } else if args.wal && logged.is_none() {
        let why = no_log::reason(&member);
        ui.note(format!("{why}: only the db's versions"))?;
    }
    let of_wal: Vec<Objects<'_>> = logged
        .iter()
        .flat_map(|logged| [logged.keyspace(), logged.unplaced()])
        .map(|keyspace| objects.over(keyspace))
        .collect();
    let mut keys: Vec<Vec<u8>> = Vec::new();
    let mut named = true;
    for what in asked {
        named &= matches!(what, What::Key(_) | What::Noun { name: Some(_), .. });
        keys.extend(keys_of(what, args, &objects, &of_wal)?);
    }
    keys.sort();
    keys.dedup();
    let mask = args.showing.mask(named, ui)?;
    let span = RevisionSpan {
        from: args.from,
        to: args.to.or(revision),
        pair: args.diff && args.from.is_some() && args.to.is_some(),
    };
    let context = args.diff.then_some(args.context);
    let audited = args.audit.matched(&objects, logged, ui)?;
    let versions = |span, mask, context, audited| {
        history(&keys, &objects, logged, span, mask, context, audited)
    };
    let mut table = versions(span, mask.as_ref(), context, audited.as_ref());
    if let Some(past) = view.past() {
        for row in table
            .rows
            .iter_mut()
            .filter(|row| is_placed(row.described.origin))
        {
            row.mark(&past.source(row.described.version.revision));
        }
    }
    let everything = RevisionSpan::default();
    if table.rows.is_empty() && versions(everything, None, None, None).rows.is_empty() {
        return Err(nothing(args, ui).into());
    }
    // Columns are those of rows.
    if args.diff && ui.global.format().is_table() && ui.global.columns.is_empty() {
        diffs(&table.rows, span.pair, ui)?;
    } else {
        ui.table("history", &table)?;
    }
    // The order of --sort-by is not that of the rows here: then all of them count.
    let shown = match (ui.global.limit, &ui.global.sort_by) {
        (Some(limit), None) if limit > 0 => usize::try_from(limit).unwrap_or(usize::MAX),
        _ => usize::MAX,
    };
    let shown = table.rows.get(..shown).unwrap_or(&table.rows);
    let nameless = nameless(shown, &objects);
    let mut writers = shown.iter().filter_map(|row| row.described.writer.as_ref());
    let is_called_unknown = writers.any(VersionWriter::is_called_unknown);
    let who = (nameless, audited.is_some());
    say_reach(args, &view, &table.rows, who, ui)?;
    say_unknown(is_called_unknown, ui)?;
    let described = || shown.iter().map(|row| &row.described);
    let mut placed = described().filter(|row| is_placed(row.origin)).peekable();
    let is_undated = placed.peek().is_some() && placed.all(|row| row.time.is_none());
    let is_foreign = described()
        .all(|row| row.writer.is_none() && objects.layout().resource(row.version.key).is_none());
    let is_foreign = is_foreign && !shown.is_empty() && audited.is_none();
    say_unmeasured(is_undated, is_foreign, ui)?;
    Ok(view.exit(Exit::Ok))
}

/// The state that is asked, with the log beside it, and the newest revision that is asked for; whether the log was looked through and
/// adds nothing to the keys.
fn opened<'m>(
    args: &HistoryArgs,
    asked: &[What],
    member: &'m Member,
    ui: &mut Ui,
) -> anyhow::Result<(View<'m>, Option<i64>, bool)> {
    let is_newest = args.at.rev.is_none() && args.at.at.is_none();
    let (mut view, revision) = match is_newest {
        true => {
            let view = View::open_or_writes(member, args.at.side, args.carved, ui)?;
            (view, None)
        }
        false => {
            let (view, [revision]) =
                View::open_at_by(member, [&args.at], args.carved, &args.audit, ui)?;
            (view, revision)
        }
    };
    if args.no_wal && view.is_db_alone() {
        return Ok((view, revision, false));
    }
    let has_log = view.member().wal_with(&*ui.progress()).is_some();
    let is_plain = view.is_db_alone() && has_log && args.audit.audit_log.is_empty();
    if has_log {
        ui.needs_log(member);
    }
    if is_plain
        && let Some(keys) = exact_keys(args, asked, &view)?
        && view.log_adds_nothing(&keys, &*ui.progress())
        && !needs_log_to_date(&view, &keys)?
    {
        return Ok((view, revision, true));
    }
    view.read_log(ui);
    Ok((view, revision, false))
}

/// Whether the times of versions are known better with the log.
fn needs_log_to_date(view: &View<'_>, keys: &[Vec<u8>]) -> anyhow::Result<bool> {
    let records = keys.iter().map(|key| view.keyspace().records_of(key));
    let revisions: Vec<i64> = records
        .flat_map(|records| {
            records
                .iter()
                .map(|one| one.revision.main)
                .collect::<Vec<_>>()
        })
        .collect();
    Ok(needs_log(&view.objects()?, None, revisions))
}

/// The keys, if each word is one key that the db has.
fn exact_keys(
    args: &HistoryArgs,
    asked: &[What],
    view: &View<'_>,
) -> anyhow::Result<Option<Vec<Vec<u8>>>> {
    let objects = kube::open(view.member(), view.keyspace(), &args.layout, &args.keys)?;
    let mut keys = Vec::new();
    for what in asked {
        let is_one = match what {
            What::Key(key) => !key.ends_with(b"/"),
            What::Noun { name, .. } => name.is_some(),
            _ => false,
        };
        if !is_one {
            return Ok(None);
        }
        let Ok(found) = keys_of(what.clone(), args, &objects, &[]) else {
            return Ok(None);
        };
        keys.extend(found);
    }
    let is_stored = |key: &Vec<u8>| !view.keyspace().records_of(key).is_empty();
    Ok(Some(keys).filter(|keys| keys.iter().all(is_stored)))
}

/// No version is kept.
fn nothing(args: &HistoryArgs, ui: &Ui) -> Failure {
    let word = args.what.first().map(|word| word.to_string_lossy());
    let word = word.unwrap_or_default();
    let failure = Failure::not_found(format!("no version of {word} is retained in db or log"));
    match args.carved {
        true => failure.next("etcd-inspect keys --deleted {path}"),
        false => failure.next(ui.replaced(&["--replay"], Some("--carved"))),
    }
}

/// Number of versions of Kubernetes objects of which nothing says who wrote them.
fn nameless(rows: &[HistoryRow<'_>], objects: &Objects<'_>) -> u64 {
    let nameless = rows.iter().map(|row| &row.described).filter(|described| {
        let is_known = described.writer.is_some() || described.is_sealed;
        !is_known && objects.layout().resource(described.version.key).is_some()
    });
    nameless.count() as u64
}

/// Says where the answer ends: what the compaction took, what of the log can be trusted, what more there may be.
fn say_reach(
    args: &HistoryArgs,
    view: &View<'_>,
    rows: &[HistoryRow<'_>],
    (nameless, is_audited): (u64, bool),
    ui: &mut Ui,
) -> std::io::Result<()> {
    let without = rows
        .iter()
        .filter(|row| !is_placed(row.described.origin))
        .count() as u64;
    if without > 0 {
        ui.note(format!(
            "{} only in the WAL without a known revision; put? and delete? may not have happened",
            counted(without, "write is", "writes are")
        ))?;
    }
    if let Some(logged) = view.logged().filter(|_| view.log_alone().is_none()) {
        say_lacking(logged, ui)?;
        if let Some(index) = logged.stopped() {
            let check = ui.advice("etcd-inspect check {path}");
            ui.warn(format!(
                "from raft entry {index} on WAL and db differ ({check}): no revisions from there on"
            ))?;
        }
    }
    if args.no_wal && view.member().wal_ends().is_some() {
        ui.note("the log beside the db was left out: --no-wal")?;
    }
    say_sealed(
        rows.iter().filter(|row| row.described.is_sealed).count() as u64,
        ui,
    )?;
    if let Some(compacted) = view.keyspace().compact_revision() {
        ui.note(format!(
            "compacted at rev {compacted}: of older versions only the newest before it is kept in the db"
        ))?;
    }
    if let Some(logged) = view.logged().filter(|_| view.log_alone().is_none()) {
        let runs = logged.revision_runs();
        match runs.is_empty() {
            false => ui.note(format!("the WAL has the writes of revs {}", in_words(&runs)))?,
            true => ui.note("no write of the WAL is found in the db above its compaction, and no transaction there names a revision of another: the revisions of none are known")?,
        }
    }
    let missing = missing_versions(rows);
    if args.from.is_none() && !args.carved && !args.no_wal && missing > 0 {
        ui.note(format!(
            "{} in neither db nor WAL; free pages and old segments may have them and were not looked at: {}",
            counted(missing, "version is", "versions are"),
            ui.replaced(&["--replay"], Some("--carved"))
        ))?;
    }
    say_who(nameless, is_audited, ui)
}

/// Runs of revisions; of many only the first ones and the last.
fn in_words(runs: &[(i64, i64)]) -> String {
    let run = |(first, last): &(i64, i64)| format!("{first} to {last}");
    match runs {
        [first @ .., last] if first.len() <= MAX_RUNS => {
            let all: Vec<String> = first.iter().chain([last]).map(run).collect();
            all.join(", ")
        }
        [first, .., last] => format!(
            "{} and {} runs more, the last {}",
            run(first),
            runs.len().saturating_sub(1),
            run(last)
        ),
        _ => String::new(),
    }
}

/// Versions before and between the rows that none of them is.
fn missing_versions(rows: &[HistoryRow<'_>]) -> u64 {
    let mut missing = 0u64;
    // Rows of several keys are in the order of their revisions.
    let mut before: HashMap<&[u8], (i64, i64)> = HashMap::new();
    for row in rows.iter().filter(|row| is_placed(row.described.origin)) {
        let version = &row.described.version;
        let Some(kv) = version.key_value().ok().filter(|_| !version.tombstone) else {
            continue;
        };
        let known = before.insert(version.key, (kv.create_revision, kv.version));
        let known = known.filter(|(created, _)| *created == kv.create_revision);
        let known = known.map_or(0, |(_, number)| number);
        let gap = kv.version.saturating_sub(known).saturating_sub(1);
        missing = missing.saturating_add(u64::try_from(gap).unwrap_or(0));
    }
    missing
}

fn keys_of(
    what: What,
    args: &HistoryArgs,
    objects: &Objects<'_>,
    of_wal: &[Objects<'_>],
) -> anyhow::Result<Vec<Vec<u8>>> {
    let keyspace = objects.keyspace();
    let everywhere = |raw: RawKeys<'_>| -> Vec<Vec<u8>> {
        let sources = std::iter::once(objects).chain(of_wal);
        let found = sources.map(|objects| raw.retained(&objects.keyspace()));
        found.flatten().collect()
    };
    Ok(match what {
        What::Key(key) if key.ends_with(b"/") => everywhere(RawKeys::Prefix(&key)),
        What::Key(key) => vec![key],
        What::Glob(pattern) => everywhere(RawKeys::Glob(&pattern)),
        What::Revision(main) => RawKeys::Revision(main).retained(&keyspace),
        What::Noun { resource, name } => {
            let word = name
                .as_ref()
                .map_or_else(|| resource.clone(), |name| format!("{resource}/{name}"))
                .into_bytes();
            // An exact key wins, whatever the word looks like.
            if !keyspace.records_of(&word).is_empty() {
                return Ok(vec![word]);
            }
            nouns(&resource, name, args, objects, of_wal)?
        }
        What::Page(_) | What::WalIndex(_) | What::Finding(_) => {
            return Err(Failure::usage("history of a key or object")
                .next("etcd-inspect history /registry/… -d {path}")
                .into());
        }
    })
}

/// The keys of an object, or of all objects of a resource.
fn nouns(
    resource: &str,
    name: Option<String>,
    args: &HistoryArgs,
    objects: &Objects<'_>,
    of_wal: &[Objects<'_>],
) -> anyhow::Result<Vec<Vec<u8>>> {
    let scope = args.scope.scope();
    let query = Query::new(objects, scope.clone(), None);
    let asked = query
        .asked(resource, name)
        .ok_or_else(|| kube::no_such_noun("history", resource, objects))?;
    let mut keys = Vec::new();
    let mut collect = |query: &Query<'_, '_>| {
        for target in &asked.targets {
            keys.extend(match &asked.name {
                Some(name) => query.keys(target, name),
                None => query.all_keys(target),
            });
        }
    };
    collect(&query);
    for objects in of_wal {
        collect(&Query::new(objects, scope.clone(), None));
    }
    match &asked.name {
        Some(name) if keys.is_empty() => Err(Failure::absent(query.missing(&asked, name)).into()),
        _ => Ok(keys),
    }
}

/// How many writes made one version of a key of another; `None` if the key was deleted in between, or that is not known.
fn writes_between(old: &HistoryRow<'_>, new: &HistoryRow<'_>) -> Option<i64> {
    let [old, new] = [old, new].map(|row| row.described.version.key_value().ok());
    let (old, new) = (old?, new?);
    let is_same = old.version > 0 && old.create_revision == new.create_revision;
    is_same.then(|| new.version.saturating_sub(old.version))
}

/// Every version with its difference to the one before.
fn diffs(rows: &[HistoryRow<'_>], pair: bool, ui: &mut Ui) -> anyhow::Result<()> {
    let between = rows.first().filter(|_| pair);
    for row in rows.iter().skip(usize::from(pair)) {
        let described = &row.described;
        let writes = between.map_or(Some(1), |old| writes_between(old, row));
        let version = &described.version;
        let charset = ui.terminal.charset;
        let key = escape::bytes(&without_token(version.key), charset).into_owned();
        let mut head = Line::new().with(Label::Name, key).with(
            Label::Heading,
            format!("  {}", described.origin.name(version)),
        );
        if version.tombstone {
            head = head.with(Label::Warning, "  deleted");
        }
        if let Some(write) = described.time {
            let zone = time::zone(ui.global.local);
            let at = write.text(write.time, &zone);
            head = head.text(format!("  ~{at}"));
        }
        match (&described.writer, writes) {
            (Some(by), Some(1)) => head = head.text(format!("  by {}", by.shown())),
            (None, Some(1)) => {}
            // Each may be of another author.
            (_, Some(writes)) => head = head.text(format!("  the last of {writes} writes")),
            (_, None) => head = head.text("  the last of several writes"),
        }
        ui.line(head)?;
        if !described.origin.has_value() {
            ui.line(Line::new().with(
                Label::Note,
                "the put keeps the value that the key had: it is not known",
            ))?;
        }
        for line in described.diff.as_deref().unwrap_or_default().lines() {
            let label = match line.as_bytes().first() {
                _ if line.starts_with("---") || line.starts_with("+++") => Label::Dim,
                Some(b'@') => Label::Dim,
                Some(b'+') => Label::Good,
                Some(b'-') => Label::Warning,
                _ => Label::Plain,
            };
            ui.line(Line::new().with(label, line))?;
        }
        ui.out().write_all(b"\n")?;
    }
    Ok(())
}

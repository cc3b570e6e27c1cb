use std::collections::BTreeMap;
use std::path::PathBuf;

use etcd_inspect::evidence::Kind;
use etcd_inspect::kubernetes::encryption::Seal;
use etcd_inspect::kubernetes::table::human_duration;
use etcd_inspect::kubernetes::written::TimeSource;
use etcd_inspect::member::{Identity, Member, Objects, Space};
use etcd_inspect::mvcc::Counts;
use etcd_inspect::verdict::{Quick, quick as look};
use etcd_inspect::wal::{Ends, Log};
use etcd_inspect::{Finding, Severity};
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use crate::at::Side;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::number::{percent, size, thousands};
use crate::output::{Label, Line, time};
use crate::ui::Ui;
use crate::verdict;
use crate::view::View;

/// What is this, is it healthy, what next
///
/// One sheet: who the member is, how far its db and its log are, what the file's bytes are. With --replay the counts are
/// those that etcd would have after a start.
#[derive(clap::Args, Debug)]
#[command(before_help = "Examples:
  etcd-inspect status /copy/m1
  etcd-inspect status --quick /copy/m1           who and how far: no key is counted
  etcd-inspect status --replay /copy/m1          as etcd would have it after a start
  etcd-inspect status --meta older /copy/m1      one commit back
  etcd-inspect status -o json /copy/m1 | jq .revision")]
pub(crate) struct StatusArgs {
    /// Data directory, db, snapshot, WAL or archive
    path: Option<PathBuf>,
    #[command(flatten)]
    side: Side,
    /// Only the heads: identity, revision, raft; no count of keys and bytes
    #[arg(long, conflicts_with = "replay")]
    quick: bool,
}

/// etcd's default for `--quota-backend-bytes`.
const DEFAULT_QUOTA: u64 = 2 << 30;

/// The sheet while it is filled in: fields for programs, lines for people.
#[derive(Default)]
struct Sheet {
    fields: Map<String, Value>,
    lines: Vec<(&'static str, String)>,
}

impl Sheet {
    fn put(&mut self, field: &str, value: impl Into<Value>) {
        self.fields.insert(field.to_owned(), value.into());
    }

    fn say(&mut self, name: &'static str, text: impl Into<String>) {
        self.lines.push((name, text.into()));
    }
}

pub(crate) fn run(args: &StatusArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    let member = ui.member(args.path.as_deref())?;
    let mut identity = member.identity();
    let view = match member.db_file() {
        Ok(_) if args.quick => None,
        Ok(_) => Some(View::open(&member, args.side, ui)),
        Err(_) => None,
    };
    if let Some(Ok(view)) = &view
        && view.replayed().is_some()
    {
        identity.with_members(view.buckets()?.cluster.members);
    }
    let mut sheet = Sheet::default();
    who(&member, &identity, &mut sheet);
    let mut exit = Exit::Ok;
    match &view {
        Some(Ok(view)) => {
            keyspace(&member, view, &mut sheet, &time::zone(ui.global.local))?;
        }
        Some(Err(error)) => {
            let failure = error.downcast_ref().map(Failure::from_library);
            let text = failure.map_or_else(|| error.to_string(), |failure| failure.to_string());
            ui.warn(format!("the db cannot be read: {text}"))?;
            sheet.say("db", format!("unreadable: {text}"));
            exit = Exit::Partial;
        }
        None if args.quick && member.db_file().is_ok() => quick(&member, &mut sheet),
        None => sheet.say("db", "none here"),
    }
    let replayed = view
        .as_ref()
        .and_then(|view| view.as_ref().ok()?.replayed());
    let log = if args.quick {
        None
    } else {
        member.wal().map(|wal| wal.log())
    };
    let applied = replayed.map(|replayed| replayed.reach.to);
    let ends = raft(&member, applied, log, &mut sheet);
    if args.quick {
        let left_out = skipped(ends);
        ui.note(format!("left out (--quick): {}", left_out.join("; ")))?;
        sheet.put("skipped", left_out);
    }
    let quick = look(&member, !args.quick, &*ui.progress());
    judged(&quick, &mut sheet);
    if exit == Exit::Ok && quick.severity.is_some() {
        exit = Exit::Negative;
    }
    show(&member, &identity, sheet, &quick, exit, ui)
}

/// What a quick look says is wrong.
fn judged(quick: &Quick, sheet: &mut Sheet) {
    let report = &quick.report;
    let (errors, warnings) = (
        report.count(Severity::Error),
        report.count(Severity::Warning),
    );
    sheet.put("findings", json!({"errors": errors, "warnings": warnings}));
    let causes: Vec<Value> = quick
        .causes
        .iter()
        .map(|cause| verdict::cause(cause, report))
        .collect();
    sheet.put("cause", causes);
    sheet.put("verdict", quick.headline.clone());
    sheet.put("next", vec![quick.next.to_string()]);
    let more = match quick.causes.len() {
        0 | 1 => String::new(),
        count => format!(" (and {} more)", count.saturating_sub(1)),
    };
    sheet.say("verdict", format!("{}{more}", quick.headline));
}

fn show(
    member: &Member,
    identity: &Identity,
    sheet: Sheet,
    quick: &Quick,
    exit: Exit,
    ui: &mut Ui,
) -> anyhow::Result<Exit> {
    let title = title(member, identity, sheet.fields.contains_key("kubernetes"));
    let Sheet { fields, lines } = sheet;
    ui.document("status", fields, |ui| {
        ui.line(title)?;
        for (name, text) in &lines {
            ui.line(
                Line::new()
                    .with(Label::Heading, format!("  {name:<9} "))
                    .text(text),
            )?;
        }
        let why = match quick.severity {
            Some(_) => "what is wrong in full, and what to do: not looked at further here",
            None => "every structure verified, with what to do",
        };
        ui.line(
            Line::new()
                .with(Label::Dim, "next: ")
                .with(Label::Command, quick.next.to_string())
                .with(Label::Dim, format!("     {why}")),
        )?;
        Ok(())
    })?;
    Ok(exit)
}

/// Reports what a db shows without its keys being read.
fn quick(member: &Member, sheet: &mut Sheet) {
    match member.newest_revision() {
        Some(revision) => {
            sheet.put("revision", revision);
            sheet.say("revision", thousands(revision.into()));
        }
        None => sheet.say("revision", "the last record cannot be read"),
    }
    if let Ok(db) = member.db() {
        let bytes = db.meta().size_bytes();
        sheet.say("db", format!("{} in use or free", size(bytes)));
        sheet.put("db", json!({ "page_size": db.page_size(), "txid": db.meta().txid.0, "high_water_mark_bytes": bytes }));
    }
}

fn title(member: &Member, identity: &Identity, kubernetes: bool) -> Line {
    let evidence = member.evidence();
    let kubernetes = if kubernetes { " · kubernetes" } else { "" };
    let mut what = match identity.version {
        Some(version) => format!(
            "etcd {}.{} {}",
            version.major,
            version.minor,
            kind(evidence.kind())
        ),
        None => format!("etcd {}", kind(evidence.kind())),
    };
    if evidence.is_archived() {
        what.push_str(" in an archive");
    }
    Line::new()
        .with(Label::Name, evidence.name().as_str())
        .text(format!(" · {what}{kubernetes} · read-only"))
}

fn kind(kind: Kind) -> &'static str {
    kind.as_str()
}

fn who(member: &Member, identity: &Identity, sheet: &mut Sheet) {
    let evidence = member.evidence();
    sheet.put("path", evidence.name().as_str());
    sheet.put(
        "kind",
        serde_json::to_value(evidence.kind()).unwrap_or_default(),
    );
    if let Some(version) = identity.version {
        sheet.put(
            "etcd_version",
            format!("{}.{}", version.major, version.minor),
        );
    }
    if let Some(id) = identity.cluster_id {
        sheet.put("cluster_id", id.to_string());
    }
    if let Some(id) = identity.member_id {
        sheet.put("member_id", id.to_string());
    }
    let learners = identity
        .members
        .iter()
        .filter(|member| member.is_learner)
        .count();
    let own = identity
        .own()
        .map(|member| format!("{} ", member.name))
        .unwrap_or_default();
    let mut text = match (identity.member_id, identity.cluster_id) {
        (Some(id), Some(cluster)) => format!("{own}{id} of cluster {cluster}"),
        _ => "not known here: a db alone does not say whose it is".to_owned(),
    };
    match identity.members.len() {
        0 => {}
        1 => text.push_str(", 1 member"),
        count => text.push_str(&format!(", {count} members")),
    }
    if learners > 0 {
        text.push_str(&format!(" ({learners} learners)"));
    }
    sheet.put(
        "members",
        serde_json::to_value(&identity.members).unwrap_or_default(),
    );
    sheet.say("member", text);
}

/// Whose clock a time is from.
fn clock_name(source: TimeSource) -> &'static str {
    match source {
        TimeSource::Lease => "lease clock",
        TimeSource::Event => "an event's clock",
        TimeSource::ManagedFields => "managed fields",
        TimeSource::Status => "a status",
        _ => "metadata",
    }
}

/// How Secrets are kept: readable by whoever has the file, or closed by which key.
fn secrets(objects: &Objects<'_>, sheet: &mut Sheet) -> anyhow::Result<()> {
    let mut closed: BTreeMap<String, u64> = BTreeMap::new();
    let mut count = 0u64;
    for target in objects.layout().resolve("secrets") {
        for version in objects.list(&target, None, None)? {
            count += 1;
            let seal = version.key_value().ok().and_then(|kv| {
                let seal = Seal::parse(kv.value)?;
                Some(format!("{} {}", seal.provider, seal.name()))
            });
            *closed.entry(seal.unwrap_or_default()).or_default() += 1;
        }
    }
    if count == 0 {
        return Ok(());
    }
    let plain = closed.remove("").unwrap_or(0);
    let mut parts: Vec<_> = closed
        .iter()
        .map(|(key, count)| format!("{} closed by {key}", thousands(i128::from(*count))))
        .collect();
    if plain > 0 {
        parts.push(format!(
            "{} in plaintext: whoever has this file can read them",
            thousands(plain.into())
        ));
    }
    if !closed.is_empty() {
        parts.push("not readable without the key".to_owned());
    }
    sheet.put(
        "secrets",
        json!({ "count": count, "plaintext": plain, "closed": closed }),
    );
    sheet.say(
        "secrets",
        format!("{} keys: {}", thousands(count.into()), parts.join(" · ")),
    );
    Ok(())
}

/// Why a store without a record is not an empty one.
fn unreadable(member: &Member, view: &View<'_>) -> Option<String> {
    if !view.keyspace().index().is_empty() {
        return None;
    }
    let is_error = |finding: &&Finding| finding.severity == Severity::Error;
    if let Some(finding) = member.keyspace_damage().iter().find(is_error) {
        return Some(format!(
            "no record of the db can be read ({})",
            finding.message
        ));
    }
    let wanted = member.db().ok()?.meta().size_bytes();
    let size = member.db_bytes().ok()?.len() as u64;
    (size < wanted).then(|| {
        format!(
            "the file has {} of the {} bytes that its meta page says",
            thousands(size.into()),
            thousands(wanted.into())
        )
    })
}

fn keyspace(
    member: &Member,
    view: &View<'_>,
    sheet: &mut Sheet,
    zone: &TimeZone,
) -> anyhow::Result<()> {
    let keyspace = view.keyspace();
    // Unknown is not zero: what cannot be read is not an empty store.
    if let Some(why) = unreadable(member, view) {
        sheet.put("revision", Value::Null);
        sheet.say("revision", format!("unknown: {why}"));
        sheet.say("keys", "unknown");
        return space(member, &view.space()?, sheet);
    }
    let counts = keyspace.counts();
    let compacted = keyspace.compact_revision();
    sheet.put("revision", keyspace.revision());
    sheet.put("compact_revision", compacted.unwrap_or(0));
    let mut text = thousands(keyspace.revision().into());
    if let Some(replayed) = view.replayed() {
        let before = member.readable_keyspace()?.revision();
        sheet.put("db_revision", before);
        sheet.put("replayed_entries", replayed.reach.entries);
        text.push_str(&format!(
            " after replay of {} entries ({} in the db)",
            thousands(replayed.reach.entries.into()),
            thousands(before.into())
        ));
    }
    let objects = view.objects()?;
    // The newest time in the objects. It comes from the clock of the client that wrote them, and is older than the write itself.
    let near = |revision| objects.as_ref()?.time_near(revision);
    let newest = near(keyspace.revision());
    if let Some(mark) = newest {
        sheet.put("newest_time", time::rfc3339(mark.time));
        sheet.put("newest_time_source", mark.source.as_str());
        text.push_str(&format!(
            " ~{} ({})",
            time::full(mark.time, zone),
            clock_name(mark.source)
        ));
    }
    match compacted {
        Some(compacted) => {
            text.push_str(&format!(" · compacted at {}", thousands(compacted.into())));
            if let (Some(then), Some(newest)) = (near(compacted), newest) {
                let back = newest.time.duration_since(then.time).as_secs();
                sheet.put("compact_time", time::rfc3339(then.time));
                text.push_str(&format!(
                    " ~{}, so history reaches back {}",
                    time::short(then.time, newest.time, zone),
                    human_duration(back.max(0))
                ));
            }
        }
        None => text.push_str(" · never compacted: the whole history is here"),
    }
    if keyspace.compaction().is_interrupted() {
        text.push_str(" (interrupted: etcd goes on with it at its next start)");
    }
    sheet.say("revision", text);
    keys(view, &counts, sheet);
    if let Some(objects) = &objects {
        sheet.put("kubernetes", true);
        secrets(objects, sheet)?;
    }
    space(member, &view.space()?, sheet)
}

fn keys(view: &View<'_>, counts: &Counts, sheet: &mut Sheet) {
    sheet.put("keys", counts.keys);
    sheet.put("revisions", counts.revisions);
    sheet.put("tombstones", counts.tombstones);
    let mut text = format!(
        "{} live · {} stored versions · {} deletes",
        thousands(counts.keys.into()),
        thousands(counts.revisions.into()),
        thousands(counts.tombstones.into())
    );
    if let Ok(buckets) = view.buckets() {
        sheet.put("leases", buckets.leases.len());
        sheet.put(
            "alarms",
            serde_json::to_value(&buckets.alarms).unwrap_or_default(),
        );
        text.push_str(&format!(
            " · {} leases",
            thousands(buckets.leases.len() as i128)
        ));
        let alarms: Vec<_> = buckets
            .alarms
            .iter()
            .map(|alarm| alarm.alarm.to_string())
            .collect();
        text.push_str(&match alarms.len() {
            0 => " · alarms none".to_owned(),
            _ => format!(" · ALARMS {}", alarms.join(", ")),
        });
    }
    sheet.say("keys", text);
}

fn space(member: &Member, space: &Space, sheet: &mut Sheet) -> anyhow::Result<()> {
    let db = member.db()?;
    sheet.put(
        "db",
        json!({
            "size_bytes": space.size_bytes(), "in_use_bytes": space.in_use_bytes(), "free_bytes": space.free_bytes,
            "page_size": db.page_size(), "txid": db.meta().txid.0, "high_water_mark_bytes": db.meta().size_bytes(),
        }),
    );
    sheet.put("bytes", serde_json::to_value(space)?);
    let mut text = format!(
        "{} = live {} + history {} + tree {} + free {}",
        size(space.size_bytes()),
        size(space.live_bytes),
        size(space.history_bytes),
        size(space.tree_bytes),
        size(space.free_bytes),
    );
    if let Some(trailer) = member.trailer() {
        let ok = trailer.matches();
        sheet.put("sha256_ok", ok);
        sheet.say(
            "trailer",
            if ok {
                "SHA-256 of `etcdctl snapshot save` matches"
            } else {
                "SHA-256 of `etcdctl snapshot save` DIFFERS: the file was changed after it was saved"
            },
        );
    }
    if space.outside_bytes > 0 {
        text.push_str(&format!(" + never used {}", size(space.outside_bytes)));
    }
    let quota = db.meta().size_bytes();
    text.push_str(&format!(
        " ({} free; default quota {}: {})",
        percent(space.free_bytes, space.size_bytes()),
        size(DEFAULT_QUOTA),
        percent(quota, DEFAULT_QUOTA),
    ));
    sheet.say("db", text);
    Ok(())
}

/// What a quick look has not looked at.
fn skipped(ends: Option<Ends>) -> Vec<String> {
    let mut skipped = vec![
        "counts of keys".to_owned(),
        "sizes".to_owned(),
        "findings".to_owned(),
    ];
    let Some(ends) = ends else { return skipped };
    match ends.segments.saturating_sub(ends.segments_read) {
        0 => skipped.push("checksums of the WAL".to_owned()),
        left => skipped.push(format!(
            "{left} of {} WAL segments, checksums of the others",
            ends.segments
        )),
    }
    skipped
}

/// How many entries one of db and log is ahead of the other.
fn order(applied: Option<u64>, last: u64) -> String {
    match applied {
        None => String::new(),
        Some(applied) if applied == last => " (all of it in the db)".to_owned(),
        Some(applied) if applied > last => format!(
            " (the db is AHEAD of it by {} entries)",
            thousands(applied.saturating_sub(last).into())
        ),
        Some(applied) if last.saturating_sub(applied) == 1 => " (1 entry not in db)".to_owned(),
        Some(applied) => format!(
            " ({} entries not in db)",
            thousands(last.saturating_sub(applied).into())
        ),
    }
}

/// How far db and log are; with a `log` that was read as a whole, its damage too.
fn raft(
    member: &Member,
    replayed_to: Option<u64>,
    log: Option<&Log>,
    sheet: &mut Sheet,
) -> Option<Ends> {
    let in_db = || member.meta().ok().and_then(|meta| meta.consistent_index);
    let applied = replayed_to.or_else(in_db);
    let ends = member.wal_ends();
    let mut raft = Map::new();
    let mut parts: Vec<String> = Vec::new();
    let mut put = |field: &str, value: Option<u64>| {
        if let Some(value) = value {
            raft.insert(field.to_owned(), value.into());
        }
    };
    let state = ends.and_then(|ends| ends.state);
    put("term", state.map(|state| state.term.get()));
    put("commit", state.map(|state| state.commit));
    put("applied", applied);
    put(
        "first_index",
        ends.and_then(|ends| ends.first_index).map(u64::from),
    );
    let last = ends.map(|ends| ends.last_index.get());
    put("last_index", last);
    put(
        "snapshot_index",
        member
            .snaps(&mut |_| {})
            .usable()
            .map(|snap| snap.index)
            .max(),
    );
    if let Some(state) = state {
        parts.push(format!("term {}", state.term));
    }
    if let Some(applied) = applied {
        parts.push(format!("applied {}", thousands(applied.into())));
    }
    match last {
        Some(last) => {
            let mut text = format!("WAL to {}", thousands(last.into()));
            text.push_str(&order(applied, last));
            match log.map_or(0, |log| log.damages.len()) {
                0 => {}
                1 => text.push_str("; 1 damaged range"),
                damages => text.push_str(&format!("; {damages} damaged ranges")),
            }
            parts.push(text);
        }
        None => parts.push("no WAL here".to_owned()),
    }
    sheet.fields.insert("raft".to_owned(), Value::Object(raft));
    sheet.say("raft", parts.join(" · "));
    ends
}

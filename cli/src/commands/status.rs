use std::path::PathBuf;

use etcd_inspect::answers::Damage;
use etcd_inspect::answers::space::DEFAULT_QUOTA_BYTES;
use etcd_inspect::answers::status::{
    FileBytes, FileStatus, KeysStatus, RaftStatus, SecretsStatus, StatusAnswer, StoreStatus,
};
use etcd_inspect::clock::{TimeSource, WriteTime};
use etcd_inspect::kubernetes::table::human_duration;
use etcd_inspect::member::{Identity, Member};
use etcd_inspect::verdict::{Quick, quick as look};
use etcd_inspect::{Finding, Place, RaftIndex};
use jiff::SignedDuration;
use jiff::tz::TimeZone;

use crate::at::Side;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::number::{percent, size, thousands};
use crate::output::{Label, Line, time};
use crate::ui::Ui;
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

/// A line of the sheet: its name, and its text.
type Named = (&'static str, String);

pub(crate) fn run(args: &StatusArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    ui.shows_commands();
    let member = ui.member(args.path.as_deref())?;
    let mut identity = member.identity();
    // First, because what it notes of the records is not read again.
    let looked = look(&member, !args.quick, &*ui.progress());
    let view = match member.db_file() {
        Ok(_) if args.quick => None,
        Ok(_) => Some(View::open(&member, args.side, ui)),
        // A start may make the db again from the log.
        Err(_) if args.side.replay => View::open(&member, args.side, ui).ok().map(Ok),
        Err(_) => None,
    };
    let replayed = view
        .as_ref()
        .and_then(|view| view.as_ref().ok()?.replayed());
    if let Some(replayed) = replayed {
        identity.with_members(replayed.buckets().cluster.members);
    }
    ui.partial(bucket_loss(&member, args.quick));
    let raft = RaftStatus::read(
        &member,
        replayed.map(|replayed| replayed.reach.to),
        !args.quick,
    );
    if !args.quick {
        ui.needs_log(&member);
    }
    let mut exit = Exit::Ok;
    let store = match &view {
        Some(Ok(view)) => StoreStatus::read(view)?,
        Some(Err(error)) => {
            let failure = error.downcast_ref().map(Failure::from_library);
            let text = failure.map_or_else(|| error.to_string(), |failure| failure.to_string());
            ui.warn(format!("the db cannot be read: {text}"))?;
            if let Some(error) = error.downcast_ref::<etcd_inspect::Error>() {
                ui.partial(unread(&member, error));
            }
            exit = Exit::Partial;
            StoreStatus::unread(&member, text)
        }
        None if args.quick && member.db_file().is_ok() => StoreStatus::quick(&member),
        None if member.evidence().unseen_db().is_some() => StoreStatus::Unseen,
        None => StoreStatus::None,
    };
    let answer = StatusAnswer::new(&member, &identity, store, raft, &looked);
    if exit == Exit::Ok && looked.severity.is_some() {
        exit = Exit::Negative;
    }
    ui.answer("status", &answer, |ui| {
        ui.line(title(&member, &identity, answer.is_kubernetes()))?;
        sheet(&answer, &identity, &looked, ui)
    })?;
    Ok(exit)
}

/// What could not be read of etcd's own buckets, and at a quick look of the newest record.
fn bucket_loss(member: &Member, is_quick: bool) -> Damage {
    let mut damage = member.meta_loss();
    if let Ok(buckets) = member.buckets() {
        damage.extend(buckets.loss());
    }
    if is_quick && member.db().is_ok() && member.newest_revision().is_none() {
        match member.keyspace() {
            Ok(keyspace) => damage.extend(keyspace.damage().clone()),
            Err(error) => damage.extend(unread(member, &error)),
        }
    }
    damage
}

/// That the db cannot be read, as damage of the answer.
fn unread(member: &Member, error: &etcd_inspect::Error) -> Damage {
    let place = error.place().cloned();
    let place = place.unwrap_or_else(|| Place::file(member.evidence().name()));
    let finding = Finding::new(error.code(), place, error.to_string());
    Damage::new(vec![finding], 0)
}

fn title(member: &Member, identity: &Identity, kubernetes: bool) -> Line {
    let evidence = member.evidence();
    let kubernetes = if kubernetes { " · kubernetes" } else { "" };
    let kind = evidence.kind().as_str();
    let mut what = match identity.version {
        Some(version) => format!("etcd {}.{} {kind}", version.major, version.minor),
        None => format!("etcd {kind}"),
    };
    if evidence.is_archived() {
        what.push_str(" in an archive");
    }
    Line::new()
        .with(Label::Name, evidence.name().as_str())
        .text(format!(" · {what}{kubernetes} · read-only"))
}

fn sheet(
    answer: &StatusAnswer,
    identity: &Identity,
    looked: &Quick,
    ui: &mut Ui,
) -> anyhow::Result<()> {
    let more = match looked.causes.len() {
        0 | 1 => String::new(),
        count => format!(" (and {} more)", count.saturating_sub(1)),
    };
    let mut lines = vec![("member", who(identity, answer.raft.is_log_unseen))];
    lines.extend(store(&answer.store, &time::zone(ui.global.local)));
    lines.push(("raft", raft(&answer.raft)));
    let start = answer.start.as_ref();
    lines.extend(start.map(|start| ("start", start.sentence())));
    lines.push(("verdict", format!("{}{more}", looked.headline)));
    for (name, text) in lines {
        let heading = Line::new().with(Label::Heading, format!("  {name:<9} "));
        ui.line(heading.text(text))?;
    }
    let why = match looked.severity {
        Some(_) => "what is wrong in full, and what to do: not looked at further here",
        None => "looks at these too, with what to do",
    };
    let command = looked.next.clone().opened_with(ui.operand());
    Ok(ui.line(
        Line::new()
            .with(Label::Dim, "next: ")
            .with(Label::Command, command.to_string())
            .with(Label::Dim, format!("     {why}")),
    )?)
}

fn who(identity: &Identity, is_log_unseen: bool) -> String {
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
        _ if is_log_unseen => {
            "not known: the log, which says whose it is, could not be read".to_owned()
        }
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
    text
}

/// The lines about the db.
fn store(store: &StoreStatus, zone: &TimeZone) -> Vec<Named> {
    match store {
        StoreStatus::Unreadable(why) => vec![("db", format!("unreadable: {why}"))],
        StoreStatus::Quick { revision, file } => {
            let revision = revision.map(|revision| thousands(revision.into()));
            let unknown = || "the last record cannot be read".to_owned();
            let mut lines = vec![("revision", revision.unwrap_or_else(unknown))];
            lines.extend(file.map(|file| {
                let bytes = size(file.high_water_mark_bytes);
                ("db", format!("{bytes} in use or free"))
            }));
            lines
        }
        StoreStatus::Unknown { why, file } => {
            let mut lines = vec![
                ("revision", format!("unknown: {why}")),
                ("keys", "unknown".to_owned()),
            ];
            lines.extend(bytes(file));
            lines
        }
        StoreStatus::Read { keys, file } => {
            let mut lines = vec![("revision", revision(keys, zone)), ("keys", counts(keys))];
            lines.extend(prefixes(keys).map(|text| ("prefixes", text)));
            let secrets = keys.secrets.as_ref();
            lines.extend(secrets.map(|secrets| ("secrets", closed(secrets))));
            lines.extend(bytes(file));
            lines
        }
        StoreStatus::Started { keys } => {
            let mut lines = vec![("revision", revision(keys, zone)), ("keys", counts(keys))];
            lines.extend(prefixes(keys).map(|text| ("prefixes", text)));
            lines.push(("db", "none here: a start makes it from the log".to_owned()));
            lines
        }
        StoreStatus::Unseen => vec![("db", "not known: it could not be read".to_owned())],
        _ => vec![("db", "none here".to_owned())],
    }
}

/// The prefixes of API servers that share an etcd.
fn prefixes(keys: &KeysStatus) -> Option<String> {
    let other = keys.prefixes.get(1)?;
    let each = keys.prefixes.iter();
    let each: Vec<String> = each
        .map(|one| format!("{} keys below {}", thousands(one.keys.into()), one.prefix))
        .collect();
    Some(format!(
        "{}: each of an API server of its own; get and check look at one with --etcd-prefix {}",
        each.join(", "),
        other.prefix
    ))
}

fn revision(keys: &KeysStatus, zone: &TimeZone) -> String {
    let mut text = thousands(keys.revision.into());
    if keys.is_partial {
        text.push_str(" in what can be read");
    }
    if let (Some(before), Some(entries)) = (keys.db_revision, keys.replayed_entries) {
        text.push_str(&format!(
            " after replay of {} entries ({} in the db)",
            thousands(entries.into()),
            thousands(before.into())
        ));
    }
    if let Some(write) = keys.newest {
        let day = write
            .time
            .checked_add(SignedDuration::from_hours(48))
            .unwrap_or(write.time);
        let time = write.text(day, zone);
        text.push_str(&format!(" ~{time} ({})", clock_name(&write)));
    }
    match keys.compact_revision {
        None => text.push_str(" · not known whether and where it was compacted"),
        Some(0) => text.push_str(" · never compacted: the whole history is here"),
        Some(compacted) => {
            text.push_str(&format!(" · compacted at {}", thousands(compacted.into())));
            if let (Some(then), Some(newest)) = (keys.compact_time, keys.newest) {
                let back = newest.time.duration_since(then).as_secs();
                text.push_str(&format!(
                    " ~{}, so history reaches back {}",
                    time::short(then, newest.time, zone),
                    human_duration(back.max(0))
                ));
            }
        }
    }
    if keys.is_compaction_interrupted {
        text.push_str(" (interrupted: etcd goes on with it at its next start)");
    }
    text
}

/// Whose clock a time is from.
fn clock_name(write: &WriteTime) -> &'static str {
    match write.source {
        TimeSource::Lease => "lease clock",
        TimeSource::Event => "time of an Event",
        TimeSource::Object => "time in an object",
        TimeSource::Token => "time in a token",
        TimeSource::Audit => "audit log",
        TimeSource::EtcdLog => "etcd's log",
        TimeSource::Grant => "time to live of a lease",
        _ if write.uncertainty.is_none() => "the last time that is known",
        _ => "between two known times",
    }
}

fn counts(keys: &KeysStatus) -> String {
    // No lower bound: a key whose delete is lost counts as live.
    let of = if keys.is_partial {
        " in what can be read"
    } else {
        ""
    };
    let mut text = format!(
        "{} live{of} · {} stored versions · {} deletes",
        thousands(keys.keys.into()),
        thousands(keys.revisions.into()),
        thousands(keys.tombstones.into())
    );
    text.push_str(&match keys.leases {
        Some(leases) => format!(" · {} leases", thousands(leases as i128)),
        None => " · leases unknown".to_owned(),
    });
    let names = keys.alarms.as_ref().map(|alarms| {
        let names = alarms.iter().map(|alarm| alarm.alarm.to_string());
        names.collect::<Vec<_>>()
    });
    text.push_str(&match names {
        None => " · alarms unknown".to_owned(),
        Some(names) if names.is_empty() => " · alarms none".to_owned(),
        Some(names) => format!(" · ALARMS {}", names.join(", ")),
    });
    text
}

/// How Secrets are kept: readable by whoever has the file, or encrypted with which key.
fn closed(secrets: &SecretsStatus) -> String {
    let mut parts: Vec<_> = secrets
        .closed
        .iter()
        .map(|(key, count)| format!("{} closed by {key}", thousands(i128::from(*count))))
        .collect();
    if secrets.plaintext > 0 {
        parts.push(format!(
            "{} in plaintext: whoever has this file can read them",
            thousands(secrets.plaintext.into())
        ));
    }
    if !secrets.closed.is_empty() {
        parts.push("not readable without the key".to_owned());
    }
    let count = thousands(secrets.count.into());
    format!("{count} keys: {}", parts.join(" · "))
}

fn bytes(file: &FileStatus) -> Vec<Named> {
    let db = &file.db;
    let (parts, outside) = match &file.bytes {
        FileBytes::Counted(space) => (
            format!(
                "live {} + history {} + tree {}",
                size(space.live_bytes),
                size(space.history_bytes),
                size(space.tree_bytes),
            ),
            space.outside_bytes,
        ),
        FileBytes::Uncounted(space) => (
            match (db.in_use_bytes, space.unknown) {
                (Some(in_use), _) => format!("in use {} (by what is not known)", size(in_use)),
                (None, unknown) => format!("in use or free {}", size(unknown.unwrap_or(0))),
            },
            space.outside,
        ),
        _ => ("in use unknown".to_owned(), 0),
    };
    let free = db.free_bytes;
    let mut text = format!("{} = {parts}", size(db.size_bytes));
    if let Some(free) = free {
        text.push_str(&format!(" + free {}", size(free)));
    }
    if outside > 0 {
        text.push_str(&format!(" + never used {}", size(outside)));
    }
    let free = free.map_or_else(
        || "not known how much is".to_owned(),
        |free| percent(free, db.size_bytes),
    );
    text.push_str(&format!(
        " ({free} free; default quota {}: {})",
        size(DEFAULT_QUOTA_BYTES),
        percent(db.high_water_mark_bytes, DEFAULT_QUOTA_BYTES),
    ));
    let trailer = file.sha256_ok.map(|ok| match ok {
        true => "SHA-256 of `etcdctl snapshot save` matches",
        false => {
            "SHA-256 of `etcdctl snapshot save` DIFFERS: the file was changed after it was saved"
        }
    });
    let trailer = trailer.map(|text| ("trailer", text.to_owned()));
    trailer.into_iter().chain([("db", text)]).collect()
}

/// How many entries one of db and log is ahead of the other.
fn order(applied: Option<RaftIndex>, last: RaftIndex) -> String {
    let entries = |more: RaftIndex, less: RaftIndex| thousands(more.since(less).into());
    match applied {
        None => String::new(),
        Some(applied) if applied == last => " (all of it applied)".to_owned(),
        Some(applied) if applied > last => {
            let ahead = entries(applied, last);
            format!(" (the db is AHEAD of it by {ahead} entries)")
        }
        Some(applied) if last.since(applied) == 1 => " (1 entry not applied)".to_owned(),
        Some(applied) => format!(" ({} entries not applied)", entries(last, applied)),
    }
}

/// How far db and log are; with a log that was read as a whole, its damage too.
fn raft(raft: &RaftStatus) -> String {
    let mut parts: Vec<String> = Vec::new();
    parts.extend(raft.term.map(|term| format!("term {term}")));
    let applied = raft.applied.map(|applied| thousands(applied.into()));
    let in_db = raft.applied_in_db.map_or_else(String::new, |index| {
        format!(" after a start ({} in the db)", thousands(index.into()))
    });
    parts.extend(applied.map(|applied| format!("applied {applied}{in_db}")));
    parts.push(match raft.last_index {
        Some(last) => {
            let mut text = format!("WAL to {}", thousands(last.into()));
            text.push_str(&order(raft.applied, last));
            match raft.damaged_ranges {
                0 => {}
                1 => text.push_str("; 1 damaged range"),
                damages => text.push_str(&format!("; {damages} damaged ranges")),
            }
            text
        }
        None if raft.is_log_unseen => "WAL not known: it could not be read".to_owned(),
        None => "no WAL here".to_owned(),
    });
    parts.join(" · ")
}

use std::path::PathBuf;

use etcd_inspect::cluster::{self, Level};
use etcd_inspect::member::Member;
use etcd_inspect::wal::boot::Release;
use serde_json::{Map, Value, json};

use super::check::key_value;
use crate::exit::Exit;
use crate::output::{Label, Line};
use crate::ui::Ui;

/// May I start, restore, upgrade with this, or force a new cluster? GO or NO-GO, and why
///
/// Follows etcd's own start step by step without starting it: where it would stop and with what message, what it would cut
/// off or erase without a word, and what it would serve although it is damaged.
#[derive(clap::Args, Debug)]
#[command(before_help = "Examples:
  etcd-inspect preflight /copy/m1 --for start --etcd 3.5.30
  etcd-inspect preflight /copy/m1 /copy/m2 /copy/m3 --for force-new-cluster
  etcd-inspect preflight /copy/m2 --for restore
  etcd-inspect preflight /copy/m2 --for upgrade --etcd 3.6")]
pub(crate) struct PreflightArgs {
    /// Data directories; for a restore also a db or snapshot file first
    #[arg(num_args = 0..=9)]
    paths: Vec<PathBuf>,
    /// What is going to be done
    #[arg(long = "for", value_name = "PURPOSE", default_value = "start")]
    purpose: Purpose,
    /// The release of etcd that will do it; default: that of the data
    #[arg(long, value_name = "3.x[.y]")]
    etcd: Option<Release>,
}

/// What is going to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Purpose {
    /// Start etcd on the directory.
    Start,
    /// Start it with --force-new-cluster.
    ForceNewCluster,
    /// Restore its db into a new directory.
    Restore,
    /// Start the next minor version on it.
    Upgrade,
}

pub(crate) fn run(args: &PreflightArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    let mut members: Vec<Member> = Vec::new();
    for path in args.paths.iter().skip(1) {
        members.push(ui.member(Some(path))?);
    }
    members.insert(0, ui.member(args.paths.first().map(PathBuf::as_path))?);
    match args.purpose {
        Purpose::Start => start(&members, args.etcd, ui),
        Purpose::ForceNewCluster => force(&members, ui),
        Purpose::Restore => restore(&members, ui),
        Purpose::Upgrade => upgrade(&members, args.etcd, ui),
    }
}

fn start(members: &[Member], release: Option<Release>, ui: &mut Ui) -> anyhow::Result<Exit> {
    let progress = ui.progress();
    let Some(member) = members.first() else {
        return Ok(Exit::Ok);
    };
    let start = cluster::start(member, release, &*progress);
    let go = cluster::is_go(&start.lines);
    let mut fields = head("start", go, &start.lines);
    fields.insert("etcd".to_owned(), json!(start.release));
    fields.insert("starts".to_owned(), json!(start.starts));
    fields.insert("message".to_owned(), json!(start.message));
    let keys: Vec<Value> = start.lost_keys.iter().map(|key| key_value(key)).collect();
    fields.insert(
        "loses".to_owned(),
        json!({ "entries": start.lost_entries, "keys": keys }),
    );
    fields.insert("swallows".to_owned(), json!(start.swallowed));
    if let Some(revision) = start.revision {
        fields.insert("revision".to_owned(), json!(revision));
    }
    if let Some(keys) = start.live_keys {
        fields.insert("keys".to_owned(), json!(keys));
    }
    ui.document("preflight", fields, |ui| {
        lines(&start.lines, ui)?;
        let what = match (start.starts, go) {
            (true, true) => format!("start etcd {} on it", start.release),
            (true, false) => {
                "etcd would start, but should not be allowed to: copy the directory first"
                    .to_owned()
            }
            (false, _) => {
                "etcd would not start; a failed start destroys evidence: copy the directory first"
                    .to_owned()
            }
        };
        verdict(go, &what, ui)
    })?;
    Ok(Exit::negative_if(!go))
}

fn force(members: &[Member], ui: &mut Ui) -> anyhow::Result<Exit> {
    let progress = ui.progress();
    let candidates = cluster::force_new_cluster(members, &*progress);
    let go = candidates
        .first()
        .is_some_and(|best| cluster::is_go(&best.lines));
    let best_lines = candidates
        .first()
        .map(|best| best.lines.clone())
        .unwrap_or_default();
    let mut fields = head("force-new-cluster", go, &best_lines);
    let rows: Vec<Value> = candidates
        .iter()
        .map(|candidate| {
            let keys: Vec<Value> = candidate
                .lost_keys
                .iter()
                .map(|key| key_value(key))
                .collect();
            let removed: Vec<String> = candidate
                .removed_members
                .iter()
                .map(|id| format!("{id:016x}"))
                .collect();
            json!({
                "path": candidate.path,
                "rank": candidate.rank,
                "commit": candidate.commit,
                "last_index": candidate.last_index,
                "revision": candidate.revision,
                "discarded_entries": candidate.discarded_entries,
                "lost_entries": candidate.lost_entries,
                "lost_revisions": candidate.lost_revisions,
                "lost_keys": keys,
                "removed_members": removed,
                "errors": candidate.errors,
                "lines": candidate.lines,
            })
        })
        .collect();
    fields.insert("candidates".to_owned(), Value::from(rows));
    ui.document("preflight", fields, |ui| {
        for candidate in &candidates {
            let text = format!(
                "revision {}, log committed to {}; drops {} of its own log; loses {} and {} against the best log",
                candidate.revision,
                candidate.commit,
                cluster::counted(candidate.discarded_entries, "entry", "entries"),
                cluster::counted(candidate.lost_revisions.unsigned_abs(), "revision", "revisions"),
                cluster::counted(candidate.lost_keys.len() as u64, "key", "keys")
            );
            let name = format!("{}. {}  ", candidate.rank, candidate.path);
            ui.line(Line::new().with(Label::Name, name).text(text))?;
            lines(&candidate.lines, ui)?;
        }
        let what = candidates.first().map_or_else(String::new, |best| match go {
            true => format!(
                "etcd --force-new-cluster --data-dir {} (a copy of it), and none of the others any more",
                best.path
            ),
            false => format!(
                "{} is the best of these, and not good enough: the FAIL lines say why; a restore may still do: etcd-inspect preflight {} --for restore",
                best.path, best.path
            ),
        });
        verdict(go, &what, ui)
    })?;
    Ok(Exit::negative_if(!go))
}

fn restore(members: &[Member], ui: &mut Ui) -> anyhow::Result<Exit> {
    let progress = ui.progress();
    let restore = cluster::restore(members, &*progress)?;
    let go = cluster::is_go(&restore.lines);
    let mut fields = head("restore", go, &restore.lines);
    fields.insert("revision".to_owned(), json!(restore.revision));
    fields.insert("reached_revision".to_owned(), json!(restore.reached));
    fields.insert("bump_revision".to_owned(), json!(restore.bump_revision));
    fields.insert("dropped_entries".to_owned(), json!(restore.dropped_entries));
    fields.insert("command".to_owned(), json!(restore.command));
    ui.document("preflight", fields, |ui| {
        lines(&restore.lines, ui)?;
        let what = match go {
            true => restore.command.clone(),
            false => format!(
                "use another copy or backup; if there is none: {}",
                restore.command
            ),
        };
        verdict(go, &what, ui)
    })?;
    Ok(Exit::negative_if(!go))
}

fn upgrade(members: &[Member], release: Option<Release>, ui: &mut Ui) -> anyhow::Result<Exit> {
    let progress = ui.progress();
    let mut all = Vec::new();
    for member in members {
        all.extend(cluster::upgrade(
            member,
            release.map(|release| release.minor),
            &*progress,
        )?);
    }
    let go = cluster::is_go(&all);
    let fields = head("upgrade", go, &all);
    ui.document("preflight", fields, |ui| {
        lines(&all, ui)?;
        verdict(
            go,
            if go {
                "nothing stands in the way"
            } else {
                "do not upgrade yet"
            },
            ui,
        )
    })?;
    Ok(Exit::negative_if(!go))
}

fn head(purpose: &str, go: bool, lines: &[cluster::Line]) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert("for".to_owned(), Value::from(purpose));
    fields.insert("go".to_owned(), Value::from(go));
    fields.insert("lines".to_owned(), json!(lines));
    fields
}

fn lines(lines: &[cluster::Line], ui: &mut Ui) -> anyhow::Result<()> {
    for line in lines {
        let (label, name) = match line.level {
            Level::Pass => (Label::Good, "PASS"),
            Level::Warn => (Label::Warning, "WARN"),
            Level::Fail => (Label::Error, "FAIL"),
        };
        ui.line(
            Line::new()
                .with(label, format!("{name}  "))
                .text(format!("{} ", line.text))
                .with(Label::Dim, line.code.clone()),
        )?;
    }
    Ok(())
}

fn verdict(go: bool, what: &str, ui: &mut Ui) -> anyhow::Result<()> {
    let (label, name) = if go {
        (Label::Good, "GO")
    } else {
        (Label::Error, "NO-GO")
    };
    Ok(ui.line(
        Line::new()
            .with(label, format!("{name}  "))
            .with(Label::Command, what.to_owned()),
    )?)
}

use std::path::PathBuf;

use etcd_inspect::Severity;
use etcd_inspect::answers::key_json;
use etcd_inspect::kubernetes::changed::{Change, changes};
use etcd_inspect::kubernetes::encryption::Keyring;
use etcd_inspect::kubernetes::mask::{Mask, is_secret_key};
use etcd_inspect::member::{Member, Objects, Reading};
use etcd_inspect::mvcc::Version;
use etcd_inspect::verdict::{self, Action, Comparison, MemberRow};
use serde_json::{Map, Value, json};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Label, Line, number};
use crate::secrets::{KeyFiles, Showing};
use crate::ui::Ui;

/// Which copy is best, and where do copies of one cluster's members differ
///
/// Identity, revision, term, commit, HashKV at the newest revision that all have, the first revision whose records differ,
/// and logs that contradict each other.
#[derive(clap::Args, Debug)]
#[command(before_help = "Examples:
  etcd-inspect compare /copy/m1 /copy/m2 /copy/m3
  etcd-inspect compare /copy/m1 /copy/m2 --keys
  etcd-inspect compare /copy/m1 backup.db -o json")]
pub(crate) struct CompareArgs {
    /// 2 to 9 data directories, db or snapshot files
    #[arg(num_args = 0..=9)]
    paths: Vec<PathBuf>,
    /// Name the keys that differ, and show what differs in their values
    #[arg(long)]
    keys: bool,
    #[command(flatten)]
    encryption: KeyFiles,
    #[command(flatten)]
    showing: Showing,
}

pub(crate) fn run(args: &CompareArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    if args.paths.len() < 2 {
        let failure =
            Failure::usage("`compare` needs two to nine directories or db files".to_owned());
        return Err(failure
            .next("etcd-inspect compare /copy/m1 /copy/m2 /copy/m3")
            .into());
    }
    let mut members: Vec<Member> = Vec::new();
    for path in args.paths.iter().rev() {
        members.insert(0, ui.member(Some(path))?);
    }
    let progress = ui.progress();
    let compared = verdict::compare(&members, args.keys, &*progress);
    let differences = match args.keys {
        true => {
            let mask = args.showing.mask(false, ui)?;
            differences(
                &members,
                &compared,
                &args.encryption.keyring()?,
                mask.as_ref(),
            )
        }
        false => Vec::new(),
    };
    let next = compared.next.to_string();
    let fields = fields(&compared, &differences, &next);
    ui.document("compare", fields, |ui| {
        sheet(&compared, &differences, args.keys, &next, ui)
    })?;
    let wrong = compared.same == Some(false)
        || compared
            .findings
            .iter()
            .any(|finding| finding.severity > Severity::Note)
        || compared.members.iter().any(|row| row.findings != (0, 0));
    Ok(Exit::negative_if(wrong))
}

/// What a key's values differ in, member by member.
fn differences(
    members: &[Member],
    compared: &Comparison,
    keyring: &Keyring,
    mask: Option<&Mask>,
) -> Vec<Vec<Option<String>>> {
    let Some(common) = compared.common_revision else {
        return Vec::new();
    };
    let sides: Vec<Objects<'_>> = members
        .iter()
        .filter_map(|member| {
            let file = member.db_file().ok()?.name();
            Some(Objects::new(
                member.readable_keyspace().ok()?,
                file,
                None,
                keyring.clone(),
                &member.options().evidence.limits,
            ))
        })
        .collect();
    let trusted = compared.best.unwrap_or(0);
    let versions = |key: &[u8]| -> Vec<Option<Version<'_>>> {
        sides
            .iter()
            .map(|side| side.keyspace().get(key, Some(common)).ok().flatten())
            .collect()
    };
    compared
        .differing_keys
        .iter()
        .map(|differing| {
            let held = versions(&differing.key);
            let reference = held.get(trusted).copied().flatten();
            held.iter()
                .enumerate()
                .map(|(at, version)| {
                    let (Some(side), Some(best)) = (sides.get(at), sides.get(trusted)) else {
                        return None;
                    };
                    difference((best, reference), (side, *version), &differing.key, mask)
                })
                .collect()
        })
        .collect()
}

/// Compares one side with the trusted one. Returns `None` if they are equal.
fn difference(
    (best, wanted): (&Objects<'_>, Option<Version<'_>>),
    (side, held): (&Objects<'_>, Option<Version<'_>>),
    key: &[u8],
    mask: Option<&Mask>,
) -> Option<String> {
    let (wanted, held) = match (wanted, held) {
        (None, None) => return None,
        (Some(_), None) => {
            // What is not there at the common revision may have been written again since.
            let later = side.keyspace().get(key, None).ok().flatten();
            return Some(match later {
                Some(later) => format!(
                    "absent there, written again at revision {}",
                    later.revision.main
                ),
                None => "absent".to_owned(),
            });
        }
        (None, Some(_)) => return Some("only here".to_owned()),
        (Some(wanted), Some(held)) if wanted.message == held.message => return None,
        (Some(wanted), Some(held)) => (wanted, held),
    };
    let object = |side: &Objects<'_>, version: &Version<'_>| {
        let mut object = side.json(version, Reading::default()).ok()?;
        if let Some(mask) = mask {
            mask.object(&mut object);
        }
        Some(object)
    };
    if let (Some(before), Some(after)) = (object(best, &wanted), object(side, &held)) {
        let changed: Vec<String> = changes(&before, &after)
            .iter()
            .map(Change::summary)
            .collect();
        if !changed.is_empty() {
            return Some(changed.join(", "));
        }
    }
    let (Ok(before), Ok(after)) = (wanted.key_value(), held.key_value()) else {
        return Some("the record cannot be read".to_owned());
    };
    if before.value == after.value {
        return Some(format!(
            "the same value; version {} lease {:x} created at {}",
            after.version, after.lease, after.create_revision
        ));
    }
    let at = before
        .value
        .iter()
        .zip(after.value)
        .position(|(a, b)| a != b);
    let at = at.unwrap_or(before.value.len().min(after.value.len()));
    let byte = |value: &[u8]| match (value.get(at), mask) {
        (None, _) => "end".to_owned(),
        (Some(_), Some(_)) if is_secret_key(best.layout(), key) => "••".to_owned(),
        (Some(byte), _) => format!("{byte:#04x}"),
    };
    let size = match (after.value.len(), before.value.len()) {
        (mine, wanted) if mine == wanted => format!("{mine} bytes as well"),
        (mine, wanted) => format!("{mine} bytes, not {wanted}"),
    };
    Some(format!(
        "{size}; byte {at} is {}, not {}",
        byte(after.value),
        byte(before.value)
    ))
}

fn fields(
    compared: &Comparison,
    differences: &[Vec<Option<String>>],
    next: &str,
) -> Map<String, Value> {
    let members: Vec<Value> = compared.members.iter().map(member).collect();
    let keys: Vec<Value> = compared
        .differing_keys
        .iter()
        .enumerate()
        .map(|(at, key)| {
            json!({
                "key": key_json(&key.key), "mod_revisions": key.mod_revisions,
                "first_revision": key.first_revision,
                "changed": differences.get(at),
            })
        })
        .collect();
    let findings: Vec<Value> = compared
        .findings
        .iter()
        .map(|finding| {
            json!({
                "code": finding.code.id, "severity": finding.severity, "message": finding.message,
                "file": finding.place.file.as_str(), "count": finding.count,
            })
        })
        .collect();
    let mut fields = Map::new();
    fields.insert("members".to_owned(), Value::from(members));
    fields.insert(
        "common_revision".to_owned(),
        json!(compared.common_revision),
    );
    fields.insert("same".to_owned(), json!(compared.same));
    fields.insert(
        "first_divergent_revision".to_owned(),
        json!(compared.first_divergent_revision),
    );
    let best = compared
        .best
        .and_then(|best| compared.members.get(best))
        .map(|row| row.path.clone());
    fields.insert("best".to_owned(), json!(best));
    fields.insert("differing_keys".to_owned(), Value::from(keys));
    fields.insert("findings".to_owned(), Value::from(findings));
    let plan = compared.plan.iter().map(|(at, step)| {
        let path = compared.members.get(*at).map(|row| row.path.clone());
        let mut step = crate::verdict::step(step);
        if let Some(fields) = step.as_object_mut() {
            fields.insert("path".to_owned(), json!(path));
        }
        step
    });
    fields.insert("plan".to_owned(), plan.collect());
    fields.insert("clean_majority".to_owned(), json!(compared.clean_majority));
    fields.insert("next".to_owned(), json!([next]));
    fields
}

fn member(row: &MemberRow) -> Value {
    json!({
        "path": row.path,
        "member_id": row.member_id,
        "cluster_id": row.cluster_id,
        "revision": row.revision,
        "served_revision": row.served_revision,
        "served_keys": row.served_keys,
        "compact_revision": row.compact_revision,
        "term": row.term,
        "applied": row.applied,
        "commit": row.commit,
        "last_index": row.last_index,
        "keys": row.keys,
        "hashkv": row.hashkv,
        "hashkv_at_compaction": row.hashkv_at_compaction,
        "is_minority": row.is_minority,
        "errors": row.findings.0,
        "warnings": row.findings.1,
        "alarms": row.alarms,
        "db_bytes": row.db_bytes,
        "verdict": row.verdict,
    })
}

/// What to think of one copy.
fn verdict(compared: &Comparison, at: usize, row: &MemberRow) -> String {
    let mut said = Vec::new();
    if row.is_minority {
        let since = compared.first_divergent_revision;
        said.push(
            since.map_or("holds other records than the others".to_owned(), |since| {
                format!("differs from the others since revision {since}")
            }),
        );
    }
    let (errors, warnings) = row.findings;
    for (count, one, many) in [
        (errors, "error", "errors"),
        (warnings, "warning", "warnings"),
        (row.alarms, "alarm", "alarms"),
    ] {
        if count > 0 {
            said.push(verdict::counted(count as u64, one, many));
        }
    }
    let reach = |row: &MemberRow| row.served_revision.max(row.revision);
    let newest = compared.members.iter().filter_map(reach).max();
    if let (Some(newest), Some(mine)) = (newest, reach(row))
        && mine < newest
    {
        let behind = newest.saturating_sub(mine).unsigned_abs();
        said.push(format!(
            "lags by {}",
            verdict::counted(behind, "revision", "revisions")
        ));
    }
    let best = compared.best == Some(at);
    match (said.is_empty(), best) {
        (true, true) => "newest and clean: best source".to_owned(),
        (true, false) => "clean".to_owned(),
        (false, true) => format!("{}: best of these", said.join(", ")),
        (false, false) => said.join(", "),
    }
}

fn sheet(
    compared: &Comparison,
    differences: &[Vec<Option<String>>],
    with_keys: bool,
    next: &str,
    ui: &mut Ui,
) -> anyhow::Result<()> {
    let shown = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    let hash_head = compared
        .common_revision
        .map_or("HASHKV".to_owned(), |common| format!("HASHKV@{common}"));
    let mut table = vec![
        [
            "MEMBER", "REV", "APPLIED", "TERM", "KEYS", &hash_head, "DB", "VERDICT",
        ]
        .map(str::to_owned),
    ];
    for (at, row) in compared.members.iter().enumerate() {
        let verdict = verdict(compared, at, row);
        table.push([
            row.path.clone(),
            shown(
                row.revision
                    .map(|revision| number::thousands(revision.into())),
            ),
            shown(row.applied.map(|applied| number::thousands(applied.into()))),
            shown(row.term.map(|term| term.to_string())),
            shown(row.keys.map(|keys| number::thousands(keys as i128))),
            shown(row.hashkv.map(|hash| format!("{hash:08x}"))),
            shown(row.db_bytes.map(|bytes| number::thousands(bytes.into()))),
            verdict,
        ]);
    }
    let mut widths = [0usize; 8];
    for row in &table {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    for row in &table {
        let cells: Vec<String> = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        ui.line(Line::from(cells.join("  ").trim_end().to_owned()))?;
    }
    for finding in &compared.findings {
        ui.finding(finding)?;
    }
    if let Some(first) = compared.first_divergent_revision {
        let count = compared.differing_keys.len();
        ui.line(Line::new().with(
            Label::Error,
            format!(
                "records differ since revision {first}; {} at the common revision",
                match count {
                    1 => "1 key differs".to_owned(),
                    count => format!("{count} keys differ"),
                }
            ),
        ))?;
    } else if compared.same == Some(true) {
        ui.line(Line::new().with(
            Label::Good,
            "the same keys, values and history at the common revision",
        ))?;
    } else {
        ui.line(Line::new().with(
            Label::Warning,
            "no common revision: the members cannot be compared for equality",
        ))?;
    }
    if with_keys {
        for (number, key) in compared.differing_keys.iter().enumerate() {
            let name = crate::output::escape::bytes(&key.key, ui.terminal.charset).into_owned();
            ui.line(Line::new().with(Label::Name, name))?;
            for (at, row) in compared.members.iter().enumerate() {
                let revision = key.mod_revisions.get(at).copied().flatten();
                let what = differences.get(number).and_then(|all| all.get(at)?.clone());
                let revision = revision.map_or("no version".to_owned(), |revision| {
                    format!("rev {revision}")
                });
                let mut line = Line::new()
                    .with(Label::Dim, format!("  {}  ", row.path))
                    .text(revision);
                if let Some(what) = what {
                    line = line.with(Label::Warning, format!("  {what}"));
                }
                ui.line(line)?;
            }
        }
    }
    if compared.repairs().next().is_some() {
        for (at, step) in &compared.plan {
            let path = compared
                .members
                .get(*at)
                .map_or("", |row| row.path.as_str());
            let best = match compared.best == Some(*at) {
                true => ": the best copy",
                false => "",
            };
            let word = match step.action {
                Action::None => "keep".to_owned(),
                action => action.to_string(),
            };
            let line = Line::new().with(Label::Heading, format!("{word}  "));
            let line = line.with(Label::Name, format!("{path}  "));
            match step.action {
                Action::None => ui.line(line.text(format!("as it is{best}")))?,
                _ => ui.line(line.text(step.effect.clone()))?,
            }
            crate::verdict::commands(&step.commands, "    ", ui)?;
        }
    } else if compared.same == Some(true) {
        ui.line(Line::new().with(Label::Good, "keep all of them"))?;
    }
    ui.line(
        Line::new()
            .with(Label::Dim, "next: ")
            .with(Label::Command, next.to_owned()),
    )?;
    Ok(())
}

use std::path::PathBuf;

use etcd_inspect::cluster::{self, Comparison, MemberRow};
use etcd_inspect::member::Member;
use serde_json::{Map, Value, json};

use super::check::key_value;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Label, Line, number};
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
    /// Name the keys that differ
    #[arg(long)]
    keys: bool,
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
    let compared = cluster::compare(&members, args.keys, &*progress);
    let fields = fields(&compared);
    ui.document("compare", fields, |ui| sheet(&compared, args.keys, ui))?;
    let wrong = compared.same == Some(false)
        || !compared.findings.is_empty()
        || compared.members.iter().any(|row| row.findings != (0, 0));
    Ok(Exit::negative_if(wrong))
}

fn fields(compared: &Comparison) -> Map<String, Value> {
    let members: Vec<Value> = compared.members.iter().map(member).collect();
    let keys: Vec<Value> = compared
        .differing_keys
        .iter()
        .map(|key| json!({ "key": key_value(&key.key), "mod_revisions": key.mod_revisions }))
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
    fields
}

fn member(row: &MemberRow) -> Value {
    let id = |id: Option<u64>| id.map(|id| format!("{id:016x}"));
    json!({
        "path": row.path,
        "member_id": id(row.member_id),
        "cluster_id": id(row.cluster_id),
        "revision": row.revision,
        "compact_revision": row.compact_revision,
        "term": row.term,
        "applied": row.applied,
        "commit": row.commit,
        "last_index": row.last_index,
        "keys": row.keys,
        "hashkv": row.hashkv,
        "db_bytes": row.db_bytes,
        "verdict": row.verdict,
    })
}

fn sheet(compared: &Comparison, with_keys: bool, ui: &mut Ui) -> anyhow::Result<()> {
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
        let verdict = match (row.findings, compared.best == Some(at)) {
            ((0, 0), true) => "newest and clean: best source".to_owned(),
            ((errors, warnings), best) => {
                let note = if best { ", best of these" } else { "" };
                if errors + warnings == 0 {
                    row.verdict.to_string()
                } else {
                    format!("{errors} errors, {warnings} warnings{note}")
                }
            }
        };
        table.push([
            row.path.clone(),
            shown(
                row.revision
                    .map(|revision| number::thousands(revision.into())),
            ),
            shown(row.applied.map(|applied| number::thousands(applied.into()))),
            shown(row.term.map(|term| term.to_string())),
            shown(row.keys.map(|keys| keys.to_string())),
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
            format!("records differ since revision {first}; {count} keys differ"),
        ))?;
    } else if compared.same == Some(true) {
        ui.line(Line::new().with(
            Label::Good,
            "the same keys, values and history at the common revision",
        ))?;
    } else {
        ui.line(Line::new().with(
            Label::Warning,
            "no common revision: nothing can be said about equality",
        ))?;
    }
    if with_keys {
        for key in &compared.differing_keys {
            let at: Vec<String> = key
                .mod_revisions
                .iter()
                .map(|rev| shown(rev.map(|rev| rev.to_string())))
                .collect();
            let name = crate::output::escape::bytes(&key.key, ui.terminal.charset);
            ui.line(
                Line::new()
                    .with(Label::Name, name)
                    .text(format!("  mod_revision {}", at.join(" | "))),
            )?;
        }
    }
    Ok(())
}

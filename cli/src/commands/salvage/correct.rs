//! `salvage --correct`: a copy in which only proven bytes differ.

use etcd_inspect::Command;
use etcd_inspect::member::Member;
use etcd_inspect::salvage::backup::Out;
use etcd_inspect::salvage::correct::{self, Correction};
use serde_json::{Map, Value, json};

use super::SalvageArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Label, Line};
use crate::ui::Ui;

/// Finds what can be proven and writes the copy.
pub(super) fn run(args: &SalvageArgs, members: &[Member], ui: &mut Ui) -> anyhow::Result<Exit> {
    let [member] = members else {
        return Err(Failure::usage("--correct copies one data directory")
            .next("etcd-inspect salvage {path} --correct --out-dir corrected")
            .into());
    };
    let out = match (&args.out_dir, args.dry_run) {
        (Some(path), _) => Some(Out::new(path, [member.evidence()])?),
        (None, true) => None,
        (None, false) => {
            return Err(Failure::usage(
                "--correct writes a new data directory: name it with --out-dir, or ask with --dry-run",
            )
            .next("etcd-inspect salvage {path} --correct --dry-run")
            .into());
        }
    };
    let progress = ui.progress();
    let corrections = correct::corrections(member, &*progress);
    let written = out
        .as_ref()
        .filter(|_| !args.dry_run && !corrections.is_empty());
    if let Some(out) = written {
        correct::write(member, &corrections, out, &*progress)?;
    }
    show(member, &corrections, out.as_ref(), written.is_some(), ui)?;
    Ok(Exit::negative_if(corrections.is_empty()))
}

fn show(
    member: &Member,
    corrections: &[Correction],
    out: Option<&Out>,
    written: bool,
    ui: &mut Ui,
) -> anyhow::Result<()> {
    let rows: Vec<Value> = corrections
        .iter()
        .map(|correction| {
            json!({
                "file": correction.shown_file(member),
                "offset": correction.offset,
                "old": hex(&correction.old),
                "new": hex(&correction.new),
                "proof": correction.proof,
            })
        })
        .collect();
    let next = match (written, out) {
        (true, Some(out)) if is_file(member) => vec![
            Command::inspect("check")
                .path(&out.path().join(name(member)))
                .to_string(),
        ],
        (true, Some(out)) => vec![
            Command::inspect("preflight")
                .path(out.path())
                .args(["--for", "start"])
                .to_string(),
        ],
        _ if corrections.is_empty() => vec![ui.advice("etcd-inspect salvage {path} --dry-run")],
        _ => vec![ui.advice("etcd-inspect salvage {path} --correct --out-dir corrected")],
    };
    let mut fields = Map::new();
    fields.insert(
        "out_dir".to_owned(),
        json!(out.map(|out| out.path().display().to_string())),
    );
    fields.insert("written".to_owned(), json!(written));
    fields.insert("corrections".to_owned(), Value::from(rows));
    fields.insert("next".to_owned(), json!(next));
    ui.answer("salvage", &fields, |ui| {
        for correction in corrections {
            ui.line(
                Line::new()
                    .with(
                        Label::Name,
                        format!(
                            "{} @ {:#x}",
                            correction.shown_file(member),
                            correction.offset
                        ),
                    )
                    .text(format!(
                        "  {} -> {}",
                        hex(&correction.old),
                        hex(&correction.new)
                    )),
            )?;
            ui.line(Line::new().with(Label::Dim, format!("    proof: {}", correction.proof)))?;
        }
        let said = match (written, out) {
            _ if corrections.is_empty() => {
                "nothing is proven to be wrong: no copy is written".to_owned()
            }
            (true, Some(out)) => format!(
                "wrote   {}: the evidence with {} corrected; {}",
                out.path().display(),
                bytes(corrections.iter().map(|c| c.new.len()).sum::<usize>()),
                match is_file(member) {
                    true => "it is a file in a new directory",
                    false => "members and log are kept",
                }
            ),
            _ => "dry run: nothing was written".to_owned(),
        };
        ui.line(Line::from(said))?;
        for command in &next {
            ui.line(
                Line::new()
                    .with(Label::Dim, "next    ")
                    .with(Label::Command, command.clone()),
            )?;
        }
        Ok(())
    })
}

/// Whether the evidence is one file.
fn is_file(member: &Member) -> bool {
    let mut files = member.evidence().files().iter();
    files.any(|file| file.relative().as_os_str().is_empty())
}

fn name(member: &Member) -> &std::ffi::OsStr {
    let path = member.evidence().path();
    path.file_name().unwrap_or(path.as_os_str())
}

fn bytes(count: usize) -> String {
    match count {
        1 => "1 byte".to_owned(),
        _ => format!("{count} bytes"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

//! `doctor --bundle`: what is attached to an issue.

use std::path::{Path, PathBuf};

use etcd_inspect::answers::bundle::{BundleAnswer, BundleParts, CheckedPath};
use etcd_inspect::answers::report::{ReportAnswer, ReportQuestion};
use etcd_inspect::kubernetes::encryption::Keyring;
use etcd_inspect::member::Member;
use etcd_inspect::salvage::backup::{Out, OutError};
use etcd_inspect::{Advice, Command};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::commands::manifest;
use crate::commands::report::PARTIAL_PAGE;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::number::size;
use crate::output::{Label, Line};
use crate::secrets::Showing;
use crate::ui::Ui;

/// Writes the archive; gives what is printed of it, and 3 if a part of the evidence could not be read.
pub(super) fn write(
    out: &Path,
    paths: &[PathBuf],
    facts: &Map<String, Value>,
    ui: &mut Ui,
) -> anyhow::Result<(Value, Exit)> {
    let paths = match paths.is_empty() {
        true => vec![ui.target(None)?],
        false => paths.to_vec(),
    };
    let bundle = || named(&paths);
    if !out.to_string_lossy().ends_with(".tar.zst") {
        let text = format!(
            "{} does not end with .tar.zst, which it will be",
            out.display()
        );
        return Err(Failure::usage(text).next(bundle()).into());
    }
    let mut members: Vec<Member> = Vec::new();
    for (at, path) in paths.iter().enumerate().rev() {
        members.insert(0, ui.member_of(Some(path), at, paths.len())?);
    }
    let refused = |error: OutError| Failure::usage(error.to_string()).next(bundle());
    let out = Out::new(out, members.iter().map(Member::evidence)).map_err(refused)?;
    let report = page(&members, &paths, ui)?;
    let manifest = manifest::read(&paths, ui)?;
    let progress = ui.progress();
    let checked = members.iter().zip(&paths);
    let checks: Vec<CheckedPath> = checked
        .map(|(member, path)| CheckedPath::read(member, path, None, &*progress))
        .collect();
    if ui.interrupt.is_set() {
        return Err(OutError::Cancelled.into());
    }
    let parts = BundleParts {
        doctor: facts,
        report: &report,
        manifest: &manifest,
        checks: &checks,
    };
    let answer = BundleAnswer::pack(&parts, Timestamp::now())?;
    out.write_file(&answer.archive).map_err(refused)?;
    ui.partial(report.damage.clone());
    let mut written = json!({ "path": out.path().display().to_string() });
    if let (Some(fields), Value::Object(more)) =
        (written.as_object_mut(), serde_json::to_value(&answer)?)
    {
        fields.extend(more);
    }
    manifest::warn_if_partial(&manifest, ui)?;
    if report.is_partial && report.damage.is_empty() {
        ui.warn(PARTIAL_PAGE)?;
    }
    let is_partial = report.is_partial || !manifest.is_whole();
    Ok((written, if is_partial { Exit::Partial } else { Exit::Ok }))
}

/// The command that writes a bundle of these paths.
fn named(paths: &[PathBuf]) -> Advice {
    let command = Command::inspect("doctor").args(["--bundle", "issue.tar.zst"]);
    let command = paths
        .iter()
        .fold(command, |command, path| command.path(path));
    command.into()
}

fn page(members: &[Member], paths: &[PathBuf], ui: &mut Ui) -> anyhow::Result<ReportAnswer> {
    let Some(mask) = Showing::default().mask(false, ui)? else {
        return Err(Failure::usage("a bundle always hides secrets").into());
    };
    let tool = format!("etcd-inspect {}", env!("CARGO_PKG_VERSION"));
    let keyring = Keyring::default();
    let question = ReportQuestion {
        members,
        paths,
        at: None,
        since: None,
        notes: None,
        audit: None,
        etcd_log: None,
        full: false,
        mask: &mask,
        with_fingerprints: false,
        tool: &tool,
        keyring: &keyring,
        layout: None,
        beside: Vec::new(),
        flags: ui.opened_with.clone(),
        rows: None,
    };
    Ok(ReportAnswer::read(&question, &*ui.progress()))
}

/// What was written, for people.
pub(super) fn sheet(written: &Value, ui: &mut Ui) -> anyhow::Result<()> {
    let text = |name: &str| {
        written
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let bytes = |value: &Value| value.get("size_bytes").and_then(Value::as_u64).unwrap_or(0);
    ui.line(
        Line::new()
            .with(Label::Heading, format!("{:<10}", "bundle"))
            .text(format!("{} ({})", text("path"), size(bytes(written)))),
    )?;
    let files = written.get("files").and_then(Value::as_array);
    for file in files.into_iter().flatten() {
        let name = file.get("name").and_then(Value::as_str).unwrap_or_default();
        ui.line(Line::new().text(format!("{:<10}{name} ({})", "", size(bytes(file)))))?;
    }
    ui.note("secrets are hidden in it, names of keys, members and paths are not: read it before you publish it")?;
    Ok(())
}

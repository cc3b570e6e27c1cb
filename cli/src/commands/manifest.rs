//! `manifest`.

use std::path::{Path, PathBuf};

use etcd_inspect::Command;
use etcd_inspect::answers::manifest::{
    DifferingFile, EvidenceManifest, FileChange, HostClock, ManifestAnswer, SCHEMA, VerifyAnswer,
    is_whole,
};
use etcd_inspect::evidence::Evidence;
use etcd_inspect::evidence::custody::{FileRecord, FileType, MemberSum};
use etcd_inspect::salvage::backup::{Out, OutError};
use jiff::Timestamp;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::number::{size, thousands};
use crate::output::{Label, Line, escape};
use crate::ui::Ui;

/// Record every file with its SHA-256, times and owner, and say later what changed
///
/// The chain of custody of evidence: size, times, owner, mode, sparse extents, SHA-256, and of gzip and ZIP files the stored and the
/// computed CRC-32 of each member; the tool's version, and the host's clock against the clock of the data. Each file is read once.
/// The evidence is not changed.
#[derive(clap::Args, Debug)]
#[command(before_help = "Examples:
  etcd-inspect manifest /copy/m1
  etcd-inspect manifest /copy/m1 /copy/m2 backup.db.gz --out manifest.json
  etcd-inspect manifest --verify manifest.json
  etcd-inspect manifest --verify manifest.json /elsewhere/m1")]
pub(crate) struct ManifestArgs {
    /// Files or directories, whether etcd's or not; with --verify where they are now
    paths: Vec<PathBuf>,
    /// Also write the manifest to this file as JSON; it must not exist
    #[arg(long, value_name = "FILE", conflicts_with = "verify")]
    out: Option<PathBuf>,
    /// Read the files of this manifest again and say what changed
    #[arg(long, value_name = "FILE")]
    verify: Option<PathBuf>,
}

/// Columns of the answer about the file that was written.
const COLUMNS: [&str; 6] = [
    "tool",
    "host.time",
    "host.system",
    "evidence",
    "files",
    "bytes",
];

impl ManifestArgs {
    /// The columns of the answer, if a file is written before it.
    pub(super) fn columns_after_writing(&self) -> Option<&'static [&'static str]> {
        self.out.is_some().then_some(COLUMNS.as_slice())
    }
}

pub(crate) fn run(args: &ManifestArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    if let Some(manifest) = &args.verify {
        return verify(manifest, args, ui);
    }
    let paths = match args.paths.is_empty() {
        true => vec![ui.target(None)?],
        false => args.paths.clone(),
    };
    ui.path = paths.first().cloned();
    let out = match &args.out {
        Some(path) => Some(out(
            path,
            &[paths.as_slice(), &ui.global.wal_dir].concat(),
            ui,
        )?),
        None => None,
    };
    let answer = read(&paths, ui)?;
    if ui.interrupt.is_set() {
        return Err(OutError::Cancelled.into());
    }
    if let Some(out) = &out {
        out.write_file(&answer.document()?)?;
    }
    ui.answer("manifest", &answer, |ui| {
        for evidence in &answer.evidence {
            sheet(evidence, ui)?;
        }
        if let Some(out) = &out {
            let verify = Command::inspect("manifest")
                .arg("--verify")
                .path(out.path());
            ui.line(
                Line::new()
                    .text("written to ")
                    .text(out.path().display().to_string()),
            )?;
            ui.line(next(&verify.to_string()))?;
        }
        Ok(())
    })?;
    warn_if_partial(&answer, ui)?;
    Ok(match answer.is_whole() {
        true => Exit::Ok,
        false => Exit::Partial,
    })
}

/// The manifest of the paths, and of the directories of their logs.
pub(super) fn read(paths: &[PathBuf], ui: &Ui) -> Result<ManifestAnswer, Failure> {
    let system = format!("{} {}", std::env::consts::OS, std::env::consts::ARCH);
    let tool = format!("etcd-inspect {}", env!("CARGO_PKG_VERSION"));
    let host = HostClock {
        now: Timestamp::now(),
        system: &system,
        tool: &tool,
    };
    let options = ui.global.member_options();
    let all: Vec<PathBuf> = paths.iter().chain(&ui.global.wal_dir).cloned().collect();
    ManifestAnswer::read(&all, &options, host, &*ui.progress()).map_err(unreadable)
}

/// Says that a manifest is partial, in every form of output.
pub(super) fn warn_if_partial(answer: &ManifestAnswer, ui: &mut Ui) -> std::io::Result<()> {
    match answer.is_whole() {
        true => Ok(()),
        false => ui.warn(
            "the manifest is partial: a file could not be read whole, or a checksum in it could not be computed or does not match; `error`, `unreadable` and `members` say which",
        ),
    }
}

/// The file to write, outside of everything that is recorded.
fn out(path: &Path, paths: &[PathBuf], ui: &Ui) -> anyhow::Result<Out> {
    let options = ui.global.member_options();
    // An archive is one file: nothing can be written into it, and it need not be unpacked here.
    let folders = paths.iter().filter(|path| path.is_dir());
    let evidence = folders.filter_map(|path| Evidence::open(path, &options.evidence).ok());
    let evidence: Vec<Evidence> = evidence.collect();
    let out = Out::new(path, &evidence)?;
    Ok(out.outside(paths.iter().map(PathBuf::as_path))?)
}

fn unreadable((path, error): (PathBuf, std::io::Error)) -> Failure {
    Failure::usage(format!("{}: {error}", path.display()))
        .next(Command::new("ls").arg("-l").path(&path))
}

fn next(command: &str) -> Line {
    Line::new()
        .with(Label::Dim, "next: ")
        .with(Label::Command, command.to_owned())
}

/// One path for people: who it is, and a line for each file as sha256sum has it.
fn sheet(evidence: &EvidenceManifest, ui: &mut Ui) -> anyhow::Result<()> {
    let files: Vec<&FileRecord> = evidence.regular_files().collect();
    let bytes: u64 = files.iter().filter_map(|file| file.size_bytes).sum();
    let count = match files.len() {
        1 => "1 file".to_owned(),
        count => format!("{} files", thousands(count as i128)),
    };
    let mut facts = vec![
        evidence
            .kind
            .clone()
            .unwrap_or("nothing of etcd's".to_owned()),
    ];
    facts.extend(evidence.member_id.as_ref().map(|id| format!("member {id}")));
    facts.extend(
        evidence
            .cluster_id
            .as_ref()
            .map(|id| format!("cluster {id}")),
    );
    facts.push(format!("{count}, {}", size(bytes)));
    let given = escape::text(&evidence.given, ui.terminal.charset).into_owned();
    ui.line(
        Line::new()
            .with(Label::Heading, given)
            .text(format!(" · {}", facts.join(" · "))),
    )?;
    for other in evidence.files.iter().filter(|file| is_neither(file)) {
        let path = other.path.to_path();
        let path = escape::text(&path.to_string_lossy(), ui.terminal.charset).into_owned();
        let line = Line::new().with(Label::Warning, "  not read: no file and no directory  ");
        ui.line(line.with(Label::Name, path))?;
    }
    for file in files {
        let path = file.path.to_path();
        let path = match path.as_os_str().is_empty() {
            true => evidence.given.clone(),
            false => path.to_string_lossy().into_owned(),
        };
        let path = escape::text(&path, ui.terminal.charset).into_owned();
        let sum = file
            .sha256
            .clone()
            .unwrap_or_else(|| format!("{:64}", "not known"));
        let modified = file
            .modified
            .as_deref()
            .and_then(|text| text.get(..19))
            .unwrap_or("-");
        let line = Line::new().text(format!("  {sum}  "));
        let bytes = file
            .size_bytes
            .map_or("-".to_owned(), |bytes| thousands(bytes.into()));
        let line = line.with(Label::Dim, format!("{bytes:>15}  {modified:<19}  "));
        let mut line = line.with(Label::Name, path);
        if let Some(target) = &file.target {
            let target = target.to_path();
            let target = escape::text(&target.to_string_lossy(), ui.terminal.charset).into_owned();
            line = line.text(format!(" -> {target}"));
        }
        ui.line(line)?;
        doubts(file, ui)?;
    }
    if evidence.is_cut {
        ui.line(Line::new().with(
            Label::Warning,
            "  more files are there than the limit: they are not recorded",
        ))?;
    }
    for held in &evidence.held_by {
        ui.line(Line::new().with(
            Label::Warning,
            format!("  {held}: files may change while they are read"),
        ))?;
    }
    clock(evidence, ui)
}

/// Whether it is a pipe, a socket or a device: it is never opened.
fn is_neither(file: &FileRecord) -> bool {
    !matches!(file.kind, FileType::File | FileType::Directory)
}

/// What keeps a file from being proven, and the checksums of its members.
fn doubts(file: &FileRecord, ui: &mut Ui) -> anyhow::Result<()> {
    for member in &file.members {
        ui.line(member_line(member, ui))?;
    }
    if is_whole(file) {
        return Ok(());
    }
    if let Some(error) = &file.error {
        ui.line(Line::new().with(Label::Error, format!("    {error}")))?;
    }
    for range in &file.unreadable {
        let text = format!(
            "    {} bytes at {:#x} cannot be read",
            thousands(range.length.into()),
            range.offset
        );
        ui.line(Line::new().with(Label::Error, text))?;
    }
    if file.changed_while_read {
        ui.line(Line::new().with(
            Label::Warning,
            "    it changed while it was read: the sum is of no single state",
        ))?;
    }
    Ok(())
}

fn member_line(member: &MemberSum, ui: &Ui) -> Line {
    let sum = |sum: Option<u32>| sum.map_or("not known".to_owned(), |sum| format!("{sum:08x}"));
    let name = member.name.as_deref().unwrap_or("(no name)");
    let name = escape::text(name, ui.terminal.charset).into_owned();
    let (stored, computed) = (sum(member.crc32_stored), sum(member.crc32_computed));
    let text = format!(
        "    {} member {name}: CRC-32 stored {stored}, computed {computed}",
        member.format
    );
    let error = member.error.as_ref().map(|error| format!("; {error}"));
    let label = match member.matches() {
        true => Label::Dim,
        false => Label::Error,
    };
    Line::new().with(label, format!("{text}{}", error.unwrap_or_default()))
}

/// The data's clock against the host's.
fn clock(evidence: &EvidenceManifest, ui: &mut Ui) -> anyhow::Result<()> {
    let Some(clock) = &evidence.data_clock else {
        return Ok(());
    };
    let revision = thousands(clock.revision.into());
    let text = match (&clock.time, clock.host_is_ahead_s) {
        (Some(time), Some(ahead)) => {
            let within = clock.uncertainty_s.map(|within| format!(" ±{within} s"));
            let (ahead, word) = (
                thousands(i128::from(ahead).abs()),
                if ahead < 0 { "before" } else { "after" },
            );
            format!(
                "  revision {revision} was written at {time}{}; the clock of the host is {ahead} s {word} that",
                within.unwrap_or_default()
            )
        }
        _ => format!(
            "  revision {revision}: no value here has a time to compare with the host's clock"
        ),
    };
    Ok(ui.line(Line::new().with(Label::Dim, text))?)
}

fn verify(manifest: &Path, args: &ManifestArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    ui.path = Some(manifest.to_owned());
    let again = Command::inspect("manifest")
        .evidence()
        .arg("--out")
        .arg("manifest.json");
    let text = std::fs::read(manifest).map_err(|error| unreadable((manifest.to_owned(), error)))?;
    let schema = serde_json::from_slice::<serde_json::Value>(&text).ok();
    let schema = schema.and_then(|document| Some(document.get("schema")?.as_str()?.to_owned()));
    let recorded: ManifestAnswer = match (schema.as_deref(), serde_json::from_slice(&text)) {
        (Some(SCHEMA), Ok(recorded)) => recorded,
        (Some(SCHEMA), Err(error)) => {
            return Err(Failure::usage(format!("{}: {error}", manifest.display()))
                .next(Command::new("head").path(manifest))
                .into());
        }
        (None, Err(error)) if error.is_eof() => {
            let text = format!(
                "{} is cut: {error}. What it records is not proven",
                manifest.display()
            );
            return Err(Failure::usage(text)
                .next(Command::new("ls").arg("-l").path(manifest))
                .into());
        }
        _ => {
            let text = format!("{} is not a manifest of etcd-inspect", manifest.display());
            return Err(Failure::usage(text).next(again).into());
        }
    };
    if args.paths.len() > recorded.evidence.len() {
        let text = format!(
            "the manifest records {}, and {} paths are given",
            etcd_inspect::start::counted(recorded.evidence.len() as u64, "path", "paths"),
            args.paths.len()
        );
        let verify = Command::inspect("manifest").arg("--verify").path(manifest);
        return Err(Failure::usage(text).next(verify).into());
    }
    let limits = ui.global.member_options().evidence.limits;
    let mut answer =
        VerifyAnswer::read(&recorded, &args.paths, &limits, &*ui.progress()).map_err(unreadable)?;
    answer.manifest_is_intact = recorded.is_intact(&text)?;
    let is_unproven = answer.manifest_is_intact != Some(true);
    match answer.manifest_is_intact {
        Some(true) => {}
        Some(false) => ui.warn("the manifest was changed after it was written: its own sum or totals do not match, so that what it records is not proven")?,
        None => ui.warn("the manifest has no sum of its own (manifest_sha256), which --out writes: it was printed, or it was changed since, so that what it records is not proven")?,
    }
    ui.answer("manifest", &answer, |ui| differences(&answer, ui))?;
    Ok(match (is_unproven, answer.is_same) {
        (_, false) => Exit::Negative,
        (true, true) => Exit::Partial,
        (false, true) => Exit::Ok,
    })
}

fn differences(answer: &VerifyAnswer, ui: &mut Ui) -> anyhow::Result<()> {
    for file in &answer.differing {
        let evidence = Path::new(&file.looked_at);
        let path = match file.path.to_path() {
            path if path.as_os_str().is_empty() => evidence.to_owned(),
            path => evidence.join(path),
        };
        let path = escape::text(&path.to_string_lossy(), ui.terminal.charset).into_owned();
        let label = match file.change {
            FileChange::Content | FileChange::Missing => Label::Error,
            FileChange::New | FileChange::Renamed | FileChange::Unproven => Label::Warning,
            _ => Label::Note,
        };
        let word = file.change.as_str();
        let mut line = Line::new()
            .with(label, format!("{word:<12}"))
            .with(Label::Name, path);
        if let Some(old) = &file.renamed_from {
            let old = old.to_path();
            let old = escape::text(&old.to_string_lossy(), ui.terminal.charset).into_owned();
            line = line.text(format!(" (was {old})"));
        }
        ui.line(line)?;
        for difference in &file.differences {
            let (recorded, now) = (&difference.recorded, &difference.now);
            let escaped = |value: &String| escape::text(value, ui.terminal.charset).into_owned();
            let shown = |value: &Option<String>| value.as_ref().map_or("none".to_owned(), escaped);
            let text = match (file.change, recorded, now) {
                (FileChange::New, _, Some(value)) | (FileChange::Missing, Some(value), _) => {
                    escaped(value)
                }
                _ => format!("recorded {}, now {}", shown(recorded), shown(now)),
            };
            let text = format!("{:12}{}: {text}", "", difference.field);
            ui.line(Line::new().text(text))?;
        }
    }
    let is_proven = |file: &DifferingFile| {
        matches!(
            file.change,
            FileChange::Times
                | FileChange::Permissions
                | FileChange::Extents
                | FileChange::HardLink
        )
    };
    if !answer.is_same && answer.differing.iter().all(is_proven) {
        let (label, doubt) = match answer.manifest_is_intact {
            Some(true) => (Label::Good, ""),
            _ => (
                Label::Warning,
                ", if the manifest is right: it is not proven",
            ),
        };
        let text = format!(
            "no content changed: the SHA-256 of every file is as recorded, and none is missing or new{doubt}"
        );
        ui.line(Line::new().with(label, text))?;
    }
    let same = etcd_inspect::start::counted(answer.same, "entry", "entries");
    let line = match answer.is_same {
        true => Line::new().with(
            Label::Good,
            format!("nothing changed since {}: {same} compared", answer.recorded),
        ),
        false => Line::new().with(
            Label::Warning,
            format!(
                "{} changed since {}, {same} the same",
                answer.differing.len(),
                answer.recorded
            ),
        ),
    };
    Ok(ui.line(line)?)
}

//! `redact`.

use std::path::PathBuf;

use etcd_inspect::Command;
use etcd_inspect::answers::redact::RedactAnswer;
use etcd_inspect::salvage::backup::Out;
use etcd_inspect::salvage::redact::{RedactError, RedactOptions, redact};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::kube::{self, LayoutArgs};
use crate::output::number::{size, thousands};
use crate::output::{Label, Line};
use crate::secrets::KeyFiles;
use crate::ui::Ui;

/// Write a copy of a db that can be shared: the same pages, revisions and damage, with other values
///
/// Values become letters of the same length, the same for the same value; protobuf and JSON still decode; with --keys names of keys
/// are replaced too. Free pages and everything that belongs to no record are wiped. Without the salt, which is random and not kept
/// unless --salt names one, short values cannot be guessed. Lengths, and which values are equal, are seen. `check` is run on both.
#[derive(clap::Args, Debug)]
#[command(before_help = "Examples:
  etcd-inspect redact /copy/m1 --out shared.db
  etcd-inspect redact backup.db --keys --out shared.db
  etcd-inspect redact /copy/m1 --salt salt.bin --out m1.db        the same fillings in each member's copy")]
pub(crate) struct RedactArgs {
    /// Data directory, db or snapshot
    path: Option<PathBuf>,
    /// The copy to write; it must not exist
    #[arg(long, value_name = "FILE.db")]
    out: Option<PathBuf>,
    /// Also replace the names of keys; paths of Kubernetes resources stay
    #[arg(long)]
    keys: bool,
    /// Secret of at least 16 bytes for the fillings, to compare copies; keep it to yourself
    #[arg(long, value_name = "FILE")]
    salt: Option<PathBuf>,
    #[command(flatten)]
    layout: LayoutArgs,
}

/// Columns of the answer about the file that was written.
const COLUMNS: [&str; 17] = [
    "out",
    "size_bytes",
    "sha256",
    "tree_pages",
    "orphan_pages",
    "wiped_pages",
    "names_replaced",
    "names_kept",
    "trailer_matches",
    "cut_bytes",
    "kept",
    "hashkv.original",
    "hashkv.copy",
    "check.same",
    "check.findings",
    "check.only_in_original",
    "check.only_in_copy",
];

impl RedactArgs {
    /// The columns of the answer, if a file is written before it.
    pub(super) fn columns_after_writing(&self) -> Option<&'static [&'static str]> {
        Some(&COLUMNS)
    }
}

pub(crate) fn run(args: &RedactArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    let member = ui.member(args.path.as_deref())?;
    let Some(path) = &args.out else {
        return Err(
            Failure::usage("redact writes a new file: name it with --out")
                .next("etcd-inspect redact {path} --out shared.db")
                .into(),
        );
    };
    let out = Out::new(path, [member.evidence()])?;
    let layout = match member.readable_keyspace() {
        Ok(keyspace) => {
            let objects = kube::open(&member, keyspace, &args.layout, &KeyFiles::default())?;
            objects.layout().clone()
        }
        Err(_) => args.layout.layout().unwrap_or_default(),
    };
    let options = RedactOptions {
        names: args.keys,
        salt: salt(args)?,
        layout,
    };
    let progress = ui.progress();
    let redacted = redact(&member, &options, &out, &*progress).map_err(|error| match error {
        RedactError::Read(error) => anyhow::Error::from(error),
        RedactError::Out(error) => error.into(),
        RedactError::Survives { .. } => Failure {
            exit: Exit::Partial,
            ..Failure::usage(error.to_string())
                .next("etcd-inspect report {path} --out incident.html")
        }
        .into(),
        other => Failure::usage(other.to_string()).into(),
    })?;
    let answer = RedactAnswer::new(&member, &redacted, args.keys, &*progress)?;
    if redacted.orphan_pages > 0 {
        ui.note(format!(
            "a tree is damaged or cannot be read: {} pages that no tree reaches were filled by their own headers",
            thousands(redacted.orphan_pages.into())
        ))?;
    }
    if !args.keys {
        ui.note("names of keys are in the copy as they are: --keys replaces them")?;
    }
    ui.answer("redact", &answer, |ui| sheet(&answer, ui))?;
    Ok(Exit::negative_if(!answer.check.same))
}

/// The given salt, or a random one.
fn salt(args: &RedactArgs) -> anyhow::Result<Vec<u8>> {
    match &args.salt {
        Some(path) => {
            let salt = std::fs::read(path).map_err(|error| {
                Failure::usage(format!("{}: {error}", path.display()))
                    .next(Command::new("ls").arg("-l").path(path))
            })?;
            if salt.len() < 16 {
                let text = format!(
                    "{}: a salt has at least 16 bytes: short ones can be guessed",
                    path.display()
                );
                return Err(Failure::usage(text)
                    .next(
                        Command::new("openssl")
                            .args(["rand", "-out"])
                            .path(path)
                            .arg("32"),
                    )
                    .into());
            }
            Ok(salt)
        }
        None => Ok(crate::secrets::random()?),
    }
}

fn sheet(answer: &RedactAnswer, ui: &mut Ui) -> anyhow::Result<()> {
    let line = |name: &str, text: String| {
        Line::new()
            .with(Label::Heading, format!("{name:<9}"))
            .text(text)
    };
    ui.line(line(
        "written",
        format!("{} ({})", answer.out.display(), size(answer.size_bytes)),
    ))?;
    ui.line(line("sha256", answer.sha256.clone()))?;
    ui.line(line(
        "pages",
        format!(
            "{} of trees with other values, {} wiped",
            thousands(answer.tree_pages.into()),
            thousands(answer.wiped_pages.into())
        ),
    ))?;
    if let Some(names) = answer.names_replaced {
        let kept = match answer.names_kept {
            0 => String::new(),
            kept => format!(
                "; {} could not be: all names of their length are taken",
                thousands(kept.into())
            ),
        };
        ui.line(line(
            "names",
            format!("{} replaced{kept}", thousands(names.into())),
        ))?;
    }
    for (at, kept) in answer.kept.iter().enumerate() {
        let name = if at == 0 { "kept" } else { "" };
        ui.line(line(name, (*kept).to_owned()))?;
    }
    if let Some(matches) = answer.trailer_matches {
        let text = match matches {
            true => "SHA-256 of the copy at its end, as a restore expects it",
            false => "SHA-256 at the end does not match, as that of the original does not",
        };
        ui.line(line("trailer", text.to_owned()))?;
    }
    if let Some(bytes) = answer.cut_bytes {
        let text = format!(
            "the hole of {} at the end of the db is left out: nothing was ever written there",
            size(bytes)
        );
        ui.line(line("cut", text))?;
    }
    if let (Some(original), Some(copy)) = (answer.hashkv.original, answer.hashkv.copy) {
        let text =
            format!("{copy:08x}; of the original {original:08x}: other values hash differently");
        ui.line(line("hashkv", text))?;
    }
    let check = &answer.check;
    let counted = |count: usize| etcd_inspect::start::counted(count as u64, "finding", "findings");
    let (label, text) = match check.same {
        true => (
            Label::Good,
            format!("the same {} in both", counted(check.findings)),
        ),
        false => (
            Label::Warning,
            format!(
                "differs: {} only in the original, {} only in the copy; nothing of a value is in the copy",
                counted(check.only_in_original.len()),
                counted(check.only_in_copy.len())
            ),
        ),
    };
    ui.line(
        Line::new()
            .with(Label::Heading, format!("{:<9}", "check"))
            .with(label, text),
    )?;
    for (side, lines) in [
        ("original", &check.only_in_original),
        ("copy", &check.only_in_copy),
    ] {
        for finding in lines {
            ui.line(line("", format!("only in the {side}: {finding}")))?;
        }
    }
    if !check.same {
        let next = Command::new("etcd-inspect")
            .args(["check", "-v"])
            .path(&answer.out);
        ui.line(line("next", next.to_string()))?;
    }
    Ok(())
}

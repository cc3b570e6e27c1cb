//! Flags that would have no effect on what is written: they are refused, with what works.

use std::path::Path;

use etcd_inspect::{Advice, Command};

use super::{ExportArgs, Form};
use crate::failure::Failure;
use crate::output::Format;
use crate::ui::Ui;

/// A flag, and whether it is given.
type Given = (&'static str, bool);

/// The form of the objects: as asked for, or as the ending of the file says.
pub(super) fn form(args: &ExportArgs, ui: &Ui) -> Result<Form, Failure> {
    let out = args.out.as_deref();
    let ending = out
        .and_then(Path::extension)
        .and_then(|ending| ending.to_str());
    let of_ending = match ending {
        Some("json") => Form::Json,
        Some("jsonl") => Form::Jsonl,
        _ => Form::Yaml,
    };
    // `-o` is the form of the summary; on standard output there are the objects themselves.
    if out != Some(Path::new("-")) || !ui.is_typed("--output") {
        return Ok(args.format.unwrap_or(of_ending));
    }
    let format = ui.global.format();
    match (args.format, &format) {
        (None, Format::Yaml) => Ok(Form::Yaml),
        (None, Format::Json) => Ok(Form::Json),
        (None, Format::Jsonl) => Ok(Form::Jsonl),
        (given, _) => {
            let form = given.unwrap_or(Form::Yaml).name();
            let failure = Failure::usage(format!(
                "-o {format} has no effect on objects that are written to standard output"
            ));
            let next =
                Command::inspect("export").args(["-A", "--format", form, "--out", "-", "-d"]);
            Err(failure
                .means("they are written as --format says: yaml, json or jsonl")
                .next(next.evidence()))
        }
    }
}

/// Objects to apply.
pub(super) fn of_objects(args: &ExportArgs, ui: &Ui) -> Result<(), Failure> {
    let given = [
        ("--values", args.values.is_some()),
        ("--fp-key", args.showing.fp_key.is_some()),
    ];
    refuse(
        "objects to apply, which have no fingerprints: --reveal and --secrets say what becomes of hidden values",
        given.into_iter().chain(of_rows(ui)),
        "etcd-inspect export -A --secrets placeholder --out - -d {path}",
    )
}

/// One release of Helm.
pub(super) fn of_helm(args: &ExportArgs, form: Form, ui: &Ui) -> Result<(), Failure> {
    let given = [
        ("-l", args.selector.is_some()),
        ("--deleted-since", args.deleted_since.is_some()),
        ("--owned", args.owned),
        ("--keep-finalizers", args.keep_finalizers),
        ("--keep-cluster-ip", args.keep_cluster_ip),
        ("--target", args.target.is_some()),
        ("--format", form != Form::Yaml),
    ];
    refuse(
        "a release of Helm, whose manifest is written as Helm has it",
        given.into_iter().chain(of_rows(ui)),
        "etcd-inspect get helm -A -d {path}",
    )
}

/// Tables as files of other programs.
pub(super) fn of_tables(args: &ExportArgs, ui: &Ui) -> Result<(), Failure> {
    let given = [
        ("WHAT", !args.what.is_empty()),
        ("-n", args.scope.namespace.is_some()),
        ("-A", args.scope.all_namespaces),
        ("-l", args.selector.is_some()),
        ("--deleted-since", args.deleted_since.is_some()),
        ("--carved", args.carved),
        ("--owned", args.owned),
        ("--keep-finalizers", args.keep_finalizers),
        ("--keep-cluster-ip", args.keep_cluster_ip),
        ("--secrets", args.secrets.is_some()),
        ("--target", args.target.is_some()),
        ("-o", ui.is_typed("--output")),
    ];
    refuse(
        "tables, which are exported whole, all namespaces and kinds",
        given.into_iter().chain(of_rows(ui)),
        "etcd-inspect sql \"SELECT * FROM objects WHERE namespace = 'default'\" -o csv -d {path}",
    )
}

/// Flags of verbs that print rows. `--columns` and `--sort-by` are refused for the whole verb.
fn of_rows(ui: &Ui) -> impl Iterator<Item = Given> {
    ["--limit", "--no-headers"]
        .into_iter()
        .map(|flag| (flag, ui.is_typed(flag)))
}

fn refuse(
    what: &str,
    given: impl IntoIterator<Item = Given>,
    next: impl Into<Advice>,
) -> Result<(), Failure> {
    let mut given = given.into_iter();
    match given.find(|(_, is_given)| *is_given) {
        Some((flag, _)) => {
            Err(Failure::usage(format!("{flag} has no effect on {what}")).next(next))
        }
        None => Ok(()),
    }
}

//! One file per verb; the documentation of its arguments is its help.

mod blame;
mod carve;
mod certs;
mod changes;
mod check;
mod compare;
mod completions;
mod decode;
mod describe;
mod diff;
mod doctor;
mod explain;
mod export;
mod get;
mod hashkv;
mod history;
mod keys;
mod leases;
mod man;
mod manifest;
mod meta;
mod page;
mod preflight;
mod redact;
mod report;
mod salvage;
mod search;
#[cfg(feature = "serve")]
mod serve;
mod snap;
mod space;
mod sql;
mod status;
mod tables;
mod timeline;
mod tui;
mod version;
mod wal;

use clap::{CommandFactory, Subcommand};

use crate::app::Cli;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::global::Global;
use crate::output::{Column, Format, rows};
use crate::ui::Ui;

/// Declares the verbs and how each answers: one line a verb, in the order in which `help` lists them.
macro_rules! verbs {
    ($($(#[$only:meta])* $verb:ident: $module:ident::$args:ident;)*) => {
        /// The verbs.
        #[derive(Subcommand, Debug)]
        pub(crate) enum Command {
            $($(#[$only])* $verb($module::$args),)*
        }

        impl Command {
            /// Answers.
            pub(crate) fn run(&self, ui: &mut Ui) -> anyhow::Result<Exit> {
                ui.is_of_records = self.is_of_records();
                match self {
                    $($(#[$only])* Self::$verb(args) => $module::run(args, ui),)*
                }
            }
        }
    };
}

verbs! {
    Status: status::StatusArgs;
    Keys: keys::KeysArgs;
    Get: get::GetArgs;
    Describe: describe::DescribeArgs;
    History: history::HistoryArgs;
    Diff: diff::DiffArgs;
    Blame: blame::BlameArgs;
    Timeline: timeline::TimelineArgs;
    Changes: changes::ChangesArgs;
    Wal: wal::WalArgs;
    Snap: snap::SnapArgs;
    Page: page::PageArgs;
    Meta: meta::MetaArgs;
    Leases: leases::LeasesArgs;
    Space: space::SpaceArgs;
    Hashkv: hashkv::HashkvArgs;
    Check: check::CheckArgs;
    Compare: compare::CompareArgs;
    Preflight: preflight::PreflightArgs;
    Salvage: salvage::SalvageArgs;
    Carve: carve::CarveArgs;
    Export: export::ExportArgs;
    Report: report::ReportArgs;
    Manifest: manifest::ManifestArgs;
    Redact: redact::RedactArgs;
    Explain: explain::ExplainArgs;
    Search: search::SearchArgs;
    Sql: sql::SqlArgs;
    Tables: tables::TablesArgs;
    Certs: certs::CertsArgs;
    Tui: tui::TuiArgs;
    #[cfg(feature = "serve")]
    Serve: serve::ServeArgs;
    Decode: decode::DecodeArgs;
    Doctor: doctor::DoctorArgs;
    Completions: completions::CompletionsArgs;
    Man: man::ManArgs;
    Version: version::VersionArgs;
}

impl Command {
    /// Why the flags that choose rows and columns have no meaning for this verb.
    pub(crate) fn refuses(&self, global: &Global) -> Option<Failure> {
        let flag = match (global.columns.is_empty(), &global.sort_by) {
            (false, _) => "--columns",
            (_, Some(_)) => "--sort-by",
            // A limit may come from the config file, and there is nothing to cut.
            _ => return None,
        };
        let verb = match self {
            Self::Tui(_) => "tui",
            #[cfg(feature = "serve")]
            Self::Serve(_) => "serve",
            Self::Decode(_) => "decode",
            Self::Completions(_) => "completions",
            Self::Man(_) => "man",
            Self::Export(_) => "export",
            _ => return self.no_such_columns(global).or_else(|| no_columns(global)),
        };
        let failure = Failure::usage(format!("`{verb}` prints no rows: {flag} has no meaning"));
        Some(failure.next(etcd_inspect::Command::inspect(verb).arg("--help")))
    }
}

impl Command {
    /// Why a flag that was typed has no effect. In the config file and the environment it is one for every verb.
    pub(crate) fn without_effect(&self, ui: &Ui) -> Option<Failure> {
        self.no_such_form(ui)
            .or_else(|| self.flag_without_effect(ui))
    }

    /// Why a form cannot show the answer of a verb that writes a file before it: the file is not written then.
    fn no_such_form(&self, ui: &Ui) -> Option<Failure> {
        let verb = match self {
            Self::Doctor(_) => "doctor",
            Self::Manifest(_) => "manifest",
            Self::Redact(_) => "redact",
            Self::Report(_) => "report",
            Self::Salvage(_) => "salvage",
            _ => return None,
        };
        let form = ui.global.format();
        let has_form = matches!(
            form,
            Format::Table
                | Format::Wide
                | Format::Json
                | Format::Jsonl
                | Format::Yaml
                | Format::Csv
                | Format::Tsv
        );
        let failure = Failure::usage(format!("`{verb}` cannot be shown as {form}"));
        (!has_form).then(|| failure.next(ui.replaced(&["-o", "--output"], Some("--output=json"))))
    }

    fn flag_without_effect(&self, ui: &Ui) -> Option<Failure> {
        let (verb, has_rows, has_evidence) = match self {
            Self::Salvage(_) => ("salvage", false, true),
            Self::Redact(_) => ("redact", false, true),
            Self::Doctor(_) => ("doctor", false, true),
            Self::Decode(_) => ("decode", false, false),
            Self::Tables(_) => ("tables", true, false),
            Self::Completions(_) => ("completions", false, false),
            Self::Man(_) => ("man", false, false),
            Self::Version(_) => ("version", false, false),
            _ => return None,
        };
        let flags = [
            ("--limit", has_rows, "its answer has no rows"),
            ("--wal-dir", has_evidence, "it reads no log"),
        ];
        let mut typed = flags
            .iter()
            .filter(|(flag, has, _)| !has && ui.is_typed(flag));
        let (flag, _, why) = typed.next()?;
        let failure = Failure::usage(format!("{flag} has no effect on `{verb}`: {why}"));
        Some(failure.next(ui.without_flags(&[*flag])))
    }
}

impl Command {
    /// Why columns of an answer do not exist: a file that is written before it is not written then.
    fn no_such_columns(&self, global: &Global) -> Option<Failure> {
        let names = match self {
            Self::Doctor(args) => args.columns_after_writing(),
            Self::Manifest(args) => args.columns_after_writing(),
            Self::Redact(args) => args.columns_after_writing(),
            Self::Report(args) => args.columns_after_writing(),
            Self::Salvage(args) => args.columns_after_writing(),
            _ => None,
        };
        let columns: Vec<Column> = names?
            .iter()
            .map(|name| Column::headed_field(name))
            .collect();
        rows::validate(&columns, global).err()
    }

    /// Whether the answer is made of the records of a db: a backup that fails its SHA-256 makes it doubtful. The verbs that judge
    /// evidence say themselves that it fails.
    fn is_of_records(&self) -> bool {
        matches!(
            self,
            Self::Keys(_)
                | Self::Get(_)
                | Self::Describe(_)
                | Self::History(_)
                | Self::Diff(_)
                | Self::Blame(_)
                | Self::Timeline(_)
                | Self::Changes(_)
                | Self::Page(_)
                | Self::Meta(_)
                | Self::Leases(_)
                | Self::Space(_)
                | Self::Hashkv(_)
                | Self::Export(_)
                | Self::Search(_)
                | Self::Sql(_)
                | Self::Certs(_)
        )
    }
}

/// Why columns have no meaning for a form.
fn no_columns(global: &Global) -> Option<Failure> {
    let form = global.format();
    let has_rows = !matches!(
        form,
        Format::Raw
            | Format::Hex
            | Format::JsonPath(_)
            | Format::JsonPathAsJson(_)
            | Format::GoTemplate(_)
            | Format::CustomColumns(_)
    );
    if has_rows || global.columns.is_empty() {
        return None;
    }
    let failure = Failure::usage(format!(
        "`-o {form}` prints no rows: --columns has no meaning"
    ));
    Some(failure.means("columns are those of -o table, wide, json, jsonl, yaml, csv, tsv and name"))
}

/// Whether a word is a verb.
pub(crate) fn is_verb(word: &str) -> bool {
    Cli::command()
        .get_subcommands()
        .any(|verb| verb.get_name() == word)
}

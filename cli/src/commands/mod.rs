//! One file per verb; the documentation of its arguments is its help.

mod completions;
mod decode;
mod doctor;
mod explain;
mod man;
mod page;
mod snap;
mod version;
mod wal;

use clap::{CommandFactory, Subcommand};

use crate::app::Cli;
use crate::exit::Exit;
use crate::ui::Ui;

/// The verbs, in the order in which `help` lists them.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    Wal(wal::WalArgs),
    Snap(snap::SnapArgs),
    Page(page::PageArgs),
    Explain(explain::ExplainArgs),
    Decode(decode::DecodeArgs),
    Doctor(doctor::DoctorArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
    Version(version::VersionArgs),
}

impl Command {
    /// Answers.
    pub(crate) fn run(&self, ui: &mut Ui) -> anyhow::Result<Exit> {
        match self {
            Self::Wal(args) => wal::run(args, ui),
            Self::Snap(args) => snap::run(args, ui),
            Self::Page(args) => page::run(args, ui),
            Self::Explain(args) => explain::run(args, ui),
            Self::Decode(args) => decode::run(args, ui),
            Self::Doctor(args) => doctor::run(args, ui),
            Self::Completions(args) => completions::run(args, ui),
            Self::Man(args) => man::run(args, ui),
            Self::Version(args) => version::run(args, ui),
        }
    }
}

/// Whether a word is a verb.
pub(crate) fn is_verb(word: &str) -> bool {
    Cli::command()
        .get_subcommands()
        .any(|verb| verb.get_name() == word)
}

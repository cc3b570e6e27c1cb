//! Salvage from the browser: first a dry run, then, after a typed `yes`, the file.
//!
//! ```text
//! e on a step ─► path ─► dry run (task) ─► what would be written and lost ─► yes ─► write (task) ─► restore command
//! ```
//!
//! **Invariant.** Only [`work::write`] writes, only what was asked for by that `yes`, and through the library's `Out`, which
//! refuses a path that exists and a path inside or above the evidence.

pub(crate) mod text;
mod work;

use std::path::{Path, PathBuf};

use etcd_inspect::Command;
use etcd_inspect::answers::salvage::{SalvageAnswer, Written};
use etcd_inspect::salvage::correct::Correction;
use etcd_inspect::verdict::{Action, Step};

pub(crate) use work::{Evidence, dry_run, write};

/// What is made of the evidence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Form {
    /// A backup file that etcd restores.
    #[default]
    Backup,
    /// A copy of the data directory in which only proven bytes differ.
    Corrected,
}

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Request {
    /// The evidence, the copy to salvage first.
    pub(crate) paths: Vec<PathBuf>,
    /// What is made of it.
    pub(crate) form: Form,
    /// The name that is proposed for it.
    pub(crate) proposed: String,
}

/// What would be written.
#[derive(Clone, Debug)]
pub(crate) enum Plan {
    /// A backup with this in it.
    Backup(Box<SalvageAnswer>),
    /// A copy with these bytes corrected.
    Corrected(Vec<Correction>),
}

/// How a task of a salvage ended; the error is for people.
pub(crate) enum Outcome {
    /// The dry run.
    Planned(Result<Plan, String>),
    /// The write.
    Written(Result<Written, String>),
}

impl Request {
    /// What a step of a plan asks for.
    ///
    /// # Errors
    /// If the step is not one that this program does, with what to do instead.
    pub(crate) fn from_step(step: &Step) -> Result<Self, String> {
        let form = match step.action {
            Action::Salvage => Form::Backup,
            Action::Correct => Form::Corrected,
            action => {
                return Err(format!(
                    "{action} is done outside of the browser: cc copies its commands; e is for salvage and correct"
                ));
            }
        };
        let command = step
            .commands
            .iter()
            .map(|command| command.words())
            .find(|words| words.get(1).is_some_and(|word| word == "salvage"))
            .ok_or("this step has no command that salvages")?;
        let arguments = command.get(2..).unwrap_or_default();
        let paths = arguments.iter().take_while(|word| !word.starts_with("--"));
        let out = |flag: &String| flag == "--out" || flag == "--out-dir";
        let at = arguments.iter().position(out);
        let proposed = at.and_then(|at| arguments.get(at.saturating_add(1)));
        Ok(Self {
            paths: paths.map(PathBuf::from).collect(),
            form,
            proposed: proposed.cloned().unwrap_or_default(),
        })
    }

    /// The command line that does the same.
    pub(crate) fn command(&self, out: &Path) -> String {
        let paths = self.paths.iter().map(PathBuf::as_path);
        let salvage = paths.fold(Command::inspect("salvage"), Command::path);
        let salvage = match self.form {
            Form::Backup => salvage.arg("--out"),
            Form::Corrected => salvage.args(["--correct", "--out-dir"]),
        };
        salvage.path(out).to_string()
    }
}

//! The two tasks of a salvage, beside the event loop.

use std::path::{Path, PathBuf};

use etcd_inspect::answers::salvage::{SalvageAnswer, Written};
use etcd_inspect::dataset::Dataset;
use etcd_inspect::member::{Member, Options};
use etcd_inspect::progress::Progress as _;
use etcd_inspect::salvage::backup::{Out, OutError};
use etcd_inspect::salvage::correct::{self, corrections};
use etcd_inspect::salvage::{SalvageOptions, Sources, received_snapshots};

use super::{Form, Plan, Request};
use crate::job::Monitor;

/// Copies that a task reads: those that the browser has open, and how to open one that it has not.
pub(crate) struct Evidence {
    pub(crate) opened: Vec<(PathBuf, Dataset)>,
    pub(crate) options: Options,
}

impl Evidence {
    /// The path to write to, if the library allows it for everything that is open here.
    ///
    /// # Errors
    /// Why nothing may be written there.
    pub(crate) fn out(&self, path: &Path) -> Result<Out, String> {
        let evidence = self.opened.iter();
        let evidence = evidence.map(|(_, dataset)| dataset.member().evidence());
        Out::new(path, evidence).map_err(|error| refused(&error))
    }

    fn sources(&self, request: &Request) -> Result<Vec<Dataset>, String> {
        let source = |path: &PathBuf| {
            let shown = self.opened.iter().find(|(known, _)| known == path);
            match shown {
                Some((_, dataset)) => Ok(dataset.clone()),
                // A step may be about a part of the evidence, the db without its log.
                None => {
                    let builder = Dataset::builder().options(self.options.clone());
                    builder.open(path).map_err(|error| error.to_string())
                }
            }
        };
        request.paths.iter().map(source).collect()
    }
}

/// Copies that a leader sent to them and that did not replace their dbs.
fn received(sources: &[Dataset]) -> Vec<Member> {
    let members = sources.iter().map(Dataset::member);
    members.flat_map(received_snapshots).collect()
}

/// What would be written, and what is lost. Writes nothing.
pub(crate) fn dry_run(
    request: &Request,
    evidence: &Evidence,
    monitor: &Monitor,
) -> Result<Plan, String> {
    monitor.begin("salvaging (dry run)", 0);
    let sources = evidence.sources(request)?;
    let plan = match request.form {
        Form::Backup => {
            let received = received(&sources);
            let copies = sources.iter().map(Dataset::member).chain(&received);
            let sources = Sources::read(copies, monitor);
            let salvage = sources.salvage(&SalvageOptions::default(), monitor);
            let salvage = salvage.map_err(|error| error.to_string())?;
            Plan::Backup(Box::new(SalvageAnswer::from(&salvage)))
        }
        Form::Corrected => {
            let first = sources.first().ok_or("no evidence was named")?;
            Plan::Corrected(corrections(first.member(), monitor))
        }
    };
    match monitor.is_cancelled() {
        true => Err(refused(&OutError::Cancelled)),
        false => Ok(plan),
    }
}

/// Salvages again, which gives the same because the evidence does not change, and writes.
pub(crate) fn write(
    request: &Request,
    out: &Out,
    evidence: &Evidence,
    monitor: &Monitor,
) -> Result<Written, String> {
    monitor.begin("salvaging", 0);
    let sources = evidence.sources(request)?;
    // Between the question and the answer the path may have come into being, and another part of the evidence been opened.
    let all = sources.iter().map(Dataset::member);
    let all = all.chain(evidence.opened.iter().map(|(_, dataset)| dataset.member()));
    let out = Out::new(out.path(), all.map(Member::evidence)).map_err(|error| refused(&error))?;
    match request.form {
        Form::Backup => {
            let received = received(&sources);
            let copies = sources.iter().map(Dataset::member).chain(&received);
            let sources = Sources::read(copies, monitor);
            let salvage = sources.salvage(&SalvageOptions::default(), monitor);
            let salvage = salvage.map_err(|error| error.to_string())?;
            if monitor.is_cancelled() {
                return Err(refused(&OutError::Cancelled));
            }
            let backup = salvage.write(&out, monitor);
            let backup = backup.map_err(|error| refused(&error))?;
            Ok(Written::backup(backup, &salvage.restore))
        }
        Form::Corrected => {
            let first = sources.first().ok_or("no evidence was named")?;
            let member = first.member();
            let found = corrections(member, monitor);
            let written = correct::write(member, &found, &out, monitor);
            written.map_err(|error| refused(&error))?;
            Ok(Written::corrected(out.path()))
        }
    }
}

/// The library's reason, and what to do.
fn refused(error: &OutError) -> String {
    match error {
        OutError::Exists(_) => format!("{error}; choose a new name"),
        OutError::InEvidence { .. } => format!("{error}; choose a path outside of it"),
        _ => error.to_string(),
    }
}

//! The two tasks of a salvage, beside the event loop.

use std::path::{Path, PathBuf};

use etcd_inspect::answers::salvage::{SalvageAnswer, Written};
use etcd_inspect::member::{Member, Options};
use etcd_inspect::progress::Progress as _;
use etcd_inspect::salvage::backup::{Out, OutError};
use etcd_inspect::salvage::correct::{self, corrections};
use etcd_inspect::salvage::{SalvageOptions, Sources, received_snapshots};

use super::{Form, Plan, Request};
use crate::job::Monitor;

/// Copies that a task reads: those that the browser has open, and how to open one that it has not.
pub(crate) struct Evidence {
    pub(crate) opened: Vec<(PathBuf, &'static Member)>,
    pub(crate) options: Options,
}

/// A copy that is read.
enum Source {
    Shown(&'static Member),
    Own(Box<Member>),
}

impl Source {
    fn member(&self) -> &Member {
        match self {
            Self::Shown(member) => member,
            Self::Own(member) => member,
        }
    }
}

impl Evidence {
    /// The path to write to, if the library allows it for everything that is open here.
    ///
    /// # Errors
    /// Why nothing may be written there.
    pub(crate) fn out(&self, path: &Path) -> Result<Out, String> {
        let evidence = self.opened.iter().map(|(_, member)| member.evidence());
        Out::new(path, evidence).map_err(|error| refused(&error))
    }

    fn sources(&self, request: &Request) -> Result<Vec<Source>, String> {
        let source = |path: &PathBuf| {
            let shown = self.opened.iter().find(|(known, _)| known == path);
            match shown {
                Some((_, member)) => Ok(Source::Shown(member)),
                // A step may be about a part of the evidence, the db without its log.
                None => match Member::open_with(path, self.options.clone()) {
                    Ok(member) => Ok(Source::Own(Box::new(member))),
                    Err(error) => Err(error.to_string()),
                },
            }
        };
        request.paths.iter().map(source).collect()
    }
}

/// Copies that a leader sent to them and that did not replace their dbs.
fn received(sources: &[Source]) -> Vec<Member> {
    let members = sources.iter().map(Source::member);
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
            let copies = sources.iter().map(Source::member).chain(&received);
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
    let all = sources.iter().map(Source::member);
    let all = all.chain(evidence.opened.iter().map(|(_, member)| *member));
    let out = Out::new(out.path(), all.map(Member::evidence)).map_err(|error| refused(&error))?;
    match request.form {
        Form::Backup => {
            let received = received(&sources);
            let copies = sources.iter().map(Source::member).chain(&received);
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

//! Logs of other programs that are read beside the evidence.

use std::ffi::OsString;
use std::path::PathBuf;

use etcd_inspect::Command;
use etcd_inspect::answers::audit::Audited;
use etcd_inspect::answers::clocks::whole_clock;
use etcd_inspect::answers::timeline::all_versions;
use etcd_inspect::answers::view::View;
use etcd_inspect::check::{Logged, logged_beside};
use etcd_inspect::clock::Measurement;
use etcd_inspect::evidence::{Evidence, OpenOptions};
use etcd_inspect::logs::audit::AuditLog;
use etcd_inspect::logs::etcd::EtcdLog;
use etcd_inspect::logs::{LogError, LogKind};
use etcd_inspect::member::Objects;
use etcd_inspect::start::counted;

use crate::failure::Failure;
use crate::output::number::thousands;
use crate::ui::Ui;

/// Maximum number of revisions that a note names.
const MAX_NAMED: usize = 5;

/// Flags that take several files.
const OF_FILES: [&str; 2] = ["--audit-log", "--etcd-log"];

/// The arguments, with `-d` before evidence that would be read as one more log: `changes --audit-log a.log b.log /copy/m1`.
pub(crate) fn without_evidence(args: &[OsString]) -> Vec<OsString> {
    let begins = |arg: &OsString, with: &str| arg.as_encoded_bytes().starts_with(with.as_bytes());
    let mut args = args.to_vec();
    if args
        .iter()
        .any(|arg| begins(arg, "-d") || begins(arg, "--data-dir"))
    {
        return args;
    }
    let flags = args.iter().enumerate();
    let of_files = flags.filter(|(_, arg)| OF_FILES.iter().any(|flag| arg == flag));
    let mut evidence = of_files.filter_map(|(flag, _)| {
        let files = args
            .iter()
            .skip(flag)
            .skip(1)
            .take_while(|arg| !begins(arg, "-"));
        let last = flag.saturating_add(files.count());
        // The flag needs a file of its own.
        let word = args.get(last).filter(|_| last > flag.saturating_add(1))?;
        Evidence::open(word, &OpenOptions::default())
            .is_ok()
            .then_some(last)
    });
    if let Some(at) = evidence.next_back() {
        args.insert(at, OsString::from("-d"));
    }
    args
}

/// `--audit-log`.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct AuditLogs {
    /// Audit log of the API server, also .gz: who asked for each write
    ///
    /// JSON lines of audit.k8s.io/v1 or v1beta1. A write has a user only if no other request of the log can have made it.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(crate) audit_log: Vec<PathBuf>,
}

impl AuditLogs {
    /// Reads the files; `None` if none was given.
    pub(crate) fn read(&self) -> Result<Option<AuditLog>, Failure> {
        if self.audit_log.is_empty() {
            return Ok(None);
        }
        let log = AuditLog::read(&self.audit_log).map_err(|error| unreadable(error, "audit"))?;
        Ok(Some(log))
    }

    /// When the requests of the files say that writes were made; nothing if no file was given.
    pub(crate) fn measured(&self, view: &View<'_>, ui: &Ui) -> anyhow::Result<Vec<Measurement>> {
        let Some(log) = self.read()? else {
            return Ok(Vec::new());
        };
        let progress = ui.progress();
        let objects = view.objects()?;
        let read = logged_beside(&view.keyspace(), view.member(), &*progress);
        let logged = view.logged().or(read.as_ref());
        let everything = all_versions(&objects, logged);
        let clock = whole_clock(&objects, logged, &[], &*progress);
        let audited = Audited::new(log, &objects, &everything, &clock);
        Ok(audited.measurements())
    }

    /// Reads the files, and finds the request of each write; says how many have theirs. `None` if no file was given.
    pub(crate) fn matched<'a>(
        &self,
        objects: &Objects<'a>,
        logged: Option<&'a Logged>,
        ui: &mut Ui,
    ) -> anyhow::Result<Option<Audited>> {
        let Some(log) = self.read()? else {
            return Ok(None);
        };
        let everything = all_versions(objects, logged);
        let clock = whole_clock(objects, logged, &[], &*ui.progress());
        let audited = Audited::new(log, objects, &everything, &clock);
        ui.note(audited.summary())?;
        Ok(Some(audited))
    }
}

/// `--etcd-log`.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct EtcdLogs {
    /// etcd's own log, also .gz: JSON of zap, or what journalctl exports
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(crate) etcd_log: Vec<PathBuf>,
}

impl EtcdLogs {
    /// Reads the files; `None` if none was given.
    pub(crate) fn read(&self) -> Result<Option<EtcdLog>, Failure> {
        if self.etcd_log.is_empty() {
            return Ok(None);
        }
        let log = EtcdLog::read(&self.etcd_log).map_err(|error| unreadable(error, "etcd"))?;
        Ok(Some(log))
    }
}

/// Says which revisions the db lost and the log has.
pub(crate) fn say_lacking(logged: &Logged, ui: &mut Ui) -> std::io::Result<()> {
    let revisions: Vec<String> = logged
        .lacking()
        .take(MAX_NAMED)
        .map(|revision| thousands(revision.into()))
        .collect();
    if revisions.is_empty() {
        return Ok(());
    }
    let more = logged.lacking().len().saturating_sub(revisions.len());
    let more = match more {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let check = ui.advice("etcd-inspect check {path}");
    ui.warn(format!(
        "the db lacks what the log wrote at rev {}{more} (SRC wal): {check}",
        revisions.join(", ")
    ))
}

/// Says how many values no key at hand opens, and with which flag.
pub(crate) fn say_sealed(sealed: u64, ui: &mut Ui) -> std::io::Result<()> {
    if sealed == 0 {
        return Ok(());
    }
    let command = ui.with_flag("--encryption-config");
    ui.note(format!(
        "{} encrypted; writer and changes are not known without the key: {command} FILE",
        counted(sealed, "value is", "values are")
    ))
}

/// Says once why WHO is empty.
pub(crate) fn say_who(empty: u64, is_audited: bool, ui: &mut Ui) -> std::io::Result<()> {
    if empty == 0 {
        return Ok(());
    }
    let empty = counted(empty, "row", "rows");
    match is_audited {
        true => ui.note(format!(
            "WHO is empty in {empty}: neither the audit log nor the managed fields name who wrote them"
        )),
        false => {
            let command = ui.with_flag("--audit-log");
            ui.note(format!(
                "WHO is empty in {empty}: etcd stores no user, and the objects do not say; an audit log does: {command} FILE"
            ))
        }
    }
}

/// Says once why WHEN~ and WHO are empty in all rows, where no object could fill them.
pub(crate) fn say_unmeasured(
    is_undated: bool,
    is_foreign: bool,
    ui: &mut Ui,
) -> std::io::Result<()> {
    if is_undated {
        ui.note(
            "WHEN~ is empty: etcd stores no times, and no value here has one (objects of Kubernetes do); etcd's own log dates \
             elections: timeline --etcd-log FILE",
        )?;
    }
    match is_foreign {
        true => ui.note(
            "WHO is empty: etcd stores no user, and these keys are not of Kubernetes, whose objects name who wrote them",
        ),
        false => Ok(()),
    }
}

/// Says once that a writer is called so by the objects.
pub(crate) fn say_unknown(is_called_unknown: bool, ui: &mut Ui) -> std::io::Result<()> {
    match is_called_unknown {
        true => ui.note(
            "WHO unknown: managedFields of the objects call the writer so; the API server does for a client without a User-Agent",
        ),
        false => Ok(()),
    }
}

fn unreadable((path, error): (PathBuf, LogError), wanted: &str) -> Failure {
    let failure = Failure::usage(format!("{}: {error}", path.display()));
    let other = match &error {
        LogError::Io(_) => return failure.next(Command::new("ls").arg("-l").path(&path)),
        LogError::Foreign {
            kind: LogKind::Audit,
            ..
        } => "--audit-log",
        LogError::Foreign {
            kind: LogKind::Etcd,
            ..
        } => "--etcd-log",
        LogError::Foreign { .. } => {
            return failure.next(Command::new("head").args(["-c", "300"]).path(&path));
        }
    };
    let timeline = Command::inspect("timeline").arg(other).path(&path);
    failure
        .means(format!("--{wanted}-log takes another kind of log"))
        .next(timeline.arg("--").evidence())
}

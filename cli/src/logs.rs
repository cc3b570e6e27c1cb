//! Logs of other programs that are read beside the evidence.

use std::path::PathBuf;

use etcd_inspect::Command;
use etcd_inspect::logs::audit::AuditLog;
use etcd_inspect::logs::etcd::EtcdLog;

use crate::failure::Failure;

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
        let log = AuditLog::read(&self.audit_log).map_err(unreadable)?;
        Ok(Some(log))
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
        let log = EtcdLog::read(&self.etcd_log).map_err(unreadable)?;
        Ok(Some(log))
    }
}

fn unreadable((path, error): (PathBuf, std::io::Error)) -> Failure {
    Failure::usage(format!("{}: {error}", path.display()))
        .next(Command::new("ls").arg("-l").path(&path))
}

//! The flags of a salvage as a command: what is printed to be run next asks for the same.

use etcd_inspect::Command;

use super::{SalvageArgs, StaleArg};
use crate::global::Global;

impl SalvageArgs {
    /// The same salvage without `--dry-run` and `--out`.
    pub(super) fn asked(&self, global: &Global) -> Command {
        let mut command = Command::inspect("salvage");
        command = match self.paths.as_slice() {
            [] => command.evidence(),
            paths => paths
                .iter()
                .fold(command, |command, path| command.path(path)),
        };
        if !self.paths.is_empty() {
            for wal_dir in &global.wal_dir {
                command = command.flag("--wal-dir", wal_dir);
            }
        }
        if let Some(meta) = global.meta_word() {
            command = command.flag("--meta", meta);
        }
        if let Some(rev) = self.rev {
            command = command.flag("--rev", rev.to_string());
        }
        if let Some(at) = self.at {
            command = command.flag("--at", at.to_string());
            if global.local {
                command = command.arg("--local");
            }
        }
        if self.stale == StaleArg::Keep {
            command = command.args(["--stale", "keep"]);
        }
        if !self.include.is_empty() {
            command = command.args(["--include", "carved"]);
        }
        for prefix in &self.prefix {
            command = command.flag("--prefix", prefix);
        }
        for resource in &self.resource {
            command = command.flag("--resource", resource);
        }
        match &self.namespace {
            Some(namespace) => command.flag("--namespace", namespace),
            None => command,
        }
    }
}

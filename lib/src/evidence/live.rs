//! A running server that holds files of the evidence.

use crate::codes::dir;
use located::Finding;
use located::{FileName, Place};

/// A process that holds files of the evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The process, if the kernel shows it.
    pub pid: Option<u32>,
    /// Its command's name (`etcd`), if it may be read.
    pub command: Option<String>,
    /// A file that it holds.
    pub file: FileName,
    /// Whether the lock keeps others from writing (bbolt opened read-only takes a shared one: `flock` in `bolt_unix.go`, v1.3.11).
    pub exclusive: bool,
}

impl Holder {
    /// Who it is: `etcd (pid 7)`.
    pub fn process(&self) -> String {
        match (self.pid, &self.command) {
            (Some(pid), Some(command)) => format!("{command} (pid {pid})"),
            (Some(pid), None) => format!("process {pid}"),
            _ => "a process".to_owned(),
        }
    }

    /// The finding `DIR-009`.
    pub(super) fn finding(&self) -> Finding {
        let who = self.process();
        let message = format!(
            "{who} holds this file: it may change while it is read, so answers may mix states of different times; files are read, not mapped"
        );
        Finding::new(&dir::LOCK_HELD, Place::file(&self.file), message)
    }
}

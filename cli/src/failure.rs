//! What stops a command, and how it is reported: what, where, what it means, what to try.

use std::fmt;
use std::path::{Path, PathBuf};

use etcd_inspect::answers::find::Absent;
use etcd_inspect::{Advice, Command, Error, EvidenceOperand, Place, codes};
use serde_json::{Value, json};

use crate::exit::Exit;

/// One error as the user sees it.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// `E0102`.
    pub(crate) code: &'static str,
    /// One line.
    pub(crate) message: String,
    /// Where, if it is about bytes.
    pub(crate) place: Option<Box<Place>>,
    /// What it means.
    pub(crate) means: Option<String>,
    /// What to try.
    pub(crate) next: Vec<Advice>,
    /// 2, or 1 if the question was answered with no.
    pub(crate) exit: Exit,
}

/// The file to which standard input is saved for the commands of an error.
const SAVED: &str = "standard-input";

/// A path in an archive that came through standard input, as it is after that was saved.
fn saved(path: &Path) -> PathBuf {
    match path
        .to_str()
        .and_then(|path| path.strip_prefix("/dev/stdin!"))
    {
        Some(inner) => PathBuf::from(format!("{SAVED}!{inner}")),
        None => path.to_owned(),
    }
}

/// EMFILE of POSIX, and ENFILE: Linux, macOS and FreeBSD have the same numbers.
fn lacks_handles(error: &std::io::Error) -> bool {
    cfg!(unix) && matches!(error.raw_os_error(), Some(23 | 24))
}

impl Failure {
    /// The command line cannot be meant so.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self {
            code: codes::error::USAGE.id,
            message: message.into(),
            place: None,
            means: None,
            next: Vec::new(),
            exit: Exit::Refused,
        }
    }

    /// The question was understood, and what it asks for does not exist.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self {
            code: codes::error::NOT_FOUND.id,
            exit: Exit::Negative,
            ..Self::usage(message)
        }
    }

    /// Something that does not exist, with what is known of it.
    pub(crate) fn absent(absent: Absent) -> Self {
        let failure = Self::not_found(absent.message);
        absent.next.into_iter().fold(failure, Self::next)
    }

    /// With what it means.
    pub(crate) fn means(mut self, means: impl Into<String>) -> Self {
        self.means = Some(means.into());
        self
    }

    /// With a command to try.
    pub(crate) fn next(mut self, advice: impl Into<Advice>) -> Self {
        self.next.push(advice.into());
        self
    }

    /// With a command to try before the others.
    pub(crate) fn first(mut self, advice: impl Into<Advice>) -> Self {
        self.next.insert(0, advice.into());
        self
    }

    /// What the library reported.
    pub(crate) fn from_library(error: &Error) -> Self {
        let code = error.code();
        let mut failure = Self {
            code: code.id,
            message: error.to_string(),
            place: error.place().cloned().map(Box::new),
            means: None,
            next: Vec::new(),
            exit: match error {
                Error::Missing { .. } | Error::Compacted { .. } | Error::Future { .. } => {
                    Exit::Negative
                }
                _ => Exit::Refused,
            },
        };
        match error {
            Error::NotEvidence { near, .. } => {
                for path in near.iter().take(5) {
                    failure = failure.next(Command::inspect("status").path(&saved(path)));
                }
                if near.iter().any(|path| saved(path) != *path) {
                    failure = failure.means(format!(
                        "standard input can be read only once: save it to a file first, as {SAVED}"
                    ));
                }
            }
            Error::Io { source, .. } => {
                failure = failure.next(
                    match source.kind() {
                        std::io::ErrorKind::NotFound => "etcd-inspect doctor     which path is taken if none is given",
                        std::io::ErrorKind::PermissionDenied => "sudo etcd-inspect status {path}",
                        std::io::ErrorKind::OutOfMemory => "ulimit -v unlimited     then run the command again",
                        _ if lacks_handles(source) => "ulimit -n 1024     then run the command again",
                        _ => "etcd-inspect status --io read {path}     goes on past ranges that cannot be read",
                    },
                );
                failure.means = Some(
                    match source.kind() {
                        std::io::ErrorKind::NotFound => "there is nothing at that path",
                        std::io::ErrorKind::PermissionDenied => {
                            "etcd keeps its files private (0700/0600): run as a user who may read them, or copy them first"
                        }
                        _ if lacks_handles(source) => {
                            "this process may open too few files at once (ulimit -n): nothing was judged"
                        }
                        std::io::ErrorKind::OutOfMemory => {
                            "files are mapped into memory as a whole: that takes address space, and little memory"
                        }
                        _ => code.what,
                    }
                    .to_owned(),
                );
            }
            Error::Truncated { place, .. } | Error::Malformed { place, .. } => {
                // The place is on its own line; the message need not repeat it.
                let prefix = format!("{place}: ");
                if let Some(rest) = failure.message.strip_prefix(&prefix) {
                    failure.message = rest.to_owned();
                }
                failure.means = Some(code.why.to_owned());
            }
            Error::Compacted { revision, .. } => {
                failure.means = Some(code.what.to_owned());
                let next = Advice::from(code.next).fill("REV", revision.to_string());
                failure = failure.next(next);
            }
            _ => failure.means = Some(code.what.to_owned()),
        }
        if failure.next.is_empty() {
            failure = failure.next(code.next);
        }
        failure
    }

    /// As JSON for stderr; with the evidence.
    pub(crate) fn json(&self, evidence: EvidenceOperand<'_>) -> Value {
        let mut error = json!({ "code": self.code, "message": self.message });
        if let (Some(place), Some(fields)) = (&self.place, error.as_object_mut()) {
            fields.insert("file".to_owned(), Value::from(place.file.as_str()));
            if let Some(offset) = place.offset {
                fields.insert("offset".to_owned(), Value::from(offset));
            }
        }
        if let Some(fields) = error.as_object_mut() {
            if let Some(means) = &self.means {
                fields.insert("means".to_owned(), Value::from(means.as_str()));
            }
            let next: Vec<_> = self.next.iter().map(|next| next.on(evidence)).collect();
            fields.insert("next".to_owned(), Value::from(next));
        }
        json!({ "error": error })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Failure {}

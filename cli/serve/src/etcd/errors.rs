//! etcd's own errors: code and text as `api/v3rpc/rpctypes/error.go`, v3.5.30, has them.

use etcd_inspect::Error;
use tonic::{Code, Status};

/// What every write is answered without `--scratch`.
pub fn read_only() -> Status {
    Status::new(
        Code::FailedPrecondition,
        "etcdserver: read-only: served from a copied data directory (--scratch takes writes, in memory)",
    )
}

/// What a write that `--scratch` does not take either is answered.
pub fn not_taken() -> Status {
    Status::new(
        Code::FailedPrecondition,
        "etcdserver: read-only: served from a copied data directory (--scratch takes keys and leases, not this)",
    )
}

/// An error of etcd by its code and the text after `etcdserver: `.
pub fn etcd(code: Code, text: &str) -> Status {
    Status::new(code, format!("etcdserver: {text}"))
}

/// The revision is compacted.
pub fn compacted() -> Status {
    etcd(Code::OutOfRange, COMPACTED)
}

/// What etcd calls a compacted revision.
pub const COMPACTED: &str = "mvcc: required revision has been compacted";

/// What only the db has, and the db cannot be read.
pub fn unknown(what: &str) -> Status {
    Status::data_loss(format!(
        "etcdserver: {what} cannot be read from the evidence: `etcd-inspect check` lists what is damaged"
    ))
}

/// No key.
pub fn no_key() -> Status {
    etcd(Code::InvalidArgument, "key is not provided")
}

/// No such lease.
pub fn no_lease() -> Status {
    etcd(Code::NotFound, "requested lease not found")
}

/// An error of the library.
pub fn from_library(error: &Error) -> Status {
    match error {
        Error::Compacted { .. } => compacted(),
        Error::Future { .. } => etcd(
            Code::OutOfRange,
            "mvcc: required revision is a future revision",
        ),
        other => Status::new(
            Code::Internal,
            format!("etcdserver: the evidence cannot be read: {other}"),
        ),
    }
}

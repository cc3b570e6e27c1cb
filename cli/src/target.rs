//! Which directory or file is asked about.

use std::env;
use std::path::{Path, PathBuf};

use etcd_inspect::evidence::{Evidence, OpenOptions};
use etcd_inspect::{Command, Error};

use crate::failure::Failure;

/// The positional PATH, else `--data-dir`, else `$ETCD_DATA_DIR`, else the current directory where it is evidence.
pub(crate) fn resolve(
    positional: Option<&Path>,
    data_dir: Option<&Path>,
) -> Result<PathBuf, Failure> {
    if let Some(path) = positional.or(data_dir) {
        // What every program that reads files means by it.
        return Ok(match path == Path::new("-") {
            true => PathBuf::from("/dev/stdin"),
            false => path.to_owned(),
        });
    }
    if let Some(path) = env::var_os("ETCD_DATA_DIR").filter(|path| !path.is_empty()) {
        return Ok(path.into());
    }
    let here = PathBuf::from(".");
    match Evidence::open(&here, &OpenOptions::default()) {
        Ok(_) => Ok(here),
        Err(Error::NotEvidence { near, .. }) => Err(nothing(&near)),
        Err(_) => Err(nothing(&[])),
    }
}

fn nothing(near: &[PathBuf]) -> Failure {
    let mut failure =
        Failure::usage("no PATH given, and the current directory is not an etcd data directory");
    failure.code = etcd_inspect::codes::error::NOT_EVIDENCE.id;
    for path in near.iter().take(5) {
        let path = path.strip_prefix("./").unwrap_or(path);
        failure = failure.next(Command::inspect("status").path(path));
    }
    if near.is_empty() {
        failure = failure
            .means("PATH is a copied data directory, db, snapshot, WAL or archive of these")
            .next("etcd-inspect doctor     which path is taken if none is given");
    }
    failure
}

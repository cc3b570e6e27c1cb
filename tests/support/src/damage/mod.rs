//! Damage as recipe × place: what is done (a bit, a run of zeros, a wild number, a cut) times where (found in a healthy file
//! by [`crate::places`]). A test over all of it is a loop:
//!
//! ```no_run
//! use testkit::{damage, data_dir};
//! for case in damage::db(&data_dir("etcd-3.5.30").join("member/snap/db")) {
//!     let copy = testkit::fixture_copy("etcd-3.5.30");
//!     case.apply(&copy.data_dir().join("member/snap/db"));
//!     // … whatever is asserted, with case.name in the message
//! }
//! ```

mod db;
pub(crate) mod edit;
mod logs;
pub mod peers;

pub use db::db;
pub use edit::{append, flip_bit, noise, overwrite, truncate, zero};
pub use logs::{snap, wal};

use std::fmt;
use std::path::Path;

/// One recipe at one place of one file.
pub struct Case {
    /// Sentence that names recipe and place.
    pub name: String,
    edit: Box<dyn Fn(&Path) + Send + Sync>,
}

impl Case {
    /// A case from its name and what it does to the file.
    pub fn new(name: impl Into<String>, edit: impl Fn(&Path) + Send + Sync + 'static) -> Self {
        Self {
            name: name.into(),
            edit: Box::new(edit),
        }
    }

    /// Damages a file that is equal to the one the case was made from.
    pub fn apply(&self, file: &Path) {
        (self.edit)(file);
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
